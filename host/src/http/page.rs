//! Pages drawn on the server: no script, nothing from elsewhere, and every foreign text escaped.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::appearance::{Appearance, Theme};
use super::assets;
use crate::app::App;
use crate::model::access::Actor;

/// For a year browsers come over TLS only.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// HubSpot sends people on between its own hosts, and browsers hold every one of them against `form-action`.
const HUBSPOT_HOSTS: &str = "https://*.hubspot.com";

/// What stands around a page that is for nobody in particular.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) brand: String,
    pub(super) assets: &'static str,
    pub(super) theme: Theme,
    /// Whose pages may show this one in a frame; its height is told to them only.
    pub(super) origins: String,
}

impl Frame {
    pub(super) fn of(app: &App, title: impl Into<String>) -> Self {
        let (theme, origins) = (Theme::System, app.frame_ancestors.clone());
        Self { title: title.into(), brand: app.brand.clone(), assets: &assets::BASE, theme, origins }
    }

    /// As whoever looks has chosen it.
    pub(super) fn seen_by(self, headers: &HeaderMap) -> Self {
        Self { theme: Appearance::of(headers).theme, ..self }
    }
}

/// A page with nothing around it, for somebody who need not be known. It shows itself in the frames that the dashboard may be
/// shown in: what went wrong there, and that a session is over, has to be read there too.
pub(super) fn quiet(app: &App, status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().unwrap_or_else(|error| {
        tracing::error!("a page cannot be drawn: {error}");
        String::new()
    });
    let mut response = (status, Html(html)).into_response();
    policy(app, frames(app), &mut response);
    response
}

/// The origins whose pages may frame ours.
fn frames(app: &App) -> &str {
    if app.frame_ancestors.is_empty() { "'none'" } else { &app.frame_ancestors }
}

/// Whether a browser shows the answer in a frame. One that does not say so shows it by itself, as far as we know.
pub(super) fn is_framed(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|dest| dest == "iframe" || dest == "frame")
}

/// What browsers may do with a page of somebody who is signed in.
pub(super) fn secure(app: &App, actor: &Actor, response: &mut Response) {
    let is_embedded = actor.session.as_ref().is_some_and(|session| session.is_embedded);
    policy(app, if is_embedded { frames(app) } else { "'none'" }, response);
}

/// Nothing from elsewhere, nothing inline, and a frame only where somebody may have one.
fn policy(app: &App, ancestors: &str, response: &mut Response) {
    let headers = response.headers_mut();
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
         form-action 'self' {}; frame-ancestors {ancestors}; base-uri 'none'",
        form_targets(app)
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.parse().expect("addresses are plain text"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_secure(app) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
}

/// Tells whoever reaches us over TLS to come that way only; for every answer, of a page or of the API.
pub(super) async fn over_tls(mut response: Response) -> Response {
    let header = header::STRICT_TRANSPORT_SECURITY;
    response.headers_mut().entry(header).or_insert(STRICT);
    response
}

/// Whether browsers reach us over TLS.
pub(super) fn is_secure(app: &App) -> bool {
    app.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
}

fn form_targets(app: &App) -> String {
    let base = app.hubspot.app().map_or("", |hubspot| hubspot.consent_base());
    let origin = url::Url::parse(base).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    if origin.ends_with(".hubspot.com") { format!("{origin} {HUBSPOT_HOSTS}") } else { origin }
}
