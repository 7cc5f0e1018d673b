;; A component, not a core module: refused at load, by that word.
(component
  (core module $module
    (func (export "_start")))
  (core instance (instantiate $module)))
