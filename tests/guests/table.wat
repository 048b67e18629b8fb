;; Makes its table larger and larger.
(module
  ;; PRELUDE
  (table $table 1 funcref)
  (func (export "transform") (param i32) (result i32)
    (loop $more (drop (table.grow $table (ref.null func) (i32.const 1000))) (br $more))
    unreachable))
