;; Prints its environment, one variable a line, then its arguments, a line `argv: TEXT` each.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "Content-Type: text/plain\n\n")
  (data (i32.const 1056) "argv: ")
  (data (i32.const 1072) "\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

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

  ;; One variable a line. The pointers go to 8192, the text to 65536.
  (func $print_environment
    (local $left i32) (local $at i32)
    (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $environ_get (i32.const 8192) (i32.const 65536)))
    (local.set $left (i32.load (i32.const 16)))
    (local.set $at (i32.const 8192))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (call $print_text (i32.load (local.get $at)))
        (call $print (i32.const 1072) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))

  (func (export "_start")
    (local $left i32) (local $at i32)
    (call $print (i32.const 1024) (i32.const 26))
    (call $print_environment)
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $args_get (i32.const 8192) (i32.const 65536)))
    (local.set $left (i32.load (i32.const 16)))
    (local.set $at (i32.const 8192))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (call $print (i32.const 1056) (i32.const 6))
        (call $print_text (i32.load (local.get $at)))
        (call $print (i32.const 1072) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))))
