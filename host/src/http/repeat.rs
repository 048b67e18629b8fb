//! `Idempotency-Key`: a request that carries one is done once, however often it comes, and a repeat is given the same
//! answer. An answer that shows a secret is not kept, because a secret is shown once.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use super::guard::asker;
use crate::app::App;
use crate::digest::sha256_hex;
use crate::housekeeping::ANSWERS;
use crate::model::access::Actor;
use crate::model::id::AccountId;
use crate::store::{HOUSE, KeptAnswer, Keyed, Known};
use crate::transform::UPLOAD_BYTES_MAX;

pub(super) const KEY_HEADER: &str = "idempotency-key";
const REPLAYED_HEADER: &str = "idempotency-replayed";
/// What has no answer after this time was lost with its process; the slowest, an upload, takes a minute.
const DEAD_AFTER: Duration = Duration::from_secs(5 * 60);
/// As long as anybody sensible makes a key.
const KEY_CHARS_MAX: usize = 255;
/// A longer answer is not kept: none of ours is.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Stands at an answer that shows a secret: it is not kept.
#[derive(Clone, Copy)]
pub(super) struct ShownOnce;

/// What to do with a request.
pub(super) enum Turn {
    /// It carries no key: do it.
    Plain(Request),
    /// It comes for the first time: do it, and [`keep`] its answer.
    First(Request, Keyed),
    /// It came before.
    Again(Response),
}

/// Looks whether a request came before.
pub(super) async fn look(app: &App, actor: &Actor, request: Request) -> Result<Turn, ApiError> {
    let Some(key) = request.headers().get(KEY_HEADER).filter(|_| *request.method() == Method::POST) else {
        return Ok(Turn::Plain(request));
    };
    let key = key.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    let key = key.map(str::to_owned).ok_or_else(|| {
        let text = format!("an `Idempotency-Key` has 1 to {KEY_CHARS_MAX} plain characters");
        ApiError::BadRequest(text, "Send a UUID, the same with each repeat.")
    })?;
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, UPLOAD_BYTES_MAX).await.map_err(|error| {
        ApiError::BadRequest(format!("the body cannot be read: {error}"), "Send less, and send it to its end.")
    })?;
    let hash = sha256_hex(&bytes);
    let keyed = Keyed {
        account_id: actor.own_account().map_or(HOUSE, AccountId::as_str).to_owned(),
        asker: asker(actor, &parts.headers),
        key,
        hash: sha256_hex(format!("{} {} {hash}", parts.method, parts.uri).as_bytes()),
    };
    let now = (app.clock)();
    match app.store.begin_keyed(&keyed, (now - DEAD_AFTER, now - ANSWERS), now).await? {
        Known::New => Ok(Turn::First(Request::from_parts(parts, Body::from(bytes)), keyed)),
        Known::Other => Err(ApiError::KeyReused),
        Known::UnderWay => Err(ApiError::Conflict(
            "the same request is under way".to_owned(),
            "Wait for its answer, or send it again in a while.",
        )),
        Known::Done(answer) => again(answer).map(Turn::Again),
    }
}

/// Keeps the answer of a request that came for the first time. One that is no success is not kept: nothing was done.
pub(super) async fn keep(app: &App, keyed: &Keyed, response: Response) -> Response {
    if !response.status().is_success() {
        if let Err(error) = app.store.forget_keyed(keyed).await {
            tracing::error!("a request that came to nothing cannot be forgotten: {error:#}");
        }
        return response;
    }
    let shows_a_secret = response.extensions().get::<ShownOnce>().is_some();
    let (parts, body) = response.into_parts();
    let bytes = match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::Internal(error.into()).into_response(),
    };
    let answer = KeptAnswer {
        status: parts.status.as_u16().into(),
        etag: parts.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned),
        body: String::from_utf8(bytes.to_vec()).ok().filter(|_| !shows_a_secret),
    };
    if let Err(error) = app.store.keep_answer(keyed, &answer).await {
        tracing::error!("an answer cannot be kept for its repeat: {error:#}");
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn again(answer: KeptAnswer) -> Result<Response, ApiError> {
    let Some(body) = answer.body else {
        return Err(ApiError::Conflict(
            "it was done, and its answer showed a secret, which is shown once".to_owned(),
            "Take back what was made, and make another one with a new key.",
        ));
    };
    let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}
