//! Notes: what they need, how they are cleaned, where they can be seen.

use hubspot_sim::{FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal, fresh, note};

const CREATE: &str = "/crm/objects/V/0-46/batch/create";

#[tokio::test]
async fn note_hangs_on_its_contact_and_its_deal() {
    proves!("S34, S36", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let contact = portal.contact("maya@example.com").await;
    let deal = portal.post("/crm/objects/V/0-3", json!({"properties": {"dealname": "RAV4"}})).await;
    let deal = deal.body["id"].as_str().unwrap();
    let mut input = note(&contact, 202, "<p>Hi</p>");
    input["associations"].as_array_mut().unwrap().push(note(deal, 214, "")["associations"][0].clone());
    let reply = portal.post(CREATE, json!({"inputs": [input]})).await;
    assert_eq!((reply.status, reply.results()), (201, 1));
    let id = reply.first("/id");
    assert_eq!(portal.sim().associations(portal.id(), "0-1", &contact, "0-46"), std::slice::from_ref(&id));
    assert_eq!(portal.sim().associations(portal.id(), "0-3", deal, "0-46"), [id]);
}

#[tokio::test]
async fn note_moves_what_hubspot_keeps_about_notes() {
    proves!("S22", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let contact = portal.contact("maya@example.com").await;
    portal.sim().set_clock(NOW + 1_000);
    portal.note(&contact, "Hi").await;
    assert_eq!(portal.value(&contact, "num_notes").await, "1");
    assert_eq!(portal.value(&contact, "notes_last_updated").await, "2026-11-23T08:00:01Z");
    assert_eq!(portal.value(&contact, "notes_last_contacted").await, Value::Null);
}

#[tokio::test]
async fn note_needs_a_timestamp() {
    proves!("S34");
    let portal = Portal::any().await;
    let mut input = note(&portal.contact(&fresh("maya")).await, 202, "Hi");
    input["properties"].as_object_mut().unwrap().remove("hs_timestamp");
    assert_eq!(portal.post(CREATE, json!({"inputs": [input]})).await.status, 400);
}

#[tokio::test]
async fn note_ends_at_65536_characters() {
    proves!("S16, S34");
    let portal = Portal::any().await;
    let contact = portal.contact(&fresh("maya")).await;
    for (length, status) in [(65_536, 201), (65_537, 400)] {
        assert_eq!(portal.note(&contact, &"x".repeat(length)).await.status, status);
    }
}

#[tokio::test]
async fn wrong_association_refuses_the_note() {
    proves!("S34, S36");
    let portal = Portal::any().await;
    let contact = portal.contact(&fresh("maya")).await;
    for (to, type_id) in
        [(contact.as_str(), 201), (contact.as_str(), 214), (contact.as_str(), 9_999), ("999999999", 202)]
    {
        let reply = portal.post(CREATE, json!({"inputs": [note(to, type_id, "Hi")]})).await;
        assert_eq!(reply.status, 400, "{to} {type_id}");
    }
}

#[tokio::test]
async fn note_is_cleaned() {
    proves!("S34");
    let portal = Portal::any().await;
    let contact = portal.contact(&fresh("maya")).await;
    let dirty =
        "<p class=\"x\">Hi<script>x</script><!-- y --></p><p style=\"display:none\">z</p><p>Leadline evt_1/2</p>";
    let id = portal.note(&contact, dirty).await.first("/id");
    let read = portal.get(&format!("/crm/objects/V/0-46/{id}?properties=hs_note_body")).await;
    assert_eq!(read.body["properties"]["hs_note_body"], "<p>Hi</p><p>Leadline evt_1/2</p>");
}

#[tokio::test]
async fn notes_are_never_deduplicated() {
    proves!("S34, S44", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let contact = portal.contact("maya@example.com").await;
    for _ in 0..2 {
        portal.note(&contact, "<p>Hi</p><p>Leadline evt_1/2</p>").await;
    }
    assert_eq!(portal.sim().record_count(portal.id(), "0-46"), 2);
    assert_eq!(portal.finding_kinds(), [FindingKind::MarkerInTwoNotes]);
}

#[tokio::test]
async fn note_without_association_is_a_finding() {
    proves!("S34, S44", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let mut input = note("1", 202, "Hi");
    input["associations"] = json!([]);
    assert_eq!(portal.post(CREATE, json!({"inputs": [input]})).await.status, 201);
    assert_eq!(portal.finding_kinds(), [FindingKind::NoteWithoutAssociation]);
}

#[tokio::test]
async fn accepted_note_can_stay_invisible_for_a_while() {
    proves!("S35", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.note_commit_delay_ms = 3_000);
    let contact = portal.contact("maya@example.com").await;
    let id = portal.note(&contact, "Hi").await.first("/id");
    let read = format!("/crm/objects/V/0-46/{id}");
    let links = json!({"inputs": [{"id": contact}]});
    for (now, status, linked) in [(NOW + 2_999, 404, 0), (NOW + 3_000, 200, 1)] {
        portal.sim().set_clock(now);
        assert_eq!(portal.get(&read).await.status, status);
        let reply = portal.post("/crm/associations/V/0-1/0-46/batch/read", links.clone()).await;
        assert_eq!(reply.results(), linked);
    }
}
