//! A connection's portal: the checklist of its properties, creating and filling in what is missing.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, Dry, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::connection;
use crate::app::App;
use crate::connection::checklist::{self, Check, Consent, Creation};
use crate::connection::fill::{self, Report, Wish};
use crate::connection::session::{self, Session};
use crate::model::access::{Actor, Right};
use crate::model::id::ConnectionId;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(check));
    let change = OpenApiRouter::new().routes(routes!(create)).routes(routes!(fill_in));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// Compares what leads write with what the portal has.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/properties",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "Property by property", body = Data<Check>)),
    extensions(("x-command" = json!("leadline property check --account acme")))
)]
async fn check(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Check>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let check = checklist::check(&app.store, &session, (app.clock)()).await?.map_err(ApiError::Away)?;
    app.wake.deliver.notify_one();
    Ok(one(check))
}

/// Creates the properties that are missing.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/properties/create-missing",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection"), Dry),
    request_body(content = Consent, example = json!({ "dry_run": true })),
    responses((status = 200, description = "What was done", body = Data<Creation>)),
    extensions(("x-command" = json!("leadline property create --account acme --dry-run")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(dry): Query<Dry>,
    consent: Option<Json<Consent>>,
) -> Result<One<Creation>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let consent = consent.map(|Json(consent)| consent).unwrap_or_default();
    let consent = Consent { dry_run: consent.dry_run || dry.is_on(), ..consent };
    let created = checklist::create_missing(&app.store, &session, consent, (app.clock)()).await?;
    app.wake.deliver.notify_one();
    Ok(one(created.map_err(ApiError::Away)?))
}

/// Fills in what leads went through without.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/properties/fill",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection"), Dry),
    request_body(content = Wish, example = json!({ "dry_run": true })),
    responses((status = 200, description = "What was filled in", body = Data<Report>)),
    extensions(("x-command" = json!("leadline property fill --account acme --dry-run")))
)]
async fn fill_in(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(dry): Query<Dry>,
    wish: Option<Json<Wish>>,
) -> Result<One<Report>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let wish = wish.map(|Json(wish)| wish).unwrap_or_default();
    let wish = Wish { dry_run: wish.dry_run || dry.is_on(), ..wish };
    let report = fill::fill(&app.store, &session, &wish, &app.clock).await?;
    app.wake.deliver.notify_one();
    Ok(one(if actor.sees_masked { report.masked() } else { report }))
}

/// The connection of an id, ready to be talked to.
async fn talk(app: &App, actor: &Actor, id: &str) -> Result<Session, ApiError> {
    let connection = connection(app, actor, id).await?;
    Ok(session::open(&app.store, &app.hubspot, &connection, &*app.clock).await?)
}
