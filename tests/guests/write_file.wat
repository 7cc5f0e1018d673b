;; Tries to change its first preopened folder in every way it knows, and prints what each
;; answered: `create: errno E`, and so on. Expects `file.txt` to be there.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\ncreate: errno ")
  (data (i32.const 1072) "new.txt")
  (data (i32.const 1088) "open for writing: errno ")
  (data (i32.const 1120) "file.txt")
  (data (i32.const 1136) "truncate: errno ")
  (data (i32.const 1152) "make a folder: errno ")
  (data (i32.const 1184) "folder")
  (data (i32.const 1200) "rename: errno ")
  (data (i32.const 1216) "other.txt")
  (data (i32.const 1232) "set times: errno ")
  (data (i32.const 1264) "remove: errno ")
  (data (i32.const 1280) "\n")

  ;; The io vector stands at 0, the count of written bytes at 8.
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; Decimal digits are made from the last one, in the 32 bytes below 48.
  (func $print_number (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 48))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (call $print (local.get $at) (i32.sub (i32.const 48) (local.get $at))))

  (func (export "_start")
    (call $print (i32.const 1024) (i32.const 40))
    ;; Create (1) and truncate (8), for writing (fd_write: 64).
    (call $say (call $path_open (i32.const 3) (i32.const 0) (i32.const 1072) (i32.const 7)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 512)))
    (call $print (i32.const 1088) (i32.const 24))
    (call $say (call $path_open (i32.const 3) (i32.const 0) (i32.const 1120) (i32.const 8)
      (i32.const 0) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 512)))
    (call $print (i32.const 1136) (i32.const 16))
    (call $say (call $path_open (i32.const 3) (i32.const 0) (i32.const 1120) (i32.const 8)
      (i32.const 8) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 512)))
    (call $print (i32.const 1152) (i32.const 21))
    (call $say (call $path_create_directory (i32.const 3) (i32.const 1184) (i32.const 6)))
    (call $print (i32.const 1200) (i32.const 14))
    (call $say (call $path_rename (i32.const 3) (i32.const 1120) (i32.const 8) (i32.const 3) (i32.const 1216) (i32.const 9)))
    (call $print (i32.const 1232) (i32.const 17))
    (call $say (call $path_filestat_set_times (i32.const 3) (i32.const 0) (i32.const 1120) (i32.const 8)
      (i64.const 1) (i64.const 1) (i32.const 5)))
    (call $print (i32.const 1264) (i32.const 14))
    (call $say (call $path_unlink_file (i32.const 3) (i32.const 1120) (i32.const 8))))

  (func $say (param $errno i32)
    (call $print_number (local.get $errno))
    (call $print (i32.const 1280) (i32.const 1))))
