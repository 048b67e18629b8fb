//! The pages that people look at.

use hubspot_sim::Preset;
use serde_json::json;

use crate::support::Portal;

/// A portal with a contact, its deal and its note; and the contact's id.
async fn scene() -> (Portal, String) {
    let portal = Portal::new(Preset::Deals).await;
    let sent = json!({"email": "maya@example.com", "firstname": "<b>Maya", "vehicle_of_interest": "RAV4"});
    let contact = portal.upsert(&[("maya@example.com", sent)]).await.first("/id");
    portal.note(&contact, "<p>Looking for a RAV4.</p><p>Leadline evt_1/2</p>").await;
    let deal = portal
        .post("/crm/objects/V/0-3", json!({"properties": {"dealname": "RAV4 – Maya", "dealstage": "contractsent"}}))
        .await;
    let path = format!("/crm/objects/V/0-3/{}/associations/default/0-1/{contact}", deal.body["id"].as_str().unwrap());
    portal.call("PUT", &path, serde_json::Value::Null).await;
    portal.sim().edit_record(portal.id(), "0-1", &contact, &[("phone", "+13055550187")]);
    (portal, contact)
}

#[tokio::test]
async fn every_page_says_that_it_is_a_simulator() {
    proves!("S45", simulated);
    let (portal, contact) = scene().await;
    let id = portal.id();
    for (path, shows) in [
        ("/".to_owned(), "Sunset Motors"),
        (format!("/contacts/{id}/objects/0-1"), "maya@example.com"),
        (format!("/contacts/{id}/objects/0-3"), "RAV4 – Maya"),
        (format!("/contacts/{id}/objects/0-46"), "Looking for a RAV4."),
        (format!("/contacts/{id}/record/0-1/{contact}"), "Vehicle of Interest"),
        (format!("/contacts/{id}/calls"), "/crm/objects/2026-09/0-1/batch/upsert"),
        (format!("/contacts/{id}/findings"), "None: every call"),
    ] {
        let page = portal.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("This is a simulator.") && page.text.contains(shows), "{path}");
        assert!(!page.text.contains("<b>Maya"), "{path}");
    }
    assert_eq!(portal.get("/contacts/1/objects/0-1").await.status, 404);
    assert_eq!(portal.get(&format!("/contacts/{id}/record/0-1/1")).await.status, 404);
}

#[tokio::test]
async fn contact_card_shows_timeline_links_and_history() {
    proves!("S45, S46", simulated);
    let (portal, contact) = scene().await;
    let page = portal.get(&format!("/contacts/{}/record/0-1/{contact}", portal.id())).await.text;
    for shown in [
        "&lt;b&gt;Maya",
        "<p>Looking for a RAV4.</p><p>Leadline evt_1/2</p>",
        "RAV4 – Maya",
        "contractsent",
        "by integration",
        "by person",
        "+13055550187",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}
