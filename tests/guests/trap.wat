;; Traps.
(module
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32) unreachable))
