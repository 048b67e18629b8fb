;; Prints on a stream that it was never given.
(module
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (call $write (i32.const 7) (i32.const 0) (i32.const 7) (i32.const 400))
    unreachable))
