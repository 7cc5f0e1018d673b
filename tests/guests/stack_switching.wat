;; Declares a continuation (the stack switching proposal): refused at load, by name.
(module
  (type $function (func))
  (type $continuation (cont $function))
  (memory (export "memory") 1)
  (elem declare func $run)
  (func $run)
  (func (export "_start")
    (drop (cont.new $continuation (ref.func $run)))))
