;; Writes a mark into its global and all the memory that it has the fuel for.
(module
  ;; PRELUDE
  (global $mark (mut i64) (i64.const 0))
  (data (i32.const 8000) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (func (export "transform") (param i32) (result i32)
    (global.set $mark (i64.const 0x6b72616d6b72616d))
    (drop (memory.grow (i32.const 478)))
    (memory.fill (i32.const 65536) (i32.const 109) (i32.const 31391744))
    (i32.const 8000)))
