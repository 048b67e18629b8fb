//! Batch read: by id and by key, what is missing, and what is left out in silence.

use hubspot_sim::{Act, FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

const READ: &str = "/crm/objects/V/0-1/batch/read";

fn by_address(addresses: &[&str]) -> Value {
    let inputs: Vec<_> = addresses.iter().map(|address| json!({"id": address})).collect();
    json!({"idProperty": "email", "properties": ["email", "firstname", "no_such_property"], "inputs": inputs})
}

#[tokio::test]
async fn read_leaves_unknown_names_out_and_shows_empty_ones_as_null() {
    proves!("S23");
    let portal = Portal::any().await;
    let address = fresh("maya");
    portal.contact(&address).await;
    let reply = portal.post(READ, by_address(&[&address.to_uppercase()])).await;
    let properties = reply.body["results"][0]["properties"].as_object().unwrap();
    assert_eq!((reply.status, &properties["email"], &properties["firstname"]), (200, &json!(address), &Value::Null));
    assert!(!properties.contains_key("no_such_property"));
}

#[tokio::test]
async fn missing_ids_are_one_error() {
    proves!("S23");
    for (version, status) in [("2026-03", 207), ("2026-09", 200)] {
        let portal = Portal::any().await.version(version);
        let (there, gone) = (fresh("there"), fresh("gone"));
        portal.contact(&there).await;
        let reply = portal.post(READ, by_address(&[&there, &gone])).await;
        assert_eq!((reply.status, reply.results()), (status, 1), "{version}");
        assert_eq!(reply.body["errors"][0]["category"], "OBJECT_NOT_FOUND");
        assert_eq!(reply.body["errors"][0]["context"]["ids"], json!([gone]));
    }
}

#[tokio::test]
async fn status_of_a_partial_read_is_a_knob() {
    proves!("S23", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.partial_status = Some(207));
    assert_eq!(portal.post(READ, by_address(&["gone@example.com"])).await.status, 207);
}

#[tokio::test]
async fn read_takes_100_ids() {
    proves!("S23");
    let portal = Portal::any().await;
    let addresses: Vec<_> = (0..101).map(|at| format!("c{at}@example.com")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    assert_eq!(portal.post(READ, by_address(&addresses[..100])).await.status, 200);
    assert_eq!(portal.post(READ, by_address(&addresses)).await.status, 400);
}

#[tokio::test]
async fn read_by_record_id_needs_no_id_property() {
    proves!("S23");
    let portal = Portal::any().await;
    let id = portal.contact(&fresh("maya")).await;
    let reply = portal.post(READ, json!({"properties": ["email"], "inputs": [{"id": id}]})).await;
    assert_eq!(reply.first("/id"), id);
}

#[tokio::test]
async fn read_by_a_property_that_is_not_unique_is_refused() {
    proves!("S23");
    let portal = Portal::any().await;
    let body = json!({"idProperty": "phone", "properties": [], "inputs": [{"id": "1"}]});
    assert_eq!(portal.post(READ, body).await.status, 400);
}

#[tokio::test]
async fn secondary_address_reads_the_contact() {
    proves!("S19, S23", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().act(portal.id(), Act::AddAddress { contact: id.clone(), address: "second@example.com".to_owned() });
    let body = json!({"idProperty": "email", "properties": ["hs_additional_emails"], "inputs": [{"id": "second@example.com"}]});
    let reply = portal.post(READ, body).await;
    assert_eq!(
        (reply.first("/id"), reply.first("/properties/hs_additional_emails")),
        (id, "second@example.com".to_owned())
    );
}

#[tokio::test]
async fn read_without_inputs_is_a_silent_no_op() {
    proves!("S30", simulated);
    let portal = Portal::new(Preset::Ready).await;
    assert_eq!(portal.post(READ, json!({"properties": ["email"]})).await.status, 200);
    assert_eq!(portal.finding_kinds(), [FindingKind::SilentNoOp]);
}
