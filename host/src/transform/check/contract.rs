//! Whether a component fits the contract, and asks for nothing else.

use std::sync::LazyLock;

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::UploadError;
use crate::contract::CONTRACT;
use crate::transform::wasi;

/// Our own interfaces. All but `log` hold types only, so importing them gives nothing.
const OURS: [&str; 4] = ["log", "events", "actions", "manifest"];
const PACKAGE: &str = "leadline:transform/";

/// What a component may have around it: the contract, and the closed WASI.
static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let text = "package leadline:host;
        world upload { include leadline:transform/transformation@1.0.0; include leadline:closed-wasi/closed-wasi; }";
    let mut resolve = Resolve::default();
    for (name, text) in [
        ("transform.wit", include_str!("../../../../wit/1.0.0/transform.wit")),
        ("wasi.wit", include_str!("../../../wit/wasi.wit")),
        ("upload.wit", text),
    ] {
        resolve.push_str(name, text).expect("our own WIT is right");
    }
    let package = resolve.packages.iter().find(|(_, package)| package.name.name == "host").map(|(id, _)| id);
    let world = resolve.select_world(&[package.expect("it was put in")], Some("upload")).expect("it was put in");
    (resolve, world)
});

/// What was read of a component that fits.
pub(super) struct Fit {
    pub(super) contract: String,
    pub(super) imports: Vec<String>,
    pub(super) needs_wasi: bool,
}

/// Makes the component out of a core module and the contract in its custom section.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, UploadError> {
    let preview1 = imports_of_module(module).any(|name| name == "wasi_snapshot_preview1");
    let no_contract = |reason: String| UploadError::NoContract { reason, needs_adapter: preview1 };
    let carries_contract = Parser::new(0).parse_all(module).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    });
    if !carries_contract {
        return Err(no_contract("it has no `component-type` section".to_owned()));
    }
    if preview1 {
        return Err(no_contract("it imports `wasi_snapshot_preview1`, for which it needs an adapter".to_owned()));
    }
    let encode = || ComponentEncoder::default().module(module)?.validate(true).encode();
    encode().map_err(|error| no_contract(one_line(&error)))
}

fn imports_of_module(module: &[u8]) -> impl Iterator<Item = &str> {
    let sections = Parser::new(0).parse_all(module).filter_map(|payload| match payload {
        Ok(Payload::ImportSection(imports)) => Some(imports),
        _ => None,
    });
    sections.flat_map(|imports| imports.into_imports().flatten()).map(|import| import.module)
}

/// Compares a component with the contract: what it asks for, what it gives, and the types of both.
pub(super) fn fit(component: &[u8]) -> Result<Fit, UploadError> {
    let unfit = |difference: String| UploadError::Contract { difference };
    let decoded = decode(component).map_err(|error| unfit(one_line(&error)))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(unfit("it is a package of WIT, and holds no code".to_owned()));
    };
    let world = &resolve.worlds[world];
    // `use` in a world brings in names of types, which are nothing to call.
    let asked = world.imports.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
    let imports: Vec<_> = asked.map(|(key, _)| resolve.name_world_key(key)).collect();
    for import in &imports {
        allowed(import)?;
    }
    for export in ["describe", "transform"] {
        let has = |(key, item): (_, &WorldItem)| {
            resolve.name_world_key(key) == export && matches!(item, WorldItem::Function(_))
        };
        if !world.exports.iter().any(has) {
            return Err(unfit(format!("export `{export}` is missing")));
        }
    }
    let (ours, upload) = &*WORLD;
    wit_component::targets(ours, *upload, component, true).map_err(|error| unfit(one_line(&error)))?;
    let needs_wasi = imports.iter().any(|import| wasi::offers(import));
    Ok(Fit { contract: CONTRACT.to_owned(), imports, needs_wasi })
}

/// Whether something may be imported.
fn allowed(import: &str) -> Result<(), UploadError> {
    if wasi::offers(import) {
        return Ok(());
    }
    if let Some(rest) = import.strip_prefix(PACKAGE) {
        let (interface, version) = rest.split_once('@').unwrap_or((rest, "no version"));
        let known = CONTRACT.split_once('@').map_or("", |(_, version)| version);
        if version != known {
            let difference = format!("made for {version}; this server knows {known}");
            return Err(UploadError::Contract { difference });
        }
        if OURS.contains(&interface) {
            return Ok(());
        }
    }
    let (without, likely) = LACKING
        .iter()
        .find(|(prefix, _, _)| import.starts_with(prefix))
        .map_or(("nothing but `leadline:transform/log`", None), |(_, without, likely)| (*without, Some(*likely)));
    Err(UploadError::Import {
        import: import.to_owned(),
        without: without.to_owned(),
        likely: likely.map(str::to_owned),
    })
}

/// What is often imported and is not there: what transformations lack, and who brings it in.
const LACKING: [(&str, &str, &str); 5] = [
    (
        "wasi:sockets/",
        "no network",
        "It probably comes from `reqwest`, `hyper`, `ureq` or `std::net`; what HubSpot should do is an action that you return.",
    ),
    (
        "wasi:http/",
        "no network",
        "It probably comes from `reqwest`, `waki` or `fetch` of JavaScript; switch that off (`disableFeatures: ['http', 'fetch-event']`), and return actions instead.",
    ),
    ("wasi:threads", "no threads", "It probably comes from `rayon` or `std::thread`; a run has one thread."),
    ("wasi:keyvalue/", "no storage", "A run remembers nothing; what has to be known is in the event or the settings."),
    ("wasi:", "a closed WASI without it", "Build for `wasm32-unknown-unknown`, which imports no WASI."),
];

/// An error with its causes, on one line.
fn one_line(error: &dyn std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = lines.join("; ");
    let cut = joined.floor_char_boundary(600);
    joined[..cut].to_owned()
}
