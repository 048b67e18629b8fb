;; Calls itself with 4 KiB of local variables each, on a stack in memory as Rust has one.
(module
  ;; PRELUDE
  (global $stack (mut i32) (i32.const 131072))
  (func $deeper
    (global.set $stack (i32.sub (global.get $stack) (i32.const 4096)))
    (i32.store (global.get $stack) (i32.const 1))
    (call $deeper)
    (global.set $stack (i32.add (global.get $stack) (i32.const 4096))))
  (func (export "transform") (param i32) (result i32) (call $deeper) unreachable))
