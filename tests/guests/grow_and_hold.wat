;; Grows its memory to 64 MiB and writes to each page, prints a head and `held N pages`, then
;; waits for stdin: as many as run share the process's memory for guests.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nheld ")
  (data (i32.const 1056) " pages\n")

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

  ;; Prints the number and ` pages`, in one write: decimal digits are made from the last one,
  ;; in front of the text at 1056, over the head that is printed by then.
  (func $print_pages (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 1056))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (call $print (local.get $at) (i32.sub (i32.const 1063) (local.get $at))))

  (func (export "_start")
    (local $page i32)
    (block $full
      (loop $next
        (br_if $full (i32.ge_u (memory.size) (i32.const 1024)))
        (br_if $full (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
        (br $next)))
    (loop $touch
      (i32.store8 offset=32768 (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1))
      (local.set $page (i32.add (local.get $page) (i32.const 1)))
      (br_if $touch (i32.lt_u (local.get $page) (memory.size))))
    (call $print (i32.const 1024) (i32.const 31))
    (call $print_pages (memory.size))
    (drop (call $read (i32.const 512) (i32.const 1)))))
