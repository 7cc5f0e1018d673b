;; Has two memories, as many as the pool allows, and prints from the first what it copied there
;; from the second.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory $first (export "memory") 1)
  (memory $second 1)
  (data (memory $second) (i32.const 0) "Content-Type: text/plain\n\nfrom the second memory\n")

  (func (export "_start")
    (memory.copy $first $second (i32.const 1024) (i32.const 0) (i32.const 49))
    (i32.store $first (i32.const 0) (i32.const 1024))
    (i32.store $first (i32.const 4) (i32.const 49))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
