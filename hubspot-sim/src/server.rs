//! The listener: takes connections, reads requests, and ends each one as its outcome says.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answer::{Answer, Body as AnswerBody, Refusal};
use crate::exchange::{Ending, Outcome, Reply, exchange};
use crate::oauth::consent;
use crate::request::Request;
use crate::world::World;
use crate::{inspect, pages};

/// Larger bodies are refused: a full batch of notes at their limit, and room to spare.
const BODY_BYTES_MAX: usize = 16 << 20;

/// HubSpot refuses longer addresses.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// Serves until it is told to stop; connections that are still open end then.
pub(crate) async fn serve(listener: TcpListener, world: Arc<World>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&world)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { respond(&world, request).await }
    });
    // An error here is a client that went away, or a fault that was asked for.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// The error that makes the connection close without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection was closed on purpose")
    }
}

impl std::error::Error for Closed {}

async fn respond(world: &World, request: hyper::Request<Incoming>) -> Result<Response<Payload>, Closed> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return Ok(plain(Answer::html(refusal.status, refusal.message.into()))),
    };
    let area = request.path.first().map(String::as_str).unwrap_or_default();
    if area == "_sim" {
        return Ok(plain(inspect::answer(world, &request).await));
    }
    if consent::is_here(&request) {
        return Ok(plain(consent::answer(world, &request)));
    }
    if matches!(request.method.as_str(), "GET" | "POST") && pages::has(&request) {
        return Ok(plain(pages::answer(world, &request)));
    }
    let Outcome { delay, end } = exchange(world, &request);
    if delay > Duration::ZERO {
        tokio::time::sleep(delay).await;
    }
    match end {
        Ending::Send(reply) => Ok(response(reply, false)),
        Ending::SendHalf(reply) => Ok(response(reply, true)),
        Ending::Close => Err(Closed),
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > TARGET_BYTES_MAX {
        return Err(Refusal::bare(414, "the address is too long"));
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Refusal::bare(413, "the body is too large or incomplete"))?.to_bytes();
    Ok(Request::new(head.method.as_str(), target, head.headers, body))
}

/// An answer that no fault and no limit has anything to do with.
fn plain(answer: Answer) -> Response<Payload> {
    let (content_type, body) = match answer.body {
        AnswerBody::Empty => (None, Bytes::new()),
        AnswerBody::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
        AnswerBody::Html(page) => (Some("text/html; charset=utf-8"), Bytes::from(page)),
    };
    response(Reply { status: answer.status, headers: answer.headers, content_type, body }, false)
}

fn response(reply: Reply, half: bool) -> Response<Payload> {
    let whole = reply.body.len();
    let body = if half { reply.body.slice(..whole / 2) } else { reply.body };
    let mut response = Response::new(Payload { bytes: Some(body), whole: whole as u64, breaks: half, flushed: false });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    if let Some(content_type) = reply.content_type {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
    }
    if reply.status != 204 {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(whole));
    }
    response
}

/// A body that may break off.
struct Payload {
    bytes: Option<Bytes>,
    whole: u64,
    breaks: bool,
    flushed: bool,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.breaks {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // One pause lets the first half out before the break throws away what is not sent yet.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Closed)))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(_) => SizeHint::with_exact(self.whole),
            None => SizeHint::default(),
        }
    }
}
