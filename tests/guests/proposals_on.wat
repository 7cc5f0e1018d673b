;; Uses one instruction of every proposal that is on: bulk memory, multi-value, reference types,
;; SIMD, sign extension, tail calls, extended constants, saturating conversions; prints `all run`.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table $table 4 funcref)
  (global $base i32 (i32.add (i32.const 2000) (i32.const 48)))
  (data (i32.const 1024) "Content-Type: text/plain\n\nall run\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $two (result i32 i32)
    (i32.const 1) (i32.const 2))

  (func $tail (param $left i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (i32.const 7))))
    (return_call $tail (i32.sub (local.get $left) (i32.const 1))))

  (func (export "_start")
    (memory.fill (global.get $base) (i32.const 0x80) (i32.const 16))
    (table.set $table (i32.const 1) (ref.null func))
    (call $two)
    (drop) (drop)
    (drop (i32.extend8_s (i32.const 255)))
    (drop (i32.trunc_sat_f64_s (f64.const 1e300)))
    (drop (i8x16.add (v128.load (global.get $base)) (v128.const i64x2 1 2)))
    (drop (call $tail (i32.const 1000000)))
    (call $print (i32.const 1024) (i32.const 34))))
