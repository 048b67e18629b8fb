//! `ETag` and `If-Match` of settings that two people may edit: the tag is made of what is set, so nothing has to count
//! changes, and a setting that is back where it was has its tag back.
//!
//! It tells two people apart who look, think and send; not two requests of the same moment.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::answer::Data;
use super::error::ApiError;
use crate::digest::sha256_hex;

/// Two settings of one thing never meet by chance.
const TAG_CHARS: usize = 20;

/// An answer of one thing, with the tag of what is set in it.
pub(super) fn tagged<T: Serialize>(set: &impl Serialize, data: T) -> Response {
    with_tag(set, Json(Data { data }).into_response())
}

/// The same for an answer that is made already.
pub(super) fn with_tag(set: &impl Serialize, response: Response) -> Response {
    named(&tag(set), response)
}

/// The same where what is set has a name of its own, such as an id.
pub(super) fn named(name: &str, mut response: Response) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{name}\"")).expect("digests and ids are plain text");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// Refuses where the one who asks has seen something else than what is set, as `If-Match` names it.
pub(super) fn expect(set: &impl Serialize, headers: &HeaderMap, what: &str) -> Result<(), ApiError> {
    if seen(headers).is_none_or(|seen| seen.iter().any(|seen| *seen == "*" || *seen == tag(set))) {
        return Ok(());
    }
    Err(ApiError::Changed(
        format!("{what} changed since you looked"),
        "Look at it as it is by now, then try once more.",
    ))
}

/// What `If-Match` names, where it is sent: tags without their quotes, and `*`. A proxy that compresses makes a tag weak on
/// its way: it still means the same. What is no tag names nothing.
pub(super) fn seen(headers: &HeaderMap) -> Option<Vec<&str>> {
    let list = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default();
    Some(list.split(',').filter_map(|one| bare(one.trim())).collect())
}

fn bare(tag: &str) -> Option<&str> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    if tag == "*" { Some(tag) } else { quoted.strip_prefix('"')?.strip_suffix('"') }
}

/// The tag of what is set, without quotes.
pub(super) fn tag(set: &impl Serialize) -> String {
    let text = serde_json::to_vec(set).expect("what is set can be sent, so it is JSON");
    sha256_hex(&text)[..TAG_CHARS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_that_of_what_is_set_and_nothing_else() {
        assert_eq!(tag(&Some(14)), tag(&Some(14)));
        assert_ne!(tag(&Some(14)), tag(&None::<u32>));
        let response = tagged(&14, "fourteen days");
        assert_eq!(response.headers()[header::ETAG].to_str().unwrap(), format!("\"{}\"", tag(&14)));
    }

    #[test]
    fn who_has_seen_something_else_is_refused() {
        let set = "a";
        let own = format!("\"{}\"", tag(&set));
        let rows = [
            (None, true),
            (Some(own.clone()), true),
            (Some(format!("W/{own}")), true),
            (Some(format!("\"0000\", {own}")), true),
            (Some("*".to_owned()), true),
            (Some(format!("\"{}\"", tag(&"b"))), false),
            (Some(own.trim_matches('"').to_owned()), false),
            (Some(String::new()), false),
        ];
        for (sent, passes) in rows {
            let mut headers = HeaderMap::new();
            if let Some(sent) = &sent {
                headers.insert(header::IF_MATCH, HeaderValue::from_str(sent).unwrap());
            }
            assert_eq!(expect(&set, &headers, "it").is_ok(), passes, "{sent:?}");
        }
    }
}
