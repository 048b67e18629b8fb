//! A lane, an account or everything stands still while somebody says so, and nothing is lost.

use std::time::Duration;

use leadline::deliver::deliver_next;
use leadline::model::lane::{LaneKind, PauseScope, Step};
use serde_json::{Value, json};

use crate::support::TestApp;

async fn post(app: &TestApp, path: &str) -> (u16, Value) {
    let response = app.operator().post(format!("{}{path}", app.address)).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_paused_account_takes_events_in_and_sends_them_when_it_is_resumed() {
    let app = TestApp::start().await;
    let (paused, other) = (app.connected("acme").await, app.connected("other").await);
    let before = app.send_lead(&paused, "ana").await;
    app.plan().await;
    let (code, text) = app.command(&["account", "pause", "acme"]).await;
    assert!(code == 0 && text.starts_with("Account `acme` is paused."), "{text}");
    let (_, text) = app.command(&["account", "show", "acme"]).await;
    assert!(text.contains("  paused since "), "{text}");

    let app = app.restart().await;
    let after = app.send_lead(&paused, "bob").await;
    let others = app.send_lead(&other, "cyd").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&after).await, "received");
    assert!(app.fate(&before).await.starts_with("pending, 0 attempts"));
    assert_eq!(app.fate(&others).await, "delivered, 1 attempts");
    let store = &app.app.store;
    assert_eq!(store.next_due(LaneKind::Plan, app.now()).await.unwrap(), None, "nobody waits for what is paused");

    let (code, _) = app.command(&["account", "resume", "acme"]).await;
    assert_eq!(code, 0);
    app.run_until_idle().await;
    for event in [before, after] {
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    }
    assert_eq!(app.command(&["account", "resume", "acme"]).await.0, 6, "it is not paused");
    app.finish().await;
}

#[tokio::test]
async fn everything_is_paused_and_resumed_over_http_and_a_narrower_pause_stays() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let lane = dealer.connection.id.to_string();
    assert_eq!(post(&app, &format!("/v1/lanes/{lane}/pause")).await.0, 200);
    let (status, paused) = post(&app, "/v1/lanes/pause").await;
    let account = dealer.account.id.to_string();
    let since = paused["data"][0]["since"].clone();
    let expected =
        json!([{ "scope": "all", "since": since }, { "scope": { "lane": [account, lane] }, "since": since }]);
    assert_eq!((status, &paused["data"]), (200, &expected));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "received");
    post(&app, "/v1/lanes/resume").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending, 0 attempts"), "the lane's own pause stays");
    let listed: Value = app
        .operator()
        .get(format!("{}/v1/lanes?account=acme", app.address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let shown = listed["data"].as_array().unwrap().iter().find(|shown| shown["id"] == lane.as_str()).unwrap();
    let told = ["kind", "account", "firsts", "retries", "due", "held", "rest"].map(|name| shown[name].clone());
    assert_eq!(json!(told), json!(["deliver", "acme", 1, 0, 1, null, null]));
    assert_eq!(shown["paused_since"], since);
    post(&app, &format!("/v1/lanes/{lane}/resume")).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let (status, missing) = post(&app, "/v1/lanes/con_none/pause").await;
    assert_eq!((status, missing["detail"].as_str()), (404, Some("there is no lane `con_none`")));
    app.finish().await;
}

#[tokio::test]
async fn a_pause_lets_the_round_that_is_under_way_finish() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let before = app.hubspot.call_count();
    let round = deliver_next(&app.app.store, &app.app.hubspot, "test", &app.app.clock);
    let pause = async {
        assert!(app.hubspot.wait_for_calls(before, Duration::from_secs(10)).await);
        app.app.store.pause(&PauseScope::All, app.now()).await.unwrap();
    };
    let (step, ()) = tokio::join!(round, pause);
    assert_eq!(step.unwrap(), Step::Worked);
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn the_command_lists_lanes_with_what_waits_who_holds_them_and_what_stands_still() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.send_lead(&dealer, "ana").await;
    app.send_lead(&dealer, "bob").await;
    app.plan().await;
    app.app.store.lease_lanes(LaneKind::Deliver, "somebody", 1, app.now()).await.unwrap();
    let lanes = app.app.store.lanes(Some(&dealer.account.id), app.now()).await.unwrap();
    let lane = lanes.iter().find(|lane| lane.id == dealer.connection.id.as_str()).unwrap();
    assert_eq!((lane.firsts, lane.retries, lane.due), (2, 0, 2));
    assert_eq!(lane.held, Some(("somebody".to_owned(), app.now() + leadline::lane::LEASE)));
    let (code, text) = app.command(&["lane", "pause", "--all"]).await;
    assert!(code == 0 && text.starts_with("Everything is paused. Calls that are under way are finished"), "{text}");
    let (code, text) = app.command(&["lane", "list", "--account", "acme"]).await;
    assert!(code == 0 && text.contains("paused since") && text.contains(dealer.connection.id.as_str()), "{text}");
    assert_eq!(app.command(&["lane", "resume", "--all"]).await.0, 0);
    app.app.store.void_leases().await.unwrap();
    app.run_until_idle().await;
    app.finish().await;
}
