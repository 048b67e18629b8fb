//! Notes. Creating one is not safe to repeat, so each carries a marker in plain text by which a repeat is recognised.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::client::{Portal, Request};
use super::links::association_type;
use super::{NOTE, answer::Reply};
use crate::model::delivery::Record;
use crate::model::id::{DeliveryId, EventId};
use crate::model::time::Timestamp;

/// How every marker begins.
const MARKER: &str = "Leadline ";
/// The longest one names an event and a delivery.
const MARKER_CHARS_MAX: usize = 90;
/// HubSpot's limit for the finished HTML, counted in UTF-16 units.
const BODY_UNITS_MAX: usize = 65_536;
/// Said where a note is cut.
const CUT_NOTICE: &str = "<p>[The conversation is longer than HubSpot allows; the rest was cut.]</p>";

/// A note that is to be created.
#[derive(Clone, Debug)]
pub struct NoteInput {
    /// Delivery and action by position.
    pub owner: (usize, usize),
    pub trace: String,
    pub marker: String,
    /// How every marker of the lead begins, where this is its only note: an earlier plan of the same lead may have had the
    /// note in another place.
    pub markers: Option<String>,
    /// Plain text, as the transformation gave it.
    pub body: String,
    pub at: Timestamp,
    /// Type and id of the records that it is about.
    pub about: Vec<(String, String)>,
    /// Which actions those are.
    pub linked: Vec<u32>,
}

/// By this text a note is found again. A lead that is sent again on purpose names its delivery too: the note of the
/// first one is not its own.
pub fn marker(event: &EventId, resent_as: Option<&DeliveryId>, action: usize) -> String {
    match resent_as {
        None => format!("{MARKER}{event}/{action}"),
        Some(delivery) => format!("{MARKER}{event}/{delivery}/{action}"),
    }
}

/// How the markers of all notes of a lead begin that was not sent again.
pub fn markers_of(event: &EventId) -> String {
    format!("{MARKER}{event}/")
}

/// Creates notes, linked in the same call: a note without a record is visible nowhere.
pub fn create_notes(portal: &Portal, notes: &[NoteInput]) -> Request {
    let inputs: Vec<_> = notes.iter().map(|note| {
        let links: Vec<_> = note.about.iter().filter_map(|(object_type, id)| {
            let type_id = association_type(object_type)?;
            Some(json!({ "to": { "id": id }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }] }))
        }).collect();
        json!({
            "objectWriteTraceId": note.trace,
            "properties": { "hs_timestamp": note.at.to_string(), "hs_note_body": html(&note.body, &note.marker) },
            "associations": links,
        })
    }).collect();
    Request::write(
        "notes.create",
        format!("/crm/objects/{}/{NOTE}/batch/create", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// Reads the bodies of notes.
pub fn read_notes(portal: &Portal, ids: &[String]) -> Request {
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    Request::read(
        "notes.read",
        format!("/crm/objects/{}/{NOTE}/batch/read", portal.api_version),
        json!({ "properties": ["hs_note_body"], "inputs": inputs }),
    )
}

/// The created note of each input, in their order: by trace id, else by the marker in its body.
pub fn created_notes(body: &Value, notes: &[NoteInput]) -> Vec<Option<Record>> {
    let (mut by_trace, mut by_marker) = (HashMap::new(), HashMap::new());
    for result in body["results"].as_array().into_iter().flatten() {
        match result["objectWriteTraceId"].as_str() {
            Some(trace) => drop(by_trace.insert(trace, result)),
            None => {
                let body = result["properties"]["hs_note_body"].as_str().unwrap_or_default();
                // Ours is the last; those before it the customer wrote.
                by_marker.extend(markers(body).last().map(|marker| (marker, result)));
            }
        }
    }
    let created = |note: &NoteInput| {
        let result = by_trace.get(note.trace.as_str()).or_else(|| by_marker.get(note.marker.as_str()))?;
        Some(Record { id: result["id"].as_str()?.to_owned(), new: true })
    };
    notes.iter().map(created).collect()
}

/// The id of a note in the answer of a read, by its marker.
pub fn find_note(reply: &Reply, note: &NoteInput) -> Option<String> {
    let results = reply.success()?["results"].as_array()?;
    let carries = |result: &&Value| {
        let body = result["properties"]["hs_note_body"].as_str().unwrap_or_default();
        holds(body, &note.marker) || note.markers.as_ref().is_some_and(|begin| holds_one_of(body, begin))
    };
    results.iter().find(carries)?["id"].as_str().map(str::to_owned)
}

/// Whether the body carries a marker that begins so and goes on with a number: one that was sent again names its delivery.
fn holds_one_of(body: &str, begin: &str) -> bool {
    let is_number = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit());
    markers(body).any(|found| found.strip_prefix(begin).is_some_and(is_number))
}

/// Whether the body carries exactly this marker: `…/1` is not found in `…/12`.
fn holds(body: &str, marker: &str) -> bool {
    markers(body).any(|found| found == marker)
}

/// Everything in a body that has the form of a marker.
fn markers(body: &str) -> impl Iterator<Item = &str> {
    body.match_indices(MARKER).map(|(at, _)| {
        let rest = &body[at + MARKER.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_/".contains(c)).unwrap_or(rest.len());
        &body[at..at + MARKER.len() + end]
    })
}

/// Whether a text is longer than a note may be: then the rest of it is missing in HubSpot. The longest marker is reckoned
/// with, so a text that ends just at the limit counts as cut.
pub fn is_cut(text: &str) -> bool {
    html(text, &"m".repeat(MARKER_CHARS_MAX)).ends_with(&format!("{CUT_NOTICE}<p>{}</p>", "m".repeat(MARKER_CHARS_MAX)))
}

/// The customer's text as HTML that shows exactly that text, and the marker as its last paragraph.
fn html(text: &str, marker: &str) -> String {
    let last = format!("<p>{marker}</p>");
    let room = BODY_UNITS_MAX - "<p></p>".len() - last.len() - CUT_NOTICE.len();
    let mut body = String::with_capacity(text.len() + last.len() + 16);
    body.push_str("<p>");
    let mut units = 0;
    let mut cut = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        let mut buffer = [0; 4];
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\r' | '\n' => "<br>",
            c if c.is_control() && c != '\t' => "\u{fffd}",
            c => c.encode_utf8(&mut buffer),
        };
        units += piece.encode_utf16().count();
        if units > room {
            cut = true;
            break;
        }
        body.push_str(piece);
    }
    body.push_str("</p>");
    if cut {
        body.push_str(CUT_NOTICE);
    }
    body.push_str(&last);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_text_stays_text() {
        let rows = [
            ("Hi\nthere", "<p>Hi<br>there</p><p>m</p>"),
            ("a\r\nb\rc", "<p>a<br>b<br>c</p><p>m</p>"),
            (
                "<script>alert(1)</script> & \"x\"",
                "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;</p><p>m</p>",
            ),
            ("bell\u{7}", "<p>bell\u{fffd}</p><p>m</p>"),
        ];
        for (text, expected) in rows {
            assert_eq!(html(text, "m"), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_within_the_limit_and_says_so() {
        for text in ["a".repeat(80_000), "🚗".repeat(40_000), "<".repeat(30_000)] {
            let body = html(&text, "Leadline evt_1/1");
            assert!(body.encode_utf16().count() <= BODY_UNITS_MAX);
            assert!(body.contains(CUT_NOTICE) && body.ends_with("<p>Leadline evt_1/1</p>"));
        }
        assert!(!html(&"a".repeat(60_000), "m").contains(CUT_NOTICE));
    }

    #[test]
    fn a_marker_is_not_found_in_a_longer_one() {
        assert!(holds("<p>Leadline evt_1/1</p>", "Leadline evt_1/1"));
        assert!(!holds("<p>Leadline evt_1/12</p>", "Leadline evt_1/1"));
        assert!(holds("<p>Leadline evt_1/12</p><p>Leadline evt_1/1</p>", "Leadline evt_1/1"));
    }

    #[test]
    fn the_only_note_of_a_lead_is_found_wherever_it_stood_in_an_earlier_plan_and_not_one_that_was_sent_again() {
        let begin = markers_of(&EventId::stored("evt_1".into()));
        for (body, is_found) in [
            ("<p>Leadline evt_1/1</p>", true),
            ("<p>Leadline evt_1/2</p>", true),
            ("<p>Leadline evt_1/dlv_2/1</p>", false),
            ("<p>Leadline evt_12/1</p>", false),
            ("<p>Leadline evt_1/</p>", false),
            ("<p>Hello</p>", false),
        ] {
            assert_eq!(holds_one_of(body, &begin), is_found, "{body}");
        }
    }
}
