;; Ends without having printed anything.
(module
  (memory (export "memory") 1)

  (func (export "_start")))
