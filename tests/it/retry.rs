//! Retries over three days, in virtual time: by the timetable, and without an attempt where nobody is to blame.

use std::time::Duration;

use hubspot_sim::{Fault, FindingKind, Outage};
use leadline::hubspot::CONTACT;
use leadline::retry::{END, TIMETABLE};

use crate::support::{Dealer, NOON, TestApp, lead};

#[tokio::test]
async fn a_dead_hubspot_is_tried_by_the_timetable_for_three_days() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_through(NOON + END + Duration::from_secs(3600)).await;
    let fate = app.fate(&event).await;
    assert!(
        fate.starts_with("failed, 13 attempts (hubspot.server_error): gave up after 13 attempts in 72 hours"),
        "{fate}"
    );

    let shown = app.event(&event).await;
    let attempts = &shown.deliveries[0].attempts;
    assert_eq!(attempts.len(), 13);
    assert_eq!((attempts[0].at, attempts[12].at), (NOON, NOON + END));
    for (pair, wait) in attempts.windows(2).zip(TIMETABLE) {
        let waited = pair[1].at.since(pair[0].at).as_secs_f64();
        assert!(
            (waited - wait.as_secs_f64()).abs() <= wait.as_secs_f64() * 0.1 + 0.002,
            "waited {waited} s, not about {wait:?}"
        );
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 0);
    app.finish().await;
}

#[tokio::test]
async fn an_outage_of_a_day_loses_nothing_and_doubles_nothing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let day = Duration::from_secs(24 * 3600);
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: (NOON + day).0 }));
    let mut events = Vec::new();
    for number in 0..20 {
        events.push(app.send_lead(&dealer, &format!("person{number}")).await);
        app.run_until_idle().await;
    }
    app.run_through(NOON + END).await;
    for event in &events {
        let fate = app.fate(event).await;
        assert!(fate.starts_with("delivered"), "{fate}");
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 20);
    // A day of errors is more than the twentieth part of all calls.
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_rate_limit_costs_no_attempt_and_the_lane_rests() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(429).with_header("retry-after", "10").times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("pending, 0 attempts") && fate.contains("hubspot.rate_limited"), "{fate}");
    app.advance(Duration::from_secs(9));
    app.run_until_idle().await;
    assert_eq!(app.calls_for_leads().len(), 1, "the lane rests for the ten seconds that HubSpot asked for");
    app.advance(Duration::from_secs(1));
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn retry_after_moves_an_attempt_later() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503).with_header("retry-after", "120").times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("pending, 1 attempts, due at 2026-11-23T12:02:00Z"), "{fate}");
    app.advance(Duration::from_secs(120));
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 2 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_retry_goes_on_where_it_stopped() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(500).on_path("0-46/batch/create").times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let upserts = |app: &TestApp| app.hubspot.calls().iter().filter(|call| call.path.ends_with("batch/upsert")).count();
    assert_eq!(upserts(&app), 1);
    app.run_through(app.now() + Duration::from_secs(60)).await;
    assert_eq!(app.fate(&event).await, "delivered, 2 attempts");
    assert_eq!(upserts(&app), 1, "the contact was not written again");
    app.finish().await;
}

#[tokio::test]
async fn an_older_retry_of_a_person_holds_back_the_newer_leads_of_the_same_one_only() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(500).times(2));
    let first = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let mut again = crate::support::lead("ana");
    again["phone"] = serde_json::json!("(305) 555-0199");
    let second = app.send(&dealer, "msg_again", again).await;
    let other = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    let fates = [app.fate(&first).await, app.fate(&second).await, app.fate(&other).await];
    assert!(
        fates[0].starts_with("pending, 2 attempts")
            && fates[1].starts_with("pending, 0 attempts")
            && fates[2] == "delivered, 1 attempts",
        "{fates:#?}"
    );
    app.run_through(app.now() + Duration::from_secs(60)).await;
    for event in [&first, &second] {
        assert!(app.fate(event).await.starts_with("delivered"));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_rest_that_hubspot_asks_for_is_never_no_rest() {
    let rows = [(429, "0", 1), (429, "3", 3), (477, "600", 600)];
    for (status, asked, rests_s) in rows {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.hubspot.add_fault(Fault::status(status).with_header("retry-after", asked).times(1));
        let event = app.send_lead(&dealer, "ana").await;
        app.run_until_idle().await;
        assert_eq!(app.calls_for_leads().len(), 1, "{status} {asked}");
        app.advance(Duration::from_secs(rests_s));
        app.run_until_idle().await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "{status} {asked}");
        app.finish().await;
    }
}

#[tokio::test]
async fn a_hubspot_that_does_not_answer_is_asked_once_a_round() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503));
    let mut without = crate::support::lead("ana");
    without["email"] = serde_json::json!(null);
    app.send(&dealer, "msg_1", without).await;
    app.send_lead(&dealer, "bob").await;
    app.plan().await;
    leadline::deliver::deliver_next(&app.app.store, &app.app.hubspot, "test", &app.app.clock).await.unwrap();
    assert_eq!(app.calls_for_leads().len(), 1, "two groups of contacts, one dead HubSpot");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn what_waits_behind_a_retry_goes_with_it_in_one_batch_and_in_order() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503).times(2));
    let mut events = vec![app.send(&dealer, "msg_0", numbered("ana", 0)).await];
    app.run_until_idle().await;
    for number in 1..4 {
        events.push(app.send(&dealer, &format!("msg_{number}"), numbered("ana", number)).await);
        app.run_until_idle().await;
    }
    assert!(app.fate(&events[3]).await.starts_with("pending, 0 attempts"), "it waits behind the first one");
    let before = app.calls_for_leads().len();
    app.run_through(NOON + Duration::from_secs(60)).await;
    for (event, attempts) in events.iter().zip([3, 1, 1, 1]) {
        assert_eq!(app.fate(event).await, format!("delivered, {attempts} attempts"));
    }
    assert_eq!(app.calls_for_leads().len() - before, 3, "a read, one contact, all notes");
    assert_eq!(vehicle(&app, &dealer), "2013 Honda CR-V", "the newest lead's");
    app.finish().await;
}

#[tokio::test]
async fn a_lead_behind_a_locked_one_of_its_person_is_written_after_it() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(423).on_path("0-1/batch/upsert").times(1));
    let first = app.send(&dealer, "msg_0", numbered("ana", 0)).await;
    app.run_until_idle().await;
    let second = app.send(&dealer, "msg_1", numbered("ana", 1)).await;
    app.run_through(NOON + Duration::from_secs(60)).await;
    assert!(app.fate(&first).await.starts_with("delivered") && app.fate(&second).await.starts_with("delivered"));
    assert_eq!(vehicle(&app, &dealer), "2011 Honda CR-V");
    app.finish().await;
}

/// A lead of a person who asks for another car each time.
fn numbered(name: &str, number: u32) -> serde_json::Value {
    let mut data = lead(name);
    data["id"] = format!("lead_{name}_{number}").into();
    data["vehicle"]["year"] = (2010 + number).into();
    data
}

fn vehicle(app: &TestApp, dealer: &Dealer) -> String {
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!(contacts.len(), 1);
    contacts[0].properties["vehicle_of_interest"].clone()
}
