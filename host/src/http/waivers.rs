//! `/v1/waivers`: requests to use a version although gates are closed. Whoever asks does not approve.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{self, Whose, account_or_all};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::id::WaiverId;
use crate::model::waiver::{Signer, Waiver};
use crate::rollout::{self, Enabled};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list));
    let change = OpenApiRouter::new().routes(routes!(approve)).routes(routes!(decline));
    needing(Right::Read, read).merge(needing(Right::Transform, change))
}

/// The newest requests, open and answered.
#[utoipa::path(
    get,
    path = "/v1/waivers",
    tag = "Transformations",
    params(Whose, Wanted),
    responses((status = 200, description = "The requests", body = List<Waiver>)),
    extensions(("x-command" = json!("leadline transform waivers --account acme")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Waiver>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let waivers = app.store.waivers(account.as_ref().map(|account| &account.id)).await?;
    page.of(waivers, |waiver| waiver.id.as_str())
}

/// Approves what somebody else asked for, and enables it. For another one of support, or an operator.
#[utoipa::path(
    post,
    path = "/v1/waivers/{id}/approve",
    tag = "Transformations",
    params(("id" = WaiverId, Path, description = "The request")),
    responses((status = 200, description = "What was enabled", body = Data<Enabled>)),
    extensions(("x-command" = json!("leadline transform approve WAIVER --key-file KEY")))
)]
async fn approve(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Enabled>, ApiError> {
    Ok(one(approved(&app, &actor, &id).await?))
}

/// The same for the page.
pub(super) async fn approved(app: &App, actor: &Actor, id: &str) -> Result<Enabled, ApiError> {
    reach::house(actor)?;
    let waiver = find(app, actor, id).await?;
    let account = reach::account(app, actor, waiver.account_id.as_str()).await?;
    let connection = reach::connection(app, actor, waiver.connection_id.as_str()).await?;
    let (whose, what) = ((&account, &connection), (&waiver, &Signer::from(actor)));
    let enabled = rollout::approve(&app.store, &app.hubspot, whose, what, &*app.clock).await?;
    app.wake.plan.notify_one();
    Ok(enabled)
}

/// Says no to a request, or takes one's own back.
#[utoipa::path(
    post,
    path = "/v1/waivers/{id}/decline",
    tag = "Transformations",
    params(("id" = WaiverId, Path, description = "The request")),
    responses((status = 204, description = "It is noted")),
    extensions(("x-command" = json!("leadline transform decline WAIVER")))
)]
async fn decline(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    declined(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same for the page.
pub(super) async fn declined(app: &App, actor: &Actor, id: &str) -> Result<(), ApiError> {
    let waiver = find(app, actor, id).await?;
    Ok(rollout::decline(&app.store, &waiver, &Signer::from(actor), (app.clock)()).await?)
}

async fn find(app: &App, actor: &Actor, id: &str) -> Result<Waiver, ApiError> {
    let found = app.store.waiver(id).await?.filter(|waiver| actor.reaches(&waiver.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no request `{}`", crate::text::cut(id, 100))))
}
