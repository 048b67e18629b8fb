;; Exits before the first event.
(module
  (import "wasi:cli/exit@0.2.12" "exit-with-code" (func $exit (param i32)))
  ;; PRELUDE
  (func $leave (call $exit (i32.const 3)))
  (start $leave)
  (func (export "transform") (param i32) (result i32) unreachable))
