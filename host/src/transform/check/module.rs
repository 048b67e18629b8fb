//! From a core module to a component: the contract that it was built for lies in its custom section.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use super::imports::reason;
use super::refusal::{UploadError, words};

const SECTION: &str = "component-type";
const WITH_THE_SDK: &str = "Build it with `guest-sdk`, which embeds it";

/// The component of a sound module.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, UploadError> {
    let asked = Asked::of(module);
    if let Some(import) = &asked.wasip1 {
        return Err(refused(
            format!("it imports `{}` and needs an adapter", words(import)),
            "Build for `wasm32-unknown-unknown`, or run `cargo component build`",
        ));
    }
    if let Some(import) = &asked.javascript {
        return Err(UploadError::Import { import: words(import), reason: reason(import).to_owned() });
    }
    if !asked.contract {
        return Err(refused(format!("it has no `{SECTION}` section"), WITH_THE_SDK));
    }
    let encode = || ComponentEncoder::default().module(module)?.validate(true).encode();
    // Both may be the upload's doing: metadata that is damaged, or exports that do not fit it.
    encode().map_err(|error| match contradiction(&error) {
        Some(difference) => UploadError::Contract { difference },
        None => refused(format!("what it embeds cannot be used: {}", words(&format!("{error:#}"))), WITH_THE_SDK),
    })
}

fn refused(reason: String, remedy: &str) -> UploadError {
    UploadError::NoContract { reason, remedy: remedy.to_owned() }
}

/// In what the module contradicts the world that it embeds.
fn contradiction(error: &anyhow::Error) -> Option<String> {
    let text = format!("{error:#}");
    let about = [
        "failed to find export",
        "missing export",
        "does not export",
        "type mismatch",
        "module requires an import",
        "no such",
        "failed to resolve import",
        "instance not valid to be used",
    ];
    about.iter().any(|about| text.contains(about)).then(|| words(&text))
}

/// What a module says about its surroundings.
#[derive(Default)]
struct Asked {
    contract: bool,
    wasip1: Option<String>,
    javascript: Option<String>,
}

impl Asked {
    fn of(module: &[u8]) -> Self {
        let mut asked = Self::default();
        for payload in Parser::new(0).parse_all(module).flatten() {
            match payload {
                Payload::CustomSection(section) => asked.contract |= section.name().starts_with(SECTION),
                Payload::ImportSection(section) => {
                    for import in section.into_imports().flatten() {
                        let name = || Some(format!("{}/{}", import.module, import.name));
                        if import.module.starts_with("wasi_snapshot") || import.module == "wasi_unstable" {
                            asked.wasip1 = asked.wasip1.or_else(name);
                        } else if import.module.contains("wbindgen") {
                            asked.javascript = asked.javascript.or_else(name);
                        }
                    }
                }
                _ => {}
            }
        }
        asked
    }
}
