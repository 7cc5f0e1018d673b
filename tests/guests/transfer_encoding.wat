;; Prints every hop-by-hop field, and a Content-Length beside Transfer-Encoding; then its body,
;; of another length, 50 ms later.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\nTransfer-Encoding: chunked\nContent-Length: 3\nConnection: close, X-Named\nX-Named: 1\nKeep-Alive: timeout=5\nProxy-Connection: close\nTE: trailers\nTrailer: X-Sum\nUpgrade: websocket\n\n")
  (data (i32.const 1264) "ten bytes\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; One subscription to the monotonic clock at 64; its event goes to 112.
  (func $sleep (param $milliseconds i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88)
      (i64.mul (i64.extend_i32_u (local.get $milliseconds)) (i64.const 1000000)))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 112) (i32.const 1) (i32.const 144))))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 202))
    (call $sleep (i32.const 50))
    (call $print (i32.const 1264) (i32.const 10))))
