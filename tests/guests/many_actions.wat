;; Answers with twenty thousand empty contacts.
(module
  ;; PRELUDE
  (data (i32.const 200) "\00\00\00\00" "\00\00\01\00" "\20\4e\00\00")
  (func (export "transform") (param i32) (result i32)
    (drop (memory.grow (i32.const 64)))
    (i32.const 200)))
