//! The service under load: the real one, in processes of its own, with HubSpot's simulator in this one.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hubspot_sim::{Options, Preset, Simulator};
use leadline::app::{self, App};
use leadline::config::Config;
use leadline::connection;
use leadline::hubspot::{CONTACT, NOTE};
use leadline::model::account::{Account, SchemaModes};
use leadline::model::delivery::DeliveryState;
use leadline::model::id::{EventId, SourceId};
use leadline::model::time::{Timestamp, clock};
use leadline::signature::Secret;
use leadline::store::{CreateAccount, EventFilter, NewSource, Store};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::load::{self, Client};
use crate::meter::{self, Usage};
use crate::place::{Database, Place, Rows};
use crate::process::{Part, Process};

/// A limit that nobody reaches: the bench measures us, not HubSpot's fences.
const NO_LIMIT: u32 = 100_000_000;
/// Calls in ten seconds that HubSpot lets a marketplace app make at each portal.
pub(crate) const HUBSPOTS_LIMIT: u32 = 110;
/// Nothing that is measured takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);
/// Leads that are shown when a run comes to nothing.
const LEFT_SHOWN: usize = 3;
/// Accounts that are made at the same time, so that they share commits.
const OPENED_AT_ONCE: usize = 32;
/// The threads that the simulator runs on.
const SIMULATOR: &str = "simulator";
/// How old a signature may be: leads are signed for all of a run before it begins.
const TOLERANCE_S: i64 = 300;

/// What a run is made of.
pub(crate) struct Setup {
    /// Each with a portal and a source of its own.
    pub(crate) accounts: usize,
    pub(crate) database: Database,
    pub(crate) processes: usize,
    pub(crate) sync_delay_micros: u64,
    pub(crate) hubspot: Options,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            accounts: 1,
            database: Database::Sqlite,
            processes: 1,
            sync_delay_micros: 0,
            hubspot: Options { rate_limit: Some(NO_LIMIT), calls_kept: 0, ..Options::default() },
        }
    }
}

pub(crate) struct Service {
    pub(crate) simulator: Simulator,
    pub(crate) sources: Vec<Source>,
    pub(crate) processes: Vec<Process>,
    pub(crate) addresses: Vec<String>,
    pub(crate) place: Place,
    clients: Mutex<Vec<Client>>,
    /// The simulator's own, so that its processor time can be told.
    simulator_runtime: Option<Runtime>,
}

pub(crate) struct Source {
    pub(crate) account: Account,
    pub(crate) id: SourceId,
    path: String,
    secret: Secret,
    pub(crate) portal: i64,
}

/// What everybody who takes part has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) service: Usage,
    /// The database's own processes, where it has some.
    pub(crate) database: Option<Usage>,
    pub(crate) simulator_cpu_seconds: f64,
    pub(crate) load_cpu_seconds: f64,
}

impl Spent {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            service: self.service.since(earlier.service),
            database: self.database.zip(earlier.database).map(|(now, then)| now.since(then)),
            simulator_cpu_seconds: self.simulator_cpu_seconds - earlier.simulator_cpu_seconds,
            load_cpu_seconds: self.load_cpu_seconds - earlier.load_cpu_seconds,
        }
    }
}

/// The runtime of the load.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    threads(load::THREADS)
}

/// A runtime of one thread with such a name. The others that it may start, for work that blocks, come and go.
fn threads(name: &'static str) -> anyhow::Result<Runtime> {
    let started = AtomicBool::new(false);
    let name = move || if started.swap(true, Ordering::Relaxed) { "aside".to_owned() } else { name.to_owned() };
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name_fn(name).enable_all().build()?)
}

impl Service {
    /// Makes everything ready, and starts the processes.
    pub(crate) async fn start(setup: Setup) -> anyhow::Result<Self> {
        let mut service = Self::prepare(setup.accounts, setup.database, setup.sync_delay_micros, setup.hubspot).await?;
        for _ in 0..setup.processes {
            service.add_process()?;
        }
        Ok(service)
    }

    /// The same without a process.
    pub(crate) async fn prepare(
        accounts: usize,
        database: Database,
        sync_delay_micros: u64,
        hubspot: Options,
    ) -> anyhow::Result<Self> {
        let place = Place::make(database, sync_delay_micros)?;
        let simulator_runtime = threads(SIMULATOR)?;
        let simulator = simulator_runtime.spawn(Simulator::start(hubspot)).await??;
        let app = Arc::new(App::connect(&place.config(simulator.base_url())).await?);
        let sources = open_all(&app, &simulator, accounts).await?;
        app.store.close().await;
        Ok(Self {
            simulator,
            sources,
            processes: Vec::new(),
            addresses: Vec::new(),
            place,
            clients: Mutex::default(),
            simulator_runtime: Some(simulator_runtime),
        })
    }

    /// Starts one more process on the same database.
    pub(crate) fn add_process(&mut self) -> anyhow::Result<()> {
        let process = Process::start(&Part::service(&self.place, &self.simulator.base_url()), &self.place)?;
        self.addresses.push(process.address()?);
        self.processes.push(process);
        Ok(())
    }

    /// A signed request that posts this lead to the source that is its own.
    pub(crate) fn request(&self, number: usize) -> Vec<u8> {
        self.request_to(number % self.sources.len(), number)
    }

    /// A signed request that posts this lead to such a source.
    pub(crate) fn request_to(&self, source: usize, number: usize) -> Vec<u8> {
        let source = &self.sources[source];
        signed(&source.path, &source.secret, number)
    }

    pub(crate) fn requests(&self, numbers: impl Iterator<Item = usize>) -> Arc<Vec<Vec<u8>>> {
        Arc::new(numbers.map(|number| self.request(number)).collect())
    }

    /// Posts one signed lead and returns its event once it is acknowledged.
    pub(crate) async fn post(&self, number: usize) -> anyhow::Result<EventId> {
        self.send(&self.request(number)).await
    }

    /// Sends a request on a connection that nobody uses at the moment.
    pub(crate) async fn send(&self, request: &[u8]) -> anyhow::Result<EventId> {
        let idle = self.clients.lock().expect("nobody panics with it").pop();
        let mut client = match idle {
            Some(client) => client,
            None => Client::connect(&self.addresses[0]).await?,
        };
        let answer = client.send(request).await?;
        anyhow::ensure!(answer.status == 202, "a lead was not accepted: {}", answer.status);
        let answer: Value = serde_json::from_slice(answer.body)?;
        let event = answer["event_id"].as_str().with_context(|| format!("no event id in {answer}"))?;
        let event = EventId::stored(event.to_owned());
        self.clients.lock().expect("nobody panics with it").push(client);
        Ok(event)
    }

    /// Posts a lead to each account and waits until they arrived: portals are known then, and code is compiled.
    pub(crate) async fn warm_up(&self) -> anyhow::Result<()> {
        let leads = self.sources.len().max(200);
        let before = self.applied();
        let requests = self.requests(900_000_000..900_000_000 + leads);
        load::closed_loop(&self.addresses, requests, 16, PATIENCE).await?;
        self.wait_until_applied(before + leads).await
    }

    /// Contacts in HubSpot: each lead's first record.
    pub(crate) fn contacts(&self) -> usize {
        self.sources.iter().map(|source| self.simulator.record_count(source.portal, CONTACT)).sum()
    }

    /// Notes in the portal of one source.
    pub(crate) fn applied_of(&self, source: usize) -> usize {
        self.simulator.record_count(self.sources[source].portal, NOTE)
    }

    /// Notes in HubSpot: each lead's last record.
    pub(crate) fn applied(&self) -> usize {
        self.sources.iter().map(|source| self.simulator.record_count(source.portal, NOTE)).sum()
    }

    pub(crate) async fn wait_until_applied(&self, count: usize) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let looked = Instant::now();
            let applied = self.applied();
            if applied >= count {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                let config = self.place.config(self.simulator.base_url());
                let runtime = tokio::runtime::Handle::current();
                let left = tokio::task::spawn_blocking(move || runtime.block_on(left_over(&config))).await??;
                anyhow::bail!("only {applied} of {count} leads are in HubSpot; of the others are\n{left}");
            }
            // To look at a thousand portals takes a while, and must not take much of it.
            tokio::time::sleep(Duration::from_millis(1).max(looked.elapsed() * 20)).await;
        }
    }

    /// What was used up to now.
    pub(crate) fn spent(&self) -> anyhow::Result<Spent> {
        let mut service = Usage { written_bytes: Some(0.0), ..Usage::default() };
        for process in &self.processes {
            service = service.and(process.usage()?);
        }
        Ok(Spent {
            service,
            database: self.place.server_usage()?,
            simulator_cpu_seconds: meter::threads_cpu_seconds(SIMULATOR)?,
            load_cpu_seconds: meter::threads_cpu_seconds(load::THREADS)?,
        })
    }

    /// A number that the processes count.
    pub(crate) async fn counted(&self, metric: &str) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for address in &self.addresses {
            let mut client = Client::connect(address).await?;
            let answer = client.send(&load::request("GET", "/metrics", "", b"")).await?;
            let text = String::from_utf8_lossy(answer.body);
            let value = text.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse::<f64>().ok());
            sum += value.with_context(|| format!("the service does not count `{metric}`"))?;
        }
        Ok(sum)
    }

    /// Ends the processes, and gives the store, in which everything is settled then.
    pub(crate) async fn settled(&mut self) -> anyhow::Result<Store> {
        self.end_processes()?;
        app::open_store(&self.place.config(self.simulator.base_url())).await
    }

    /// Ends the processes, and says what a Postgres database has counted.
    pub(crate) async fn rows(&mut self) -> anyhow::Result<Option<Rows>> {
        self.end_processes()?;
        self.place.rows().await
    }

    pub(crate) fn end_processes(&mut self) -> anyhow::Result<()> {
        self.clients.lock().expect("nobody panics with it").clear();
        self.addresses.clear();
        self.processes.drain(..).try_for_each(Process::end)
    }

    /// Ends everything, and checks that nothing that must not happen has happened.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.end_processes()?;
        let findings = self.simulator.findings();
        anyhow::ensure!(findings.is_empty(), "the simulator found {findings:?}");
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(runtime) = self.simulator_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where some of the leads stand that have not arrived.
async fn left_over(config: &Config) -> anyhow::Result<String> {
    let store = app::open_store(config).await?;
    let mut lines = String::new();
    for event in store.events(&EventFilter { limit: u32::MAX, ..EventFilter::default() }).await? {
        if event.delivery != Some(DeliveryState::Delivered) && lines.lines().count() < LEFT_SHOWN {
            let shown = store.event(&event.id).await?.context("an event is gone")?;
            lines.push_str(&serde_json::to_string(&(&shown.event, &shown.deliveries))?);
            lines.push('\n');
        }
    }
    store.close().await;
    Ok(lines)
}

/// A signed request that posts a lead.
pub(crate) fn signed(path: &str, secret: &Secret, number: usize) -> Vec<u8> {
    let body = lead(number).to_string();
    let (id, at) = (format!("msg_{number}"), clock().seconds());
    let signature = secret.sign(&id, at, body.as_bytes());
    let headers = format!("webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n");
    load::request("POST", path, &headers, body.as_bytes())
}

/// Posts so many leads, from so many connections at once; says how many seconds that took.
pub(crate) async fn post_all(service: &Service, leads: usize, connections: usize) -> anyhow::Result<f64> {
    let requests = service.requests(0..leads);
    let (accepted, seconds) = load::closed_loop(&service.addresses, requests, connections, PATIENCE).await?;
    anyhow::ensure!(accepted == leads, "only {accepted} of {leads} leads were accepted in time");
    Ok(seconds)
}

/// When a lead was to go out, and its event.
pub(crate) type Posted = (Timestamp, EventId);

/// Posts in an open loop, as long as there is a next request: each goes out at its time, whatever became of those
/// before.
pub(crate) async fn open_loop(
    service: &Arc<Service>,
    every: Duration,
    mut next: impl FnMut(u32) -> Option<Vec<u8>>,
) -> anyhow::Result<Vec<Posted>> {
    let (started, begun) = (tokio::time::Instant::now(), clock());
    let mut posters = JoinSet::new();
    let mut number = 0;
    while let Some(request) = next(number) {
        tokio::time::sleep_until(started + every * number).await;
        let service = service.clone();
        posters.spawn(async move { anyhow::Ok((begun + every * number, service.send(&request).await?)) });
        number += 1;
    }
    let mut posted = Vec::new();
    while let Some(done) = posters.join_next().await {
        posted.push(done??);
    }
    Ok(posted)
}

/// Milliseconds from the time at which each lead was to go out until it was settled, after HubSpot's last answer.
pub(crate) async fn millis(store: &Store, posted: Vec<Posted>) -> anyhow::Result<Vec<f64>> {
    let mut millis = Vec::new();
    for (intended, event) in posted {
        let shown = store.event(&event).await?.with_context(|| format!("event {event} is gone"))?;
        let done = shown.deliveries.last().and_then(|shown| shown.delivery.done_at);
        let done = done.with_context(|| format!("event {event} has not arrived"))?;
        millis.push(done.since(intended).as_millis() as f64);
    }
    Ok(millis)
}

async fn open_all(app: &Arc<App>, simulator: &Simulator, accounts: usize) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut opening = JoinSet::new();
    for number in 0..accounts {
        if opening.len() >= OPENED_AT_ONCE {
            sources.extend(opening.join_next().await.transpose()?.transpose()?);
        }
        let (app, simulator) = (app.clone(), simulator.clone());
        opening.spawn(async move { open(&app, &simulator, &format!("dealer-{number}")).await });
    }
    while let Some(source) = opening.join_next().await {
        sources.push(source??);
    }
    Ok(sources)
}

async fn open(app: &App, simulator: &Simulator, slug: &str) -> anyhow::Result<Source> {
    let account = make_account(&app.store, slug).await?;
    let now = clock();
    let portal = simulator.add_portal(Preset::Ready, slug);
    let token = SecretString::from(portal.access_token);
    let connection = connection::connect(&app.store, &account, portal.id, &token, now).await?;
    connection::use_transformation(&app.store, &account, &connection, "default", json!({ "country": "US" }), now)
        .await?;
    let (id, secret) = make_source(&app.store, &account).await?;
    Ok(Source { path: path(&id), account, id, secret, portal: portal.id })
}

pub(crate) async fn make_account(store: &Store, slug: &str) -> anyhow::Result<Account> {
    match store.create_account(slug, slug, clock()).await? {
        CreateAccount::Created(account) => Ok(account),
        CreateAccount::SlugTaken => anyhow::bail!("the slug {slug} is taken"),
    }
}

/// A new source, and its secret.
pub(crate) async fn make_source(store: &Store, account: &Account) -> anyhow::Result<(SourceId, Secret)> {
    let secret = SecretString::from(Secret::generate());
    let modes = SchemaModes::new();
    let new = NewSource {
        account_id: &account.id,
        name: "bench",
        tolerance_s: TOLERANCE_S,
        schema_modes: &modes,
        rate: 0,
        secret: &secret,
    };
    let source = store.create_source(new, clock()).await?;
    Ok((source.id, Secret::parse(secret.expose_secret())?))
}

/// Where the events of a source go.
pub(crate) fn path(source: &SourceId) -> String {
    format!("/v1/sources/{source}/events")
}

/// A lead of about one kilobyte, of a person of its own.
pub(crate) fn lead(number: usize) -> Value {
    json!({
        "type": "lead.captured.v1",
        "timestamp": "2026-11-23T08:00:00Z",
        "data": {
            "id": format!("lead_{number}"), "name": format!("Maya Lind {number}"), "email": format!("maya.{number}@example.com"),
            "phone": "(305) 555-0187", "status": "new", "priority": "high", "origin": "chat_widget",
            "vehicle": { "make": "Honda", "model": "CR-V", "year": 2027, "trim": "EX-L" },
            "budget": { "min": 34_000, "max": 38_000, "currency": "USD" },
            "notes": [
                { "at": "2026-11-23T07:57:10Z", "text": "Hi, is the blue CR-V EX-L from your website still there? We would trade in a 2019 Accord." },
                { "at": "2026-11-23T07:58:02Z", "text": "Evenings after six are best for me, and my wife would like to come along for the test drive." },
                { "at": "2026-11-23T07:58:40Z", "text": "Could you also tell me what the payments would be over sixty months with five thousand down?" }
            ],
            "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" },
            "consent": { "text": "I agree to be contacted about my request.", "at": "2026-11-23T07:59:00Z" }
        }
    })
}
