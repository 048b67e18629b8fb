;; Waits for somebody to type something, and says so if it is told that there is nobody.
(module
  (import "wasi:cli/stdin@0.2.12" "get-stdin" (func $stdin (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\00\00\00\00" "\2c\01\00\00" "\0f\00\00\00")
  (data (i32.const 300) "nobody is there")
  (func (export "transform") (param i32) (result i32)
    (call $read (call $stdin) (i64.const 10) (i32.const 400))
    ;; An error, and of the two the one without a payload: closed.
    (if (i32.ne (i32.load8_u (i32.const 400)) (i32.const 1)) (then unreachable))
    (if (i32.ne (i32.load8_u (i32.const 404)) (i32.const 1)) (then unreachable))
    (i32.const 200)))
