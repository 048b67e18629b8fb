;; Returns 51 contacts.
(module
  ;; PRELUDE
  (data (i32.const 200) "\00\00\00\00" "\00\80\01\00" "\33\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
