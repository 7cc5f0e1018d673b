;; Has three memories, one more than the pool has: refused at load. (Two run.)
(module
  (memory (export "memory") 1)
  (memory 1)
  (memory 1)
  (func (export "_start")))
