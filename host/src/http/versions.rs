//! `/v1/versions` and `/v1/transformations`: uploads, and what is known of each version, and of all those of one name.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::events::busy;
use super::guard::needing;
use super::reach::{self, Whose, account_or_all};
use crate::app::App;
use crate::digest::sha256_hex;
use crate::model::access::{Actor, Right};
use crate::model::account::{Account, Version};
use crate::removal::{self, RemovalError};
use crate::rollout;
use crate::samples::{Files, SAMPLES_BYTES_MAX, Sample, SampleError};
use crate::shadow::EVENTS_MAX;
use crate::side_by_side::{self, VersionComparison};
use crate::store::HOUSE;
use crate::text::cut;
use crate::transform::{UPLOAD_BYTES_MAX, UploadError};
use crate::trial;
use crate::upload::{self, Upload, Uploaded};
use crate::usage;
use crate::view::{self, steps};

/// A form of a component and its samples: what each of both may have, and room for what stands between the parts.
const FORM_BYTES_MAX: usize = UPLOAD_BYTES_MAX + SAMPLES_BYTES_MAX + 64 * 1024;
/// The part of a form that is the component.
const COMPONENT: &str = "component";
/// What the name of a part that is a file of a sample begins with, as in `examples/no-email/event.json`.
const SAMPLES: &str = "examples/";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(transformations));
    let publish = OpenApiRouter::new().routes(routes!(create)).layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    let change = OpenApiRouter::new().routes(routes!(delete)).routes(routes!(delete_all)).routes(routes!(compare));
    needing(Right::Read, read).merge(needing(Right::Publish, publish)).merge(needing(Right::Transform, change))
}

impl From<RemovalError> for ApiError {
    fn from(error: RemovalError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            RemovalError::Needed { .. } | RemovalError::Stock { .. } => Self::Conflict(text, fix),
            RemovalError::NoTransformation(_) | RemovalError::Gone { .. } => Self::NotFound(text),
            RemovalError::Store(error) => error.into(),
        }
    }
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
/// The body is the component, or the core module that carries the contract; or a form with it, as `component`, and the
/// samples of its author, as `examples/NAME/event.json` and its neighbours.
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
    request: Request,
) -> Result<(StatusCode, One<view::ShownVersion>), ApiError> {
    let account = account_or_all(&app, &actor, wish.account.as_deref()).await?;
    let by = wish.by.unwrap_or(actor.name);
    let (bytes, samples) = match is_form(request.headers()) {
        true => read_form(request).await?,
        false => (read_component(request.into_body()).await?, Vec::new()),
    };
    upload::check_words(&wish.name, &wish.note, &by)
        .map_err(|error| ApiError::BadRequest(error, "Send another `name`, `note` or `by`."))?;
    let (size, hash) = (bytes.len(), sha256_hex(&bytes));
    // By itself: a client that goes away would take the place in the queue with it, and leave the compiler at work.
    let work = tokio::spawn(async move {
        let owner = account.as_ref().map_or(HOUSE, |account| account.id.as_str());
        let bytes = bytes.to_vec();
        let upload = Upload { account: owner, name: &wish.name, note: &wish.note, by: &by, bytes, samples };
        upload::upload(&app.store, &app.transformer, upload, (app.clock)()).await
    });
    let (status, version) = match work.await.map_err(anyhow::Error::from)?? {
        Uploaded::New(version) => (StatusCode::CREATED, version),
        Uploaded::Known(version) => (StatusCode::OK, version),
        Uploaded::Refused(refusal) => {
            let steps = steps::of_refusal(&refusal, size, &hash);
            return Err(ApiError::Upload(refusal, steps));
        }
    };
    Ok((status, one(view::ShownVersion::of(version))))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Not read any further than what may be uploaded, whatever is announced.
async fn read_component(body: Body) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, UPLOAD_BYTES_MAX).await.map_err(|error| unread(&error))
}

async fn read_form(request: Request) -> Result<(Bytes, Vec<Sample>), ApiError> {
    const FIX: &str = "Send the part `component`, and of each sample `examples/NAME/event.json` with its neighbours.";
    let broken = |error: &dyn std::fmt::Display| ApiError::BadRequest(format!("the form cannot be read: {error}"), FIX);
    let sample = |error: SampleError| ApiError::Upload(UploadError::Sample { problem: error.to_string() }, Vec::new());
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
    let (mut component, mut files) = (None, Files::default());
    while let Some(mut part) = form.next_field().await.map_err(|error| broken(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        match name.strip_prefix(SAMPLES) {
            None if name == COMPONENT => {
                let bytes = read_part(&mut part, UPLOAD_BYTES_MAX).await.map_err(|error| broken(&error))?;
                component = Some(bytes.ok_or(ApiError::Upload(UploadError::TooLarge { bytes: None }, Vec::new()))?);
            }
            Some(path) => {
                let bytes = read_part(&mut part, files.bytes_left()).await.map_err(|error| broken(&error))?;
                files.add(path, bytes.ok_or_else(|| sample(SampleError::Large))?).map_err(sample)?;
            }
            None => return Err(broken(&format!("nobody knows the part `{}`", cut(&name, 100)))),
        }
    }
    let component = component.ok_or_else(|| broken(&"it has no part `component`"))?;
    Ok((component.into(), files.read().map_err(sample)?))
}

/// A part of a form; none where it is larger than it may be.
async fn read_part(part: &mut Field<'_>, bytes_max: usize) -> Result<Option<Vec<u8>>, MultipartError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if bytes.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Why a body was not read to its end.
fn unread(error: &axum::Error) -> ApiError {
    match std::error::Error::source(error) {
        Some(source) if source.to_string().contains("length limit") => {
            ApiError::Upload(UploadError::TooLarge { bytes: None }, Vec::new())
        }
        _ => ApiError::BadRequest(format!("the file was not sent to its end: {error}"), "Send it again."),
    }
}

/// The newest 200 versions that an account may use, or all, with who uses each and how its newest runs went.
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
    let versions = usage::list(&app.store, account.as_ref().map(|account| &account.id), (app.clock)()).await?;
    page.of(versions, |shown: &view::ShownVersion| shown.version.id.as_str())
}

/// The transformations that an account may use, or all, by name.
///
/// Each with its newest version, those in use, who uses them, and how the newest runs of all of its versions went.
#[utoipa::path(
    get,
    path = "/v1/transformations",
    tag = "Transformations",
    params(Whose, Wanted),
    responses((status = 200, description = "The transformations", body = List<view::ShownTransformation>)),
    extensions(("x-command" = json!("leadline transform list --account acme --by-name")))
)]
async fn transformations(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<view::ShownTransformation>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let all = usage::transformations(&app.store, account.as_ref().map(|account| &account.id), (app.clock)()).await?;
    page.of(all, |shown: &view::ShownTransformation| shown.id.as_str())
}

/// One version: of an id, or of a label such as `deals@3` — of the account, where one is named, else of the house.
#[utoipa::path(
    get,
    path = "/v1/versions/{version}",
    tag = "Transformations",
    params(("version" = String, Path, description = "Id or label of the version", example = "default@1"), Whose),
    responses((status = 200, description = "The version", body = Data<view::ShownVersion>)),
    extensions(("x-command" = json!("leadline transform show default@1")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(word): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<One<view::ShownVersion>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let found = app.store.find_version(account.as_ref().map(|account| &account.id), &word).await?;
    let version = found.ok_or_else(|| ApiError::NotFound(format!("there is no version `{}`", cut(&word, 100))))?;
    Ok(one(view::ShownVersion::of(version)))
}

/// The version of a word that somebody may change: his account's, or any where he works across accounts.
pub(super) async fn own_version(
    app: &App,
    actor: &Actor,
    (word, account): (&str, Option<&str>),
) -> Result<Version, ApiError> {
    let account = account_or_all(app, actor, account).await?;
    let found = app.store.find_version(account.as_ref().map(|account| &account.id), word).await?;
    let version = found.ok_or_else(|| ApiError::NotFound(format!("there is no version `{}`", cut(word, 100))))?;
    if app.store.is_stock(&version.id).await? {
        of_the_house(actor)?;
    }
    Ok(version)
}

/// What every account may use is changed by those who work across accounts.
fn of_the_house(actor: &Actor) -> Result<(), ApiError> {
    match actor.own_account() {
        None => Ok(()),
        Some(_) => Err(ApiError::Conflict(
            "it belongs to no account, and every account may use it".to_owned(),
            "Ask support; your account need not use it.",
        )),
    }
}

/// Takes out a version that nobody uses, and that no rollback goes back to.
#[utoipa::path(
    delete,
    path = "/v1/versions/{version}",
    tag = "Transformations",
    params(("version" = String, Path, description = "Id or label of the version", example = "deals@3"), Whose),
    responses((status = 204, description = "It is taken out"), (status = 409, description = "Somebody needs it", body = super::error::Problem, content_type = "application/problem+json")),
    extensions(("x-command" = json!("leadline transform delete deals@3 --account acme")))
)]
async fn delete(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(word): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, ApiError> {
    let version = own_version(&app, &actor, (&word, whose.account.as_deref())).await?;
    removal::take_out(&app.store, &version, &actor.name, (app.clock)()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was taken out.
#[derive(Serialize, ToSchema)]
struct DeletedVersions {
    /// The labels of its versions.
    versions: Vec<String>,
}

/// Takes out a transformation with all of its versions, where nobody uses any of them.
#[utoipa::path(
    delete,
    path = "/v1/transformations/{name}",
    tag = "Transformations",
    params(("name" = String, Path, description = "Name of the transformation", example = "deals"), Whose),
    responses((status = 200, description = "What was taken out", body = Data<DeletedVersions>), (status = 409, description = "Somebody needs one of them", body = super::error::Problem, content_type = "application/problem+json")),
    extensions(("x-command" = json!("leadline transform delete deals --all --account acme")))
)]
async fn delete_all(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<One<DeletedVersions>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    if account.is_none() {
        of_the_house(&actor)?;
    }
    let owner = account.as_ref().map_or(HOUSE, |account| account.id.as_str());
    let versions = removal::take_out_all(&app.store, (owner, &name), &actor.name, (app.clock)()).await?;
    Ok(one(DeletedVersions { versions }))
}

/// Which versions are compared, and on what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareVersions {
    /// Id or label of the one.
    pub(super) before: String,
    /// Id or label of the other.
    pub(super) after: String,
    /// Slug or id of the account whose last leads are tried; without one, samples are.
    pub(super) account: Option<String>,
    /// Leads to try them on, the newest; 100 where nobody says.
    pub(super) events: Option<u32>,
}

/// Leads that two versions are compared on where nobody says otherwise.
pub(super) const COMPARED_DEFAULT: u32 = 100;

/// Compares two versions, whichever is in use: on an account's last leads, or on samples. Nothing is sent or kept.
#[utoipa::path(
    post,
    path = "/v1/comparisons",
    tag = "Transformations",
    request_body(content = CompareVersions, example = json!({ "account": "acme", "before": "default@1", "after": "default@1", "events": 50 })),
    responses((status = 200, description = "In what the later one differs", body = Data<VersionComparison>)),
    extensions(("x-command" = json!("leadline transform diff default@1 default@2 --account acme")))
)]
async fn compare(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<VersionComparison>, ApiError> {
    let asked: CompareVersions = reach::read(&body, "Send {\"before\": \"deals@2\", \"after\": \"deals@3\"}.")?;
    compared(&app, &actor, &asked).await?.map(one).ok_or_else(busy)
}

/// The same for the page. None where others try something out, and have every turn.
pub(super) async fn compared(
    app: &App,
    actor: &Actor,
    asked: &CompareVersions,
) -> Result<Option<VersionComparison>, ApiError> {
    let (store, transformer) = (app.store.clone(), app.transformer.clone());
    let compared = match account_or_all(app, actor, asked.account.as_deref()).await? {
        Some(account) => {
            let (before, after) = choices(app, &account, asked).await?;
            let events = asked.events.unwrap_or(COMPARED_DEFAULT).clamp(1, EVENTS_MAX);
            let work = async move {
                side_by_side::on_leads(&store, &transformer, &account.id, (&before, &after), events).await
            };
            trial::in_turn(&app.transformer, work).await?
        }
        None => {
            let before = own_version(app, actor, (&asked.before, None)).await?;
            let after = own_version(app, actor, (&asked.after, None)).await?;
            let work = async move { side_by_side::on_samples(&store, &transformer, (&before, &after)).await };
            trial::in_turn(&app.transformer, work).await?
        }
    };
    Ok(compared)
}

/// Both with the settings that the account uses with the same transformation.
async fn choices(
    app: &App,
    account: &Account,
    asked: &CompareVersions,
) -> Result<(rollout::Choice, rollout::Choice), ApiError> {
    let nothing = || ApiError::Conflict(format!("`{}` has no connection", account.slug), "Connect HubSpot first.");
    let connection = app.store.connection_of(&account.id).await?.ok_or_else(nothing)?;
    let before = rollout::choose(&app.store, account, &connection, &asked.before, None).await?;
    let after = rollout::choose(&app.store, account, &connection, &asked.after, None).await?;
    Ok((before, after))
}
