//! `/v1/accounts` and `/v1/sources`: dealerships, and who signs their events.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one};
use super::error::ApiError;
use super::etag::{expect, tagged};
use super::guard::needing;
use super::reach::{self, Whose, account_or_all, read};
use super::repeat::ShownOnce;
use crate::account::{self, AccountError, ShownAccount, SourceChange, SourceWish};
use crate::app::App;
use crate::deletion::{self, DeletionError};
use crate::model::access::{Actor, Right, Sight};
use crate::model::account::{Account, AccountNote, SchemaModes, Source};
use crate::model::id::SourceId;
use crate::store::{Rejection, RejectionFilter};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(sources))
        .routes(routes!(show_source))
        .routes(routes!(rejected));
    let change =
        OpenApiRouter::new().routes(routes!(create_source)).routes(routes!(set_source)).routes(routes!(rotate));
    let support = OpenApiRouter::new().routes(routes!(notes)).routes(routes!(note)).routes(routes!(remove_note));
    let operate = OpenApiRouter::new().routes(routes!(create)).routes(routes!(delete));
    let all = needing(Right::Read, read).merge(needing(Right::Change, change));
    all.merge(needing(Right::Transform, support)).merge(needing(Right::Operate, operate))
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::Taken(_) => Self::Conflict(text, "Choose another `slug`."),
            AccountError::ManyNotes => Self::Conflict(text, "Remove those that nobody needs any more."),
            AccountError::NoNote(_) => Self::NotFound(text),
            AccountError::Meanwhile(_) => Self::Conflict(text, "Make another one where it is still needed."),
            _ => Self::BadRequest(text, "Correct it, and send it again."),
        }
    }
}

impl From<DeletionError> for ApiError {
    fn from(error: DeletionError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            DeletionError::Connected(_) => Self::Conflict(text, fix),
            DeletionError::Unconfirmed(_) => Self::BadRequest(text, fix),
            DeletionError::Gone(_) => Self::NotFound(text),
            DeletionError::Store(error) => error.into(),
        }
    }
}

/// The accounts within reach.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    tag = "Accounts and sources",
    params(Wanted),
    responses((status = 200, description = "The accounts", body = List<Account>)),
    extensions(("x-command" = json!("leadline account list")))
)]
async fn list(State(app): State<Arc<App>>, actor: Actor, page: Page) -> Result<List<Account>, ApiError> {
    let mut accounts = app.store.accounts().await?;
    accounts.retain(|account| actor.own_account().is_none_or(|own| *own == account.id));
    page.of(accounts, |account| account.id.as_str())
}

/// One account: its portal, its transformations, its sources.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The account", body = Data<ShownAccount>)),
    extensions(("x-command" = json!("leadline account show acme")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<One<ShownAccount>, ApiError> {
    let account = reach::account(&app, &actor, &name).await?;
    Ok(one(account::show(&app.store, account).await?))
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateAccount {
    name: String,
    /// What people type; made of the name where it is not given.
    slug: Option<String>,
}

/// Makes an account.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "Accounts and sources",
    request_body(content = CreateAccount, example = json!({ "name": "Northside Toyota" })),
    responses((status = 201, description = "The account", body = Data<Account>)),
    extensions(("x-command" = json!("leadline account create \"Northside Toyota\"")))
)]
async fn create(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, One<Account>), ApiError> {
    reach::house(&actor)?;
    let asked: CreateAccount = read(&body, "Send {\"name\": \"Ocean Honda\", \"slug\": \"ocean-honda\"}.")?;
    let account = account::create(&app.store, &asked.name, asked.slug, (app.clock)()).await?;
    Ok((StatusCode::CREATED, one(account)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Confirmation {
    /// The account's slug once more: deleting cannot be undone.
    #[param(example = "northside-toyota")]
    confirm: String,
}

/// Deletes an account that is not connected. From then on its keys, people and links open nothing, and a second later its
/// events are refused; its rows go within minutes. What is in HubSpot stays there.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "northside-toyota"), Confirmation),
    responses((status = 204, description = "It is gone")),
    extensions(("x-command" = json!("leadline account delete northside-toyota --confirm northside-toyota")))
)]
async fn delete(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    Query(Confirmation { confirm }): Query<Confirmation>,
) -> Result<StatusCode, ApiError> {
    let account = reach::from_outside(&app, &actor, &name).await?;
    deletion::delete(&app.store, &account, &confirm, (app.clock)()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What support keeps in mind about an account, the newest first. For those who work across accounts.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/notes",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The notes", body = List<AccountNote>)),
    extensions(("x-command" = json!("leadline account notes acme")))
)]
async fn notes(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<List<AccountNote>, ApiError> {
    reach::house(&actor)?;
    let account = reach::account(&app, &actor, &name).await?;
    Ok(List::whole(app.store.account_notes(&account.id).await?))
}

/// A note to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteOnAccount {
    #[schema(max_length = 1000)]
    text: String,
}

/// Keeps a note on an account. The dealership does not see it.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/notes",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    request_body(content = NoteOnAccount, example = json!({ "text": "Their admin is on leave until Monday." })),
    responses((status = 200, description = "The notes", body = List<AccountNote>)),
    extensions(("x-command" = json!("leadline account notes acme --add 'Their admin is on leave until Monday.'")))
)]
async fn note(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<List<AccountNote>, ApiError> {
    reach::house(&actor)?;
    let asked: NoteOnAccount = read(&body, "Send {\"text\": \"what is to be kept in mind\"}.")?;
    let account = reach::account(&app, &actor, &name).await?;
    account::note(&app.store, &account.id, (&asked.text, &actor.name), (app.clock)()).await?;
    Ok(List::whole(app.store.account_notes(&account.id).await?))
}

/// Takes a note out.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{account}/notes/{number}",
    tag = "Accounts and sources",
    params(("account" = String, Path, description = "Slug or id", example = "acme"), ("number" = i64, Path, description = "Number of the note", example = 1)),
    responses((status = 204, description = "It is gone")),
    extensions(("x-command" = json!("leadline account notes acme --remove 1")))
)]
async fn remove_note(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path((name, number)): Path<(String, i64)>,
) -> Result<StatusCode, ApiError> {
    reach::house(&actor)?;
    let account = reach::account(&app, &actor, &name).await?;
    account::remove_note(&app.store, &account.id, number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who signs events.
#[utoipa::path(
    get,
    path = "/v1/sources",
    tag = "Accounts and sources",
    params(Whose, Wanted),
    responses((status = 200, description = "The sources", body = List<Source>)),
    extensions(("x-command" = json!("leadline source list")))
)]
async fn sources(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Source>, ApiError> {
    let account = account_or_all(&app, &actor, whose.account.as_deref()).await?;
    let sources = app.store.sources(account.as_ref().map(|account| &account.id)).await?;
    page.of(sources, |source| source.id.as_str())
}

/// One source.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}",
    tag = "Accounts and sources",
    params(("id" = SourceId, Path, description = "The source")),
    responses((status = 200, description = "The source, with an `ETag`", body = Data<Source>)),
    extensions(("x-command" = json!("leadline source show SOURCE")))
)]
async fn show_source(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<Response, ApiError> {
    let source = source(&app, &actor, &id).await?;
    Ok(tagged(&source, source.clone()))
}

/// A source to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateSource {
    /// Slug or id of the account.
    account: String,
    name: String,
    /// How far a signature's time may be from ours, in seconds: 60 to 900.
    tolerance_s: Option<i64>,
    /// Events a second that it may send; 0: any number.
    rate: Option<i64>,
    /// What happens to events that break the schema of their type.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, crate::model::account::SchemaMode>)]
    schema_modes: SchemaModes,
}

/// A source with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
struct SourceWithSecret {
    #[serde(flatten)]
    source: Source,
    #[schema(example = "whsec_c2VjcmV0IG9mIHRoZSBleGFtcGxl")]
    secret: String,
}

/// Makes a source. Its signing secret is shown once.
#[utoipa::path(
    post,
    path = "/v1/sources",
    tag = "Accounts and sources",
    request_body(content = CreateSource, example = json!({ "account": "acme", "name": "chat" })),
    responses((status = 201, description = "The source", body = Data<SourceWithSecret>)),
    extensions(("x-command" = json!("leadline source create --account acme --name chat")))
)]
async fn create_source(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Extension<ShownOnce>, One<SourceWithSecret>), ApiError> {
    let asked: CreateSource = read(&body, "Send {\"account\": \"acme\", \"name\": \"chat\"}.")?;
    let account = reach::account(&app, &actor, &asked.account).await?;
    let wish = SourceWish {
        name: &asked.name,
        tolerance_s: asked.tolerance_s.unwrap_or(Source::TOLERANCE_S_DEFAULT),
        rate: asked.rate.unwrap_or(Source::RATE_DEFAULT),
        schema_modes: asked.schema_modes,
        secret: None,
    };
    let (source, secret) = account::create_source(&app.store, &account, wish, (app.clock)()).await?;
    let made = SourceWithSecret { source, secret: secret.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, Extension(ShownOnce), one(made)))
}

/// Sets what a source may send: how many events a second, and whether they have to fit the schema of their type.
///
/// What is not named stays as it is. What waited because it broke a schema is looked at once more.
#[utoipa::path(
    put,
    path = "/v1/sources/{id}",
    tag = "Accounts and sources",
    params(
        ("id" = SourceId, Path, description = "The source"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body(content = SourceChange, example = json!({ "rate": 100, "schema_modes": { "lead.captured.v1": "warn" } })),
    responses((status = 200, description = "The source, with an `ETag`", body = Data<Source>)),
    extensions(("x-command" = json!("leadline source set SOURCE --rate 100 --schema lead.captured.v1=warn")))
)]
async fn set_source(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    const FIX: &str = "Send {\"rate\": 100}, {\"schema_modes\": {\"lead.captured.v1\": \"warn\"}}, or both.";
    let asked: SourceChange = read(&body, FIX)?;
    let before = source(&app, &actor, &id).await?;
    expect(&before, &headers, "the source")?;
    let set = account::set_source(&app.store, &before, asked, (app.clock)()).await?;
    actor.changes(before.told(), set.told());
    app.wake.plan.notify_one();
    Ok(tagged(&set, set.clone()))
}

/// How the secrets change over.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Rotate {
    /// The old secret counts for so many hours more.
    overlap_hours: u64,
}

/// Gives a source a new signing secret, which is shown once.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/rotate",
    tag = "Accounts and sources",
    params(("id" = SourceId, Path, description = "The source")),
    request_body(content = Rotate, example = json!({ "overlap_hours": 24 })),
    responses((status = 200, description = "The source", body = Data<SourceWithSecret>)),
    extensions(("x-command" = json!("leadline source rotate SOURCE --overlap 24")))
)]
async fn rotate(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(Extension<ShownOnce>, One<SourceWithSecret>), ApiError> {
    let Rotate { overlap_hours } =
        if body.is_empty() { Rotate::default() } else { read(&body, "Send {\"overlap_hours\": 24}.")? };
    let source = source(&app, &actor, &id).await?;
    let secret = account::rotate(&app.store, (&source, None), overlap_hours, (app.clock)()).await?;
    let made = SourceWithSecret { source, secret: secret.expose_secret().to_owned() };
    Ok((Extension(ShownOnce), one(made)))
}

/// The requests of a source that were refused, newest first. The last thousand are kept.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}/rejected",
    tag = "Accounts and sources",
    params(("id" = SourceId, Path, description = "The source"), Wanted),
    responses((status = 200, description = "The refused requests", body = List<Rejection>)),
    extensions(("x-command" = json!("leadline source rejected SOURCE")))
)]
async fn rejected(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    page: Page,
) -> Result<List<Rejection>, ApiError> {
    let source = source(&app, &actor, &id).await?;
    let (older_than, after) = page.ends()?;
    let (source, limit) = (Some(source.id.to_string()), page.read_max());
    let filter = RejectionFilter { source, older_than, after, limit, ..RejectionFilter::default() };
    let mut rejections = app.store.rejections_that_fit(&filter).await?;
    if actor.sight == Sight::Masked {
        rejections.iter_mut().for_each(|rejection| rejection.body = None);
    }
    Ok(page.of_read(rejections, |rejection: &Rejection| rejection.id.as_str()))
}

/// The source of an id.
async fn source(app: &App, actor: &Actor, id: &str) -> Result<Source, ApiError> {
    let sources = app.store.sources(actor.own_account()).await?;
    let found = sources.into_iter().find(|source| source.id.as_str() == id && actor.reaches(&source.account_id));
    found.ok_or_else(|| ApiError::NotFound(format!("there is no source `{id}`")))
}
