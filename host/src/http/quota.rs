//! `/v1/accounts/{account}/quota`: what the runs of an account's transformations may use.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connections::{account, read};
use super::error::ApiError;
use crate::app::App;
use crate::model::account::QuotaClass;
use crate::quota::{self, Given};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/v1/accounts/{account}/quota", get(show).put(set))
}

async fn show(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": Given::of(&account(&app, &name).await?) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    quota: QuotaClass,
}

async fn set(State(app): State<Arc<App>>, Path(name): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let Set { quota } = read(&body, "Send {\"quota\": \"javascript\"}, or \"standard\".")?;
    let given = quota::give(&app.store, &account(&app, &name).await?, quota, (app.clock)()).await?;
    app.wake.plan.notify_one();
    Ok(Json(json!({ "data": given })))
}
