;; Makes a struct (the garbage collection proposal): refused at load, by name.
(module
  (type $pair (struct (field i32) (field i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (struct.new $pair (i32.const 1) (i32.const 2)))))
