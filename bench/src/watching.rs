//! `watching`: leads a second from signed POST to HubSpot's simulator while ten dashboards watch the account, beside the
//! same without a dashboard; the two take turns on the same service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use leadline::access::{NewKey, make_key};
use leadline::app;
use leadline::model::access::{Actor, Reach, Right, Role};
use leadline::model::time::clock;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Choice;
use crate::figure::Figure;
use crate::load;
use crate::place::Database;
use crate::service::{PATIENCE, Service, Setup};

const BENCH: &str = "watching";
const RUNS: usize = 5;
const LEADS: usize = 20_000;
const DASHBOARDS: usize = 10;
const CONNECTIONS: usize = 64;
/// Who watches sees what came before, too; then nothing is left to be told.
const QUIET: Duration = Duration::from_secs(2);

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases() {
        figures.extend(measure(database, choice.runs(RUNS), choice.leads(LEADS)).await?);
    }
    Ok(figures)
}

async fn measure(database: Database, runs: usize, leads: usize) -> anyhow::Result<Vec<Figure>> {
    let service = Service::start(Setup { database, ..Setup::default() }).await?;
    service.warm_up().await?;
    let key = key(&service).await?;
    let (mut alone, mut watched, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for run in 0..runs {
        // In turns, so that neither has the fuller database: each is first in every second run.
        for is_watched in if run % 2 == 0 { [false, true] } else { [true, false] } {
            let dashboards = match is_watched {
                true => Some(Dashboards::open(&service, &key).await?),
                false => None,
            };
            let rate = deliver(&service, first, leads).await?;
            first += leads;
            match dashboards {
                Some(dashboards) => {
                    watched.push(rate);
                    told.push(dashboards.close().await?);
                }
                None => alone.push(rate),
            }
        }
    }
    service.end().await?;
    let name = database.name();
    let rate = format!("{name}: {DASHBOARDS} dashboards watch, beside none");
    Ok(vec![
        Figure::of(BENCH, rate, &watched, "leads/s").beside(&alone),
        Figure::of(BENCH, format!("{name}: what a dashboard is told"), &told, "KiB"),
    ])
}

/// A key that may look at everything.
async fn key(service: &Service) -> anyhow::Result<String> {
    let store = app::open_store(&service.place.config(service.simulator.base_url())).await?;
    let operator = Actor::in_role("bench", Role::Operator, Reach::All);
    let new = NewKey { reach: Reach::All, name: "bench", rights: &[Right::Read], expires_at: None };
    let (_, secret) = make_key(&store, &operator, new, clock()).await?;
    store.close().await;
    Ok(secret.expose_secret().to_owned())
}

/// Leads a second, until all have arrived.
async fn deliver(service: &Service, first: usize, leads: usize) -> anyhow::Result<f64> {
    // Whatever the last run left to do.
    tokio::time::sleep(QUIET).await;
    let applied = service.applied();
    let requests = service.requests(first..first + leads);
    let started = Instant::now();
    let (accepted, _) = load::closed_loop(&service.addresses, requests, CONNECTIONS, PATIENCE).await?;
    anyhow::ensure!(accepted == leads, "only {accepted} of {leads} leads were accepted in time");
    service.wait_until_applied(applied + leads).await?;
    Ok(leads as f64 / started.elapsed().as_secs_f64())
}

/// Lists that somebody looks at.
struct Dashboards {
    readers: JoinSet<()>,
    bytes: Arc<AtomicUsize>,
}

impl Dashboards {
    /// Loads the list and follows it, as a browser does; several times.
    async fn open(service: &Service, key: &str) -> anyhow::Result<Self> {
        let (mut readers, bytes) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        let address = service.addresses.first().context("no process answers")?;
        let list = format!("/accounts/{}/logs", service.sources[0].account.slug);
        for _ in 0..DASHBOARDS {
            let page = get(address, &list, key, "close").await?;
            let page = read_to_end(page).await?;
            let (_, stream) = page.split_once("<ll-live-list src=\"").context("the list is not live")?;
            let stream = stream.split('"').next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&");
            let mut stream = get(address, &stream, key, "keep-alive").await?;
            let bytes = bytes.clone();
            readers.spawn(async move {
                let mut piece = vec![0; 64 << 10];
                while let Ok(read @ 1..) = stream.read(&mut piece).await {
                    bytes.fetch_add(read, Ordering::Relaxed);
                }
            });
        }
        Ok(Self { readers, bytes })
    }

    /// Says how many KiB each was told.
    async fn close(mut self) -> anyhow::Result<f64> {
        anyhow::ensure!(
            self.readers.len() == DASHBOARDS && self.readers.try_join_next().is_none(),
            "a stream ended early"
        );
        self.readers.shutdown().await;
        let bytes = self.bytes.load(Ordering::Relaxed);
        anyhow::ensure!(bytes > 0, "the dashboards were told nothing");
        Ok(bytes as f64 / 1024.0 / DASHBOARDS as f64)
    }
}

async fn get(address: &str, path: &str, key: &str, connection: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\naccept: text/html\r\nconnection: {connection}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

async fn read_to_end(mut stream: TcpStream) -> anyhow::Result<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    anyhow::ensure!(
        answer.starts_with("HTTP/1.1 200"),
        "the list is not served: {}",
        answer.lines().next().unwrap_or("")
    );
    Ok(answer)
}
