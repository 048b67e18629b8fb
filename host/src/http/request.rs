//! The id of a request: it stands at the answer, in the log and in what is told of a failure, so that one leads to the other.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::app::App;
use crate::model::id::RequestId;

/// Who asks may give the request an id of his own.
pub(super) const ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// More than a UUID or the id of a trace needs.
const ID_CHARS_MAX: usize = 64;

/// The pages whose addresses end with a secret.
const SECRET_AFTER: [&str; 2] = ["/sign-in/", "/connect/"];

tokio::task_local! {
    /// The request that is answered here: what goes wrong with it is told by code that never sees it.
    static CURRENT: Asked;
}

/// A request, as far as a failure tells of it.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) id: String,
    /// Its path, without what is secret in it.
    pub(super) path: String,
    /// Who asks gave it the id.
    is_named: bool,
    /// It asks what would happen.
    is_dry_run: bool,
    app: Arc<App>,
}

/// The request that is answered. None where somebody else is at work.
pub(super) fn current() -> Option<Asked> {
    CURRENT.try_with(Asked::clone).ok()
}

/// Gives each request its id, before anything else is done with it.
pub(super) async fn identify(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let named = named(request.headers());
    let is_named = named.is_some();
    let id = named.unwrap_or_else(|| RequestId::new((app.clock)()).to_string());
    let header = HeaderValue::from_str(&id).expect("an id is made of letters, digits and a few signs");
    let span = tracing::error_span!("request", request.id = %id);
    let (path, is_dry_run) = (shown(request.uri().path()), is_dry_run(request.uri()));
    let asked = Asked { id, path, is_named, is_dry_run, app };
    let mut response = CURRENT.scope(asked, next.run(request).instrument(span)).await;
    response.headers_mut().insert(ID_HEADER, header);
    response
}

impl Asked {
    /// An address of ours, as others read it: a whole one where it is known how they reach us.
    pub(super) fn address(&self, path: &str) -> String {
        let base = self.app.public_url.as_deref().unwrap_or_default();
        format!("{base}{path}")
    }
}

/// What the history keeps of a request beside its body: the id that its sender knows it by, and that nothing was done.
pub(super) fn noted(detail: Value) -> Value {
    let Some(asked) = current() else { return detail };
    let id = asked.is_named.then(|| ("request_id".to_owned(), Value::String(asked.id)));
    let dry_run = asked.is_dry_run.then(|| ("dry_run".to_owned(), Value::Bool(true)));
    let more: Map<_, _> = id.into_iter().chain(dry_run).collect();
    match detail {
        _ if more.is_empty() => detail,
        Value::Object(fields) => Value::Object(fields.into_iter().chain(more).collect()),
        Value::Null => Value::Object(more),
        other => other,
    }
}

/// The id that a request came with, if it is one: it goes into headers, logs and pages as it is.
fn named(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(ID_HEADER)?.to_str().ok()?;
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "-_.:".contains(sign);
    ((1..=ID_CHARS_MAX).contains(&id.len()) && id.chars().all(is_plain)).then(|| id.to_owned())
}

/// A path without the secret that it may end with.
fn shown(path: &str) -> String {
    let before = SECRET_AFTER.into_iter().find(|begin| path.starts_with(begin));
    before.map_or(path, |begin| begin.trim_end_matches('/')).to_owned()
}

fn is_dry_run(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "dry_run" && value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_sender_is_taken_where_it_is_plain_and_short() {
        let longest = "x".repeat(ID_CHARS_MAX);
        let rows = [
            ("4bf92f3577b34da6a3ce929d0e0e4736", true),
            ("order-7:retry_2.a", true),
            (longest.as_str(), true),
            (&format!("{longest}x"), false),
            ("", false),
            ("two words", false),
            ("<b>", false),
            ("a\"b", false),
        ];
        for (sent, is_taken) in rows {
            let headers = HeaderMap::from_iter([(ID_HEADER, HeaderValue::from_str(sent).unwrap())]);
            assert_eq!(named(&headers), is_taken.then(|| sent.to_owned()), "{sent}");
        }
        let foreign = HeaderMap::from_iter([(ID_HEADER, HeaderValue::from_bytes("é".as_bytes()).unwrap())]);
        assert_eq!((named(&foreign), named(&HeaderMap::new())), (None, None));
    }

    #[test]
    fn no_secret_of_an_address_is_told() {
        let rows = [
            ("/sign-in/hq3b0Yb3v9", "/sign-in"),
            ("/connect/hq3b0Yb3v9", "/connect"),
            ("/sign-in", "/sign-in"),
            ("/v1/accounts/acme/connect", "/v1/accounts/acme/connect"),
        ];
        for (path, expected) in rows {
            assert_eq!(shown(path), expected);
        }
    }

    #[test]
    fn a_dry_run_is_one_only_where_the_address_says_so() {
        for (address, expected) in [
            ("/v1/replays", false),
            ("/v1/replays?dry_run=true", true),
            ("/v1/replays?a=b&dry_run=true", true),
            ("/v1/replays?dry_run=false", false),
        ] {
            assert_eq!(is_dry_run(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
