//! Signing in and out: `/sign-in`, the link in somebody's mail, and the link that another product redirects to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::cookie::{self, SESSION_COOKIE, Scope};
use super::error::ApiError;
use super::page::{fill, page};
use crate::access;
use crate::app::App;
use crate::model::access::{Actor, Reach};
use crate::store::StoredSession;

/// Open to everybody, and to who is signed in already, as somebody else perhaps.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/sign-in", get(ask)).route("/sign-in/{link}", get(show).post(enter))
}

/// For who is known.
pub(super) fn out() -> Router<Arc<App>> {
    Router::new().route("/sign-out", post(leave))
}

/// Where somebody goes after signing in.
#[derive(Deserialize)]
struct To {
    to: Option<String>,
}

/// Says how to get in.
async fn ask(State(app): State<Arc<App>>) -> Response {
    let body = "<p>Leadline sends people a link; open the newest one.</p>\
        <p class=\"soft\">Who runs the service makes one with <code>leadline access link</code>.</p>";
    page(&app, StatusCode::OK, "Sign in", body)
}

/// Asks before it signs in, because mail programs open links to look at them. A frame has nobody to ask.
async fn show(
    State(app): State<Arc<App>>,
    Path(link): Path<String>,
    Query(to): Query<To>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(found) = access::look(&app.store, &link, (app.clock)()).await? else { return Ok(over(&app)) };
    if found.is_embedded {
        return begin(&app, &link, to.to.as_deref(), &headers).await;
    }
    let body = fill(
        "<p>You are about to sign in as <strong>{}</strong>.</p><form method=\"post\"><button>Sign in</button></form>\
         <p class=\"soft\">The link is good once.</p>",
        &[&found.name],
    );
    Ok(page(&app, StatusCode::OK, "Sign in", &body))
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
    begin(&app, &link, to.to.as_deref(), &headers).await
}

async fn begin(app: &App, link: &str, to: Option<&str>, headers: &HeaderMap) -> Result<Response, ApiError> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let now = (app.clock)();
    let Some((secret, session)) = access::enter(&app.store, link, agent, now).await? else { return Ok(over(app)) };
    let to = match to.filter(|to| is_ours(to)) {
        Some(to) => to.to_owned(),
        None => home(app, &session).await?,
    };
    let mut response = Redirect::to(&to).into_response();
    let scope = if session.is_embedded { Scope::Frame } else { Scope::Site };
    let life = session.expires_at.since(now).as_secs();
    cookie::set(app, &mut response, &cookie::name(app, SESSION_COOKIE), secret.expose_secret(), life, &scope);
    Ok(response)
}

/// Whether an address is one of this site: never one that a link brought along to lead somebody elsewhere.
pub(super) fn is_ours(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control)
}

/// Where somebody begins.
async fn home(app: &App, session: &StoredSession) -> Result<String, ApiError> {
    Ok(match &session.account_id {
        None => "/accounts".to_owned(),
        Some(account) => match app.store.account(account.as_str()).await? {
            Some(account) => format!("/accounts/{}", account.slug),
            None => "/sign-in".to_owned(),
        },
    })
}

fn over(app: &App) -> Response {
    let body = "<p>It was used already, or its time is over.</p><p>Ask for a new one.</p>";
    page(app, StatusCode::GONE, "This link is over", body)
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
