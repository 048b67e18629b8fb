//! Settings and activity: people, keys, signed-in browsers, and what was done.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::draw;
use super::shell::{Place, Shell, Visit};
use crate::access::{self, NewKey};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::account::Source;
use crate::model::message::{Kind, Message, MessageState};
use crate::model::word;
use crate::post;
use crate::store::{ApiKey, AuditEntry, Person, StoredSession};
use crate::view::moment::Moment;

/// Messages among which the last invitation of each person is looked for.
const LETTERS_READ: u32 = 200;
/// Entries of the audit that the page shows.
const AUDIT_SHOWN: u32 = 50;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .route("/accounts/{account}/settings", get(show))
        .route("/accounts/{account}/settings/keys", post(make_key))
        .route("/accounts/{account}/settings/keys/{id}/revoke", post(revoke_key))
        .route("/accounts/{account}/settings/people", post(invite))
        .route("/accounts/{account}/settings/people/{id}/remove", post(remove))
        .route("/accounts/{account}/settings/sessions/{id}/end", post(end_session));
    needing(Right::Access, access)
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    shell: Shell,
    people: Vec<PersonRow>,
    has_mail: bool,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
    sources: Vec<Source>,
    audit: Vec<(AuditEntry, Moment)>,
    /// A key that was made just now: shown this once.
    fresh: Option<String>,
}

/// Somebody who may sign in, and why the last letter did not arrive, if it did not.
struct PersonRow {
    person: Person,
    since: Moment,
    unreached: Option<String>,
}

struct KeyRow {
    key: ApiKey,
    rights: String,
    used: Option<Moment>,
    made: Moment,
    is_over: bool,
}

struct SessionRow {
    session: StoredSession,
    seen: Moment,
    is_this: bool,
}

async fn page(app: &App, actor: &Actor, place: Place, fresh: Option<String>) -> Result<Response, ApiError> {
    let (shell, account) = (place.shell, place.account);
    let reach = Reach::One(account.id.clone());
    let people = app.store.people(&reach).await?;
    let keys = app.store.api_keys(&reach).await?;
    let sessions = app.store.sessions(&reach, shell.now).await?;
    let audit = app.store.audit(Some(&account.id), None, AUDIT_SHOWN).await?;
    let letters = app.store.messages(Some(&account.id), None, LETTERS_READ).await?;
    let own = actor.session.as_ref().map(|session| session.id.as_str());
    let page = Page {
        people: people
            .into_iter()
            .map(|person| PersonRow {
                since: shell.time(person.created_at),
                unreached: unreached(&letters, &person),
                person,
            })
            .collect(),
        has_mail: app.outside.mailer.is_some(),
        keys: keys
            .into_iter()
            .map(|key| KeyRow {
                rights: key.rights.iter().map(word).collect::<Vec<_>>().join(", "),
                used: key.last_used_at.map(|at| shell.time(at)),
                made: shell.time(key.created_at),
                is_over: key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= shell.now),
                key,
            })
            .collect(),
        sessions: sessions
            .into_iter()
            .map(|session| SessionRow {
                seen: shell.time(session.seen_at),
                is_this: own == Some(session.id.as_str()),
                session,
            })
            .collect(),
        sources: app.store.sources(Some(&account.id)).await?,
        audit: audit.into_iter().map(|entry| (entry.clone(), shell.time(entry.at))).collect(),
        fresh,
        shell,
    };
    draw(app, actor, &page)
}

/// Why the last invitation of a person did not arrive, or has not yet.
fn unreached(letters: &[Message], person: &Person) -> Option<String> {
    let is_theirs = |letter: &&Message| letter.kind == Kind::Invitation && letter.recipient == person.email;
    let last = letters.iter().find(is_theirs).filter(|letter| letter.state != MessageState::Sent)?;
    last.reason.clone()
}

async fn show(Visit { app, actor, place }: Visit) -> Result<Response, ApiError> {
    page(&app, &actor, place, None).await
}

/// A key that a form asks for.
#[derive(Deserialize)]
struct MakeKey {
    name: String,
    /// `read`, or `change` which includes it.
    right: String,
}

async fn make_key(Visit { app, actor, place }: Visit, Form(asked): Form<MakeKey>) -> Result<Response, ApiError> {
    let rights: &[Right] = if asked.right == "change" { &[Right::Read, Right::Change] } else { &[Right::Read] };
    let new = NewKey { reach: Reach::One(place.account.id.clone()), name: &asked.name, rights, expires_at: None };
    let (_, text) = access::make_key(&app.store, &actor, new, (app.clock)()).await?;
    page(&app, &actor, place, Some(text.expose_secret().to_owned())).await
}

/// The account of a form.
fn found(place: Place) -> (Shell, Reach) {
    (place.shell, Reach::One(place.account.id))
}

fn to(shell: &Shell, done: &str) -> Response {
    Redirect::to(&format!("{}?done={done}", shell.at("settings"))).into_response()
}

async fn revoke_key(
    Visit { app, place, .. }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (shell, reach) = found(place);
    let revoked = app.store.revoke_api_key(&reach, &id, (app.clock)()).await?;
    Ok(to(&shell, if revoked { "revoked" } else { "nothing" }))
}

#[derive(Deserialize)]
struct Invite {
    email: String,
    name: String,
    role: String,
}

async fn invite(Visit { app, actor, place }: Visit, Form(asked): Form<Invite>) -> Result<Response, ApiError> {
    let (shell, reach) = found(place);
    let role = if asked.role == "manager" { Role::Manager } else { Role::Viewer };
    let now = (app.clock)();
    let person = access::invite(&app.store, &actor, &reach, (&asked.email, &asked.name, role), now).await?;
    let is_told = post::announce(&app.store, &app.outside, &person, now).await?;
    app.wake.post.notify_one();
    Ok(to(&shell, if is_told { "invited-by-mail" } else { "invited" }))
}

async fn remove(Visit { app, place, .. }: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, ApiError> {
    let (shell, reach) = found(place);
    let people = app.store.people(&reach).await?;
    let removed = match people.iter().find(|person| person.id.as_str() == id) {
        Some(person) => app.store.remove_person(&reach, person).await?,
        None => false,
    };
    Ok(to(&shell, if removed { "removed" } else { "nothing" }))
}

async fn end_session(
    Visit { app, place, .. }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (shell, reach) = found(place);
    let ended = app.store.end_session(&reach, &id).await?;
    Ok(to(&shell, if ended { "ended" } else { "nothing" }))
}
