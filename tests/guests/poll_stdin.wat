;; Waits with poll_oneoff until stdin can be read or 60 s are over, prints which of the two
;; it was (`stdin` or `clock`), then reads once and prints how many bytes came.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) "stdin ")
  (data (i32.const 1072) "clock ")
  (data (i32.const 1088) "\n")

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

  ;; Decimal digits are made from the last one, in the 32 bytes below 48.
  (func $print_number (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 48))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (call $print (local.get $at) (i32.sub (i32.const 48) (local.get $at))))

  (func (export "_start")
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 192))
    ;; Subscriptions of 48 bytes at 64: user data, kind, and what the kind needs. Here fd_read of 0,
    (i64.store (i32.const 64) (i64.const 7))
    (i32.store8 (i32.const 72) (i32.const 1))
    ;; and here the monotonic clock.
    (i64.store (i32.const 112) (i64.const 8))
    (i32.store (i32.const 128) (i32.const 1))
    (i64.store (i32.const 136) (i64.const 60000000000))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 160) (i32.const 2) (i32.const 16)))
    (call $print (i32.const 1024) (i32.const 26))
    (if (i64.eq (i64.load (i32.const 160)) (i64.const 7))
      (then (call $print (i32.const 1056) (i32.const 6)))
      (else (call $print (i32.const 1072) (i32.const 6))))
    (drop (call $read (i32.const 512) (i32.const 512)))
    (call $print_number (i32.load (i32.const 8)))
    (call $print (i32.const 1088) (i32.const 1))))
