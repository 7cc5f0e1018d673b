;; Asks for 32 MiB of random bytes in one call and prints `random: errno 0, filled`, or `, not
;; filled` if the first or the last 64 bytes are still all zero.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 513)
  (data (i32.const 1024) "Content-Type: text/plain\n\nrandom: errno ")
  (data (i32.const 1072) ", filled\n")
  (data (i32.const 1088) ", not filled\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

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
    (local $errno i32)
    (local.set $errno (call $random_get (i32.const 65536) (i32.const 33554432)))
    (call $print (i32.const 1024) (i32.const 40))
    (call $print_number (local.get $errno))
    (if (i32.and (call $any (i32.const 65536)) (call $any (i32.const 33619904)))
      (then (call $print (i32.const 1072) (i32.const 9)))
      (else (call $print (i32.const 1088) (i32.const 13)))))

  ;; Whether any of the 64 bytes from $at is not zero.
  (func $any (param $at i32) (result i32)
    (local $end i32) (local $any i64)
    (local.set $end (i32.add (local.get $at) (i32.const 64)))
    (loop $next
      (local.set $any (i64.or (local.get $any) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (i64.ne (local.get $any) (i64.const 0))))
