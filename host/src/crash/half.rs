//! A request of which only the first half leaves the process.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::armed;

/// Long enough for the first half to leave.
const UNDER_WAY: Duration = Duration::from_millis(20);

/// The call as it is; or, where the process is to die at CP10, one whose body ends half way together with the process.
pub(crate) fn may_end_half_way(
    call: reqwest::RequestBuilder,
    body: &serde_json::value::RawValue,
) -> reqwest::RequestBuilder {
    if !armed::is_due("CP10") {
        return call;
    }
    let whole = Bytes::from(body.get().to_owned());
    let length = whole.len() as u64;
    let first = Some(whole.slice(..whole.len() / 2));
    call.body(reqwest::Body::wrap(Half { first, length, end: Box::pin(tokio::time::sleep(UNDER_WAY)) }))
}

/// A body that promises all of itself.
struct Half {
    first: Option<Bytes>,
    length: u64,
    end: Pin<Box<Sleep>>,
}

impl Body for Half {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => armed::die(),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
