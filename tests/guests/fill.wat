;; Writes 24 MiB again and again.
(module
  ;; PRELUDE
  (func (export "transform") (param i32) (result i32)
    (drop (memory.grow (i32.const 382)))
    (loop $more (memory.fill (i32.const 65536) (i32.const 1) (i32.const 25034752)) (br $more))
    unreachable))
