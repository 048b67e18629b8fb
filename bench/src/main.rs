//! Benchmarks: `cargo run --release -p bench -- [NAME ...] [--json]`. Figures are medians of several runs, each beside a
//! baseline of the same run, because machines are shared and noisy.

mod end_to_end;
mod figure;
mod footprint;
mod hubspot;
mod latency;
mod machine;
mod sandbox;
mod service;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// Measures Leadline on this machine.
#[derive(Parser)]
struct Args {
    /// Which to run; all where none is named.
    benches: Vec<Bench>,
    /// One JSON object a figure, each on a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// Microseconds an event in a fresh sandbox, beside the same mapping as native Rust.
    Sandbox,
    /// Leads per second from signed POST to HubSpot simulator, with SQLite at FULL.
    EndToEnd,
    /// One portal at its rate limit: leads per second, calls per lead, share of the limit; and one lead alone.
    Hubspot,
    /// From accepted to applied, at 100 leads a second.
    Latency,
    /// Start-up time and idle memory.
    Footprint,
}

fn main() -> ExitCode {
    // The footprint bench starts this very program as the service, so that it measures what is built in.
    if let Some(code) = footprint::serve_if_child() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if !args.json {
        writeln!(out, "{}\n", machine::fingerprint()?)?;
    }
    let benches = if args.benches.is_empty() { Bench::value_variants() } else { &args.benches };
    let mut figures = Vec::new();
    for bench in benches {
        let measured = match bench {
            Bench::Sandbox => sandbox::run()?,
            Bench::EndToEnd => service::runtime()?.block_on(end_to_end::run())?,
            Bench::Hubspot => service::runtime()?.block_on(hubspot::run())?,
            Bench::Latency => service::runtime()?.block_on(latency::run())?,
            Bench::Footprint => footprint::run()?,
        };
        for figure in &measured {
            if args.json {
                writeln!(out, "{}", serde_json::to_string(figure)?)?;
            }
        }
        figures.extend(measured);
    }
    if !args.json {
        writeln!(out, "{}", figure::table(&figures))?;
    }
    Ok(())
}
