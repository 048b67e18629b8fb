//! From what went wrong to `application/problem+json` (RFC 9457). Holds apart what the client reads and what is logged.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::limit;
use crate::cause;
use crate::connection::session::NoSession;
use crate::ingest::Refusal;
use crate::live::Crowded;
use crate::model::access::Right;
use crate::rate::TooMany;
use crate::replay::ReplayError;
use crate::rollout::RolloutError;
use crate::schema::Violation;
use crate::signature::SignatureError;
use crate::store::{self, StoreError};
use crate::transform::UploadError;

/// What a client is told to wait when we are busy or the store is away, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// How long somebody waits who found no place for a stream.
const STREAM_RETRY_AFTER_S: u64 = 30;

/// How long an account waits that uploaded too often, before it asks again: the sentence says exactly when it may.
const UPLOAD_RETRY_AFTER_S: u64 = 5 * 60;

/// An answer that is no success.
#[derive(Debug)]
pub(super) enum ApiError {
    Refused(Refusal),
    /// An upload that made no version.
    Upload(UploadError),
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
            ReplayError::NoFilter | ReplayError::Rate(_) | ReplayError::Range { .. } | ReplayError::TooMany(_) => {
                Self::BadRequest(text, fix)
            }
            ReplayError::NoEvent { .. } => Self::NotFound(text),
            ReplayError::State { .. } | ReplayError::Unfit { .. } => Self::Conflict(text, fix),
            ReplayError::Store(error) => error.into(),
        }
    }
}

impl From<RolloutError> for ApiError {
    fn from(error: RolloutError) -> Self {
        let (text, fix) = (error.to_string(), error.fix());
        match error {
            RolloutError::NoVersion { .. } => Self::NotFound(text),
            RolloutError::Use(_) => Self::BadRequest(text, fix),
            RolloutError::Closed { .. } => {
                Self::Conflict(text, "Open the gates, or say as `despite` why it is to be used all the same.")
            }
            RolloutError::NothingForTheRest { .. } | RolloutError::NothingBefore(_) => Self::Conflict(text, fix),
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
    /// Seconds to wait before asking again; the header `Retry-After` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let no_token = matches!(self, Self::NoToken);
        let problem = match self {
            Self::Refused(refusal) => refused(refusal),
            Self::Upload(refusal) => not_uploaded(&refusal),
            Self::NotFound(what) => {
                problem(StatusCode::NOT_FOUND, "not_found", "Nothing is here", what, "Look at the id.")
            }
            Self::Blocked(why) => {
                problem(StatusCode::CONFLICT, why.code.as_str(), why.code.title(), why.detail, why.code.fix())
            }
            Self::Away(why) => Problem {
                retry_after: Some(RETRY_AFTER_S),
                ..problem(StatusCode::BAD_GATEWAY, why.code.as_str(), why.code.title(), why.detail, why.code.fix())
            },
            Self::Internal(error) => {
                tracing::error!("a request failed: {error:#}");
                let detail = "the server could not do it; nothing of it is your fault".to_owned();
                let code = cause::Code::OurFault;
                problem(StatusCode::INTERNAL_SERVER_ERROR, code.as_str(), code.title(), detail, "Try it again.")
            }
            Self::NoRoute(path) => problem(
                StatusCode::NOT_FOUND,
                "not_found",
                "Nothing is here",
                format!("there is no `{path}`"),
                "Look at the address.",
            ),
            Self::NoMethod => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Wrong method",
                "this address does not take the method".to_owned(),
                "Send events with POST.",
            ),
            Self::NoToken => problem(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Nobody is known by this request",
                "it carries no key, or one that is wrong, over or revoked".to_owned(),
                "Send the header `Authorization: Bearer KEY`; `leadline access key create` makes a key.",
            ),
            Self::NotAllowed { right } => problem(
                StatusCode::FORBIDDEN,
                "not_allowed",
                "Not allowed",
                format!("this needs the right to {}", right.title()),
                "Ask somebody who has it.",
            ),
            Self::Stray => problem(
                StatusCode::FORBIDDEN,
                "stray",
                "This did not come from a page of ours",
                "a browser that is signed in sent it, without what our own pages carry".to_owned(),
                "Load the page again, and try once more.",
            ),
            Self::Conflict(detail, fix) => {
                problem(StatusCode::CONFLICT, "conflict", "Not as things stand", detail, fix)
            }
            Self::Changed(detail, fix) => {
                problem(StatusCode::PRECONDITION_FAILED, "changed", "It changed meanwhile", detail, fix)
            }
            Self::TooMany { wait } => Problem {
                retry_after: Some(wait.as_secs() + 1),
                ..problem(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_requests",
                    "Too many requests",
                    format!("one key, or one browser, may make {} requests a second", limit::RATE),
                    "Send it again later, and ask for longer pages.",
                )
            },
            Self::Crowded(crowded) => Problem {
                retry_after: Some(STREAM_RETRY_AFTER_S),
                ..problem(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_streams",
                    "Too many streams",
                    crowded.to_string(),
                    "Close one that nobody reads, or open it again later.",
                )
            },
            Self::KeyReused => problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "The key was used before",
                "another request came with the same `Idempotency-Key`".to_owned(),
                "Make a new key for each thing that is to be done, and repeat it with the same body only.",
            ),
            Self::BadRequest(detail, fix) => {
                problem(StatusCode::BAD_REQUEST, "bad_request", "The request is not understood", detail, fix)
            }
        };
        let status = StatusCode::from_u16(problem.status).expect("only status codes are put in");
        let retry_after = problem.retry_after.map(HeaderValue::from);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if no_token {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

fn problem(
    status: StatusCode,
    code: &str,
    title: &'static str,
    detail: String,
    fix: impl Into<Cow<'static, str>>,
) -> Problem {
    Problem {
        r#type: format!("urn:leadline:problem:{code}"),
        title,
        status: status.as_u16(),
        detail,
        code: code.to_owned(),
        fix: fix.into(),
        errors: Vec::new(),
        retry_after: None,
    }
}

fn refused(refusal: Refusal) -> Problem {
    let code = format!("ingest.{}", refusal.class());
    let detail = refusal.to_string();
    match refusal {
        Refusal::TooLarge => problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            &code,
            "The body is too large",
            detail,
            "Send a shorter conversation, or split it.",
        ),
        Refusal::Unreadable(_) => {
            problem(StatusCode::BAD_REQUEST, &code, "The body could not be read", detail, "Send it again.")
        }
        Refusal::TooSlow => {
            problem(StatusCode::REQUEST_TIMEOUT, &code, "The body came too slowly", detail, "Send it again, at once.")
        }
        Refusal::Signature(SignatureError::Mismatch) | Refusal::UnknownSource => {
            // The same words and time for both: who guesses addresses learns nothing.
            problem(
                StatusCode::UNAUTHORIZED,
                "ingest.forged",
                "The signature is wrong",
                SignatureError::Mismatch.to_string(),
                "Check the address and the signing secret of the source.",
            )
        }
        Refusal::Signature(SignatureError::Stale { .. }) => problem(
            StatusCode::UNAUTHORIZED,
            &code,
            "The request is out of time",
            detail,
            "Set the clock of the sending machine, and sign each try anew.",
        ),
        Refusal::Signature(_) => problem(
            StatusCode::BAD_REQUEST,
            &code,
            "The signature headers are malformed",
            detail,
            "Sign as Standard Webhooks says.",
        ),
        Refusal::Envelope(_) => problem(
            StatusCode::BAD_REQUEST,
            &code,
            "The body is not an event",
            detail,
            "Send {\"type\", \"timestamp\", \"data\"} as JSON.",
        ),
        Refusal::Schema { violations, .. } => Problem {
            errors: violations,
            ..problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                &code,
                "The data does not fit its schema",
                detail,
                "Correct the places that are listed.",
            )
        },
        Refusal::IdReused { .. } => problem(
            StatusCode::CONFLICT,
            &code,
            "The id was used before",
            detail,
            "Give each event an id of its own, and repeat one with the same body.",
        ),
        Refusal::OverRate(TooMany { wait, .. }) => Problem {
            retry_after: Some(wait.as_secs() + 1),
            ..problem(
                StatusCode::TOO_MANY_REQUESTS,
                &code,
                "More than the source may send",
                detail,
                "Send it again later; nothing was stored. The operator may allow more.",
            )
        },
        Refusal::TooFast => Problem {
            retry_after: Some(1),
            ..problem(
                StatusCode::TOO_MANY_REQUESTS,
                &code,
                "Too fast",
                detail,
                "Send fewer at once; nothing was stored.",
            )
        },
        Refusal::Busy | Refusal::StoreDown | Refusal::NoRoom => Problem {
            retry_after: Some(RETRY_AFTER_S),
            ..problem(StatusCode::SERVICE_UNAVAILABLE, &code, "Not now", detail, "Send it again; nothing was stored.")
        },
    }
}

fn not_uploaded(refusal: &UploadError) -> Problem {
    let (status, retry_after) = match refusal {
        UploadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        UploadError::Busy => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_AFTER_S)),
        UploadError::Quota { .. } => (StatusCode::TOO_MANY_REQUESTS, Some(UPLOAD_RETRY_AFTER_S)),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, None),
    };
    let title = "The upload makes no version";
    Problem { retry_after, ..problem(status, refusal.code(), title, refusal.to_string(), refusal.fix()) }
}

pub(super) async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute(uri.path().chars().take(200).collect())
}

pub(super) async fn no_method() -> ApiError {
    ApiError::NoMethod
}
