;; Prints 100 header lines of 1 KiB before the blank line: more than 64 KiB of head.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "X-Filler: ")
  (data (i32.const 1040) "Content-Type: text/plain\n\nbody\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $line i32)
    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 1024))
    (memory.copy (i32.const 65536) (i32.const 1024) (i32.const 10))
    (i32.store8 (i32.const 66559) (i32.const 10))
    (loop $next
      (call $print (i32.const 65536) (i32.const 1024))
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $line) (i32.const 100))))
    (call $print (i32.const 1040) (i32.const 31))))
