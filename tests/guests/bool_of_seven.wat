;; Says of a property that it is unique by a 7, which the contract reads as yes.
(module
  ;; PRELUDE
  ;; One property of the manifest: object type, name, label, description, kind, options, unique.
  (data (i32.const 304) "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\07\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\07\00\00\00")
  ;; Where the manifest says where its properties are.
  (data (i32.const 144) "\30\01\00\00" "\01\00\00\00")
  (data (i32.const 8000) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (func (export "transform") (param i32) (result i32) (i32.const 8000)))
