//! The whole state, saved and loaded again.

use hubspot_sim::{Clock, Fault, Options, Preset, Simulator};
use serde_json::{Value, json};

use crate::support::{NOW, Portal};

#[tokio::test]
async fn saved_state_goes_on_in_another_simulator() {
    proves!("S1", simulated);
    let portal = Portal::new(Preset::Strict).await;
    portal.sim().create_record(portal.id(), "0-1", &[("email", "maya@example.com"), ("phone", "1")]);
    portal.note("61001", "Hi").await;
    portal.sim().add_fault(Fault::status(503).on_path("/owners").times(1));
    portal.sim().set_portal_knobs(portal.id(), |knobs| knobs.association_page = 7);
    let file = std::env::temp_dir().join(format!("hubspot-sim-{}.json", std::process::id()));
    portal.sim().save(&file).unwrap();

    let options = Options { clock: Clock::Standing(NOW - 5), seed: 9, ..Options::default() };
    let other = Simulator::start(options).await.unwrap();
    other.load(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!((other.now(), other.call_count(), other.calls()), (NOW, 1, portal.sim().calls()));
    assert_eq!(other.records(portal.id(), "0-1"), portal.sim().records(portal.id(), "0-1"));
    assert_eq!(other.associations(portal.id(), "0-1", "61001", "0-46"), ["83001"]);

    let moved = portal.at(&other);
    assert_eq!(moved.get("/crm/owners/V").await.status, 503);
    let details = moved.get("/account-info/V/details").await;
    assert_eq!(format!("http://{}", details.body["uiDomain"].as_str().unwrap()), other.base_url());
    let long = moved.upsert(&[("maya@example.com", json!({"phone": "1".repeat(21)}))]).await;
    assert_eq!(long.status, 400, "the admin's rule is there");
    assert_eq!(moved.contact("maya@example.com").await, "61001");
}

#[tokio::test]
async fn state_is_taken_and_put_back_over_http() {
    proves!("S1", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.contact("maya@example.com").await;
    let state = portal.get("/_sim/state").await.body;
    portal.contact("noah@example.com").await;
    assert_eq!(portal.call("PUT", "/_sim/state", state).await.status, 200);
    assert_eq!(portal.sim().record_count(portal.id(), "0-1"), 1);
    assert_eq!(portal.contact("noah@example.com").await, "61002");
    assert_eq!(portal.call("PUT", "/_sim/state", json!({"mood": "good"})).await.status, 400);
}

#[tokio::test]
async fn loaded_state_gives_the_same_bytes_as_the_saved_one() {
    proves!("S2", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let state = portal.get("/_sim/state").await.body;
    let mut answers = Vec::new();
    for _ in 0..2 {
        portal.call("PUT", "/_sim/state", state.clone()).await;
        answers.push(
            portal
                .upsert(&[("maya@example.com", json!({})), ("noah@example.com", Value::Object(Default::default()))])
                .await
                .text,
        );
    }
    assert_eq!(answers[0], answers[1]);
}
