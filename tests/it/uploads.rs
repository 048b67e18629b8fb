//! What is no transformation is refused before anything is compiled, with a code and a sentence that says what to do.

use leadline::transform::{UPLOAD_BYTES_MAX, check};
use wasm_encoder as w;

use crate::guests::{contract, dummy, embed_of, guest, guest_of};

/// What is uploaded, and what people read.
struct Row {
    what: &'static str,
    bytes: Vec<u8>,
    code: &'static str,
    sentence: &'static str,
}

fn row(what: &'static str, bytes: Vec<u8>, code: &'static str, sentence: &'static str) -> Row {
    Row { what, bytes, code, sentence }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Nothing is left of a table of refusals when one of them is wrong, so all are shown.
fn refused(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for Row { what, bytes, code, sentence } in rows {
        match check(&bytes) {
            Ok(_) => wrong.push(format!("{what}: accepted")),
            Err(error) if (error.code(), error.to_string().as_str()) == (code, sentence) => {}
            Err(error) => wrong.push(format!("{what}: {} {error}", error.code())),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_no_webassembly_is_refused() {
    let honest = guest("honest");
    let not_wasm = "upload.not_wasm";
    refused(vec![
        row(
            "an empty file",
            vec![],
            not_wasm,
            "this is not a WebAssembly file: it starts with `nothing at all`. Upload the `.wasm` of a release build",
        ),
        row(
            "seven bytes",
            honest[..7].to_vec(),
            not_wasm,
            "this is not a WebAssembly file: it starts with `00 61 73 6d` (WebAssembly of another version, or cut off). Upload the `.wasm` of a release build",
        ),
        row(
            "a Linux program",
            b"\x7fELF and more".to_vec(),
            not_wasm,
            "this is not a WebAssembly file: it starts with `7f 45 4c 46` (a Linux program). Upload the `.wasm` of a release build",
        ),
        row(
            "a zip",
            b"PK\x03\x04....".to_vec(),
            not_wasm,
            "this is not a WebAssembly file: it starts with `50 4b 03 04` (a zip archive; unpack it). Upload the `.wasm` of a release build",
        ),
        row(
            "a gzip",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(),
            not_wasm,
            "this is not a WebAssembly file: it starts with `1f 8b 08 00` (compressed with gzip; unpack it). Upload the `.wasm` of a release build",
        ),
        row(
            "its text form",
            b"(module)".to_vec(),
            not_wasm,
            "this is not a WebAssembly file: it starts with `28 6d 6f 64` (WebAssembly in its text form). Upload the `.wasm` of a release build",
        ),
        row(
            "one byte over the limit",
            vec![0; UPLOAD_BYTES_MAX + 1],
            "upload.too_large",
            "the file has 16.0 MiB; at most 16 MiB are accepted. Build with `--release`, `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`",
        ),
        row(
            "what our own compiler made",
            artifact(),
            "upload.precompiled",
            "this is machine code that wasmtime made. Upload the `.wasm` it was made from",
        ),
        row(
            "half a file",
            honest[..honest.len() / 2].to_vec(),
            "upload.invalid",
            "the file is damaged or was cut off: unexpected end-of-file at byte 348. Build it again, and compare the hash after each copy",
        ),
    ]);
}

/// An ELF file that says it is wasmtime's: compiled code looks like this.
fn artifact() -> Vec<u8> {
    wasmtime::Engine::default().precompile_module(b"\0asm\x01\0\0\0").unwrap()
}

#[test]
fn a_feature_that_is_switched_off_is_named() {
    let module = |text: &str| wat(&format!("(module {text})"));
    let code = "upload.feature";
    refused(vec![
        row(
            "threads",
            module("(memory 1 1 shared)"),
            code,
            "the module uses threads, which is switched off here. In Rust, remove `-C target-feature=+atomics`",
        ),
        row(
            "memory64",
            module("(memory i64 1)"),
            code,
            "the module uses 64-bit memory, which is switched off here. Build for `wasm32-unknown-unknown`, not for `wasm64`",
        ),
        row(
            "two memories",
            module("(memory 1) (memory 1)"),
            code,
            "the module uses more than one memory, which is switched off here. In Rust, remove `-C target-feature=+multimemory`",
        ),
        row(
            "a tail call",
            module("(func $f (return_call $f))"),
            code,
            "the module uses tail calls, which is switched off here. In Rust, remove `-C target-feature=+tail-call`",
        ),
        row(
            "garbage collection",
            module("(type (struct (field i32)))"),
            code,
            "the module uses garbage collection, which is switched off here. Use a toolchain that brings its own memory management",
        ),
        row(
            "exceptions",
            module("(tag) (func (throw 0))"),
            code,
            "the module uses exceptions, which is switched off here. In Rust, set `panic = \"abort\"` and remove `-C target-feature=+exception-handling`",
        ),
        row(
            "relaxed SIMD",
            module(
                "(func (param v128 v128 v128) (result v128) (i32x4.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))",
            ),
            code,
            "the module uses relaxed SIMD, which is switched off here. Its results differ between machines. In Rust, remove `-C target-feature=+relaxed-simd`",
        ),
        row(
            "custom page sizes",
            module("(memory 1 (pagesize 1))"),
            code,
            "the module uses custom page sizes, which is switched off here. Build with pages of 64 KiB",
        ),
        row(
            "wide arithmetic",
            module("(func (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))"),
            code,
            "the module uses wide arithmetic, which is switched off here. In Rust, remove `-C target-feature=+wide-arithmetic`",
        ),
        row(
            "references to the host",
            module("(table 1 externref)"),
            code,
            "the module uses references to the host (`externref`), which is switched off here. Build without them",
        ),
        row(
            "threads in a component",
            wat("(component (core module (memory 1 1 shared)))"),
            code,
            "the component uses threads, which is switched off here. In Rust, remove `-C target-feature=+atomics`",
        ),
        row(
            "asynchronous functions",
            wat("(component (type (func async)))"),
            code,
            "the component uses asynchronous functions of components, which is switched off here. The contract is synchronous: build with bindings that are, too",
        ),
    ]);
}

/// A module with that many functions of one body.
fn functions(count: u32, body: &w::Function) -> Vec<u8> {
    let mut types = w::TypeSection::new();
    types.ty().function([], []);
    let mut declared = w::FunctionSection::new();
    let mut code = w::CodeSection::new();
    for _ in 0..count {
        declared.function(0);
        code.function(body);
    }
    let mut module = w::Module::new();
    module.section(&types).section(&declared).section(&code);
    module.finish()
}

fn body(locals: u32, instructions: impl IntoIterator<Item = w::Instruction<'static>>) -> w::Function {
    let mut body = w::Function::new([(locals, w::ValType::I32)]);
    instructions.into_iter().for_each(|instruction| {
        body.instruction(&instruction);
    });
    body.instruction(&w::Instruction::End);
    body
}

fn sections(make: impl FnOnce(&mut w::Module)) -> Vec<u8> {
    let mut module = w::Module::new();
    make(&mut module);
    module.finish()
}

#[test]
fn what_would_take_the_compiler_long_is_refused_by_counting() {
    let code = "upload.too_complex";
    let branches = (0..60_000).flat_map(|_| {
        [w::Instruction::LocalGet(0), w::Instruction::If(w::BlockType::Empty), w::Instruction::Nop, w::Instruction::End]
    });
    let jumps = [w::Instruction::I32Const(0), w::Instruction::BrTable(vec![0; 100_000].into(), 0)];
    let types = |module: &mut w::Module| {
        let mut types = w::TypeSection::new();
        (0..1_000_000).for_each(|_| types.ty().function([], []));
        module.section(&types);
    };
    let data = |module: &mut w::Module| {
        let mut data = w::DataSection::new();
        (0..100_000).for_each(|_| {
            data.passive([]);
        });
        module.section(&w::DataCountSection { count: 100_000 }).section(&data);
    };
    let deep = (0..100).fold(w::Component::new().finish(), |inner, _| {
        let mut outer = w::Component::new();
        outer.section(&w::RawSection { id: 4, data: &inner });
        outer.finish()
    });
    let doubling: String = (1..20)
        .map(|level| {
            let below = level - 1;
            format!("(component $c{level} (alias outer 1 $c{below} (component $below)) (instance (instantiate $below)) (instance (instantiate $below)))")
        })
        .collect();
    let named = guest_of(&format!(
        "(module ;; PRELUDE\n (func $transform (export \"transform\") (param i32) (result i32) {} (i32.const 0)))",
        "(drop (i32.const 1))".repeat(100_000)
    ));
    refused(vec![
        row(
            "500,000 empty functions",
            functions(500_000, &body(0, [])),
            code,
            "it has 500000 functions; at most 20000. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "one body of 7 MB",
            functions(1, &body(0, (0..7_000_000).map(|_| w::Instruction::Nop))),
            code,
            "function 0 has 6.7 MiB; at most 256 KiB. Split it, or move the table in it into data",
        ),
        row(
            "a body with a name",
            named,
            code,
            "function `transform` has 293 KiB; at most 256 KiB. Split it, or move the table in it into data",
        ),
        row(
            "60,000 branches over 300 locals",
            functions(1, &body(300, branches)),
            code,
            "function 0 has 352 KiB; at most 256 KiB. Split it, or move the table in it into data",
        ),
        row(
            "200 functions of 50,000 locals",
            functions(200, &body(50_000, [])),
            code,
            "function 0 has 50000 locals; at most 5000. Split it, or move the table in it into data",
        ),
        row(
            "a jump table of 100,000",
            functions(1, &body(0, jumps)),
            code,
            "a jump table of function 0 has 100000 entries; at most 10000. Split it, or move the table in it into data",
        ),
        row(
            "a million types",
            sections(types),
            code,
            "it has 1000000 types; at most 5000. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "100,000 segments of data",
            sections(data),
            code,
            "it has 100000 segments of data and tables; at most 12000. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "9 MiB of data",
            wat(&format!("(module (memory 64) (data (i32.const 0) \"{}\"))", "a".repeat(9 << 20))),
            code,
            "its data have 9.0 MiB; at most 8.0 MiB. Keep large tables out of a transformation",
        ),
        row(
            "a table of 10 million",
            wat("(module (table 10000000 funcref))"),
            code,
            "a table has 10000000 elements at the start; at most 20000. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "five tables",
            wat(&format!("(module {})", "(table 1 funcref)".repeat(5))),
            code,
            "it has 5 tables; at most 4. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "2,000 globals",
            wat(&format!("(module {})", "(global i32 (i32.const 0))".repeat(2_000))),
            code,
            "it has 2000 globals; at most 1000. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "300 exports",
            wat(&format!(
                "(module (func $f) {})",
                (0..300).map(|i| format!("(export \"e{i}\" (func $f))")).collect::<String>()
            )),
            code,
            "it has 300 imports and exports; at most 200. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "1,000 modules inside",
            wat(&format!("(component {})", "(core module)".repeat(1_000))),
            code,
            "it has 9 modules; at most 8. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "components a hundred deep",
            deep,
            code,
            "components lie 4 deep in each other; at most 3. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "instances that double with each level",
            wat(&format!("(component (component $c0) {doubling})")),
            code,
            "it has 5 components inside; at most 4. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "nine instances of a module",
            wat(&format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(9))),
            code,
            "it has 9 instances of modules; at most 8. Build with `opt-level = \"s\"` and `lto = true`, and use fewer or smaller crates",
        ),
        row(
            "10 MB of metadata",
            sections(|module| {
                module.section(&w::CustomSection { name: "component-type:x".into(), data: vec![0; 10_000_000].into() });
            }),
            code,
            "names, debug information and other custom sections have 9.5 MiB; at most 1.0 MiB. Build with `strip = \"debuginfo\"`",
        ),
        row(
            "an export with a name of 2 KB",
            wat(&format!("(module (func (export \"{}\")))", "x".repeat(2048))),
            code,
            "the name of an import or export, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, has 2 KiB; at most 1 KiB. Give it a shorter name",
        ),
        row(
            "a memory of 65,536 pages",
            wat("(module (memory 65536))"),
            "upload.resources",
            "it asks for 4096.0 MiB of memory at the start; at most 32 MiB",
        ),
        row(
            "a module of 513 pages in a component",
            wat("(component (core module (memory 513)))"),
            "upload.resources",
            "it asks for 32.1 MiB of memory at the start; at most 32 MiB",
        ),
    ]);
}

/// The honest guest with another contract in it. What changes lies behind a pointer, so the module fits all the same.
fn with_contract(change: impl FnOnce(String) -> String) -> Vec<u8> {
    let read = |file: &str| std::fs::read_to_string(format!("guests/{file}.wat")).unwrap();
    let (prelude, honest) = (read("prelude") + &read("allocator"), read("honest"));
    embed_of(&wat(&honest.replace(";; PRELUDE", &prelude)), &change(contract()), "transformation")
}

#[test]
fn what_does_not_fit_the_contract_is_told_its_first_difference() {
    let code = "upload.contract";
    let plain = |text: &str| wat(text);
    let bare = wat("(module)");
    let half = wat(
        r#"(module (memory (export "memory") 1) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#,
    );
    let foreign = "package acme:door@1.0.0; world door { export open: func(key: string) -> bool; }";
    let mut damaged = embed_of(&bare, &contract(), "transformation");
    let place = damaged.len() - 40;
    damaged.truncate(place);
    let damaged_metadata = sections(|module| {
        module.section(&w::CustomSection { name: "component-type:x".into(), data: vec![7; 40].into() });
    });
    refused(vec![
        row(
            "no contract",
            bare,
            "upload.no_contract",
            "a core module without a contract: it has no `component-type` section. Build it with `guest-sdk`, which embeds it",
        ),
        row(
            "for wasm32-wasip1",
            plain(
                r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
            ),
            "upload.no_contract",
            "a core module without a contract: it imports `wasi_snapshot_preview1/fd_write` and needs an adapter. Build for `wasm32-unknown-unknown`, or run `cargo component build`",
        ),
        row(
            "damaged metadata",
            damaged_metadata,
            "upload.no_contract",
            "a core module without a contract: what it embeds cannot be used: decoding custom section component-type:x: magic header not detected: bad magic number - expected=[⏎    0x0,⏎    0x61,⏎    0x73,⏎    0x6d,⏎] actual=[⏎    0x7,⏎    0x7,⏎    0x7,⏎    0x7,⏎] (at offset 0x0). Build it with `guest-sdk`, which embeds it",
        ),
        row(
            "cut metadata",
            damaged,
            "upload.invalid",
            "the file is damaged or was cut off: unexpected end-of-file at byte 11. Build it again, and compare the hash after each copy",
        ),
        row(
            "exports that are missing",
            half.clone(),
            "upload.no_contract",
            "a core module without a contract: it has no `component-type` section. Build it with `guest-sdk`, which embeds it",
        ),
        row(
            "exports that are missing, with the contract",
            embed_of(&half, &contract(), "transformation"),
            code,
            "the component does not fit `leadline:transform@1.0.0`: failed to decode world from module: module was not valid: failed to find export of function `describe`",
        ),
        row(
            "an empty component",
            plain("(component)"),
            code,
            "the component does not fit `leadline:transform@1.0.0`: export `describe` is missing; it exports nothing",
        ),
        row(
            "another world",
            embed_of(&dummy(foreign, "door"), foreign, "door"),
            code,
            "the component does not fit `leadline:transform@1.0.0`: export `describe` is missing; it exports `open`",
        ),
        row(
            "a field less",
            with_contract(|wit| wit.replace("        email: option<string>,\n", "")),
            code,
            "the component does not fit `leadline:transform@1.0.0`: `transform`, parameter `event`, field `payload`, case `lead-captured`: field `email` is missing",
        ),
        row(
            "another type",
            with_contract(|wit| wit.replace("phone: option<string>", "phone: option<u32>")),
            code,
            "the component does not fit `leadline:transform@1.0.0`: `transform`, parameter `event`, field `payload`, case `lead-captured`, field `phone`: `u32` instead of `string`",
        ),
        row(
            "a case more",
            with_contract(|wit| wit.replace("add-note(note),", "add-note(note), erase-all(string),")),
            code,
            "the component does not fit `leadline:transform@1.0.0`: `transform`, result, element: case `erase-all` is not in the contract",
        ),
        row(
            "fields in another order",
            with_contract(|wit| {
                wit.replace(
                    "make: option<string>,\n        model: option<string>,",
                    "model: option<string>,\n        make: option<string>,",
                )
            }),
            code,
            "the component does not fit `leadline:transform@1.0.0`: `transform`, parameter `event`, field `payload`, case `lead-captured`, field `vehicle`: the fields are in another order",
        ),
        row(
            "contract 9",
            with_contract(|wit| wit.replace("leadline:transform@1.0.0", "leadline:transform@9.0.0")),
            code,
            "the component does not fit `leadline:transform@1.0.0`: it was made for 9.0.0; this server knows 1.0.0",
        ),
        row(
            "an export that is no function",
            plain(r#"(component (instance $i) (export "describe" (instance $i)))"#),
            code,
            "the component does not fit `leadline:transform@1.0.0`: its export `describe` is no function",
        ),
    ]);
}

#[test]
fn imports_are_refused_with_what_probably_brings_them_in() {
    let code = "upload.import";
    let import = |name: &str| wat(&format!(r#"(component (import "{name}" (instance (export "x" (func)))))"#));
    refused(vec![
        row(
            "sockets",
            import("wasi:sockets/tcp@0.2.0"),
            code,
            "the component imports `wasi:sockets/tcp@0.2.0`. Transformations have no network. It probably comes from `tokio`, `mio`, `socket2` or `std::net`; leave them out, or switch off their default features",
        ),
        row(
            "http",
            import("wasi:http/outgoing-handler@0.2.0"),
            code,
            "the component imports `wasi:http/outgoing-handler@0.2.0`. Transformations have no network: CRM calls are what they return. It probably comes from `reqwest`, `waki` or `wstd`, in JavaScript from `fetch`; leave them out, or componentize with `disableFeatures: ['http', 'fetch-event']`",
        ),
        row(
            "WASI 0.3",
            import("wasi:clocks/wall-clock@0.3.0"),
            code,
            "the component imports `wasi:clocks/wall-clock@0.3.0`. WASI 0.3 is not there yet. Build with a toolchain for WASI 0.2, or for `wasm32-unknown-unknown`",
        ),
        row(
            "a time zone",
            import("wasi:clocks/timezone@0.2.0"),
            code,
            "the component imports `wasi:clocks/timezone@0.2.0`. Events have times in UTC, and there is no time zone here. It probably comes from `chrono` with the feature `clock`; switch that off",
        ),
        row(
            "a store",
            import("wasi:keyvalue/store@0.2.0"),
            code,
            "the component imports `wasi:keyvalue/store@0.2.0`. Transformations keep nothing between events. What an account may change belongs in the settings, and lines for people in `log`",
        ),
        row(
            "a newer WASI",
            import("wasi:io/poll@0.2.13"),
            code,
            "the component imports `wasi:io/poll@0.2.13`. Of WASI there is only what toolchains bring along for printing, time and chance. Build for `wasm32-unknown-unknown`, which needs none of it",
        ),
        row(
            "an invented interface",
            import("acme:secret/door"),
            code,
            "the component imports `acme:secret/door`. Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for",
        ),
        row(
            "a core module",
            wat(r#"(component (import "evil" (core module)))"#),
            code,
            "the component imports `evil`. Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for",
        ),
        row(
            "a component",
            wat(r#"(component (import "evil" (component)))"#),
            code,
            "the component imports `evil`. Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for",
        ),
        row(
            "a function",
            wat(r#"(component (import "evil" (func)))"#),
            code,
            "the component imports `evil`. Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for",
        ),
        row(
            "a resource",
            wat(r#"(component (import "evil" (type (sub resource))))"#),
            code,
            "the component imports `evil`. Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for",
        ),
        row(
            "JavaScript's glue",
            wat(r#"(module (import "__wbindgen_placeholder__" "__wbindgen_throw" (func (param i32 i32))))"#),
            code,
            "the component imports `__wbindgen_placeholder__/__wbindgen_throw`. There is no JavaScript around it. It comes from `wasm-bindgen`, often by way of `getrandom` or `chrono`; switch off the features `js` and `wasmbind`",
        ),
        row(
            "another version of ours",
            import("leadline:transform/log@9.0.0"),
            "upload.contract",
            "the component does not fit `leadline:transform@1.0.0`: it was made for 9.0.0; this server knows 1.0.0",
        ),
        row(
            "an unknown interface of ours",
            import("leadline:transform/secrets@1.0.0"),
            "upload.contract",
            "the component does not fit `leadline:transform@1.0.0`: export `describe` is missing; it exports nothing",
        ),
    ]);
}

#[test]
fn deep_nesting_alone_is_no_reason_to_refuse() {
    let nested = format!("{}{}", "block\n".repeat(50_000), "end\n".repeat(50_000));
    let bytes = guest_of(&format!(
        "(module ;; PRELUDE\n (func {nested}) (func (export \"transform\") (param i32) (result i32) (i32.const 0)))"
    ));
    let (checked, _) = check(&bytes).unwrap();
    assert_eq!(checked.counts.functions, 4);
}

#[test]
fn what_is_accepted_comes_with_what_is_known_of_it() {
    let (checked, component) = check(leadline::stock::DEFAULT).unwrap();
    assert!(component.starts_with(b"\0asm\x0d\0\x01\0"));
    assert_eq!(checked.contract, "leadline:transform@1.0.0");
    assert_eq!((checked.needs_wasi, checked.warnings.as_slice()), (false, [].as_slice()));
    assert_eq!(
        checked.imports,
        [
            "leadline:transform/log@1.0.0",
            "leadline:transform/events@1.0.0",
            "leadline:transform/actions@1.0.0",
            "leadline:transform/manifest@1.0.0"
        ]
    );
    assert!(checked.toolchain.iter().any(|tool| tool.starts_with("rustc ")), "{:?}", checked.toolchain);
    // A component is its own component.
    let (again, same) = check(&component).unwrap();
    assert_eq!((again.hash, same), (checked.component_hash, component));
    let stored = serde_json::to_string(&checked.counts).unwrap();
    assert_eq!(
        serde_json::from_str::<leadline::transform::Counts>(&stored).unwrap().functions,
        checked.counts.functions
    );
}
