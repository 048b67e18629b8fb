;; Returns one note that is about action 4,294,967,295.
(module
  ;; PRELUDE
  ;; An action of 64 bytes: variant case 2 (a note), body, time, about.
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\01\00\00\00")
  (data (i32.const 256) "\02\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\90\01\00\00" "\01\00\00\00")
  (data (i32.const 400) "\ff\ff\ff\ff")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
