;; Returns one note that is about an action which is not there.
(module
  ;; PRELUDE
  ;; One action of 72 bytes: variant case 2 (a note), body, time, about.
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\01\00\00\00")
  (data (i32.const 256) "\02\00\00\00\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00\00\00\00\00" "\90\01\00\00" "\01\00\00\00")
  (data (i32.const 400) "\07\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
