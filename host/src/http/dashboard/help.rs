//! Help: guides to the screens, articles of causes, the documents, and how to reach support. Open to everybody; who is
//! signed in finds the rest of the dashboard around it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Place, Shell};
use crate::app::App;
use crate::cause::{Code, kind};
use crate::help::{self, facts, markdown};
use crate::http::error::ApiError;
use crate::http::page::{Frame, quiet};
use crate::model::access::Actor;
use crate::model::account::Connection;
use crate::model::id::EventId;
use crate::model::outcome::Outcome;
use crate::view::promise;
use crate::view::support::{self, Seen};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .route("/help", get(index))
        .route("/help/{page}", get(show))
        .route("/help/codes/{code}", get(article))
}

/// Something to read.
struct Read {
    title: String,
    about: &'static str,
    /// Made of our own documents.
    html: String,
    /// The beginning of all help, where one chooses what to read.
    is_index: bool,
}

#[derive(Template)]
#[template(path = "help.html")]
struct Page<'a> {
    shell: Shell,
    read: Read,
    support_email: Option<&'a str>,
    support_chat: Option<&'a str>,
    /// By when somebody is answered who asks now, and when support is there.
    promise: String,
    /// What is copied for support.
    support_code: String,
}

/// For somebody who is not signed in.
#[derive(Template)]
#[template(path = "quiet/help.html")]
struct Open {
    frame: Frame,
    read: Read,
}

/// Who reads, and where he comes from.
struct Reader {
    app: Arc<App>,
    actor: Option<Actor>,
    uri: Uri,
    headers: HeaderMap,
}

async fn index(
    State(app): State<Arc<App>>,
    known: Extensions,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let actor = known.get().cloned();
    let about = "Guides, articles, and how to reach support.";
    let read = Read { title: "Help".to_owned(), about, html: String::new(), is_index: true };
    Reader { app, actor, uri, headers }.shown(read).await
}

async fn show(
    State(app): State<Arc<App>>,
    known: Extensions,
    Path(slug): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no help called `{slug}`"));
    let read = match (help::page(&slug), help::guide(&slug)) {
        (Some(page), _) => read(page.title(), page.summary, page.body()),
        (None, Some(guide)) => read(guide.title, "What is on this screen, and what to do there.", guide.text),
        (None, None) => return Err(missing()),
    };
    Reader { app, actor: known.get().cloned(), uri, headers }.shown(read).await
}

/// What a code means: a cause that leads meet, or a problem that a request was answered with.
async fn article(
    State(app): State<Arc<App>>,
    known: Extensions,
    Path(code): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let read = match code.parse::<Code>() {
        Ok(cause) => read(cause.as_str(), "A cause that leads meet.", &facts::article(cause)),
        Err(_) => problem(&code).ok_or_else(|| ApiError::NotFound(format!("there is no code `{code}`")))?,
    };
    Reader { app, actor: known.get().cloned(), uri, headers }.shown(read).await
}

fn read(title: &str, about: &'static str, text: &str) -> Read {
    Read { title: title.to_owned(), about, html: markdown::html(text, &help::link), is_index: false }
}

/// The article of a problem that is no cause.
fn problem(code: &str) -> Option<Read> {
    let text = match kind::ALL.iter().find(|kind| kind.code == code) {
        Some(kind) => format!(
            "**{}.** A request was answered with the status {}.\n\n- What to do: {}\n",
            kind.title, kind.status, kind.fix
        ),
        None if code.starts_with(kind::UPLOAD) => format!(
            "**{}.** The answer names what was found in the file, and what to do about it.\n\n\
             - What to do: run `leadline guest check`, which says the same without an upload.\n",
            kind::NOT_UPLOADED
        ),
        None => return None,
    };
    Some(read(code, "A problem that a request was answered with.", &text))
}

/// The page of the dashboard that somebody comes from.
#[derive(Deserialize)]
struct From {
    at: Option<String>,
}

impl Reader {
    async fn shown(self, read: Read) -> Result<Response, ApiError> {
        let Some(actor) = &self.actor else {
            let frame = Frame::of(&self.app, read.title.clone());
            return Ok(quiet(&self.app, StatusCode::OK, &Open { frame, read }));
        };
        let asked: From = serde_urlencoded(&self.uri);
        let at = asked.at.unwrap_or_default();
        let (shell, connection) = self.around(actor, &at).await?;
        let support_code = self.support_code(&shell, connection.as_ref(), &at).await?;
        let support_email = self.app.support_email.as_deref();
        let support_chat = self.app.support_chat_url.as_deref();
        let promise = promise::sentences(&self.app.support_hours, shell.now, &shell.zone);
        draw(&self.app, actor, &Page { shell, read, support_email, support_chat, promise, support_code })
    }

    /// The shell of the account that somebody comes from, else of his own, else of none.
    async fn around(&self, actor: &Actor, at: &str) -> Result<(Shell, Option<Connection>), ApiError> {
        let named = at.strip_prefix("/accounts/").and_then(|rest| rest.split('/').next());
        let own = actor.own_account().map(|account| account.as_str());
        for name in named.into_iter().chain(own) {
            match Place::find(&self.app, actor, name, &self.uri, &self.headers).await {
                Ok(Place { shell, connection, .. }) => return Ok((shell, connection)),
                // What one may not reach is as if nobody had come from there.
                Err(ApiError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Shell::of_the_house(&self.app, actor, &self.uri, &self.headers), None))
    }

    async fn support_code(&self, shell: &Shell, connection: Option<&Connection>, at: &str) -> Result<String, ApiError> {
        let account = shell.account.as_ref();
        let event = at.rsplit('/').next().and_then(|last| last.parse::<EventId>().ok());
        let (mut lead, mut issues) = (None, Vec::new());
        if let Some(account) = account {
            let found = match &event {
                Some(event) => self.app.store.event(event).await?,
                None => None,
            };
            lead = found.filter(|found| found.event.account_id == account.id).map(|found| {
                let newest = found.deliveries.last().map(|newest| &newest.delivery);
                let reason = found.event.reason.as_ref().or(newest.and_then(|newest| newest.reason.as_ref()));
                let cause = reason.map(|reason| reason.code);
                (found.event.id.clone(), Outcome::of(&found.event, newest, false), cause)
            });
            issues = self.app.store.issues(Some(&account.id)).await?.iter().map(|issue| issue.problem.code).collect();
        }
        issues.sort_unstable();
        let path = if at.is_empty() { self.uri.path() } else { at };
        let screen = help::guide_to(path).map_or("help", |guide| guide.slug.as_str());
        Ok(support::code(&Seen { at: shell.now, screen, account, connection, lead, issues }))
    }
}
