//! `/v1/bindings`: which version a connection uses, its history and the way back; and the form of a version's settings. Where
//! gates are closed, a wish to enable becomes a waiver, which `waivers.rs` serves.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, one};
use super::error::ApiError;
use super::etag;
use super::guard::needing;
use super::reach::{owner, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::account::{PastBinding, Sign};
use crate::model::id::BindingId;
use crate::model::share::Share;
use crate::model::waiver::{Signer, Waiver};
use crate::rollout::{self, Back, Despite, Drawn, Enabled, Enabling, HISTORY_MAX, RolledBack, RolloutError, Wish};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(history)).routes(routes!(form)).routes(routes!(preview));
    let change = OpenApiRouter::new().routes(routes!(enable)).routes(routes!(roll_back)).routes(routes!(restore));
    needing(Right::Read, read).merge(needing(Right::Transform, change))
}

/// A version to use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Enable {
    /// The account's slug or id, or the connection's id.
    account: String,
    /// Such as `deals@3`.
    version: String,
    settings: Option<Value>,
    share: Option<Share>,
    /// Only test leads go through it so far; all others go to the version before.
    #[serde(default)]
    test_leads_only: bool,
    /// Why it is to be used although gates are closed. A second person has to approve that.
    despite: Option<String>,
    #[serde(default)]
    reason: String,
    /// For whom it is done, where a program does it for somebody.
    by: Option<String>,
}

/// Uses a version from now on, on all events of an account or on a share of them.
///
/// Where gates are closed, `despite` says why it is to be used all the same: then nothing is enabled yet, and the answer is
/// 202 with the request that somebody else approves.
#[utoipa::path(
    post,
    path = "/v1/bindings",
    tag = "Transformations",
    params(("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")),
    request_body(content = Enable, example = json!({ "account": "acme", "version": "default@1", "share": 100, "settings": { "country": "US" }, "despite": "the example of the document" })),
    responses((status = 200, description = "What was enabled", body = Data<Enabled>), (status = 202, description = "Gates are closed: a second person has to approve it", body = Data<Waiver>)),
    extensions(("x-command" = json!("leadline transform enable default@1 --account acme")))
)]
async fn enable(
    State(app): State<Arc<App>>,
    actor: Actor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked: Enable = read(&body, "Send {\"account\": \"acme\", \"version\": \"deals@3\", \"share\": 10}.")?;
    if asked.test_leads_only && asked.share.is_some() {
        let text = "both a share and test leads only are asked for".to_owned();
        return Err(ApiError::BadRequest(text, "Send `share` or `test_leads_only`, not both."));
    }
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let whose = (&account, &connection);
    let choice = rollout::choose_live(&app.store, &app.hubspot, whose, &asked.version, asked.settings, &*app.clock);
    let choice = choice.await?;
    let despite = asked.despite.filter(|reason| !reason.trim().is_empty());
    let despite = despite.map(|why| Despite { why, asker: Signer::from(&actor) });
    let sign = Sign::new(asked.by.unwrap_or(actor.name), asked.reason);
    let share = if asked.test_leads_only { Share::NONE } else { asked.share.unwrap_or(Share::ALL) };
    let wish = Wish { share, sign, expected: expected(&headers)?, despite };
    match rollout::enable(&app.store, &connection, &choice, &wish, (app.clock)()).await? {
        Enabling::Enabled(enabled) => {
            app.wake.plan.notify_one();
            Ok(tagged(enabled.bindings.last(), Data { data: &enabled }))
        }
        Enabling::Asked(waiver) => Ok((StatusCode::ACCEPTED, one(waiver)).into_response()),
    }
}

/// Whose version is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RollBack {
    /// The account's slug or id, or the connection's id.
    account: String,
    #[serde(default)]
    reason: String,
    /// For whom it is done, where a program does it for somebody.
    by: Option<String>,
}

/// Goes back to what was used before.
#[utoipa::path(
    post,
    path = "/v1/bindings/rollback",
    tag = "Transformations",
    params(("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")),
    request_body(content = RollBack, example = json!({ "account": "acme", "reason": "leads went to the wrong stage" })),
    responses((status = 200, description = "What is used again", body = Data<RolledBack>)),
    extensions(("x-command" = json!("leadline transform rollback --account acme")))
)]
async fn roll_back(
    State(app): State<Arc<App>>,
    actor: Actor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked: RollBack = read(&body, "Send {\"account\": \"acme\", \"reason\": \"why\"}.")?;
    let (_, connection) = owner(&app, &actor, &asked.account).await?;
    let sign = Sign::new(asked.by.unwrap_or(actor.name), asked.reason);
    let expected = expected(&headers)?;
    let back = rollout::roll_back(&app.store, &connection, expected.as_ref(), &sign, (app.clock)()).await?;
    app.wake.plan.notify_one();
    Ok(tagged(back.bindings.last(), Data { data: &back }))
}

/// What is to be in force again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// The account's slug or id, or the connection's id.
    account: String,
    /// One of the history; without one, what the last rollback took back.
    binding: Option<BindingId>,
    #[serde(default)]
    reason: String,
    /// For whom it is done, where a program does it for somebody.
    by: Option<String>,
}

/// Puts an earlier binding in force again, with its version and settings; without one, what the last rollback took back.
///
/// The gates are asked as ever, but for a rollback of the last ten minutes.
#[utoipa::path(
    post,
    path = "/v1/bindings/restore",
    tag = "Transformations",
    params(("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")),
    request_body(content = Restore, example = json!({ "account": "acme", "reason": "it was the portal" })),
    responses((status = 200, description = "What was enabled", body = Data<Enabled>)),
    extensions(("x-command" = json!("leadline transform restore --account acme")))
)]
async fn restore(
    State(app): State<Arc<App>>,
    actor: Actor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked: Restore = read(&body, "Send {\"account\": \"acme\", \"reason\": \"why\"}.")?;
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let sign = Sign::new(asked.by.unwrap_or(actor.name), asked.reason);
    let wish = Wish { share: Share::ALL, sign, expected: expected(&headers)?, despite: None };
    let (whose, what) = ((&account, &connection), (asked.binding.as_ref(), &wish));
    let enabled = rollout::enable_again(&app.store, &app.hubspot, whose, what, &*app.clock).await?;
    app.wake.plan.notify_one();
    Ok(tagged(enabled.bindings.last(), Data { data: &enabled }))
}

/// What a rollback would do now: to which version, how that one did, and what waits and would run again.
#[utoipa::path(
    get,
    path = "/v1/bindings/rollback",
    tag = "Transformations",
    params(Whose),
    responses((status = 200, description = "What it would do, with an `ETag`", body = Data<Back>)),
    extensions(("x-command" = json!("leadline transform rollback --account acme --dry-run")))
)]
async fn preview(State(app): State<Arc<App>>, actor: Actor, Query(whose): Query<Whose>) -> Result<Response, ApiError> {
    let (_, connection) = owner(&app, &actor, &whose.connection).await?;
    let back = rollout::back(&app.store, &connection).await?;
    let nothing = || RolloutError::NothingBefore("no version was in use before the one of now".to_owned());
    let back = back.ok_or_else(nothing)?;
    Ok(tagged(Some(&back.seen), Data { data: &back }))
}

/// Whose bindings are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// The connection's id, or the account's slug or id.
    #[param(example = "acme")]
    connection: String,
}

/// The newest bindings of a connection. The list is cut there, and has one page.
#[utoipa::path(
    get,
    path = "/v1/bindings",
    tag = "Transformations",
    params(Whose),
    responses((status = 200, description = "The bindings, with an `ETag`", body = List<PastBinding>)),
    extensions(("x-command" = json!("leadline transform history --account acme")))
)]
async fn history(State(app): State<Arc<App>>, actor: Actor, Query(whose): Query<Whose>) -> Result<Response, ApiError> {
    let (_, connection) = owner(&app, &actor, &whose.connection).await?;
    let history: Vec<PastBinding> = app.store.binding_history(&connection, HISTORY_MAX).await?;
    let newest = history.first().map(|past| past.id.clone());
    Ok(tagged(newest.as_ref(), List::whole(history)))
}

/// Whose settings, and of which version.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Form {
    /// The account's slug or id, or the connection's id.
    #[param(example = "acme")]
    account: String,
    /// Such as `deals@3`.
    #[param(example = "default@1")]
    version: String,
}

/// The settings of a version as a form, with what the portal offers.
#[utoipa::path(
    get,
    path = "/v1/settings-form",
    tag = "Transformations",
    params(Form),
    responses((status = 200, description = "The form", body = Data<Drawn>)),
    extensions(("x-command" = json!("leadline transform form default@1 --account acme")))
)]
async fn form(State(app): State<Arc<App>>, actor: Actor, Query(asked): Query<Form>) -> Result<One<Drawn>, ApiError> {
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let (store, whose) = (&app.store, (&account, &connection));
    let drawn = rollout::settings_form(store, &app.hubspot, whose, &asked.version, None, &*app.clock).await?;
    Ok(one(drawn))
}

/// The binding that the one who asks has seen last, as `If-Match` names it.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<BindingId>, ApiError> {
    match etag::seen(headers).as_deref() {
        None | Some(["*"]) => Ok(None),
        Some([id]) if id.starts_with("bnd_") => Ok(Some(BindingId::stored((*id).to_owned()))),
        Some(_) => Err(ApiError::BadRequest(
            "`If-Match` does not name one binding".to_owned(),
            "Send the `ETag` of `GET /v1/bindings`, or leave it out.",
        )),
    }
}

/// An answer that says which binding is the newest.
pub(super) fn tagged(newest: Option<&BindingId>, body: impl Serialize) -> Response {
    let response = Json(body).into_response();
    match newest {
        Some(newest) => etag::named(newest.as_str(), response),
        None => response,
    }
}
