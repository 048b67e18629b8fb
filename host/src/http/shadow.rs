//! `/v1/shadow-runs`: a version beside the one in force, on the account's last leads.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::error::ApiError;
use super::events::busy;
use super::guard::needing;
use super::reach::{owner, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::id::ShadowRunId;
use crate::rollout;
use crate::shadow::{self, EVENTS_MAX};
use crate::store::ShadowRun;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(show));
    let change = OpenApiRouter::new().routes(routes!(create));
    needing(Right::Read, read).merge(needing(Right::Transform, change))
}

/// A comparison to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateShadowRun)]
#[serde(deny_unknown_fields)]
struct Create {
    /// The account's slug or id, or the connection's id.
    account: String,
    /// Such as `deals@3`.
    version: String,
    settings: Option<Value>,
    /// Leads to try it on, the newest.
    events: Option<u32>,
    by: Option<String>,
}

/// Runs a version beside the one in force, on the newest leads.
///
/// It ends by itself; look again for its report.
#[utoipa::path(
    post,
    path = "/v1/shadow-runs",
    tag = "Transformations",
    request_body(content = Create, example = json!({ "account": "acme", "version": "default@1", "events": 100 })),
    responses((status = 202, description = "It runs", body = Data<ShadowRun>)),
    extensions(("x-command" = json!("leadline transform shadow --account acme --version default@1")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, One<ShadowRun>), ApiError> {
    let asked: Create = read(&body, "Send {\"account\": \"acme\", \"version\": \"deals@3\", \"events\": 500}.")?;
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let choice = rollout::choose(&app.store, &account, &connection, &asked.version, asked.settings).await?;
    let by = asked.by.as_deref().unwrap_or(&actor.name);
    let events = asked.events.unwrap_or(EVENTS_MAX).clamp(1, EVENTS_MAX);
    // Kept until it ends: asking over and over takes no more than that.
    let place = app.transformer.trial_place().ok_or_else(busy)?;
    let run = shadow::begin(&app.store, &connection, &choice, events, by, (app.clock)()).await?;
    let answer = one(run.clone());
    tokio::spawn(async move {
        let _place = place;
        let id = run.id.clone();
        let clock = app.clock.clone();
        if let Err(error) = shadow::carry_out(&app.store, &app.transformer, run, &choice, move || clock()).await {
            tracing::error!("shadow run {id} could not be finished: {error:#}");
        }
    });
    Ok((StatusCode::ACCEPTED, answer))
}

/// One comparison, with its report once it ended.
#[utoipa::path(
    get,
    path = "/v1/shadow-runs/{id}",
    tag = "Transformations",
    params(("id" = ShadowRunId, Path, description = "The comparison")),
    responses((status = 200, description = "The comparison", body = Data<ShadowRun>)),
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<ShadowRun>, ApiError> {
    let run = app.store.shadow_run(&id).await?;
    let run = run.filter(|run| actor.reaches(&run.account_id));
    let run = run.ok_or_else(|| ApiError::NotFound(format!("there is no shadow run `{id}`")))?;
    Ok(one(run))
}
