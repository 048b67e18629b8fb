//! `footprint`: how long the service takes to start, and what it holds while nothing happens.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser as _;
use leadline::cli::Cli;

use crate::figure::{Figure, median};

const RUNS: usize = 5;
/// Set for the child that is the service.
const CHILD: &str = "LEADLINE_BENCH_CHILD";
/// After this, start-up work is over.
const REST: Duration = Duration::from_millis(1_000);

/// Becomes the service where the bench started this program as one.
pub(crate) fn serve_if_child() -> Option<ExitCode> {
    let folder = std::env::var_os(CHILD)?;
    let words = ["leadline".into(), "--data".into(), folder, "serve".into(), "--listen".into(), "127.0.0.1:0".into()];
    Some(leadline::cli::run(Cli::parse_from(words), &mut std::io::stdout()))
}

pub(crate) fn run() -> anyhow::Result<Vec<Figure>> {
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let folder = tempfile::tempdir()?;
        let (service, took) = start(folder.path())?;
        first.push(took);
        stop(service)?;
        let (service, took) = start(folder.path())?;
        again.push(took);
        std::thread::sleep(REST);
        memory.push(resident_mib(service.id())?);
        stop(service)?;
    }
    let size = std::fs::metadata(std::env::current_exe()?.with_file_name("leadline"))
        .map(|file| file.len() as f64 / 1_048_576.0);
    let first = median(&mut first);
    let mut figures = vec![
        Figure::alone("footprint", "start-up, beside the first one on an empty folder", median(&mut again), "ms")
            .beside(first),
        Figure::alone("footprint", "idle memory", median(&mut memory), "MiB"),
    ];
    // There is no such file before `make build`.
    figures.extend(size.ok().map(|size| Figure::alone("footprint", "size of the binary", size, "MiB")));
    Ok(figures)
}

/// Starts the service and waits until it says that it listens, which is after everything is ready.
fn start(folder: &Path) -> anyhow::Result<(Child, f64)> {
    let started = Instant::now();
    let mut service = Command::new(std::env::current_exe()?).env(CHILD, folder).stdout(Stdio::piped()).spawn()?;
    let out = service.stdout.take().ok_or_else(|| anyhow::anyhow!("the service has no output"))?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    anyhow::ensure!(line.contains("listens on"), "the service did not start: {line}");
    Ok((service, started.elapsed().as_secs_f64() * 1e3))
}

fn stop(mut service: Child) -> anyhow::Result<()> {
    service.kill()?;
    service.wait()?;
    Ok(())
}

fn resident_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| anyhow::anyhow!("the process does not say what memory it holds"))
}
