//! What is allowed and could be better, and what the toolchain says of itself.

use wasmparser::{KnownCustom, Operator, Parser, Payload};

use super::refusal::{bytes, words};

/// Rust reserves this much at the bottom of memory unless it is told otherwise.
const STACK_BYTES_USUAL: i32 = 1024 * 1024;
/// Debug information of more than this is worth a word.
const DEBUG_BYTES_FEW: usize = 16 * 1024;
/// Tools that a version's page lists.
const TOOLS_MAX: usize = 8;

/// What was found beside the contract.
#[derive(Default)]
pub(super) struct Remarks {
    pub(super) toolchain: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Looks through a component that was checked.
pub(super) fn remarks(component: &[u8], wasi: &[&str]) -> Remarks {
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(component).flatten() {
        seen.look(&payload);
    }
    let mut warnings = Vec::new();
    if !wasi.is_empty() {
        warnings.push(format!(
            "it imports {} interfaces of WASI, which take memory and time at each start; built for `wasm32-unknown-unknown` it needs none",
            wasi.len()
        ));
    }
    if seen.has_usual_stack {
        warnings.push(
            "it reserves 1 MiB of memory for its stack, which each run has to clear; build with `-C link-arg=-zstack-size=65536`"
                .to_owned(),
        );
    }
    if !seen.has_names {
        warnings.push("it has no names, so a backtrace reads `<wasm function 80>`; use `strip = \"debuginfo\"`, not `strip = true`".to_owned());
    }
    if seen.debug_bytes > DEBUG_BYTES_FEW {
        let size = bytes(seen.debug_bytes as u64);
        warnings.push(format!("it carries {size} of debug information; use `strip = \"debuginfo\"`"));
    }
    if seen.has_random_state {
        warnings.push(
            "it uses `HashMap` with the standard hasher, whose order changes with each build; `BTreeMap` keeps it"
                .to_owned(),
        );
    }
    if seen.has_regex {
        warnings
            .push("it has `regex` inside, which costs fuel at each start; plain comparisons are cheaper".to_owned());
    }
    Remarks { toolchain: seen.tools, warnings }
}

#[derive(Default)]
struct Seen {
    tools: Vec<String>,
    has_names: bool,
    has_usual_stack: bool,
    has_random_state: bool,
    has_regex: bool,
    debug_bytes: usize,
}

impl Seen {
    fn look(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::GlobalSection(globals) => {
                // The linker's first global is the stack pointer, and it starts at the top of the stack.
                let first = globals.clone().into_iter().next().and_then(Result::ok);
                let start = first.and_then(|global| global.init_expr.get_operators_reader().read().ok());
                self.has_usual_stack |= matches!(start, Some(Operator::I32Const { value: STACK_BYTES_USUAL }));
            }
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                self.debug_bytes += section.data().len();
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(_) => {
                    self.has_names = true;
                    self.has_random_state |= contains(section.data(), b"RandomState");
                    self.has_regex |= contains(section.data(), b"regex_automata");
                }
                KnownCustom::Producers(fields) => {
                    let values = fields.into_iter().flatten().flat_map(|field| field.values.into_iter().flatten());
                    for tool in values.map(|value| words(format!("{} {}", value.name, value.version).trim())) {
                        if self.tools.len() < TOOLS_MAX && !self.tools.contains(&tool) {
                            self.tools.push(tool);
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}
