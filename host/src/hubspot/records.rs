//! Records by their own ids: read and changed up to 100 at once, and never created.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::{Portal, Request};

/// New values for a record that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub record_id: String,
    pub trace: String,
    pub properties: BTreeMap<String, String>,
}

/// Reads some properties of records.
pub fn read_records(portal: &Portal, object_type: &str, ids: &[String], properties: &[&str]) -> Request {
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    Request::read(
        "records.read",
        format!("/crm/objects/{}/{object_type}/batch/read", portal.api_version),
        json!({ "properties": properties, "inputs": inputs }),
    )
}

/// Changes records. The ids are record ids: anything else would be passed over in silence.
pub fn update_records(portal: &Portal, object_type: &str, changes: &[Change]) -> Request {
    let input = |change: &Change| json!({ "id": change.record_id, "objectWriteTraceId": change.trace, "properties": change.properties });
    let inputs: Vec<_> = changes.iter().map(input).collect();
    Request::write(
        "records.update",
        format!("/crm/objects/{}/{object_type}/batch/update", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// Takes one record out. A person can restore it in HubSpot for a while.
pub fn delete_record(portal: &Portal, object_type: &str, id: &str) -> Request {
    Request::delete("records.delete", format!("/crm/objects/{}/{object_type}/{id}", portal.api_version))
}

/// The records of an answer: id and the properties that have a value.
pub fn records_of(body: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let record = |shown: &Value| {
        let properties = shown["properties"].as_object()?.iter();
        let held = properties.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Some((shown["id"].as_str()?.to_owned(), held.filter(|(_, value)| !value.is_empty()).collect()))
    };
    body["results"].as_array().into_iter().flatten().filter_map(record).collect()
}
