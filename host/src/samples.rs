//! The files of `examples/`, built into the binary: what the demo posts, the tests run, and every upload is tried on.

use serde_json::{Value, json};

#[derive(rust_embed::RustEmbed)]
#[folder = "../examples"]
#[include = "*/*.json"]
#[exclude = "guests/*"]
struct Files;

/// An event as a source posts it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The name of its folder.
    pub name: String,
    pub body: Vec<u8>,
    /// Of the account that it is posted to.
    pub settings: Value,
}

/// The names of the cases, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<_> = Files::iter().filter_map(|file| Some(file.split_once('/')?.0.to_owned())).collect();
    names.sort();
    names.dedup();
    names
}

/// A file of a case.
pub fn file(name: &str, file: &str) -> Option<Vec<u8>> {
    Files::get(&format!("{name}/{file}")).map(|file| file.data.into_owned())
}

/// The event of every case.
pub fn events() -> Vec<Sample> {
    let event = |name: String| {
        let settings = file(&name, "settings.json").and_then(|text| serde_json::from_slice(&text).ok());
        file(&name, "event.json").map(|body| Sample { name, body, settings: settings.unwrap_or_else(|| json!({})) })
    };
    names().into_iter().filter_map(event).collect()
}
