;; Logs one line of two megabytes.
(module
  (import "leadline:transform/log@1.0.0" "write" (func $log (param i32 i32 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (drop (memory.grow (i32.const 40)))
    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 2097152))
    (call $log (i32.const 1) (i32.const 65536) (i32.const 2097152))
    unreachable))
