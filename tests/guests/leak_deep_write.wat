;; Leaves traces deep down: on 400 KiB of stack, far below what a pool keeps between guests; from
;; one end of its tables to the other, and in what they grew by; and where a compiler of C has its
;; own stack, in the first MiB of memory. Prints `left`. Beside leak_deep_read, on the same pool.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (table $large 60000 funcref)
  (table $sparse 40000 funcref)
  (global $depth (mut i32) (i32.const 0))
  (elem declare func $leave)
  (data (i32.const 1048576) "Content-Type: text/plain\n\nleft\n")

  (func $leave (export "_start")
    (local $at i32)
    (table.fill $large (i32.const 0) (ref.func $leave) (i32.const 60000))
    (drop (table.grow $large (ref.func $leave) (i32.const 40000)))
    ;; One element in each page or so, so that what was touched is no one piece.
    (loop $next
      (table.set $sparse (local.get $at) (ref.func $leave))
      (local.set $at (i32.add (local.get $at) (i32.const 997)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 40000))))
    (drop (call $deep (i32.const 6400) (i64.const 0x5a5a5a5a5a5a5a5a)
      (i64.const 0x5a5a5a5a5a5a5a5a) (i64.const 0x5a5a5a5a5a5a5a5a)))
    (memory.fill (i32.const 0) (i32.const 0x5a) (i32.const 1048576))
    ;; The io vector stands behind the text.
    (i32.store (i32.const 1048640) (i32.const 1048576))
    (i32.store (i32.const 1048644) (i32.const 31))
    (drop (call $fd_write (i32.const 1) (i32.const 1048640) (i32.const 1) (i32.const 1048648))))

  ;; Each level needs what it was given after the next one returns, so that it stands on the stack.
  (func $deep (param $left i32) (param $a i64) (param $b i64) (param $c i64) (result i64)
    (local $below i64)
    (if (i32.eqz (local.get $left)) (then (return (local.get $a))))
    (local.set $below (call $deep (i32.sub (local.get $left) (i32.const 1))
      (i64.rotl (local.get $a) (i64.const 8)) (i64.rotl (local.get $b) (i64.const 16))
      (i64.rotl (local.get $c) (i64.const 24))))
    (i64.add (local.get $below)
      (i64.add (local.get $a) (i64.xor (local.get $b) (local.get $c))))))
