//! `/v1/accounts/{account}/quota`: what the runs of an account's transformations may use.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::error::ApiError;
use super::etag::{expect, tagged};
use super::guard::needing;
use super::reach::{account, house, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::account::QuotaClass;
use crate::quota::{self, Given, QuotaPreview};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(show));
    let operate = OpenApiRouter::new().routes(routes!(set)).routes(routes!(preview));
    needing(Right::Read, read).merge(needing(Right::Operate, operate))
}

/// What the runs of an account's transformations may use.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/quota",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The class, and what it allows, with an `ETag`", body = Data<Given>)),
    extensions(("x-command" = json!("leadline account show acme")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(name): Path<String>) -> Result<Response, ApiError> {
    let account = account(&app, &actor, &name).await?;
    Ok(tagged(&account.quota, Given::of(&account)))
}

/// Which class.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Class {
    /// One of `standard` and `javascript`.
    #[param(example = "standard")]
    quota: String,
}

/// Who would break if an account had another class: versions of which it would have stopped runs, by the newest 2,000.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/quota/preview",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme"), Class),
    responses((status = 200, description = "Who would break", body = Data<QuotaPreview>)),
    extensions(("x-command" = json!("leadline account set --account acme --quota standard --dry-run")))
)]
async fn preview(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(class): Query<Class>,
) -> Result<One<QuotaPreview>, ApiError> {
    house(&actor)?;
    let account = account(&app, &actor, &name).await?;
    let to = class.quota.parse().map_err(|text| ApiError::BadRequest(text, "Name one of them."))?;
    Ok(one(quota::preview(&app.store, &account, to).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "quota": "javascript" }))]
struct Set {
    quota: QuotaClass,
}

/// Gives an account another class of quota, from its next event on.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/quota",
    tag = "Accounts and sources",
    params(
        ("account" = String, Path, description = "Slug or id", example = "acme"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body = Set,
    responses((status = 200, description = "The class, and what it allows, with an `ETag`", body = Data<Given>)),
    extensions(("x-command" = json!("leadline account set --account acme --quota javascript")))
)]
async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    house(&actor)?;
    let Set { quota } = read(&body, "Send {\"quota\": \"javascript\"}, or \"standard\".")?;
    let account = account(&app, &actor, &name).await?;
    expect(&account.quota, &headers, "the quota")?;
    let given = quota::give(&app.store, &account, quota, (app.clock)()).await?;
    actor.changes(account.quota, quota);
    app.wake.plan.notify_one();
    Ok(tagged(&quota, given))
}
