//! Looking at what a simulator holds, and steering it over HTTP.

use std::time::Duration;

use hubspot_sim::{Options, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal};

#[tokio::test]
async fn portals_are_added_and_listed() {
    proves!("S1", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let added = portal.post("/_sim/portals", json!({"preset": "deals", "name": "Harbor Cars"})).await;
    assert_eq!((added.status, &added.body["id"]), (200, &json!(portal.id() + 1)));
    assert!(added.body["access_token"].as_str().unwrap().starts_with("sim-4711002-"));
    let listed = portal.get("/_sim/portals").await;
    assert_eq!((&listed.body[1]["name"], listed.text.contains("sim-47")), (&json!("Harbor Cars"), false));
}

#[tokio::test]
async fn records_are_shown_with_history_and_links() {
    proves!("S43", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.contact("noah@example.com").await;
    let note = portal.note(&id, "Hi").await.first("/id");
    let listed = portal.get("/_sim/records/0-1?property=email&value=maya@example.com").await;
    assert_eq!((&listed.body["count"], listed.body["records"].as_array().unwrap().len()), (&json!(2), 1));
    let shown = portal.get(&format!("/_sim/records/0-1/{id}")).await;
    assert_eq!(shown.body["associations"]["0-46"], json!([note]));
    assert_eq!(shown.body["history"][0]["by"], "integration");
    assert_eq!(portal.get(&format!("/_sim/associations/0-46/{note}/0-1")).await.body, json!([id]));
    assert!(portal.get("/_sim/properties/0-1").await.body.as_array().unwrap().len() > 40);
}

#[tokio::test]
async fn calls_are_kept_in_a_ring_without_tokens() {
    proves!("S43", simulated);
    let portal = Portal::with(Preset::Ready, Options { calls_kept: 2, ..Options::default() }).await;
    for address in ["a@example.com", "b@example.com", "c@example.com"] {
        portal.contact(address).await;
    }
    let calls = portal.sim().calls();
    assert_eq!((calls.len(), calls[0].number, portal.sim().call_count()), (2, 2, 3));
    assert!(calls[1].body.contains("c@example.com") && calls[1].answer.contains("\"new\":true"));
    assert!(calls[1].applied && !calls[1].faulted && calls[1].status == 200);
    let listed = portal.get("/_sim/calls?after=2").await;
    assert_eq!((&listed.body["total"], listed.body["calls"].as_array().unwrap().len()), (&json!(3), 1));
    assert!(!listed.text.contains("sim-4711001-"));
}

#[tokio::test]
async fn knobs_faults_and_clock_are_set_over_http() {
    proves!("S3, S40", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let knobs = portal.call("PATCH", "/_sim/knobs", json!({"rate_limit": 7})).await;
    assert_eq!((knobs.status, &knobs.body["rate_limit"]), (200, &json!(7)));
    assert_eq!(portal.call("PATCH", "/_sim/knobs", json!({"mood": 7})).await.status, 400);
    assert_eq!(portal.get("/crm/owners/V").await.header("x-hubspot-ratelimit-max"), "7");
    portal.post("/_sim/faults", json!({"match": {"path": "/owners"}, "times": 1, "then": {"status": 500}})).await;
    assert_eq!(portal.get("/_sim/faults").await.body.as_array().unwrap().len(), 1);
    assert_eq!(portal.get("/crm/owners/V").await.status, 500);
    assert_eq!(portal.get("/_sim/faults").await.body, json!([]));
    portal.post("/_sim/clock", json!({"now_ms": NOW + 1_000})).await;
    assert_eq!(portal.sim().now(), NOW + 1_000);
    assert_eq!(portal.call("DELETE", "/_sim/findings", Value::Null).await.status, 200);
    assert_eq!(portal.get("/_sim/findings").await.body["findings"], json!([]));
}

#[tokio::test]
async fn apps_are_registered_over_http() {
    proves!("S8, S43", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let app = |redirect: &str| {
        json!({
            "name": "Leadline", "client_id": "app-1", "client_secret": "s3cret", "redirect_urls": [redirect],
            "required_scopes": ["oauth"], "optional_scopes": []})
    };
    for (redirect, status) in [("http://127.0.0.1:1/", 400), ("http://localhost:1/", 200)] {
        assert_eq!(portal.post("/_sim/apps", app(redirect)).await.status, status, "{redirect}");
    }
    portal.sim().install(portal.id(), "app-1", &["oauth"]);
    let act = json!({"act": "uninstall_app", "client_id": "app-1"});
    for (active, installed) in [(true, true), (false, false)] {
        let install = portal.get("/_sim/installs").await.body[0].clone();
        assert_eq!((&install["active"], &install["installed"]), (&json!(active), &json!(installed)));
        portal.post("/_sim/acts", act.clone()).await;
    }
}

#[tokio::test]
async fn waiting_ends_with_the_record_or_the_deadline() {
    proves!("S43", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let second = Duration::from_secs(5);
    let wait = portal.sim().wait_for_record(portal.id(), "0-1", ("email", "maya@example.com"), second);
    let (found, _) = tokio::join!(wait, portal.contact("maya@example.com"));
    assert_eq!(found.unwrap().properties["email"], "maya@example.com");
    assert!(portal.sim().wait_for_calls(0, second).await);
    assert!(!portal.sim().wait_for_calls(9, Duration::from_millis(1)).await);
    assert_eq!(portal.get("/_sim/wait?calls=0").await.body["total"], 1);
    assert_eq!(portal.get("/_sim/wait?calls=9&deadline_ms=1").await.status, 408);
}
