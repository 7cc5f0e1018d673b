;; Its `_start` takes a parameter, so that it is no entry point: refused at load.
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32)))
