;; Says so if it finds no variable, no argument and no folder.
(module
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $variables (param i32)))
  (import "wasi:cli/environment@0.2.12" "get-arguments" (func $arguments (param i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $folders (param i32)))
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\00\00\00\00" "\2c\01\00\00" "\0d\00\00\00")
  (data (i32.const 300) "nothing found")
  (func (export "transform") (param i32) (result i32)
    (call $variables (i32.const 400))
    (call $arguments (i32.const 408))
    (call $folders (i32.const 416))
    (if
      (i32.or (i32.or (i32.load (i32.const 404)) (i32.load (i32.const 412))) (i32.load (i32.const 420)))
      (then unreachable))
    (i32.const 200)))
