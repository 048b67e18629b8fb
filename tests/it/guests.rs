//! Hostile guests: the `.wat` texts of `tests/guests`, made into core modules that carry the contract.

use std::path::PathBuf;

use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The contract with the closed WASI in reach. What a module does not import is left out of its component.
const WORLD: &str = "
    package test:guests;
    world guest {
        include leadline:transform/transformation@1.0.0;
        include leadline:closed-wasi/closed-wasi;
    }";

/// The guest of a file. `;; PRELUDE` in it stands for what every honest module has: memory, `describe`, an allocator;
/// `;; MEMORY` for the same without an allocator.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(folder("guests").join(format!("{name}.wat"))).unwrap();
    guest_of(&text)
}

/// The same from a text.
pub(crate) fn guest_of(text: &str) -> Vec<u8> {
    let read = |file: &str| std::fs::read_to_string(folder("guests").join(file)).unwrap();
    let (memory, allocator) = (read("prelude.wat"), read("allocator.wat"));
    let text = text.replace(";; PRELUDE", &format!("{memory}{allocator}")).replace(";; MEMORY", &memory);
    embed(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")))
}

/// A core module with our contract in its custom section, and the closed WASI in reach.
pub(crate) fn embed(module: &[u8]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(folder("../wit/1.0.0")).unwrap();
    resolve.push_path(folder("../host/wit/wasi.wit")).unwrap();
    let package = resolve.push_str("guests.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    with_metadata(module, &resolve, world)
}

/// The text of our contract.
pub(crate) fn contract() -> String {
    std::fs::read_to_string(folder("../wit/1.0.0/transform.wit")).unwrap()
}

/// A core module with a world of any contract in its custom section.
pub(crate) fn embed_of(module: &[u8], wit: &str, world: &str) -> Vec<u8> {
    let (resolve, world) = world_of(wit, world);
    with_metadata(module, &resolve, world)
}

fn with_metadata(module: &[u8], resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

/// A module that does nothing, in the shape of a world.
pub(crate) fn dummy(wit: &str, world: &str) -> Vec<u8> {
    let (resolve, world) = world_of(wit, world);
    dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync))
}

fn world_of(wit: &str, world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    (resolve, world)
}
