;; Fills the log, then panics at length.
(module
  (import "leadline:transform/log@1.0.0" "write" (func $log (param i32 i32 i32)))
  ;; PRELUDE
  (data (i32.const 300) "panicked at src/lib.rs:17: no phone")
  (func (export "transform") (param i32) (result i32)
    (local $line i32)
    (drop (memory.grow (i32.const 40)))
    (memory.fill (i32.const 131072) (i32.const 97) (i32.const 900000))
    (loop $more
      (call $log (i32.const 3) (i32.const 131072) (i32.const 100))
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $line) (i32.const 500))))
    (memory.copy (i32.const 131072) (i32.const 300) (i32.const 35))
    (call $log (i32.const 3) (i32.const 131072) (i32.const 900000))
    unreachable))
