//! Overview: how things stand, in one sentence first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::{Place, Shell};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::view::connection::{Chip, chip};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().route("/accounts/{account}", get(show)))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    shell: Shell,
    chip: Chip,
}

async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Place { shell, connection, issues, .. } = Place::find(&app, &actor, &account, &uri, &headers).await?;
    draw(&app, &actor, &Page { chip: chip(connection.as_ref(), !issues.is_empty()), shell })
}
