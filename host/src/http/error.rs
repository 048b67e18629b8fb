//! From what went wrong to `application/problem+json` (RFC 9457). Holds apart what the client reads and what is logged.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{limit, request};
use crate::cause;
use crate::cause::kind::{self, Kind};
use crate::connection::session::NoSession;
use crate::help;
use crate::ingest::Refusal;
use crate::live::Crowded;
use crate::model::access::{ReadOnly, Right};
use crate::operate::read_only::ReadOnlyError;
use crate::payload::EnvelopeError;
use crate::rate::TooMany;
use crate::replay::ReplayError;
use crate::rollout::RolloutError;
use crate::schema::Violation;
use crate::signature::SignatureError;
use crate::store::{self, StoreError};
use crate::transform::UploadError;
use crate::view::steps::ShownStep;

/// What a client is told to wait when we are busy or the store is away, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// How long a program waits that may change nothing while only operators may.
const READ_ONLY_RETRY_AFTER_S: u64 = 60;

/// How long somebody waits who found no place for a stream.
const STREAM_RETRY_AFTER_S: u64 = 30;

/// Of what the framework says of a refusal.
const REFUSAL_BYTES_MAX: usize = 16 << 10;

/// How long an account waits that uploaded too often, before it asks again: the sentence says exactly when it may.
const UPLOAD_RETRY_AFTER_S: u64 = 5 * 60;

/// An answer that is no success.
#[derive(Debug)]
pub(super) enum ApiError {
    Refused(Refusal),
    /// An upload that made no version, and how far its check came.
    Upload(UploadError, Vec<ShownStep>),
    /// There is nothing with this id.
    NotFound(String),
    /// Somebody has to do something before the portal can be talked to.
    Blocked(cause::Problem),
    /// HubSpot did not answer, and why.
    Away(cause::Problem),
    /// Our own failure: the words go to the log, not to the client.
    Internal(anyhow::Error),
    NoRoute(String),
    NoMethod,
    /// Nobody is known by what came with the request.
    NoToken,
    /// Somebody is known, and may not do this.
    NotAllowed {
        right: Right,
    },
    /// Somebody may do this, and only operators may for now.
    ReadOnly(ReadOnly),
    /// A browser is signed in, and another page sent this in its name, or one of ours that is too old.
    Stray,
    /// What was asked for does not go together with how things stand. A sentence, and what to do.
    Conflict(String, &'static str),
    /// It changed since the one who asks looked at it. A sentence, and what to do.
    Changed(String, &'static str),
    /// One asker asks for more than is fair.
    TooMany {
        wait: Duration,
    },
    /// Too many streams are open.
    Crowded(Crowded),
    /// The `Idempotency-Key` came before, with another request.
    KeyReused,
    /// The request says something that we do not understand.
    BadRequest(String, &'static str),
}

impl From<NoSession> for ApiError {
    fn from(error: NoSession) -> Self {
        match error {
            NoSession::Blocked(problem) => Self::Blocked(problem),
            NoSession::Away(problem) => Self::Away(problem),
            NoSession::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        let (text, fix) = (error.to_string(), error.fix().unwrap_or_default());
        match error {
            ReplayError::NoFilter
            | ReplayError::Nobody
            | ReplayError::Rate(_)
            | ReplayError::Name(_)
            | ReplayError::Range { .. }
            | ReplayError::TooMany(_) => Self::BadRequest(text, fix),
            ReplayError::NoEvent { .. } => Self::NotFound(text),
            ReplayError::State { .. } | ReplayError::Unfit { .. } | ReplayError::Over { .. } => {
                Self::Conflict(text, fix)
            }
            ReplayError::Store(error) => error.into(),
        }
    }
}

impl From<ReadOnlyError> for ApiError {
    fn from(error: ReadOnlyError) -> Self {
        match error {
            ReadOnlyError::NoReason => Self::BadRequest(error.to_string(), "Say why, in a few words."),
            ReadOnlyError::Store(error) => error.into(),
        }
    }
}

impl From<RolloutError> for ApiError {
    fn from(error: RolloutError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            RolloutError::NoVersion { .. } => Self::NotFound(text),
            RolloutError::Use(_) => Self::BadRequest(text, fix),
            RolloutError::Closed { .. } => Self::Conflict(
                text,
                "Open the gates, or say as `despite` why it is to be used all the same: a second person has to approve that.",
            ),
            RolloutError::NothingForTheRest { .. }
            | RolloutError::NothingBefore(_)
            | RolloutError::NothingToUndo
            | RolloutError::SamePerson { .. }
            | RolloutError::Answered { .. } => Self::Conflict(text, fix),
            RolloutError::NoBinding(_) => Self::NotFound(text),
            RolloutError::Changed { .. } => Self::Changed(text, fix),
            RolloutError::Store(error) => error.into(),
        }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        if store::is_away(&error) { Self::Refused(Refusal::StoreDown) } else { Self::Internal(error) }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Why something was not done (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// The address of an article: a whole one where the service knows its own, else on the same host.
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// For programs; it stays the same.
    code: String,
    /// What to do, for people.
    #[schema(value_type = String)]
    fix: Cow<'static, str>,
    /// The places that are wrong, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Violation>,
    /// Of an upload: how far its check came, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    steps: Vec<ShownStep>,
    /// Seconds to wait before asking again; the header `Retry-After` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    instance: Option<String>,
    /// By what the log knows the request; the header `X-Request-Id` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    request_id: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let no_token = matches!(self, Self::NoToken);
        let problem = match self {
            Self::Refused(refusal) => refused(refusal),
            Self::Upload(refusal, steps) => Problem { steps, ..not_uploaded(&refusal) },
            Self::NotFound(what) => problem(&kind::NOT_FOUND, what),
            Self::Blocked(why) => met(StatusCode::CONFLICT, why),
            Self::Away(why) => Problem { retry_after: Some(RETRY_AFTER_S), ..met(StatusCode::BAD_GATEWAY, why) },
            Self::Internal(error) => {
                let id = request::current().map_or_else(String::new, |asked| asked.id);
                tracing::error!(request.id = %id, "request {id} failed: {error:#}");
                let ours = "the server could not do it; nothing of it is your fault";
                let why = cause::Problem::new(cause::Code::OurFault, ours);
                Problem { fix: "Try it again.".into(), ..met(StatusCode::INTERNAL_SERVER_ERROR, why) }
            }
            Self::NoRoute(path) => Problem {
                fix: "Look at the address.".into(),
                ..problem(&kind::NOT_FOUND, format!("there is no `{path}`"))
            },
            Self::NoMethod => problem(&kind::NO_METHOD, "this address does not take the method"),
            Self::NoToken => problem(&kind::NO_TOKEN, "it carries no key, or one that is wrong, over or revoked"),
            Self::NotAllowed { right } => {
                problem(&kind::NOT_ALLOWED, format!("this needs the right to {}", right.title()))
            }
            Self::ReadOnly(ReadOnly { reason, since, .. }) => {
                let detail = format!("only operators may change something since {since}: {reason}");
                Problem { retry_after: Some(READ_ONLY_RETRY_AFTER_S), ..problem(&kind::READ_ONLY, detail) }
            }
            Self::Stray => {
                problem(&kind::STRAY, "a browser that is signed in sent it, without what our own pages carry")
            }
            Self::Conflict(detail, fix) => Problem { fix: fix.into(), ..problem(&kind::CONFLICT, detail) },
            Self::Changed(detail, fix) => Problem { fix: fix.into(), ..problem(&kind::CHANGED, detail) },
            Self::TooMany { wait } => {
                let fair = format!("one key, or one browser, may make {} requests a second", limit::RATE);
                Problem { retry_after: Some(wait.as_secs() + 1), ..problem(&kind::TOO_MANY, fair) }
            }
            Self::Crowded(crowded) => Problem {
                retry_after: Some(STREAM_RETRY_AFTER_S),
                ..problem(&kind::TOO_MANY_STREAMS, crowded.to_string())
            },
            Self::KeyReused => problem(&kind::KEY_REUSED, "another request came with the same `Idempotency-Key`"),
            Self::BadRequest(detail, fix) => Problem { fix: fix.into(), ..problem(&kind::BAD_REQUEST, detail) },
        };
        let mut response = problem.into_response();
        if no_token {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("only status codes are put in");
        let retry_after = self.retry_after.map(HeaderValue::from);
        let mut response = (status, Json(self.of_its_request())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl Problem {
    /// The same, with what leads back to the request that is answered.
    fn of_its_request(self) -> Self {
        let Some(asked) = request::current() else { return self };
        let r#type = asked.address(&self.r#type);
        Self { r#type, instance: Some(asked.path), request_id: Some(asked.id), ..self }
    }
}

/// What was refused before any of our own code saw it, such as a parameter that is missing or a form without a field, as the
/// problem that it is: programs are told the same way about everything.
pub(super) async fn as_problem(response: Response) -> Response {
    let is_text = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
    if !response.status().is_client_error() || !response.headers().get(header::CONTENT_TYPE).is_some_and(is_text) {
        return response;
    }
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let detail = match text.split_once(": ") {
        Some((head, detail)) if head.starts_with("Failed to deserialize") => detail,
        _ => &text,
    };
    let problem = Problem { fix: "Correct what the detail names.".into(), ..problem(&kind::BAD_REQUEST, detail) };
    let status = if status == StatusCode::PAYLOAD_TOO_LARGE { status } else { StatusCode::BAD_REQUEST };
    Problem { status: status.as_u16(), ..problem }.into_response()
}

fn problem(kind: &Kind, detail: impl Into<String>) -> Problem {
    told(kind.status, kind.code, kind.title, detail.into(), kind.fix)
}

/// The problem of a cause that leads meet too.
fn met(status: StatusCode, why: cause::Problem) -> Problem {
    told(status, why.code.as_str(), why.code.title(), why.detail, why.code.fix())
}

fn told(
    status: StatusCode,
    code: &str,
    title: &'static str,
    detail: String,
    fix: impl Into<Cow<'static, str>>,
) -> Problem {
    Problem {
        r#type: help::address(code),
        title,
        status: status.as_u16(),
        detail,
        code: code.to_owned(),
        fix: fix.into(),
        errors: Vec::new(),
        steps: Vec::new(),
        retry_after: None,
        instance: None,
        request_id: None,
    }
}

fn refused(refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::TooLarge => problem(&kind::TOO_LARGE, detail),
        Refusal::Unreadable(_) => problem(&kind::UNREADABLE, detail),
        Refusal::TooSlow => problem(&kind::TOO_SLOW, detail),
        // The same words and time for both: who guesses addresses learns nothing.
        Refusal::Signature(SignatureError::Mismatch) | Refusal::UnknownSource => {
            problem(&kind::FORGED, SignatureError::Mismatch.to_string())
        }
        Refusal::Signature(SignatureError::Stale { .. }) => problem(&kind::STALE, detail),
        Refusal::Signature(_) => problem(&kind::MALFORMED, detail),
        Refusal::Envelope(EnvelopeError::NotJson(_)) => problem(&kind::NOT_JSON, detail),
        Refusal::Envelope(_) => problem(&kind::NOT_AN_EVENT, detail),
        Refusal::Schema { violations, .. } => Problem { errors: violations, ..problem(&kind::SCHEMA, detail) },
        Refusal::IdReused { .. } => problem(&kind::ID_REUSED, detail),
        Refusal::OverRate(TooMany { wait, .. }) => {
            Problem { retry_after: Some(wait.as_secs() + 1), ..problem(&kind::OVER_RATE, detail) }
        }
        Refusal::TooFast => Problem { retry_after: Some(1), ..problem(&kind::TOO_FAST, detail) },
        Refusal::Busy => not_now(&kind::BUSY, detail),
        Refusal::StoreDown => not_now(&kind::STORE_DOWN, detail),
        Refusal::NoRoom => not_now(&kind::NO_ROOM, detail),
    }
}

fn not_now(kind: &Kind, detail: String) -> Problem {
    Problem { retry_after: Some(RETRY_AFTER_S), ..problem(kind, detail) }
}

fn not_uploaded(refusal: &UploadError) -> Problem {
    let (status, retry_after) = match refusal {
        UploadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        UploadError::Busy => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_AFTER_S)),
        UploadError::Quota { .. } => (StatusCode::TOO_MANY_REQUESTS, Some(UPLOAD_RETRY_AFTER_S)),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, None),
    };
    Problem { retry_after, ..told(status, refusal.code(), kind::NOT_UPLOADED, refusal.to_string(), refusal.fix()) }
}

pub(super) async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute(uri.path().chars().take(200).collect())
}

pub(super) async fn no_method() -> ApiError {
    ApiError::NoMethod
}
