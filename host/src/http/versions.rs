//! `/v1/versions`: uploads of transformations, and what is known of each version.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::account_or_all;
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::store::HOUSE;
use crate::transform::{UPLOAD_BYTES_MAX, UploadError};
use crate::upload::{self, Upload, Uploaded};
use crate::view;

/// Versions that are listed at most, the newest: on all pages together.
const LISTED_MAX: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list)).routes(routes!(show));
    let publish = OpenApiRouter::new().routes(routes!(create));
    needing(Right::Read, read).merge(needing(Right::Publish, publish))
}

/// What an upload is for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Slug or id; without one, every account may use the version.
    #[param(example = "acme")]
    account: Option<String>,
    /// Of the transformation that it is a version of.
    #[param(example = "deals")]
    name: String,
    /// What is to be said of it.
    #[serde(default)]
    note: String,
    /// For whom it is uploaded, where a program does it for somebody.
    by: Option<String>,
}

/// Uploads a transformation; it stays a draft until it is enabled.
///
/// The body is the component, or the core module that carries the contract.
#[utoipa::path(
    post,
    path = "/v1/versions",
    tag = "Transformations",
    params(Create),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, description = "A new version", body = Data<view::ShownVersion>), (status = 200, description = "The same bytes were there before", body = Data<view::ShownVersion>)),
    extensions(("x-command" = json!("leadline transform upload deals.wasm --name deals")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(wish): Query<Create>,
    body: Body,
) -> Result<(StatusCode, One<view::ShownVersion>), ApiError> {
    let account = account_or_all(&app, &actor, wish.account.as_deref()).await?;
    let by = wish.by.unwrap_or(actor.name);
    // Not read any further than what may be uploaded, whatever is announced.
    let bytes = match axum::body::to_bytes(body, UPLOAD_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Err(unread(&error)),
    };
    upload::check_words(&wish.name, &wish.note, &by)
        .map_err(|error| ApiError::BadRequest(error, "Send another `name`, `note` or `by`."))?;
    // By itself: a client that goes away would take the place in the queue with it, and leave the compiler at work.
    let work = tokio::spawn(async move {
        let owner = account.as_ref().map_or(HOUSE, |account| account.id.as_str());
        let upload = Upload { account: owner, name: &wish.name, note: &wish.note, by: &by, bytes: bytes.to_vec() };
        upload::upload(&app.store, &app.transformer, upload, (app.clock)()).await
    });
    let (status, version) = match work.await.map_err(anyhow::Error::from)?? {
        Uploaded::New(version) => (StatusCode::CREATED, version),
        Uploaded::Known(version) => (StatusCode::OK, version),
        Uploaded::Refused(refusal) => return Err(ApiError::Upload(refusal)),
    };
    Ok((status, one(view::ShownVersion::of(version))))
}

/// Why a body was not read to its end.
fn unread(error: &axum::Error) -> ApiError {
    match std::error::Error::source(error) {
        Some(source) if source.to_string().contains("length limit") => {
            ApiError::Upload(UploadError::TooLarge { bytes: None })
        }
        _ => ApiError::BadRequest(format!("the file was not sent to its end: {error}"), "Send it again."),
    }
}

/// The newest versions that an account may use, or all.
#[utoipa::path(
    get,
    path = "/v1/versions",
    tag = "Transformations",
    params(Whose, Wanted),
    responses((status = 200, description = "The versions", body = List<view::ShownVersion>)),
    extensions(("x-command" = json!("leadline transform list")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<view::ShownVersion>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let versions = app.store.versions(account.as_ref().map(|account| &account.id), LISTED_MAX).await?;
    let versions = versions.into_iter().map(view::ShownVersion::of).collect();
    page.of(versions, |shown: &view::ShownVersion| shown.version.id.as_str())
}

/// Whose versions are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Slug or id.
    #[param(example = "acme")]
    account: Option<String>,
}

/// One version.
#[utoipa::path(
    get,
    path = "/v1/versions/{id}",
    tag = "Transformations",
    params(("id" = String, Path, description = "Id of the version; its label too, for who reaches one account")),
    responses((status = 200, description = "The version", body = Data<view::ShownVersion>)),
    extensions(("x-command" = json!("leadline transform show default@1")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<view::ShownVersion>, ApiError> {
    let found = match actor.own_account() {
        Some(own) => app.store.version(own.as_str(), &id).await?,
        None => app.store.version_by_id(&id).await?,
    };
    let version = found.ok_or_else(|| ApiError::NotFound(format!("there is no version `{id}`")))?;
    Ok(one(view::ShownVersion::of(version)))
}
