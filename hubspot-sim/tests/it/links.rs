//! Links between records: made, repeated, refused, and read in pages.

use hubspot_sim::Preset;
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

async fn deal(portal: &Portal) -> String {
    let reply = portal.post("/crm/objects/V/0-3", json!({"properties": {"dealname": "RAV4"}})).await;
    reply.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn default_link_is_safe_to_repeat_and_seen_from_both_ends() {
    proves!("S36");
    let portal = Portal::any().await;
    let (contact, deal) = (portal.contact(&fresh("maya")).await, deal(&portal).await);
    let path = format!("/crm/objects/V/0-3/{deal}/associations/default/0-1/{contact}");
    for _ in 0..2 {
        assert_eq!(portal.call("PUT", &path, Value::Null).await.status, 200);
    }
    for (from, id, to, other, type_id) in [("0-3", &deal, "0-1", &contact, 3), ("0-1", &contact, "0-3", &deal, 4)] {
        let path = format!("/crm/associations/V/{from}/{to}/batch/read");
        let reply = portal.post(&path, json!({"inputs": [{"id": id}]})).await;
        let linked = reply.body["results"][0]["to"].as_array().unwrap();
        assert_eq!((linked.len(), linked[0]["toObjectId"].to_string()), (1, other.clone()));
        assert_eq!(linked[0]["associationTypes"][0]["typeId"], type_id);
    }
}

#[tokio::test]
async fn batch_of_default_links_lists_both_directions() {
    proves!("S36");
    let portal = Portal::any().await;
    let (contact, deal) = (portal.contact(&fresh("maya")).await, deal(&portal).await);
    let body = json!({"inputs": [{"from": {"id": deal}, "to": {"id": contact}}]});
    let reply = portal.post("/crm/associations/V/0-3/0-1/batch/associate/default", body).await;
    assert_eq!((reply.status, reply.results()), (200, 2));
}

#[tokio::test]
async fn link_to_a_missing_record_is_400_with_its_id() {
    proves!("S36", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let contact = portal.contact("maya@example.com").await;
    let body = json!({"inputs": [{"from": {"id": "999"}, "to": {"id": contact}}]});
    let reply = portal.post("/crm/associations/V/0-3/0-1/batch/associate/default", body).await;
    assert_eq!((reply.status, &reply.body["context"]["ids"]), (400, &json!(["999"])));
    let deal = deal(&portal).await;
    portal.sim().archive_record(portal.id(), "0-1", &contact);
    let path = format!("/crm/objects/V/0-3/{deal}/associations/default/0-1/{contact}");
    assert_eq!(portal.call("PUT", &path, Value::Null).await.status, 400);
}

#[tokio::test]
async fn batches_of_links_have_limits() {
    proves!("S36", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let (contact, deal) = (portal.contact("maya@example.com").await, deal(&portal).await);
    let pair = json!({"from": {"id": deal}, "to": {"id": contact}});
    for (count, status) in [(2_000, 200), (2_001, 400)] {
        let reply = portal
            .post("/crm/associations/V/0-3/0-1/batch/associate/default", json!({"inputs": vec![pair.clone(); count]}))
            .await;
        assert_eq!(reply.status, status, "{count}");
    }
    let reply = portal
        .post("/crm/associations/V/0-3/0-1/batch/read", json!({"inputs": vec![json!({"id": deal}); 1_001]}))
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn links_are_read_in_pages() {
    proves!("S36", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.association_page = 2);
    let contact = portal.contact("maya@example.com").await;
    for text in ["a", "b", "c", "d", "e"] {
        portal.note(&contact, text).await;
    }
    let (mut pages, mut after) = (Vec::new(), Value::Null);
    loop {
        let reply = portal
            .post("/crm/associations/V/0-1/0-46/batch/read", json!({"inputs": [{"id": contact, "after": after}]}))
            .await;
        let result = &reply.body["results"][0];
        pages.push(result["to"].as_array().unwrap().len());
        after = result["paging"]["next"]["after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[tokio::test]
async fn record_without_links_is_an_error_entry_or_absent() {
    proves!("S36", simulated);
    for (is_error, errors) in [(true, 1), (false, 0)] {
        let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.no_links_is_an_error = is_error);
        let contact = portal.contact("maya@example.com").await;
        let reply = portal.post("/crm/associations/V/0-1/0-46/batch/read", json!({"inputs": [{"id": contact}]})).await;
        assert_eq!((reply.status, reply.results()), (200, 0));
        assert_eq!(reply.body["errors"].as_array().map_or(0, Vec::len), errors);
    }
}

#[tokio::test]
async fn linked_ids_can_be_text() {
    proves!("S36", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.linked_ids_as_text = true);
    let contact = portal.contact("maya@example.com").await;
    let note = portal.note(&contact, "Hi").await.first("/id");
    let reply = portal.post("/crm/associations/V/0-1/0-46/batch/read", json!({"inputs": [{"id": contact}]})).await;
    assert_eq!(reply.first("/to/0/toObjectId"), note);
}

#[tokio::test]
async fn links_of_one_record_are_listed_in_march_2026_only() {
    proves!("S4, S36");
    for (version, status) in [("2026-03", 200), ("2026-09", 404)] {
        let portal = Portal::any().await.version(version);
        let contact = portal.contact(&fresh("maya")).await;
        portal.note(&contact, "Hi").await;
        let reply = portal.get(&format!("/crm/objects/V/0-1/{contact}/associations/0-46")).await;
        assert_eq!((reply.status, reply.results()), (status, usize::from(status == 200)));
    }
}

#[tokio::test]
async fn user_without_the_right_may_not_link_since_september_2026() {
    proves!("S37", simulated);
    for (version, status) in [("2026-03", 200), ("2026-09", 400)] {
        let portal = Portal::new(Preset::Ready).await.version(version).knob(|knobs| knobs.edit_associations = false);
        let (contact, deal) = (portal.contact("maya@example.com").await, deal(&portal).await);
        let path = format!("/crm/objects/V/0-3/{deal}/associations/default/0-1/{contact}");
        let reply = portal.call("PUT", &path, Value::Null).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.text.contains("Edit Associations"), status == 400);
    }
}
