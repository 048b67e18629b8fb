//! What a component may import: our own interfaces, and of WASI what toolchains bring along. Anything else is refused,
//! with what probably brings it in.

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::Types;

use super::contract::Border;
use super::refusal::{UploadError, words};
use crate::transform::wasi;

/// Goes through the imports by name and kind. Those of our package are compared with the contract elsewhere.
pub(super) fn allow(types: &Types, border: &Border) -> Result<(), UploadError> {
    for name in &border.imports {
        let allowed = match types.component_item_for_import(name).map(|item| item.ty) {
            Some(ComponentEntityType::Instance(_)) => name.starts_with("leadline:transform/") || wasi::offers(name),
            // The world's own types, such as `refusal`: a name for a type asks for nothing. A resource does.
            Some(ComponentEntityType::Type { referenced: ComponentAnyTypeId::Defined(_), .. }) => true,
            Some(_) | None => false,
        };
        if !allowed {
            return Err(UploadError::Import { import: words(name), reason: reason(name).to_owned() });
        }
    }
    Ok(())
}

/// Why there is no such thing here, and who probably asks for it.
pub(super) fn reason(import: &str) -> &'static str {
    let starts = |start: &str| import.starts_with(start);
    if starts("wasi:sockets") {
        "Transformations have no network. It probably comes from `tokio`, `mio`, `socket2` or `std::net`; leave them out, or switch off their default features"
    } else if starts("wasi:http") {
        "Transformations have no network: CRM calls are what they return. It probably comes from `reqwest`, `waki` or `wstd`, in JavaScript from `fetch`; leave them out, or componentize with `disableFeatures: ['http', 'fetch-event']`"
    } else if starts("wasi:") && import.split_once('@').is_some_and(|(_, version)| version.starts_with("0.3")) {
        "WASI 0.3 is not there yet. Build with a toolchain for WASI 0.2, or for `wasm32-unknown-unknown`"
    } else if starts("wasi:clocks/timezone") {
        "Events have times in UTC, and there is no time zone here. It probably comes from `chrono` with the feature `clock`; switch that off"
    } else if starts("wasi:keyvalue") || starts("wasi:blobstore") || starts("wasi:config") || starts("wasi:logging") {
        "Transformations keep nothing between events. What an account may change belongs in the settings, and lines for people in `log`"
    } else if starts("wasi:threads") || import.contains("thread-spawn") {
        "Transformations have one thread. It probably comes from `rayon`; switch its use off"
    } else if starts("wasi:") {
        "Of WASI there is only what toolchains bring along for printing, time and chance. Build for `wasm32-unknown-unknown`, which needs none of it"
    } else if import.contains("wasm-bindgen") || import.contains("wbindgen") {
        "There is no JavaScript around it. It comes from `wasm-bindgen`, often by way of `getrandom` or `chrono`; switch off the features `js` and `wasmbind`"
    } else {
        "Transformations may import `leadline:transform/log` only, and the WASI that toolchains bring along. Remove it from the world that the component was built for"
    }
}
