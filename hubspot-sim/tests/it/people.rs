//! Acts of people, by handle and over HTTP.

use hubspot_sim::{Preset, Source};
use serde_json::json;

use crate::support::Portal;

#[tokio::test]
async fn person_creates_edits_and_archives() {
    let portal = Portal::new(Preset::Ready).await;
    let sim = portal.sim();
    let id = sim.create_record(portal.id(), "0-1", &[("email", "maya@example.com"), ("firstname", "Maya")]);
    sim.edit_record(portal.id(), "0-1", &id, &[("firstname", "May")]);
    sim.archive_record(portal.id(), "0-1", &id);
    let record = &sim.records(portal.id(), "0-1")[0];
    assert_eq!((record.properties["firstname"].as_str(), record.archived), ("May", true));
    assert!(record.history.iter().all(|change| change.by == Source::Person));
    assert_eq!((sim.record_count(portal.id(), "0-1"), sim.findings()), (0, vec![]));
}

#[tokio::test]
#[should_panic(expected = "the portal refuses this")]
async fn refused_act_panics() {
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().create_record(portal.id(), "0-1", &[("no_such_property", "x")]);
}

#[tokio::test]
async fn busy_portal_has_a_past() {
    let portal = Portal::new(Preset::Busy).await;
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 4_999);
    let merged = portal.contact("person1@example.com").await;
    assert_eq!(portal.contact("person0@mail.example.org").await, merged);
}

#[tokio::test]
async fn acts_work_over_http() {
    let portal = Portal::new(Preset::Bare).await;
    let property = json!({"name": "trade_in", "label": "Trade-in", "groupName": "leadline", "type": "string", "fieldType": "text"});
    for (act, status) in [
        (json!({"act": "create_record", "object_type": "0-1", "properties": {"email": "maya@example.com"}}), 200),
        (json!({"act": "create_record", "object_type": "0-1", "properties": {"email": "maya@example.com"}}), 409),
        (json!({"act": "add_property", "object_type": "0-1", "property": property}), 200),
        (json!({"act": "edit_record", "object_type": "0-1", "id": "61001", "properties": {"trade_in": "x"}}), 200),
        (
            json!({"act": "add_option", "object_type": "0-1", "property": "hs_lead_status", "value": "HOT", "label": "Hot"}),
            200,
        ),
        (json!({"act": "archive_property", "object_type": "0-1", "name": "trade_in"}), 200),
        (json!({"act": "edit_record", "object_type": "0-1", "id": "61001", "properties": {"trade_in": "y"}}), 400),
        (json!({"act": "require_property", "object_type": "0-1", "property": "city", "when": null}), 200),
        (json!({"act": "revoke_token"}), 200),
        (json!({"act": "fly"}), 400),
    ] {
        let reply = portal.post(&format!("/_sim/acts?portal={}", portal.id()), act.clone()).await;
        assert_eq!(reply.status, status, "{act}: {}", reply.text);
    }
    assert_eq!(portal.get("/account-info/V/details").await.status, 401);
}
