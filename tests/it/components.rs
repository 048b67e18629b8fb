//! The stock components: small, closed, and not older than their sources.

use std::path::{Path, PathBuf};

use leadline::stock;
use leadline::transform::{Transformer, component};
use sha2::{Digest as _, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// As `make components` lists them: hash and path, in the order of the paths.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|end| ["rs", "wit", "json"].iter().any(|known| end == *known))
                || path.ends_with("Cargo.toml")
            {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    ["wit", "guest-sdk", "guest-default", "guest-deals"]
        .iter()
        .for_each(|folder| walk(&root().join(folder), &mut files));
    let mut sources: Vec<_> = files
        .iter()
        .map(|path| {
            let hash = Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
            (path.strip_prefix(root()).unwrap().display().to_string(), hash)
        })
        .collect();
    sources.sort();
    sources
}

#[test]
fn checked_in_components_are_made_of_todays_sources() {
    let listed = std::fs::read_to_string(root().join("host/components/SOURCES")).unwrap();
    let mut listed: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect();
    listed.sort();
    let today = sources();
    let changed: Vec<_> = today.iter().filter(|source| !listed.contains(source)).map(|(path, _)| path).collect();
    assert!(
        changed.is_empty() && listed.len() == today.len(),
        "the components in host/components are older than {changed:?}; run `make components`"
    );
}

#[test]
fn stock_components_are_small_and_closed() {
    let kept = |name: &str| std::fs::read(root().join(format!("host/components/{name}.wasm"))).unwrap();
    let transformer = Transformer::new().unwrap();
    for (name, bytes) in [
        ("default", stock::DEFAULT.to_vec()),
        ("deals", stock::DEALS.to_vec()),
        ("default", kept("guest_default")),
        ("deals", kept("guest_deals")),
    ] {
        assert!(bytes.len() < 100_000, "{name} has {} bytes", bytes.len());
        // Anything but our own `log` and types is refused here.
        let manifest = transformer.compile(&bytes).unwrap().describe().unwrap();
        assert_eq!((manifest.name.as_str(), manifest.event_types), (name, vec!["lead.captured.v1".to_owned()]));
        assert!(component(&bytes).unwrap().starts_with(b"\0asm\x0d\0\x01\0"));
    }
}
