;; Says 5,000 lines `flood N` to stderr, as fast as it can, then answers.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "flood ")
  (data (i32.const 1040) "\n")
  (data (i32.const 1056) "Content-Type: text/plain\n\nflooded\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $log (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; Decimal digits are made from the last one, in the 32 bytes below 48.
  (func $log_number (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 48))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (call $log (local.get $at) (i32.sub (i32.const 48) (local.get $at))))

  (func (export "_start")
    (local $line i32)
    (loop $next
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (call $log (i32.const 1024) (i32.const 6))
      (call $log_number (local.get $line))
      (call $log (i32.const 1040) (i32.const 1))
      (br_if $next (i32.lt_u (local.get $line) (i32.const 5000))))
    (call $print (i32.const 1056) (i32.const 34))))
