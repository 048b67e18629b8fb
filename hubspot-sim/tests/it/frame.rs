//! What every call has in common: versions, tokens, content types, the envelope of errors.

use hubspot_sim::{Clock, Options, Preset, Simulator};
use serde_json::{Value, json};

use crate::support::{NOW, Portal, fresh};

#[tokio::test]
async fn only_dated_versions_and_type_ids_are_served() {
    proves!("S4");
    let portal = Portal::any().await;
    for (path, status) in [
        ("/crm/properties/2026-03/0-1", 200),
        ("/crm/properties/2026-09/0-1", 200),
        ("/crm/properties/2027-03/0-1", 404),
        ("/crm/v3/properties/contacts", 404),
        ("/crm/properties/2026-09/contacts", 404),
        ("/crm/objects/2026-09/contacts/1", 404),
        ("/oauth/v1/access-tokens/x", 404),
        ("/crm/nothing/2026-09/here", 404),
    ] {
        let reply = portal.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body["category"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn call_without_a_known_token_is_401() {
    proves!("S11");
    let portal = Portal::any().await.without_token();
    let reply = portal.get("/account-info/V/details").await;
    assert_eq!((reply.status, &reply.body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn revoked_token_is_401_until_it_is_restored() {
    proves!("S11, S42", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().revoke_token(portal.id());
    assert_eq!(portal.get("/account-info/V/details").await.status, 401);
    portal.sim().restore_token(portal.id());
    assert_eq!(portal.get("/account-info/V/details").await.status, 200);
}

#[tokio::test]
async fn body_needs_the_content_type() {
    proves!("S5", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let url = format!("{}/crm/objects/2026-09/0-1/batch/read", portal.sim().base_url());
    let token = portal.sim().add_portal(Preset::Bare, "other").access_token;
    let response = reqwest::Client::new().post(url).bearer_auth(token).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn body_is_taken_literally() {
    proves!("S5, S17");
    let portal = Portal::any().await;
    let address = fresh("maya");
    for properties in
        [json!({"email": null}), json!({"email": 7}), json!({"email": ["a"]}), json!("email"), Value::Null]
    {
        let reply = portal.upsert(&[(&address, properties.clone())]).await;
        assert_eq!(reply.status, 400, "{properties}");
    }
    let unknown = json!({"inputs": [{"id": address, "idProperty": "email", "properties": {}, "colour": "red"}]});
    assert_eq!(portal.post("/crm/objects/V/0-1/batch/upsert", unknown).await.status, 400);
}

#[tokio::test]
async fn every_answer_has_a_correlation_id() {
    proves!("S6");
    let portal = Portal::any().await;
    let good = portal.get("/account-info/V/details").await;
    assert!(!good.header("x-hubspot-correlation-id").is_empty());
    let bad = portal.get("/crm/properties/V/0-1/no_such_property").await;
    assert_eq!(bad.body["correlationId"], bad.header("x-hubspot-correlation-id"));
    assert_eq!((bad.status, &bad.body["category"]), (404, &json!("OBJECT_NOT_FOUND")));
}

#[tokio::test]
async fn errors_can_be_sparse() {
    proves!("S6", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.sparse_errors = true);
    let mut without_category = 0;
    for _ in 0..20 {
        let reply = portal.get("/crm/properties/V/0-1/no_such_property").await;
        assert_eq!((reply.status, &reply.body["status"]), (404, &json!("error")));
        without_category += usize::from(reply.body["category"].is_null());
    }
    assert!((1..20).contains(&without_category));
}

#[tokio::test]
async fn answers_can_have_unknown_fields() {
    proves!("S6", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.extra_fields = true);
    let reply = portal.get("/crm/owners/V").await;
    assert!(reply.body["addedLater"].is_object() && reply.body["results"][0]["addedLater"].is_object());
}

#[tokio::test]
async fn same_seed_clock_and_calls_give_the_same_bytes() {
    proves!("S2", simulated);
    let mut answers = Vec::new();
    for seed in [5, 5, 6] {
        let options = Options { seed, clock: Clock::Standing(NOW), ..Options::default() };
        let portal = Portal::with(Preset::Ready, options).await;
        let contacts: Vec<_> = (0..20).map(|at| (format!("c{at}@example.com"), json!({}))).collect();
        let contacts: Vec<_> =
            contacts.iter().map(|(address, properties)| (address.as_str(), properties.clone())).collect();
        let reply = portal.upsert(&contacts).await;
        answers.push((reply.text.clone(), reply.header("x-hubspot-correlation-id").to_owned()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn only_loopback_addresses_are_served() {
    proves!("S1", simulated);
    let options = Options { address: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    assert!(Simulator::start(options).await.is_err());
}

#[tokio::test]
async fn address_longer_than_8_kib_is_414() {
    proves!("S31");
    let portal = Portal::any().await;
    let reply = portal.get(&format!("/crm/objects/V/0-1/1?properties={}", "x".repeat(8 << 10))).await;
    assert_eq!(reply.status, 414);
}

#[tokio::test]
async fn simulator_ends_with_its_last_handle() {
    proves!("S1", simulated);
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let (url, clone) = (simulator.base_url(), simulator.clone());
    drop(simulator);
    assert!(reqwest::get(&url).await.is_ok());
    drop(clone);
    tokio::task::yield_now().await;
    assert!(reqwest::get(&url).await.is_err());
}

#[tokio::test]
async fn stopped_simulator_answers_nobody() {
    proves!("S1", simulated);
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let url = simulator.base_url();
    assert!(reqwest::get(&url).await.is_ok());
    simulator.stop().await;
    assert!(reqwest::get(&url).await.is_err());
}
