//! `/v1/shoppers`, `/v1/erasures`, `/v1/suppressions`, `/v1/accounts/{account}/retention`: what is kept of one person, and
//! for how long. A person is named in bodies only: an address of ours stands in logs.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, Dry, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::etag::{expect, tagged};
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, read};
use super::repeat::ShownOnce;
use crate::app::App;
use crate::housekeeping::Limits;
use crate::model::access::{Actor, Right};
use crate::model::erasure::{Erasure, Suppression};
use crate::model::id::EventId;
use crate::model::id::{ErasureId, SuppressionId};
use crate::privacy::{self, Caps, Export, Holdings, NOT_COVERED, PrivacyError, Wish};
use crate::store::Effect;
use crate::subject::Subject;

/// Erasures and suppressions that are listed at most, the newest: on all pages together.
const LISTED_MAX: u32 = 1_000;
const NAME_FIX: &str = "Send {\"account\": \"acme\", \"email\": \"maya@example.com\"}.";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let privacy = OpenApiRouter::new()
        .routes(routes!(find))
        .routes(routes!(export))
        .routes(routes!(erasures, erase))
        .routes(routes!(erasure))
        .routes(routes!(ask_again))
        .routes(routes!(suppressions, suppress))
        .routes(routes!(lift))
        .routes(routes!(keep));
    let read = OpenApiRouter::new().routes(routes!(retention));
    needing(Right::Privacy, privacy).merge(needing(Right::Read, read))
}

impl From<PrivacyError> for ApiError {
    fn from(error: PrivacyError) -> Self {
        let (text, fix) = (error.to_string(), error.fix().unwrap_or_default());
        match error {
            PrivacyError::Lifted(_) => Self::Conflict(text, fix),
            PrivacyError::Store(error) => error.into(),
            _ => Self::BadRequest(text, fix),
        }
    }
}

/// A shopper of an account: by an e-mail address, a phone number, or both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Shopper {
    /// Slug or id.
    account: String,
    email: Option<String>,
    phone: Option<String>,
    /// Only leads behind this one are looked for: the `after` of a search before that was cut. An export holds all of them.
    after: Option<EventId>,
}

fn subject(email: Option<String>, phone: Option<String>) -> Result<Subject, PrivacyError> {
    let given = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    Ok(Subject::of(&given(email), &given(phone))?)
}

/// Says what is kept of a shopper, and where it went.
///
/// The leads of the account are looked through, so that it is exact; an account with very many takes seconds. Where a
/// search does not come to the end, `cut` says how far it came, and with its `after` it goes on. An erasure and an export always
/// find everything.
#[utoipa::path(
    post,
    path = "/v1/shoppers/find",
    tag = "Privacy",
    request_body(content = Shopper, example = json!({ "account": "acme", "email": "maya.lind@example.com" })),
    responses((status = 200, description = "What is kept", body = Data<Holdings>)),
    extensions(("x-command" = json!("leadline privacy find --account acme --email maya.lind@example.com")))
)]
async fn find(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(Extension<ShownOnce>, One<Holdings>), ApiError> {
    let asked: Shopper = read(&body, NAME_FIX)?;
    let account = account(&app, &actor, &asked.account).await?;
    let subject = subject(asked.email, asked.phone)?;
    let range = (asked.after, Caps::USUAL);
    Ok((Extension(ShownOnce), one(privacy::find(&app.store, &account, &subject, range, (app.clock)()).await?)))
}

/// Gives everything that is kept of a shopper, as one document.
#[utoipa::path(
    post,
    path = "/v1/shoppers/export",
    tag = "Privacy",
    request_body(content = Shopper, example = json!({ "account": "acme", "email": "maya.lind@example.com" })),
    responses((status = 200, description = "The document", body = Data<Export>)),
    extensions(("x-command" = json!("leadline privacy export --account acme --email maya.lind@example.com")))
)]
async fn export(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(Extension<ShownOnce>, One<Export>), ApiError> {
    let asked: Shopper = read(&body, NAME_FIX)?;
    let account = account(&app, &actor, &asked.account).await?;
    let subject = subject(asked.email, asked.phone)?;
    Ok((Extension(ShownOnce), one(privacy::export(&app.store, &account, &subject, (app.clock)()).await?)))
}

/// A shopper to forget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Erase {
    /// Slug or id.
    account: String,
    email: Option<String>,
    phone: Option<String>,
    /// The address or the number once more: this cannot be undone.
    confirm: String,
    /// Why, without the person: it is kept.
    reason: String,
    /// Whether HubSpot is asked for a privacy delete of the contacts that were written.
    #[serde(default)]
    at_hubspot: bool,
}

/// Forgets a shopper, and keeps leads of theirs from being written from now on.
///
/// Nobody plans or writes their leads once this is answered; what is kept is removed by a job, whose state is the
/// certificate in the end.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    tag = "Privacy",
    request_body(content = Erase, example = json!({ "account": "acme", "email": "maya.lind@example.com", "confirm": "maya.lind@example.com", "reason": "request 4711" })),
    responses((status = 202, description = "The erasure has begun", body = Data<Erasure>)),
    extensions(("x-command" = json!("leadline privacy erase --account acme --email maya.lind@example.com --reason 'request 4711'")))
)]
async fn erase(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<(StatusCode, One<Erasure>), ApiError> {
    let asked: Erase = read(&body, "Send account, email or phone, the same as `confirm`, and a reason.")?;
    let account = account(&app, &actor, &asked.account).await?;
    let subject = subject(asked.email, asked.phone)?;
    let wish =
        Wish { subject, confirm: &asked.confirm, reason: &asked.reason, by: &actor.name, at_hubspot: asked.at_hubspot };
    Ok((StatusCode::ACCEPTED, one(privacy::erase(&app.store, &account, &wish, (app.clock)()).await?)))
}

/// The erasures, the newest first.
#[utoipa::path(
    get,
    path = "/v1/erasures",
    tag = "Privacy",
    params(Whose, Wanted),
    responses((status = 200, description = "The erasures", body = List<Erasure>)),
    extensions(("x-command" = json!("leadline privacy list --account acme")))
)]
async fn erasures(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Erasure>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    page.of(app.store.erasures(account.as_ref(), LISTED_MAX).await?, |erasure| erasure.id.as_str())
}

/// An erasure as it is certified: by whom, when, how much, and what HubSpot said. Whose it was stands in it as a hash only.
#[derive(Serialize, ToSchema)]
pub(super) struct Certificate {
    #[serde(flatten)]
    erasure: Erasure,
    /// Whether everything is done that was asked for.
    is_complete: bool,
    /// What is outside of the service's reach.
    #[schema(value_type = Vec<String>)]
    not_covered: [&'static str; 3],
}

impl Certificate {
    pub(super) fn of(erasure: Erasure) -> Self {
        Self { is_complete: erasure.is_complete(), not_covered: NOT_COVERED, erasure }
    }
}

/// One erasure: how far it is, and its certificate.
#[utoipa::path(
    get,
    path = "/v1/erasures/{id}",
    tag = "Privacy",
    params(("id" = ErasureId, Path, description = "The erasure")),
    responses((status = 200, description = "The certificate", body = Data<Certificate>)),
    extensions(("x-command" = json!("leadline privacy certificate ERASURE")))
)]
async fn erasure(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Certificate>, ApiError> {
    Ok(one(Certificate::of(found(&app, &actor, &id).await?)))
}

/// Asks HubSpot once more for the privacy deletes that it refused.
#[utoipa::path(
    post,
    path = "/v1/erasures/{id}/ask-again",
    tag = "Privacy",
    params(("id" = ErasureId, Path, description = "The erasure")),
    responses((status = 200, description = "The erasure", body = Data<Erasure>)),
    extensions(("x-command" = json!("leadline privacy ask-again ERASURE")))
)]
async fn ask_again(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Erasure>, ApiError> {
    let erasure = found(&app, &actor, &id).await?;
    Ok(one(privacy::ask_again(&app.store, erasure, (app.clock)()).await?))
}

pub(super) async fn found(app: &App, actor: &Actor, id: &str) -> Result<Erasure, ApiError> {
    let found = app.store.erasure(id).await?.filter(|erasure| actor.reaches(&erasure.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no erasure `{id}`")))
}

/// A shopper of whom no lead is to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Suppress {
    /// Slug or id.
    account: String,
    email: Option<String>,
    phone: Option<String>,
    /// Why, without the person: it is kept.
    reason: String,
}

/// Keeps leads of a shopper from being written, whatever brings them: a new event, a retry or a replay.
#[utoipa::path(
    post,
    path = "/v1/suppressions",
    tag = "Privacy",
    request_body(content = Suppress, example = json!({ "account": "acme", "phone": "+1 305 555 0142", "reason": "asked on the phone" })),
    responses((status = 200, description = "The suppressions of the account", body = Data<Vec<Suppression>>)),
    extensions(("x-command" = json!("leadline privacy suppress --account acme --phone '+1 305 555 0142' --reason 'asked on the phone'")))
)]
async fn suppress(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<Vec<Suppression>>, ApiError> {
    let asked: Suppress = read(&body, "Send account, email or phone, and a reason.")?;
    let account = account(&app, &actor, &asked.account).await?;
    let subject = subject(asked.email, asked.phone)?;
    let why = (asked.reason.as_str(), actor.name.as_str());
    privacy::suppress(&app.store, &account, &subject, why, (app.clock)()).await?;
    Ok(one(privacy::suppressions_of(&app.store, &account, &subject, (app.clock)()).await?))
}

/// Who is suppressed, by hashes; the newest first, with those that were lifted.
#[utoipa::path(
    get,
    path = "/v1/suppressions",
    tag = "Privacy",
    params(Whose, Wanted),
    responses((status = 200, description = "The suppressions", body = List<Suppression>)),
    extensions(("x-command" = json!("leadline privacy suppressions --account acme")))
)]
async fn suppressions(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Suppression>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    page.of(app.store.suppressions(account.as_ref(), LISTED_MAX).await?, |one| one.id.as_str())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "they came back and asked for an offer" }))]
struct Lift {
    reason: String,
}

/// Lifts a suppression: leads that come from now on are written again.
#[utoipa::path(
    post,
    path = "/v1/suppressions/{id}/lift",
    tag = "Privacy",
    params(("id" = SuppressionId, Path, description = "The suppression")),
    request_body = Lift,
    responses((status = 200, description = "The suppression", body = Data<Suppression>)),
    extensions(("x-command" = json!("leadline privacy lift SUPPRESSION --reason 'they came back'")))
)]
async fn lift(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<One<Suppression>, ApiError> {
    let Lift { reason } = read(&body, "Send {\"reason\": \"…\"}.")?;
    let suppression = suppression(&app, &actor, &id).await?;
    privacy::lift(&app.store, &suppression, (&reason, &actor.name), (app.clock)()).await?;
    Ok(one(self::suppression(&app, &actor, &id).await?))
}

pub(super) async fn suppression(app: &App, actor: &Actor, id: &str) -> Result<Suppression, ApiError> {
    let found = app.store.suppression(id).await?.filter(|one| actor.reaches(&one.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no suppression `{id}`")))
}

/// For how long an account keeps what holds personal data.
#[derive(Serialize, ToSchema)]
struct Retention {
    /// Days.
    days: u32,
    /// Whether the account chose them; else they are those of the service.
    is_own: bool,
    /// What they would remove, where another number of days was asked about, and what is kept.
    effect: Effect,
}

/// A number of days to look at.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Preview {
    /// Only say what so many days would remove.
    #[param(example = "7")]
    days: Option<u32>,
}

/// For how long an account keeps what holds personal data, and what another number of days would remove.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/retention",
    tag = "Privacy",
    params(("account" = String, Path, description = "Slug or id", example = "acme"), Preview),
    responses((status = 200, description = "The days, with an `ETag`", body = Data<Retention>)),
    extensions(("x-command" = json!("leadline privacy retention --account acme")))
)]
async fn retention(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(preview): Query<Preview>,
) -> Result<Response, ApiError> {
    let account = account(&app, &actor, &name).await?;
    Ok(shown(retention_of(&app, &account, preview.days).await?))
}

/// With the tag of the days alone: what they remove is another thing each hour.
fn shown(retention: Retention) -> Response {
    tagged(&retention.set(), retention)
}

impl Retention {
    /// What somebody sets of it.
    fn set(&self) -> (u32, bool) {
        (self.days, self.is_own)
    }
}

async fn retention_of(
    app: &App,
    account: &crate::model::account::Account,
    preview: Option<u32>,
) -> Result<Retention, ApiError> {
    let own = app.store.keep_days(&account.id).await?;
    let days = own.unwrap_or_else(|| app.limits().days());
    let effect = app.store.effect_of_days(&account.id, preview.unwrap_or(days), (app.clock)()).await?;
    Ok(Retention { days, is_own: own.is_some(), effect })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "keep_days": 14 }))]
struct Keep {
    /// From 1 to 90; null for as long as the service is set to.
    keep_days: Option<u32>,
}

/// Sets for how many days an account keeps what holds personal data. What is older goes within the hour.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/retention",
    tag = "Privacy",
    params(
        ("account" = String, Path, description = "Slug or id", example = "acme"),
        Dry,
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body = Keep,
    responses((status = 200, description = "The days, with an `ETag`", body = Data<Retention>)),
    extensions(("x-command" = json!("leadline privacy retention --account acme --days 14")))
)]
async fn keep(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(dry): Query<Dry>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let Keep { keep_days } = read(&body, "Send {\"keep_days\": 14}, or null.")?;
    let account = account(&app, &actor, &name).await?;
    expect(&retention_of(&app, &account, None).await?.set(), &headers, "the number of days")?;
    if dry.is_on() {
        check_days(keep_days)?;
        let days = keep_days.unwrap_or_else(|| app.limits().days());
        return Ok(shown(retention_of(&app, &account, Some(days)).await?));
    }
    set_days(&app, &actor, &account, keep_days).await?;
    Ok(shown(retention_of(&app, &account, None).await?))
}

pub(super) async fn set_days(
    app: &App,
    actor: &Actor,
    account: &crate::model::account::Account,
    days: Option<u32>,
) -> Result<(), ApiError> {
    check_days(days)?;
    actor.changes(app.store.keep_days(&account.id).await?, days);
    Ok(app.store.set_keep_days(&account.id, days).await?)
}

fn check_days(days: Option<u32>) -> Result<(), ApiError> {
    let range = Limits::ACCOUNT_DAYS;
    if let Some(days) = days.filter(|days| !range.contains(days)) {
        let text = format!("an account keeps it for {} to {} days, not {days}", range.start(), range.end());
        return Err(ApiError::BadRequest(text, "Choose a number between these."));
    }
    Ok(())
}
