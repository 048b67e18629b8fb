//! `/v1/connections`: an account's HubSpot portal, for the operator's programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::error::ApiError;
use crate::app::App;
use crate::model::account::Connection;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/v1/connections", get(list)).route("/v1/connections/{id}", get(show))
}

async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let connections = app.store.connections(None).await?;
    Ok(Json(json!({ "data": connections, "next": null })))
}

async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": connection(&app, &id).await? })))
}

/// The connection of an id.
pub(super) async fn connection(app: &App, id: &str) -> Result<Connection, ApiError> {
    let found = app.store.connections(None).await?.into_iter().find(|connection| connection.id.as_str() == id);
    found.ok_or_else(|| ApiError::Missing(format!("there is no connection `{id}`")))
}
