//! `/v1/alerts`: rules by which people of an account are told; `/v1/messages`: what they were sent; `/v1/digest`: the week.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Place, Wanted, one, unknown};
use super::error::ApiError;
use super::etag::{expect, tagged};
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, reach, read};
use super::repeat::ShownOnce;
use crate::alerts::{self, AlertError, Wish};
use crate::app::App;
use crate::letter::Sender;
use crate::model::access::{Actor, Right};
use crate::model::account::Account;
use crate::model::alert::{AlertRule, Channel, Quiet, Watch};
use crate::model::id::{AlertId, MessageId};
use crate::model::message::Message;
use crate::view::weekly::Weekly;
use crate::watch::{Finding, Found};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(messages))
        .routes(routes!(digest));
    let change = OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(set, remove))
        .routes(routes!(rotate))
        .routes(routes!(test));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

impl From<AlertError> for ApiError {
    fn from(error: AlertError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            AlertError::Store(error) => error.into(),
            AlertError::Ours(error) => error.into(),
            AlertError::Changed => Self::Changed(text, fix),
            AlertError::NoRule(_) => Self::NotFound(text),
            AlertError::NoMail | AlertError::NoWebhook | AlertError::TooMany | AlertError::TooManyTests => {
                Self::Conflict(text, fix)
            }
            AlertError::Watch(_)
            | AlertError::Webhook(_)
            | AlertError::Address(_)
            | AlertError::Addresses(_)
            | AlertError::NoQuiet(_) => Self::BadRequest(text, fix),
        }
    }
}

/// A rule, and what it has found that is not over.
#[derive(Serialize, ToSchema)]
struct ShownRule {
    #[serde(flatten)]
    rule: AlertRule,
    /// What it watches for, as people read it.
    sentence: String,
    open: Vec<Finding>,
}

impl ShownRule {
    fn of(rule: AlertRule, found: &[Found]) -> Self {
        let own =
            found.iter().filter(|found| found.rule_id == rule.id && found.gone_at.is_none() && found.finding.lasts);
        let open = own.map(|found| found.finding.clone()).collect();
        Self { sentence: rule.watches.to_string(), rule, open }
    }
}

/// A rule that was made or changed.
#[derive(Serialize, ToSchema)]
struct MadeRule {
    rule: ShownRule,
    /// Signs the requests of a webhook (Standard Webhooks). It is shown this once.
    #[schema(required = false, example = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The rules of an account, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/alerts",
    tag = "Alerts",
    params(Whose, Wanted),
    responses((status = 200, description = "The rules", body = List<ShownRule>)),
    extensions(("x-command" = json!("leadline alert list --account acme")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<ShownRule>, ApiError> {
    let account = named(&app, &actor, whose.account.as_deref()).await?;
    let found = app.store.found(&account.id).await?;
    let rules = app.store.alert_rules(&account.id).await?;
    page.of(rules.into_iter().map(|rule| ShownRule::of(rule, &found)).collect(), |shown| shown.rule.id.as_str())
}

/// The account that is named, else the only one that the asker reaches.
pub(super) async fn named(app: &App, actor: &Actor, name: Option<&str>) -> Result<Account, ApiError> {
    let found = account_or_all(app, actor, name).await?;
    found.ok_or_else(|| ApiError::BadRequest("it is not said which account".to_owned(), "Name it as `account`."))
}

/// The rule of an id, and its account.
async fn found(app: &App, actor: &Actor, id: &str) -> Result<(Account, AlertRule), ApiError> {
    let rule = app.store.alert_rule(id).await?.filter(|rule| actor.reaches(&rule.account_id));
    let rule = rule.ok_or_else(|| AlertError::NoRule(id.to_owned()))?;
    Ok((account(app, actor, rule.account_id.as_str()).await?, rule))
}

/// One rule.
#[utoipa::path(
    get,
    path = "/v1/alerts/{id}",
    tag = "Alerts",
    params(("id" = AlertId, Path, description = "The rule")),
    responses((status = 200, description = "The rule, with an `ETag`", body = Data<ShownRule>)),
    extensions(("x-command" = json!("leadline alert list --account acme")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Response, ApiError> {
    let (account, rule) = found(&app, &actor, &id).await?;
    let found = app.store.found(&account.id).await?;
    Ok(tagged(&rule.revision, ShownRule::of(rule.clone(), &found)))
}

/// A rule to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MakeRule {
    account: Option<String>,
    watches: Watch,
    channel: Channel,
    quiet: Option<Quiet>,
}

/// Makes a rule.
///
/// It tells of one thing once, and once that it is over. For a webhook the secret that signs its requests is shown this
/// once.
#[utoipa::path(
    post,
    path = "/v1/alerts",
    tag = "Alerts",
    request_body(content = MakeRule, example = json!({ "account": "acme", "watches": { "for": "lead_waits", "minutes": 15 }, "channel": { "by": "webhook", "url": "https://example.com/hooks/leads" }, "quiet": { "from": "22:00", "until": "07:00" } })),
    responses((status = 201, description = "The rule", body = Data<MadeRule>)),
    extensions(("x-command" = json!("leadline alert create --account acme --lead-waits 15 --webhook https://example.com/hooks/leads --quiet 22:00-07:00")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Extension<ShownOnce>, One<MadeRule>), ApiError> {
    const FIX: &str = "Send {\"watches\": {\"for\": \"reconnect\"}, \"channel\": {\"by\": \"mail\", \"to\": [\"maya@example.com\"]}}.";
    let asked: MakeRule = read(&body, FIX)?;
    let account = named(&app, &actor, asked.account.as_deref()).await?;
    let wish = Wish { watches: asked.watches, channel: asked.channel, quiet: asked.quiet };
    let (rule, secret) = alerts::create(&app.store, &app.outside, &account, &actor.name, wish, (app.clock)()).await?;
    actor.changes(Value::Null, rule.told());
    Ok((StatusCode::CREATED, Extension(ShownOnce), one(made(rule, secret))))
}

fn made(rule: AlertRule, secret: Option<SecretString>) -> MadeRule {
    MadeRule { rule: ShownRule::of(rule, &[]), secret: secret.map(|secret| secret.expose_secret().to_owned()) }
}

/// What a rule is to be from now on, as a whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetRule {
    watches: Watch,
    channel: Channel,
    quiet: Option<Quiet>,
    #[serde(default = "yes")]
    is_on: bool,
}

fn yes() -> bool {
    true
}

/// Changes a rule, as a whole.
#[utoipa::path(
    put,
    path = "/v1/alerts/{id}",
    tag = "Alerts",
    params(
        ("id" = AlertId, Path, description = "The rule"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body(content = SetRule, example = json!({ "watches": { "for": "lead_waits", "minutes": 30 }, "channel": { "by": "webhook", "url": "https://example.com/hooks/leads" }, "is_on": true })),
    responses((status = 200, description = "The rule, with an `ETag`", body = Data<MadeRule>)),
    extensions(("x-command" = json!("leadline alert set RULE --lead-waits 30")))
)]
async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    const FIX: &str = "Send the rule as a whole: {\"watches\": …, \"channel\": …, \"quiet\": …, \"is_on\": true}.";
    let asked: SetRule = read(&body, FIX)?;
    let (_, before) = found(&app, &actor, &id).await?;
    expect(&before.revision, &headers, "the rule")?;
    let wish = Wish { watches: asked.watches, channel: asked.channel, quiet: asked.quiet };
    let (rule, secret) = alerts::change(&app.store, &app.outside, &before, wish, asked.is_on).await?;
    actor.changes(before.told(), rule.told());
    let shows_secret = secret.is_some();
    let revision = rule.revision;
    let mut response = tagged(&revision, made(rule, secret));
    if shows_secret {
        response.extensions_mut().insert(ShownOnce);
    }
    Ok(response)
}

/// Gives the webhook of a rule a new secret, which is shown once. For a day the one before signs beside it.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/rotate",
    tag = "Alerts",
    params(("id" = AlertId, Path, description = "The rule")),
    responses((status = 200, description = "The rule, with its new secret", body = Data<MadeRule>)),
    extensions(("x-command" = json!("leadline alert rotate RULE")))
)]
async fn rotate(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<(Extension<ShownOnce>, One<MadeRule>), ApiError> {
    let (_, rule) = found(&app, &actor, &id).await?;
    let (rule, secret) = alerts::rotate(&app.store, &rule, (app.clock)()).await?;
    Ok((Extension(ShownOnce), one(made(rule, secret))))
}

/// What was there before.
#[derive(Serialize, ToSchema)]
struct RemovedRule {
    id: String,
}

/// Takes a rule out.
#[utoipa::path(
    delete,
    path = "/v1/alerts/{id}",
    tag = "Alerts",
    params(
        ("id" = AlertId, Path, description = "The rule"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    responses((status = 200, description = "It tells nobody any more", body = Data<RemovedRule>)),
    extensions(("x-command" = json!("leadline alert delete RULE")))
)]
async fn remove(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<One<RemovedRule>, ApiError> {
    let (_, rule) = found(&app, &actor, &id).await?;
    expect(&rule.revision, &headers, "the rule")?;
    app.store.remove_alert_rule(&rule).await?;
    actor.changes(rule.told(), Value::Null);
    Ok(one(RemovedRule { id }))
}

/// Sends a message that says that nothing is wrong.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/test",
    tag = "Alerts",
    params(("id" = AlertId, Path, description = "The rule")),
    responses((status = 200, description = "The messages, which are on their way", body = List<Message>)),
    extensions(("x-command" = json!("leadline alert test RULE")))
)]
async fn test(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<List<Message>>, ApiError> {
    let (account, rule) = found(&app, &actor, &id).await?;
    let sender = Sender { brand: &app.brand, public_url: app.public_url.as_deref() };
    let messages = alerts::test(&app.store, &sender, &account, &rule, (app.clock)()).await?;
    app.wake.post.notify_one();
    Ok(Json(List::whole(messages)))
}

/// What was sent to people and programs of an account, and what is on its way; newest first.
///
/// Without an account, what the house sent. Messages are kept for thirty days.
#[utoipa::path(
    get,
    path = "/v1/messages",
    tag = "Alerts",
    params(Whose, Wanted),
    responses((status = 200, description = "The messages", body = List<Message>)),
    extensions(("x-command" = json!("leadline alert messages --account acme")))
)]
async fn messages(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Message>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    let after = match &page.place {
        Place::Start => None,
        Place::After(id) => Some(id.parse::<MessageId>().map_err(|_| unknown(id))?),
        Place::Before(_) => {
            let text = "messages are read from the newest on".to_owned();
            return Err(ApiError::BadRequest(text, "Send `after`, with the `next` of the page before."));
        }
    };
    let mut messages = app.store.messages(reach.account(), after.as_ref(), page.limit + 1).await?;
    let has_next = messages.len() > page.limit as usize;
    messages.truncate(page.limit as usize);
    Ok(page.list(messages, |message| message.id.as_str(), (false, has_next)))
}

/// What came of the leads of the last whole week, from Monday to Sunday where the account is.
#[utoipa::path(
    get,
    path = "/v1/digest",
    tag = "Alerts",
    params(Whose),
    responses((status = 200, description = "The week", body = Data<Weekly>)),
    extensions(("x-command" = json!("leadline digest --account acme")))
)]
async fn digest(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
) -> Result<One<Weekly>, ApiError> {
    let account = named(&app, &actor, whose.account.as_deref()).await?;
    Ok(one(alerts::week(&app.store, &account, (app.clock)()).await?))
}
