;; Asks for a gigabyte of random bytes.
(module
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (call $random (i64.const 0x40000000) (i32.const 400))
    unreachable))
