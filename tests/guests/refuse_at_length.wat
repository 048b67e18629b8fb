;; Refuses the event in a megabyte of words.
(module
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\01\00\00\00" "\00\00\02\00" "\40\42\0f\00")
  (func (export "transform") (param i32) (result i32)
    (drop (memory.grow (i32.const 20)))
    (memory.fill (i32.const 131072) (i32.const 97) (i32.const 1000000))
    (i32.const 200)))
