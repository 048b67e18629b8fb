;; Answers with a list of 268 million actions.
(module
  ;; PRELUDE
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\ff\ff\ff\0f")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
