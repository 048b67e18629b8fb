;; Refuses the event with a line break and a terminal code in its reason.
(module
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\01\00\00\00" "\dc\00\00\00" "\10\00\00\00")
  (data (i32.const 220) "not\n\1b[31m this one")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
