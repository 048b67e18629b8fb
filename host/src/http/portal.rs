//! A connection's portal: the checklist of its properties, creating and filling in what is missing, and issues.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account_or_all, connection};
use crate::app::App;
use crate::connection::checklist::{self, Check, Consent, Creation};
use crate::connection::fill::{self, Report, Wish};
use crate::connection::session::{self, Session};
use crate::model::access::{Actor, Right};
use crate::store::Issue;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read =
        OpenApiRouter::new().route("/v1/connections/{id}/properties", get(check)).route("/v1/issues", get(issues));
    let change = OpenApiRouter::new()
        .route("/v1/connections/{id}/properties/create-missing", post(create))
        .route("/v1/connections/{id}/properties/fill", post(fill_in));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// What every answer with one thing, or with a whole list, looks like.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}

/// An issue with what people need to know about it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    issue: Issue,
    title: &'static str,
    fix: &'static str,
    hubspot_path: Option<&'static str>,
}

/// Which issues are listed.
#[derive(Deserialize)]
struct Filter {
    /// Slug or id.
    account: Option<String>,
}

async fn check(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<Data<Check>>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let check = checklist::check(&app.store, &session, (app.clock)()).await?.map_err(ApiError::Away)?;
    app.wake.deliver.notify_one();
    Ok(Json(Data { data: check }))
}

async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    consent: Option<Json<Consent>>,
) -> Result<Json<Data<Creation>>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let consent = consent.map(|Json(consent)| consent).unwrap_or_default();
    let created = checklist::create_missing(&app.store, &session, consent, (app.clock)()).await?;
    app.wake.deliver.notify_one();
    Ok(Json(Data { data: created.map_err(ApiError::Away)? }))
}

async fn fill_in(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    wish: Option<Json<Wish>>,
) -> Result<Json<Data<Report>>, ApiError> {
    let session = talk(&app, &actor, &id).await?;
    let wish = wish.map(|Json(wish)| wish).unwrap_or_default();
    let report = fill::fill(&app.store, &session, &wish, &app.clock).await?;
    app.wake.deliver.notify_one();
    Ok(Json(Data { data: report }))
}

async fn issues(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(filter): Query<Filter>,
) -> Result<Json<Data<Vec<Shown>>>, ApiError> {
    let account = account_or_all(&app, &actor, filter.account.as_deref()).await?.map(|account| account.id);
    let shown = |issue: Issue| {
        let code = issue.problem.code;
        Shown { title: code.title(), fix: code.fix(), hubspot_path: code.hubspot_path(), issue }
    };
    Ok(Json(Data { data: app.store.issues(account.as_ref()).await?.into_iter().map(shown).collect() }))
}

/// The connection of an id, ready to be talked to.
async fn talk(app: &App, actor: &Actor, id: &str) -> Result<Session, ApiError> {
    let connection = connection(app, actor, id).await?;
    Ok(session::open(&app.store, &app.hubspot, &connection, &*app.clock).await?)
}
