//! Operations that will end: one table, from which the answers say so in their headers, and the document at the operation.
//! Within `v1` an operation ends only after it was listed here for a while.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};

/// RFC 9745: since when nobody should begin to use it.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// RFC 8594: when it ends.
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// An operation that will end.
pub(super) struct Leaving {
    /// As the document names it, such as `GET /v1/things/{id}`.
    operation: &'static str,
    /// The moment since which something else should be used, such as `2027-01-31T00:00:00Z`.
    since: &'static str,
    /// The moment when it ends.
    until: &'static str,
    /// The path of what to use instead.
    instead: &'static str,
}

/// All of them. There is none.
const LEAVING: &[Leaving] = &[];

/// Says in the headers of an answer that its operation will end.
pub(super) async fn announce(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let leaving = find(LEAVING, request.method().as_str(), path);
    let mut response = next.run(request).await;
    if let Some(leaving) = leaving {
        leaving.say(response.headers_mut());
    }
    response
}

/// Says in the document that an operation will end.
pub(super) fn mark(method: &str, path: &str, operation: &mut Value) {
    if let Some(leaving) = find(LEAVING, &method.to_uppercase(), path) {
        leaving.mark(operation);
    }
}

fn find<'a>(all: &'a [Leaving], method: &str, path: &str) -> Option<&'a Leaving> {
    all.iter().find(|leaving| leaving.operation.split_once(' ') == Some((method, path)))
}

impl Leaving {
    fn say(&self, headers: &mut HeaderMap) {
        let until = DateTimePrinter::new().timestamp_to_rfc9110_string(&moment(self.until));
        let until = until.expect("the table has times that a header can say");
        let link = format!("<{}>; rel=\"successor-version\"", self.instead);
        let said = [
            (DEPRECATION, format!("@{}", moment(self.since).as_second())),
            (SUNSET, until),
            // A page of a list has links of its own.
            (header::LINK, link),
        ];
        for (name, value) in said {
            headers.append(name, HeaderValue::from_str(&value).expect("the table has plain words"));
        }
    }

    fn mark(&self, operation: &mut Value) {
        let Self { since, until, instead, .. } = self;
        let ends = format!("Deprecated since {since}; it ends at {until}. Use `{instead}` instead.");
        let about = operation["description"].as_str().map(|about| format!("{about}\n\n{ends}"));
        operation["description"] = json!(about.unwrap_or(ends));
        operation["deprecated"] = json!(true);
        operation["x-sunset"] = json!(until);
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().expect("the table has whole times")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVENTED: &[Leaving] = &[Leaving {
        operation: "GET /v1/things/{id}",
        since: "2026-12-01T00:00:00Z",
        until: "2027-06-30T12:00:00Z",
        instead: "/v1/items/{id}",
    }];

    #[test]
    fn an_operation_that_ends_says_since_when_until_when_and_what_instead() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, HeaderValue::from_static("</v1/things?after=a>; rel=\"next\""));
        find(INVENTED, "GET", "/v1/things/{id}").unwrap().say(&mut headers);
        assert_eq!(headers[DEPRECATION], "@1796083200");
        assert_eq!(headers[SUNSET], "Wed, 30 Jun 2027 12:00:00 GMT");
        let links: Vec<_> = headers.get_all(header::LINK).iter().collect();
        assert_eq!(links.len(), 2, "the list keeps its own");
        assert_eq!(links[1], "</v1/items/{id}>; rel=\"successor-version\"");
        for (method, path) in [("POST", "/v1/things/{id}"), ("GET", "/v1/things"), ("GET", "")] {
            assert!(find(INVENTED, method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn the_document_marks_it() {
        let mut operation = json!({ "description": "One thing." });
        INVENTED[0].mark(&mut operation);
        let expected = "One thing.\n\nDeprecated since 2026-12-01T00:00:00Z; it ends at 2027-06-30T12:00:00Z. Use `/v1/items/{id}` instead.";
        assert_eq!(operation["description"], expected);
        assert_eq!((&operation["deprecated"], &operation["x-sunset"]), (&json!(true), &json!("2027-06-30T12:00:00Z")));
    }
}
