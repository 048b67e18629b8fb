//! `/v1/api-keys`, `/v1/people`, `/v1/sign-in-links`, `/v1/sessions`, `/v1/audit`: who may do what, and what was done.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Place, Wanted, one, unknown};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{account_or_all, reach, read};
use super::repeat::ShownOnce;
use crate::access::{
    self, AccessError, LINK_LIFE, NewKey, NewLink, PORTAL_LINK_LIFE, PORTAL_SESSION_LIFE_MAX, SESSION_LIFE,
};
use crate::app::App;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::account::Account;
use crate::model::id::{ApiKeyId, AuditId, PersonId, SessionId};
use crate::model::time::Timestamp;
use crate::post;
use crate::store::{ApiKey, AuditEntry, AuditFilter, Beside, Person, StoredSession};
use crate::text::cut;
use crate::view::activity;
use crate::view::moment::zone_of;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .routes(routes!(keys, make_key))
        .routes(routes!(revoke_key))
        .routes(routes!(people, invite))
        .routes(routes!(remove_person))
        .routes(routes!(make_link))
        .routes(routes!(sessions))
        .routes(routes!(end_session));
    let read = OpenApiRouter::new().routes(routes!(audit)).routes(routes!(audit_table));
    needing(Right::Access, access).merge(needing(Right::Read, read))
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::Store(error) => error.into(),
            AccessError::MoreThanOneHas { .. } => {
                Self::Conflict(text, "Ask for fewer rights, or ask somebody with more.")
            }
            _ => Self::BadRequest(text, "Correct it, and send it again."),
        }
    }
}

/// Whose keys, people and sessions are meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Slug or id; without one, those of the only account that the asker reaches, or of the house.
    #[param(example = "acme")]
    account: Option<String>,
}

/// The keys of an account, or of the house, the revoked ones too.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "Access",
    params(Whose, Wanted),
    responses((status = 200, description = "The keys", body = List<ApiKey>)),
    extensions(("x-command" = json!("leadline access key list")))
)]
async fn keys(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<ApiKey>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    page.of(app.store.api_keys(&reach).await?, |key| key.id.as_str())
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MakeKey {
    account: Option<String>,
    name: String,
    rights: Vec<Right>,
    expires_at: Option<Timestamp>,
}

/// Makes a key.
///
/// It is shown this once, and can do no more than whoever makes it.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "Access",
    request_body(content = MakeKey, example = json!({ "account": "acme", "name": "reports", "rights": ["read"] })),
    responses((status = 201, description = "The key", body = Data<MadeKey>)),
    extensions(("x-command" = json!("leadline access key create reports --account acme --right read")))
)]
async fn make_key(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Extension<ShownOnce>, One<MadeKey>), ApiError> {
    let asked: MakeKey = read(&body, "Send {\"name\": \"reports\", \"rights\": [\"read\"]}.")?;
    let reach = reach(&app, &actor, asked.account.as_deref()).await?;
    let new = NewKey { reach, name: &asked.name, rights: &asked.rights, expires_at: asked.expires_at };
    let (key, text) = access::make_key(&app.store, &actor, new, (app.clock)()).await?;
    Ok((StatusCode::CREATED, Extension(ShownOnce), one(MadeKey { key, secret: text.expose_secret().to_owned() })))
}

/// Revokes a key, at once.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    tag = "Access",
    params(("id" = ApiKeyId, Path, description = "The key"), Whose),
    responses((status = 200, description = "It opens nothing any more", body = Data<Gone>)),
    extensions(("x-command" = json!("leadline access key revoke KEY --account acme")))
)]
async fn revoke_key(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<One<Gone>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    match app.store.revoke_api_key(&reach, &id, (app.clock)()).await? {
        true => Ok(one(Gone { id })),
        false => Err(ApiError::NotFound(format!("there is no key `{id}` that opens something"))),
    }
}

/// Who may sign in to an account, or of the house.
#[utoipa::path(
    get,
    path = "/v1/people",
    tag = "Access",
    params(Whose, Wanted),
    responses((status = 200, description = "The people", body = List<Person>)),
    extensions(("x-command" = json!("leadline access person list --account acme")))
)]
async fn people(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<Person>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    page.of(app.store.people(&reach).await?, |person| person.id.as_str())
}

/// A key that was made. What opens something is shown this once.
#[derive(Serialize, ToSchema)]
struct MadeKey {
    key: ApiKey,
    #[schema(example = "llk_hq3b0Yb3v9fJm2kTtJm0c1yqkq0w6m8f3d7s5a2n4zE")]
    secret: String,
}

/// A link that was made. It is shown this once.
#[derive(Serialize, ToSchema)]
struct MadeLink {
    #[schema(example = "https://leads.example.com/sign-in/hq3b0Yb3v9fJm2kTtJm0c1yqkq0w6m8f3d7s5a2n4zE")]
    link: String,
    expires_at: Timestamp,
}

/// What was there before, and opens nothing any more.
#[derive(Serialize, ToSchema)]
struct Gone {
    id: String,
}

/// Somebody who may sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    account: Option<String>,
    email: String,
    name: String,
    role: Role,
}

/// Lets somebody sign in, or changes the role of who may already.
///
/// Where the service sends mail, they are sent a link that is good once, for a day.
#[utoipa::path(
    post,
    path = "/v1/people",
    tag = "Access",
    request_body(content = Invite, example = json!({ "account": "acme", "email": "maya@example.com", "name": "Maya Lind", "role": "manager" })),
    responses((status = 201, description = "Who may sign in", body = Data<Person>)),
    extensions(("x-command" = json!("leadline access person add maya@example.com --account acme --name \"Maya Lind\" --role manager")))
)]
async fn invite(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<(StatusCode, One<Person>), ApiError> {
    const FIX: &str = "Send {\"email\": \"maya@example.com\", \"name\": \"Maya Lind\", \"role\": \"manager\"}.";
    let asked: Invite = read(&body, FIX)?;
    let reach = reach(&app, &actor, asked.account.as_deref()).await?;
    let who = (asked.email.as_str(), asked.name.as_str(), asked.role);
    let now = (app.clock)();
    let before = access::told_of(&app.store.people(&reach).await?, who.0);
    let person = access::invite(&app.store, &actor, &reach, who, now).await?;
    actor.changes(before, person.told());
    post::announce(&app.store, &app.outside, &person, now).await?;
    app.wake.post.notify_one();
    Ok((StatusCode::CREATED, one(person)))
}

/// Takes somebody out, and ends what runs in the name.
#[utoipa::path(
    delete,
    path = "/v1/people/{id}",
    tag = "Access",
    params(("id" = PersonId, Path, description = "The person"), Whose),
    responses((status = 200, description = "Nobody signs in under it any more", body = Data<Gone>)),
    extensions(("x-command" = json!("leadline access person remove maya@example.com --account acme")))
)]
async fn remove_person(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<One<Gone>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    let people = app.store.people(&reach).await?;
    let nobody = || ApiError::NotFound(format!("there is nobody with the id `{id}`"));
    let person = people.iter().find(|person| person.id.as_str() == id).ok_or_else(nobody)?;
    app.store.remove_person(&reach, person).await?;
    actor.changes(person.told(), Value::Null);
    Ok(one(Gone { id }))
}

/// What a link is for: a person's browser, or a frame of the product that asks for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MakeLink {
    account: Option<String>,
    /// Who is signed in by it, as the history will tell it.
    name: String,
    role: Role,
    #[serde(default)]
    embedded: bool,
    /// How long its session lives.
    session_minutes: Option<u64>,
}

/// Makes a link that signs its bearer in, once.
///
/// For a person it is good for a quarter of an hour; for a frame of another product, for a minute.
#[utoipa::path(
    post,
    path = "/v1/sign-in-links",
    tag = "Access",
    request_body(content = MakeLink, example = json!({ "account": "acme", "name": "Maya Lind", "role": "viewer", "embedded": true, "session_minutes": 60 })),
    responses((status = 201, description = "The link", body = Data<MadeLink>)),
    extensions(("x-command" = json!("leadline access link --account acme --role viewer --for \"Maya Lind\"")))
)]
async fn make_link(
    State(app): State<Arc<App>>,
    actor: Actor,
    body: Bytes,
) -> Result<(StatusCode, Extension<ShownOnce>, One<MadeLink>), ApiError> {
    let asked: MakeLink = read(&body, "Send {\"account\": \"acme\", \"name\": \"Maya Lind\", \"role\": \"manager\"}.")?;
    let Some(public_url) = &app.public_url else {
        let text = "this service does not know where browsers reach it".to_owned();
        return Err(ApiError::Conflict(text, "Start it with `--public-url`."));
    };
    let reach = match asked.role.is_of_the_house() {
        true => Reach::All,
        false => reach(&app, &actor, asked.account.as_deref()).await?,
    };
    if reach == Reach::All && !actor.may(Right::Operate) {
        return Err(ApiError::NotAllowed { right: Right::Operate });
    }
    let (life, session) = match asked.embedded {
        true => (PORTAL_LINK_LIFE, PORTAL_SESSION_LIFE_MAX),
        false => (LINK_LIFE, SESSION_LIFE),
    };
    let wanted = asked.session_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let new = NewLink {
        reach,
        name: &asked.name,
        role: asked.role,
        life,
        session: wanted.unwrap_or(session).min(SESSION_LIFE),
        is_embedded: asked.embedded,
    };
    let (text, expires_at) = access::make_link(&app.store, &actor, new, (app.clock)()).await?;
    let link = format!("{public_url}/sign-in/{}", text.expose_secret());
    Ok((StatusCode::CREATED, Extension(ShownOnce), one(MadeLink { link, expires_at })))
}

/// The browsers in which somebody is signed in.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "Access",
    params(Whose, Wanted),
    responses((status = 200, description = "The sessions", body = List<StoredSession>)),
    extensions(("x-command" = json!("leadline access session list --account acme")))
)]
async fn sessions(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(whose): Query<Whose>,
    page: Page,
) -> Result<List<StoredSession>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    page.of(app.store.sessions(&reach, (app.clock)()).await?, |session| session.id.as_str())
}

/// Signs a browser out.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    tag = "Access",
    params(("id" = SessionId, Path, description = "The session"), Whose),
    responses((status = 200, description = "It is signed out", body = Data<Gone>)),
    extensions(("x-command" = json!("leadline access session end SESSION --account acme")))
)]
async fn end_session(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<One<Gone>, ApiError> {
    let reach = reach(&app, &actor, whose.account.as_deref()).await?;
    match app.store.end_session(&reach, &id).await? {
        true => Ok(one(Gone { id })),
        false => Err(ApiError::NotFound(format!("there is no session `{id}`"))),
    }
}

/// Which entries of the history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Looked {
    /// Slug or id; without one, the account of whoever asks, or what concerns the service and several accounts.
    #[param(example = "acme")]
    account: Option<String>,
    /// The name of who did it holds this.
    actor: Option<String>,
    /// The action begins with this, such as `connections`.
    action: Option<String>,
    /// The id of what it was done to holds this.
    subject: Option<String>,
    /// Done then or later: a moment, or a day in the time zone of the portal.
    from: Option<String>,
    /// Done before that moment, or until the end of that day.
    until: Option<String>,
}

impl Looked {
    /// The account, where it is of one, and the filter.
    async fn find(self, app: &App, actor: &Actor) -> Result<(Option<Account>, AuditFilter), ApiError> {
        let account = account_or_all(app, actor, self.account.as_deref()).await?;
        let query = activity::Query {
            actor: self.actor.unwrap_or_default(),
            action: self.action.unwrap_or_default(),
            subject: self.subject.unwrap_or_default(),
            from: self.from.unwrap_or_default(),
            until: self.until.unwrap_or_default(),
        };
        if let Some((field, value)) = query.wrong() {
            let text = format!("`{}` is no {field} to filter by", cut(value, 100));
            return Err(ApiError::BadRequest(text, "Send a moment, or a day such as 2026-11-28."));
        }
        let connection = match &account {
            Some(account) => app.store.connection_of(&account.id).await?,
            None => None,
        };
        let filter = query.filter(account.as_ref().map(|account| &account.id), &zone_of(connection.as_ref()));
        Ok((account, filter))
    }
}

/// What people and programs did, newest first. Where something was set, `detail` has how it was before and after.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "Access",
    params(Looked, Wanted),
    responses((status = 200, description = "The history", body = List<AuditEntry>)),
    extensions(("x-command" = json!("leadline audit list --account acme")))
)]
async fn audit(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(looked): Query<Looked>,
    page: Page,
) -> Result<List<AuditEntry>, ApiError> {
    let (_, filter) = looked.find(&app, &actor).await?;
    let cursor = |id: &str| id.parse::<AuditId>().map_err(|_| unknown(id));
    let beside = match &page.place {
        Place::Start => Beside::Newest,
        Place::After(id) => Beside::OlderThan(cursor(id)?),
        Place::Before(id) => Beside::NewerThan(cursor(id)?),
    };
    let found = app.store.audit_page(&filter, &beside, page.limit).await?;
    let beside = (found.has_newer, found.has_older);
    Ok(page.list(found.entries, |entry| entry.id.as_str(), beside))
}

/// The same as a CSV table, with what was set before and after. A cell that a spreadsheet would take for a formula has an
/// apostrophe in front.
#[utoipa::path(
    get,
    path = "/v1/audit.csv",
    tag = "Access",
    params(Looked),
    responses((status = 200, description = "The table", content_type = "text/csv", body = String)),
    extensions(("x-command" = json!("leadline audit list --account acme --csv")))
)]
async fn audit_table(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(looked): Query<Looked>,
) -> Result<Response, ApiError> {
    let (account, filter) = looked.find(&app, &actor).await?;
    let name = account.map_or_else(|| "service".to_owned(), |account| account.slug);
    Ok(table_file(&name, activity::table(&app.store, &filter).await?))
}

/// A table of the history, to be kept as a file.
pub(super) fn table_file(name: &str, text: String) -> Response {
    let disposition = format!("attachment; filename=\"activity-{name}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
    ];
    (headers, text).into_response()
}
