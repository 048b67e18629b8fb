//! `restart`: a process starts anew on a database in which a million events wait. How long until it is ready, and until
//! the first lead arrives in HubSpot; beside the same with one event waiting.

use std::time::Instant;

use leadline::app;
use leadline::model::time::clock;

use crate::Choice;
use crate::figure::Figure;
use crate::ingest::new_event;
use crate::meter;
use crate::place::Database;
use crate::service::{Service, Setup};

const BENCH: &str = "restart";
const RUNS: usize = 1;
const EVENTS: usize = 1_000_000;
const ACCOUNTS: usize = 20;
/// Events in one commit while the backlog is made.
const GROUP: usize = 256;

struct Start {
    ready_ms: f64,
    first_ms: f64,
    resident_mib: f64,
}

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases() {
        let events = choice.leads(EVENTS);
        let (mut full, mut empty) = (Vec::new(), Vec::new());
        for _ in 0..choice.runs(RUNS) {
            empty.push(start(database, 1).await?);
            full.push(start(database, events).await?);
        }
        let figure = |what: &str, of: fn(&Start) -> f64, unit| {
            let of_each = |starts: &[Start]| starts.iter().map(of).collect::<Vec<_>>();
            let name = format!("{}, {events} events waiting: {what}, beside one waiting", database.name());
            Figure::of(BENCH, name, &of_each(&full), unit).beside(&of_each(&empty))
        };
        figures.push(figure("until it is ready", |start| start.ready_ms, "ms"));
        figures.push(figure("until the first lead arrives", |start| start.first_ms, "ms"));
        figures.push(figure("memory then", |start| start.resident_mib, "MiB"));
    }
    Ok(figures)
}

async fn start(database: Database, events: usize) -> anyhow::Result<Start> {
    let Setup { sync_delay_micros, hubspot, .. } = Setup::default();
    let mut service = Service::prepare(ACCOUNTS, database, sync_delay_micros, hubspot).await?;
    // Portals are known and have nothing to do, as those of a service that has been there for a while.
    service.add_process()?;
    service.warm_up().await?;
    service.end_processes()?;
    fill(&service, events).await?;
    let before = service.applied();
    let started = Instant::now();
    service.add_process()?;
    let ready_ms = started.elapsed().as_secs_f64() * 1e3;
    service.wait_until_applied(before + 1).await?;
    let first_ms = started.elapsed().as_secs_f64() * 1e3;
    let resident_mib = meter::resident_mib(service.processes[0].id())?;
    Ok(Start { ready_ms, first_ms, resident_mib })
}

/// Puts so many events into the store, as the door would.
async fn fill(service: &Service, events: usize) -> anyhow::Result<()> {
    let store = app::open_store(&service.place.config(service.simulator.base_url())).await?;
    let mut group = Vec::with_capacity(GROUP);
    for number in 0..events {
        let source = &service.sources[number % service.sources.len()];
        group.push(new_event(&source.account, &source.id, number));
        if group.len() == GROUP || number + 1 == events {
            store.insert_events(&group, clock()).await?;
            group.clear();
        }
    }
    store.close().await;
    Ok(())
}
