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

/// The ids of the notes in the answer, and the pages that are left to read.
pub fn notes_of(body: &Value) -> (Vec<String>, Vec<(String, Option<String>)>) {
    let mut notes = Vec::new();
    let mut pages = Vec::new();
    for result in body["results"].as_array().into_iter().flatten() {
        for to in result["to"].as_array().into_iter().flatten() {
            // The id is text or a number.
            notes.extend(
                to["toObjectId"]
                    .as_str()
                    .map(str::to_owned)
                    .or_else(|| to["toObjectId"].as_u64().map(|id| id.to_string())),
            );
        }
        if let (Some(from), Some(after)) = (result["from"]["id"].as_str(), result["paging"]["next"]["after"].as_str()) {
            pages.push((from.to_owned(), Some(after.to_owned())));
        }
    }
    (notes, pages)
}
