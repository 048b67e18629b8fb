;; Refuses with bytes that are no text.
(module
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\01\00\00\00" "\dc\00\00\00" "\02\00\00\00")
  (data (i32.const 220) "\ff\fe")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
