//! Tokens: refreshed in time, by one, and blamed on nobody but who is to blame.

use std::time::Duration;

use hubspot_sim::{Act, Fault, Preset};
use leadline::connection::{access, session};
use leadline::hubspot::CONTACT;
use leadline::model::account::ConnectionState;
use serde_json::json;

use super::{
    CLIENT_ID, CLIENT_SECRET, consented, finish, fresh, hubspot_app, port, reconnect, start, token_calls, tokens,
};
use crate::support::{Dealer, TestApp, lead};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_token_is_refreshed_before_it_expires_and_no_lead_meets_a_401() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let before = tokens(&app, &dealer).await;
    app.advance(25 * MINUTE - Duration::from_secs(1));
    let early = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!((app.fate(&early).await.as_str(), token_calls(&app)), ("delivered, 1 attempts", 1));
    app.advance(MINUTE + Duration::from_secs(1));
    let late = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!((app.fate(&late).await.as_str(), token_calls(&app)), ("delivered, 1 attempts", 2));
    let after = tokens(&app, &dealer).await;
    assert!(after.0 != before.0 && after.1 == before.1);
    assert!(app.hubspot.calls().iter().all(|call| call.status != 401));
    finish(app).await;
}

#[tokio::test]
async fn refresh_tokens_that_change_with_every_use_are_kept() {
    let app = start().await;
    app.hubspot.set_knobs(|knobs| knobs.rotate_refresh = true);
    let dealer = consented(&app, "acme").await;
    let mut seen = vec![tokens(&app, &dealer).await.1];
    for name in ["ana", "bob", "cleo", "dan"] {
        app.advance(40 * MINUTE);
        let event = app.send_lead(&dealer, name).await;
        app.run_until_idle().await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
        let token = tokens(&app, &dealer).await.1;
        assert!(!seen.contains(&token));
        seen.push(token);
    }
    finish(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_need_a_token_at_once_make_one_token_call() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.advance(45 * MINUTE);
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let before = token_calls(&app);
    let mut sessions = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (store, hubspot, clock) = (app.app.store.clone(), app.app.hubspot.clone(), app.app.clock.clone());
        let connection = dealer.connection.clone();
        sessions.spawn(async move { session::open(&store, &hubspot, &connection, &*clock).await.map(drop) });
    }
    app.deliver_once().await;
    for opened in sessions.join_all().await {
        opened.unwrap();
    }
    assert_eq!(token_calls(&app) - before, 1);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}

#[tokio::test]
async fn a_401_alone_proves_nothing() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.advance(5 * MINUTE);
    app.hubspot.add_fault(Fault::status(401).on_path("0-1/batch/upsert").times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!((app.fate(&event).await.as_str(), token_calls(&app)), ("delivered, 1 attempts", 2));
    // Nor do two, while HubSpot says that the refresh token counts.
    app.advance(5 * MINUTE);
    app.hubspot.add_fault(Fault::status(401).on_path("0-1/batch/upsert"));
    let event = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending, 0 attempts"), "{}", app.fate(&event).await);
    app.advance(MINUTE / 2);
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending, 0 attempts"), "{}", app.fate(&event).await);
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::Connected);
    app.hubspot.clear_faults();
    app.advance(5 * MINUTE);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}

/// Leads of one person, so that their order shows.
async fn send_of_one_person(
    app: &TestApp,
    dealer: &Dealer,
    years: std::ops::Range<i32>,
) -> Vec<leadline::model::id::EventId> {
    let mut events = Vec::new();
    for year in years {
        let mut data = lead("maya");
        (data["id"], data["vehicle"]["year"]) = (json!(format!("lead_{year}")), json!(year));
        events.push(app.send(dealer, &format!("msg_{year}"), data).await);
    }
    events
}

#[tokio::test]
async fn an_access_that_ends_under_load_holds_everything_and_a_reconnect_sends_it_in_order() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let names: Vec<_> = (0..150).map(|number| format!("guest{number}")).collect();
    app.send_many(&dealer, names.iter().map(|name| (format!("msg_{name}"), lead(name)))).await;
    app.plan().await;
    app.deliver_once().await;
    app.hubspot.act(dealer.portal(), Act::UninstallApp { client_id: CLIENT_ID.to_owned() });
    let events = send_of_one_person(&app, &dealer, 2000..2020).await;
    app.run_until_idle().await;
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::ReconnectRequired);
    for event in &events {
        assert!(app.fate(event).await.starts_with("blocked, 0 attempts (auth."), "{}", app.fate(event).await);
    }
    let issues = app.app.store.issues(Some(&dealer.account.id)).await.unwrap();
    assert_eq!((issues.len(), issues[0].held), (1, 70), "{issues:#?}");
    let waiting = app.app.store.waiting_leads(&dealer.connection).await.unwrap();
    assert_eq!((waiting.pending, waiting.blocked), (0, 70), "everything waits, and nothing failed");

    reconnect(&app, &dealer).await;
    app.run_through(app.now() + 10 * MINUTE).await;
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 151);
    let maya = app
        .hubspot
        .records(dealer.portal(), CONTACT)
        .into_iter()
        .find(|record| record.properties["email"] == "maya@example.com")
        .unwrap();
    assert!(
        maya.properties["vehicle_of_interest"].contains("2019"),
        "the newest lead came last: {:?}",
        maya.properties
    );
    assert_eq!(fresh(&app, &dealer).await.problem, None);
    finish(app).await;
}

#[tokio::test]
async fn a_deleted_portal_is_told_from_a_revoked_access() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.hubspot.act(dealer.portal(), Act::DeletePortal);
    app.advance(40 * MINUTE);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(
        app.fate(&event).await.starts_with("blocked, 0 attempts (auth.app_uninstalled)"),
        "{}",
        app.fate(&event).await
    );
    finish(app).await;
}

#[tokio::test]
async fn an_app_that_hubspot_refuses_disconnects_nobody() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.hubspot.add_app(hubspot_app(port(&app), "rotated at HubSpot, forgotten here"));
    app.advance(40 * MINUTE);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("pending, 0 attempts") && fate.contains("app.config"), "{fate}");
    let connection = fresh(&app, &dealer).await;
    assert_eq!(connection.state, ConnectionState::Connected);
    assert_eq!(connection.problem.unwrap().code.as_str(), "app.config");
    let calls = token_calls(&app);
    app.run_until_idle().await;
    assert_eq!(token_calls(&app), calls, "HubSpot is left alone for a minute");

    app.hubspot.add_app(hubspot_app(port(&app), CLIENT_SECRET));
    app.advance(2 * MINUTE);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(fresh(&app, &dealer).await.problem, None);
    finish(app).await;
}

#[tokio::test]
async fn a_token_call_that_fails_for_a_while_costs_no_attempt() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.hubspot.add_fault(Fault::status(503).on_path("/token"));
    app.advance(27 * MINUTE);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "the old token is good for three minutes yet");
    app.advance(10 * MINUTE);
    let event = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending, 0 attempts"), "{}", app.fate(&event).await);
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::Connected);
    app.hubspot.clear_faults();
    app.advance(MINUTE);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}

#[tokio::test]
async fn an_uninstall_in_a_quiet_time_is_seen_within_a_day() {
    let app = start().await;
    let (gone, stays) = (consented(&app, "acme").await, consented(&app, "other").await);
    app.hubspot.act(gone.portal(), Act::UninstallApp { client_id: CLIENT_ID.to_owned() });
    let look = async |dealer: &Dealer| {
        let (store, hubspot) = (&app.app.store, &app.app.hubspot);
        access::introspect(store, hubspot, hubspot.app(), &dealer.connection, app.now()).await.unwrap();
        fresh(&app, dealer).await.state
    };
    assert_eq!(look(&gone).await, ConnectionState::Connected, "asked once a day");
    app.advance(24 * 60 * MINUTE);
    assert_eq!(look(&gone).await, ConnectionState::ReconnectRequired);
    assert_eq!(look(&stays).await, ConnectionState::Connected);
    assert_eq!(fresh(&app, &gone).await.problem.unwrap().code.as_str(), "auth.revoked");
    finish(app).await;
}

#[tokio::test]
async fn a_static_token_that_is_refused_has_to_be_replaced() {
    let app = start().await;
    let dealer = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    app.hubspot.revoke_token(dealer.portal());
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("blocked, 0 attempts (auth.revoked)"), "{}", app.fate(&event).await);
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::ReconnectRequired);
    // By consent is as good as with another token.
    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}
