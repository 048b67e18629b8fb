//! Settings: people, keys, secrets of sources, signed-in browsers; and what was done, which `activity.rs` finds.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::activity::{self, Activity};
use super::draw;
use super::shell::{Place, Shell, Visit};
use crate::access::{self, NewKey};
use crate::account::{self, AccountError};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::account::Source;
use crate::model::message::{Kind, Message, MessageState};
use crate::model::time::Timestamp;
use crate::model::word;
use crate::post;
use crate::store::{ApiKey, Person, SourceSecret, StoredSession};
use crate::text::cut;
use crate::view::moment::{Moment, begin_of_day};

/// Messages among which the last invitation of each person is looked for.
const LETTERS_READ: u32 = 200;
/// For how long the secret before counts beside a new one, as the page offers it.
const OVERLAPS: [(u64, &str); 4] =
    [(24, "for a day"), (72, "for three days"), (168, "for a week"), (0, "not at all: it may be known to somebody")];

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .route("/accounts/{account}/settings", get(show))
        .route("/accounts/{account}/settings/sources/{id}/rotate", post(rotate))
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
    /// What a key may be given by whoever looks.
    rights: Vec<Right>,
    sources: Vec<SourceRow>,
    overlaps: [(u64, &'static str); 4],
    activity: Activity,
    /// What was made just now, in words, and itself: shown this once.
    fresh: Option<(&'static str, String)>,
    /// Why something was not done.
    wrong: Option<&'static str>,
}

/// A source, with the secrets that count.
struct SourceRow {
    source: Source,
    /// When the newest was made, for people and for the form.
    made: Option<(Moment, i64)>,
    /// Until when others count beside it.
    others: Vec<Moment>,
}

/// What the page says beside what is stored.
#[derive(Default)]
struct News {
    fresh: Option<(&'static str, String)>,
    wrong: Option<&'static str>,
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
    ends: Option<Moment>,
    /// `revoked` or `over`, where it opens nothing any more.
    over: Option<&'static str>,
}

struct SessionRow {
    session: StoredSession,
    seen: Moment,
    is_this: bool,
}

async fn page(app: &App, actor: &Actor, place: Place, uri: &Uri, news: News) -> Result<Response, ApiError> {
    let (shell, account) = (place.shell, place.account);
    let reach = Reach::One(account.id.clone());
    let people = app.store.people(&reach).await?;
    let keys = app.store.api_keys(&reach).await?;
    let sessions = app.store.sessions(&reach, shell.now).await?;
    let secrets = app.store.source_secrets(Some(&account.id), shell.now).await?;
    let sources = app.store.sources(Some(&account.id)).await?;
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
                ends: key.expires_at.map(|at| shell.time(at)),
                over: match key.revoked_at {
                    Some(_) => Some("revoked"),
                    None => key.expires_at.filter(|at| *at <= shell.now).map(|_| "over"),
                },
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
        rights: Right::ALL.into_iter().filter(|right| shell.may(*right)).collect(),
        sources: sources.into_iter().map(|source| source_row(&shell, source, &secrets)).collect(),
        overlaps: OVERLAPS,
        activity: activity::find(app, &shell, &account, uri).await?,
        fresh: news.fresh,
        wrong: news.wrong,
        shell,
    };
    draw(app, actor, &page)
}

fn source_row(shell: &Shell, source: Source, secrets: &[SourceSecret]) -> SourceRow {
    let own: Vec<_> = secrets.iter().filter(|secret| secret.source == source.id.as_str()).collect();
    let newest = own.iter().find(|secret| secret.valid_until.is_none());
    SourceRow {
        made: newest.map(|secret| (shell.time(secret.created_at), secret.created_at.0)),
        others: own.iter().filter_map(|secret| secret.valid_until).map(|until| shell.time(until)).collect(),
        source,
    }
}

/// Why the last invitation of a person did not arrive, or has not yet.
fn unreached(letters: &[Message], person: &Person) -> Option<String> {
    let is_theirs = |letter: &&Message| letter.kind == Kind::Invitation && letter.recipient == person.email;
    let last = letters.iter().find(is_theirs).filter(|letter| letter.state != MessageState::Sent)?;
    last.reason.clone()
}

async fn show(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    page(&app, &actor, place, &uri, News::default()).await
}

/// Makes a key: its name, the last day on which it opens something, and a `right` for each box that is ticked.
async fn make_key(
    Visit { app, actor, place }: Visit,
    uri: Uri,
    Form(asked): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let field = |name: &str| asked.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim());
    let is_ticked = |right: &Right| asked.iter().any(|(name, value)| name == "right" && *value == word(right));
    let rights: Vec<_> = Right::ALL.into_iter().filter(is_ticked).collect();
    let expires_at = last_day(field("ends"), &place.shell)?;
    let reach = Reach::One(place.account.id.clone());
    let new = NewKey { reach, name: field("name"), rights: &rights, expires_at };
    let (_, text) = access::make_key(&app.store, &actor, new, (app.clock)()).await?;
    let fresh = Some(("The key is made. It is shown this once:", text.expose_secret().to_owned()));
    page(&app, &actor, place, &uri, News { fresh, wrong: None }).await
}

/// The end of a day in the account's time zone, which is still to come; none where nothing is typed.
fn last_day(text: &str, shell: &Shell) -> Result<Option<Timestamp>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let end = text.parse().ok().and_then(|day: jiff::civil::Date| begin_of_day(day.tomorrow().ok()?, &shell.zone));
    let wrong = || ApiError::BadRequest(format!("`{}` is no day to come", cut(text, 20)), "Choose a day to come.");
    end.filter(|end| *end > shell.now).map(Some).ok_or_else(wrong)
}

/// How the secrets of a source change over, and which secret the form saw.
#[derive(Deserialize)]
struct Rotate {
    overlap_hours: u64,
    seen: i64,
}

/// Gives a source a new secret, which the page shows this once. Pressed again by somebody who saw the one before, it stays.
async fn rotate(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
    uri: Uri,
    Form(asked): Form<Rotate>,
) -> Result<Response, ApiError> {
    let sources = app.store.sources(Some(&place.account.id)).await?;
    let source = sources.into_iter().find(|source| source.id.as_str() == id);
    let source = source.ok_or_else(|| ApiError::NotFound(format!("there is no source `{id}`")))?;
    let seen = Some(Timestamp(asked.seen));
    let news = match account::rotate(&app.store, (&source, seen), asked.overlap_hours, (app.clock)()).await {
        Ok(secret) => {
            let words = "The source has a new signing secret. Give it to whoever signs. It is shown this once:";
            News { fresh: Some((words, secret.expose_secret().to_owned())), wrong: None }
        }
        Err(AccountError::Meanwhile(_)) => {
            let wrong = Some("The secret was changed meanwhile. Look at it again, then change it.");
            News { fresh: None, wrong }
        }
        Err(error) => return Err(error.into()),
    };
    page(&app, &actor, place, &uri, news).await
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
    let before = access::told_of(&app.store.people(&reach).await?, &asked.email);
    let person = access::invite(&app.store, &actor, &reach, (&asked.email, &asked.name, role), now).await?;
    actor.changes(before, person.told());
    let is_told = post::announce(&app.store, &app.outside, &person, now).await?;
    app.wake.post.notify_one();
    Ok(to(&shell, if is_told { "invited-by-mail" } else { "invited" }))
}

async fn remove(
    Visit { app, actor, place }: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (shell, reach) = found(place);
    let people = app.store.people(&reach).await?;
    let removed = match people.iter().find(|person| person.id.as_str() == id) {
        Some(person) => {
            actor.changes(person.told(), Value::Null);
            app.store.remove_person(&reach, person).await?
        }
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
