;; Polls an empty list.
(module
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (call $poll (i32.const 300) (i32.const 0) (i32.const 400))
    unreachable))
