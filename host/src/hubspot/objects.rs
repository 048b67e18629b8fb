//! Contacts, deals and other objects: reads and upserts of up to 100, and each input's own answer.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::answer::{Envelope, Meaning, Reply};
use super::client::{Portal, Request};
use super::fold::{Found, Input};
use super::{CONTACT, DEAL};
use crate::model::delivery::{Normalized, Record};

/// What the answer says of one input.
#[derive(Debug, PartialEq, Eq)]
pub enum Judged {
    Done(Record),
    Failed(Meaning),
    /// Neither done nor refused: the call had no effect for it.
    Silent,
}

/// Reads the records of some keys: the properties that may be written, and what tells who is who.
pub fn batch_read(
    portal: &Portal,
    object_type: &str,
    key_property: &str,
    keys: &[String],
    mut properties: Vec<String>,
) -> Request {
    if object_type == CONTACT {
        properties.extend(["email", "hs_additional_emails", "lifecyclestage"].map(str::to_owned));
    }
    properties.push(key_property.to_owned());
    properties.sort();
    properties.dedup();
    let inputs: Vec<_> = keys.iter().map(|key| json!({ "id": key })).collect();
    Request::read(
        operation(object_type, ["contacts.read", "deals.read", "objects.read"]),
        format!("/crm/objects/{}/{object_type}/batch/read", portal.api_version),
        json!({ "idProperty": key_property, "properties": properties, "inputs": inputs }),
    )
}

/// Upserts one input a record.
pub fn batch_upsert(portal: &Portal, object_type: &str, key_property: &str, inputs: &[Input]) -> Request {
    let inputs: Vec<_> = inputs.iter().map(|input| {
        json!({ "id": input.key, "idProperty": key_property, "objectWriteTraceId": input.trace, "properties": input.properties })
    }).collect();
    Request::write(
        operation(object_type, ["contacts.upsert", "deals.upsert", "objects.upsert"]),
        format!("/crm/objects/{}/{object_type}/batch/upsert", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// Updates one input a record, by the ids of the records: the way that leaves alone whatever is not sent.
pub fn batch_update(portal: &Portal, object_type: &str, inputs: &[Input]) -> Request {
    let known = inputs.iter().filter_map(|input| Some((input, &input.found.as_ref()?.id)));
    let inputs: Vec<_> = known
        .map(|(input, id)| json!({ "id": id, "objectWriteTraceId": input.trace, "properties": input.properties }))
        .collect();
    Request::write(
        operation(object_type, ["contacts.update", "deals.update", "objects.update"]),
        format!("/crm/objects/{}/{object_type}/batch/update", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

/// Creates one record an input. Not safe to repeat unless it is read first who is there.
pub fn batch_create(portal: &Portal, object_type: &str, inputs: &[Input]) -> Request {
    let inputs: Vec<_> = inputs
        .iter()
        .map(|input| json!({ "objectWriteTraceId": input.trace, "properties": input.properties }))
        .collect();
    Request::write(
        operation(object_type, ["contacts.create", "deals.create", "objects.create"]),
        format!("/crm/objects/{}/{object_type}/batch/create", portal.api_version),
        json!({ "inputs": inputs }),
    )
}

fn operation(object_type: &str, [contacts, deals, others]: [&'static str; 3]) -> &'static str {
    match object_type {
        CONTACT => contacts,
        DEAL => deals,
        _ => others,
    }
}

/// The records of a read, by every key that finds them: for contacts the secondary addresses too. None when the answer
/// does not tell which records are there: it has no results, or an error that is not "not found".
pub fn found(body: &Value, key_property: &str) -> Option<HashMap<String, Found>> {
    let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let other = |error: &Value| error["category"].as_str().is_some_and(|category| category != "OBJECT_NOT_FOUND");
    if errors.iter().any(other) {
        return None;
    }
    let mut records = HashMap::new();
    for result in body["results"].as_array()? {
        let Some(record) = found_one(result) else { continue };
        for key in keys_of(&result["properties"], key_property) {
            records.insert(key, record.clone());
        }
    }
    Some(records)
}

/// Changes one record by its id.
pub fn update_one(portal: &Portal, object_type: &str, id: &str, properties: &BTreeMap<String, String>) -> Request {
    let path = format!("/crm/objects/{}/{object_type}/{id}", portal.api_version);
    let operation = operation(object_type, ["contacts.update", "deals.update", "objects.update"]);
    Request::patch(operation, path, json!({ "properties": properties }))
}

/// Deletes a contact for good, as the privacy laws have it, with what belongs to it.
pub fn erase_contact(portal: &Portal, id: &str) -> Request {
    let path = format!("/crm/objects/{}/{CONTACT}/gdpr-delete", portal.api_version);
    Request::write("contacts.erase", path, json!({ "objectId": id }))
}

/// The record that an answer about one shows. A merged one comes with the id of the record that it became.
pub fn found_one(body: &Value) -> Option<Found> {
    let properties = body["properties"].as_object().into_iter().flatten();
    let properties = properties.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Some(Found { id: body["id"].as_str()?.to_owned(), properties })
}

/// The values that HubSpot stored in another form, as the warnings of an answer and of its results tell.
pub fn normalized(body: &Value) -> Vec<Normalized> {
    let results = body["results"].as_array().into_iter().flatten();
    let warnings = std::iter::once(body).chain(results).filter_map(|part| part["warnings"].as_array()).flatten();
    let text = |warning: &Value, name: &str| {
        let value = &warning["context"][name];
        Some(value.as_str().or_else(|| value[0].as_str())?.to_owned())
    };
    let normalized = warnings.filter(|warning| warning["category"] == "PROPERTY_VALUE_NORMALIZED");
    let normalized = normalized.filter_map(|warning| {
        Some(Normalized {
            field: text(warning, "propertyName")?,
            sent: text(warning, "rawValue")?,
            stored: text(warning, "normalizedValue")?,
        })
    });
    normalized.collect()
}

/// The keys that find a record: its key property, and for an address every other one of the same contact.
fn keys_of(properties: &Value, key_property: &str) -> Vec<String> {
    let own = properties[key_property].as_str();
    if key_property != "email" {
        return own.map(str::to_owned).into_iter().collect();
    }
    let others = properties["hs_additional_emails"].as_str().into_iter().flat_map(|list| list.split(';'));
    own.into_iter()
        .chain(others)
        .map(|address| address.trim().to_lowercase())
        .filter(|address| !address.is_empty())
        .collect()
}

/// What a 2xx answer says of each input, in the order of the inputs: by trace id, else by key, never by position.
pub fn judge(reply: &Reply, body: &Value, key_property: &str, inputs: &[Input]) -> Vec<Judged> {
    let mut by_trace: HashMap<&str, Judged> = HashMap::new();
    let mut by_key: HashMap<String, Record> = HashMap::new();
    let mut by_id: HashMap<&str, Record> = HashMap::new();
    for result in body["results"].as_array().into_iter().flatten() {
        let Some(id) = result["id"].as_str() else { continue };
        let record = Record { id: id.to_owned(), new: result["new"].as_bool().unwrap_or(false) };
        if let Some(trace) = result["objectWriteTraceId"].as_str() {
            by_trace.insert(trace, Judged::Done(record.clone()));
        }
        for key in keys_of(&result["properties"], key_property) {
            by_key.insert(key, record.clone());
        }
        by_id.insert(id, record);
    }
    let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    for error in errors {
        let entry = Envelope::of(error);
        let meaning = entry.entry_meaning(reply.correlation_id()).of_keys();
        for trace in error["context"]["objectWriteTraceId"].as_array().into_iter().flatten() {
            if let Some(trace) = trace.as_str() {
                by_trace.insert(trace, Judged::Failed(meaning.clone()));
            }
        }
        for key in error["context"]["ids"].as_array().into_iter().flatten() {
            let input = inputs.iter().find(|input| key.as_str() == Some(&input.key));
            if let Some(input) = input {
                by_trace.entry(&input.trace).or_insert_with(|| Judged::Failed(meaning.clone()));
            }
        }
    }
    inputs
        .iter()
        .map(|input| {
            if let Some(judged) = by_trace.remove(input.trace.as_str()) {
                return judged;
            }
            let by_found = || input.found.as_ref().and_then(|found| by_id.get(found.id.as_str()));
            match by_key.get(&input.key).or_else(by_found) {
                Some(record) => Judged::Done(record.clone()),
                None => Judged::Silent,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;

    fn input(trace: &str, key: &str) -> Input {
        Input { trace: trace.into(), key: key.into(), found: None, properties: BTreeMap::new(), targets: vec![] }
    }

    fn judged(body: Value, inputs: &[Input]) -> Vec<Judged> {
        let reply = Reply::Answered {
            status: 200,
            body: body.clone(),
            text: String::new(),
            correlation_id: None,
            retry_after: None,
            rate: None,
        };
        judge(&reply, &body, "email", inputs)
    }

    #[test]
    fn answers_are_matched_by_trace_then_by_key_never_by_position() {
        let body = json!({"results": [
            {"id": "2", "new": false, "properties": {"email": "Main@x.org", "hs_additional_emails": "b@x.org;c@x.org"}},
            {"id": "1", "new": true, "objectWriteTraceId": "dlv_a/0", "properties": {"email": "other@x.org"}}],
            "errors": [{"category": "VALIDATION_ERROR", "message": "no", "context": {"objectWriteTraceId": ["dlv_d/0"]}},
                       {"category": "VALIDATION_ERROR", "message": "no", "context": {"ids": ["e@x.org"]}}]});
        let inputs = [
            input("dlv_a/0", "a@x.org"),
            input("dlv_b/0", "b@x.org"),
            input("dlv_d/0", "d@x.org"),
            input("dlv_e/0", "e@x.org"),
            input("dlv_f/0", "f@x.org"),
        ];
        let found = judged(body, &inputs);
        assert_eq!(found[0], Judged::Done(Record { id: "1".into(), new: true }));
        assert_eq!(found[1], Judged::Done(Record { id: "2".into(), new: false }));
        for failed in &found[2..4] {
            assert!(
                matches!(failed, Judged::Failed(Meaning::Unclear(problem)) if problem.code == Code::HubspotRefused),
                "{failed:?}"
            );
        }
        assert_eq!(found[4], Judged::Silent);
    }

    #[test]
    fn an_answer_with_nothing_in_it_did_nothing() {
        assert_eq!(judged(json!({"status": "COMPLETE"}), &[input("dlv_a/0", "a@x.org")]), [Judged::Silent]);
    }
}
