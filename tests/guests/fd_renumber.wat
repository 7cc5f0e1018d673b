;; Prints a head and one line, moves descriptor 1 to 2, and writes to 2: `through 2` is in the
;; body, since a descriptor is what it is and not its number. Then it writes to 1, which is
;; gone, and prints what that answered: `1: errno 8`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nbefore\n")
  (data (i32.const 1072) "through 2\n")
  (data (i32.const 1088) "1: errno ")
  (data (i32.const 1104) "\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $errno i32)
    (call $write (i32.const 1) (i32.const 1024) (i32.const 33))
    (drop (call $fd_renumber (i32.const 1) (i32.const 2)))
    (call $write (i32.const 2) (i32.const 1072) (i32.const 10))
    (i32.store (i32.const 0) (i32.const 1536))
    (i32.store (i32.const 4) (i32.const 6))
    (local.set $errno (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $write (i32.const 2) (i32.const 1088) (i32.const 9))
    ;; One digit is enough for what is expected.
    (i32.store8 (i32.const 1600) (i32.add (i32.const 48) (local.get $errno)))
    (call $write (i32.const 2) (i32.const 1600) (i32.const 1))
    (call $write (i32.const 2) (i32.const 1104) (i32.const 1)))
  (data (i32.const 1536) "wrong\n"))
