//! A portal that serves nobody: its lane rests, one lead now and then finds out whether it is back, and no other lead
//! spends an attempt.

use std::time::Duration;

use hubspot_sim::{Fault, FindingKind, Outage};
use leadline::hubspot::CONTACT;
use leadline::retry::END;

use crate::support::{Dealer, NOON, TestApp, lead};

/// More than two batches.
const LEADS: usize = 250;

impl TestApp {
    /// HubSpot gives no answer from noon on for so long.
    fn go_out(&self, lasts: Duration) {
        self.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: (NOON + lasts).0 }));
    }

    async fn send_persons(&self, dealer: &Dealer, count: usize) {
        self.send_many(dealer, (0..count).map(|number| (format!("msg_{number}"), lead(&format!("person{number}")))))
            .await;
    }

    /// Attempts of all leads of a dealership.
    async fn attempts_spent(&self, dealer: &Dealer) -> u32 {
        let filter = leadline::store::EventFilter {
            account: Some(dealer.account.id.clone()),
            limit: 10_000,
            ..leadline::store::EventFilter::default()
        };
        let mut attempts = 0;
        for event in self.app.store.events(&filter).await.unwrap() {
            for delivery in self.app.store.deliveries_of(&event.account_id, &event.id).await.unwrap() {
                attempts += delivery.attempts;
            }
        }
        attempts
    }

    fn seconds_of_calls(&self) -> Vec<i64> {
        self.calls_for_leads().iter().map(|call| (call.at - NOON.0) / 1000).collect()
    }
}

#[tokio::test]
async fn three_batches_that_fail_in_a_row_rest_the_lane_and_one_lead_probes() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.go_out(Duration::from_secs(3600));
    app.send_persons(&dealer, LEADS).await;
    app.run_through(NOON + Duration::from_secs(60)).await;
    assert_eq!(app.seconds_of_calls(), [0, 0, 0, 5, 15, 35], "at once three times, then after 5, 10 and 20 seconds");
    let attempts = app.attempts_spent(&dealer).await;
    assert_eq!(attempts, 3 * 100 + 3, "three batches, and a lead for each probe");
    let rest = app.app.store.rest_of(&dealer.connection, app.now()).await.unwrap();
    let (until, problem) = rest.expect("people see that the portal rests");
    assert_eq!((until, problem.code.as_str()), (NOON + Duration::from_secs(75), "hubspot.server_error"));
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn an_outage_of_a_day_uses_up_no_timetable_but_that_of_the_probes() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let day = Duration::from_secs(24 * 3600);
    app.go_out(day);
    app.send_persons(&dealer, LEADS).await;
    app.run_through(NOON + day).await;
    let calls = app.calls_for_leads().len();
    let attempts = app.attempts_spent(&dealer).await;
    assert!(attempts as usize <= 300 + calls, "{attempts} attempts in {calls} calls");
    assert!(calls <= 24 * 12 + 20, "a call in five minutes, but there were {calls}");
    app.run_through(NOON + day + Duration::from_secs(10 * 60)).await;
    let soon = app.hubspot.record_count(dealer.portal(), CONTACT);
    assert!(soon >= LEADS - 10, "only the probes wait for their timetable, but {soon} leads are there");
    app.run_through(NOON + END).await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), LEADS, "every lead is there");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn leads_that_were_not_sent_keep_their_place_and_their_attempts() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503).times(1));
    // Recognised by another key, so it is in another call of the round.
    let mut without = lead("ana");
    without["email"] = serde_json::json!(null);
    let other = [app.send(&dealer, "msg_1", without).await, app.send_lead(&dealer, "bob").await];
    app.plan().await;
    app.deliver_once().await;
    let mut fates = [app.fate(&other[0]).await, app.fate(&other[1]).await];
    fates.sort();
    assert_eq!(fates[0], "pending, 0 attempts, due at 2026-11-23T12:00:00Z");
    assert!(fates[1].starts_with("pending, 1 attempts"), "{fates:?}");
    app.run_until_idle().await;
    for event in &other {
        assert!(app.fate(event).await.starts_with("delivered"));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_rest_ends_with_the_first_batch_that_is_served_whoever_holds_the_lane() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(502).times(3));
    app.send_persons(&dealer, LEADS).await;
    app.run_until_idle().await;
    assert_eq!(app.calls_for_leads().len(), 3);
    // The count is in the lane, not in the process.
    let app = app.restart().await;
    app.run_until_idle().await;
    assert_eq!(app.calls_for_leads().len(), 3, "the lane still rests");
    app.advance(Duration::from_secs(6));
    app.deliver_once().await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1, "one lead finds out");
    app.run_until_idle().await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), LEADS, "and all others follow at once");
    app.finish().await;
}

#[tokio::test]
async fn a_portal_that_is_away_delays_no_other() {
    let app = TestApp::start().await;
    let (dead, alive) = (app.connected("dead").await, app.connected("alive").await);
    app.hubspot.add_fault(Fault::status(503).on_portal(dead.portal()));
    app.send_persons(&dead, LEADS).await;
    let event = app.send(&alive, "msg_alive", lead("zoe")).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_lead_that_fails_alone_keeps_no_new_lead_waiting() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(500));
    app.send_lead(&dealer, "ana").await;
    // Eight attempts, hours apart in the end.
    app.run_through(NOON + Duration::from_secs(20 * 3600)).await;
    app.hubspot.clear_faults();
    let event = app.send(&dealer, "msg_bob", lead("bob")).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}
