;; Waits in a loop until time has passed.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (loop $more (br_if $more (i64.eqz (call $now))))
    unreachable))
