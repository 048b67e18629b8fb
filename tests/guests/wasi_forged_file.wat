;; Opens /etc/passwd in a folder that it was never given.
(module
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  ;; PRELUDE
  (data (i32.const 300) "/etc/passwd")
  (func (export "transform") (param i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (i32.const 300) (i32.const 11) (i32.const 0) (i32.const 1) (i32.const 400))
    unreachable))
