//! The test bench of a version: an event on the left, what it would write and what that costs on the right.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Place, Shell, Visit};
use super::transformations::connected;
use crate::app::App;
use crate::dry_run::dry_run_beside;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Account, Connection};
use crate::model::id::EventId;
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::redact::redacted;
use crate::rollout::{self, Choice};
use crate::samples::{self, Sample};
use crate::store::LeadFilter;
use crate::test_lead;
use crate::view::bench::{Card, Used, cards, differences, used, verdict};
use crate::view::moment::Moment;
use crate::workbench::{Tried, try_out};

/// Leads that are offered to be tried.
const LEADS: u32 = 8;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let bench = OpenApiRouter::new().route("/accounts/{account}/transformation/{version}/bench", get(show).post(run));
    needing(Right::Transform, bench)
}

#[derive(Template)]
#[template(path = "bench.html")]
struct Page {
    shell: Shell,
    label: String,
    body: String,
    settings: String,
    /// Which sample is loaded.
    sample: Option<String>,
    samples: Vec<String>,
    /// Events of the last leads, and when they came.
    leads: Vec<(String, Moment)>,
    wrong: Option<String>,
    result: Option<Outcome>,
}

/// What came of a run.
struct Outcome {
    verdict: String,
    cards: Vec<Card>,
    dropped: Vec<String>,
    used: Vec<Used>,
    log: Vec<(&'static str, String)>,
    /// The version in force, and in what this one differs from it.
    in_force: Option<(String, String)>,
    /// In what it differs from what the sample's author expects.
    expected: Option<String>,
    calls: Vec<(String, String)>,
}

/// What the address says is loaded.
#[derive(Default, Deserialize)]
struct Loaded {
    sample: Option<String>,
    event: Option<String>,
    settings: Option<String>,
}

/// Samples of a version: its author's, else those that every version is tried on.
async fn samples_of(app: &App, choice: &Choice) -> Result<Vec<Sample>, ApiError> {
    let own = app.store.samples(&choice.version.id).await?;
    Ok(if own.is_empty() { samples::events() } else { own })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The event that is shown at first: the one that the address names, else a sample of our own.
async fn loaded(app: &App, account: &Account, asked: &Loaded, samples: &[Sample]) -> Result<String, ApiError> {
    if let Some(name) = asked.sample.as_ref().filter(|name| !name.is_empty()) {
        let missing = || ApiError::NotFound(format!("there is no sample `{name}`"));
        let sample = samples.iter().find(|sample| sample.name == *name).ok_or_else(missing)?;
        return Ok(serde_json::from_slice(&sample.body).map(|value: Value| pretty(&value)).unwrap_or_default());
    }
    let Some(id) = &asked.event else { return Ok(pretty(&test_lead::sample(account, (app.clock)()))) };
    let missing = || ApiError::NotFound(format!("there is no lead `{id}`, or its details were removed"));
    let id: EventId = id.parse().map_err(|_| missing())?;
    let found = app.store.event(&id).await?.filter(|shown| shown.event.account_id == account.id);
    // Nobody has to know whose lead it is to see what becomes of it.
    found.and_then(|shown| shown.body).map(|body| pretty(&redacted(&body))).ok_or_else(missing)
}

async fn page(
    app: &App,
    (shell, account): (Shell, &Account),
    choice: &Choice,
    (asked, samples): (&Loaded, &[Sample]),
) -> Result<Page, ApiError> {
    let filter = LeadFilter { account: Some(account.id.clone()), limit: LEADS, ..LeadFilter::default() };
    let leads = app.store.leads(&filter).await?.rows.into_iter().filter(|lead| lead.body.is_some());
    let leads = leads.map(|lead| (lead.event.id.to_string(), shell.time(lead.event.received_at))).collect();
    Ok(Page {
        label: choice.version.label(),
        body: loaded(app, account, asked, samples).await?,
        settings: choice.settings.to_string(),
        sample: asked.sample.clone(),
        samples: samples.iter().map(|sample| sample.name.clone()).collect(),
        leads,
        wrong: None,
        result: None,
        shell,
    })
}

async fn chosen(
    app: &App,
    whose: (&Account, &Connection),
    version: &str,
    settings: Option<&str>,
) -> Result<Choice, ApiError> {
    let settings = settings.and_then(|text| serde_json::from_str(text).ok());
    Ok(rollout::choose_live(&app.store, &app.hubspot, whose, version, settings, &*app.clock).await?)
}

async fn show(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let connection = connected(connection)?;
    let asked: Loaded = serde_urlencoded(&uri);
    let choice = chosen(&app, (&account, &connection), &version, asked.settings.as_deref()).await?;
    let samples = samples_of(&app, &choice).await?;
    draw(&app, &actor, &page(&app, (shell, &account), &choice, (&asked, &samples)).await?)
}

/// What is to be run.
#[derive(Deserialize)]
struct Asked {
    body: String,
    settings: String,
    sample: Option<String>,
}

async fn run(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    Form(asked): Form<Asked>,
) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let connection = connected(connection)?;
    let choice = chosen(&app, (&account, &connection), &version, Some(&asked.settings)).await?;
    let samples = samples_of(&app, &choice).await?;
    let named = asked.sample.filter(|name| !name.is_empty());
    let loaded = Loaded { sample: named, ..Loaded::default() };
    let mut drawn = page(&app, (shell, &account), &choice, (&loaded, &samples)).await?;
    drawn.body = asked.body;
    match Envelope::read(drawn.body.as_bytes()) {
        Err(error) => drawn.wrong = Some(error.to_string()),
        Ok(_) => {
            let sample = samples.iter().find(|sample| Some(&sample.name) == loaded.sample.as_ref());
            // What its author expects is about his event.
            let sample = sample.filter(|sample| is_same_json(&sample.body, &drawn.body));
            let now = (app.clock)();
            match outcome(&app, (&account, &connection), &choice, (&drawn.body, sample), now).await? {
                Some(result) => drawn.result = Some(result),
                None => drawn.wrong = Some("Other leads are being tried; try it again in a moment.".to_owned()),
            }
        }
    }
    draw(&app, &actor, &drawn)
}

fn is_same_json(one: &[u8], other: &str) -> bool {
    let one = serde_json::from_slice::<Value>(one);
    one.is_ok_and(|one| serde_json::from_str::<Value>(other).is_ok_and(|other| one == other))
}

async fn outcome(
    app: &App,
    (account, connection): (&Account, &Connection),
    choice: &Choice,
    (body, sample): (&str, Option<&Sample>),
    now: Timestamp,
) -> Result<Option<Outcome>, ApiError> {
    let (store, transformer) = (&app.store, &app.transformer);
    let tried: Tried = try_out(store, transformer, account.quota, choice, body).await?;
    let in_force = match app.store.bound(connection).await?.into_iter().next() {
        Some(bound) => {
            let before = rollout::choose(store, account, connection, &bound.label, Some(bound.settings)).await?;
            let before = try_out(store, transformer, account.quota, &before, body).await?;
            Some((before.version.clone(), differences(&before.answer, &tried.answer)))
        }
        None => None,
    };
    let tools = (store.clone(), transformer.clone());
    let dry = dry_run_beside(tools, connection.clone(), choice.clone(), body.to_owned(), now).await?;
    let Some(dry) = dry else { return Ok(None) };
    Ok(Some(Outcome {
        verdict: verdict(&tried),
        cards: cards(&tried.answer),
        used: used(tried.figures, account.quota),
        log: tried.lines.iter().map(|(level, line)| (level.label(), line.clone())).collect(),
        in_force,
        expected: sample
            .and_then(|sample| sample.expected.as_ref())
            .map(|expected| differences(expected, &tried.answer)),
        calls: dry.calls.iter().map(|call| (format!("{} {}", call.method, call.path), pretty(&call.body))).collect(),
        dropped: dry.dropped,
    }))
}
