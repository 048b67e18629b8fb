;; Traps after it gave its answer.
(module
  ;; PRELUDE
  (func (export "cabi_post_transform") (param i32) unreachable)
  (data (i32.const 8000) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 8000)))
