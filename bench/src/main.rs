//! Benchmarks: `cargo run --release -p bench -- [NAME ...] [--json]`. Figures are medians of several runs, each beside a
//! baseline of the same run, because machines are shared and noisy.

mod accounts;
mod disk;
mod end_to_end;
mod figure;
mod footprint;
mod hubspot;
mod ingest;
mod latency;
mod load;
mod logs;
mod machine;
mod meter;
mod noisy_neighbour;
mod outage;
mod place;
mod process;
mod raw;
mod restart;
mod rivals;
mod rollback;
mod sandbox;
mod service;
mod upload;
mod versions;
mod watching;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use place::Database;

/// As in the service: it is measured in processes of this very program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Leadline on this machine.
#[derive(Parser)]
struct Args {
    /// Which to run; all where none is named.
    benches: Vec<Bench>,
    /// One JSON object a figure, each on a line.
    #[arg(long)]
    json: bool,
    /// Also keep the values of all runs, with machine and versions, in a file of this folder.
    #[arg(long, value_name = "DIR")]
    raw: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

/// Which part of a bench to run, and how much of it; what is not named is as it says itself.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Choice {
    /// Runs of each figure.
    #[arg(long, value_name = "COUNT")]
    runs: Option<usize>,
    /// Leads, or events, of a run.
    #[arg(long, value_name = "COUNT")]
    leads: Option<usize>,
    /// Portals, each of an account of its own.
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    portals: Vec<usize>,
    /// Databases to run on.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    database: Vec<Database>,
    /// Processes of the service, on Postgres.
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    processes: Vec<usize>,
    /// Connections of the load.
    #[arg(long, value_delimiter = ',', value_name = "COUNTS")]
    connections: Vec<usize>,
    /// What is added to each sync of the disk, such as `0,1600`: the disks of this world differ a thousandfold.
    #[arg(long, value_delimiter = ',', default_value = "0,1600", value_name = "MICROS")]
    sync_delay_micros: Vec<u64>,
}

impl Choice {
    fn runs(&self, usual: usize) -> usize {
        self.runs.unwrap_or(usual)
    }

    fn leads(&self, usual: usize) -> usize {
        self.leads.unwrap_or(usual)
    }

    fn portals(&self, usual: &[usize]) -> Vec<usize> {
        or(&self.portals, usual)
    }

    fn databases(&self) -> Vec<Database> {
        self.databases_or(Database::value_variants())
    }

    fn databases_or(&self, usual: &[Database]) -> Vec<Database> {
        or(&self.database, usual)
    }

    fn processes(&self, usual: &[usize]) -> Vec<usize> {
        or(&self.processes, usual)
    }

    fn connections(&self, usual: &[usize]) -> Vec<usize> {
        or(&self.connections, usual)
    }

    fn delays(&self) -> Vec<u64> {
        self.sync_delay_micros.clone()
    }
}

fn or<T: Clone>(chosen: &[T], usual: &[T]) -> Vec<T> {
    if chosen.is_empty() { usual.to_vec() } else { chosen.to_vec() }
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// Microseconds an event in a fresh sandbox, beside the same mapping as native Rust.
    Sandbox,
    /// Durable acknowledgements a second, beside a commit for each event.
    Ingest,
    /// Leads a second from signed POST to HubSpot's simulator, and what a lead costs.
    EndToEnd,
    /// One portal at its rate limit: leads per second, calls per lead, share of the limit; and one lead alone.
    Hubspot,
    /// From accepted to applied, at 100 leads a second.
    Latency,
    /// A large batch of one account, and what the others feel of it.
    NoisyNeighbour,
    /// Three days without HubSpot in virtual time: calls, attempts, and the drain.
    Outage,
    /// A start with many events waiting: until it is ready, and until the first lead arrives.
    Restart,
    /// What a lead costs beside a hundred thousand accounts that do nothing.
    Accounts,
    /// Start-up time and idle memory.
    Footprint,
    /// From the bytes of a transformation to a version that may be enabled.
    Upload,
    /// Ten thousand accounts, each on a version of its own.
    Versions,
    /// From a rollback to the first lead that goes through the version before, also from another process.
    Rollback,
    /// What the dashboard reads, with a million leads in one account.
    Logs,
    /// Leads a second while ten dashboards watch the account, beside none.
    Watching,
}

fn main() -> ExitCode {
    // The benches start this very program as the service, so that they measure what is built in.
    if let Some(code) = process::become_child() {
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
    let fingerprint = machine::fingerprint()?;
    if !args.json {
        writeln!(out, "{fingerprint}\n")?;
    }
    let benches = if args.benches.is_empty() { Bench::value_variants() } else { &args.benches };
    let mut figures = Vec::new();
    let choice = &args.choice;
    for bench in benches {
        let measured = match bench {
            Bench::Sandbox => sandbox::run()?,
            Bench::Ingest => service::runtime()?.block_on(ingest::run(choice))?,
            Bench::EndToEnd => service::runtime()?.block_on(end_to_end::run(choice))?,
            Bench::Hubspot => service::runtime()?.block_on(hubspot::run())?,
            Bench::Latency => service::runtime()?.block_on(latency::run())?,
            Bench::NoisyNeighbour => service::runtime()?.block_on(noisy_neighbour::run(choice))?,
            Bench::Outage => service::runtime()?.block_on(outage::run(choice))?,
            Bench::Restart => service::runtime()?.block_on(restart::run(choice))?,
            Bench::Accounts => service::runtime()?.block_on(accounts::run(choice))?,
            Bench::Footprint => footprint::run()?,
            Bench::Upload => service::runtime()?.block_on(upload::run(choice))?,
            Bench::Versions => versions::run(choice)?,
            Bench::Rollback => service::runtime()?.block_on(rollback::run(choice))?,
            Bench::Logs => service::runtime()?.block_on(logs::run(choice))?,
            Bench::Watching => service::runtime()?.block_on(watching::run(choice))?,
        };
        for figure in &measured {
            if args.json {
                writeln!(out, "{}", serde_json::to_string(figure)?)?;
            }
        }
        figures.extend(measured);
        if let Some(folder) = &args.raw {
            // After each bench, so that one that fails takes no others with it.
            raw::keep(folder, &fingerprint, &figures)?;
        }
    }
    if !args.json {
        writeln!(out, "{}", figure::table(&figures))?;
    }
    Ok(())
}
