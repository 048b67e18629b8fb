;; Takes too much memory before the first event.
(module
  ;; PRELUDE
  (func $greedy (drop (memory.grow (i32.const 8192))))
  (start $greedy)
  (func (export "transform") (param i32) (result i32) unreachable))
