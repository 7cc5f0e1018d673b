;; Leaves traces wherever a guest can: fills its memory, to 4 MiB, its table and its globals.
;; Prints `left`. Its second entry point, `inspect`, reports like leak_probe_read whether
;; anything of an earlier request is seen by a guest of the same module.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get"
    (func $fd_fdstat_get (param i32 i32) (result i32)))
  (memory (export "memory") 16)
  (table $table 1000 funcref)
  (global $number (mut i64) (i64.const 0))
  (global $reference (mut funcref) (ref.null func))
  (elem declare func $leave)
  (data (i32.const 1024) "Content-Type: text/plain\n\nleft\n")
  (data (i32.const 1056) "Content-Type: text/plain\n\n")
  (data (i32.const 1088) "memory at ")
  (data (i32.const 1104) "\n")
  (data (i32.const 1120) "table at ")
  (data (i32.const 1136) "table size\n")
  (data (i32.const 1152) "global number\n")
  (data (i32.const 1168) "global reference\n")
  (data (i32.const 1200) "descriptor 3\n")
  (data (i32.const 1216) "clean\n")

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

  (func $leave (export "_start")
    (drop (memory.grow (i32.const 48)))
    (global.set $number (i64.const 0x5a5a5a5a5a5a5a5a))
    (global.set $reference (ref.func $leave))
    (table.fill $table (i32.const 0) (ref.func $leave) (i32.const 1000))
    (drop (table.grow $table (ref.func $leave) (i32.const 1000)))
    (drop (call $deep (i32.const 1000) (i64.const 0x5a5a5a5a5a5a5a5a)))
    (call $print (i32.const 1024) (i32.const 31))
    ;; Last, since what is printed lies there too.
    (memory.fill (i32.const 0) (i32.const 0x5a) (i32.const 4194304)))

  ;; Uses some of the stack, and leaves there what it was given.
  (func $deep (param $left i32) (param $value i64) (result i64)
    (if (result i64) (local.get $left)
      (then (i64.xor (local.get $value)
        (call $deep (i32.sub (local.get $left) (i32.const 1)) (local.get $value))))
      (else (local.get $value))))

  (func (export "inspect")
    (local $at i32)
    (call $print (i32.const 1056) (i32.const 26))
    ;; 1 MiB is there from the start; the next 3 must come as clean as it.
    (drop (memory.grow (i32.const 48)))
    (local.set $at (i32.const 8192))
    (block $checked
      (loop $next
        (br_if $checked (i32.ge_u (local.get $at) (i32.const 4194304)))
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
          (then
            (call $print (i32.const 1088) (i32.const 10))
            (call $print_number (local.get $at))
            (call $print (i32.const 1104) (i32.const 1))
            (return)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (local.set $at (i32.const 0))
    (loop $next
      (if (i32.eqz (ref.is_null (table.get $table (local.get $at))))
        (then
          (call $print (i32.const 1120) (i32.const 9))
          (call $print_number (local.get $at))
          (call $print (i32.const 1104) (i32.const 1))
          (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 1000))))
    (if (i32.ne (table.size $table) (i32.const 1000))
      (then (call $print (i32.const 1136) (i32.const 11)) (return)))
    (if (i64.ne (global.get $number) (i64.const 0))
      (then (call $print (i32.const 1152) (i32.const 14)) (return)))
    (if (i32.eqz (ref.is_null (global.get $reference)))
      (then (call $print (i32.const 1168) (i32.const 17)) (return)))
    (if (i32.eqz (call $fd_fdstat_get (i32.const 3) (i32.const 512)))
      (then (call $print (i32.const 1200) (i32.const 13)) (return)))
    (call $print (i32.const 1216) (i32.const 6))))
