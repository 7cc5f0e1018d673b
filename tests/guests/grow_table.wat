;; Grows a table by 1,000 elements at a time until table.grow answers -1, then prints `N elements`.
;; Half a MiB is memory already, so that of 1 MiB the limit is reached before the pool's.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (table $table 0 funcref)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) " elements\n")

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
    (loop $next
      (br_if $next (i32.ne
        (table.grow $table (ref.null func) (i32.const 1000))
        (i32.const -1))))
    (call $print (i32.const 1024) (i32.const 26))
    (call $print_number (table.size $table))
    (call $print (i32.const 1056) (i32.const 10))))
