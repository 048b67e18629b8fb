//! The listener: how many connections there are at once, and how long a request may take to arrive. Who is slow or
//! silent is let go, and nobody else waits for it.

use std::collections::BTreeMap;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use super::client::Peer;

/// After the listener has failed: out of files, most likely, and some are free again soon.
const ACCEPT_REST: Duration = Duration::from_millis(500);
/// When the service ends, what has not begun to ask by then is not waited for.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What senders may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. When there are more, the longest silent one is let go.
    pub connections: usize,
    /// From the end of the request before, or from the connect, to the end of the headers.
    pub head: Duration,
    /// From the end of the headers to the end of the body.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A process may have 1,024 files open where nobody says otherwise; HubSpot and the database need some.
            connections: 768,
            // Proxies keep connections open between requests, and seldom for longer.
            head: Duration::from_secs(30),
            // Senders give up after some 15 s themselves.
            body: Duration::from_secs(10),
        }
    }
}

/// Answers requests until `stop` is ready, then finishes those that are under way.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let (stopping, stopped) = watch::channel(false);
    let mut open = Open::default();
    let mut tasks = JoinSet::new();
    let mut number = 0;
    'listening: loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => (stream, Peer(from.ip())),
                // The sender was quicker to leave.
                Err(error) if is_the_senders(&error) => continue,
                Err(error) => {
                    tracing::error!("no connection can be taken in: {error}");
                    open.let_one_go();
                    sleep(ACCEPT_REST).await;
                    continue;
                }
            },
            Some(ended) = tasks.join_next() => {
                if let Ok(number) = ended {
                    open.places.remove(&number);
                }
                continue;
            }
            () = &mut stop => break 'listening,
        };
        while open.places.len() >= limits.connections && !open.let_one_go() {
            // Everybody is at work: the new one waits until somebody is done.
            tokio::select! {
                () = open.done.notified() => {}
                Some(ended) = tasks.join_next() => drop(ended.map(|number| open.places.remove(&number))),
                () = &mut stop => break 'listening,
            }
        }
        number += 1;
        let place = Arc::new(Place { at_work: AtomicUsize::new(0), go: Notify::new(), done: open.done.clone() });
        open.places.insert(number, place.clone());
        let (router, stopped) = (router.clone(), stopped.clone());
        tasks.spawn(async move {
            converse((stream, peer), router, limits, place, stopped).await;
            number
        });
    }
    drop(listener);
    stopping.send_replace(true);
    while tasks.join_next().await.is_some() {}
}

fn is_the_senders(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections that are open and were not asked to go, the oldest first.
#[derive(Default)]
struct Open {
    places: BTreeMap<u64, Arc<Place>>,
    /// Knocked when a request was answered.
    done: Arc<Notify>,
}

impl Open {
    /// Asks the oldest one to go that has no request under way. Says whether there was one.
    fn let_one_go(&mut self) -> bool {
        let idle = self.places.iter().find(|(_, place)| !place.is_at_work()).map(|(number, _)| *number);
        let Some(place) = idle.and_then(|number| self.places.remove(&number)) else { return false };
        metrics::counter!("leadline_connections_let_go_total").increment(1);
        place.go.notify_one();
        true
    }
}

/// One connection, as the listener sees it.
struct Place {
    /// Requests that are being answered.
    at_work: AtomicUsize,
    go: Notify,
    done: Arc<Notify>,
}

impl Place {
    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }

    fn work(self: Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::SeqCst);
        AtWork(self)
    }
}

/// A request under way.
struct AtWork(Arc<Place>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
        self.0.done.notify_one();
    }
}

/// One connection, from its first request to its last.
async fn converse(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    limits: Limits,
    place: Arc<Place>,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small: each goes out at once. A stream that cannot be told so works all the same.
    drop(stream.set_nodelay(true));
    let router = TowerToHyperService::new(router);
    let answering = place.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let at_work = answering.clone().work();
        let answer = router.call(request.map(|body| InTime { body, end: Box::pin(sleep(limits.body)) }));
        async move {
            let answer = answer.await;
            drop(at_work);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // However it ended: there is nobody left to tell.
        ended = connection.as_mut() => return drop(ended),
        () = place.go.notified() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            ended = connection.as_mut() => return drop(ended),
            () = sleep(LAST_CALL) => if !place.is_at_work() { return },
        }
    }
}

/// A body that has to arrive in time.
struct InTime {
    body: Incoming,
    end: Pin<Box<Sleep>>,
}

impl Body for InTime {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.end.as_mut().poll(cx));
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a body did not arrive in time.
pub(super) fn was_late(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
