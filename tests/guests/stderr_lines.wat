;; Says to stderr: a plain line, one in two writes, one with a terminal escape, one that is not
;; UTF-8, one of 10,000 characters, and a last one without its line feed; then answers.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "plain line\n")
  (data (i32.const 1040) "two ")
  (data (i32.const 1056) "writes\n")
  (data (i32.const 1072) "red \1b[31m alert \07\n")
  (data (i32.const 1104) "not UTF-8 \ff\fe\n")
  (data (i32.const 1120) "\n")
  (data (i32.const 1136) "unfinished")
  (data (i32.const 1152) "Content-Type: text/plain\n\nlogged\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $log (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (call $log (i32.const 1024) (i32.const 11))
    (call $log (i32.const 1040) (i32.const 4))
    (call $log (i32.const 1056) (i32.const 7))
    (call $log (i32.const 1072) (i32.const 18))
    (call $log (i32.const 1104) (i32.const 13))
    (memory.fill (i32.const 65536) (i32.const 108) (i32.const 10000))
    (call $log (i32.const 65536) (i32.const 10000))
    (call $log (i32.const 1120) (i32.const 1))
    (call $log (i32.const 1136) (i32.const 10))
    (call $print (i32.const 1152) (i32.const 33))))
