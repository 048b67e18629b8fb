;; Logs one letter for ever.
(module
  (import "leadline:transform/log@1.0.0" "write" (func $log (param i32 i32 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (loop $more (call $log (i32.const 1) (i32.const 0) (i32.const 1)) (br $more))
    unreachable))
