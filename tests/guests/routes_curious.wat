;; Its `_routes` names three paths that say what it was given: the count of variables, of
;; arguments, and of bytes on stdin. Nothing given: `/variables/0`, `/arguments/0`, `/stdin/0`.
;; They print `answer`, all other paths `_start`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "/variables/")
  (data (i32.const 1040) " answer\n/arguments/")
  (data (i32.const 1072) " answer\n/stdin/")
  (data (i32.const 1088) " answer\n")
  (data (i32.const 1104) "Content-Type: text/plain\n\nanswer\n")
  (data (i32.const 1152) "Content-Type: text/plain\n\n_start\n")

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

  (func (export "_routes")
    (drop (call $environ_sizes_get (i32.const 512) (i32.const 516)))
    (call $print (i32.const 1024) (i32.const 11))
    (call $print_number (i32.load (i32.const 512)))
    (call $print (i32.const 1040) (i32.const 19))
    (drop (call $args_sizes_get (i32.const 512) (i32.const 516)))
    (call $print_number (i32.load (i32.const 512)))
    (call $print (i32.const 1072) (i32.const 15))
    (drop (call $read (i32.const 520) (i32.const 8)))
    (call $print_number (i32.load (i32.const 8)))
    (call $print (i32.const 1088) (i32.const 8)))

  (func (export "answer")
    (call $print (i32.const 1104) (i32.const 33)))

  (func (export "_start")
    (call $print (i32.const 1152) (i32.const 33))))
