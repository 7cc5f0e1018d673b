;; Computes for ever, without a host call and without having printed anything.
(module
  (memory (export "memory") 1)

  (func (export "_start")
    (loop $again
      (br $again))))
