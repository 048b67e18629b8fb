//! The test bench of a version: an event on the left, what it would write and what that costs on the right.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::form::{Drawn, drawn_fields};
use super::shell::{Place, Shell, Visit};
use super::transformations::connected;
use super::{BUSY, draw};
use crate::answer;
use crate::app::App;
use crate::archive::tar;
use crate::connection::UseError;
use crate::dry_run::dry_run_beside;
use crate::form::{self, Field};
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::Right;
use crate::model::account::{Account, Connection, QuotaClass, Version};
use crate::model::id::EventId;
use crate::model::time::Timestamp;
use crate::payload::Envelope;
use crate::picture;
use crate::redact::redacted;
use crate::rollout::{self, Choice, RolloutError};
use crate::samples::{self, Sample};
use crate::schema::Violation;
use crate::store::{LeadFilter, Store};
use crate::test_lead;
use crate::text::cut;
use crate::transform::{Quota, Transformer};
use crate::trial;
use crate::view::bench::{Card, Runs, Used, boxes, cards, differences, used, verdict};
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
    /// The same as a form.
    fields: Vec<Drawn>,
    /// Where they do not fit.
    violations: Vec<Violation>,
    /// Which sample is loaded.
    sample: Option<String>,
    samples: Vec<String>,
    /// Events of the last leads, and when they came.
    leads: Vec<(String, Moment)>,
    wrong: Option<String>,
    result: Option<Outcome>,
    /// What it makes of every sample, where that was asked for.
    all: Vec<SampleRow>,
    /// What that used, beside what the version in use does; none where one sample shows no spread.
    boxes: Vec<(&'static str, picture::Drawn)>,
}

impl Page {
    /// Samples that came out as they should.
    fn green(&self) -> usize {
        self.all.iter().filter(|row| row.is_green).count()
    }
}

/// What a version makes of one sample.
struct SampleRow {
    name: String,
    verdict: String,
    /// It did not fail, and answers as its author expects, where he said so.
    is_green: bool,
    /// In what it differs from what its author expects.
    expected: String,
    /// Of the limit, in percent.
    fuel: u64,
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
async fn samples_of(app: &App, version: &Version) -> Result<Vec<Sample>, ApiError> {
    let own = app.store.samples(&version.id).await?;
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

/// The settings as the page draws them.
struct Settings {
    /// As the forms of the page carry them on.
    carried: String,
    fields: Vec<Field>,
    /// Where they do not fit.
    violations: Vec<Violation>,
}

impl Settings {
    async fn of(app: &App, whose: (&Account, &Connection), choice: &Choice) -> Result<Self, ApiError> {
        let (version, settings) = (choice.version.id.as_str(), choice.settings.clone());
        let drawn = rollout::settings_form_as_read(&app.store, whose, version, settings).await?;
        Ok(Self { carried: choice.settings.to_string(), fields: drawn.fields, violations: drawn.violations })
    }
}

async fn page(
    app: &App,
    (shell, account): (Shell, &Account),
    (version, settings): (&Version, Settings),
    (asked, samples): (&Loaded, &[Sample]),
) -> Result<Page, ApiError> {
    let filter = LeadFilter { account: Some(account.id.clone()), limit: LEADS, ..LeadFilter::default() };
    let leads = app.store.leads(&filter).await?.rows.into_iter().filter(|lead| lead.body.is_some());
    let leads = leads.map(|lead| (lead.event.id.to_string(), shell.time(lead.event.received_at))).collect();
    Ok(Page {
        label: version.label(),
        body: loaded(app, account, asked, samples).await?,
        settings: settings.carried,
        fields: drawn_fields(&settings.fields, &settings.violations),
        violations: settings.violations,
        sample: asked.sample.clone(),
        samples: samples.iter().map(|sample| sample.name.clone()).collect(),
        leads,
        wrong: None,
        result: None,
        all: Vec::new(),
        boxes: Vec::new(),
        shell,
    })
}

async fn show(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let connection = connected(connection)?;
    let whose = (&account, &connection);
    let asked: Loaded = serde_urlencoded(&uri);
    let settings = asked.settings.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let choice = rollout::choose_live(&app.store, &app.hubspot, whose, &version, settings, &*app.clock).await?;
    let samples = samples_of(&app, &choice.version).await?;
    let shown = (&choice.version, Settings::of(&app, whose, &choice).await?);
    draw(&app, &actor, &page(&app, (shell, &account), shown, (&asked, &samples)).await?)
}

/// What a form asks to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Run,
    /// Every sample, in a table.
    RunAll,
    /// The event, the settings and the answer as a sample to download.
    Save,
}

/// What is to be run.
struct Asked {
    act: Act,
    body: String,
    settings: String,
    sample: Option<String>,
    /// The settings stand in fields of their own.
    is_form: bool,
    sent: Vec<(String, String)>,
}

impl Asked {
    fn read(body: &[u8]) -> Self {
        let sent: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let field = |wanted: &str| sent.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let act = match field("act").as_deref() {
            Some("all") => Act::RunAll,
            Some("save") => Act::Save,
            _ => Act::Run,
        };
        Self {
            act,
            body: field("body").unwrap_or_default(),
            settings: field("settings").unwrap_or_default(),
            sample: field("sample").filter(|name| !name.is_empty()),
            is_form: field("is-form").is_some(),
            sent,
        }
    }
}

/// What the settings of a form come to.
enum Said {
    /// The version with them.
    Fit(Box<Choice>),
    /// They do not fit it: what was typed, and where it is wrong.
    Wrong(Settings),
}

/// The version with the settings that the form says.
async fn said(app: &App, whose: (&Account, &Connection), version: &str, asked: &Asked) -> Result<Said, ApiError> {
    let given: Option<Value> = serde_json::from_str(&asked.settings).ok();
    if !asked.is_form {
        let choice = rollout::choose_live(&app.store, &app.hubspot, whose, version, given, &*app.clock).await?;
        return Ok(Said::Fit(Box::new(choice)));
    }
    let base = given.unwrap_or_else(|| json!({}));
    let drawn = rollout::settings_form_as_read(&app.store, whose, version, base).await?;
    let violations = match form::read(&drawn.fields, &asked.sent) {
        Err(violations) => violations,
        Ok(settings) => {
            let settings = Some(settings);
            match rollout::choose_live(&app.store, &app.hubspot, whose, version, settings, &*app.clock).await {
                Ok(choice) => return Ok(Said::Fit(Box::new(choice))),
                Err(RolloutError::Use(UseError::Settings { violations, .. })) => violations,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let fields = form::typed(&drawn.fields, &asked.sent);
    Ok(Said::Wrong(Settings { carried: asked.settings.clone(), fields, violations }))
}

async fn run(
    Visit { app, actor, place }: Visit,
    Path((_, version)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let connection = connected(connection)?;
    let asked = Asked::read(&body);
    let whose = (&account, &connection);
    let (version, settings, choice) = match said(&app, whose, &version, &asked).await? {
        Said::Fit(choice) => (choice.version.clone(), Settings::of(&app, whose, &choice).await?, Some(choice)),
        Said::Wrong(settings) => {
            let found = app.store.version(account.id.as_str(), &version).await?;
            let missing = || ApiError::NotFound(format!("there is no version `{}`", cut(&version, 100)));
            (found.ok_or_else(missing)?, settings, None)
        }
    };
    let samples = samples_of(&app, &version).await?;
    let loaded = Loaded { sample: asked.sample.clone(), ..Loaded::default() };
    let mut drawn = page(&app, (shell, &account), (&version, settings), (&loaded, &samples)).await?;
    drawn.body = asked.body;
    // Nothing is run: the page says what is wrong, with the form as it was typed.
    let Some(choice) = choice else { return draw(&app, &actor, &drawn) };
    match asked.act {
        Act::RunAll => run_all(&app, whose, &choice, (&mut drawn, &samples)).await?,
        Act::Save => match Envelope::read(drawn.body.as_bytes()) {
            Err(error) => drawn.wrong = Some(error.to_string()),
            Ok(_) => return saved(&app, &account, &choice, &drawn.body).await,
        },
        Act::Run => run_one(&app, whose, &choice, (&mut drawn, &samples)).await?,
    }
    draw(&app, &actor, &drawn)
}

async fn run_one(
    app: &App,
    whose: (&Account, &Connection),
    choice: &Choice,
    (drawn, samples): (&mut Page, &[Sample]),
) -> Result<(), ApiError> {
    if let Err(error) = Envelope::read(drawn.body.as_bytes()) {
        drawn.wrong = Some(error.to_string());
        return Ok(());
    }
    let sample = samples.iter().find(|sample| Some(&sample.name) == drawn.sample.as_ref());
    // What its author expects is about his event.
    let sample = sample.filter(|sample| is_same_json(&sample.body, &drawn.body));
    match outcome(app, whose, choice, (&drawn.body, sample), (app.clock)()).await? {
        Some(result) => drawn.result = Some(result),
        None => drawn.wrong = Some(BUSY.to_owned()),
    }
    Ok(())
}

/// What a version makes of every sample, with the settings of the bench, and what that uses: all of it in one turn.
async fn run_all(
    app: &App,
    whose: (&Account, &Connection),
    choice: &Choice,
    (drawn, samples): (&mut Page, &[Sample]),
) -> Result<(), ApiError> {
    let quota = whose.0.quota;
    let (mut names, mut choices) = (vec![choice.version.label()], vec![choice.clone()]);
    // One run is no distribution: its figure stands in the table.
    if samples.len() > 1 {
        let is_another =
            |other: &Choice| (&other.version.id, &other.settings) != (&choice.version.id, &choice.settings);
        if let Some(other) = in_use(app, whose).await?.filter(is_another) {
            names.push(format!("{} (in use)", other.version.label()));
            choices.push(other);
        }
    }
    let work = try_all((app.store.clone(), app.transformer.clone()), quota, choices, samples.to_vec());
    let Some(tried) = trial::in_turn(&app.transformer, work).await? else {
        drawn.wrong = Some(BUSY.to_owned());
        return Ok(());
    };
    drawn.all = samples.iter().zip(&tried[0]).map(|(sample, tried)| sample_row(sample, tried, quota)).collect();
    if samples.len() > 1 {
        let versions: Vec<_> = names.into_iter().zip(&tried).map(|(name, tried)| runs_of(name, tried)).collect();
        drawn.boxes = boxes(&versions, Quota::of(quota));
    }
    Ok(())
}

/// For each choice a run for each sample, in their order.
async fn try_all(
    (store, transformer): (Store, Transformer),
    quota: QuotaClass,
    choices: Vec<Choice>,
    samples: Vec<Sample>,
) -> anyhow::Result<Vec<Vec<Tried>>> {
    let mut all = Vec::with_capacity(choices.len());
    for choice in &choices {
        let mut tried = Vec::with_capacity(samples.len());
        for sample in &samples {
            let body = String::from_utf8_lossy(&sample.body);
            tried.push(try_out(&store, &transformer, quota, choice, &body).await?);
        }
        all.push(tried);
    }
    Ok(all)
}

fn sample_row(sample: &Sample, tried: &Tried, quota: QuotaClass) -> SampleRow {
    let expected = sample.expected.as_ref().map(|expected| differences(expected, &tried.answer));
    let expected = expected.unwrap_or_default();
    let has_failed = matches!(tried.answer.outcome, answer::Outcome::Failed { .. });
    SampleRow {
        name: sample.name.clone(),
        verdict: verdict(tried),
        is_green: !has_failed && expected.is_empty(),
        expected,
        fuel: used(tried.figures, quota)[0].percent,
    }
}

fn runs_of(name: String, tried: &[Tried]) -> Runs {
    let figures: Vec<_> = tried.iter().map(|tried| tried.figures).collect();
    Runs::at_bench(name, &figures)
}

/// The version in use, with its settings.
async fn in_use(app: &App, (account, connection): (&Account, &Connection)) -> Result<Option<Choice>, ApiError> {
    let Some(bound) = app.store.bound(connection).await?.into_iter().next() else { return Ok(None) };
    Ok(Some(rollout::choose(&app.store, account, connection, &bound.label, Some(bound.settings)).await?))
}

/// The event without its person, the settings, and what the version answers to that, as the folder of a sample.
async fn saved(app: &App, account: &Account, choice: &Choice, body: &str) -> Result<Response, ApiError> {
    let event: Value = serde_json::from_str(body).map_err(anyhow::Error::from)?;
    let event = pretty(&redacted(&event));
    let tried = try_out(&app.store, &app.transformer, account.quota, choice, &event).await?;
    let expected = json!({ "shows": "Saved at the test bench.", "run": tried.answer });
    let name = format!("{}-example", choice.version.name);
    let files = [
        (format!("{name}/event.json"), event),
        (format!("{name}/settings.json"), pretty(&choice.settings)),
        (format!("{name}/expected.json"), pretty(&expected)),
    ];
    let archive = tar(files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())));
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.tar\"")),
    ];
    Ok((headers, archive).into_response())
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
    let in_force = match in_use(app, (account, connection)).await? {
        Some(before) => {
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
