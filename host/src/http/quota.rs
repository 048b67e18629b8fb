//! `/v1/accounts/{account}/quota`: what the runs of an account's transformations may use.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use super::guard::needing;
use super::reach::{account, read};
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::account::QuotaClass;
use crate::quota::{self, Given};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().route("/v1/accounts/{account}/quota", get(show));
    let operate = OpenApiRouter::new().route("/v1/accounts/{account}/quota", put(set));
    needing(Right::Read, read).merge(needing(Right::Operate, operate))
}

async fn show(State(app): State<Arc<App>>, actor: Actor, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "data": Given::of(&account(&app, &actor, &name).await?) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    quota: QuotaClass,
}

async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let Set { quota } = read(&body, "Send {\"quota\": \"javascript\"}, or \"standard\".")?;
    let given = quota::give(&app.store, &account(&app, &actor, &name).await?, quota, (app.clock)()).await?;
    app.wake.plan.notify_one();
    Ok(Json(json!({ "data": given })))
}
