;; Prints `clean`, or where it finds what no fresh guest has: an element in a table, or in what a
;; table grew by; a local that nobody set, 4,000 calls down; a byte in the first MiB of memory,
;; where a compiler of C has its own stack. Beside leak_deep_write, on the same pool.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (table $large 60000 funcref)
  (table $sparse 40000 funcref)
  (data (i32.const 1048576) "Content-Type: text/plain\n\n")
  (data (i32.const 1048608) "clean\n")
  (data (i32.const 1048616) "large table\n")
  (data (i32.const 1048632) "sparse table\n")
  (data (i32.const 1048648) "local\n")
  (data (i32.const 1048656) "memory\n")

  ;; The io vector stands behind the texts.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 1048704) (local.get $at))
    (i32.store (i32.const 1048708) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 1048704) (i32.const 1) (i32.const 1048712))))

  (func (export "_start")
    (local $at i32)
    (call $print (i32.const 1048576) (i32.const 26))
    (drop (table.grow $large (ref.null func) (i32.const 40000)))
    (loop $next
      (if (i32.eqz (ref.is_null (table.get $large (local.get $at))))
        (then (call $print (i32.const 1048616) (i32.const 12)) (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 100000))))
    (local.set $at (i32.const 0))
    (loop $next
      (if (i32.eqz (ref.is_null (table.get $sparse (local.get $at))))
        (then (call $print (i32.const 1048632) (i32.const 13)) (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 40000))))
    (if (i64.ne (call $deep (i32.const 4000)) (i64.const 0))
      (then (call $print (i32.const 1048648) (i32.const 6)) (return)))
    (local.set $at (i32.const 0))
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
        (then (call $print (i32.const 1048656) (i32.const 7)) (return)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 1048576))))
    (call $print (i32.const 1048608) (i32.const 6)))

  ;; All bits that were ever set in a local before anybody set it. Each level sets its own
  ;; afterwards, to what only the call below knows, and looks again, so that none can be left out.
  (func $deep (param $left i32) (result i64)
    (local $a i64) (local $b i64) (local $c i64) (local $seen i64) (local $turn i32)
    (if (i32.eqz (local.get $left)) (then (return (i64.const 0))))
    (loop $twice
      (local.set $seen (i64.or (local.get $seen)
        (i64.or (local.get $a) (i64.or (local.get $b) (local.get $c)))))
      (if (i32.eqz (local.get $turn))
        (then (local.set $seen (i64.or (local.get $seen)
          (call $deep (i32.sub (local.get $left) (i32.const 1)))))))
      (local.set $a (local.tee $b (local.tee $c (local.get $seen))))
      (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
      (br_if $twice (i32.lt_u (local.get $turn) (i32.const 2))))
    (local.get $seen)))
