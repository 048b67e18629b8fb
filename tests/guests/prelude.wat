  ;; A page of texts and answers, and an allocator that never gives anything back.
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 65536))
  (data (i32.const 0) "hostile")
  (data (i32.const 16) "lead.captured.v1")
  (data (i32.const 48) "{\"type\":\"object\"}")
  ;; The list of event types has one entry.
  (data (i32.const 96) "\10\00\00\00" "\10\00\00\00")
  ;; The manifest: name, summary, event types, settings schema, no properties.
  (data (i32.const 112)
    "\00\00\00\00" "\07\00\00\00"
    "\00\00\00\00" "\07\00\00\00"
    "\60\00\00\00" "\01\00\00\00"
    "\30\00\00\00" "\11\00\00\00"
    "\00\00\00\00" "\00\00\00\00")
  (func (export "describe") (result i32) (i32.const 112))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1)))))
    (local.get $at))
