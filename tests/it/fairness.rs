//! One account's flood is its own: everybody else's leads go out in the next rounds.

use std::time::Duration;

use leadline::deliver;
use leadline::model::event::NewEvent;
use leadline::model::id::EventId;
use leadline::model::lane::Step;
use leadline::process;
use serde_json::json;

use crate::support::{Dealer, TestApp, lead};

const FLOOD: usize = 5_000;

/// Leads of one account at once, by groups as the door makes them.
async fn flood(app: &TestApp, dealer: &Dealer, count: usize) {
    let events: Vec<_> = (0..count)
        .map(|number| {
            let data = lead(&format!("person{number}"));
            let body = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": data });
            NewEvent {
                id: EventId::new(app.now()),
                account_id: dealer.account.id.clone(),
                source_id: dealer.source.clone(),
                sender_id: format!("msg_{number}"),
                event_type: "lead.captured.v1".to_owned(),
                occurred_at: app.now(),
                body_hash: number.to_string(),
                body: body.to_string(),
            }
        })
        .collect();
    for group in events.chunks(250) {
        app.app.store.insert_events(group, app.now()).await.unwrap();
    }
}

#[tokio::test]
async fn while_one_account_has_thousands_of_leads_the_others_go_out_within_two_rounds() {
    let app = TestApp::start().await;
    let loud = app.connected("loud").await;
    let mut quiet = Vec::new();
    for number in 0..3 {
        quiet.push(app.connected(&format!("quiet{number}")).await);
    }
    flood(&app, &loud, FLOOD).await;
    // Who was served last comes last, so time has to go by.
    let tick = || app.advance(Duration::from_millis(1));
    let plan = async || {
        tick();
        process::plan_next(&app.app.store, &app.app.transformer, "test", &app.app.clock).await.unwrap()
    };
    let deliver = async || {
        tick();
        deliver::deliver_next(&app.app.store, &app.app.hubspot, "test", &app.app.clock).await.unwrap()
    };
    // The loud one is at work for a while.
    for _ in 0..3 {
        assert_eq!((plan().await, deliver().await), (Step::Worked, Step::Worked));
    }
    for name in ["ana", "bob"] {
        let mut events = Vec::new();
        for dealer in &quiet {
            events.push(app.send(dealer, &format!("msg_{name}"), lead(name)).await);
        }
        // Each of the others has a round, and the loud one may come first in both.
        for _ in 0..=quiet.len() {
            plan().await;
        }
        for _ in 0..=quiet.len() {
            deliver().await;
        }
        for event in &events {
            assert_eq!(app.fate(event).await, "delivered, 1 attempts");
        }
    }
    let done = app.hubspot.record_count(loud.portal(), "0-46");
    assert!(done > 0 && done < FLOOD / 2, "the flood goes on meanwhile: {done}");
}
