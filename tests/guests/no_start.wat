;; Exports no entry point: refused at load unless its route names another that exists.
(module
  (memory (export "memory") 1)
  (func (export "run")))
