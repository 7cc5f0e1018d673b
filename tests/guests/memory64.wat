;; Has a memory of 64-bit addresses (the memory64 proposal): refused at load, by name.
(module
  (memory (export "memory") i64 1)
  (func (export "_start")
    (i32.store (i64.const 0) (i32.const 1))))
