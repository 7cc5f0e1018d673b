;; Grows its memory until memory.grow answers -1, then traps as an allocator without memory does.
(module
  (memory (export "memory") 1)

  (func (export "_start")
    (loop $next
      (br_if $next (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (unreachable)))
