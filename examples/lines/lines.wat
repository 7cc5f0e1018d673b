;; 100,000 lines `<p>Line N</p>`, one fd_write a line: the handler that WAGI's streaming
;; attempt was measured with.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/html\n\n")
  (data (i32.const 1056) "</p>\n")
  (data (i32.const 1072) "<p>Line ")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $line i32)
    (call $print (i32.const 1024) (i32.const 25))
    (loop $next
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (call $print_line (local.get $line))
      (br_if $next (i32.lt_u (local.get $line) (i32.const 100000)))))

  ;; A line is made from its end, below 2048, so that one write prints all of it.
  (func $print_line (param $number i32)
    (local $at i32)
    (memory.copy (i32.const 2043) (i32.const 1056) (i32.const 5))
    (local.set $at (i32.const 2043))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (local.set $at (i32.sub (local.get $at) (i32.const 8)))
    (memory.copy (local.get $at) (i32.const 1072) (i32.const 8))
    (call $print (local.get $at) (i32.sub (i32.const 2048) (local.get $at)))))
