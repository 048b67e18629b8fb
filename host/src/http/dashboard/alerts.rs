//! Alerts: rules as sentences, who is told and when not, and what was sent.

mod asked;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use self::asked::{Asked, addresses};
use super::accounts::serde_urlencoded;
use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use crate::alerts::{self, AlertError, Wish};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::repeat::ShownOnce;
use crate::letter::Sender;
use crate::model::access::{Actor, Right};
use crate::model::account::Sign;
use crate::model::alert::{AlertRule, Channel, Day, Watch};
use crate::model::message::{Kind, Message, MessageState, Way};
use crate::view::moment::Moment;
use crate::watch::Finding;

/// Messages that the page lists, the newest.
const LISTED_MAX: u32 = 20;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/accounts/{account}/alerts", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/alerts", post(create))
        .route("/accounts/{account}/alerts/suggested", post(take_suggested))
        .route("/accounts/{account}/alerts/{id}", post(change))
        .route("/accounts/{account}/alerts/{id}/rotate", post(rotate))
        .route("/accounts/{account}/alerts/{id}/test", post(test))
        .route("/accounts/{account}/alerts/{id}/switch", post(switch))
        .route("/accounts/{account}/alerts/{id}/remove", post(remove));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page {
    shell: Shell,
    rules: Vec<Row>,
    messages: Vec<Sent>,
    has_mail: bool,
    /// The form, as it was filled in.
    asked: Asked,
    /// The rule that the form changes, and its revision; none for a new one.
    edited: Option<(String, i64)>,
    /// Why the form was refused.
    refused: Option<Fault>,
    /// Why something else was not done.
    wrong: Option<Fault>,
    /// What signs for a webhook, shown this once, and what it is of.
    secret: Option<(&'static str, String)>,
    /// Each by its word and as a sentence, and whether its box is ticked.
    suggested: Vec<(&'static str, String, bool)>,
    zone: String,
}

/// A rule with what it found.
struct Row {
    rule: AlertRule,
    sentence: String,
    open: Vec<(Finding, Moment)>,
    made: Moment,
    /// Nobody made it: the account began with it.
    is_given: bool,
}

/// A message, as it was sent.
struct Sent {
    message: Message,
    at: Moment,
    kind: &'static str,
    state: &'static str,
    tone: &'static str,
    icon: &'static str,
}

fn sent(shell: &Shell, message: Message) -> Sent {
    let (state, tone, icon) = match message.state {
        MessageState::Sent => ("Sent", "good", "✓"),
        MessageState::Waiting if message.reason.is_some() => ("Tried again", "warning", "↻"),
        MessageState::Waiting => ("On its way", "sending", "◔"),
        MessageState::Failed => ("Did not arrive", "bad", "✕"),
        MessageState::Dropped => ("Not sent", "none", "–"),
    };
    let kind = match message.kind {
        Kind::SignIn => "Link to sign in",
        Kind::Invitation => "Invitation",
        Kind::Alert => "Alert",
        Kind::Resolved => "Over",
        Kind::Test => "Test",
        Kind::Digest => "Weekly digest",
        Kind::Wish => "To support",
    };
    Sent { at: shell.time(message.done_at.unwrap_or(message.created_at)), kind, state, tone, icon, message }
}

/// What the form shows beside the rules.
struct Filled {
    asked: Asked,
    edited: Option<(String, i64)>,
    refused: Option<Fault>,
    wrong: Option<Fault>,
    secret: Option<(&'static str, String)>,
    /// Suggested rules that somebody did not want.
    left_out: Vec<Watch>,
}

impl Filled {
    fn new(actor: &Actor) -> Self {
        let (refused, wrong) = (None, None);
        Self { asked: Asked::new(actor), edited: None, refused, wrong, secret: None, left_out: Vec::new() }
    }
}

async fn page(app: &App, actor: &Actor, place: Place, filled: Filled) -> Result<Response, ApiError> {
    let (shell, account) = (place.shell, place.account);
    let found = app.store.found(&account.id).await?;
    let rules = app.store.alert_rules(&account.id).await?;
    let row = |rule: AlertRule| {
        let own =
            found.iter().filter(|found| found.rule_id == rule.id && found.gone_at.is_none() && found.finding.lasts);
        Row {
            sentence: rule.watches.to_string(),
            open: own.map(|found| (found.finding.clone(), shell.time(found.finding.since))).collect(),
            made: shell.time(rule.created_at),
            is_given: rule.created_by == Sign::SYSTEM,
            rule,
        }
    };
    let rules: Vec<_> = rules.into_iter().map(row).collect();
    let messages = app.store.messages(Some(&account.id), None, LISTED_MAX).await?;
    let messages = messages.into_iter().map(|message| sent(&shell, message)).collect();
    let suggested = Watch::SUGGESTED.iter();
    let page = Page {
        rules,
        messages,
        has_mail: app.outside.mailer.is_some(),
        asked: filled.asked,
        edited: filled.edited,
        refused: filled.refused,
        wrong: filled.wrong,
        secret: filled.secret,
        suggested: suggested.map(|watch| (watch.word(), watch.to_string(), !filled.left_out.contains(watch))).collect(),
        zone: shell.zone.iana_name().unwrap_or("UTC").to_owned(),
        shell,
    };
    let mut response = draw(app, actor, &page)?;
    if page.secret.is_some() {
        response.extensions_mut().insert(ShownOnce);
    }
    Ok(match page.refused.as_ref().or(page.wrong.as_ref()) {
        Some(fault) => fault.on(response),
        None => response,
    })
}

#[derive(Deserialize)]
struct Edited {
    edit: Option<String>,
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Edited { edit } = serde_urlencoded(&uri);
    let mut filled = Filled::new(&actor);
    if let Some(id) = edit {
        let rule = found(&app, &place, &id).await?;
        filled.asked = Asked::of_rule(&rule);
        filled.edited = Some((id, rule.revision));
    }
    page(&app, &actor, place, filled).await
}

/// A rule of the account.
async fn found(app: &App, place: &Place, id: &str) -> Result<AlertRule, ApiError> {
    let rule = app.store.alert_rule(id).await?.filter(|rule| rule.account_id == place.account.id);
    rule.ok_or_else(|| AlertError::NoRule(id.to_owned()).into())
}

/// What is wrong with what somebody typed.
fn mistyped(text: String) -> Result<Fault, ApiError> {
    Fault::of(ApiError::BadRequest(text, "Correct it, and send it again."))
}

type Made = Result<(AlertRule, Option<secrecy::SecretString>), AlertError>;

/// Where a form leads: to the page with a word of what was done, or to itself with what is wrong.
async fn after(
    (app, actor, place): (&App, &Actor, Place),
    asked: Asked,
    edited: Option<(String, i64)>,
    (made, done): (Made, &str),
) -> Result<Response, ApiError> {
    let filled = Filled { asked, edited, ..Filled::new(actor) };
    match made {
        Ok((_, None)) => Ok(to(&place.shell, done)),
        Ok((_, Some(secret))) => {
            let words = if done == "alert-rotated" {
                "The webhook has a new secret, and for a day the one before signs beside it. It is shown this once:"
            } else {
                "The rule is made. Its webhook is signed with this secret, which is shown this once:"
            };
            let secret = Some((words, secret.expose_secret().to_owned()));
            page(app, actor, place, Filled { secret, ..Filled::new(actor) }).await
        }
        Err(error) => page(app, actor, place, Filled { refused: Some(Fault::of(error.into())?), ..filled }).await,
    }
}

/// The page again, with why something was not done that is no matter of the form.
async fn wrong((app, actor, place): (&App, &Actor, Place), error: AlertError) -> Result<Response, ApiError> {
    page(app, actor, place, Filled { wrong: Some(Fault::of(error.into())?), ..Filled::new(actor) }).await
}

fn to(shell: &Shell, done: &str) -> Response {
    Redirect::to(&format!("{}?done={done}", shell.at("alerts"))).into_response()
}

async fn create(
    Visit { app, actor, place }: Visit,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let asked = Asked::of(pairs);
    let wish = match asked.wish() {
        Ok(wish) => wish,
        Err(wrong) => {
            let refused = Some(mistyped(wrong)?);
            return page(&app, &actor, place, Filled { asked, refused, ..Filled::new(&actor) }).await;
        }
    };
    let now = (app.clock)();
    let made = alerts::create(&app.store, &app.outside, &place.account, &actor.name, wish, now).await;
    after((&app, &actor, place), asked, None, (made, "alert-made")).await
}

async fn change(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let asked = Asked::of(pairs);
    let rule = found(&app, &place, &id).await?;
    let seen = asked.get("revision").parse().unwrap_or(0);
    let edited = Some((id, seen));
    let wish = match asked.wish() {
        Ok(wish) => wish,
        Err(wrong) => {
            let refused = Some(mistyped(wrong)?);
            return page(&app, &actor, place, Filled { asked, edited, refused, ..Filled::new(&actor) }).await;
        }
    };
    // Whoever was quicker is not overwritten.
    let seen = AlertRule { revision: seen, ..rule };
    let is_on = seen.is_on;
    let made = alerts::change(&app.store, &app.outside, &seen, wish, is_on).await;
    if let Ok((now, _)) = &made {
        actor.changes(seen.told(), now.told());
    }
    after((&app, &actor, place), asked, edited, (made, "alert-changed")).await
}

/// Makes the suggested rules that are ticked, or all of them; none where one is refused. What an account is told of
/// already is not made once more: pressed twice, it is done once.
async fn take_suggested(
    Visit { app, actor, place }: Visit,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let asked = Asked::of(pairs);
    let channel = Channel::Mail { to: addresses(asked.get("to")) };
    let is_wanted = |watch: &Watch| asked.get("all") == "yes" || asked.get(watch.word()) == "yes";
    let (mut wanted, left_out): (Vec<_>, Vec<_>) = Watch::SUGGESTED.into_iter().partition(is_wanted);
    let rules = app.store.alert_rules(&place.account.id).await?;
    wanted.retain(|watch| rules.iter().all(|rule| rule.watches != *watch));
    let wish = |watches| Wish { watches, channel: channel.clone(), quiet: None };
    let wishes = wanted.into_iter().map(wish).collect();
    match alerts::create_all(&app.store, &app.outside, &place.account, &actor.name, wishes, (app.clock)()).await {
        Ok(made) if made.is_empty() => Ok(to(&place.shell, "nothing")),
        Ok(made) => {
            actor.changes(serde_json::Value::Null, made.iter().map(AlertRule::told).collect::<Vec<_>>());
            Ok(to(&place.shell, "alert-made"))
        }
        Err(error) => {
            let mut typed = Asked::new(&actor);
            typed.put("to", asked.get("to"));
            let wrong = Some(Fault::of(error.into())?);
            let filled = Filled { asked: typed, wrong, left_out, ..Filled::new(&actor) };
            page(&app, &actor, place, filled).await
        }
    }
}

async fn rotate(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    Form(seen): Form<Seen>,
) -> Result<Response, ApiError> {
    // Whoever has rotated meanwhile is not overtaken: pressed twice, it is done once.
    let rule = AlertRule { revision: seen.revision, ..found(&app, &place, &id).await? };
    match alerts::rotate(&app.store, &rule, (app.clock)()).await {
        Err(error) => wrong((&app, &actor, place), error).await,
        made => after((&app, &actor, place), Asked::new(&actor), None, (made, "alert-rotated")).await,
    }
}

async fn test(Visit { app, actor, place }: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, ApiError> {
    let rule = found(&app, &place, &id).await?;
    let sender = Sender { brand: &app.brand, public_url: app.public_url.as_deref() };
    match alerts::test(&app.store, &sender, &place.account, &rule, (app.clock)()).await {
        Ok(_) => {
            app.wake.post.notify_one();
            Ok(to(&place.shell, "alert-tested"))
        }
        Err(error) => wrong((&app, &actor, place), error).await,
    }
}

/// Which rule a form saw.
#[derive(Deserialize)]
struct Seen {
    revision: i64,
}

async fn switch(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    Form(seen): Form<Seen>,
) -> Result<Response, ApiError> {
    let rule = AlertRule { revision: seen.revision, ..found(&app, &place, &id).await? };
    match alerts::switch(&app.store, &rule, !rule.is_on).await {
        Ok(()) => {
            actor.changes(rule.told(), AlertRule { is_on: !rule.is_on, ..rule.clone() }.told());
            Ok(to(&place.shell, if rule.is_on { "alert-off" } else { "alert-on" }))
        }
        Err(error) => wrong((&app, &actor, place), error).await,
    }
}

async fn remove(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let rule = found(&app, &place, &id).await?;
    let removed = app.store.remove_alert_rule(&rule).await?;
    actor.changes(rule.told(), serde_json::Value::Null);
    Ok(to(&place.shell, if removed { "alert-removed" } else { "nothing" }))
}
