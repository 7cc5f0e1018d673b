;; Answers 200, writes 1 MiB, waits for 100 ms, prints `last` and says `ran to its end` on
;; stderr: a HEAD request gets the head only, and the guest runs on all the same.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 18)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) "last\n")
  (data (i32.const 1072) "ran to its end\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $log (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; One subscription to the monotonic clock at 64; its event goes to 112.
  (func $sleep (param $milliseconds i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88)
      (i64.mul (i64.extend_i32_u (local.get $milliseconds)) (i64.const 1000000)))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 112) (i32.const 1) (i32.const 144))))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 26))
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1048576))
    (call $print (i32.const 65536) (i32.const 1048576))
    (call $sleep (i32.const 100))
    (call $print (i32.const 1056) (i32.const 5))
    (call $log (i32.const 1072) (i32.const 15))))
