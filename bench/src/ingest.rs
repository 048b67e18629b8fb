//! `ingest`: durable acknowledgements a second. The door of the service alone, with nothing behind it, so that only the
//! way to the commit is measured. The baseline commits each event by itself, with the same statements and without HTTP.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadline::app;
use leadline::config::Config;
use leadline::digest::sha256_hex;
use leadline::model::account::Account;
use leadline::model::event::NewEvent;
use leadline::model::id::{EventId, SourceId};
use leadline::model::time::{Timestamp, clock};

use crate::Choice;
use crate::figure::Figure;
use crate::load::{self, closed_loop};
use crate::meter;
use crate::place::{Database, Place};
use crate::process::{Part, Process};
use crate::service::{lead, make_account, make_source, path, signed};

const BENCH: &str = "ingest";
const RUNS: usize = 3;
const CONNECTIONS: [usize; 3] = [1, 16, 128];
const ACCOUNTS: usize = 20;
const WARM_UP: Duration = Duration::from_millis(500);
const TIME: Duration = Duration::from_secs(3);
/// More than one run takes in.
const REQUESTS: usize = 90_000;

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = ceiling(choice).await?;
    for delay in choice.delays() {
        for database in choice.databases() {
            figures.extend(measure(choice, database, delay).await?);
        }
    }
    Ok(figures)
}

async fn measure(choice: &Choice, database: Database, delay: u64) -> anyhow::Result<Vec<Figure>> {
    let mut alone = Vec::new();
    let connections = choice.connections(&CONNECTIONS);
    let (mut rates, mut cpu, mut written) = (vec![vec![]; connections.len()], vec![], vec![]);
    for _ in 0..choice.runs(RUNS) {
        let place = Place::make(database, delay)?;
        let baseline = Process::start(&Part::commit_each(&place, TIME), &place)?;
        alone.push(baseline.said.trim().parse()?);
        drop(baseline);
        for (index, count) in connections.iter().enumerate() {
            let place = Place::make(database, delay)?;
            let requests = requests(&place).await?;
            let door = Process::start(&Part::door(&place), &place)?;
            let addresses = [door.address()?];
            let warm = Arc::new(requests.1);
            closed_loop(&addresses, warm, *count, WARM_UP).await?;
            let before = (door.usage()?, place.server_usage()?);
            let (accepted, seconds) = closed_loop(&addresses, Arc::new(requests.0), *count, TIME).await?;
            rates[index].push(accepted as f64 / seconds);
            if index + 1 == connections.len() {
                let mut used = door.usage()?.since(before.0);
                if let (Some(now), Some(before)) = (place.server_usage()?, before.1) {
                    used = used.and(now.since(before));
                }
                cpu.push(used.cpu_seconds * 1e6 / accepted as f64);
                written.extend(used.written_bytes.map(|bytes| bytes / 1024.0 / accepted as f64));
            }
        }
    }
    let name = database.name();
    let mut figures = Vec::new();
    for (count, rates) in connections.iter().zip(&rates) {
        let words = if *count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
        let figure = Figure::of(BENCH, format!("{name}, {words}, beside a commit an event"), rates, "acks/s");
        figures.push(figure.beside(&alone).delayed(delay));
    }
    let most = connections.last().copied().unwrap_or_default();
    let figure = |what: &str, runs: &[f64], unit| {
        Figure::of(BENCH, format!("{name}, {most} connections: {what}"), runs, unit).delayed(delay)
    };
    figures.push(figure("processor time of service and database", &cpu, "µs/ack"));
    figures.push(figure("written to disk", &written, "KiB/ack"));
    Ok(figures)
}

/// Signed leads for the sources of a new database: those that are measured, and those that warm up.
async fn requests(place: &Place) -> anyhow::Result<(Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    let store = app::open_store(&place.config(String::new())).await?;
    let mut sources = Vec::new();
    for number in 0..ACCOUNTS {
        let account = make_account(&store, &format!("dealer-{number}")).await?;
        let (id, secret) = make_source(&store, &account).await?;
        sources.push((path(&id), secret));
    }
    store.close().await;
    let request = |number: usize| {
        let (path, secret) = &sources[number % sources.len()];
        signed(path, secret, number)
    };
    Ok(((0..REQUESTS).map(request).collect(), (REQUESTS..REQUESTS + REQUESTS / 4).map(request).collect()))
}

/// What the load could send at most: the same requests to somebody who only says 202.
async fn ceiling(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let (mut rates, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..choice.runs(RUNS) {
        let place = Place::make(Database::Sqlite, 0)?;
        let requests = requests(&place).await?;
        let yes = Process::start(&Part::Yes, &place)?;
        let addresses = [yes.address()?];
        let most = choice.connections(&CONNECTIONS).last().copied().unwrap_or(1);
        closed_loop(&addresses, Arc::new(requests.1), most, WARM_UP).await?;
        let before = meter::threads_cpu_seconds(load::THREADS)?;
        let (accepted, seconds) = closed_loop(&addresses, Arc::new(requests.0), most, TIME).await?;
        rates.push(accepted as f64 / seconds);
        cpu.push((meter::threads_cpu_seconds(load::THREADS)? - before) * 1e6 / accepted as f64);
    }
    Ok(vec![
        Figure::of(BENCH, "ceiling of the load: the same posts to somebody who only says 202", &rates, "acks/s"),
        Figure::of(BENCH, "ceiling of the load: its own processor time", &cpu, "µs/ack"),
    ])
}

/// The baseline: one commit for each event, one after the other, for so long. Says how many a second.
pub(crate) async fn commit_each(config: Config, time: Duration) -> anyhow::Result<()> {
    let store = app::open_store(&config).await?;
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        let account = make_account(&store, &format!("dealer-{number}")).await?;
        accounts.push((account, SourceId::new(clock())));
    }
    let mut started = Instant::now();
    let (mut number, mut counted) = (0, None);
    while counted.is_none() || started.elapsed() < time {
        if counted.is_none() && started.elapsed() >= WARM_UP {
            (started, counted) = (Instant::now(), Some(number));
        }
        let (account, source) = &accounts[number % accounts.len()];
        store.insert_events(&[new_event(account, source, number)], clock()).await?;
        number += 1;
    }
    let rate = (number - counted.unwrap_or(0)) as f64 / started.elapsed().as_secs_f64();
    store.close().await;
    writeln!(std::io::stdout(), "{rate}")?;
    Ok(())
}

/// An event as the door would hand it to the store now.
pub(crate) fn new_event(account: &Account, source: &SourceId, number: usize) -> NewEvent {
    event_at(account, source, number, clock())
}

/// An event as the door would hand it to the store at such a time.
pub(crate) fn event_at(account: &Account, source: &SourceId, number: usize, now: Timestamp) -> NewEvent {
    let body = lead(number).to_string();
    NewEvent {
        id: EventId::new(now),
        account_id: account.id.clone(),
        source_id: source.clone(),
        sender_id: format!("msg_{number}"),
        event_type: "lead.captured.v1".to_owned(),
        occurred_at: now,
        body_hash: sha256_hex(body.as_bytes()),
        body,
    }
}
