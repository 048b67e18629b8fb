//! Transformations: what an account uses, another version beside it, and going back; and every version with what is known of
//! it.

mod choice;
mod compare;
mod waivers;

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Form, Multipart, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::digest::sha256_hex;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::reach;
use crate::http::versions::own_version;
use crate::model::access::{Actor, Right};
use crate::model::account::{Connection, ConnectionState, PastBinding, QuotaClass, Sign};
use crate::model::id::{BindingId, VersionId};
use crate::model::share::Share;
use crate::removal;
use crate::rollout::{self, Back, Wish};
use crate::store::HOUSE;
use crate::transform::{Quota, Tried, UPLOAD_BYTES_MAX};
use crate::upload::{self, Upload, Uploaded};
use crate::usage::{self, LISTED_MAX};
use crate::view::ShownVersion;
use crate::view::moment::{Moment, count, span};
use crate::view::rollback;
use crate::view::steps::{self, Came, ShownStep};
use crate::view::tried;

/// A form with a file is as long as the file may be, and a little.
const FORM_BYTES_MAX: usize = UPLOAD_BYTES_MAX + (64 << 10);
/// Bindings of the history that the page shows.
const HISTORY_SHOWN: u32 = 20;
/// How a share is called that no real lead is in.
const TEST_LEADS: &str = "test leads only";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .route("/accounts/{account}/transformation", get(in_use))
        .route("/transformations", get(list))
        .route("/versions/{id}", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/transformation/rollback", post(roll_back))
        .route("/accounts/{account}/transformation/restore", post(restore))
        .route("/versions/{id}/delete", post(delete));
    let publish =
        OpenApiRouter::new().route("/transformations", post(take_upload)).layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    needing(Right::Read, read)
        .merge(needing(Right::Transform, change))
        .merge(needing(Right::Publish, publish))
        .merge(choice::router())
        .merge(compare::router())
        .merge(waivers::router())
}

/// A binding of the history.
pub(super) struct Past {
    pub(super) past: PastBinding,
    pub(super) at: Moment,
}

impl Past {
    pub(super) fn of(past: PastBinding, shell: &Shell) -> Self {
        Self { at: shell.time(past.at), past }
    }

    /// Only test leads go through it.
    fn is_tested(&self) -> bool {
        self.past.share == Share::NONE && self.past.before.is_some()
    }

    pub(super) fn share(&self) -> String {
        if self.is_tested() { TEST_LEADS.to_owned() } else { self.past.share.to_string() }
    }
}

#[derive(Template)]
#[template(path = "transformation.html")]
struct InUse {
    shell: Shell,
    is_connected: bool,
    in_force: Vec<Past>,
    history: Vec<Past>,
    versions: Vec<(ShownVersion, Moment)>,
    /// What a rollback would do.
    back: Option<Back>,
    /// What the last rollback took back, while that may be undone.
    undo: Option<PastBinding>,
    /// The newest binding, so that nobody undoes what somebody else did meanwhile.
    seen: String,
    /// What waits for a second person.
    waivers: Vec<waivers::Asked>,
    /// Why it is to go back, as somebody typed it.
    reason: String,
    /// Why nothing was changed.
    wrong: Option<Fault>,
}

impl InUse {
    /// How the version did that a rollback goes back to.
    fn figures(&self) -> String {
        self.back.as_ref().map_or_else(String::new, |back| rollback::figures(&back.figures))
    }

    /// What a rollback would let run again.
    fn waiting(&self) -> String {
        self.back.as_ref().map_or_else(String::new, rollback::waiting)
    }

    /// What somebody else did meanwhile, who was quicker.
    fn quicker(&self) -> Option<&Past> {
        self.history.first().filter(|_| self.wrong.as_ref().is_some_and(Fault::is_late))
    }
}

pub(super) fn connected(connection: Option<Connection>) -> Result<Connection, ApiError> {
    connection
        .filter(|connection| connection.state != ConnectionState::Disconnected)
        .ok_or_else(|| ApiError::Conflict("HubSpot is not connected".to_owned(), "Connect HubSpot first."))
}

async fn in_use(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    draw(&app, &actor, &in_use_page(&app, &actor, place).await?)
}

async fn in_use_page(app: &App, actor: &Actor, place: Place) -> Result<InUse, ApiError> {
    let Place { shell, account, connection } = place;
    let past = |past| Past::of(past, &shell);
    let (mut in_force, mut history, mut back, mut undo) = (Vec::new(), Vec::new(), None, None);
    let mut seen = None;
    if let Some(connection) = &connection {
        let all = app.store.binding_history(connection, HISTORY_SHOWN).await?;
        seen = all.first().map(|newest| newest.id.clone());
        in_force = all.iter().filter(|past| past.in_force).cloned().map(past).collect();
        // Only for those who may press the button: it looks at many leads.
        if shell.may_transform() {
            back = rollout::back(&app.store, connection).await?;
            undo = rollout::undoable(&all, shell.now).cloned();
        }
        history = all.into_iter().map(past).collect();
    }
    let waivers = waivers::waiting(app, actor, (&shell, &account), seen.as_ref()).await?;
    let versions = app.store.versions(Some(&account.id), LISTED_MAX).await?;
    let versions = versions.into_iter().map(|version| {
        let at = shell.time(version.created_at);
        (ShownVersion::of(version), at)
    });
    Ok(InUse {
        is_connected: connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected),
        versions: versions.collect(),
        in_force,
        history,
        back,
        undo,
        seen: seen.map(|id| id.to_string()).unwrap_or_default(),
        waivers,
        reason: String::new(),
        wrong: None,
        shell,
    })
}

/// The page again, with why nothing was changed. Where somebody else was quicker it shows what counts by now, and whoever
/// presses once more has seen that.
async fn unchanged(
    app: &App,
    actor: &Actor,
    place: Place,
    reason: String,
    error: ApiError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error)?;
    let drawn = InUse { reason, wrong: Some(fault.clone()), ..in_use_page(app, actor, place).await? };
    Ok(fault.on(draw(app, actor, &drawn)?))
}

/// Back to the page of what is in use, which says what was done.
fn back_to(shell: &Shell, done: &str) -> Response {
    Redirect::to(&format!("{}?done={done}", shell.at("transformation"))).into_response()
}

#[derive(Deserialize)]
struct RollBack {
    reason: String,
    /// The newest binding that the page showed; none where the page shows no bindings.
    expected: Option<String>,
}

fn expected(id: Option<String>) -> Option<BindingId> {
    id.filter(|id| !id.is_empty()).map(BindingId::stored)
}

/// What is to be in force again.
#[derive(Deserialize)]
struct Restore {
    binding: String,
    expected: Option<String>,
    #[serde(default)]
    reason: String,
}

async fn restore(Visit { app, actor, place }: Visit, Form(asked): Form<Restore>) -> Result<Response, ApiError> {
    let connection = connected(place.connection.clone())?;
    let (binding, expected) = (BindingId::stored(asked.binding), expected(asked.expected));
    let sign = Sign::new(actor.name.clone(), asked.reason);
    let wish = Wish { share: Share::ALL, sign, expected, despite: None };
    let (whose, what) = ((&place.account, &connection), (Some(&binding), &wish));
    match rollout::enable_again(&app.store, &app.hubspot, whose, what, &*app.clock).await {
        Ok(_) => {
            app.wake.plan.notify_one();
            Ok(back_to(&place.shell, "enabled-again"))
        }
        Err(error) => unchanged(&app, &actor, place, String::new(), error.into()).await,
    }
}

async fn roll_back(Visit { app, actor, place }: Visit, Form(asked): Form<RollBack>) -> Result<Response, ApiError> {
    let connection = connected(place.connection.clone())?;
    let sign = Sign::new(actor.name.clone(), asked.reason.clone());
    let seen = expected(asked.expected);
    match rollout::roll_back(&app.store, &connection, seen.as_ref(), &sign, (app.clock)()).await {
        Ok(_) => {
            app.wake.plan.notify_one();
            Ok(back_to(&place.shell, "rolled-back"))
        }
        Err(error) => unchanged(&app, &actor, place, asked.reason, error.into()).await,
    }
}

/// Takes out a version that nobody uses.
async fn delete(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Response, ApiError> {
    let version = own_version(&app, &actor, (&id, None)).await?;
    removal::take_out(&app.store, &version, &actor.name, (app.clock)()).await?;
    Ok(Redirect::to("/transformations?done=version-deleted").into_response())
}

#[derive(Template)]
#[template(path = "transformations.html")]
struct List {
    shell: Shell,
    versions: Vec<(ShownVersion, Moment)>,
    /// The slug of the only account within reach.
    own: Option<String>,
    /// Why the last upload made no version, and how far its check came.
    refusal: Option<Refusal>,
}

impl List {
    /// The version that it follows, as far as that is listed.
    fn before(&self, shown: &ShownVersion) -> Option<&VersionId> {
        let of_same = self.versions.iter().map(|(other, _)| &other.version);
        let of_same = of_same.filter(|other| other.transformation_id == shown.version.transformation_id);
        let before = of_same.filter(|other| other.number < shown.version.number).max_by_key(|other| other.number);
        before.map(|before| &before.id)
    }

    /// Where it can be tried: at one's own account, else at one that uses it.
    fn tested_at<'a>(&'a self, shown: &'a ShownVersion) -> Option<&'a str> {
        let used_by = shown.usage.as_ref().and_then(|usage| usage.used_by.first());
        self.own.as_ref().or(used_by).map(String::as_str)
    }
}

struct Refusal {
    text: String,
    fix: &'static str,
    code: &'static str,
    steps: Vec<ShownStep>,
    took: String,
}

async fn list_page(app: &App, actor: &Actor, shell: Shell) -> Result<List, ApiError> {
    let versions = usage::list(&app.store, actor.own_account(), shell.now).await?;
    let versions = versions.into_iter().map(|shown| {
        let at = shell.time(shown.version.created_at);
        (shown, at)
    });
    let own = match actor.own_account() {
        Some(own) => app.store.account(own.as_str()).await?.map(|account| account.slug),
        None => None,
    };
    Ok(List { versions: versions.collect(), own, refusal: None, shell })
}

async fn list(State(app): State<Arc<App>>, actor: Actor, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    draw(&app, &actor, &list_page(&app, &actor, shell).await?)
}

/// A file from a form: the checks are the same as everywhere.
async fn take_upload(
    State(app): State<Arc<App>>,
    actor: Actor,
    uri: Uri,
    headers: HeaderMap,
    mut sent: Multipart,
) -> Result<Response, ApiError> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        ApiError::BadRequest(format!("the form was not sent to its end: {error}"), "Send it again.")
    };
    let (mut bytes, mut name, mut note, mut account) = (Vec::new(), String::new(), String::new(), String::new());
    while let Some(part) = sent.next_field().await.map_err(broken)? {
        match part.name().unwrap_or_default() {
            "component" => bytes = part.bytes().await.map_err(broken)?.to_vec(),
            "name" => name = part.text().await.map_err(broken)?.trim().to_owned(),
            "note" => note = part.text().await.map_err(broken)?.trim().to_owned(),
            "account" => account = part.text().await.map_err(broken)?.trim().to_owned(),
            _ => {}
        }
    }
    let account = (!account.is_empty()).then_some(account.as_str());
    let account = reach::account_or_all(&app, &actor, account).await?;
    upload::check_words(&name, &note, &actor.name)
        .map_err(|error| ApiError::BadRequest(error, "Correct it, and send it again."))?;
    let owner = account.as_ref().map_or(HOUSE, |account| account.id.as_str());
    let upload = Upload { account: owner, name: &name, note: &note, by: &actor.name, bytes, samples: Vec::new() };
    let (began, size, hash) = (Instant::now(), upload.bytes.len(), sha256_hex(&upload.bytes));
    match upload::upload(&app.store, &app.transformer, upload, (app.clock)()).await? {
        Uploaded::New(version) | Uploaded::Known(version) => {
            Ok(Redirect::to(&format!("/versions/{}", version.id)).into_response())
        }
        Uploaded::Refused(refusal) => {
            let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
            let refusal = Some(Refusal {
                text: refusal.to_string(),
                fix: refusal.fix(),
                code: refusal.code(),
                steps: steps::of_refusal(&refusal, size, &hash),
                took: span(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)),
            });
            draw(&app, &actor, &List { refusal, ..list_page(&app, &actor, shell).await? })
        }
    }
}

#[derive(Template)]
#[template(path = "version.html")]
struct Version {
    shell: Shell,
    shown: ShownVersion,
    at: Moment,
    facts: Vec<(&'static str, String)>,
    /// What one run may use.
    limits: Vec<(&'static str, String)>,
    properties: Vec<(String, String, String)>,
    schema: String,
    /// What it did on its samples, line by line.
    tried: Vec<String>,
    /// How long its check took; empty where nobody measured it.
    took: String,
}

/// What one run may use, in words.
fn limits_of(class: QuotaClass) -> Vec<(&'static str, String)> {
    let quota = Quota::of(class);
    let number = |value: u64| count(i64::try_from(value).unwrap_or(i64::MAX));
    vec![
        ("Fuel", format!("{} units", number(quota.fuel))),
        ("Memory", format!("{} MiB", quota.memory_bytes >> 20)),
        ("Time", format!("{} ms", number(quota.millis()))),
        ("Class", class.to_string()),
    ]
}

fn words(value: &Value) -> String {
    let words: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = match actor.own_account() {
        Some(own) => app.store.version(own.as_str(), &id).await?,
        None => app.store.version_by_id(&id).await?,
    };
    let version = found.ok_or_else(|| ApiError::NotFound(format!("there is no version `{id}`")))?;
    let shell = Shell::of_the_house(&app, &actor, &uri, &headers);
    let (about, manifest) = (&version.about, &version.manifest);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut facts = vec![
        ("Summary", text(&manifest["summary"])),
        ("Events", words(&manifest["event_types"])),
        ("Contract", version.contract.clone()),
        ("SHA-256", version.hash.clone()),
    ];
    if let Some(bytes) = about["component_bytes"].as_i64() {
        let sent = about["upload_bytes"].as_i64().unwrap_or(bytes);
        facts.push(("Size", format!("{} bytes; {} as a component", count(sent), count(bytes))));
        facts.push(("Imports", words(&about["imports"])));
        facts.push(("Made by", words(&about["toolchain"])));
    }
    let properties = manifest["properties"].as_array().into_iter().flatten();
    let properties = properties.map(|one| (text(&one["name"]), text(&one["label"]), text(&one["description"])));
    let properties = properties.collect();
    let schema: Value = serde_json::from_str(&text(&manifest["settings_schema"])).unwrap_or_default();
    let tried: Tried = serde_json::from_value(version.figures.clone()).unwrap_or_default();
    let page = Version {
        took: tried.took_millis.map(span).unwrap_or_default(),
        at: shell.time(version.created_at),
        schema: serde_json::to_string_pretty(&schema).unwrap_or_default(),
        tried: tried::lines(&tried),
        facts,
        limits: limits_of(tried.quota),
        properties,
        shown: ShownVersion::of(version),
        shell,
    };
    draw(&app, &actor, &page)
}
