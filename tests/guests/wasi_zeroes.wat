;; Writes 2^63 zeroes.
(module
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (call $zeroes (call $stdout) (i64.const 0x8000000000000000) (i32.const 400))
    unreachable))
