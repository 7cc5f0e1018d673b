;; Prints a head and `first`, then reads one byte of stdin, then prints `second`: a client
;; that sends its body only after it saw `first` proves that output waits for nothing.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nfirst\n")
  (data (i32.const 1056) "second\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; Reads up to $length bytes of stdin; answers the errno, the count stands at 8.
  (func $read (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 32))
    (drop (call $read (i32.const 512) (i32.const 1)))
    (call $print (i32.const 1056) (i32.const 7))))
