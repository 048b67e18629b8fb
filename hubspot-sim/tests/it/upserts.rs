//! Batch upsert: keys, duplicates, conflicts, and what is written when some inputs are bad.

use hubspot_sim::{Act, FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::{Portal, fresh};

const UPSERT: &str = "/crm/objects/V/0-1/batch/upsert";

#[tokio::test]
async fn upsert_creates_then_finds() {
    proves!("S24, S28");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let first = portal.upsert(&[(&address, json!({"email": address, "firstname": "Maya"}))]).await;
    assert_eq!((first.status, &first.body["results"][0]["new"]), (200, &json!(true)));
    let second = portal.upsert(&[(&address, json!({"lastname": "Lind"}))]).await;
    assert_eq!(second.body["results"][0]["new"], false);
    assert_eq!(second.first("/id"), first.first("/id"));
    assert_eq!(portal.value(&first.first("/id"), "firstname").await, "Maya");
}

#[tokio::test]
async fn address_is_stored_in_lower_case_and_found_in_any() {
    proves!("S19, S28");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let first = portal.upsert(&[(&address.to_uppercase(), json!({"email": address.to_uppercase()}))]).await;
    assert_eq!(first.first("/properties/email"), address);
    let second = portal.upsert(&[(&address, json!({"firstname": "Maya"}))]).await;
    assert_eq!(second.first("/id"), first.first("/id"));
}

#[tokio::test]
async fn results_come_in_another_order_without_trace_ids() {
    proves!("S28", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let addresses: Vec<_> = (0..30).map(|at| format!("c{at:02}@example.com")).collect();
    let contacts: Vec<_> = addresses.iter().map(|address| (address.as_str(), json!({}))).collect();
    let reply = portal.upsert_traced(&contacts).await;
    let shown: Vec<_> =
        reply.body["results"].as_array().unwrap().iter().map(|result| result["properties"]["email"].clone()).collect();
    assert_eq!(shown.len(), 30);
    assert_ne!(shown, addresses);
    assert!(reply.body["results"][0]["objectWriteTraceId"].is_null());
}

#[tokio::test]
async fn trace_ids_can_be_echoed() {
    proves!("S28", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.echo_trace = true);
    let reply = portal.upsert_traced(&[("maya@example.com", json!({}))]).await;
    assert_eq!(reply.first("/objectWriteTraceId"), "t0");
}

#[tokio::test]
async fn batch_has_1_to_100_inputs() {
    proves!("S24", simulated);
    let portal = Portal::new(Preset::Ready).await;
    for (count, status) in [(0, 400), (1, 200), (100, 200), (101, 400)] {
        let addresses: Vec<_> = (0..count).map(|at| format!("c{at}@example.com")).collect();
        let contacts: Vec<_> = addresses.iter().map(|address| (address.as_str(), json!({}))).collect();
        assert_eq!(portal.upsert(&contacts).await.status, status, "{count}");
    }
}

#[tokio::test]
async fn body_without_inputs_is_a_silent_no_op() {
    proves!("S30", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let reply = portal.post(UPSERT, json!({})).await;
    assert_eq!((reply.status, reply.results()), (200, 0));
    assert_eq!(portal.finding_kinds(), [FindingKind::SilentNoOp]);
}

#[tokio::test]
async fn key_must_be_an_address_or_unique() {
    proves!("S24");
    let portal = Portal::any().await;
    for (key, status) in [("phone", 400), ("hs_object_id", 400), ("no_such_property", 400), ("leadline_lead_id", 200)] {
        let input = json!({"id": fresh("key"), "idProperty": key, "properties": {"firstname": "Maya"}});
        let reply = portal.post(UPSERT, json!({"inputs": [input]})).await;
        assert_eq!(reply.status, status, "{key}: {}", reply.text);
    }
}

#[tokio::test]
async fn keys_of_one_request_are_the_same_property() {
    proves!("S24");
    let portal = Portal::any().await;
    let inputs = json!({"inputs": [
        {"id": fresh("a"), "idProperty": "email", "properties": {}},
        {"id": fresh("lead"), "idProperty": "leadline_lead_id", "properties": {"firstname": "B"}},
    ]});
    assert_eq!(portal.post(UPSERT, inputs).await.status, 400);
}

#[tokio::test]
async fn upsert_takes_no_associations() {
    proves!("S24");
    let portal = Portal::any().await;
    let inputs = json!({"inputs": [{"id": fresh("a"), "idProperty": "email", "properties": {}, "associations": []}]});
    assert_eq!(portal.post(UPSERT, inputs).await.status, 400);
}

#[tokio::test]
async fn upsert_by_record_id_never_creates() {
    proves!("S24");
    let portal = Portal::any().await;
    let id = portal.contact(&fresh("maya")).await;
    for (id, status) in [(id.as_str(), 200), ("999999999", 404)] {
        let input = json!({"id": id, "properties": {"firstname": "Maya"}});
        assert_eq!(portal.post(UPSERT, json!({"inputs": [input]})).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn repeated_id_refuses_the_batch() {
    proves!("S25");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let upper = format!(" {} ", address.to_uppercase());
    let reply = portal.upsert_traced(&[(&address, json!({})), (&upper, json!({}))]).await;
    assert_eq!((reply.status, &reply.body["context"]["ids"]), (400, &json!([address])));
    assert!(reply.body["message"].as_str().unwrap().contains("Duplicate IDs"));
}

#[tokio::test]
async fn two_keys_of_one_record_refuse_the_batch() {
    proves!("S25", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().act(portal.id(), Act::AddAddress { contact: id, address: "second@example.com".to_owned() });
    let reply = portal.upsert_traced(&[("maya@example.com", json!({})), ("second@example.com", json!({}))]).await;
    assert_eq!(
        (reply.status, &reply.body["context"]["ids"]),
        (400, &json!(["maya@example.com", "second@example.com"]))
    );
}

#[tokio::test]
async fn repeated_trace_id_refuses_the_batch() {
    proves!("S25");
    let portal = Portal::any().await;
    let input =
        |address: String| json!({"id": address, "idProperty": "email", "objectWriteTraceId": "t", "properties": {}});
    let reply = portal.post(UPSERT, json!({"inputs": [input(fresh("a")), input(fresh("b"))]})).await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn bad_input_with_traces_fails_alone() {
    proves!("S4, S26");
    for (version, status) in [("2026-03", 207), ("2026-09", 200)] {
        let portal = Portal::any().await.version(version);
        let (good, bad) = (fresh("good"), fresh("bad"));
        let reply = portal.upsert_traced(&[(&good, json!({})), (&bad, json!({"no_such_property": "x"}))]).await;
        assert_eq!((reply.status, reply.results()), (status, 1), "{version}");
        assert_eq!((&reply.body["numErrors"], reply.failed()), (&json!(1), vec!["t1".to_owned()]));
        let entry = &reply.body["errors"][0];
        assert_eq!(entry["category"], "VALIDATION_ERROR");
        assert!(entry["message"].as_str().unwrap().contains("PROPERTY_DOESNT_EXIST"));
    }
}

#[tokio::test]
async fn bad_input_without_traces_refuses_the_batch() {
    proves!("S26", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let reply =
        portal.upsert(&[("a@example.com", json!({})), ("b@example.com", json!({"no_such_property": "x"}))]).await;
    assert_eq!(
        (reply.status, reply.details()),
        (400, vec![("PROPERTY_DOESNT_EXIST".to_owned(), "no_such_property".to_owned())])
    );
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 0);
}

#[tokio::test]
async fn conflict_refuses_the_batch_and_names_the_other_contact() {
    proves!("S27", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let maya = portal.contact("maya@example.com").await;
    portal.contact("noah@example.com").await;
    let inputs = [("noah@example.com", json!({"email": "maya@example.com"})), ("new@example.com", json!({}))];
    let reply = portal.upsert_traced(&inputs).await;
    assert_eq!((reply.status, &reply.body["category"]), (409, &json!("CONFLICT")));
    assert!(reply.body["message"].as_str().unwrap().ends_with(&format!("Existing ID: {maya}")));
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 2);
    let portal = portal.knob(|knobs| knobs.conflict_partial = true);
    let reply = portal.upsert_traced(&inputs).await;
    assert_eq!((reply.results(), &reply.body["errors"][0]["context"]["existingId"]), (1, &json!([maya])));
}

#[tokio::test]
async fn unique_value_of_another_record_is_409_or_400() {
    proves!("S20", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.upsert(&[("maya@example.com", json!({"leadline_lead_id": "lead_1"}))]).await;
    let clash = [("noah@example.com", json!({"leadline_lead_id": "lead_1"}))];
    assert_eq!(portal.upsert(&clash).await.status, 409);
    let portal = portal.knob(|knobs| knobs.unique_clash_status = 400);
    assert_eq!(portal.upsert(&clash).await.status, 400);
}

#[tokio::test]
async fn unique_value_twice_in_a_batch_is_409() {
    proves!("S20", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let lead = json!({"leadline_lead_id": "lead_1"});
    let reply = portal.upsert_traced(&[("maya@example.com", lead.clone()), ("noah@example.com", lead)]).await;
    assert_eq!((reply.status, portal.sim().record_count(portal.id(), "0-1")), (409, 0));
}

#[tokio::test]
async fn secondary_address_finds_the_contact_and_email_renames_it() {
    proves!("S29", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().act(portal.id(), Act::AddAddress { contact: id.clone(), address: "second@example.com".to_owned() });
    let found = portal.upsert(&[("Second@example.com", json!({"firstname": "Maya"}))]).await;
    assert_eq!((found.first("/id"), found.first("/properties/email")), (id.clone(), "maya@example.com".to_owned()));
    assert_eq!(portal.finding_kinds(), []);
    let renamed = portal.upsert(&[("second@example.com", json!({"email": "second@example.com"}))]).await;
    assert_eq!((renamed.first("/id"), renamed.first("/properties/email")), (id, "second@example.com".to_owned()));
    assert_eq!(portal.finding_kinds(), [FindingKind::PrimaryRenamed]);
}

#[tokio::test]
async fn upsert_by_address_can_clear_what_it_does_not_send() {
    proves!("S29", simulated);
    for (clears, expected) in [(false, json!("Maya")), (true, Value::Null)] {
        let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.email_upsert_clears = clears);
        let id = portal.contact("maya@example.com").await;
        portal.upsert(&[("maya@example.com", json!({"firstname": "Maya"}))]).await;
        portal.upsert(&[("maya@example.com", json!({"lastname": "Lind"}))]).await;
        assert_eq!(portal.value(&id, "firstname").await, expected);
        assert_eq!(portal.value(&id, "email").await, "maya@example.com");
    }
}

#[tokio::test]
async fn archived_address_is_created_anew() {
    proves!("S32");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let old = portal.contact(&address).await;
    assert_eq!(portal.call("DELETE", &format!("/crm/objects/V/0-1/{old}"), Value::Null).await.status, 204);
    assert_ne!(portal.contact(&address).await, old);
}

#[tokio::test]
async fn deals_have_their_own_key() {
    proves!("S24", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let input = json!({"id": "lead_1", "idProperty": "leadline_deal_key", "properties": {
        "leadline_deal_key": "lead_1", "dealname": "RAV4 – Maya", "pipeline": "new-vehicles", "dealstage": "offer"}});
    for new in [true, false] {
        let reply = portal.post("/crm/objects/V/0-3/batch/upsert", json!({"inputs": [input]})).await;
        assert_eq!((reply.status, &reply.body["results"][0]["new"]), (200, &json!(new)));
    }
    assert_eq!(portal.sim().record_count(portal.id(), "0-3"), 1);
}

#[tokio::test]
async fn custom_objects_work_like_the_others() {
    proves!("S24", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().act(portal.id(), Act::AddObjectType { object_type: "2-77".to_owned(), label: "Vehicle".to_owned() });
    portal.sim().add_property(portal.id(), "2-77", hubspot_sim::NewProperty::text("vin", "VIN").unique());
    let input = json!({"id": "VIN1", "idProperty": "vin", "properties": {"vin": "VIN1"}});
    let reply = portal.post("/crm/objects/V/2-77/batch/upsert", json!({"inputs": [input]})).await;
    assert_eq!((reply.status, reply.first("/properties/vin")), (200, "VIN1".to_owned()));
}
