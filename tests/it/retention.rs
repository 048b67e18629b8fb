//! What is old goes, what still waits stays, and nothing else notices.

use std::time::Duration;

use hubspot_sim::{Fault, Preset};
use leadline::housekeeping::{self, Limits};
use leadline::model::id::RejectionId;
use leadline::model::lane::Step;
use leadline::model::time::Timestamp;
use leadline::store::{Kept, Rejection, Removed};
use serde_json::json;

use crate::support::{NOON, TestApp, lead};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TestApp {
    /// Keeps house until nothing is left to do.
    pub(crate) async fn keep_house(&self) {
        while housekeeping::next(&self.app.store, &Limits::default(), self.now()).await.unwrap() == Step::Worked {}
    }
}

#[tokio::test]
async fn a_body_goes_after_thirty_days_and_what_became_of_it_is_still_told() {
    let app = TestApp::start().await;
    app.keep_house().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    app.advance(DAY * 29);
    app.keep_house().await;
    let shown = app.event(&event).await;
    assert!(shown.body.is_some() && shown.deliveries[0].plan.is_some() && !shown.deliveries[0].calls.is_empty());

    app.advance(DAY * 2);
    app.keep_house().await;
    let shown = app.event(&event).await;
    assert!(shown.body.is_none() && shown.deliveries[0].plan.is_none() && shown.deliveries[0].calls.is_empty());
    for kept in [Kept::Requests, Kept::Answers, Kept::Calls] {
        match app.partitions(kept.table()).await {
            Some(days) => assert!(!days.iter().any(|day| day.ends_with("_d20261123")), "{days:?}"),
            None => {
                let left = app.app.store.remove_before(kept, app.now()).await.unwrap();
                assert_eq!(left, Removed::Nothing, "nothing is left of {kept:?}");
            }
        }
    }
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let (code, text) = app.command(&["event", "show", event.as_str()]).await;
    assert!(code == 0 && text.contains("body, log, plan and calls were removed"), "{text}");
    let (_, text) = app.command(&["event", "list", "--account", "acme"]).await;
    assert!(text.contains(event.as_str()) && text.contains("delivered"), "{text}");

    // On Postgres events go by the week.
    app.advance(DAY * 376);
    app.keep_house().await;
    assert!(app.app.store.event(&event).await.unwrap().is_none());
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_still_waits_is_never_too_old() {
    let app = TestApp::start().await;
    app.keep_house().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let mut without = lead("ana");
    without["email"] = json!(null);
    let blocked = app.send(&dealer, "msg_blocked", without).await;
    app.run_until_idle().await;
    let received = app.send_lead(&dealer, "bob").await;
    app.advance(DAY * 500);
    app.keep_house().await;
    assert!(app.fate(&blocked).await.starts_with("blocked, 0 attempts (property.missing)"));
    let shown = app.event(&blocked).await;
    assert!(shown.deliveries[0].plan.is_some(), "the plan is what is sent");
    assert_eq!(app.fate(&received).await, "received");

    app.run_until_idle().await;
    assert_eq!(app.fate(&received).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_retry_that_is_under_way_keeps_its_plan_and_attempts() {
    let app = TestApp::start().await;
    app.keep_house().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(503).times(2));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending, 2 attempts"));
    app.advance(DAY * 40);
    app.keep_house().await;
    assert_eq!(app.event(&event).await.deliveries[0].attempts.len(), 2);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 3 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_repeat_within_thirty_days_is_still_a_duplicate() {
    let app = TestApp::start().await;
    app.keep_house().await;
    let dealer = app.connected("acme").await;
    let body = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": lead("ana") });
    let body = body.to_string();
    let first = app.post(&dealer, "msg_1", body.as_bytes()).await;
    app.run_until_idle().await;
    app.advance(DAY * 29);
    // Bodies are gone before the keys.
    let limits = Limits::of_days(1, 400);
    while housekeeping::next(&app.app.store, &limits, app.now()).await.unwrap() == Step::Worked {}
    let repeat = app.post(&dealer, "msg_1", body.as_bytes()).await;
    assert_eq!((&repeat.body["event_id"], &repeat.body["duplicate"]), (&first.body["event_id"], &json!(true)));
    app.advance(DAY * 2);
    app.keep_house().await;
    let later = app.post(&dealer, "msg_1", body.as_bytes()).await;
    assert!(later.status == 202 && later.body["event_id"] != first.body["event_id"], "{later:?}");
    app.run_until_idle().await;
    app.finish().await;
}

/// Nobody made partitions here, so Postgres removes rows too.
#[tokio::test]
async fn rows_go_in_small_pages_the_oldest_first() {
    let app = TestApp::start().await;
    let dealer = app.account("acme").await;
    let (source, secret) = app.source(&dealer).await;
    let dealer = app.connected("other").await.with_source(source, secret);
    app.send_many(&dealer, (0..600).map(|number| (format!("msg_{number:03}"), lead("ana")))).await;
    app.plan().await;
    app.advance(DAY);
    let newest = app.send(&dealer, "msg_newest", lead("bob")).await;
    app.plan().await;
    let (store, today) = (&app.app.store, app.now());
    let mut removed = Vec::new();
    for kept in [Kept::Bodies, Kept::Keys, Kept::Events] {
        for _ in 0..3 {
            removed.push(store.remove_before(kept, today).await.unwrap());
        }
    }
    use Removed::{Nothing, Rows};
    assert_eq!(removed, [Rows(500), Rows(100), Nothing, Rows(600), Nothing, Nothing, Rows(500), Rows(100), Nothing]);
    assert!(app.event(&newest).await.body.is_some());
    app.finish().await;
}

#[tokio::test]
async fn refused_requests_go_after_seven_days() {
    let app = TestApp::start().await;
    let reject = |at: Timestamp| Rejection {
        id: RejectionId::new(at),
        source_id: "src_1".to_owned(),
        at,
        class: "forged".to_owned(),
        detail: String::new(),
        sender_id: None,
        bytes: 1,
        body: None,
    };
    app.app.store.reject(&reject(NOON)).await.unwrap();
    app.app.store.reject(&reject(NOON + DAY * 5)).await.unwrap();
    app.advance(DAY * 8);
    app.keep_house().await;
    for source in [None, Some("src_1")] {
        let left: Vec<_> = app.app.store.rejections(source, 10).await.unwrap().iter().map(|left| left.at).collect();
        assert_eq!(left, [NOON + DAY * 5]);
    }
    app.finish().await;
}

#[tokio::test]
async fn days_and_weeks_are_dropped_as_a_whole_once_nothing_waits_in_them() {
    let app = TestApp::start().await;
    if app.partitions("events").await.is_none() {
        return; // SQLite has none
    }
    app.keep_house().await;
    let days = app.partitions("event_bodies").await.unwrap();
    let named: Vec<_> = (23..=30).map(|day| format!("event_bodies_d202611{day}")).collect();
    assert_eq!(days, [named, vec!["event_bodies_rest".to_owned()]].concat());
    let dealer = app.connected("acme").await;
    app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    app.advance(DAY * 7);
    let waits = app.send_lead(&dealer, "bob").await;
    let store = &app.app.store;
    let end = NOON + DAY * 8;
    let dropped = |name: &str| Removed::Partition(name.to_owned());
    for day in 23..30 {
        let name = format!("event_bodies_d202611{day}");
        assert_eq!(store.remove_before(Kept::Bodies, end).await.unwrap(), dropped(&name));
    }
    assert_eq!(store.remove_before(Kept::Bodies, end).await.unwrap(), Removed::Nothing, "a lead waits in the next one");
    assert_eq!(store.remove_before(Kept::Events, end).await.unwrap(), Removed::Nothing, "a delivery of it is here");
    assert_eq!(store.remove_before(Kept::Deliveries, end).await.unwrap(), dropped("deliveries_w20261123"));
    assert_eq!(store.remove_before(Kept::Events, end).await.unwrap(), dropped("events_w20261123"));
    app.run_until_idle().await;
    assert_eq!(app.fate(&waits).await, "delivered, 1 attempts");
    assert_eq!(store.remove_before(Kept::Bodies, end).await.unwrap(), dropped("event_bodies_d20261130"));
    app.finish().await;
}

#[tokio::test]
async fn partitions_are_made_once_by_however_many_processes_and_not_for_a_day_that_has_begun_without() {
    let app = TestApp::start().await;
    if app.partitions("events").await.is_none() {
        return;
    }
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    let days: Vec<_> = (0..8).map(|day| NOON + DAY * day).collect();
    let store = &app.app.store;
    let (a, b, c) =
        tokio::join!(store.make_partitions(&days), store.make_partitions(&days), store.make_partitions(&days));
    // Nine tables have eight days each, two have two weeks. Today's event and its body are there already.
    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 9 * 8 + 2 * 2 - 2);
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn days_of_a_database_from_before_there_were_weeks_stay_and_a_week_begins_behind_them() {
    let app = TestApp::start().await;
    if app.partitions("events").await.is_none() {
        return;
    }
    let midnight = NOON - Duration::from_secs(12 * 60 * 60);
    for day in 0..3 {
        let [from, to] = [day, day + 1].map(|day| format!("evt_{:012x}", (midnight + DAY * day).0));
        app.execute(&format!(
            "CREATE TABLE events_d202611{} PARTITION OF events FOR VALUES FROM ('{from}') TO ('{to}')",
            23 + day
        ))
        .await;
    }
    app.keep_house().await;
    let named = [
        "events_d20261123",
        "events_d20261124",
        "events_d20261125",
        "events_rest",
        "events_w20261126",
        "events_w20261130",
    ];
    assert_eq!(app.partitions("events").await.unwrap(), named);
    let dealer = app.connected("acme").await;
    let mut events = Vec::new();
    for day in 0..9 {
        events.push(app.send_lead(&dealer, &format!("person{day}")).await);
        app.run_until_idle().await;
        app.advance(DAY);
    }
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    app.advance(DAY * 420);
    app.keep_house().await;
    let left = app.partitions("events").await.unwrap();
    assert!(left.iter().all(|name| name == "events_rest" || name.starts_with("events_w2028")), "{left:?}");
    app.finish().await;
}
