//! `leadline demo`: everything at work in one process, with a HubSpot simulator. Two dealerships are made, the signed
//! events of `examples/` are posted to the public endpoint, and a table says what became of each in HubSpot.

mod scene;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Result};
use super::output::{progress, table};
use crate::access::{self, NewLink};
use crate::app::App;
use crate::config::{Config, Listen};
use crate::model::access::{Actor, Reach, Role};
use crate::text::cut;
use crate::view::Lead;
use crate::{serve, stock, telemetry};
use scene::Scene;

/// Every lead of the demo is in HubSpot long before this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of a reason, what keeps the table narrow.
const REASON_CHARS_MAX: usize = 44;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    listen: Listen,
    /// Address of the simulator: its API and its pages.
    #[arg(long, env = "LEADLINE_DEMO_SIMULATOR", default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    simulator: std::net::SocketAddr,
    /// End after the table; exit code 0 only if every lead has the outcome that its example expects.
    #[arg(long)]
    once: bool,
}

pub async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    // A demo that ends at once takes whatever address is free, so that it disturbs nobody.
    let (listen, simulator) = match args.once {
        true => (([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()),
        false => (args.listen.listen, args.simulator),
    };
    let folder = tempfile::tempdir()?;
    let simulator =
        hubspot_sim::Simulator::start(hubspot_sim::Options { address: simulator, ..Default::default() }).await;
    let simulator = simulator.map_err(|error| {
        Failure::failed(format!("the simulator cannot listen: {error}"))
            .hint("choose another address with `--simulator`")
    })?;
    let listener = tokio::net::TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| {
        Failure::failed(format!("cannot listen on {listen}: {error}")).hint("choose another address with `--listen`")
    })?;
    let address = format!("http://{}", listener.local_addr()?);
    // HubSpot sends people back to no other address without TLS.
    let pages = format!("http://localhost:{}", listener.local_addr()?.port());
    let config = Config {
        data: folder.path().join("data"),
        keys: None,
        database: None,
        hubspot_url: simulator.base_url(),
        public_url: Some(pages.clone()),
        ..context.config.clone()
    };
    let config = scene::hubspot_app(&simulator, &pages, config)?;
    let app = Arc::new(App { metrics: telemetry::init_metrics(), ..App::connect(&config).await? });

    let asked_to_end = serve::asked_to_end()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let service =
        tokio::spawn(serve::run(app.clone(), serve::Manner::default(), listener, async move { drop(ended.await) }));
    let scene = Scene::set(&app, &simulator).await?;
    let leads = post_all(&scene, &app, &address).await?;
    let problems = scene.differences(&leads);
    if context.json {
        context.json(&json!({ "leads": leads.iter().map(|(_, lead)| lead).collect::<Vec<_>>() }))?;
    } else {
        writeln!(context.out, "{}", scene.heading())?;
        writeln!(context.out, "{}", draw(&scene, &leads))?;
        for problem in &problems {
            writeln!(context.out, "not as expected: {problem}")?;
        }
        let delivered = leads.iter().filter(|(_, lead)| lead.contact.is_some()).count();
        writeln!(
            context.out,
            "{} events, {delivered} leads in HubSpot, {} not as their example expects. Stock transformations: {}.",
            leads.len(),
            problems.len(),
            stock::ORIGIN
        )?;
    }
    if !args.once {
        let data = config.data.display();
        writeln!(
            context.out,
            "\nStill running; Ctrl-C ends it and forgets everything.\n  The dashboard     {}\n  HubSpot's side    {}\n  Post your own     leadline --data {data} event send FILE --sign --source {} --url {address}\n  What became of it leadline --data {data} event list\n  Numbers           {address}/metrics",
            sign_in(&app, &pages).await?,
            simulator.base_url(),
            scene.first_source(),
        )?;
        context.out.flush()?;
        asked_to_end.await;
    }
    // The receiver is gone only if the service ended by itself, and then its result says why.
    end.send(()).ok();
    service.await.map_err(anyhow::Error::from)??;
    simulator.stop().await;
    app.store.close().await;
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::problems(format!("{count} findings: something is not as its example expects"))),
    }
}

/// A link that signs the operator in, for as long as somebody plays with the demo.
async fn sign_in(app: &App, address: &str) -> Result<String> {
    const HOUR: Duration = Duration::from_secs(3600);
    let by = Actor::in_role("demo", Role::Operator, Reach::All);
    let new = NewLink {
        reach: Reach::All,
        name: "you",
        role: Role::Operator,
        life: HOUR,
        session: access::SESSION_LIFE,
        is_embedded: false,
    };
    let (text, _) = access::make_link(&app.store, &by, new, (app.clock)()).await?;
    Ok(format!("{address}/sign-in/{}", text.expose_secret()))
}

/// Posts every example and waits until each has its fate. Keeps the order of the examples.
async fn post_all(scene: &Scene, app: &App, address: &str) -> Result<Vec<(usize, Lead)>> {
    let bar = progress(scene.examples.len() as u64, "posting leads");
    let mut posted = Vec::new();
    for index in 0..scene.examples.len() {
        posted.push((index, scene.post(index, app, address).await?));
        bar.inc(1);
    }
    bar.reset();
    bar.set_message("carrying them out");
    let mut leads = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for (index, event) in posted {
        loop {
            let lead = scene.lead(index, app, &event).await?;
            if lead.is_final() || tokio::time::Instant::now() > deadline {
                leads.push((index, lead));
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(leads)
}

/// The table that a person reads.
fn draw(scene: &Scene, leads: &[(usize, Lead)]) -> String {
    let mut table = table(&["Lead", "Account", "In HubSpot", "Contact", "Note", "Deal", "Left out", "Time"]);
    let dash = || "–".to_owned();
    for (index, lead) in leads {
        let fate = match (lead.outcome, &lead.reason) {
            ("created", _) => "contact created".to_owned(),
            ("updated", _) => "contact updated".to_owned(),
            (outcome, Some(reason)) => format!("{outcome}: {}", shorten(reason)),
            (outcome, None) => outcome.to_owned(),
        };
        table.add_row(vec![
            scene.who(*index),
            scene.account_name(*index).to_owned(),
            fate,
            lead.contact.as_ref().map_or_else(dash, |contact| contact.id.clone()),
            lead.note.as_ref().map_or_else(dash, |note| note.id.clone()),
            lead.deal
                .as_ref()
                .map_or_else(dash, |deal| format!("{} in {}", deal.id, scene.stage_label(&deal.pipeline, &deal.stage))),
            if lead.dropped.is_empty() { dash() } else { lead.dropped.join(", ") },
            lead.millis.map_or_else(dash, |millis| format!("{millis} ms")),
        ]);
    }
    for column in [3, 4, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table.to_string()
}

fn shorten(reason: &str) -> String {
    // The guest's own words say it all; who says so is in `event show`.
    let words = reason.split_once(": \"").map_or(reason, |(_, quoted)| quoted.trim_end_matches('"'));
    cut(words, REASON_CHARS_MAX)
}
