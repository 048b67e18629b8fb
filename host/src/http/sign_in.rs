//! Signing in and out: `/sign-in`, the link in somebody's mail, and the link that another product redirects to.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::appearance::{self, Theme};
use super::client::{Clients, Peer, client};
use super::cookie::{self, SESSION_COOKIE, Scope};
use super::error::ApiError;
use super::page::{Frame, is_framed, quiet};
use crate::access::{self, AccessError};
use crate::app::App;
use crate::model::access::{Actor, Reach};
use crate::model::account::ConnectionState;
use crate::model::id::AccountId;
use crate::post;
use crate::view::moment::things;

/// Open to everybody, and to who is signed in already, as somebody else perhaps.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(ask).post(send))
        .route("/sign-in/{link}", get(show).post(enter))
        .layer(Extension(Arc::new(Clients::default())))
}

/// For who is known.
pub(super) fn out() -> Router<Arc<App>> {
    Router::new().route("/sign-out", post(leave))
}

/// Where somebody goes after signing in.
#[derive(Deserialize)]
struct To {
    to: Option<String>,
    /// `light`, `dark` or `system`: how the product around a frame looks.
    theme: Option<String>,
}

/// Whether this service can send somebody a link.
fn sends_links(app: &App) -> bool {
    app.outside.mailer.is_some() && app.public_url.is_some()
}

/// What somebody finds on the way in.
enum Step<'a> {
    /// Asks for an address. The form goes back to where the browser is, so that where somebody wanted to go stays in the
    /// address.
    Ask {
        email: &'a str,
        is_wrong: bool,
    },
    /// Links are made on the command line only.
    NoMail,
    /// A link is on its way, if somebody of that address may sign in.
    Sent {
        email: &'a str,
    },
    TooOften {
        wait: String,
    },
    /// The last step: who one is about to be.
    Enter {
        name: &'a str,
    },
    /// The link was used, or is too old.
    Over,
    /// Its product signs a frame in; nobody can from within.
    Framed,
}

#[derive(Template)]
#[template(path = "quiet/sign_in.html")]
struct Page<'a> {
    frame: Frame,
    step: Step<'a>,
}

impl Step<'_> {
    fn shown(self, app: &App, headers: &HeaderMap) -> Response {
        let (status, title) = match &self {
            Self::Ask { is_wrong: true, .. } => (StatusCode::BAD_REQUEST, "Sign in"),
            Self::Ask { .. } | Self::NoMail | Self::Enter { .. } => (StatusCode::OK, "Sign in"),
            Self::Sent { .. } => (StatusCode::OK, "Look into your mail"),
            Self::TooOften { .. } => (StatusCode::TOO_MANY_REQUESTS, "Not now"),
            Self::Over => (StatusCode::GONE, "This link is over"),
            Self::Framed => (StatusCode::OK, "You are signed out"),
        };
        quiet(app, status, &Page { frame: Frame::of(app, title).seen_by(headers), step: self })
    }
}

/// Says how to get in: asks for an address, where links can be sent.
async fn ask(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let step = match sends_links(&app) {
        _ if is_framed(&headers) => Step::Framed,
        true => Step::Ask { email: "", is_wrong: false },
        false => Step::NoMail,
    };
    step.shown(&app, &headers)
}

/// An address to send a link to.
#[derive(Deserialize)]
struct Asked {
    email: String,
}

/// Keeps the wish for a link. The answer is the same whoever has the address, and nothing is looked up for it.
async fn send(
    State(app): State<Arc<App>>,
    Extension(clients): Extension<Arc<Clients>>,
    peer: Option<Extension<Peer>>,
    Query(to): Query<To>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Response, ApiError> {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err(ApiError::Stray);
    }
    if !sends_links(&app) {
        return Ok(ask(State(app), headers).await);
    }
    let now = (app.clock)();
    if let Err(wait) = clients.take(&client(peer.map(|Extension(peer)| peer), &headers), now) {
        return Ok(too_often(&app, wait, &headers));
    }
    let to = to.to.as_deref().filter(|to| is_ours(to));
    match post::ask_for_link(&app.store, &asked.email, to, now).await {
        Ok(()) => {}
        Err(AccessError::Email(_)) => {
            return Ok(Step::Ask { email: &asked.email, is_wrong: true }.shown(&app, &headers));
        }
        Err(error) => return Err(error.into()),
    }
    app.wake.post.notify_one();
    Ok(Step::Sent { email: asked.email.trim() }.shown(&app, &headers))
}

fn too_often(app: &App, wait: Duration, headers: &HeaderMap) -> Response {
    let minutes = i64::try_from(wait.as_secs().div_ceil(60)).unwrap_or(i64::MAX);
    let mut response = Step::TooOften { wait: things(minutes, "minute", "minutes") }.shown(app, headers);
    response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
    response
}

/// Asks before it signs in, because mail programs open links to look at them. A frame has nobody to ask.
async fn show(
    State(app): State<Arc<App>>,
    Path(link): Path<String>,
    Query(to): Query<To>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(found) = access::look(&app.store, &link, (app.clock)()).await? else {
        return Ok(Step::Over.shown(&app, &headers));
    };
    if found.is_embedded {
        return begin(&app, &link, &to, &headers).await;
    }
    Ok(Step::Enter { name: &found.name }.shown(&app, &headers))
}

async fn enter(
    State(app): State<Arc<App>>,
    Path(link): Path<String>,
    Query(to): Query<To>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // Only from our own page: nobody is signed in as somebody else by a form of another one.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err(ApiError::Stray);
    }
    begin(&app, &link, &to, &headers).await
}

async fn begin(app: &App, link: &str, wanted: &To, headers: &HeaderMap) -> Result<Response, ApiError> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let now = (app.clock)();
    let Some((secret, session)) = access::enter(&app.store, link, agent, now).await? else {
        return Ok(Step::Over.shown(app, headers));
    };
    let to = match wanted.to.as_deref().filter(|to| is_ours(to)) {
        Some(to) => to.to_owned(),
        None => home(app, session.account_id.as_ref()).await?,
    };
    let mut response = Redirect::to(&to).into_response();
    let scope = if session.is_embedded { Scope::Frame } else { Scope::Site };
    let life = session.expires_at.since(now).as_secs();
    cookie::set(app, &mut response, &cookie::name(app, SESSION_COOKIE), secret.expose_secret(), life, &scope);
    if let Some(theme) = wanted.theme.as_deref().and_then(Theme::named).filter(|_| session.is_embedded) {
        appearance::keep_in_frame(app, theme, life, &mut response);
    }
    Ok(response)
}

/// Whether an address is one of this site: never one that a link brought along to lead somebody elsewhere.
pub(super) fn is_ours(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control)
}

/// Where somebody of this account begins, or of the house, where it is none: there he has most to do.
pub(super) async fn home(app: &App, account: Option<&AccountId>) -> Result<String, ApiError> {
    let Some(account) = account else { return Ok("/accounts".to_owned()) };
    let Some(account) = app.store.account(account.as_str()).await? else { return Ok("/sign-in".to_owned()) };
    let connection = app.store.connection_of(&account.id).await?;
    // Until HubSpot is connected there is nothing to look at, and one thing to do.
    let is_connected = connection.is_some_and(|connection| connection.state != ConnectionState::Disconnected);
    let screen = if is_connected { "" } else { "/connectors" };
    Ok(format!("/accounts/{}{screen}", account.slug))
}

async fn leave(State(app): State<Arc<App>>, actor: Actor) -> Result<Response, ApiError> {
    let mut scope = Scope::Site;
    if let Some(session) = &actor.session {
        if session.is_embedded {
            scope = Scope::Frame;
        }
        let reach = actor.own_account().map_or(Reach::All, |account| Reach::One(account.clone()));
        app.store.end_session(&reach, &session.id).await?;
    }
    let mut response = Redirect::to("/sign-in").into_response();
    cookie::set(&app, &mut response, &cookie::name(&app, SESSION_COOKIE), "", 0, &scope);
    Ok(response)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_is_led_to_another_site() {
        for (to, ours) in [
            ("/accounts/a/logs?outcome=failed", true),
            ("/", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
            ("/a\r\nset-cookie: x", false),
            ("", false),
        ] {
            assert_eq!(super::is_ours(to), ours, "{to:?}");
        }
    }
}
