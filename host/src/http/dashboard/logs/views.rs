//! Saved views: filters of the list that have a name.

use std::sync::Arc;

use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::http::dashboard::shell::Visit;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::views;
use crate::model::access::Right;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/logs/views", post(save))
        .route("/accounts/{account}/logs/views/{id}/remove", post(remove));
    needing(Right::Change, change)
}

#[derive(Deserialize)]
struct Save {
    name: String,
    query: String,
}

async fn save(Visit { app, actor, place }: Visit, Form(asked): Form<Save>) -> Result<Response, ApiError> {
    let view = views::keep(&app, &actor, &place.account, &asked.name, &asked.query).await?;
    Ok(Redirect::to(&format!("{}?{}&done=saved", place.shell.at("logs"), view.query)).into_response())
}

async fn remove(Visit { app, place, .. }: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, ApiError> {
    if !app.store.remove_view(&place.account.id, &id).await? {
        return Err(ApiError::NotFound(format!("there is no view `{id}`")));
    }
    Ok(Redirect::to(&format!("{}?done=view-removed", place.shell.at("logs"))).into_response())
}
