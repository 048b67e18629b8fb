//! One record by id or key.

use hubspot_sim::{Act, Preset};
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

#[tokio::test]
async fn single_read_is_by_id_or_by_encoded_address() {
    proves!("S31");
    let portal = Portal::any().await;
    let address = fresh("maya+chat");
    let id = portal.contact(&address).await;
    let by_id = portal.get(&format!("/crm/objects/V/0-1/{id}?properties=email,firstname")).await;
    assert_eq!((by_id.status, &by_id.body["properties"]["email"]), (200, &json!(address)));
    let encoded = address.replace('+', "%2B").replace('@', "%40");
    let by_key = portal.get(&format!("/crm/objects/V/0-1/{encoded}?idProperty=email")).await;
    assert_eq!(by_key.body["id"], id);
}

#[tokio::test]
async fn patch_changes_one_record() {
    proves!("S31");
    let portal = Portal::any().await;
    let id = portal.contact(&fresh("maya")).await;
    let patch = json!({"properties": {"firstname": "Maya"}});
    let reply = portal.call("PATCH", &format!("/crm/objects/V/0-1/{id}"), patch.clone()).await;
    assert_eq!((reply.status, &reply.body["properties"]["firstname"]), (200, &json!("Maya")));
    assert_eq!(portal.call("PATCH", "/crm/objects/V/0-1/999999999", patch).await.status, 404);
}

#[tokio::test]
async fn patch_finds_its_record_by_key_too() {
    proves!("S31");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let id = portal.contact(&address).await;
    let path = format!("/crm/objects/V/0-1/{}?idProperty=email", address.replace('@', "%40"));
    let reply = portal.call("PATCH", &path, json!({"properties": {"firstname": "Maya"}})).await;
    assert_eq!((reply.status, &reply.body["id"]), (200, &json!(id)));
}

#[tokio::test]
async fn archived_record_is_found_only_when_asked_for() {
    proves!("S31, S32");
    let portal = Portal::any().await;
    let id = portal.contact(&fresh("maya")).await;
    let path = format!("/crm/objects/V/0-1/{id}");
    assert_eq!(portal.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(portal.get(&path).await.status, 404);
    let archived = portal.get(&format!("{path}?archived=true")).await;
    assert_eq!((archived.status, &archived.body["archived"]), (200, &json!(true)));
    assert_eq!(portal.call("DELETE", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn restored_record_has_its_address_again() {
    proves!("S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().archive_record(portal.id(), "0-1", &id);
    portal.sim().act(portal.id(), Act::RestoreRecord { object_type: "0-1".to_owned(), id: id.clone() });
    assert_eq!(portal.contact("maya@example.com").await, id);
}

#[tokio::test]
async fn merged_id_leads_to_the_winner() {
    proves!("S31, S32", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let winner = portal.contact("maya@example.com").await;
    let loser = portal.contact("noah@example.com").await;
    portal.note(&loser, "hello").await;
    let merge = Act::MergeRecords { object_type: "0-1".to_owned(), winner: winner.clone(), loser: loser.clone() };
    portal.sim().act(portal.id(), merge);
    let reply = portal.get(&format!("/crm/objects/V/0-1/{loser}")).await;
    assert_eq!((reply.status, &reply.body["id"]), (200, &json!(winner)));
    assert_eq!(portal.contact("noah@example.com").await, winner);
    assert_eq!(portal.sim().associations(portal.id(), "0-1", &winner, "0-46").len(), 1);
}

#[tokio::test]
async fn unknown_query_parameter_is_refused() {
    proves!("S5");
    let portal = Portal::any().await;
    let id = portal.contact(&fresh("maya")).await;
    assert_eq!(portal.get(&format!("/crm/objects/V/0-1/{id}?property=email")).await.status, 400);
}
