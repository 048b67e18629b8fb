;; Writes a property twice.
(module
  ;; PRELUDE
  ;; One action: variant case 0 (a contact); its key: case 0 (an address) and the text; its properties.
  (data (i32.const 200) "\00\00\00\00" "\00\01\00\00" "\01\00\00\00")
  (data (i32.const 256) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\90\01\00\00" "\02\00\00\00")
  ;; Properties of 20 bytes: name, value, policy.
  (data (i32.const 400) "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\01\00\00\00" "\00\00\00\00")
  (data (i32.const 420) "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\02\00\00\00" "\00\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 200)))
