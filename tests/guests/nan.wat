;; Says what the bits of its floating-point numbers are, where the standard leaves them open.
(module
  ;; PRELUDE
  (data (i32.const 200) "\01\00\00\00" "\00\00\00\00" "\2c\01\00\00" "\3e\00\00\00")
  (data (i32.const 300) "                                                              ")
  ;; Writes eight hexadecimal digits.
  (func $hex (param $at i32) (param $bits i32)
    (local $left i32)
    (local.set $left (i32.const 8))
    (loop $more
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (i32.store8
        (i32.add (local.get $at) (local.get $left))
        (i32.add
          (i32.add (i32.const 48) (i32.and (local.get $bits) (i32.const 15)))
          (select (i32.const 39) (i32.const 0) (i32.gt_u (i32.and (local.get $bits) (i32.const 15)) (i32.const 9)))))
      (local.set $bits (i32.shr_u (local.get $bits) (i32.const 4)))
      (br_if $more (local.get $left))))
  ;; The compiler cannot know what it returns, so nothing below is worked out beforehand.
  (global $none (mut f32) (f32.const 0))
  (func $zero (result f32) (global.get $none))
  (func (export "transform") (param i32) (result i32)
    (call $hex (i32.const 300) (i32.reinterpret_f32 (f32.div (call $zero) (call $zero))))
    (call $hex (i32.const 309) (i32.reinterpret_f32 (f32.sqrt (f32.sub (call $zero) (f32.const 1)))))
    (call $hex (i32.const 318) (i32.reinterpret_f32 (f32.add (f32.const -nan:0x200001) (call $zero))))
    (call $hex (i32.const 327) (i32.reinterpret_f32 (f32.min (f32.const nan:0x200001) (call $zero))))
    (call $hex
      (i32.const 336)
      (i32.wrap_i64
        (i64.shr_u
          (i64.reinterpret_f64 (f64.promote_f32 (f32.add (f32.const nan:0x200001) (call $zero))))
          (i64.const 32))))
    (call $hex (i32.const 345) (i32.reinterpret_f32 (f32.add (f32.const 0x1p-149) (call $zero))))
    (call $hex
      (i32.const 354)
      (i32.reinterpret_f32 (f32.mul (f32.const 0x1p-126) (f32.add (f32.const 0.5) (call $zero)))))
    (i32.const 200)))
