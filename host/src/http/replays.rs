//! `/v1/replays`: leads that are sent once more, for the operator's programs.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, Dry, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{Whose, account, account_or_all, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::id::ReplayId;
use crate::model::replay::{Change, Estimate, Filter, Replay};
use crate::replay::{self, Wish};
use crate::store::SkippedLead;

/// Replays that are listed at most, the newest: on all pages together.
const LISTED_MAX: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list)).routes(routes!(show));
    let change = OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// Leads to send once more.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateReplay)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Slug or id.
    account: String,
    #[serde(default)]
    filter: Filter,
    /// Whether what was delivered is sent once more.
    #[serde(default)]
    again: bool,
    /// Whether what failed or was cancelled is planned anew by what is in use now, instead of going on with its stored
    /// plan. Contact and deal are found by their keys, the note by its marker: nothing is there twice.
    #[serde(default)]
    afresh: bool,
    rate: Option<u32>,
    /// What to call it, in 60 characters at most.
    #[serde(default)]
    name: String,
    /// Only say what it would come to.
    #[serde(default)]
    dry_run: bool,
}

/// Sends leads once more, or says what that would come to.
#[utoipa::path(
    post,
    path = "/v1/replays",
    tag = "Replays",
    params(Dry),
    request_body(content = Create, example = json!({ "account": "acme", "filter": { "state": "delivered" }, "again": true, "dry_run": true })),
    responses((status = 200, description = "The replay, or its estimate", body = Data<Created>)),
    extensions(("x-command" = json!("leadline replay create --account acme --state delivered --again --dry-run")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(dry): Query<Dry>,
    body: Bytes,
) -> Result<One<Created>, ApiError> {
    let asked: Create = read(&body, "Send {\"account\": \"acme\", \"filter\": {\"state\": \"failed\"}}.")?;
    let account = account(&app, &actor, &asked.account).await?;
    let wish =
        Wish { filter: asked.filter, again: asked.again, afresh: asked.afresh, rate: asked.rate, name: asked.name };
    let now = (app.clock)();
    if asked.dry_run || dry.is_on() {
        let estimate = replay::estimate(&app.store, &account, &wish, now).await?;
        return Ok(one(Created::Estimated(Estimated { estimate })));
    }
    Ok(one(Created::Begun(replay::create(&app.store, &account, &wish, now).await?.into())))
}

/// A replay that began, or only what it would come to.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Created {
    Estimated(Estimated),
    Begun(Box<Replay>),
}

/// What a replay would come to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Estimated {
    estimate: Estimate,
}

/// A replay, with the leads that it left alone.
#[derive(Serialize, ToSchema)]
struct ShownReplay {
    replay: Replay,
    skipped: Vec<SkippedLead>,
}

/// The newest replays.
#[utoipa::path(
    get,
    path = "/v1/replays",
    tag = "Replays",
    params(Whose, Wanted),
    responses((status = 200, description = "The replays", body = List<Replay>)),
    extensions(("x-command" = json!("leadline replay list")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Replay>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?.map(|account| account.id);
    let replays = app.store.replays(account.as_ref(), LISTED_MAX).await?;
    page.of(replays, |replay| replay.id.as_str())
}

/// One replay, with the leads that it left alone.
#[utoipa::path(
    get,
    path = "/v1/replays/{id}",
    tag = "Replays",
    params(("id" = ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = Data<ShownReplay>)),
    extensions(("x-command" = json!("leadline replay status REPLAY")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<ShownReplay>, ApiError> {
    let replay = found(&app, &actor, &id).await?;
    let skipped = app.store.skipped_leads(&replay).await?;
    Ok(one(ShownReplay { replay, skipped }))
}

/// Lets a replay stand still.
#[utoipa::path(
    post,
    path = "/v1/replays/{id}/pause",
    tag = "Replays",
    params(("id" = ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = Data<Replay>)),
    extensions(("x-command" = json!("leadline replay pause REPLAY")))
)]
async fn pause(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<One<Replay>, ApiError> {
    change(state, actor, id, Change::Pause).await
}

/// Lets a replay go on.
#[utoipa::path(
    post,
    path = "/v1/replays/{id}/resume",
    tag = "Replays",
    params(("id" = ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = Data<Replay>)),
    extensions(("x-command" = json!("leadline replay resume REPLAY")))
)]
async fn resume(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<One<Replay>, ApiError> {
    change(state, actor, id, Change::Resume).await
}

/// Ends a replay; what it sent on its way goes on.
#[utoipa::path(
    post,
    path = "/v1/replays/{id}/cancel",
    tag = "Replays",
    params(("id" = ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = Data<Replay>)),
    extensions(("x-command" = json!("leadline replay cancel REPLAY")))
)]
async fn cancel(state: State<Arc<App>>, actor: Actor, id: Path<String>) -> Result<One<Replay>, ApiError> {
    change(state, actor, id, Change::Cancel).await
}

async fn change(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    change: Change,
) -> Result<One<Replay>, ApiError> {
    replay::change(&app.store, &found(&app, &actor, &id).await?, change, (app.clock)()).await?;
    Ok(one(found(&app, &actor, &id).await?))
}

async fn found(app: &App, actor: &Actor, id: &str) -> Result<Replay, ApiError> {
    let found = app.store.replay(id).await?.filter(|replay| actor.reaches(&replay.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no replay `{id}`")))
}
