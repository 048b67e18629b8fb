;; Prints one letter for ever.
(module
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (local $stream i32)
    (local.set $stream (call $stdout))
    (loop $more
      (call $write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 400))
      (br $more))
    unreachable))
