//! `/v1/stream`: what happens to the leads of an account, as server-sent events; and how any such stream is carried, the
//! dashboard's too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::unknown;
use super::error::ApiError;
use super::guard::{self, needing};
use super::leads::{Asked, reading};
use super::reach::account_or_all;
use crate::app::App;
use crate::live::{Drawn, Happened, Wants, Watcher};
use crate::model::access::{Actor, Right};
use crate::model::id::{AccountId, ChangeId};
use crate::store::Fit;
use crate::view::logs::Row;

/// A line that says nothing, so often: whoever sits between us and the reader cuts what is silent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a browser waits before it comes back, in milliseconds.
const RETRY_MS: u64 = 2_000;
/// Pieces that wait for a reader that is slow.
const PIECES_WAITING_MAX: usize = 2;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().routes(routes!(stream)))
}

/// From where on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The id of an event of this stream, where no `Last-Event-ID` is sent: what happened since is told first.
    pub(super) since: Option<String>,
}

impl From {
    /// The cursor: what a browser sends that comes back, else what the address says.
    pub(super) fn cursor(self, headers: &HeaderMap) -> Result<Option<ChangeId>, ApiError> {
        let sent = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let Some(id) = sent.filter(|id| !id.is_empty()).or(self.since) else { return Ok(None) };
        let digits = id.strip_prefix("chg_").filter(|digits| digits.len() >= 12);
        let is_one = digits.is_some_and(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()));
        if is_one { Ok(Some(ChangeId::stored(id))) } else { Err(unknown(&id)) }
    }
}

/// What happens to the leads of an account that match, as server-sent events, until somebody ends it.
///
/// `lead`: a lead as it is now, as in `GET /v1/leads`, when it came or something happened to it. `left`: something happened
/// to a lead, and it does not match now; `{"event"}`. `reset`: something happened that is not told; read the list again.
/// That is the first event where no cursor was sent. What follows it is told without a gap, and now and then twice.
#[utoipa::path(
    get,
    path = "/v1/stream",
    tag = "Leads",
    params(Asked, From),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 429, description = "Too many streams are open"),
    ),
    extensions(("x-command" = json!("leadline event tail --account acme")))
)]
async fn stream(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(asked): Query<Asked>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = account_or_all(&app, &actor, asked.account.as_deref()).await?;
    let account = account
        .ok_or_else(|| ApiError::BadRequest("a stream is of one account".to_owned(), "Name it: `?account=acme`."))?;
    let query = asked.query()?;
    let (connection, reader) = reading(&app, &account.id).await?;
    let (filter, sight) = (query.filter(&account.id, &reader), actor.sight);
    let (clock, zone) = (app.clock.clone(), reader.zone);
    let draw = move |happened: &Happened| {
        let reader = crate::view::outcome::Reader { now: clock(), zone: zone.clone() };
        let Happened::Leads(leads, cursor) = happened else { return reset(happened) };
        let mut text = String::new();
        for changed in &**leads {
            let Some(now) = changed.now() else { continue };
            match filter.fits(&now.lead) {
                Fit::In => {
                    let row = now.drawn(Drawn::Json { sight }, |lead| {
                        let row = Row::of(lead, connection.as_ref(), sight, &reader);
                        serde_json::to_string(&row).expect("a row is JSON")
                    });
                    text += &event("lead", row);
                }
                Fit::Out => text += &event("left", &json!({ "event": changed.event }).to_string()),
                Fit::Never => {}
            }
        }
        text + &at(cursor)
    };
    let cursor = from.cursor(&headers)?;
    open(app, &actor, headers, (&account.id, Wants::all(), cursor), draw).await
}

/// One event. Its data may have several lines.
pub(super) fn event(name: &str, data: &str) -> String {
    let data = data.lines().map(|line| format!("data: {line}\n")).collect::<String>();
    format!("event: {name}\n{data}\n")
}

/// Where somebody goes on who was told everything up to here. It stands alone: who is cut off before it is told all of
/// what stands before it again.
pub(super) fn at(cursor: &ChangeId) -> String {
    format!("id: {cursor}\n\n")
}

/// The list is to be read again.
pub(super) fn reset(happened: &Happened) -> String {
    let (Happened::Leads(_, cursor) | Happened::Missed(cursor)) = happened;
    event("reset", "{}") + &at(cursor)
}

/// Opens a stream of what happens to an account, from a cursor on, as `draw` puts it, for as long as whoever asks may see it.
pub(super) async fn open(
    app: Arc<App>,
    actor: &Actor,
    headers: HeaderMap,
    (account, wants, cursor): (&AccountId, Wants, Option<ChangeId>),
    draw: impl FnMut(&Happened) -> String + Send + 'static,
) -> Result<Response, ApiError> {
    let place = app.live.enter(&guard::asker(actor, &headers)).map_err(ApiError::Crowded)?;
    let watcher = app.live.watch(account, wants, cursor).await?;
    let (pieces, carried) = mpsc::channel(PIECES_WAITING_MAX);
    let account = account.clone();
    tokio::spawn(async move {
        tell(&app, &headers, &account, watcher, draw, &pieces).await;
        drop(place);
    });
    let mut response = Response::new(Body::new(Carried(carried)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that gathers answers would keep what happened to itself.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A piece of a body that is made while it is sent.
type Piece = io::Result<Bytes>;

/// Tells a watcher what happens, until he goes, may not see it any more, or the service ends.
async fn tell(
    app: &App,
    headers: &HeaderMap,
    account: &AccountId,
    mut watcher: Watcher,
    mut draw: impl FnMut(&Happened) -> String,
    pieces: &mpsc::Sender<Piece>,
) {
    let mut text = format!("retry: {RETRY_MS}\n\n");
    loop {
        if pieces.send(Ok(text.into())).await.is_err() {
            return;
        }
        text = tokio::select! {
            () = pieces.closed() => return,
            happened = watcher.next() => match happened {
                Some(happened) => draw(&happened),
                None => return,
            },
            () = sleep(HEARTBEAT) => ":\n\n".to_owned(),
        };
        // A session that was ended meanwhile, or a key that was revoked, is told nothing more.
        let known = guard::who(app, headers).await;
        if !known.is_ok_and(|known| known.is_some_and(|actor| actor.may(Right::Read) && actor.reaches(account))) {
            return;
        }
    }
}

/// A body that somebody makes while it is sent.
pub(super) struct Carried(mpsc::Receiver<Piece>);

impl Carried {
    /// The body, and what its pieces go into. Whoever makes them waits for whoever reads them.
    pub(super) fn body() -> (mpsc::Sender<Piece>, Response) {
        let (pieces, carried) = mpsc::channel(PIECES_WAITING_MAX);
        (pieces, Body::new(Self(carried)).into_response())
    }
}

impl hyper::body::Body for Carried {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_lines_and_its_place() {
        assert_eq!(event("row", "<tr>\n</tr>"), "event: row\ndata: <tr>\ndata: </tr>\n\n");
        assert_eq!(at(&ChangeId::stored("chg_1".to_owned())), "id: chg_1\n\n");
    }

    #[test]
    fn a_cursor_is_one_of_ours_and_what_came_last_counts() {
        let cursor = |since: Option<&str>, last: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", last.parse().unwrap());
            From { since: since.map(str::to_owned) }.cursor(&headers).ok().map(|id| id.map(|id| id.to_string()))
        };
        assert_eq!(cursor(None, ""), Some(None));
        assert_eq!(cursor(Some("chg_019ab0d3a400"), ""), Some(Some("chg_019ab0d3a400".to_owned())));
        assert_eq!(cursor(Some("chg_019ab0d3a400"), "chg_019ab0d3a401"), Some(Some("chg_019ab0d3a401".to_owned())));
        for odd in ["1", "evt_019ab0d3a400", "chg_1", "chg_zzzzzzzzzzzz"] {
            assert_eq!(cursor(None, odd), None, "{odd}");
        }
    }
}
