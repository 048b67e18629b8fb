//! What made a component, and what its maker could do better.

use wasmparser::{KnownCustom, Parser, Payload};

use super::count::Counts;

/// Names and versions of languages and tools, as the file says them; each once.
pub(super) fn of(bytes: &[u8]) -> Vec<String> {
    let mut tools = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(Payload::CustomSection(section)) = payload else { continue };
        let KnownCustom::Producers(fields) = section.as_known() else { continue };
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                let tool = plain(&format!("{} {}", value.name, value.version));
                if !tools.contains(&tool) && tools.len() < TOOLS_MAX {
                    tools.push(tool);
                }
            }
        }
    }
    tools
}

/// Enough for every compiler and linker that had a hand in it.
const TOOLS_MAX: usize = 20;
const TOOL_CHARS_MAX: usize = 80;

/// A foreign text as one harmless line.
fn plain(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(TOOL_CHARS_MAX).collect()
}

/// Rust's linker reserves a stack of a mebibyte where nobody says otherwise.
const STACK_OF_RUST: usize = 1 << 20;

/// What could be better, in sentences with the remedy.
pub(super) fn warnings(counts: &Counts, imports: &[String], bytes: &[u8]) -> Vec<String> {
    let mut warnings = Vec::new();
    if counts.memory_bytes > STACK_OF_RUST {
        warnings.push(format!(
            "it has {} KiB of memory at the start, most of it a stack that nobody uses: link with `-C link-arg=-zstack-size=65536`",
            counts.memory_bytes >> 10
        ));
    }
    if imports.iter().any(|import| import.starts_with("wasi:")) {
        warnings.push(
            "it imports WASI, which has nothing to offer here: `wasm32-unknown-unknown` builds a smaller and faster one"
                .to_owned(),
        );
    }
    let has_names = Parser::new(0).parse_all(bytes).any(
        |payload| matches!(payload, Ok(Payload::CustomSection(section)) if matches!(section.as_known(), KnownCustom::Name(_))),
    );
    if !has_names {
        warnings.push(
            "it has no names, so a backtrace shows numbers only: `strip = \"debuginfo\"` instead of `strip = true`".to_owned(),
        );
    }
    warnings
}
