;; Sleeps for an hour, and says so if the clock agrees.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\00\00\00\00" "\2c\01\00\00" "\12\00\00\00")
  (data (i32.const 300) "an hour has passed")
  (func (export "transform") (param i32) (result i32)
    (call $block (call $subscribe (i64.const 3600000000000)))
    (if (i64.ne (call $now) (i64.const 3600000000000)) (then unreachable))
    (i32.const 200)))
