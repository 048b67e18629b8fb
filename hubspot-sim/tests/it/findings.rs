//! Findings: what is accepted, and told all the same.

use hubspot_sim::{FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::Portal;

#[tokio::test]
async fn good_calls_leave_no_findings() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let id = portal
        .upsert(&[("maya@example.com", json!({"firstname": "Maya", "lifecyclestage": "lead"}))])
        .await
        .first("/id");
    portal.upsert(&[("maya@example.com", json!({"lastname": "Lind"}))]).await;
    portal.note(&id, "<p>Hi</p><p>Leadline evt_1/1</p>").await;
    assert_eq!(portal.finding_kinds(), []);
}

#[tokio::test]
async fn bad_habits_are_found() {
    proves!("S44", simulated);
    for (properties, kinds) in [
        (json!({"lastname": "Lind"}), vec![FindingKind::NothingChanged]),
        (json!({"lastname": ""}), vec![FindingKind::ValueCleared]),
        (json!({"lifecyclestage": ""}), vec![FindingKind::LifecycleCleared]),
        (json!({"firstname": "Mia"}), vec![FindingKind::PersonOverwritten]),
        (json!({"email": "other@example.com"}), vec![FindingKind::PrimaryRenamed]),
        (json!({"phone": "+13055550187"}), vec![]),
    ] {
        let portal = Portal::new(Preset::Ready).await;
        let before = json!({"email": "maya@example.com", "lastname": "Lind", "lifecyclestage": "lead"});
        let id = portal.upsert(&[("maya@example.com", before)]).await.first("/id");
        portal.sim().edit_record(portal.id(), "0-1", &id, &[("firstname", "Maya")]);
        portal.upsert(&[("maya@example.com", properties.clone())]).await;
        assert_eq!(portal.finding_kinds(), kinds, "{properties}");
    }
}

#[tokio::test]
async fn deleted_record_is_a_finding() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.call("DELETE", &format!("/crm/objects/V/0-1/{id}"), Value::Null).await;
    assert_eq!(portal.finding_kinds(), [FindingKind::RecordDeleted]);
    // What a test lead made may go again.
    let id = portal.contact("leadline-test+1@example.com").await;
    portal.call("DELETE", &format!("/crm/objects/V/0-1/{id}"), Value::Null).await;
    assert_eq!(portal.finding_kinds(), [FindingKind::RecordDeleted]);
}

#[tokio::test]
async fn second_contact_of_a_lead_is_a_finding_unless_a_key_tells_them_apart() {
    proves!("S44", simulated);
    let lead = json!({"firstname": "Maya", "phone": "+13055550187"});
    let keyed = |id: &str| json!({"firstname": "Maya", "phone": "+13055550187", "leadline_lead_id": id});
    for (second, kinds) in
        [([lead.clone(), lead], vec![FindingKind::TwoContactsOfOneLead]), ([keyed("lead_1"), keyed("lead_2")], vec![])]
    {
        let portal = Portal::new(Preset::Ready).await;
        for properties in second {
            let reply =
                portal.post("/crm/objects/V/0-1/batch/create", json!({"inputs": [{"properties": properties}]})).await;
            assert_eq!(reply.status, 201);
        }
        assert_eq!(portal.finding_kinds(), kinds);
    }
}

#[tokio::test]
async fn secret_in_a_query_is_a_finding_and_not_logged() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Bare).await;
    portal.get("/crm/owners/V?access_token=abc").await;
    assert_eq!(portal.finding_kinds(), [FindingKind::SecretInQuery]);
    assert_eq!(portal.sim().calls()[0].path, "/crm/owners/2026-09");
}

#[tokio::test]
async fn more_than_5_percent_errors_are_a_finding() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Bare).await;
    for at in 0..100 {
        portal.get(if at < 6 { "/crm/nothing" } else { "/crm/owners/V" }).await;
    }
    assert_eq!(portal.finding_kinds(), [FindingKind::TooManyErrors]);
    portal.sim().clear_findings();
    assert_eq!(portal.finding_kinds(), []);
}

#[tokio::test]
async fn second_deal_or_note_of_a_lead_is_a_finding() {
    proves!("S44", simulated);
    let deal = |key: Option<&str>| {
        let mut properties = json!({"dealname": "RAV4 – Maya"});
        if let Some(key) = key {
            properties["leadline_deal_key"] = json!(key);
        }
        properties
    };
    for (keys, kinds) in [
        ([None, None], vec![FindingKind::TwoDealsOfOneLead]),
        ([Some("lead_1"), None], vec![FindingKind::TwoDealsOfOneLead]),
        ([Some("lead_1"), Some("lead_2")], vec![]),
    ] {
        let portal = Portal::new(Preset::Deals).await;
        let contact = portal.contact("maya@example.com").await;
        for key in keys {
            let reply = portal.post("/crm/objects/V/0-3", json!({"properties": deal(key)})).await;
            let id = reply.body["id"].as_str().unwrap().to_owned();
            let path = format!("/crm/objects/V/0-3/{id}/associations/default/0-1/{contact}");
            portal.call("PUT", &path, Value::Null).await;
        }
        assert_eq!(portal.finding_kinds(), kinds, "{keys:?}");
    }
    for (texts, kinds) in [(["Hi", "Hi"], vec![FindingKind::NoteDoubled]), (["Hi", "Hello"], vec![])] {
        let portal = Portal::new(Preset::Ready).await;
        let contact = portal.contact("maya@example.com").await;
        for text in texts {
            portal.note(&contact, text).await;
        }
        assert_eq!(portal.finding_kinds(), kinds);
    }
}

#[tokio::test]
async fn findings_tell_how_many_calls_a_lead_costs() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Ready).await;
    for lead in ["evt_1", "evt_2"] {
        let contact = portal.contact(&format!("{lead}@example.com")).await;
        portal.note(&contact, &format!("<p>Leadline {lead}/0</p>")).await;
    }
    let summary = portal.get("/_sim/findings").await.body;
    assert_eq!((&summary["leads"], &summary["calls_per_lead"]), (&json!(2), &json!(2.0)));
}

#[tokio::test]
async fn secret_of_nobody_is_a_finding_too() {
    proves!("S44", simulated);
    let portal = Portal::new(Preset::Bare).await.without_token();
    portal.get("/crm/owners/V?hapikey=abc").await;
    assert_eq!(
        portal.sim().findings().iter().map(|finding| (finding.portal, finding.kind)).collect::<Vec<_>>(),
        [(0, FindingKind::SecretInQuery)]
    );
}
