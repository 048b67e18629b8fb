//! Creating contacts and deals, and updating them by batch.

use hubspot_sim::{Act, FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

async fn deal(portal: &Portal, properties: Value) -> crate::support::Reply {
    portal.post("/crm/objects/V/0-3", json!({"properties": properties})).await
}

#[tokio::test]
async fn plain_create_of_a_known_address_names_the_contact() {
    proves!("S27");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let body = json!({"properties": {"email": address}});
    let created = portal.post("/crm/objects/V/0-1", body.clone()).await;
    assert_eq!((created.status, &created.body["properties"]["email"]), (201, &json!(address)));
    let again = portal.post("/crm/objects/V/0-1", body.clone()).await;
    let id = created.body["id"].as_str().unwrap();
    assert_eq!((again.status, &again.body["category"]), (409, &json!("CONFLICT")));
    assert!(again.body["message"].as_str().unwrap().ends_with(&format!("Existing ID: {id}")));
    let batch = portal.post("/crm/objects/V/0-1/batch/create", json!({"inputs": [body]})).await;
    assert_eq!(batch.status, 409);
}

#[tokio::test]
async fn deal_without_pipeline_is_in_the_default_one() {
    proves!("S39");
    let portal = Portal::any().await;
    let reply = deal(&portal, json!({"dealname": "RAV4", "dealstage": "contractsent"})).await;
    assert_eq!((reply.status, &reply.body["properties"]["pipeline"]), (201, &json!("default")));
}

#[tokio::test]
async fn stage_must_be_in_the_pipeline() {
    proves!("S39", simulated);
    for (pipeline, stage, code) in [
        ("new-vehicles", "offer", None),
        ("New Vehicles", "offer", Some("INVALID_PIPELINE_ID")),
        ("default", "offer", Some("INVALID_PIPELINE_STAGE_ID")),
        ("new-vehicles", "Offer Made", Some("INVALID_PIPELINE_STAGE_ID")),
    ] {
        let portal = Portal::new(Preset::Deals).await;
        let reply = deal(&portal, json!({"dealname": "RAV4", "pipeline": pipeline, "dealstage": stage})).await;
        assert_eq!(reply.details().first().map(|(code, _)| code.as_str()), code, "{pipeline} {stage}");
    }
}

#[tokio::test]
async fn archived_stage_takes_no_deals() {
    proves!("S39", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let act = Act::ArchiveStage { pipeline: "new-vehicles".to_owned(), stage: "offer".to_owned() };
    portal.sim().act(portal.id(), act);
    let reply = deal(&portal, json!({"dealname": "RAV4", "pipeline": "new-vehicles", "dealstage": "offer"})).await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn code_of_a_bad_stage_is_a_knob() {
    proves!("S39", simulated);
    let portal = Portal::new(Preset::Deals).await.knob(|knobs| knobs.bad_stage_code = "INVALID_OPTION".to_owned());
    let reply = deal(&portal, json!({"dealname": "RAV4", "dealstage": "offer"})).await;
    assert_eq!(reply.details(), [("INVALID_OPTION".to_owned(), "dealstage".to_owned())]);
}

#[tokio::test]
async fn record_takes_active_owners_by_their_id() {
    proves!("S39", simulated);
    for (owner, status) in [("910042", 201), ("77", 400), ("910044", 400), ("nobody", 400)] {
        let portal = Portal::new(Preset::Deals).await;
        assert_eq!(
            deal(&portal, json!({"dealname": "RAV4", "hubspot_owner_id": owner})).await.status,
            status,
            "{owner}"
        );
    }
}

#[tokio::test]
async fn amount_has_no_thousands_mark() {
    proves!("S16");
    for (amount, status) in [("28500.5", 201), ("28,500", 400), ("28500 USD", 400)] {
        let portal = Portal::any().await;
        assert_eq!(deal(&portal, json!({"dealname": "RAV4", "amount": amount})).await.status, status, "{amount}");
    }
}

#[tokio::test]
async fn batch_update_changes_records_by_id_and_creates_none() {
    proves!("S24", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    let update = |id: &str| json!({"inputs": [{"id": id, "properties": {"firstname": "Maya"}}]});
    let reply = portal.post("/crm/objects/V/0-1/batch/update", update(&id)).await;
    assert_eq!((reply.status, reply.first("/properties/firstname")), (200, "Maya".to_owned()));
    assert_eq!(portal.post("/crm/objects/V/0-1/batch/update", update("999")).await.status, 404);
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 1);
}

#[tokio::test]
async fn batch_update_by_address_without_id_property_is_a_silent_no_op() {
    proves!("S30", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    let body = json!({"inputs": [{"id": "maya@example.com", "properties": {"firstname": "Maya"}}]});
    let reply = portal.post("/crm/objects/V/0-1/batch/update", body).await;
    assert_eq!((reply.status, reply.results()), (200, 0));
    assert_eq!(portal.value(&id, "firstname").await, Value::Null);
    assert_eq!(portal.finding_kinds(), [FindingKind::SilentNoOp]);
}
