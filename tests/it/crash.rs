//! A process that dies between effect and settle: the next one goes on, and nothing is there twice.

use std::time::Duration;

use hubspot_sim::{End, Fault};
use leadline::deliver;
use leadline::hubspot::{CONTACT, NOTE};

use crate::support::TestApp;

#[tokio::test]
async fn a_crash_after_the_ack_loses_nothing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    let app = app.restart().await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_crash_after_planning_does_not_plan_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let planned = app.event(&event).await.deliveries[0].delivery.id.clone();
    let app = app.restart().await;
    app.run_until_idle().await;
    let shown = app.event(&event).await;
    assert_eq!((shown.deliveries.len(), &shown.deliveries[0].delivery.id), (1, &planned));
    app.finish().await;
}

/// The process dies while it waits for the answer to a call that HubSpot has carried out.
async fn crash_after_effect(path: &str) {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let mut hang = Fault::end(End::Timeout).on_path(path).applied().times(1);
    hang.then.hang_ms = Some(30_000);
    app.hubspot.add_fault(hang);
    let before = app.hubspot.call_count();
    {
        let step = deliver::deliver_next(&app.app.store, &app.app.hubspot, "doomed", &app.app.clock);
        let seen = async {
            while !app.hubspot.calls().iter().any(|call| call.path.contains(path) && call.applied) {
                app.hubspot.wait_for_calls(app.hubspot.call_count(), Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            _ = step => panic!("the step ended before it was killed"),
            () = seen => {}
        }
    }
    assert!(app.hubspot.call_count() > before);
    let app = app.restart().await;
    app.run_through(app.now() + Duration::from_secs(60)).await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "{path}");
    let held = (app.hubspot.record_count(dealer.portal(), CONTACT), app.hubspot.record_count(dealer.portal(), NOTE));
    assert_eq!(held, (1, 1), "{path}");
    app.finish().await;
}

#[tokio::test]
async fn a_crash_after_the_contact_was_written_makes_no_second_contact() {
    crash_after_effect("0-1/batch/upsert").await;
}

#[tokio::test]
async fn a_crash_after_the_note_was_written_makes_no_second_note() {
    crash_after_effect("0-46/batch/create").await;
}

#[tokio::test]
async fn a_worker_that_comes_back_after_its_lease_changes_nothing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    // The lease of somebody who froze: he holds the lane, and time goes by.
    let frozen = app
        .app
        .store
        .lease_lanes(leadline::model::lane::LaneKind::Deliver, "frozen", 1, app.now())
        .await
        .unwrap()
        .remove(0);
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending"), "nobody else works on a leased lane");
    app.advance(Duration::from_secs(91));
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let claimed = app.app.store.due_deliveries(&frozen, 100, app.now()).await.unwrap();
    let late = leadline::store::Settlement {
        claimed: &claimed,
        outcomes: &[],
        calls: &[],
        last_answer: None,
        lane: leadline::store::LaneState::default(),
    };
    assert_eq!(
        app.app.store.settle(&frozen, late, app.now()).await.unwrap(),
        leadline::model::lane::Settled::LeaseLost
    );
    app.finish().await;
}

#[tokio::test]
async fn a_delivery_that_waits_after_a_crash_holds_back_the_newer_leads_of_its_person() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let first = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let mut hang = Fault::end(End::Timeout).on_path("0-46/batch/create").applied().times(1);
    hang.then.hang_ms = Some(30_000);
    app.hubspot.add_fault(hang);
    {
        let step = deliver::deliver_next(&app.app.store, &app.app.hubspot, "doomed", &app.app.clock);
        let seen = async {
            while !app.hubspot.calls().iter().any(|call| call.path.contains("0-46/batch/create")) {
                app.hubspot.wait_for_calls(app.hubspot.call_count(), Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            _ = step => panic!("the step ended before it was killed"),
            () = seen => {}
        }
    }
    let app = app.restart().await;
    let second = app.send(&dealer, "msg_again", crate::support::lead("ana")).await;
    app.run_until_idle().await;
    assert!(app.fate(&second).await.starts_with("pending, 0 attempts"), "{}", app.fate(&second).await);
    app.run_through(app.now() + Duration::from_secs(60)).await;
    for event in [&first, &second] {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 2);
    app.finish().await;
}
