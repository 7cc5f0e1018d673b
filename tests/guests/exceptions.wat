;; Throws and catches (the exception handling proposal): refused at load, by name.
(module
  (tag $tag)
  (memory (export "memory") 1)
  (func (export "_start")
    (block $caught
      (try_table (catch $tag $caught)
        (throw $tag)))))
