//! The one harness: the real server on port 0, a database of its own, the simulator, and a clock that stands still
//! until a test moves it. Tests call the worker's own steps; nothing sleeps and nothing polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hubspot_sim::{Clock, FindingKind, Options, Preset, Simulator};
use leadline::app::{self, App};
use leadline::clock::ClockWatch;
use leadline::config::{Config, Role};
use leadline::model::account::{Account, Connection, Policy, SchemaModes};
use leadline::model::event::EventState;
use leadline::model::id::{EventId, SourceId};
use leadline::model::lane::{LaneKind, Step};
use leadline::model::time::{Timestamp, machine_clock};
use leadline::signature::Secret;
use leadline::store::{CreateAccount, EventFilter, NewSource, ShownEvent, Store};
use leadline::upload::{self, Upload, Uploaded};
use leadline::view::{self, Lead};
use leadline::{connection, deliver, http, process, serve};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::cli::leadline;

/// When every test begins: noon in UTC, on a Monday.
pub(crate) const NOON: Timestamp = Timestamp(1_795_435_200_000);

/// Opens the management API of every test.
pub(crate) const API_TOKEN: &str = "operator-token-of-these-tests";

/// Posts that are on their way at once when many leads are sent.
const SENDERS: usize = 64;

/// A running service with its simulator.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) hubspot: Simulator,
    pub(crate) address: String,
    now: Arc<AtomicI64>,
    /// How far the machine's clock was set, in milliseconds.
    set_by: Arc<AtomicI64>,
    folder: TempDir,
}

/// What the databases of these tests are copies of, on a Postgres server: its tables are made once.
const MADE: &str = "leadline_made";

/// The database of a folder on the Postgres server that these tests are given; none where they are given no server,
/// and run on SQLite.
async fn database_in(folder: &TempDir) -> Option<String> {
    let server = std::env::var("LEADLINE_TEST_POSTGRES").ok()?;
    let name: String =
        folder.path().file_name()?.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect();
    let name = format!("test_{}", name.to_lowercase());
    let (address, _) = server.rsplit_once('/')?;
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    make_once(&mut connection, address).await;
    let copy = format!("CREATE DATABASE {name} TEMPLATE {MADE}");
    if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&mut connection).await {
        // A second process on the same data.
        assert!(error.to_string().contains(&format!("\"{name}\" already exists")), "{error}");
    }
    Some(format!("{address}/{name}"))
}

/// Whoever comes first makes what the others copy; they wait for it.
async fn make_once(connection: &mut sqlx::PgConnection, address: &str) {
    let lock = sqlx::query("SELECT pg_advisory_lock(1)");
    lock.execute(&mut *connection).await.unwrap();
    let is_made = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(MADE);
    if is_made.fetch_optional(&mut *connection).await.unwrap().is_none() {
        sqlx::query("DROP DATABASE IF EXISTS leadline_in_the_making").execute(&mut *connection).await.unwrap();
        sqlx::query("CREATE DATABASE leadline_in_the_making").execute(&mut *connection).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::on(folder.path().join("data"), String::new());
        config.database = Some(format!("{address}/leadline_in_the_making"));
        app::open_store(&config).await.unwrap().close().await;
        let rename = format!("ALTER DATABASE leadline_in_the_making RENAME TO {MADE}");
        sqlx::query(sqlx::AssertSqlSafe(rename)).execute(&mut *connection).await.unwrap();
    }
    sqlx::query("SELECT pg_advisory_unlock(1)").execute(connection).await.unwrap();
}

/// The program whose child compiles: these tests are no program that could.
pub(crate) fn compiler() -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("leadline");
    assert!(program.exists(), "{} is missing; `cargo build -p leadline` makes it", program.display());
    program
}

/// Where all tests keep what was compiled, so that each component is compiled once.
pub(crate) fn compiled() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// The defaults for a service of these tests.
pub(crate) fn config_on(data: std::path::PathBuf, hubspot_url: String) -> Config {
    Config { compiler: Some(compiler()), compiled: Some(compiled()), ..Config::on(data, hubspot_url) }
}

/// One key ring for all tests: what one of them compiled is trusted by the others.
fn share_keys(config: &Config) {
    app::make_data_folder(config).unwrap();
    let ring = config.key_ring();
    if !ring.exists() {
        std::fs::write(&ring, "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n").unwrap();
        std::fs::set_permissions(&ring, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// An empty store on the database that these tests are run on.
pub(crate) async fn open_store(folder: &TempDir) -> Store {
    let mut config = Config::on(folder.path().join("data"), String::new());
    config.database = database_in(folder).await;
    app::open_store(&config).await.unwrap()
}

/// One account, connected to a portal of the simulator, with a source.
pub(crate) struct Dealer {
    pub(crate) account: Account,
    pub(crate) connection: Connection,
    pub(crate) hubspot: hubspot_sim::Portal,
    pub(crate) source: SourceId,
    pub(crate) secret: SecretString,
}

impl Dealer {
    /// The id of the portal.
    pub(crate) fn portal(&self) -> i64 {
        self.hubspot.id
    }

    /// The same account with another source.
    pub(crate) fn with_source(&self, source: SourceId, secret: SecretString) -> Self {
        let (account, connection, hubspot) = (self.account.clone(), self.connection.clone(), self.hubspot.clone());
        Self { account, connection, hubspot, source, secret }
    }
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _, _| ()).await
    }

    /// The same, with settings that `set` makes of the configuration, the simulator, and the service's port.
    pub(crate) async fn start_with(set: impl FnOnce(&mut Config, &Simulator, u16)) -> Self {
        let hubspot = Simulator::start(Options { clock: Clock::Standing(NOON.0), ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self::start_on(folder, hubspot, NOON, set).await
    }

    async fn start_on(
        folder: TempDir,
        hubspot: Simulator,
        at: Timestamp,
        set: impl FnOnce(&mut Config, &Simulator, u16),
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = config_on(folder.path().join("data"), hubspot.base_url());
        config.database = database_in(&folder).await;
        share_keys(&config);
        let token = folder.path().join("api-token");
        std::fs::write(&token, format!("{API_TOKEN}\n")).unwrap();
        config.api_token_file = Some(token);
        set(&mut config, &hubspot, listener.local_addr().unwrap().port());
        let now = Arc::new(AtomicI64::new(at.0));
        let clock = now.clone();
        let app = App::connect_at(&config, Arc::new(move || Timestamp(clock.load(Ordering::SeqCst)))).await.unwrap();
        let set_by = Arc::new(AtomicI64::new(0));
        let set = set_by.clone();
        let wall = move || Timestamp(machine_clock().0 + set.load(Ordering::SeqCst));
        let clock_watch = ClockWatch::new(Arc::new(wall)).with_rest(Duration::from_millis(500));
        let app = Arc::new(App { clock_watch, ..app });
        app.store.void_leases().await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = http::router(app.clone(), &Role::ALL);
        tokio::spawn(http::serve(listener, router, http::Limits::default(), std::future::pending()));
        Self { app, hubspot, address, now, set_by, folder }
    }

    /// Another process on the same data, at the same time. Nobody asks it over HTTP.
    pub(crate) async fn beside(&self) -> Arc<App> {
        let mut config = config_on(self.data(), self.hubspot.base_url());
        config.database = self.database().await;
        Arc::new(App::connect_at(&config, self.app.clock.clone()).await.unwrap())
    }

    /// The process dies and another one starts on the same data; the simulator lives on.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| ()).await
    }

    /// The same, with settings of its own.
    pub(crate) async fn restart_with(self, set: impl FnOnce(&mut Config)) -> Self {
        let at = self.now();
        // Nothing is settled and nothing is closed: what was not committed is gone.
        Self::start_on(self.folder, self.hubspot, at, |config, _, _| set(config)).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    /// Somebody sets the machine's clock; HubSpot's goes on as before.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.set_by.fetch_add(by_ms, Ordering::SeqCst);
        self.now.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// The clock of the service, for what moves it.
    pub(crate) fn clock(&self) -> Arc<AtomicI64> {
        self.now.clone()
    }

    /// The Postgres database that the service works on, if it does.
    pub(crate) async fn database(&self) -> Option<String> {
        database_in(&self.folder).await
    }

    /// Moves the clock of service and simulator.
    pub(crate) fn advance(&self, by: Duration) {
        self.set_clock(self.now() + by);
    }

    fn set_clock(&self, to: Timestamp) {
        self.now.store(to.0, Ordering::SeqCst);
        self.hubspot.set_clock(to.0);
    }

    /// Starts the loops of the service itself beside this test, and lets the clock go: for what comes from outside, and
    /// when it likes.
    pub(crate) async fn let_go(&self) {
        let (now, set_by, hubspot) = (self.now.clone(), self.set_by.clone(), self.hubspot.clone());
        let begin = self.now().0 - set_by.load(Ordering::SeqCst);
        let started = std::time::Instant::now();
        tokio::spawn(async move {
            loop {
                let passed = i64::try_from(started.elapsed().as_millis()).unwrap();
                now.store(begin + passed + set_by.load(Ordering::SeqCst), Ordering::SeqCst);
                hubspot.set_clock(begin + passed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ready = format!("http://{}/readyz", listener.local_addr().unwrap());
        let run = serve::run(self.app.clone(), serve::Manner::default(), listener, std::future::pending());
        tokio::spawn(async move { run.await.unwrap() });
        assert_eq!(reqwest::get(ready).await.unwrap().status(), 200); // everything that comes before the first request is done
    }

    /// A dealership that uses a stock transformation.
    pub(crate) async fn dealer(&self, slug: &str, preset: Preset, transformation: &str, settings: Value) -> Dealer {
        let account = self.account(slug).await;
        let portal = self.hubspot.add_portal(preset, slug);
        let token = SecretString::from(portal.access_token.clone());
        let connection = connection::connect(&self.app.store, &account, portal.id, &token, self.now()).await.unwrap();
        connection::use_transformation(&self.app.store, &account, &connection, transformation, settings, self.now())
            .await
            .unwrap();
        // Its portal was read a minute ago, so that the calls of a test are those of its leads.
        let (store, clock) = (&self.app.store, &*self.app.clock);
        let session = connection::session::open(store, &self.app.hubspot, &connection, clock).await;
        let a_minute_ago = self.now() - Duration::from_secs(60);
        connection::care::look_after(store, &session.unwrap(), a_minute_ago).await.unwrap();
        let (source, secret) = self.source(&account).await;
        Dealer { account, connection, hubspot: portal, source, secret }
    }

    /// An account that is connected to nothing.
    pub(crate) async fn account(&self, slug: &str) -> Account {
        match self.app.store.create_account(slug, slug, self.now()).await.unwrap() {
            CreateAccount::Created(account) => account,
            CreateAccount::SlugTaken => panic!("the slug {slug} is taken"),
        }
    }

    /// A source of an account, with its secret.
    pub(crate) async fn source(&self, account: &Account) -> (SourceId, SecretString) {
        let secret = SecretString::from(Secret::generate());
        let modes = SchemaModes::new();
        let new = NewSource {
            account_id: &account.id,
            name: "chat",
            tolerance_s: 300,
            schema_modes: &modes,
            rate: 0,
            secret: &secret,
        };
        (self.app.store.create_source(new, self.now()).await.unwrap().id, secret)
    }

    /// A client with the operator's token.
    pub(crate) fn operator(&self) -> reqwest::Client {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {API_TOKEN}").parse().unwrap());
        reqwest::Client::builder().default_headers(headers).build().unwrap()
    }

    /// The folder that the service works in.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a command beside the service, on the same data, as the binary does.
    pub(crate) async fn command(&self, args: &[&str]) -> (u8, String) {
        let (folder, hubspot, database) = (self.data(), self.hubspot.base_url(), database_in(&self.folder).await);
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let run = move || {
            let mut words = vec!["--hubspot-url", &hubspot];
            words.extend(database.iter().flat_map(|url| ["--database", url]));
            words.extend(args.iter().map(String::as_str));
            leadline(&folder, &words)
        };
        tokio::task::spawn_blocking(run).await.unwrap() // a thread without a runtime
    }

    /// Runs a statement on the Postgres database.
    pub(crate) async fn execute(&self, text: &str) {
        let database = database_in(&self.folder).await.expect("the test is on Postgres");
        let mut connection = sqlx::PgConnection::connect(&database).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    }

    /// The partitions of a table; none on SQLite.
    pub(crate) async fn partitions(&self, table: &str) -> Option<Vec<String>> {
        let database = database_in(&self.folder).await?;
        let mut connection = sqlx::PgConnection::connect(&database).await.unwrap();
        let names = sqlx::query_scalar(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1",
        );
        Some(names.bind(table).fetch_all(&mut connection).await.unwrap())
    }

    /// A dealership that uses the default transformation, in a portal that has every property.
    pub(crate) async fn connected(&self, slug: &str) -> Dealer {
        self.dealer(slug, Preset::Ready, "default", json!({ "country": "US" })).await
    }

    /// Installs a component for one account and binds it to captured leads.
    pub(crate) async fn install(&self, dealer: &Dealer, name: &str, bytes: &[u8]) {
        self.upload(dealer.account.id.as_str(), name, bytes).await;
        connection::use_transformation(
            &self.app.store,
            &dealer.account,
            &dealer.connection,
            name,
            json!({}),
            self.now(),
        )
        .await
        .unwrap();
    }

    /// Makes a version of a component, without enabling it.
    pub(crate) async fn upload(&self, account: &str, name: &str, bytes: &[u8]) {
        let upload = Upload { account, name, note: "", by: "a test", bytes: bytes.to_vec(), samples: Vec::new() };
        let (store, transformer) = (&self.app.store, &self.app.transformer);
        let uploaded = upload::take(store, transformer, &upload, self.now()).await.unwrap();
        assert!(matches!(uploaded, Uploaded::New(_)), "{uploaded:?}");
    }

    /// Posts a signed body.
    pub(crate) async fn post(&self, dealer: &Dealer, id: &str, body: &[u8]) -> Answer {
        let at = self.now().seconds();
        let signature = Secret::parse(dealer.secret.expose_secret()).unwrap().sign(id, at, body);
        let headers = [("webhook-id", id), ("webhook-timestamp", &at.to_string()), ("webhook-signature", &signature)];
        self.post_raw(dealer.source.as_str(), &headers, body.to_vec()).await
    }

    /// Posts whatever a sender may come up with.
    pub(crate) async fn post_raw(
        &self,
        source: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request =
            reqwest::Client::new().post(format!("{}/v1/sources/{source}/events", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            body: response.json().await.unwrap_or(Value::Null),
        }
    }

    /// Posts a lead of this person, with an e-mail address, and returns the event's id.
    pub(crate) async fn send_lead(&self, dealer: &Dealer, name: &str) -> EventId {
        self.send(dealer, &format!("msg_{name}"), lead(name)).await
    }

    pub(crate) async fn send(&self, dealer: &Dealer, id: &str, data: Value) -> EventId {
        let body = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": data });
        let answer = self.post(dealer, id, body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        EventId::stored(answer.body["event_id"].as_str().unwrap().to_owned())
    }

    /// Posts many leads, some of them at the same time.
    pub(crate) async fn send_many(&self, dealer: &Dealer, leads: impl Iterator<Item = (String, Value)>) {
        let client = reqwest::Client::new();
        let (at, url) = (self.now().seconds(), format!("{}/v1/sources/{}/events", self.address, dealer.source));
        let mut posts = tokio::task::JoinSet::new();
        for (id, data) in leads {
            let body =
                json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": data }).to_string();
            let signature = Secret::parse(dealer.secret.expose_secret()).unwrap().sign(&id, at, body.as_bytes());
            let request = client.post(&url).header("webhook-id", id).header("webhook-timestamp", at);
            let request = request.header("webhook-signature", signature).body(body);
            posts.spawn(async move { request.send().await.unwrap().status().as_u16() });
            if posts.len() >= SENDERS {
                assert_eq!(posts.join_next().await.unwrap().unwrap(), 202);
            }
        }
        assert!(posts.join_all().await.into_iter().all(|status| status == 202));
    }

    /// Plans everything that is due.
    pub(crate) async fn plan(&self) {
        while process::plan_next(&self.app.store, &self.app.transformer, "test", &self.app.clock).await.unwrap()
            == Step::Worked
        {}
    }

    /// Plans and delivers everything that is due now.
    pub(crate) async fn run_until_idle(&self) {
        self.plan().await;
        while deliver::deliver_next(&self.app.store, &self.app.hubspot, "test", &self.app.clock).await.unwrap()
            == Step::Worked
        {}
    }

    /// One round of one lane.
    pub(crate) async fn deliver_once(&self) {
        deliver::deliver_next(&self.app.store, &self.app.hubspot, "test", &self.app.clock).await.unwrap();
    }

    /// What the dealership wants of its connection from now on.
    pub(crate) async fn set_policy(&self, dealer: &Dealer, policy: Policy) {
        let connection = self.app.store.connection(dealer.connection.id.as_str()).await.unwrap().unwrap();
        assert!(self.app.store.set_policy(&connection, &policy, &connection.api_version).await.unwrap());
    }

    /// Works through the queue and moves the clock to whatever is due next, until `end`.
    pub(crate) async fn run_through(&self, end: Timestamp) {
        loop {
            self.run_until_idle().await;
            match self.app.store.next_due(LaneKind::Deliver, self.now()).await.unwrap() {
                Some(due) if due <= end => self.set_clock(due.max(self.now() + Duration::from_millis(1))),
                _ => break,
            }
        }
        self.set_clock(end);
    }

    pub(crate) async fn event(&self, id: &EventId) -> ShownEvent {
        self.app.store.event(id).await.unwrap().unwrap()
    }

    pub(crate) async fn lead(&self, id: &EventId) -> Lead {
        view::lead(&self.event(id).await, "test")
    }

    /// One line that says where an event stands: what people would be told.
    pub(crate) async fn fate(&self, id: &EventId) -> String {
        let shown = self.event(id).await;
        let Some(delivery) = shown.deliveries.last() else {
            let reason =
                shown.event.reason.map_or_else(String::new, |reason| format!(" ({}): {}", reason.code, reason.detail));
            return format!("{:?}{reason}", shown.event.state).to_lowercase_first();
        };
        let delivery = &delivery.delivery;
        let reason = delivery
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(" ({}): {}", reason.code, reason.detail));
        let due = delivery.due_at.map_or_else(String::new, |due| format!(", due at {due}"));
        format!("{:?}, {} attempts{due}{reason}", delivery.state, delivery.attempts).to_lowercase_first()
    }

    /// The calls to HubSpot that were made for leads, not for a look at the portal.
    pub(crate) fn calls_for_leads(&self) -> Vec<hubspot_sim::Call> {
        let mut calls = self.hubspot.calls();
        calls.retain(|call| call.path.contains("/crm/objects/") || call.path.contains("/crm/associations/"));
        calls
    }

    /// What always holds when a test ends: every accepted event has its fate, no call is open, and the simulator saw
    /// nothing that must never happen.
    pub(crate) async fn finish(self) {
        self.finish_after(&[]).await;
    }

    /// The same, where the scene itself brings some findings about.
    pub(crate) async fn finish_after(self, expected: &[FindingKind]) {
        let mut findings = self.hubspot.findings();
        findings.retain(|finding| !expected.contains(&finding.kind));
        assert!(findings.is_empty(), "the simulator found {findings:#?}");
        let filter = EventFilter { state: Some(EventState::Received), limit: 10, ..EventFilter::default() };
        let without_fate = self.app.store.events(&filter).await.unwrap();
        assert!(without_fate.is_empty(), "events without a fate: {without_fate:#?}");
        self.hubspot.stop().await;
    }
}

/// A lead of this person, as the widget sends it.
pub(crate) fn lead(name: &str) -> Value {
    json!({
        "id": format!("lead_{name}"), "name": name, "email": format!("{name}@example.com"), "phone": "(305) 555-0187",
        "status": "new", "priority": "high", "origin": "chat_widget",
        "vehicle": { "make": "Honda", "model": "CR-V", "year": 2027 },
        "notes": [{ "at": "2026-11-23T07:58:00Z", "text": format!("Hello, this is {name}.") }],
        "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" },
    })
}

trait LowercaseFirst {
    fn to_lowercase_first(self) -> String;
}

impl LowercaseFirst for String {
    fn to_lowercase_first(self) -> String {
        let mut chars = self.chars();
        chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
    }
}
