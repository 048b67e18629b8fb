//! Acts of people, by handle and over HTTP.

use hubspot_sim::{Act, FindingKind, Preset, Source};
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

#[tokio::test]
async fn person_creates_edits_and_archives() {
    proves!("S42", simulated);
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
async fn refused_act_panics() {
    proves!("S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let act = || portal.sim().create_record(portal.id(), "0-1", &[("no_such_property", "x")]);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("the portal refuses this"));
}

#[tokio::test]
async fn busy_portal_has_a_past() {
    proves!("S7", simulated);
    let portal = Portal::new(Preset::Busy).await;
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 4_999);
    let merged = portal.contact("person1@example.com").await;
    assert_eq!(portal.contact("person0@mail.example.org").await, merged);
}

#[tokio::test]
async fn presets_are_prepared_as_far_as_they_say() {
    proves!("S7", simulated);
    for (preset, own, key_of_deals, pipelines, required) in [
        (Preset::Bare, false, false, 1, 0),
        (Preset::Ready, true, false, 1, 0),
        (Preset::Strict, true, false, 1, 2),
        (Preset::Deals, true, true, 2, 0),
    ] {
        let portal = Portal::new(preset).await;
        let status = async |path: &str| portal.get(path).await.status == 200;
        assert_eq!(status("/crm/properties/V/0-1/leadline_lead_id").await, own, "{preset:?}");
        assert_eq!(status("/crm/properties/V/0-3/leadline_deal_key").await, key_of_deals, "{preset:?}");
        assert!(status("/crm/properties/V/0-1/hs_lead_status").await);
        assert_eq!(portal.get("/crm/pipelines/V/0-3").await.results(), pipelines, "{preset:?}");
        assert_eq!(portal.get("/crm/property-validations/V/0-1").await.results(), required, "{preset:?}");
        assert_eq!(portal.get("/crm/owners/V").await.results(), 2);
    }
}

#[tokio::test]
async fn acts_work_over_http() {
    proves!("S42", simulated);
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

fn named(name: &str) -> String {
    name.to_owned()
}

#[tokio::test]
async fn erased_contact_is_gone_for_good() {
    proves!("S32, S42, S44", simulated);
    for by_call in [true, false] {
        let portal = Portal::new(Preset::Ready).await;
        let id = portal.contact("maya@example.com").await;
        if by_call {
            let reply = portal.post("/crm/objects/V/0-1/gdpr-delete", json!({"objectId": id})).await;
            assert_eq!((reply.status, portal.finding_kinds()), (204, vec![]));
        } else {
            portal.sim().act(portal.id(), Act::EraseContact { contact: id.clone() });
        }
        for path in [format!("/crm/objects/V/0-1/{id}"), format!("/crm/objects/V/0-1/{id}?archived=true")] {
            assert_eq!(portal.get(&path).await.status, 404, "{path}");
        }
        assert!(portal.sim().records(portal.id(), "0-1")[0].history.is_empty());
        let restore = json!({"act": "restore_record", "object_type": "0-1", "id": id});
        assert_eq!(portal.post("/_sim/acts", restore).await.status, 404);
        assert_eq!(portal.finding_kinds(), []);
        assert_ne!(portal.contact("maya@example.com").await, id);
        assert_eq!(portal.finding_kinds(), [FindingKind::ErasedWritten]);
    }
}

#[tokio::test]
async fn erasure_is_by_id_or_address_and_of_contacts_only() {
    proves!("S32");
    let portal = Portal::any().await;
    let address = fresh("maya");
    portal.contact(&address).await;
    for (path, body, status) in [
        ("/crm/objects/V/0-1/gdpr-delete", json!({"objectId": "999999999"}), 404),
        ("/crm/objects/V/0-1/gdpr-delete", json!({"objectId": "1", "idProperty": "phone"}), 400),
        ("/crm/objects/V/0-3/gdpr-delete", json!({"objectId": "1"}), 404),
        ("/crm/objects/V/0-1/gdpr-delete", json!({"objectId": address, "idProperty": "email"}), 204),
    ] {
        assert_eq!(portal.post(path, body.clone()).await.status, status, "{path} {body}");
    }
}

#[tokio::test]
async fn admin_changes_a_property_under_the_integration() {
    proves!("S16, S42", simulated);
    let (object_type, property) = (|| named("0-1"), || named("budget_range"));
    let rule = |rule: &str, argument: &str| (named(rule), named(argument));
    for (act, value, code) in [
        (
            Act::SetReadOnly { object_type: object_type(), property: property(), read_only: true },
            "x",
            "READ_ONLY_VALUE",
        ),
        (
            Act::ChangeType {
                object_type: object_type(),
                property: property(),
                kind: named("number"),
                field_type: named("number"),
            },
            "x",
            "INVALID_INTEGER",
        ),
        (Act::ArchiveProperty { object_type: object_type(), name: property() }, "x", "PROPERTY_DOESNT_EXIST"),
        (
            {
                let (rule, argument) = rule("MAX_LENGTH", "2");
                Act::AddRule { object_type: object_type(), property: property(), rule, argument }
            },
            "xyz",
            "INVALID_FORMAT",
        ),
        (
            Act::RemoveOption { object_type: object_type(), property: named("lead_priority"), value: named("low") },
            "low",
            "INVALID_OPTION",
        ),
    ] {
        let portal = Portal::new(Preset::Ready).await;
        let name = if code == "INVALID_OPTION" { named("lead_priority") } else { property() };
        portal.sim().act(portal.id(), act.clone());
        let reply = portal.upsert(&[("maya@example.com", json!({ &name: value }))]).await;
        assert_eq!(reply.details(), [(code.to_owned(), name)], "{act:?}");
    }
}

#[tokio::test]
async fn admin_takes_a_change_back() {
    proves!("S42", simulated);
    let (object_type, property) = (|| named("0-1"), || named("phone"));
    let write = json!({"lead_priority": "high", "region": "north", "phone": "1".repeat(21), "zip": "33101"});
    let portal = Portal::new(Preset::Strict).await;
    portal.sim().create_record(portal.id(), "0-1", &[("email", "maya@example.com")]);
    assert_eq!(portal.upsert(&[("maya@example.com", write.clone())]).await.status, 400);
    for (act, status) in [
        (
            Act::ChangeRule {
                object_type: object_type(),
                property: property(),
                rule: named("MAX_LENGTH"),
                argument: named("30"),
            },
            200,
        ),
        (
            Act::ChangeRule {
                object_type: object_type(),
                property: property(),
                rule: named("MAX_LENGTH"),
                argument: named("3"),
            },
            400,
        ),
        (Act::RemoveRules { object_type: object_type(), property: property() }, 200),
        (Act::ArchiveProperty { object_type: object_type(), name: property() }, 400),
        (Act::RestoreProperty { object_type: object_type(), name: property() }, 200),
    ] {
        portal.sim().act(portal.id(), act.clone());
        assert_eq!(portal.upsert(&[("maya@example.com", write.clone())]).await.status, status, "{act:?}");
    }
    let new = [("noah@example.com", json!({"firstname": "Noah"}))];
    assert_eq!(portal.upsert(&new).await.status, 400);
    portal.sim().act(portal.id(), Act::ReleaseProperty { object_type: object_type(), property: named("region") });
    assert_eq!(portal.upsert(&new).await.status, 200);
}

#[tokio::test]
async fn renamed_option_keeps_its_value() {
    proves!("S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let (value, label) = (named("high"), named("Very high"));
    let act = Act::RenameOption { object_type: named("0-1"), property: named("lead_priority"), value, label };
    portal.sim().act(portal.id(), act);
    for (value, status) in [("high", 200), ("Very high", 400)] {
        assert_eq!(portal.upsert(&[("maya@example.com", json!({"lead_priority": value}))]).await.status, status);
    }
}

#[tokio::test]
async fn sensitive_property_is_hidden_until_asked_for() {
    proves!("S38, S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let act = Act::SetSensitive { object_type: named("0-1"), property: named("budget_range"), sensitive: true };
    portal.sim().act(portal.id(), act);
    assert_eq!(portal.get("/crm/properties/V/0-1/budget_range").await.status, 404);
    let listed = portal.get("/crm/properties/V/0-1?dataSensitivity=sensitive").await;
    assert_eq!((listed.results(), listed.first("/name")), (1, named("budget_range")));
}

#[tokio::test]
async fn pipelines_and_stages_change() {
    proves!("S39, S42", simulated);
    let new = json!({"properties": {"dealname": "RAV4", "pipeline": "new-vehicles", "dealstage": "offer"}});
    let (pipeline, stage) = (|| named("new-vehicles"), || named("offer"));
    let portal = Portal::new(Preset::Deals).await;
    for (act, status) in [
        (Act::LockStage { pipeline: pipeline(), stage: stage(), locked: true }, 400),
        (Act::LockStage { pipeline: pipeline(), stage: stage(), locked: false }, 201),
        (Act::ArchivePipeline { pipeline: pipeline() }, 400),
        (Act::RestorePipeline { pipeline: pipeline() }, 201),
        (Act::ArchiveStage { pipeline: pipeline(), stage: stage() }, 400),
    ] {
        portal.sim().act(portal.id(), act.clone());
        assert_eq!(portal.post("/crm/objects/V/0-3", new.clone()).await.status, status, "{act:?}");
    }
    portal.sim().act(portal.id(), Act::AddStage { pipeline: pipeline(), stage: named("lease"), label: named("Lease") });
    let lease = json!({"properties": {"dealname": "RAV4", "pipeline": "new-vehicles", "dealstage": "lease"}});
    assert_eq!(portal.post("/crm/objects/V/0-3", lease).await.status, 201);
}

#[tokio::test]
async fn owners_come_and_go() {
    proves!("S39, S42", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let deal = async || {
        let body = json!({"properties": {"dealname": "RAV4", "hubspot_owner_id": "910050"}});
        portal.post("/crm/objects/V/0-3", body).await.status
    };
    assert_eq!(deal().await, 400);
    let (email, name) = (named("ada@dealer.example.com"), named("Ada Long"));
    portal.sim().act(portal.id(), Act::AddOwner { id: 910_050, user_id: 90, email, name });
    assert_eq!(deal().await, 201);
    portal.sim().act(portal.id(), Act::ArchiveOwner { id: 910_050 });
    assert_eq!(deal().await, 400);
}

#[tokio::test]
async fn secondary_address_conflicts_like_the_primary_one() {
    proves!("S19, S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().act(portal.id(), Act::AddAddress { contact: id.clone(), address: named("second@example.com") });
    let reply = portal.post("/crm/objects/V/0-1", json!({"properties": {"email": "Second@example.com"}})).await;
    assert_eq!(reply.status, 409);
    assert!(reply.body["message"].as_str().unwrap().ends_with(&format!("Existing ID: {id}")));
    assert_eq!(reply.body["context"], Value::Null);
}
