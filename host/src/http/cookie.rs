//! Cookies: what a browser sends back to prove that it is the same one.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::page::is_secure;
use crate::app::App;

/// Holds the secret of the session of who is signed in.
pub(super) const SESSION_COOKIE: &str = "leadline";

/// What a cookie of the whole site is called: over TLS the name itself binds it to this host.
pub(super) fn name(app: &App, name: &str) -> String {
    if is_secure(app) { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of a cookie.
pub(super) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// Where a cookie is sent to.
pub(super) enum Scope<'a> {
    /// Below this path, when somebody comes from elsewhere too.
    Path(&'a str),
    /// The whole site.
    Site,
    /// The whole site, in a frame of another product.
    Frame,
}

/// Sets a cookie for so many seconds; for none it is forgotten.
pub(super) fn set(app: &App, response: &mut Response, name: &str, value: &str, life_s: u64, scope: &Scope<'_>) {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let (path, site) = match scope {
        Scope::Path(path) => (*path, "Lax"),
        Scope::Site => ("/", "Lax"),
        Scope::Frame => ("/", "None; Partitioned"),
    };
    let text = format!("{name}={value}; Path={path}; Max-Age={life_s}; HttpOnly; SameSite={site}{secure}");
    let text = HeaderValue::from_str(&text).expect("names, base64 and paths are plain text");
    response.headers_mut().append(header::SET_COOKIE, text);
}
