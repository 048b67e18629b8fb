//! `/v1/lanes`, and the pauses of lanes, accounts and everything, for the operator's programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Place, Wanted, one, unknown, with_link};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, house};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::lane::PauseScope;
use crate::model::time::Timestamp;
use crate::store::{LaneDoing, LaneFilter, ShownLane};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list));
    let change = OpenApiRouter::new()
        .routes(routes!(pause_lane))
        .routes(routes!(resume_lane))
        .routes(routes!(pause_account))
        .routes(routes!(resume_account));
    let everything = OpenApiRouter::new().routes(routes!(pause_all)).routes(routes!(resume_all));
    needing(Right::Read, read).merge(needing(Right::Change, change)).merge(needing(Right::Operate, everything))
}

/// Something that stands still because somebody said so.
#[derive(Serialize, ToSchema)]
struct Pause {
    scope: PauseScope,
    since: Timestamp,
}

/// Lanes, and what of them stands still.
#[derive(Serialize, ToSchema)]
struct Lanes {
    #[serde(flatten)]
    lanes: List<ShownLane>,
    pauses: Vec<Pause>,
}

/// What the lanes that are listed do.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Doing {
    /// Only those in this state.
    #[param(inline)]
    state: Option<LaneDoing>,
}

/// The lanes, with what waits in each, and what stands still. Those that are due come first, so a page is a number of them.
#[utoipa::path(
    get,
    path = "/v1/lanes",
    tag = "Lanes",
    params(Whose, Doing, Wanted),
    responses((status = 200, description = "The lanes", body = Lanes)),
    extensions(("x-command" = json!("leadline lane list")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    Query(doing): Query<Doing>,
    page: Page,
) -> Result<Response, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let filter = LaneFilter { account, state: doing.state, of_note: false };
    let limit = page.limit;
    let number = |cursor: &str| cursor.parse::<u32>().map_err(|_| unknown(cursor));
    let skip = match &page.place {
        Place::Start => 0,
        Place::After(cursor) => number(cursor)?,
        Place::Before(cursor) => number(cursor)?.saturating_sub(limit),
    };
    let mut lanes = app.store.lanes_that_fit(&filter, (skip, limit + 1), (app.clock)()).await?;
    let has_more = lanes.len() > limit as usize;
    lanes.truncate(limit as usize);
    let cursors = [(skip > 0).then(|| skip.to_string()), has_more.then(|| skip.saturating_add(limit).to_string())];
    let mut lanes = page.list_at(lanes, cursors);
    let link = lanes.link();
    Ok(with_link(link, Json(Lanes { lanes, pauses: pauses(&app, &actor).await? }).into_response()))
}

/// Lets everything stand still.
#[utoipa::path(
    post,
    path = "/v1/lanes/pause",
    tag = "Lanes",
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline lane pause --all")))
)]
async fn pause_all(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Vec<Pause>>, ApiError> {
    house(&actor)?;
    pause(&app, &actor, &PauseScope::All).await
}

/// Lets everything go on.
#[utoipa::path(
    post,
    path = "/v1/lanes/resume",
    tag = "Lanes",
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline lane resume --all")))
)]
async fn resume_all(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Vec<Pause>>, ApiError> {
    house(&actor)?;
    resume(&app, &actor, &PauseScope::All).await
}

/// Lets one lane stand still.
#[utoipa::path(
    post,
    path = "/v1/lanes/{id}/pause",
    tag = "Lanes",
    params(("id" = String, Path, description = "The lane: the id of its account or of its connection")),
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline lane pause LANE")))
)]
async fn pause_lane(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Vec<Pause>>, ApiError> {
    pause(&app, &actor, &lane(&app, &actor, &id).await?).await
}

/// Lets one lane go on.
#[utoipa::path(
    post,
    path = "/v1/lanes/{id}/resume",
    tag = "Lanes",
    params(("id" = String, Path, description = "The lane: the id of its account or of its connection")),
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline lane resume LANE")))
)]
async fn resume_lane(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<Vec<Pause>>, ApiError> {
    resume(&app, &actor, &lane(&app, &actor, &id).await?).await
}

/// Lets planning and delivering of an account stand still; events are taken in and wait.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/pause",
    tag = "Lanes",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline account pause acme")))
)]
async fn pause_account(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<One<Vec<Pause>>, ApiError> {
    pause(&app, &actor, &PauseScope::Account(account(&app, &actor, &name).await?.id)).await
}

/// Lets an account go on.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/resume",
    tag = "Lanes",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "What stands still", body = Data<Vec<Pause>>)),
    extensions(("x-command" = json!("leadline account resume acme")))
)]
async fn resume_account(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<One<Vec<Pause>>, ApiError> {
    resume(&app, &actor, &PauseScope::Account(account(&app, &actor, &name).await?.id)).await
}

async fn pause(app: &App, actor: &Actor, scope: &PauseScope) -> Result<One<Vec<Pause>>, ApiError> {
    app.store.pause(scope, (app.clock)()).await?;
    Ok(one(pauses(app, actor).await?))
}

async fn resume(app: &App, actor: &Actor, scope: &PauseScope) -> Result<One<Vec<Pause>>, ApiError> {
    app.store.resume(scope).await?;
    app.wake.plan.notify_one();
    app.wake.deliver.notify_one();
    Ok(one(pauses(app, actor).await?))
}

/// What stands still, as far as it concerns who asks.
async fn pauses(app: &App, actor: &Actor) -> Result<Vec<Pause>, ApiError> {
    let pauses = app.store.pauses().await?;
    let concerns = |scope: &PauseScope| match (scope, actor.own_account()) {
        (PauseScope::All, _) | (_, None) => true,
        (PauseScope::Account(account) | PauseScope::Lane(account, _), Some(own)) => account == own,
    };
    let pauses = pauses.into_iter().filter(|(scope, _)| concerns(scope));
    Ok(pauses.map(|(scope, since)| Pause { scope, since }).collect())
}

async fn lane(app: &App, actor: &Actor, id: &str) -> Result<PauseScope, ApiError> {
    let found = app.store.lane(id).await?;
    let found = found.filter(|scope| matches!(scope, PauseScope::Lane(account, _) if actor.reaches(account)));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no lane `{id}`")))
}
