;; Prints a head, then 4,096 io vectors of 16 bytes in one fd_write, then a line with
;; the count it answered: `65536` when the write was not short. Each vector is `0123456789abcde\n`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) "\n")

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
    (local $vector i32)
    (call $print (i32.const 1024) (i32.const 26))
    (local.set $vector (i32.const 65536))
    (loop $next
      (i32.store (local.get $vector) (i32.const 2048))
      (i32.store offset=4 (local.get $vector) (i32.const 16))
      (local.set $vector (i32.add (local.get $vector) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $vector) (i32.const 98304))))
    (drop (call $fd_write (i32.const 1) (i32.const 65536) (i32.const 4096) (i32.const 8)))
    (call $print_number (i32.load (i32.const 8)))
    (call $print (i32.const 1056) (i32.const 1)))
  (data (i32.const 2048) "0123456789abcde\n"))
