//! What a component says of itself without being run: imports, toolchain, and what makes it larger or slower than need be.

use serde::Serialize;
use wasmparser::{KnownCustom, Parser, Payload};

/// Rust's own stack where nobody chose another: 16 pages of 64 KiB.
const RUST_STACK_PAGES: u64 = 16;

/// What lies in a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inside {
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// What made it, such as `rustc 1.95.0`.
    pub toolchain: Vec<String>,
    /// Whether functions have names: a backtrace is unreadable without.
    pub has_names: bool,
    /// Whether it carries debug information, which nothing here reads.
    pub has_debug_info: bool,
    /// Whether it starts with a stack as large as Rust makes it.
    pub has_large_stack: bool,
}

/// Looks into the bytes of a component. What cannot be read is left out: the compiler is the judge of that.
pub fn inside(component: &[u8]) -> Inside {
    let mut inside = Inside::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                // The types of the world are imports too, but not anything that a component could call.
                let names = imports.into_iter().flatten().map(|import| import.name.name);
                inside.imports.extend(names.filter(|name| name.contains(':')).map(str::to_owned));
            }
            Payload::MemorySection(memories) => {
                inside.has_large_stack |=
                    memories.into_iter().flatten().any(|memory| memory.initial > RUST_STACK_PAGES);
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(_) => inside.has_names = true,
                KnownCustom::Producers(fields) => {
                    let fields = fields.into_iter().flatten().filter(|field| field.name == "processed-by");
                    let tools = fields.flat_map(|field| field.values.into_iter().flatten());
                    // It is part of the binding generator, and of this host.
                    let tools = tools.filter(|tool| tool.name != "wit-component");
                    inside.toolchain.extend(tools.map(|tool| tool_name(tool.name, tool.version)));
                }
                _ => inside.has_debug_info |= section.name().starts_with(".debug_"),
            },
            _ => {}
        }
    }
    inside.toolchain.sort();
    inside.toolchain.dedup();
    inside
}

/// Without the commit that compilers put behind their version.
fn tool_name(name: &str, version: &str) -> String {
    let version = version.split(" (").next().unwrap_or(version);
    super::guest::plain(format!("{name} {version}").trim(), 100)
}
