//! `leadline hubspot`: a HubSpot to try things with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use hubspot_sim::{OAuthApp, Options, Portal, Preset, Simulator};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Result};
use crate::connection::scopes::{Feature, PERMISSIONS};
use crate::serve;

/// The app that the simulator knows from the start. Its secret guards nothing but play.
const CLIENT_ID: &str = "leadline-sim";
const CLIENT_SECRET: &str = "leadline-sim-secret";
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Run the HubSpot simulator alone, until Ctrl-C.
    Sim(SimArgs),
}

#[derive(clap::Args, Debug)]
pub struct SimArgs {
    /// Address to listen on; loopback only.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A portal to begin with; may be repeated. `ready` has the properties of the default transformation, `bare` only
    /// what every account has, `strict` required fields and rules, `deals` a second pipeline and the key of deals,
    /// `busy` 5,000 contacts.
    #[arg(long = "portal", default_values = ["ready", "deals"], value_name = "KIND[=NAME]")]
    portals: Vec<NewPortal>,
    /// The same seed, clock and calls give the same answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls that a portal takes in ten seconds; 0 is no limit.
    #[arg(long, default_value_t = 110)]
    rate_limit: u32,
    /// Where the app's consent comes back to; it must end in `/oauth/callback` for this service.
    #[arg(long, default_value = "http://localhost:8080/oauth/callback", value_name = "URL")]
    redirect_url: String,
    /// File that the state is read from, where it exists, and saved to at the end.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// A portal to begin with: what it has, and what it is called.
#[derive(Clone, Debug)]
struct NewPortal {
    preset: Preset,
    name: String,
}

impl FromStr for NewPortal {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (kind, name) = text.split_once('=').unwrap_or((text, ""));
        let preset = Preset::named(kind).ok_or("it is one of ready, bare, strict, deals, busy")?;
        let name = if name.is_empty() { format!("Portal {kind}") } else { name.to_owned() };
        Ok(Self { preset, name })
    }
}

#[derive(Serialize)]
struct Shown {
    id: i64,
    name: String,
    /// Opens nothing but a simulator on this machine.
    token: String,
}

pub async fn run(command: Command, context: &mut Context<'_>) -> Result<()> {
    let Command::Sim(args) = command;
    if !["https://", "http://localhost:", "http://localhost/"].iter().any(|start| args.redirect_url.starts_with(start))
    {
        let text = format!("HubSpot redirects to https, or to http://localhost; not to {}", args.redirect_url);
        return Err(Failure::usage(text));
    }
    let rate_limit = Some(args.rate_limit).filter(|limit| *limit > 0);
    let options = Options { address: args.listen, seed: args.seed, rate_limit, ..Options::default() };
    let simulator = Simulator::start(options).await.map_err(|error| {
        Failure::failed(format!("the simulator cannot listen on {}: {error}", args.listen))
            .hint("choose another loopback address with `--listen`")
    })?;
    let asked_to_end = serve::asked_to_end()?;
    match args.state.as_ref().filter(|file| file.exists()) {
        Some(file) => simulator.load(file).map_err(|error| unusable(file, &error))?,
        None => furnish(&simulator, &args),
    }
    let portals: Vec<_> = simulator.portals().into_iter().map(shown).collect();
    let base_url = simulator.base_url();
    if context.json {
        context.json(&json!({ "data": { "url": base_url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "portals": portals } }))?;
    } else {
        let row = |portal: &Shown| vec![portal.id.to_string(), portal.name.clone(), portal.token.clone()];
        context.list(&portals, &["Portal", "Name", "Token"], row, "It has no portals.")?;
        writeln!(
            context.out,
            "\nThe simulator listens on {base_url}: API, consent page, records, and faults to set. Ctrl-C ends it.\n  \
             Let the service use it  leadline serve --hubspot-url {base_url} --hubspot-app-url {base_url} --hubspot-client-id {CLIENT_ID}\n  \
             The app's secret        {CLIENT_SECRET}"
        )?;
    }
    context.out.flush()?;
    asked_to_end.await;
    if let Some(file) = &args.state {
        simulator.save(file).map_err(|error| unusable(file, &error))?;
    }
    simulator.stop().await;
    Ok(())
}

fn furnish(simulator: &Simulator, args: &SimArgs) {
    for portal in &args.portals {
        simulator.add_portal(portal.preset, &portal.name);
    }
    simulator.add_app(OAuthApp {
        name: "Leadline".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        redirect_urls: vec![args.redirect_url.clone()],
        required_scopes: scopes(|feature| feature == Feature::Contacts),
        optional_scopes: scopes(|feature| feature != Feature::Contacts),
    });
}

fn scopes(of: fn(Feature) -> bool) -> Vec<String> {
    PERMISSIONS.iter().filter(|one| of(one.feature)).map(|one| one.scope.to_owned()).collect()
}

fn shown(portal: Portal) -> Shown {
    Shown { id: portal.id, name: portal.name, token: portal.access_token }
}

fn unusable(file: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("the state file {} cannot be used: {error}", file.display()))
}
