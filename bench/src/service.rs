//! The service under load: the real one, on a folder of its own, with the simulator in the same process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hubspot_sim::{Options, Preset, Simulator};
use leadline::app::App;
use leadline::config::Config;
use leadline::hubspot::{CONTACT, NOTE};
use leadline::model::account::SchemaModes;
use leadline::model::id::EventId;
use leadline::signature::Secret;
use leadline::store::{CreateAccount, NewSource};
use leadline::{connection, serve};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A limit that nobody reaches: the bench measures us, not HubSpot's fences.
const NO_LIMIT: u32 = 100_000_000;
/// Nothing that is measured takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Service {
    pub(crate) app: Arc<App>,
    pub(crate) simulator: Simulator,
    sources: Vec<Source>,
    client: reqwest::Client,
    end: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<anyhow::Result<serve::Ended>>,
    _folder: TempDir,
}

struct Source {
    url: String,
    secret: Secret,
    portal: i64,
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

impl Service {
    /// Starts it with this many accounts, each with a portal and a source of its own, and no limit to speak of.
    pub(crate) async fn start(accounts: usize) -> anyhow::Result<Self> {
        Self::start_with(accounts, Options { rate_limit: Some(NO_LIMIT), calls_kept: 0, ..Options::default() }).await
    }

    /// The same, with such a HubSpot.
    pub(crate) async fn start_with(accounts: usize, hubspot: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let simulator = Simulator::start(hubspot).await?;
        let config = Config { log: "error".to_owned(), ..Config::on(folder.path().to_owned(), simulator.base_url()) };
        let app = Arc::new(App::connect(&config).await?);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let mut sources = Vec::new();
        for number in 0..accounts {
            sources.push(open(&app, &simulator, &address, &format!("dealer-{number}")).await?);
        }
        let (end, ended) = tokio::sync::oneshot::channel();
        let served =
            tokio::spawn(serve::run(app.clone(), serve::Manner::default(), listener, async move { drop(ended.await) }));
        Ok(Self { app, simulator, sources, client: reqwest::Client::new(), end, served, _folder: folder })
    }

    /// Posts one signed lead and returns its event once it is acknowledged.
    pub(crate) async fn post(&self, number: usize) -> anyhow::Result<EventId> {
        let source = &self.sources[number % self.sources.len()];
        let body = lead(number).to_string();
        let (id, at) = (format!("msg_{number}"), (self.app.clock)().seconds());
        let response = self
            .client
            .post(&source.url)
            .header("webhook-id", &id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", source.secret.sign(&id, at, body.as_bytes()))
            .body(body)
            .send()
            .await?;
        anyhow::ensure!(response.status() == 202, "a lead was not accepted: {}", response.status());
        let answer: Value = response.json().await?;
        let event = answer["event_id"].as_str().ok_or_else(|| anyhow::anyhow!("no event id in {answer}"))?;
        Ok(EventId::stored(event.to_owned()))
    }

    /// Contacts in HubSpot: each lead's first record.
    pub(crate) fn contacts(&self) -> usize {
        self.sources.iter().map(|source| self.simulator.record_count(source.portal, CONTACT)).sum()
    }

    /// Notes in HubSpot: each lead's last record.
    pub(crate) fn applied(&self) -> usize {
        self.sources.iter().map(|source| self.simulator.record_count(source.portal, NOTE)).sum()
    }

    pub(crate) async fn wait_until_applied(&self, count: usize) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.applied() < count {
            anyhow::ensure!(started.elapsed() < PATIENCE, "only {} of {count} leads are in HubSpot", self.applied());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Ends the service, and checks that nothing that must not happen has happened.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.end.send(()).ok();
        self.served.await??;
        let findings = self.simulator.findings();
        anyhow::ensure!(findings.is_empty(), "the simulator found {findings:?}");
        self.simulator.stop().await;
        Ok(())
    }
}

/// Posts so many leads, from so many connections at once.
pub(crate) async fn post_all(service: Arc<Service>, leads: usize, connections: usize) -> anyhow::Result<()> {
    let mut posters = tokio::task::JoinSet::new();
    for poster in 0..connections {
        let service = service.clone();
        posters.spawn(async move {
            for number in (poster..leads).step_by(connections) {
                service.post(number).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(posted) = posters.join_next().await {
        posted??;
    }
    Ok(())
}

async fn open(app: &App, simulator: &Simulator, address: &str, slug: &str) -> anyhow::Result<Source> {
    let now = (app.clock)();
    let CreateAccount::Created(account) = app.store.create_account(slug, slug, now).await? else {
        anyhow::bail!("the slug {slug} is taken");
    };
    let portal = simulator.add_portal(Preset::Ready, slug);
    let token = SecretString::from(portal.access_token);
    let connection = connection::connect(&app.store, &account, portal.id, &token, now).await?;
    connection::use_transformation(&app.store, &account, &connection, "default", json!({ "country": "US" }), now)
        .await?;
    let secret = SecretString::from(Secret::generate());
    let modes = SchemaModes::new();
    let new = NewSource {
        account_id: &account.id,
        name: "bench",
        tolerance_s: 300,
        schema_modes: &modes,
        rate: 0,
        secret: &secret,
    };
    let source = app.store.create_source(new, now).await?;
    let url = format!("{address}/v1/sources/{}/events", source.id);
    Ok(Source { url, secret: Secret::parse(secret.expose_secret())?, portal: portal.id })
}

/// A lead of about one kilobyte, of a person of its own.
fn lead(number: usize) -> Value {
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
