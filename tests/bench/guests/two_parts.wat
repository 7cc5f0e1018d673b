;; Prints a head and a line, yields, prints another line: a short response that is streamed.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nfirst\n")
  (data (i32.const 1056) "second\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; One subscription to the monotonic clock at 64, due at once; its event goes to 112.
  (func $yield
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88) (i64.const 1))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 112) (i32.const 1) (i32.const 144))))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 32))
    (call $yield)
    (call $print (i32.const 1056) (i32.const 7))))
