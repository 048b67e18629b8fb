//! `/v1/processes` and `/v1/read-only`: what an operator tells the processes of the service, and everybody else.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{house, read};
use crate::app::App;
use crate::model::access::{Actor, ReadOnly, Right};
use crate::operate::{processes, read_only};
use crate::store::ShownProcess;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let operate = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(drain))
        .routes(routes!(resume))
        .routes(routes!(show_mode, begin, end));
    needing(Right::Operate, operate)
}

/// The processes that serve on this database, with the lanes on which each is at work.
#[utoipa::path(
    get,
    path = "/v1/processes",
    tag = "Operating",
    responses((status = 200, description = "The processes", body = List<ShownProcess>)),
    extensions(("x-command" = json!("leadline process list")))
)]
async fn list(State(app): State<Arc<App>>, actor: Actor) -> Result<List<ShownProcess>, ApiError> {
    house(&actor)?;
    Ok(List::whole(processes::living(&app.store, (app.clock)()).await?))
}

/// Lets a process take no more lanes. It finishes what it holds, and others go on; `/readyz` of it says so, and it still takes
/// events in. It heeds that within a second, until it is resumed or starts anew.
#[utoipa::path(
    post,
    path = "/v1/processes/{id}/drain",
    tag = "Operating",
    params(("id" = String, Path, description = "The process")),
    responses((status = 200, description = "The process", body = Data<ShownProcess>)),
    extensions(("x-command" = json!("leadline process drain PROCESS")))
)]
async fn drain(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<ShownProcess>, ApiError> {
    house(&actor)?;
    told(&app, &id, true).await.map(one)
}

/// Lets a process that drains take lanes again.
#[utoipa::path(
    post,
    path = "/v1/processes/{id}/resume",
    tag = "Operating",
    params(("id" = String, Path, description = "The process")),
    responses((status = 200, description = "The process", body = Data<ShownProcess>)),
    extensions(("x-command" = json!("leadline process resume PROCESS")))
)]
async fn resume(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<ShownProcess>, ApiError> {
    house(&actor)?;
    told(&app, &id, false).await.map(one)
}

/// Tells a process, and this one at once, where it is meant.
pub(super) async fn told(app: &App, id: &str, drains: bool) -> Result<ShownProcess, ApiError> {
    let process = processes::drain(&app.store, id, drains, (app.clock)()).await?;
    let process = process.ok_or_else(|| ApiError::NotFound(format!("there is no process `{id}`")))?;
    processes::heed(app).await?;
    Ok(process)
}

/// Whether only operators may change something.
#[derive(Serialize, ToSchema)]
struct Mode {
    /// None while everybody may change what they may.
    read_only: Option<ReadOnly>,
}

/// Why they may.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "The database moves to another machine until 14:00." }))]
struct Why {
    reason: String,
}

/// Whether only operators may change something for now, and why.
#[utoipa::path(
    get,
    path = "/v1/read-only",
    tag = "Operating",
    responses((status = 200, description = "The mode", body = Data<Mode>)),
    extensions(("x-command" = json!("leadline read-only show")))
)]
async fn show_mode(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Mode>, ApiError> {
    house(&actor)?;
    Ok(one(Mode { read_only: app.store.read_only().await? }))
}

/// Lets only operators change something from now on, in every process. Everybody is told the reason on every page, and others
/// who change something get 503 `read_only` with `Retry-After`. Leads are received, planned and delivered as ever.
#[utoipa::path(
    put,
    path = "/v1/read-only",
    tag = "Operating",
    request_body = Why,
    responses((status = 200, description = "The mode", body = Data<Mode>)),
    extensions(("x-command" = json!("leadline read-only on --reason \"The database moves until 14:00.\"")))
)]
async fn begin(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<Mode>, ApiError> {
    house(&actor)?;
    let Why { reason } = read(&body, "Send {\"reason\": \"…\"}.")?;
    let mode = read_only::begin(&app.store, &reason, &actor.name, (app.clock)()).await?;
    Ok(one(Mode { read_only: Some(mode) }))
}

/// Lets everybody change again what they may.
#[utoipa::path(
    delete,
    path = "/v1/read-only",
    tag = "Operating",
    responses((status = 200, description = "The mode", body = Data<Mode>)),
    extensions(("x-command" = json!("leadline read-only off")))
)]
async fn end(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Mode>, ApiError> {
    house(&actor)?;
    read_only::end(&app.store).await?;
    Ok(one(Mode { read_only: None }))
}
