  ;; A page of texts and answers.
  (memory (export "memory") 2)
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
