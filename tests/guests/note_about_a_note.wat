;; Returns a contact, a note about it, and a note about the note.
(module
  ;; PRELUDE
  ;; One action: variant case 0 (a contact); its key: case 0 (an address) and the text; its properties.
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\03\00\00\00")
  (data (i32.const 256) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  ;; Actions of 64 bytes: variant case 2 (a note), body, time, about.
  (data (i32.const 320) "\02\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\c0\01\00\00" "\01\00\00\00")
  (data (i32.const 384) "\02\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\c4\01\00\00" "\01\00\00\00")
  (data (i32.const 448) "\00\00\00\00" "\01\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
