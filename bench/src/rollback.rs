//! `rollback`: from the command to the first lead that goes through the version before, where the service itself does it
//! and where another process on the same database does; beside a lead that is planned without one.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use leadline::app;
use leadline::connection;
use leadline::digest::sha256_hex;
use leadline::hubspot::HubSpot;
use leadline::model::account::{Account, Connection, Sign};
use leadline::model::event::NewEvent;
use leadline::model::id::{EventId, SourceId};
use leadline::model::lane::Step;
use leadline::model::share::Share;
use leadline::model::time::clock;
use leadline::model::waiver::Signer;
use leadline::process;
use leadline::rollout::{self, Despite, Enabling, Wish};
use leadline::stock;
use leadline::store::Store;
use leadline::transform::Transformer;
use leadline::upload::{Upload, Uploaded, take};
use secrecy::SecretString;
use serde_json::json;

use crate::Choice;
use crate::figure::Figure;
use crate::place::{Database, Place};
use crate::sandbox::PlainLead;
use crate::service;

const BENCH: &str = "rollback";
const RUNS: usize = 50;
/// Where no HubSpot answers: nothing of it is needed here.
const NOBODY: &str = "http://127.0.0.1:9";
/// What is used before, and gone back to.
const BEFORE: &str = "default@1";
/// What is taken back each time.
const AFTER: &str = "own@1";

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases() {
        figures.extend(measure(database, choice.runs(RUNS)).await?);
    }
    Ok(figures)
}

async fn measure(database: Database, runs: usize) -> anyhow::Result<Vec<Figure>> {
    let place = Place::make(database, 0)?;
    let service = Service::open(&place).await?;
    // Another process knows of the first no more than this store does.
    let other = app::open_store(&place.config(String::new())).await?;
    let (mut without, mut here, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        for (store, taken) in [(&service.store, &mut here), (&other, &mut there)] {
            service.enable(AFTER).await?;
            let started = Instant::now();
            service.plan_one(AFTER).await?;
            without.push(started.elapsed().as_secs_f64() * 1e3);
            let started = Instant::now();
            rollout::roll_back(store, &service.connection, None, &Sign::new("bench", ""), clock()).await?;
            service.plan_one(BEFORE).await?;
            taken.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    other.close().await;
    service.store.close().await;
    let figure = |who: &str, taken: &[f64]| {
        let what = format!("{}: a rollback by {who}, until a lead goes through the version before", database.name());
        Figure::of(BENCH, format!("{what}, beside a lead alone"), taken, "ms").beside(&without)
    };
    Ok(vec![figure("the service", &here), figure("another process", &there)])
}

/// What plans, with one account.
struct Service {
    store: Store,
    transformer: Transformer,
    account: Account,
    connection: Connection,
    source: SourceId,
    body: String,
}

impl Service {
    async fn open(place: &Place) -> anyhow::Result<Self> {
        let config = place.config(String::new());
        let (store, transformer) = (app::open_store(&config).await?, app::open_transformer(&config)?);
        stock::install(&store, &transformer, clock()).await?;
        let account = service::make_account(&store, "acme").await?;
        let token = SecretString::from("no calls are made".to_owned());
        let connection = connection::connect(&store, &account, 1, &token, clock()).await?;
        let settings = json!({ "country": "US" });
        connection::use_transformation(&store, &account, &connection, "default", settings, clock()).await?;
        let (source, _) = service::make_source(&store, &account).await?;
        let owner = account.id.as_str();
        let bytes = stock::DEFAULT.to_vec();
        let own = Upload { account: owner, name: "own", note: "", by: "bench", bytes, samples: Vec::new() };
        let made = take(&store, &transformer, &own, clock()).await?;
        ensure!(matches!(made, Uploaded::New(_)), "the version was not made: {made:?}");
        let body = String::from_utf8(PlainLead::read()?.body)?;
        Ok(Self { store, transformer, account, connection, source, body })
    }

    async fn enable(&self, version: &str) -> anyhow::Result<()> {
        let choice = rollout::choose(&self.store, &self.account, &self.connection, version, None).await?;
        let signer = |name: &str| Signer { name: name.to_owned(), maker: None };
        let despite = Some(Despite { why: "nothing is sent".to_owned(), asker: signer("bench") });
        let wish = Wish { share: Share::ALL, sign: Sign::new("bench", ""), expected: None, despite };
        if let Enabling::Asked(waiver) = rollout::enable(&self.store, &self.connection, &choice, &wish, clock()).await?
        {
            let (whose, second) = ((&self.account, &self.connection), signer("another one"));
            rollout::approve(&self.store, &HubSpot::new(NOBODY)?, whose, (&*waiver, &second), &clock).await?;
        }
        Ok(())
    }

    /// A lead comes and is planned; it has to go through this version.
    async fn plan_one(&self, version: &str) -> anyhow::Result<()> {
        let now = clock();
        let id = EventId::new(now);
        let event = NewEvent {
            id: id.clone(),
            account_id: self.account.id.clone(),
            source_id: self.source.clone(),
            sender_id: id.to_string(),
            event_type: "lead.captured.v1".to_owned(),
            occurred_at: now,
            body: self.body.clone(),
            body_hash: sha256_hex(self.body.as_bytes()),
        };
        self.store.insert_events(&[event], now).await?;
        let clock: leadline::deliver::Clock = Arc::new(clock);
        while process::plan_next(&self.store, &self.transformer, BENCH, &clock).await? == Step::Worked {}
        let event = self.store.find_event(&id).await?.context("the lead was stored a moment ago")?;
        let runs = self.store.runs_of(&event).await?;
        let ran = runs.last().map(|run| run.version.as_str());
        ensure!(ran == Some(version), "the lead went through {ran:?}, not through {version}");
        Ok(())
    }
}
