;; Logs a line with a terminal code, markup, a line break, a forged second line, and a mark that turns text round.
(module
  (import "leadline:transform/log@1.0.0" "write" (func $log (param i32 i32 i32)))
  ;; PRELUDE
  (data (i32.const 300) "\1b[2J<b>bold</b>\r\nERROR forged\00\e2\80\ae")
  (data (i32.const 200) "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (func (export "transform") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 300) (i32.const 33))
    (call $log (i32.const 2) (i32.const 304) (i32.const 11))
    (i32.const 200)))
