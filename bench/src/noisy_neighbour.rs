//! `noisy-neighbour`: one account dumps a large batch while 99 others send a lead a second each, in an open loop. How long
//! the leads of the others take, beside the same without the batch; and beside first in, first out: the same leads, all
//! of one account, so that they stand in one lane behind the batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::Choice;
use crate::figure::{Figure, percentile};
use crate::load;
use crate::place::Database;
use crate::service::{self, PATIENCE, Posted, Service, Setup};

const BENCH: &str = "noisy-neighbour";
const BATCH: usize = 200_000;
const VICTIMS: usize = 99;
/// A lead a second for each of them.
const EVERY: Duration = Duration::from_nanos(1_000_000_000 / VICTIMS as u64);
/// How long the others are watched alone.
const IDLE: Duration = Duration::from_secs(15);
const CONNECTIONS: usize = 64;
/// The numbers of the others' leads begin here.
const FIRST_VICTIM: usize = 500_000_000;

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases_or(&[Database::Sqlite]) {
        let batch = choice.leads(BATCH);
        let (mut idle, mut beside, drained) = lanes(database, batch).await?;
        let mut fifo = one_lane(database, batch).await?;
        let name = format!("{}, beside a batch of {batch}", database.name());
        for (what, share) in [("p50", 0.5), ("p99", 0.99)] {
            let [idle, beside, fifo] = [&mut idle, &mut beside, &mut fifo].map(|times| percentile(times, share));
            let figure = |against: &str| format!("{name}: others' {what}, {against}");
            figures.push(Figure::alone(BENCH, figure("beside theirs without it"), beside, "ms").beside(&[idle]));
            figures.push(Figure::alone(BENCH, figure("beside theirs in one lane"), beside, "ms").beside(&[fifo]));
        }
        figures.push(Figure::alone(BENCH, format!("{name}: the batch itself"), batch as f64 / drained, "leads/s"));
    }
    Ok(figures)
}

/// Times of the others alone and beside the batch, and the seconds that the batch took.
async fn lanes(database: Database, batch: usize) -> anyhow::Result<(Vec<f64>, Vec<f64>, f64)> {
    let mut service = Arc::new(Service::start(Setup { accounts: VICTIMS + 1, database, ..Setup::default() }).await?);
    service.warm_up().await?;
    let before = service.applied();
    let watched = Instant::now();
    let idle = others(&service, 0, || watched.elapsed() < IDLE).await?;
    service.wait_until_applied(before + idle.len()).await?;
    let (beside, drained) = dump(&service, batch, idle.len()).await?;
    service.wait_until_applied(before + idle.len() + batch + beside.len()).await?;
    let service = Arc::get_mut(&mut service).context("a poster is still at work")?;
    let store = service.settled().await?;
    let times = (service::millis(&store, idle).await?, service::millis(&store, beside).await?, drained);
    store.close().await;
    Ok(times)
}

/// Times of the others where all leads stand in one lane.
async fn one_lane(database: Database, batch: usize) -> anyhow::Result<Vec<f64>> {
    let mut service = Arc::new(Service::start(Setup { database, ..Setup::default() }).await?);
    service.warm_up().await?;
    let before = service.applied();
    let (beside, _) = dump(&service, batch, 0).await?;
    service.wait_until_applied(before + batch + beside.len()).await?;
    let service = Arc::get_mut(&mut service).context("a poster is still at work")?;
    let store = service.settled().await?;
    let times = service::millis(&store, beside).await?;
    store.close().await;
    Ok(times)
}

/// Dumps the batch on the first account while the others go on, until it has arrived. Says what the others sent from
/// this number on, and how many seconds the batch took.
async fn dump(service: &Arc<Service>, batch: usize, first: usize) -> anyhow::Result<(Vec<Posted>, f64)> {
    let before = service.applied_of(0);
    let requests: Arc<Vec<_>> = Arc::new((0..batch).map(|number| service.request_to(0, number)).collect());
    let started = Instant::now();
    let addresses = service.addresses.clone();
    let dumping = tokio::spawn(async move { load::closed_loop(&addresses, requests, CONNECTIONS, PATIENCE).await });
    let is_under_way = || service.applied_of(0) < before + batch && started.elapsed() < PATIENCE;
    let posted = others(service, first, is_under_way).await?;
    let took = started.elapsed().as_secs_f64();
    let (accepted, _) = dumping.await??;
    anyhow::ensure!(accepted == batch, "only {accepted} of a batch of {batch} were accepted in time");
    Ok((posted, took))
}

/// The others' leads from this number on, for as long as it is said.
async fn others(service: &Arc<Service>, first: usize, goes_on: impl Fn() -> bool) -> anyhow::Result<Vec<Posted>> {
    let accounts = service.sources.len();
    let next = |number: u32| {
        let number = first + number as usize;
        // Where there is only one account, all are its own.
        let account = if accounts == 1 { 0 } else { 1 + number % (accounts - 1) };
        goes_on().then(|| service.request_to(account, FIRST_VICTIM + number))
    };
    service::open_loop(service, EVERY, next).await
}
