//! Hostile guests: the `.wat` texts of `tests/guests`, made into core modules that carry the contract.

use std::path::PathBuf;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The guest of a file. `;; PRELUDE` in it stands for what every honest module has: memory, an allocator, `describe`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let read = |file: &str| std::fs::read_to_string(folder("guests").join(file)).unwrap();
    let text = read(&format!("{name}.wat")).replace(";; PRELUDE", &read("prelude.wat"));
    embed(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}.wat: {error}")), "transformation")
}

/// A core module with our contract in its custom section.
pub(crate) fn embed(module: &[u8], world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder("../wit/1.0.0")).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}
