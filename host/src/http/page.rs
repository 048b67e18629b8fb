//! Pages drawn on the server: no script, nothing from elsewhere, and every foreign text escaped.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::app::App;

const STYLE: &str = include_str!("page.css");

/// The only style that a page may have, by its digest.
static STYLE_DIGEST: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// HubSpot sends people on between its own hosts, and browsers hold every one of them against `form-action`.
const HUBSPOT_HOSTS: &str = "https://*.hubspot.com";

/// A piece of a page: `{}` in the template stands for the next value, escaped.
pub(super) fn fill(template: &'static str, values: &[&str]) -> String {
    let mut parts = template.split("{}");
    let mut html = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        html += &escape(values.next().expect("a value for each `{}`"));
        html += part;
    }
    html
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// A whole page. `body` is made with [`fill`].
pub(super) fn page(app: &App, status: StatusCode, title: &str, body: &str) -> Response {
    let head = fill(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} · Leadline</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">",
        &[title],
    );
    let html = format!(
        "{head}<style>{STYLE}</style></head><body><header>Leadline</header><main><h1>{}</h1>{body}</main></body></html>",
        escape(title)
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_DIGEST,
        form_targets(app)
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.parse().expect("addresses and digests are plain text"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_secure(app) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
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

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_escaped_and_the_template_is_not() {
        let html = super::fill("<p title=\"{}\">{}</p>", &["\" onload='x'", "<script>&amp;"]);
        assert_eq!(html, "<p title=\"&quot; onload=&#39;x&#39;\">&lt;script&gt;&amp;amp;</p>");
    }
}
