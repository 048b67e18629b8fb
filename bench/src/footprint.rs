//! `footprint`: how long the service takes to start, and what it holds while nothing happens.

use std::time::{Duration, Instant};

use crate::figure::Figure;
use crate::meter;
use crate::place::{Database, Place};
use crate::process::{Part, Process};

const RUNS: usize = 5;
/// A HubSpot that is never called.
const NOBODY: &str = "http://127.0.0.1:9";
/// After this, start-up work is over.
const REST: Duration = Duration::from_millis(1_000);

pub(crate) fn run() -> anyhow::Result<Vec<Figure>> {
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let place = Place::make(Database::Sqlite, 0)?;
        let (service, took) = start(&place)?;
        first.push(took);
        service.end()?;
        let (service, took) = start(&place)?;
        again.push(took);
        std::thread::sleep(REST);
        memory.push(meter::resident_mib(service.id())?);
        service.end()?;
    }
    let size = std::fs::metadata(std::env::current_exe()?.with_file_name("leadline"))
        .map(|file| file.len() as f64 / 1_048_576.0);
    let mut figures = vec![
        Figure::of("footprint", "start-up, beside the first one on an empty folder", &again, "ms").beside(&first),
        Figure::of("footprint", "idle memory", &memory, "MiB"),
    ];
    // There is no such file before `make build`.
    figures.extend(size.ok().map(|size| Figure::alone("footprint", "size of the binary", size, "MiB")));
    Ok(figures)
}

/// Starts the service and waits until it says that it listens, which is after everything is ready.
fn start(place: &Place) -> anyhow::Result<(Process, f64)> {
    let started = Instant::now();
    let service = Process::start(&Part::service(place, NOBODY), place)?;
    Ok((service, started.elapsed().as_secs_f64() * 1e3))
}
