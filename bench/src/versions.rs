//! `versions`: ten thousand accounts, each on a version of its own: memory, and what a lead costs whose version has to be
//! loaded first, beside one whose version is in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use leadline::digest::sha256_hex;
use leadline::model::id::VersionId;
use leadline::seal::KeyRing;
use leadline::stock;
use leadline::transform::{Artifacts, Compiler, Transformer, compatibility};

use crate::Choice;
use crate::figure::Figure;
use crate::meter;
use crate::sandbox::PlainLead;

const VERSIONS: usize = 10_000;
const WARM: u32 = 2_000;

pub(crate) fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let keys = Arc::new(KeyRing::open_file(&folder.path().join("keys"))?);
    let (artifacts, hashes) = fill(&folder.path().join("compiled"), &keys, choice.leads(VERSIONS))?;
    let transformer = Transformer::with(Compiler::Here, Some(artifacts))?;
    let PlainLead { event, settings, .. } = PlainLead::read()?;

    let before = meter::resident_mib(std::process::id())?;
    let (mut cold, mut most) = (Vec::new(), before);
    for hash in &hashes {
        let started = Instant::now();
        let id = VersionId::stored(hash.clone());
        let loaded = transformer.load(&id, hash).context("a compiled version is not there")?;
        anyhow::ensure!(loaded.run(&event, &settings).actions.is_ok(), "the transformation fails");
        cold.push(started.elapsed().as_secs_f64() * 1e6);
        if cold.len() % 500 == 0 {
            most = most.max(meter::resident_mib(std::process::id())?);
        }
    }
    let last = VersionId::stored(hashes.last().context("no versions")?.clone());
    let started = Instant::now();
    for _ in 0..WARM {
        let loaded = transformer.loaded(&last).context("the newest version is not in memory")?;
        anyhow::ensure!(loaded.run(&event, &settings).actions.is_ok(), "the transformation fails");
    }
    let warm = started.elapsed().as_secs_f64() * 1e6 / f64::from(WARM);
    let count = hashes.len();
    Ok(vec![
        Figure::of("versions", "a lead whose version is loaded first, beside one in memory", &cold, "µs")
            .beside(&[warm]),
        Figure::alone("versions", format!("memory with {count} versions in use"), most, "MiB").beside(&[before]),
    ])
}

/// What was compiled of so many versions: the same code under as many hashes.
fn fill(folder: &Path, keys: &Arc<KeyRing>, count: usize) -> anyhow::Result<(Artifacts, Vec<String>)> {
    let artifacts = Artifacts::open(folder, compatibility()?, keys.clone())?;
    let code = Compiler::Here.compile(stock::DEFAULT)?.artifact;
    let hashes: Vec<_> = (0..count).map(|number| sha256_hex(&number.to_le_bytes())).collect();
    for hash in &hashes {
        artifacts.keep(hash, &code);
    }
    Ok((artifacts, hashes))
}
