;; Takes page after page, and touches each.
(module
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (loop $more
      (drop (memory.grow (i32.const 16)))
      (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
      (br $more))
    unreachable))
