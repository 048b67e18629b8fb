;; Returns a note of two megabytes.
(module
  ;; PRELUDE
  ;; An action of 64 bytes: variant case 2 (a note), body, time, about.
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\01\00\00\00")
  (data (i32.const 256) "\02\00\00\00" "\00\00\00\00" "\00\00\01\00" "\00\00\20\00" "\00\00\00\00" "\00\00\00\00" "\90\01\00\00" "\01\00\00\00")
  (func (export "transform") (param i32) (result i32) (drop (memory.grow (i32.const 40))) (i32.const 200)))
