//! Leads are sent once more by durable jobs, and what already succeeded is not sent again unless that is asked for.

use std::time::Duration;

use hubspot_sim::{End, Fault, Preset};
use leadline::hubspot::{CONTACT, DEAL, NOTE};
use leadline::model::account::ConnectionState::{Connected, Disconnected};
use leadline::model::event::EventState;
use leadline::model::id::EventId;
use leadline::model::lane::Step;
use leadline::model::replay::{Change, Filter, LATE_WAITING_MAX, Replay, ReplayState};
use leadline::replay::{self, ReplayError, Wish};
use leadline::store::EventFilter;
use leadline::{connection, process};
use serde_json::{Value, json};

use crate::guests::guest;
use crate::support::{Dealer, TestApp, lead};

const SECOND: Duration = Duration::from_secs(1);

/// Every lead that came since noon.
fn everything() -> Filter {
    Filter { from: Some(crate::support::NOON), ..Filter::default() }
}

fn one(event: &EventId) -> Wish {
    Wish { filter: Filter { event: Some(event.clone()), ..Filter::default() }, ..Wish::default() }
}

async fn create(app: &TestApp, dealer: &Dealer, wish: &Wish) -> Replay {
    replay::create(&app.app.store, &dealer.account, wish, app.now()).await.unwrap()
}

async fn step(app: &TestApp) -> Step {
    replay::next(&app.app.store, app.now()).await.unwrap()
}

async fn fresh(app: &TestApp, replay: &Replay) -> Replay {
    app.app.store.replay(replay.id.as_str()).await.unwrap().unwrap()
}

/// Runs every replay to its end, a second at a time, and what it sends on its way.
async fn finish_replays(app: &TestApp) {
    while app.app.store.next_replay_at().await.unwrap().is_some() {
        while step(app).await == Step::Worked {}
        app.run_until_idle().await;
        app.advance(SECOND);
    }
    app.run_until_idle().await;
}

async fn replay_all(app: &TestApp, dealer: &Dealer, wish: &Wish) -> Replay {
    let replay = create(app, dealer, wish).await;
    finish_replays(app).await;
    let done = fresh(app, &replay).await;
    assert_eq!(done.state, ReplayState::Done);
    done
}

/// A lead whose note HubSpot refuses, so that it fails after its contact was written.
async fn failed(app: &TestApp, dealer: &Dealer, name: &str) -> EventId {
    failed_at(app, dealer, name, "0-46/batch/create").await
}

/// A lead that fails at a call.
async fn failed_at(app: &TestApp, dealer: &Dealer, name: &str, path: &str) -> EventId {
    app.hubspot.add_fault(Fault::status(400).on_path(path));
    let event = app.send_lead(dealer, name).await;
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("failed, 1 attempts (hubspot.refused)"), "{fate}");
    event
}

/// Leads that came before the account was connected.
async fn skipped(app: &TestApp, slug: &str, names: &[String]) -> (Dealer, Vec<EventId>) {
    let account = app.account(slug).await;
    let (source, secret) = app.source(&account).await;
    let portal = app.hubspot.add_portal(Preset::Ready, slug);
    let other = app.connected(&format!("{slug}-other")).await;
    let unconnected = Dealer { account: account.clone(), ..other.with_source(source.clone(), secret.clone()) };
    let mut events = Vec::new();
    for name in names {
        events.push(app.send_lead(&unconnected, name).await);
    }
    app.run_until_idle().await;
    let token = secrecy::SecretString::from(portal.access_token.clone());
    let connected = connection::connect(&app.app.store, &account, portal.id, &token, app.now()).await.unwrap();
    let store = &app.app.store;
    connection::use_transformation(store, &account, &connected, "default", json!({ "country": "US" }), app.now())
        .await
        .unwrap();
    (Dealer { account, connection: connected, hubspot: portal, source, secret }, events)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("person{number}")).collect()
}

async fn managed(app: &TestApp, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}{path}", app.address);
    let request = match body {
        Some(body) => app.operator().post(url).json(&body),
        None => app.operator().get(url),
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_failed_lead_goes_on_from_where_it_stopped() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = failed(&app, &dealer, "ana").await;
    let before = app.calls_for_leads().len();
    let done = replay_all(&app, &dealer, &one(&event)).await;
    assert_eq!((done.tally.replayed(), done.tally.skipped()), (1, 0));
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let paths: Vec<_> = app.calls_for_leads().split_off(before).into_iter().map(|call| call.path).collect();
    assert!(paths.iter().all(|path| path.contains("0-46")), "only the note is sent: {paths:?}");
    let shown = app.event(&event).await;
    assert_eq!((shown.deliveries.len(), shown.deliveries[0].attempts.len()), (1, 1), "the failure is remembered");
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_newer_lead_of_a_person_waits_behind_a_replayed_one() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let older = failed_at(&app, &dealer, "ana", "0-1/batch/upsert").await;
    create(&app, &dealer, &one(&older)).await;
    assert_eq!(step(&app).await, Step::Worked);
    app.hubspot.add_fault(Fault::status(503).on_path("0-1/batch/upsert").times(2));
    app.run_until_idle().await;
    assert!(app.fate(&older).await.starts_with("pending, 2 attempts"), "{}", app.fate(&older).await);
    let newer = app.send(&dealer, "msg_newer", crate::support::lead("ana")).await;
    app.run_until_idle().await;
    assert!(app.fate(&newer).await.starts_with("pending, 0 attempts"), "{}", app.fate(&newer).await);
    app.run_through(app.now() + Duration::from_secs(60)).await;
    assert_eq!(app.fate(&older).await, "delivered, 3 attempts");
    assert_eq!(app.fate(&newer).await, "delivered, 1 attempts");
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_lead_that_was_cancelled_goes_on_too() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    app.app.store.cancel_waiting(&dealer.connection, app.now()).await.unwrap();
    assert_eq!(app.fate(&event).await, "cancelled, 0 attempts");
    replay_all(&app, &dealer, &one(&event)).await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish().await;
}

#[tokio::test]
async fn what_was_delivered_is_sent_again_only_when_asked() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "default", "stage": "appointmentscheduled" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let left = replay_all(&app, &dealer, &one(&event)).await;
    assert_eq!(json!(left.tally), json!({ "delivered": { "delivered": 1 } }));
    assert_eq!(app.event(&event).await.deliveries.len(), 1);

    let again = Wish { again: true, ..one(&event) };
    let sent = replay_all(&app, &dealer, &again).await;
    assert_eq!(json!(sent.tally), json!({ "delivered": { "planned": 1 } }));
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.event(&event).await.deliveries.len(), 2, "a resend is a new delivery");
    let count = |object_type| app.hubspot.record_count(dealer.portal(), object_type);
    assert_eq!((count(CONTACT), count(DEAL), count(NOTE)), (1, 1, 2));
    app.finish().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_resent_note_writes_no_third_one() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    for (fault, notes) in [
        (Fault::end(End::Close).on_path("0-46/batch/create").applied().times(1), 2),
        // Lost on the way there: the note of the first delivery is not taken for its own.
        (Fault::end(End::Close).on_path("0-46/batch/create").times(1), 3),
    ] {
        app.hubspot.add_fault(fault);
        create(&app, &dealer, &Wish { again: true, ..one(&event) }).await;
        finish_replays(&app).await;
        app.run_through(app.now() + Duration::from_secs(600)).await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with("delivered"), "{fate}");
        assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), notes);
    }
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn what_was_skipped_or_refused_is_planned_afresh() {
    let app = TestApp::start().await;
    let (dealer, events) = skipped(&app, "acme", &names(2)).await;
    app.install(&dealer, "refuse", &guest("refuse")).await;
    let refused = app.send_lead(&dealer, "cleo").await;
    app.run_until_idle().await;
    assert!(app.fate(&refused).await.starts_with("refused"), "{}", app.fate(&refused).await);
    let settings = json!({ "country": "US" });
    let store = &app.app.store;
    connection::use_transformation(store, &dealer.account, &dealer.connection, "default", settings, app.now())
        .await
        .unwrap();
    let done = replay_all(&app, &dealer, &Wish { filter: everything(), ..Wish::default() }).await;
    assert_eq!(json!(done.tally), json!({ "skipped": { "planned": 2 }, "refused": { "planned": 1 } }));
    for event in events.iter().chain([&refused]) {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_failed_is_planned_afresh_when_asked_and_nothing_is_there_twice() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Deals, "default", json!({ "country": "US" })).await;
    // The note is written, and HubSpot says that it is not; nor would it be a second time.
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create").applied().times(1));
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create"));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    assert!(app.fate(&event).await.starts_with("failed"), "{}", app.fate(&event).await);
    let count = |object_type| app.hubspot.record_count(dealer.portal(), object_type);
    assert_eq!((count(CONTACT), count(DEAL), count(NOTE)), (1, 0, 1));

    // Another transformation plans a deal too, and its note stands elsewhere in the plan.
    let settings = json!({ "country": "US", "pipeline": "default", "stage": "appointmentscheduled" });
    let store = &app.app.store;
    connection::use_transformation(store, &dealer.account, &dealer.connection, "deals", settings, app.now())
        .await
        .unwrap();
    app.run_until_idle().await;
    let afresh = Wish { afresh: true, name: "After the mapping was mended".to_owned(), ..one(&event) };
    let done = replay_all(&app, &dealer, &afresh).await;
    assert_eq!(json!(done.tally), json!({ "failed": { "planned": 1 } }));
    assert_eq!((done.name.as_str(), done.afresh, done.again), ("After the mapping was mended", true, false));
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let shown = app.event(&event).await;
    assert_eq!(shown.deliveries.len(), 2, "a fresh plan is a new delivery");
    assert_eq!((count(CONTACT), count(DEAL), count(NOTE)), (1, 1, 1), "the note is found by its marker");
    app.finish().await;
}

#[tokio::test]
async fn a_fresh_plan_writes_the_note_that_the_failed_one_did_not() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = failed(&app, &dealer, "ana").await;
    let done = replay_all(&app, &dealer, &Wish { afresh: true, ..one(&event) }).await;
    assert_eq!(json!(done.tally), json!({ "failed": { "planned": 1 } }));
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 1);
    // Once it went through it is sent again only where that is asked for.
    let left = replay_all(&app, &dealer, &Wish { afresh: true, ..one(&event) }).await;
    assert_eq!(json!(left.tally), json!({ "delivered": { "delivered": 1 } }));
    app.finish().await;
}

#[tokio::test]
async fn a_replay_takes_a_dealership_or_words_and_keeps_no_words() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    for name in ["ana", "bob"] {
        app.send_lead(&dealer, name).await;
    }
    let mut north = lead("cleo");
    north["dealership"] = json!({ "name": "North", "slug": "north" });
    app.send(&dealer, "msg_north", north).await;
    app.run_until_idle().await;
    for (filter, leads) in [
        (json!({ "dealership": "north" }), 1),
        (json!({ "dealership": "ocean-honda" }), 2),
        (json!({ "text": "ana@example.com" }), 1),
        (json!({ "text": "example", "dealership": "north" }), 0),
        (json!({ "text": "cleo", "dealership": "north" }), 1),
    ] {
        let body = json!({ "account": "acme", "filter": filter, "again": true, "dry_run": true });
        let (status, dry) = managed(&app, "/v1/replays", Some(body)).await;
        assert_eq!((status, &dry["data"]["estimate"]["replayed"]), (200, &json!(leads)), "{filter}: {dry}");
    }
    let asked = |text: &str, name: &str| json!({ "account": "acme", "filter": { "text": text }, "again": true, "afresh": true, "name": name });
    let (status, made) = managed(&app, "/v1/replays", Some(asked("ana@example.com", " For Ana "))).await;
    assert_eq!(
        (status, &made["data"]["name"], &made["data"]["afresh"]),
        (200, &json!("For Ana"), &json!(true)),
        "{made}"
    );
    let filter = &made["data"]["filter"];
    assert_eq!((filter["events"].as_array().map(Vec::len), &filter["text"]), (Some(1), &Value::Null), "{filter}");
    let mut noted = app.app.store.audit(Some(&dealer.account.id), None, 50).await.unwrap();
    noted.extend(app.app.store.audit(None, None, 50).await.unwrap());
    assert!(noted.iter().any(|entry| entry.action == "replays.create"));
    assert!(!json!(noted).to_string().contains("ana@example.com"), "{noted:?}");
    for (body, status) in
        [(asked("nobody at all", ""), 400), (asked("ana", &"x".repeat(61)), 400), (asked("  ", ""), 400)]
    {
        assert_eq!(managed(&app, "/v1/replays", Some(body.clone())).await.0, status, "{body}");
    }
    finish_replays(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_held_is_planned_once_and_waits_again_where_nothing_was_mended() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.install(&dealer, "trap", &guest("trap")).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let store = &app.app.store;
    replay_all(&app, &dealer, &one(&event)).await;
    assert!(app.fate(&event).await.starts_with("held (transform.trap)"));
    let issues = store.issues(Some(&dealer.account.id)).await.unwrap();
    assert_eq!(issues.iter().map(|issue| issue.held).collect::<Vec<_>>(), [1]);
    // Released, and not planned yet: it is in the queue already.
    let settings = json!({ "country": "US" });
    connection::use_transformation(store, &dealer.account, &dealer.connection, "default", settings, app.now())
        .await
        .unwrap();
    let waits = replay_all(&app, &dealer, &one(&event)).await;
    assert_eq!(json!(waits.tally), json!({ "held": { "waits": 1 } }));
    assert_eq!(
        (app.fate(&event).await.as_str(), app.event(&event).await.deliveries.len()),
        ("delivered, 1 attempts", 1)
    );
    assert_eq!(store.issues(Some(&dealer.account.id)).await.unwrap().len(), 0);
    app.finish().await;
}

#[tokio::test]
async fn an_estimate_and_the_report_say_what_is_sent_and_what_is_left_alone_and_why() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let failed = failed(&app, &dealer, "ana").await;
    let delivered = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    app.hubspot.revoke_token(dealer.portal());
    let blocked = app.send_lead(&dealer, "cleo").await;
    app.run_until_idle().await;
    let received = app.send_lead(&dealer, "dan").await;
    // Of another account, and none of this replay.
    let other = app.connected("other").await;
    let others = app.send_lead(&other, "eve").await;

    let wish = Wish { filter: everything(), ..Wish::default() };
    let estimate = replay::estimate(&app.app.store, &dealer.account, &wish, app.now()).await.unwrap();
    assert_eq!((estimate.replayed, estimate.skipped, estimate.seconds), (1, 3, 1));
    let expected = json!({
        "received": { "waits": 1 }, "blocked": { "waits": 1 }, "delivered": { "delivered": 1 }, "failed": { "continued": 1 },
    });
    assert_eq!(json!(estimate.tally), expected);
    assert!(app.fate(&failed).await.starts_with("failed"), "an estimate sends nothing");

    let replay = create(&app, &dealer, &wish).await;
    while step(&app).await == Step::Worked {}
    let done = fresh(&app, &replay).await;
    assert_eq!((done.state, json!(done.tally)), (ReplayState::Done, expected));
    let skipped = app.app.store.skipped_leads(&done).await.unwrap();
    let skipped: Vec<_> =
        skipped.into_iter().map(|lead| (lead.event_id, leadline::model::word(&lead.reason))).collect();
    let expected = [(delivered, "delivered"), (blocked, "waits"), (received, "waits")];
    assert_eq!(skipped, expected.map(|(event, reason)| (event, reason.to_owned())));
    assert_eq!(app.event(&others).await.deliveries.len(), 0);
    app.run_until_idle().await;
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_replay_keeps_its_rate_rests_when_paused_and_goes_on_after_a_crash() {
    let app = TestApp::start().await;
    let (dealer, events) = skipped(&app, "acme", &names(5)).await;
    let replay = create(&app, &dealer, &Wish { filter: everything(), rate: Some(2), ..Wish::default() }).await;
    assert_eq!(replay.estimate.seconds, 3);
    assert_eq!((step(&app).await, step(&app).await), (Step::Worked, Step::Idle));
    assert_eq!(fresh(&app, &replay).await.tally.replayed(), 2);

    replay::change(&app.app.store, &replay, Change::Pause, app.now()).await.unwrap();
    app.advance(SECOND);
    assert_eq!(step(&app).await, Step::Idle);
    let twice = replay::change(&app.app.store, &replay, Change::Pause, app.now()).await.unwrap_err();
    assert_eq!(twice.to_string(), format!("replay `{}` is paused", replay.id));
    let app = app.restart().await;
    assert_eq!(step(&app).await, Step::Idle, "it is still paused");
    replay::change(&app.app.store, &replay, Change::Resume, app.now()).await.unwrap();
    assert_eq!(step(&app).await, Step::Worked);
    let app = app.restart().await;
    finish_replays(&app).await;
    assert_eq!(fresh(&app, &replay).await.tally.replayed(), 5);
    for event in &events {
        assert_eq!(
            (app.fate(event).await.as_str(), app.event(event).await.deliveries.len()),
            ("delivered, 1 attempts", 1)
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cancelled_replay_ends_and_what_it_sent_on_its_way_goes_on() {
    let app = TestApp::start().await;
    let (dealer, events) = skipped(&app, "acme", &names(3)).await;
    let replay = create(&app, &dealer, &Wish { filter: everything(), rate: Some(1), ..Wish::default() }).await;
    step(&app).await;
    replay::change(&app.app.store, &replay, Change::Cancel, app.now()).await.unwrap();
    finish_replays(&app).await;
    assert_eq!(app.fate(&events[0]).await, "delivered, 1 attempts");
    assert!(app.fate(&events[1]).await.starts_with("skipped"));
    let resumed = replay::change(&app.app.store, &replay, Change::Resume, app.now()).await;
    assert!(matches!(resumed, Err(ReplayError::State { .. })), "{resumed:?}");
    app.finish().await;
}

#[tokio::test]
async fn many_workers_never_do_a_lead_of_a_replay_twice() {
    let app = TestApp::start().await;
    let (dealer, events) = skipped(&app, "acme", &names(40)).await;
    let wish = Wish { filter: everything(), rate: Some(4), ..Wish::default() };
    let replays = [create(&app, &dealer, &wish).await, create(&app, &dealer, &wish).await];
    while app.app.store.next_replay_at().await.unwrap().is_some() {
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, now) = (app.app.store.clone(), app.now());
            workers.spawn(async move { replay::next(&store, now).await.unwrap() });
        }
        let (store, transformer, clock) = (app.app.store.clone(), app.app.transformer.clone(), app.app.clock.clone());
        workers.spawn(async move { process::plan_next(&store, &transformer, "beside", &clock).await.unwrap() });
        workers.join_all().await;
        app.plan().await;
        app.advance(SECOND);
    }
    app.run_until_idle().await;
    let mut replayed = 0;
    for replay in &replays {
        let done = fresh(&app, replay).await;
        assert_eq!(done.tally.replayed() + done.tally.skipped(), 40);
        replayed += done.tally.replayed();
    }
    assert_eq!(replayed, 40, "what one replay sent on its way the other left alone");
    for event in &events {
        assert_eq!(app.event(event).await.deliveries.len(), 1);
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 40);
    app.finish().await;
}

#[tokio::test]
async fn a_large_replay_makes_no_new_lead_wait() {
    let app = TestApp::start().await;
    let (dealer, events) = skipped(&app, "acme", &names(150)).await;
    create(&app, &dealer, &Wish { filter: everything(), rate: Some(500), ..Wish::default() }).await;
    assert_eq!(step(&app).await, Step::Worked);
    let new = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    app.deliver_once().await;
    assert_eq!(app.fate(&new).await, "delivered, 1 attempts", "it is in the first batch of a hundred");
    assert_eq!(app.fate(&events[149]).await, format!("pending, 0 attempts, due at {}", app.now()));
    app.run_through(app.now() + Duration::from_secs(60)).await;
    assert_eq!(app.fate(&events[149]).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_replay_that_is_faster_than_the_portal_lets_retries_and_other_replays_on() {
    let app = TestApp::start().await;
    let (dealer, store) = (app.connected("acme").await, &app.app.store);
    store.move_connection(&dealer.connection, Connected, Disconnected).await.unwrap();
    let leads = names(LATE_WAITING_MAX as usize + 20).into_iter().map(|name| (format!("msg_{name}"), lead(&name)));
    app.send_many(&dealer, leads).await;
    app.plan().await;
    store.move_connection(&dealer.connection, Disconnected, Connected).await.unwrap();
    app.hubspot.add_fault(Fault::status(503).on_path("0-1/batch/upsert").times(2));
    let retry = app.send_lead(&dealer, "retry").await;
    app.run_until_idle().await;
    assert!(app.fate(&retry).await.starts_with("pending, 2 attempts"));
    let large = create(&app, &dealer, &Wish { filter: everything(), rate: Some(500), ..Wish::default() }).await;
    assert_eq!(step(&app).await, Step::Worked);
    let left = EventFilter { state: Some(EventState::Skipped), limit: 1, ..EventFilter::default() };
    let left = store.events(&left).await.unwrap().remove(0);
    let small = create(&app, &dealer, &Wish { rate: Some(1), ..one(&left.id) }).await;
    app.advance(10 * SECOND);
    assert_eq!(step(&app).await, Step::Idle, "the portal is behind, so neither sends more");
    app.plan().await;
    app.deliver_once().await;
    assert_eq!(step(&app).await, Step::Worked);
    let states = (fresh(&app, &large).await.state, fresh(&app, &small).await.state);
    assert_eq!(states, (ReplayState::Running, ReplayState::Done), "the longest unserved comes first");
    for _ in 0..5 {
        app.deliver_once().await;
    }
    assert_eq!(app.fate(&retry).await, "delivered, 3 attempts");
    finish_replays(&app).await;
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_long_history_is_looked_through_in_pages_and_the_first_skipped_leads_are_kept() {
    let app = TestApp::start().await;
    let account = app.account("acme").await;
    let (source, secret) = app.source(&account).await;
    let dealer = Dealer { account, ..app.connected("other").await.with_source(source, secret) };
    let leads = names(1100).into_iter().map(|name| (format!("msg_{name}"), crate::support::lead(&name)));
    app.send_many(&dealer, leads).await;
    let wish = Wish { filter: everything(), rate: Some(500), ..Wish::default() };
    let waiting = replay_all(&app, &dealer, &wish).await;
    assert_eq!(json!(waiting.tally), json!({ "received": { "waits": 1100 } }));
    assert_eq!(app.app.store.skipped_leads(&waiting).await.unwrap().len(), 1000, "all are counted, the first are kept");

    let again = create(&app, &dealer, &wish).await;
    assert_eq!((again.estimate.replayed, again.estimate.seconds), (1100, 3));
    assert_eq!((step(&app).await, step(&app).await), (Step::Worked, Step::Idle));
    assert_eq!(fresh(&app, &again).await.tally.replayed(), 500);
    finish_replays(&app).await;
    assert_eq!(json!(fresh(&app, &again).await.tally), json!({ "skipped": { "planned": 1100 } }));
    app.finish().await;
}

#[tokio::test]
async fn a_replay_is_made_watched_and_ended_over_http() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = failed(&app, &dealer, "ana").await;
    let body =
        json!({ "account": "acme", "filter": { "state": "failed", "cause": "hubspot.refused" }, "dry_run": true });
    let (status, dry) = managed(&app, "/v1/replays", Some(body.clone())).await;
    let expected = json!({ "replayed": 1, "skipped": 0, "seconds": 1, "tally": { "failed": { "continued": 1 } } });
    assert_eq!((status, &dry["data"]["estimate"]), (200, &expected), "{dry}");
    assert_eq!(managed(&app, "/v1/replays", None).await.1["data"], json!([]));

    let mut body = body;
    body["dry_run"] = json!(false);
    let (status, made) = managed(&app, "/v1/replays", Some(body)).await;
    assert_eq!(status, 200, "{made}");
    let id = made["data"]["id"].as_str().unwrap();
    for (change, status, state) in [("pause", 200, "paused"), ("pause", 409, ""), ("resume", 200, "running")] {
        let (answered, answer) = managed(&app, &format!("/v1/replays/{id}/{change}"), Some(json!({}))).await;
        assert_eq!(answered, status, "{answer}");
        assert_eq!(answer["data"]["state"].as_str().unwrap_or_default(), state);
    }
    finish_replays(&app).await;
    let (_, shown) = managed(&app, &format!("/v1/replays/{id}"), None).await;
    assert_eq!((&shown["data"]["replay"]["state"], &shown["data"]["skipped"]), (&json!("done"), &json!([])));
    assert_eq!(managed(&app, &format!("/v1/replays/{id}/cancel"), Some(json!({}))).await.0, 409);
    assert_eq!(managed(&app, "/v1/replays?account=acme", None).await.1["data"].as_array().unwrap().len(), 1);
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");

    for (body, status) in [
        (json!({ "account": "acme" }), 400),
        (json!({ "account": "acme", "filter": { "sate": "failed" } }), 400),
        (json!({ "account": "acme", "filter": { "state": "failed" }, "rate": 501 }), 400),
        (json!({ "account": "nobody", "filter": { "state": "failed" } }), 404),
    ] {
        assert_eq!(managed(&app, "/v1/replays", Some(body.clone())).await.0, status, "{body}");
    }
    assert_eq!(reqwest::get(format!("{}/v1/replays", app.address)).await.unwrap().status(), 401);
    app.finish().await;
}

#[tokio::test]
async fn a_replay_is_made_and_watched_from_the_command_line() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = failed(&app, &dealer, "ana").await;
    let create = ["replay", "create", "--account", "acme", "--state", "failed", "--event", event.as_str()];
    let (code, dry) = app.command(&[&create[..], &["--dry-run"]].concat()).await;
    insta::assert_snapshot!(dry, @r"
    1 to be sent on their way, 0 to be skipped; about 1 s
           1  failed     goes on from where it stopped
    ");
    assert_eq!(code, 0);
    let (_, made) = app.command(&[&create[..], &["--json"]].concat()).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["data"]["id"].as_str().unwrap();
    finish_after_a_command(&app).await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let (_, shown) = app.command(&["replay", "show", id]).await;
    assert!(shown.contains("· done") && shown.contains("done with 1 of about 1, ended"), "{shown}");
    let (_, list) = app.command(&["replay", "list", "--account", "acme"]).await;
    assert!(list.contains(id) && list.contains("done"), "{list}");

    let named = ["--afresh", "--name", "Once more", "--text", "ana", "--dealership", "ocean-honda", "--again"];
    let (code, named) = app.command(&[&["replay", "create", "--account", "acme"], &named[..]].concat()).await;
    assert_eq!(code, 0, "{named}");
    finish_after_a_command(&app).await;
    let (_, list) = app.command(&["replay", "list", "--account", "acme"]).await;
    assert!(list.contains("Once more"), "{list}");

    assert_eq!(app.command(&["replay", "cancel", id]).await.0, 6);
    assert_eq!(app.command(&["replay", "show", "rpl_1"]).await.0, 5);
    assert_eq!(app.command(&["replay", "create", "--account", "acme"]).await.0, 2);
    let foreign = app.connected("other").await;
    let foreign = app.send_lead(&foreign, "bob").await;
    assert_eq!(app.command(&["replay", "create", "--account", "acme", "--event", foreign.as_str()]).await.0, 5);
    app.run_until_idle().await;
    app.finish().await;
}

/// A command has the time of the wall, which is another one than that of the test.
async fn finish_after_a_command(app: &TestApp) {
    let due = app.app.store.next_replay_at().await.unwrap().unwrap().max(app.now());
    replay::next(&app.app.store, due).await.unwrap();
    app.run_through(due + SECOND).await;
}
