//! The simulator as a program of its own: portals to connect to, until it is interrupted.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use hubspot_sim::{Options, Preset, Simulator};

/// A HubSpot stand-in on a loopback address.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[arg(long, default_value = "127.0.0.1:8090")]
    address: SocketAddr,
    /// The same seed and the same calls give the same ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// `ready`, `bare`, `strict`, `deals` or `busy`, and a name; as often as there are portals.
    #[arg(long = "portal", value_name = "PRESET=NAME", default_value = "ready=Sunset Motors")]
    portals: Vec<String>,
    /// Goes on from a saved state; then no portal is added.
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Saves the state here when it ends.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let options = Options { address: args.address, seed: args.seed, ..Options::default() };
    let simulator = Simulator::start(options).await?;
    let mut out = io::stdout();
    match &args.load {
        Some(file) => simulator.load(file)?,
        None => {
            for text in &args.portals {
                let (preset, name) = portal(text)?;
                let portal = simulator.add_portal(preset, name);
                writeln!(out, "{} {}: {}", portal.id, portal.name, portal.access_token)?;
            }
        }
    }
    writeln!(out, "{}", simulator.base_url())?;
    tokio::signal::ctrl_c().await?;
    if let Some(file) = &args.save {
        simulator.save(file)?;
    }
    simulator.stop().await;
    Ok(())
}

fn portal(text: &str) -> io::Result<(Preset, &str)> {
    let (preset, name) = text.split_once('=').unwrap_or((text, "Sunset Motors"));
    let preset = Preset::named(preset);
    let why = || io::Error::new(io::ErrorKind::InvalidInput, format!("there is no preset in `{text}`"));
    Ok((preset.ok_or_else(why)?, name))
}
