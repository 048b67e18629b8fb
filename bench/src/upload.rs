//! `upload`: from the bytes of a stock transformation to a version that may be enabled, each time with another hash,
//! beside compiling alone in this very process.

use std::time::Instant;

use leadline::app;
use leadline::config::Config;
use leadline::model::time::clock;
use leadline::stock;
use leadline::store::HOUSE;
use leadline::transform::Transformer;
use leadline::upload::{Upload, Uploaded, upload};

use crate::Choice;
use crate::figure::Figure;

const RUNS: usize = 9;

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let config = Config::on(folder.path().join("data"), "http://127.0.0.1:9".to_owned());
    let store = app::open_store(&config).await?;
    let transformer = app::open_transformer(&config)?;
    let here = Transformer::new()?;
    let mut figures = Vec::new();
    for (name, bytes) in [("default", stock::DEFAULT), ("deals", stock::DEALS)] {
        let (mut ready, mut alone) = (Vec::new(), Vec::new());
        for run in 0..choice.runs(RUNS) {
            let account = format!("acc_{run}"); // each has its ten uploads an hour
            let bytes = with_section(bytes, run);
            let started = Instant::now();
            here.compile(&bytes)?;
            alone.push(started.elapsed().as_secs_f64() * 1e3);
            let owner = if run == 0 { HOUSE } else { &account };
            let asked = Upload { account: owner, name, note: "", by: "bench", bytes, samples: Vec::new() };
            let started = Instant::now();
            match upload(&store, &transformer, asked, clock()).await? {
                Uploaded::New(_) => ready.push(started.elapsed().as_secs_f64() * 1e3),
                Uploaded::Known(_) => anyhow::bail!("the upload is known already"),
                Uploaded::Refused(refusal) => anyhow::bail!("the upload was refused: {refusal}"),
            }
        }
        let figure = format!("`{name}`, upload to ready, beside compiling in this process");
        figures.push(Figure::of("upload", figure, &ready, "ms").beside(&alone));
    }
    store.close().await;
    Ok(figures)
}

/// The same component with a custom section of its own, and so with a hash of its own.
fn with_section(bytes: &[u8], number: usize) -> Vec<u8> {
    let text = format!("{number:08}");
    let name = b"bench";
    let mut bytes = bytes.to_vec();
    bytes.extend([0, u8::try_from(1 + name.len() + text.len()).expect("it is short"), name.len() as u8]);
    bytes.extend(name);
    bytes.extend(text.as_bytes());
    bytes
}
