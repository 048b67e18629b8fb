//! A connection's portal: the checklist of its properties, creating and filling in what is missing.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, Dry, List, One, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::connection;
use crate::app::App;
use crate::connection::checklist::{self, Check, Consent, Creation};
use crate::connection::fill::{self, Report, Wish};
use crate::connection::fill_job::{self, FillJobError};
use crate::connection::session::{self, Session};
use crate::model::access::{Actor, Right};
use crate::model::fill::Fill;
use crate::model::id::ConnectionId;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(check)).routes(routes!(jobs));
    let change = OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(fill_in))
        .routes(routes!(begin))
        .routes(routes!(cancel));
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
    Ok(one(actor.sight.shown(report, Report::masked)))
}

/// The job that fills in what leads went without, or the last one there was; a list of none where there never was one.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/fills",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The job", body = List<Fill>)),
    extensions(("x-command" = json!("leadline property filling --account acme")))
)]
async fn jobs(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<List<Fill>, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    Ok(List::whole(app.store.fill_job(&connection).await?.into_iter().collect()))
}

/// Fills in what leads went without in the background, a page of records at a time.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/fills",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The job", body = Data<Fill>)),
    extensions(("x-command" = json!("leadline property fill --account acme --background")))
)]
async fn begin(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Fill>, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    Ok(one(fill_job::begin(&app.store, &connection, &actor.name, (app.clock)()).await?))
}

/// Ends the job. What is filled in stays.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/fills/cancel",
    tag = "Properties and issues",
    params(("id" = ConnectionId, Path, description = "The connection")),
    responses((status = 204, description = "It is ended")),
    extensions(("x-command" = json!("leadline property filling --account acme --cancel")))
)]
async fn cancel(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let connection = connection(&app, &actor, &id).await?;
    fill_job::cancel(&app.store, &connection).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<FillJobError> for ApiError {
    fn from(error: FillJobError) -> Self {
        let text = error.to_string();
        match error {
            FillJobError::Running => Self::Conflict(text, "Wait until that ends, or cancel it."),
            FillJobError::NotRunning => Self::Conflict(text, "It has ended already, or never began."),
            FillJobError::Store(error) => error.into(),
        }
    }
}

/// The connection of an id, ready to be talked to.
async fn talk(app: &App, actor: &Actor, id: &str) -> Result<Session, ApiError> {
    let connection = connection(app, actor, id).await?;
    Ok(session::open(&app.store, &app.hubspot, &connection, &*app.clock).await?)
}
