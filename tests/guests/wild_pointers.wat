;; Hands out pointers and counts that lie outside its memory, and prints what each call
;; answered, one a line. A trap is as good an answer; a broken host is not.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get"
    (func $fd_fdstat_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) "alive\n")
  (data (i32.const 1072) "\n")

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
    (call $print (i32.const 1024) (i32.const 26))
    ;; The vector lies outside.
    (call $say (call $fd_write (i32.const 1) (i32.const 0x7fff0000) (i32.const 1) (i32.const 8)))
    ;; The vectors end far outside.
    (call $say (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 8)))
    ;; What a vector points to lies outside,
    (i32.store (i32.const 512) (i32.const 65530))
    (i32.store (i32.const 516) (i32.const 100))
    (call $say (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 8)))
    (call $say (call $fd_read (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 8)))
    ;; or wraps around the end of the address space.
    (i32.store (i32.const 512) (i32.const -8))
    (i32.store (i32.const 516) (i32.const -1))
    (call $say (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 8)))
    ;; The count of written bytes is to go outside.
    (i32.store (i32.const 512) (i32.const 1024))
    (i32.store (i32.const 516) (i32.const 0))
    (call $say (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const -2)))
    (call $say (call $environ_sizes_get (i32.const -4) (i32.const -4)))
    (call $say (call $environ_get (i32.const -4) (i32.const 65530)))
    (call $say (call $args_get (i32.const 65535) (i32.const 65535)))
    (call $say (call $random_get (i32.const 65530) (i32.const -1)))
    (call $say (call $fd_fdstat_get (i32.const 1) (i32.const 65530)))
    (call $say (call $poll_oneoff (i32.const 65530) (i32.const 0) (i32.const 0x7fffffff) (i32.const 8)))
    (call $print (i32.const 1056) (i32.const 6)))

  (func $say (param $errno i32)
    (call $print_number (local.get $errno))
    (call $print (i32.const 1072) (i32.const 1))))
