;; Begins with a table of 100,001 elements, one more than the pool has: refused at load.
(module
  (memory (export "memory") 1)
  (table 100001 funcref)
  (func (export "_start")))
