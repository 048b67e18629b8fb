;; Asks for 4 KiB of random bytes for ever.
(module
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  ;; MEMORY
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (func (export "transform") (param i32) (result i32)
    (loop $more (call $random (i64.const 4096) (i32.const 400)) (br $more))
    unreachable))
