//! The pages of connecting: `/connect/{ticket}`, which says what is asked for, and `/oauth/callback`, where HubSpot
//! sends people back to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use secrecy::SecretString;

use super::cookie::{self, Scope};
use super::page::{fill, page};
use crate::app::App;
use crate::connection::consent::{self, Arrival, Arrived, Invited, Stop};
use crate::connection::scopes::Permission;

/// What we are called at HubSpot's callback, below the public address.
const CALLBACK: &str = "/oauth/callback";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/connect/{ticket}", get(show).post(leave)).route(CALLBACK, get(come_back))
}

/// Says what is asked for, and who may agree.
async fn show(State(app): State<Arc<App>>, Path(ticket): Path<String>) -> Response {
    let looked = consent::look(&app.store, &ticket, (app.clock)()).await;
    match looked {
        Ok(_) if app.hubspot.app().is_none() => stopped(&app, &Stop::NoApp, None),
        Ok(invited) => {
            page(&app, StatusCode::OK, &format!("Connect {} to HubSpot", invited.account.name), &question(&invited))
        }
        Err(stop) => stopped(&app, &stop, None),
    }
}

fn question(invited: &Invited) -> String {
    let mut html = fill(
        "<p>Leadline puts the leads of <strong>{}</strong> into HubSpot as they come in.</p>",
        &[&invited.account.name],
    );
    if let Some(portal) = invited.portal {
        html += &fill("<p>Choose HubSpot account <strong>{}</strong> on the next page.</p>", &[&portal.to_string()]);
    }
    html += "<h2>Leadline asks HubSpot for permission to</h2>";
    html += &list(&invited.required);
    if !invited.optional.is_empty() {
        html += "<h2>And, because you use it, to</h2>";
        html += &list(&invited.optional);
    }
    html += "<h2>Who can do this</h2>\
        <p>A HubSpot <strong>super admin</strong>, or somebody with the permission <strong>App Marketplace Access</strong>. \
        Not you? Send this page's address to somebody who is. It is good for one hour and connects once.</p>\
        <p class=\"soft\">You log in at HubSpot. We never see your password, and you can take the permission back at any time.</p>\
        <form method=\"post\"><button>Connect to HubSpot</button></form>";
    html
}

fn list(permissions: &[Permission]) -> String {
    let item = |one: &Permission| {
        fill("<li><strong>{}</strong><span>{}</span> <code>{}</code></li>", &[one.words, one.why, one.scope])
    };
    format!("<ul>{}</ul>", permissions.iter().map(item).collect::<String>())
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
    let arrival = Arrival {
        state: field("state"),
        code: field("code").map(SecretString::from),
        is_error: field("error").is_some(),
    };
    let cookie = |name: &str| cookie::read(&headers, name);
    match consent::arrive(&app.store, &app.hubspot, arrival, cookie, (app.clock)()).await {
        Ok(arrived) => {
            app.wake.plan.notify_one();
            app.wake.deliver.notify_one();
            page(&app, StatusCode::OK, &format!("{} is connected", arrived.account.name), &answer(&arrived))
        }
        Err((stop, ticket)) => stopped(&app, &stop, ticket),
    }
}

fn answer(arrived: &Arrived) -> String {
    let connection = &arrived.connection;
    let name = connection.portal.as_ref().and_then(|portal| portal.name.clone()).unwrap_or_default();
    let mut html = fill(
        "<p class=\"good\">✓ Connected</p><p>HubSpot account <strong>{} {}</strong>. From now on leads go there by themselves, and what was waiting for this is on its way.</p>",
        &[&name, &connection.portal_id.to_string()],
    );
    if !arrived.transformations.is_empty() {
        html += &fill("<p class=\"soft\">Leads go through {}.</p>", &[&arrived.transformations.join(", ")]);
    }
    if !arrived.missing.is_empty() {
        html += "<h2>Not permitted, and therefore off</h2><ul>";
        html += &arrived.missing.iter().map(|missing| fill("<li>{}</li>", &[&missing.sentence])).collect::<String>();
        html += "</ul>";
    }
    let next = format!("/accounts/{}/fields", arrived.account.slug);
    html + &fill("<p>You can close this page, or <a href=\"{}\">go on to the fields</a>.</p>", &[&next])
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
    let mut html = fill("<p>{}</p><p>{}</p>", &[&words.reason, words.way_on]);
    if let (Some(ticket), true, Some(base)) = (ticket, stop.may_try_again(), &app.public_url) {
        html += &fill("<a class=\"button\" href=\"{}\">Back to the link</a>", &[&format!("{base}/connect/{ticket}")]);
    }
    page(app, status, words.title, &html)
}

/// Where browsers are sent back to, as they see it.
fn callback_path(app: &App) -> String {
    let base = app.public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let base = base.as_ref().map_or("", |url| url.path().trim_end_matches('/'));
    format!("{base}{CALLBACK}")
}
