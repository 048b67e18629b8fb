//! Pages drawn on the server: no script, nothing from elsewhere, and every foreign text escaped.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::assets;
use crate::app::App;
use crate::model::access::Actor;

/// HubSpot sends people on between its own hosts, and browsers hold every one of them against `form-action`.
const HUBSPOT_HOSTS: &str = "https://*.hubspot.com";

/// What stands around a page that is for nobody in particular.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) brand: String,
    pub(super) assets: &'static str,
}

impl Frame {
    pub(super) fn of(app: &App, title: impl Into<String>) -> Self {
        Self { title: title.into(), brand: app.brand.clone(), assets: &assets::BASE }
    }
}

/// A page with nothing around it, for somebody who need not be known.
pub(super) fn quiet(app: &App, status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().unwrap_or_else(|error| {
        tracing::error!("a page cannot be drawn: {error}");
        String::new()
    });
    let mut response = (status, Html(html)).into_response();
    policy(app, "'none'", &mut response);
    response
}

/// What browsers may do with a page of somebody who is signed in.
pub(super) fn secure(app: &App, actor: &Actor, response: &mut Response) {
    let is_embedded = actor.session.as_ref().is_some_and(|session| session.is_embedded);
    let ancestors =
        if is_embedded && !app.frame_ancestors.is_empty() { app.frame_ancestors.as_str() } else { "'none'" };
    policy(app, ancestors, response);
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
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
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
