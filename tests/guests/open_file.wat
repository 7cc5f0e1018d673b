;; Opens each of its arguments but the first beneath its first preopened folder, and prints
;; `NAME: errno E` for one that does not open, or `NAME: ` and what it reads of it, a line each.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) ": ")
  (data (i32.const 1072) "errno ")
  (data (i32.const 1088) "read errno ")
  (data (i32.const 1104) "\n")

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

  ;; Prints a NUL-terminated text.
  (func $print_text (param $text i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (call $print (local.get $text) (i32.sub (local.get $end) (local.get $text))))

  (func (export "_start")
    (local $left i32) (local $at i32) (local $text i32) (local $errno i32)
    (call $print (i32.const 1024) (i32.const 26))
    (drop (call $args_sizes_get (i32.const 512) (i32.const 516)))
    (drop (call $args_get (i32.const 8192) (i32.const 65536)))
    (local.set $left (i32.load (i32.const 512)))
    (local.set $at (i32.const 8192))
    (block $done
      (loop $next
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $done (i32.le_s (local.get $left) (i32.const 0)))
        (local.set $text (i32.load (local.get $at)))
        (call $print_text (local.get $text))
        (call $print (i32.const 1056) (i32.const 2))
        ;; Links are followed (1), for reading (fd_read, fd_seek: 6); the descriptor goes to 520.
        (local.set $errno (call $path_open (i32.const 3) (i32.const 1)
          (local.get $text) (call $length (local.get $text))
          (i32.const 0) (i64.const 6) (i64.const 0) (i32.const 0) (i32.const 520)))
        (if (local.get $errno)
          (then
            (call $print (i32.const 1072) (i32.const 6))
            (call $print_number (local.get $errno)))
          (else
            (i32.store (i32.const 528) (i32.const 131072))
            (i32.store (i32.const 532) (i32.const 65536))
            (local.set $errno (call $fd_read (i32.load (i32.const 520)) (i32.const 528) (i32.const 1) (i32.const 536)))
            (if (local.get $errno)
              (then
                (call $print (i32.const 1088) (i32.const 11))
                (call $print_number (local.get $errno)))
              (else
                (call $print (i32.const 131072) (i32.load (i32.const 536)))))
            (drop (call $fd_close (i32.load (i32.const 520))))))
        (call $print (i32.const 1104) (i32.const 1))
        (br $next))))

  (func $length (param $text i32) (result i32)
    (local $length i32)
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $length)))))
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br $next)))
    (local.get $length)))
