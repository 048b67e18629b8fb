//! Settings: people, keys, sources, signed-in browsers; and what was done, which `activity.rs` finds.

mod sources;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use self::sources::{Blank, OVERLAPS, SourceRow};
use super::activity::{self, Activity};
use super::draw;
use super::fault::Fault;
use super::shell::{Place, Shell, Visit};
use crate::access::{self, NewKey};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::http::repeat::ShownOnce;
use crate::model::access::{Actor, Reach, Right, Role};
use crate::model::message::{Kind, Message, MessageState};
use crate::model::time::Timestamp;
use crate::model::word;
use crate::post;
use crate::signature::HEADER_SETS;
use crate::store::{ApiKey, Person, StoredSession};
use crate::text::cut;
use crate::view::moment::{Moment, begin_of_day};

/// Messages among which the last invitation of each person is looked for.
const LETTERS_READ: u32 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let access = OpenApiRouter::new()
        .route("/accounts/{account}/settings", get(show))
        .route("/accounts/{account}/settings/keys", post(make_key))
        .route("/accounts/{account}/settings/keys/{id}/revoke", post(revoke_key))
        .route("/accounts/{account}/settings/people", post(invite))
        .route("/accounts/{account}/settings/people/{id}/remove", post(remove))
        .route("/accounts/{account}/settings/sessions/{id}/end", post(end_session));
    needing(Right::Access, access).merge(sources::router())
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    shell: Shell,
    people: Vec<PersonRow>,
    has_mail: bool,
    keys: Vec<KeyRow>,
    sessions: Vec<SessionRow>,
    /// What a key may be given by whoever looks, and whether its box is ticked.
    rights: Vec<(Right, bool)>,
    sources: Vec<SourceRow>,
    new_source: Blank,
    overlaps: [(u64, &'static str); OVERLAPS.len()],
    /// Those that a signed request carries.
    headers: String,
    activity: Activity,
    news: News,
}

/// What the page says beside what is stored.
#[derive(Default)]
struct News {
    fresh: Option<Fresh>,
    refused: Option<Refused>,
}

/// What was made just now, and is shown this once.
struct Fresh {
    words: &'static str,
    secret: String,
    /// Of a new source: where its events go.
    address: Option<String>,
}

/// The fields of a form, as they were sent.
type Fields = Vec<(String, String)>;

/// A form that was refused, as it was filled in.
struct Refused {
    form: String,
    typed: Fields,
    fault: Fault,
}

impl News {
    fn of(fresh: Fresh) -> Self {
        Self { fresh: Some(fresh), refused: None }
    }

    /// Why this form was refused, if it was.
    fn fault(&self, form: &str) -> Option<&Fault> {
        self.refused_at(form).map(|refused| &refused.fault)
    }

    /// What stands in a field: what was typed where its form was refused, and `start` otherwise.
    fn field<'a>(&'a self, form: &str, name: &str, start: &'a str) -> &'a str {
        self.refused_at(form).map_or(start, |refused| sent(&refused.typed, name))
    }

    /// Whether the box of a right is ticked. A new key may read, unless somebody says otherwise.
    fn ticks(&self, right: Right) -> bool {
        self.refused_at("key").map_or(right == Right::Read, |refused| is_ticked(&refused.typed, right))
    }

    fn refused_at(&self, form: &str) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| refused.form == form)
    }
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
        rights: Right::ALL
            .into_iter()
            .filter(|right| *right != Right::Operate && shell.may(*right))
            .map(|right| (right, news.ticks(right)))
            .collect(),
        sources: sources::rows(app, &shell, &account, &news).await?,
        new_source: sources::blank(&news),
        overlaps: OVERLAPS,
        headers: HEADER_SETS[0].join(", "),
        activity: activity::find(app, &shell, &account, uri).await?,
        news,
        shell,
    };
    let mut response = draw(app, actor, &page)?;
    if page.news.fresh.is_some() {
        response.extensions_mut().insert(ShownOnce);
    }
    Ok(response)
}

/// The page again, where a form was refused: with why, and with what was typed. Its status says that nothing was done,
/// so the history does not tell of it.
async fn refused(
    (app, actor, place): (&App, &Actor, Place),
    uri: &Uri,
    (form, typed): (String, Fields),
    error: ApiError,
) -> Result<Response, ApiError> {
    let fault = Fault::of(error)?;
    let news = News { fresh: None, refused: Some(Refused { form, typed, fault: fault.clone() }) };
    Ok(fault.on(page(app, actor, place, uri, news).await?))
}

/// What stands in a field that was sent, without the spaces around it.
fn sent<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
}

fn is_ticked(fields: &[(String, String)], right: Right) -> bool {
    fields.iter().any(|(name, value)| name == "right" && *value == word(&right))
}

/// A number that somebody typed.
fn number(text: &str) -> Result<i64, ApiError> {
    let wrong = |_| ApiError::BadRequest(format!("`{}` is no whole number", cut(text, 20)), "Type a number.");
    text.parse().map_err(wrong)
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

async fn make_key(
    Visit { app, actor, place }: Visit,
    uri: Uri,
    Form(typed): Form<Fields>,
) -> Result<Response, ApiError> {
    match made_key(&app, &actor, &place, &typed).await {
        Ok(key) => {
            let words = "The key is made. It is shown this once:";
            let fresh = Fresh { words, secret: key.expose_secret().to_owned(), address: None };
            page(&app, &actor, place, &uri, News::of(fresh)).await
        }
        Err(error) => refused((&app, &actor, place), &uri, ("key".to_owned(), typed), error).await,
    }
}

/// Makes a key: its name, the last day on which it opens something, and a `right` for each box that is ticked.
async fn made_key(
    app: &App,
    actor: &Actor,
    place: &Place,
    typed: &[(String, String)],
) -> Result<SecretString, ApiError> {
    let rights: Vec<_> = Right::ALL.into_iter().filter(|right| is_ticked(typed, *right)).collect();
    let expires_at = last_day(sent(typed, "ends"), &place.shell)?;
    let reach = Reach::One(place.account.id.clone());
    let new = NewKey { reach, name: sent(typed, "name"), rights: &rights, expires_at };
    let (_, text) = access::make_key(&app.store, actor, new, (app.clock)()).await?;
    Ok(text)
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

async fn invite(Visit { app, actor, place }: Visit, uri: Uri, Form(typed): Form<Fields>) -> Result<Response, ApiError> {
    let reach = Reach::One(place.account.id.clone());
    let role = if sent(&typed, "role") == "manager" { Role::Manager } else { Role::Viewer };
    let (email, name, now) = (sent(&typed, "email"), sent(&typed, "name"), (app.clock)());
    let before = access::told_of(&app.store.people(&reach).await?, email);
    let person = match access::invite(&app.store, &actor, &reach, (email, name, role), now).await {
        Ok(person) => person,
        Err(error) => return refused((&app, &actor, place), &uri, ("person".to_owned(), typed), error.into()).await,
    };
    actor.changes(before, person.told());
    let is_told = post::announce(&app.store, &app.outside, &person, now).await?;
    app.wake.post.notify_one();
    Ok(to(&place.shell, if is_told { "invited-by-mail" } else { "invited" }))
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
