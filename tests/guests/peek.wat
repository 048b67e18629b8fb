;; Looks for what it did not write: in its global, and in as much memory as it can read.
(module
  ;; MEMORY
  ;; What the host hands over goes into the first page, so all memory behind it is untouched.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
  (global $mark (mut i64) (i64.const 0))
  (data (i32.const 8000) "\01\00\00\00" "\00\00\00\00" "\80\1f\00\00" "\0d\00\00\00")
  (data (i32.const 8064) "nothing found")
  (data (i32.const 8096) "\01\00\00\00" "\00\00\00\00" "\e0\1f\00\00" "\0f\00\00\00")
  (data (i32.const 8160) "somebody's data")
  (func (export "transform") (param i32) (result i32)
    (local $at i32) (local $seen i64)
    (drop (memory.grow (i32.const 478)))
    (local.set $seen (global.get $mark))
    (local.set $at (i32.const 65536))
    (loop $more
      (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const 31457280))))
    ;; Marks of its own, for the next run to find.
    (global.set $mark (i64.const 1))
    (i64.store (i32.const 1000000) (i64.const 1))
    (i64.store (i32.const 31000000) (i64.const 1))
    (select (i32.const 8000) (i32.const 8096) (i64.eqz (local.get $seen)))))
