;; Prints a head and one line, then fills 64 MiB again and again:
;; an endless loop whose every step is a bulk memory instruction.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1100)
  (data (i32.const 1024) "Content-Type: text/plain\n\nfirst\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 32))
    (loop $again
      (memory.fill (i32.const 65536) (i32.const 7) (i32.const 67108864))
      (br $again))))
