;; Begins with 129 MiB of memory, more than a route allows by default: refused at load, with
;; both sizes.
(module
  (memory (export "memory") 2064)
  (func (export "_start")))
