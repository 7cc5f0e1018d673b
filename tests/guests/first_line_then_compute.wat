;; Prints a head and one line, computes for about two seconds without a host call, prints `done`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nfirst\n")
  (data (i32.const 1056) "done\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (global $sink (mut i64) (i64.const 1))

  (func (export "_start")
    (local $left i64) (local $value i64)
    (call $print (i32.const 1024) (i32.const 32))
    (local.set $left (i64.const 1500000000))
    (local.set $value (i64.const 1))
    ;; Each step needs the one before, so that no compiler can shorten the loop.
    (loop $step
      (local.set $value (i64.add
        (i64.mul (local.get $value) (i64.const 6364136223846793005))
        (i64.const 1442695040888963407)))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br_if $step (i64.ne (local.get $left) (i64.const 0))))
    (global.set $sink (local.get $value))
    (call $print (i32.const 1056) (i32.const 5))))
