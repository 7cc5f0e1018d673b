;; Computes for ever in the module's start section, before any entry point is called.
(module
  (memory (export "memory") 1)

  (func $spin
    (loop $again
      (br $again)))
  (start $spin)

  (func (export "_start")))
