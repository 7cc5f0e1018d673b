;; Imports a function that nothing provides: refused at load, with both its names.
(module
  (import "env" "absent" (func $absent (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $absent (i32.const 0))))
