//! The wire: one request, one answer. The base address is a value, so the simulator tests the real client.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer::{RateLimit, Reply};
use super::oauth::OAuthApp;
use crate::crash::crash_point;

/// A connection that does not come about in this time will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads are quick or broken.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A write of 100 records may run the portal's workflows. A lease outlives it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// An answer for 100 contacts has some 100 KB; nothing honest is near this.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is kept of an answer for people.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// A client for every portal. Cheap to clone.
#[derive(Clone)]
pub struct HubSpot {
    http: reqwest::Client,
    base_url: String,
    app: Option<Arc<OAuthApp>>,
    /// The longest that any answer is waited for.
    patience: Duration,
}

/// Whose records: the token, and the API version that stands in every path.
#[derive(Clone)]
pub struct Portal {
    pub token: SecretString,
    pub api_version: String,
}

/// One call, ready to be stored and sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// What for, such as `contacts.upsert`.
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    /// Whether it changes anything: its answer may be lost after it took effect.
    pub writes: bool,
}

impl Request {
    /// Reads by an address alone.
    pub fn get(operation: &'static str, path: String) -> Self {
        Self { operation, method: Method::GET, path, body: None, writes: false }
    }

    /// Reads what a body asks for.
    pub fn read(operation: &'static str, path: String, body: Value) -> Self {
        Self { operation, method: Method::POST, path, body: Some(body), writes: false }
    }

    /// Writes with POST.
    pub fn write(operation: &'static str, path: String, body: Value) -> Self {
        Self { operation, method: Method::POST, path, body: Some(body), writes: true }
    }

    /// Changes one thing.
    pub fn patch(operation: &'static str, path: String, body: Value) -> Self {
        Self { operation, method: Method::PATCH, path, body: Some(body), writes: true }
    }

    /// Removes one thing.
    pub fn delete(operation: &'static str, path: String) -> Self {
        Self { operation, method: Method::DELETE, path, body: None, writes: true }
    }

    /// How long its answer is waited for.
    pub fn timeout(&self) -> Duration {
        if self.writes { WRITE_TIMEOUT } else { READ_TIMEOUT }
    }
}

impl HubSpot {
    /// A client for the API at `base_url`, such as `https://api.hubapi.com`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(base_url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("leadline/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), app: None, patience: WRITE_TIMEOUT })
    }

    /// The same client, which gives up sooner than it would.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same client, as this app of HubSpot's: it may exchange codes and refresh tokens.
    #[must_use]
    pub fn with_app(self, app: Option<OAuthApp>) -> Self {
        Self { app: app.map(Arc::new), ..self }
    }

    /// The app that we are at HubSpot; none where only static tokens are used.
    pub fn app(&self) -> Option<&OAuthApp> {
        self.app.as_deref()
    }

    /// Makes one call. A dead network is an answer too.
    pub async fn send(&self, portal: &Portal, request: &Request) -> Reply {
        let call = self
            .http
            .request(request.method.clone(), format!("{}{}", self.base_url, request.path))
            .bearer_auth(portal.token.expose_secret())
            .timeout(request.timeout().min(self.patience));
        let call = match &request.body {
            Some(body) => with_body(call, body),
            None => call,
        };
        answer(call, Body::Expected).await
    }

    /// Posts a form without a token, as HubSpot's OAuth calls want it. The fields hold secrets, so neither they nor the
    /// answer may be stored or logged.
    pub(super) async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let call = self.http.post(format!("{}{path}", self.base_url)).timeout(READ_TIMEOUT).form(fields);
        answer(call, Body::Optional).await
    }
}

fn with_body(call: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    let call = call.json(body);
    #[cfg(feature = "crash")]
    let call = crate::crash::may_end_half_way(call, body);
    call
}

/// Whether a success has to say something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Expected,
    Optional,
}

/// What comes of a call: an answer, or why there is none.
async fn answer(call: reqwest::RequestBuilder, wanted: Body) -> Reply {
    let response = match call.send().await {
        Ok(response) => response,
        // Without a connection nothing was sent.
        Err(error) => return Reply::Unreachable { may_have_arrived: !error.is_connect(), detail: words(&error) },
    };
    let status = response.status();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let correlation_id = header("x-hubspot-correlation-id");
    let retry_after = header(header::RETRY_AFTER.as_str()).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let rate = RateLimit::read(|name| header(&format!("x-hubspot-ratelimit-{name}")));
    crash_point!("CP11");
    let bytes = match read(response).await {
        Ok(bytes) => bytes,
        Err(detail) => return Reply::Unreachable { may_have_arrived: true, detail },
    };
    let body = serde_json::from_slice(&bytes).ok();
    let may_be_silent = status == StatusCode::NO_CONTENT || (wanted == Body::Optional && bytes.is_empty());
    if body.is_none() && status.is_success() && !may_be_silent {
        // A broken answer to a write that may have happened.
        return Reply::Unreachable { may_have_arrived: true, detail: format!("the answer {status} is not JSON") };
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_BYTES_MAX)]).into_owned();
    Reply::Answered {
        status: status.as_u16(),
        body: body.unwrap_or(Value::Null),
        text,
        correlation_id,
        retry_after,
        rate,
    }
}

/// The body, up to what an honest answer may have.
async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer has more than {} MiB", ANSWER_BYTES_MAX / 1_048_576));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What went wrong, in short, without the address: that is in the call already.
fn words(error: &reqwest::Error) -> String {
    let kind = match error {
        _ if error.is_timeout() => "no answer in time",
        _ if error.is_connect() => "no connection",
        _ => "the connection broke",
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("{kind}: {cause}")
}
