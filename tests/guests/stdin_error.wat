;; Prints a head and `reading`, reads stdin until a read fails or its end comes, and says
;; `read: errno E after N bytes` on stderr and in the body.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "Content-Type: text/plain\n\nreading\n")
  (data (i32.const 1072) "read: errno ")
  (data (i32.const 1088) " after ")
  (data (i32.const 1104) " bytes\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $log (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))

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
    (local $total i32) (local $errno i32)
    (call $print (i32.const 1024) (i32.const 34))
    (block $end
      (loop $next
        (local.set $errno (call $read (i32.const 65536) (i32.const 65536)))
        (br_if $end (local.get $errno))
        (local.set $total (i32.add (local.get $total) (i32.load (i32.const 8))))
        (br_if $next (i32.load (i32.const 8)))))
    (call $log (i32.const 1072) (i32.const 12))
    (call $log_number (local.get $errno))
    (call $log (i32.const 1088) (i32.const 7))
    (call $log_number (local.get $total))
    (call $log (i32.const 1104) (i32.const 7))
    (call $print (i32.const 1072) (i32.const 12))
    (call $print_number (local.get $errno))
    (call $print (i32.const 1088) (i32.const 7))
    (call $print_number (local.get $total))
    (call $print (i32.const 1104) (i32.const 7))))
