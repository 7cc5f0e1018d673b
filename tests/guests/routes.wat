;; Divides what its route owns: `_routes` names `/one`, `/two/...` and, later so that it wins,
;; `/two/one`. Each entry point prints its name on the first line, then its environment.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "/one one\n\n  /two/...   two  \n/two/one one\n")
  (data (i32.const 1072) "Content-Type: text/plain\n\none\n")
  (data (i32.const 1104) "Content-Type: text/plain\n\ntwo\n")
  (data (i32.const 1136) "Content-Type: text/plain\n\n_start\n")
  (data (i32.const 1184) "\n")

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
        (call $print (i32.const 1184) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))

  (func (export "_routes")
    (call $print (i32.const 1024) (i32.const 42)))

  (func (export "one")
    (call $print (i32.const 1072) (i32.const 30))
    (call $print_environment))

  (func (export "two")
    (call $print (i32.const 1104) (i32.const 30))
    (call $print_environment))

  (func (export "_start")
    (call $print (i32.const 1136) (i32.const 33))
    (call $print_environment)))
