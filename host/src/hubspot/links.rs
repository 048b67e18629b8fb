//! Associations: which record belongs to which.

use serde_json::{Value, json};

use super::client::{Portal, Request};
use super::{COMPANY, CONTACT, DEAL, NOTE};

/// The type id of the link from a note to a record, which is directional. None for objects without a fixed one.
pub fn association_type(to_type: &str) -> Option<u32> {
    match to_type {
        CONTACT => Some(202),
        COMPANY => Some(190),
        DEAL => Some(214),
        _ => None,
    }
}

/// Links pairs of records in the default way. Repeating it is safe.
pub fn associate(portal: &Portal, from_type: &str, to_type: &str, pairs: &[(String, String)]) -> Request {
    let inputs: Vec<_> = pairs.iter().map(|(from, to)| json!({ "from": { "id": from }, "to": { "id": to } })).collect();
    Request::write(
        "links.create",
        format!("/crm/associations/{}/{from_type}/{to_type}/batch/associate/default", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// Asks for the notes of records of one type.
pub fn read_notes_of(portal: &Portal, object_type: &str, pages: &[(String, Option<String>)]) -> Request {
    let inputs: Vec<_> = pages
        .iter()
        .map(|(id, after)| match after {
            Some(after) => json!({ "id": id, "after": after }),
            None => json!({ "id": id }),
        })
        .collect();
    Request::read(
        "notes.of",
        format!("/crm/associations/{}/{object_type}/{NOTE}/batch/read", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// The notes of one record, as far as an answer shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotesOf {
    pub record: String,
    pub notes: Vec<String>,
    /// Where its next page begins, if it has one.
    pub after: Option<String>,
}

/// The notes in an answer, by record. One that has none may be absent.
pub fn notes_of(body: &Value) -> Vec<NotesOf> {
    // An id is text or a number.
    let id = |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()));
    let of_record = |result: &Value| {
        let notes = result["to"].as_array().into_iter().flatten().filter_map(|to| id(&to["toObjectId"]));
        let after = id(&result["paging"]["next"]["after"]);
        Some(NotesOf { record: id(&result["from"]["id"])?, notes: notes.collect(), after })
    };
    body["results"].as_array().into_iter().flatten().filter_map(of_record).collect()
}
