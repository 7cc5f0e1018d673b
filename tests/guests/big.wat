;; Prints 1 GiB in 16,384 writes of 64 KiB. Each begins with its number, a little-endian
;; 64-bit integer from 0, so that a block lost, doubled or out of order is seen; the rest is `x`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "Content-Type: application/octet-stream\n\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $block i64)
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
    (call $print (i32.const 1024) (i32.const 40))
    (loop $next
      (i64.store (i32.const 65536) (local.get $block))
      (call $print (i32.const 65536) (i32.const 65536))
      (local.set $block (i64.add (local.get $block) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $block) (i64.const 16384))))))
