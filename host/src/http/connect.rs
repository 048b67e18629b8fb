//! The pages of connecting: `/connect/{ticket}`, which says what is asked for, and `/oauth/callback`, where HubSpot
//! sends people back to.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use secrecy::SecretString;

use super::cookie::{self, Scope};
use super::guard;
use super::page::{Frame, is_framed, quiet};
use crate::app::App;
use crate::connection::consent::{self, Arrival, Arrived, Invited, Stop};
use crate::model::access::{Actor, Right};
use crate::model::id::AuditId;
use crate::store::AuditEntry;

/// What we are called at HubSpot's callback, below the public address.
const CALLBACK: &str = "/oauth/callback";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/connect/{ticket}", get(show).post(leave)).route(CALLBACK, get(come_back))
}

/// What is asked for.
#[derive(Template)]
#[template(path = "quiet/connect.html")]
struct Question {
    frame: Frame,
    invited: Invited,
    /// HubSpot lets nobody agree in a frame: the next page opens in a window of its own.
    is_framed: bool,
}

#[derive(Template)]
#[template(path = "quiet/connected.html")]
struct Connected {
    frame: Frame,
    portal: String,
    arrived: Arrived,
}

#[derive(Template)]
#[template(path = "quiet/stopped.html")]
struct Stopped {
    frame: Frame,
    reason: String,
    way_on: &'static str,
    link: Option<String>,
}

/// Says what is asked for, and who may agree.
async fn show(State(app): State<Arc<App>>, Path(ticket): Path<String>, headers: HeaderMap) -> Response {
    let looked = consent::look(&app.store, &ticket, (app.clock)()).await;
    match looked {
        Ok(_) if app.hubspot.app().is_none() => stopped(&app, &Stop::NoApp, None),
        Ok(invited) => {
            let frame = Frame::of(&app, format!("Connect {} to HubSpot", invited.account.name)).seen_by(&headers);
            quiet(&app, StatusCode::OK, &Question { frame, invited, is_framed: is_framed(&headers) })
        }
        Err(stop) => stopped(&app, &stop, None),
    }
}

/// Sends the browser to HubSpot, with a cookie by which it is known when it comes back.
async fn leave(State(app): State<Arc<App>>, Path(ticket): Path<String>, headers: HeaderMap) -> Response {
    // Only from our own page, so that nobody is led past what it says.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return stopped(&app, &Stop::Stray, None);
    }
    match consent::depart(&app.store, &app.hubspot, &ticket, (app.clock)()).await {
        Ok(departure) => {
            let mut response = Redirect::to(&departure.address).into_response();
            let life = consent::CONSENT_LIFE.as_secs();
            let path = callback_path(&app);
            cookie::set(&app, &mut response, &departure.cookie_name, &departure.cookie, life, &Scope::Path(&path));
            response
        }
        Err(stop) => stopped(&app, &stop, None),
    }
}

/// Takes in what HubSpot sends the browser back with.
async fn come_back(
    State(app): State<Arc<App>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let field = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    // A session that is over is as if nobody were signed in.
    let actor = guard::who(&app, &headers).await.unwrap_or_default();
    let is_at_home = |arrived: &Arrived| {
        actor.as_ref().is_some_and(|actor| actor.may(Right::Read) && actor.reaches(&arrived.account.id))
    };
    let arrival = Arrival {
        actor: actor.clone(),
        state: field("state"),
        code: field("code").map(SecretString::from),
        is_error: field("error").is_some(),
    };
    let cookie = |name: &str| cookie::read(&headers, name);
    match consent::arrive(&app.store, &app.hubspot, arrival, cookie, (app.clock)()).await {
        Ok(arrived) => {
            note(&app, &arrived, actor.as_ref()).await;
            app.wake.plan.notify_one();
            app.wake.deliver.notify_one();
            if is_at_home(&arrived) {
                let screen = arrived.back.as_deref().unwrap_or("setup");
                // The set-up says it in its own words.
                let done = if screen == "setup" { "connected" } else { "reauthorized" };
                return Redirect::to(&format!("/accounts/{}/{screen}?done={done}", arrived.account.slug))
                    .into_response();
            }
            let name = arrived.connection.portal.as_ref().and_then(|portal| portal.name.clone()).unwrap_or_default();
            let portal = format!("{name} {}", arrived.connection.portal_id);
            let frame = Frame::of(&app, format!("{} is connected", arrived.account.name));
            quiet(&app, StatusCode::OK, &Connected { frame, portal: portal.trim().to_owned(), arrived })
        }
        Err((stop, ticket)) => stopped(&app, &stop, ticket),
    }
}

/// Notes that an account was connected. Who is signed in here and reaches it is known by name; whoever else had the
/// link is known to HubSpot, and not to us.
async fn note(app: &App, arrived: &Arrived, actor: Option<&Actor>) {
    let now = (app.clock)();
    let known = actor.filter(|actor| actor.reaches(&arrived.account.id));
    let entry = AuditEntry {
        id: AuditId::new(now),
        account_id: Some(arrived.account.id.clone()),
        at: now,
        actor: known.map_or_else(|| "somebody with the link".to_owned(), |actor| actor.name.clone()),
        action: "connections.connect".to_owned(),
        subject: arrived.connection.id.to_string(),
        detail: serde_json::json!({ "portal": arrived.connection.portal_id }),
    };
    if let Err(error) = app.store.note_action(&entry).await {
        tracing::error!(account.id = %arrived.account.id, "that an account was connected could not be noted: {error:#}");
    }
}

/// Why nothing was connected, and the way on.
fn stopped(app: &App, stop: &Stop, ticket: Option<String>) -> Response {
    let status = match stop {
        Stop::UnknownLink => StatusCode::NOT_FOUND,
        Stop::LinkExpired | Stop::LinkUsed { .. } => StatusCode::GONE,
        Stop::Stray | Stop::OtherBrowser | Stop::CameTwice | Stop::TookTooLong | Stop::CodeRefused => {
            StatusCode::BAD_REQUEST
        }
        Stop::Declined => StatusCode::FORBIDDEN,
        Stop::WrongPortal { .. } | Stop::PortalTaken { .. } | Stop::OtherPortal { .. } => StatusCode::CONFLICT,
        Stop::NoApp | Stop::Misconfigured | Stop::Away => StatusCode::SERVICE_UNAVAILABLE,
        Stop::Store(error) => {
            tracing::error!("somebody could not connect: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    metrics::counter!("leadline_connects_stopped_total", "status" => status.as_u16().to_string()).increment(1);
    let words = stop.words();
    let link = ticket.filter(|_| stop.may_try_again()).zip(app.public_url.as_ref());
    let link = link.map(|(ticket, base)| format!("{base}/connect/{ticket}"));
    let frame = Frame::of(app, words.title);
    quiet(app, status, &Stopped { frame, reason: words.reason.to_string(), way_on: words.way_on, link })
}

/// Where browsers are sent back to, as they see it.
fn callback_path(app: &App) -> String {
    let base = app.public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let base = base.as_ref().map_or("", |url| url.path().trim_end_matches('/'));
    format!("{base}{CALLBACK}")
}
