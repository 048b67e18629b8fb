//! How an account comes to another version and back: a share first, one command back, and a rule that goes back by itself.

use clap::Parser as _;
use hubspot_sim::Preset;
use leadline::cause::{Code, Problem};
use leadline::cli::Cli;
use leadline::model::account::{PastBinding, Sign};
use leadline::model::event::{EventState, Unplanned};
use leadline::model::id::EventId;
use leadline::model::lane::Step;
use leadline::model::share::Share;
use leadline::model::time::Timestamp;
use leadline::model::waiver::{Signer, Verdict, Waiver};
use leadline::rollout::{self, Despite, Enabled, Enabling, RolloutError, Wish};
use leadline::store::{Decision, PlannedEvent, PlannedLane, Ran, RanTo, RunFigures, TakenEvents};
use leadline::transform::Transformer;
use leadline::{process, stock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, key};
use crate::guests::guest;
use crate::support::{Dealer, TestApp, lead};

/// Makes a version known without using it.
async fn upload(app: &TestApp, dealer: &Dealer, name: &str, bytes: &[u8]) {
    let account = dealer.account.id.as_str();
    app.upload(account, name, bytes).await;
}

/// Enables a version as somebody does who knows what they do, and who is approved where gates are closed.
async fn enable(app: &TestApp, dealer: &Dealer, version: &str, percent: i64) -> Result<Enabled, RolloutError> {
    let store = &app.app.store;
    let settings = version.starts_with("default").then(|| json!({ "country": "US" }));
    let choice = rollout::choose(store, &dealer.account, &dealer.connection, version, settings).await?;
    let despite = Some(Despite { why: "nobody else uses it".to_owned(), asker: signer("ana") });
    let share = Share::try_from(percent).unwrap();
    let wish = Wish { share, sign: Sign::new("ana", "a test"), expected: None, despite };
    match rollout::enable(store, &dealer.connection, &choice, &wish, app.now()).await? {
        Enabling::Enabled(enabled) => Ok(enabled),
        Enabling::Asked(waiver) => approve(app, dealer, &waiver, "zoe").await,
    }
}

fn signer(name: &str) -> Signer {
    Signer { name: name.to_owned(), maker: None }
}

async fn approve(app: &TestApp, dealer: &Dealer, waiver: &Waiver, by: &str) -> Result<Enabled, RolloutError> {
    let (whose, second) = ((&dealer.account, &dealer.connection), signer(by));
    rollout::approve(&app.app.store, &app.app.hubspot, whose, (waiver, &second), &*app.app.clock).await
}

/// Ana asks to use a version although gates are closed.
async fn ask(app: &TestApp, dealer: &Dealer, version: &str) -> Box<Waiver> {
    let store = &app.app.store;
    let choice = rollout::choose(store, &dealer.account, &dealer.connection, version, None).await.unwrap();
    let despite = Some(Despite { why: "a test".to_owned(), asker: signer("ana") });
    let wish = Wish { share: Share::ALL, sign: Sign::new("ana", ""), expected: None, despite };
    match rollout::enable(store, &dealer.connection, &choice, &wish, app.now()).await.unwrap() {
        Enabling::Asked(waiver) => waiver,
        Enabling::Enabled(enabled) => panic!("{enabled:?}"),
    }
}

async fn history(app: &TestApp, dealer: &Dealer) -> Vec<PastBinding> {
    app.app.store.binding_history(&dealer.connection, 50).await.unwrap()
}

/// The history as people read it, newest first.
async fn told(app: &TestApp, dealer: &Dealer) -> Vec<String> {
    let line = |past: PastBinding| {
        let force = if past.in_force { " (in use)" } else { "" };
        format!("{} {} by {}: {}{force}", past.version, past.share, past.by, past.reason)
    };
    history(app, dealer).await.into_iter().map(line).collect()
}

/// Which versions ran an event, the oldest run first.
async fn ran(app: &TestApp, event: &EventId) -> Vec<String> {
    let event = app.app.store.find_event(event).await.unwrap().unwrap();
    let runs = app.app.store.runs_of(&event).await.unwrap();
    runs.iter().map(|run| format!("{} {}", run.version, run.outcome.word())).collect()
}

async fn states(app: &TestApp, events: &[EventId]) -> Vec<EventState> {
    let mut states = Vec::new();
    for event in events {
        states.push(app.event(event).await.event.state);
    }
    states
}

async fn send(app: &TestApp, dealer: &Dealer, names: std::ops::Range<usize>) -> Vec<EventId> {
    let mut events = Vec::new();
    for number in names {
        events.push(app.send_lead(dealer, &format!("p{number}")).await);
    }
    events
}

async fn issue_codes(app: &TestApp, dealer: &Dealer) -> Vec<String> {
    let issues = app.app.store.issues(Some(&dealer.account.id)).await.unwrap();
    issues.iter().map(|issue| format!("{} {}", issue.problem.code, issue.held)).collect()
}

#[tokio::test]
async fn a_share_of_the_events_tries_a_version_and_the_rest_stays_with_the_one_before() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 30).await.unwrap();
    let events = send(&app, &dealer, 0..40).await;
    app.plan().await;
    let share = Share::stored(30);
    for event in &events {
        let expected = if share.takes(event) { "quiet@1 skipped" } else { "default@1 planned" };
        assert_eq!(ran(&app, event).await, [expected], "{event}");
    }
    assert!(events.iter().any(|event| share.takes(event)), "some of forty");
    // Raised, and finished.
    enable(&app, &dealer, "quiet@1", 60).await.unwrap();
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let later = send(&app, &dealer, 40..45).await;
    app.run_until_idle().await;
    for event in &later {
        assert_eq!(ran(&app, event).await, ["quiet@1 skipped"]);
    }
    assert_eq!(
        told(&app, &dealer).await,
        [
            "quiet@1 100 % by ana: a test; despite shadow: nobody else uses it; approved by zoe (in use)",
            "quiet@1 60 % by ana: a test; despite shadow: nobody else uses it; approved by zoe",
            "quiet@1 30 % by ana: a test; despite shadow: nobody else uses it; approved by zoe",
            "default@1 100 % by : chosen with the connection",
        ]
    );
    // The way back leads to what was used before the trial, not to a smaller share of it.
    let back = rollout::roll_back(&app.app.store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await;
    assert_eq!(back.unwrap().to, "default@1");
    app.finish().await;
}

#[tokio::test]
async fn a_share_needs_something_that_takes_the_rest() {
    let app = TestApp::start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(Preset::Ready, "acme");
    let token = portal.access_token.clone().into();
    let store = &app.app.store;
    let connection = leadline::connection::connect(store, &account, portal.id, &token, app.now()).await.unwrap();
    let choice = rollout::choose(store, &account, &connection, "default", None).await.unwrap();
    let wish = Wish { share: Share::stored(10), sign: Sign::new("ana", ""), expected: None, despite: None };
    let refused = rollout::enable(store, &connection, &choice, &wish, app.now()).await.unwrap_err();
    insta::assert_snapshot!(refused, @"`default@1` cannot be tried on a share: nothing is in use that would take the other events");
    let nothing = rollout::roll_back(store, &connection, None, &Sign::new("ana", ""), app.now()).await.unwrap_err();
    insta::assert_snapshot!(nothing, @"there is nothing to go back to: the connection uses no transformation");
    app.finish().await;
}

#[tokio::test]
async fn a_rollback_is_a_binding_that_names_what_it_goes_back_to() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    let sign = Sign::new("ben", "the new one is wrong");
    let nothing = rollout::roll_back(store, &dealer.connection, None, &sign, app.now()).await.unwrap_err();
    insta::assert_snapshot!(nothing, @"there is nothing to go back to: the connection used nothing before `default@1`");
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    assert!(app.fate(&event).await.starts_with("held (transform.trap)"));
    let first = history(&app, &dealer).await.pop().unwrap();
    let back = rollout::roll_back(store, &dealer.connection, None, &sign, app.now()).await.unwrap();
    assert_eq!((back.from.as_str(), back.to.as_str(), back.released), ("trap@1", "default@1", 1));
    let newest = history(&app, &dealer).await.remove(0);
    assert_eq!((newest.restores, newest.by.as_str()), (Some(first.id), "ben"));
    assert_eq!(newest.settings["country"], "US", "with the settings of then");
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(ran(&app, &event).await, ["trap@1 failed", "default@1 planned"]);
    // Once: what was before the one it went back to is as far away as it was.
    let nothing = rollout::roll_back(store, &dealer.connection, None, &sign, app.now()).await.unwrap_err();
    assert!(matches!(nothing, RolloutError::NothingBefore(_)), "{nothing}");
    app.finish().await;
}

#[tokio::test]
async fn who_is_late_does_not_undo_what_somebody_else_did() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    let seen = history(&app, &dealer).await.remove(0).id;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let sign = Sign::new("ben", "");
    let late = rollout::roll_back(store, &dealer.connection, Some(&seen), &sign, app.now()).await.unwrap_err();
    assert!(matches!(late, RolloutError::Changed { newest: Some(_) }), "{late}");
    let choice = rollout::choose(store, &dealer.account, &dealer.connection, "default", None).await.unwrap();
    let wish = Wish { share: Share::ALL, sign, expected: Some(seen), despite: None };
    let late = rollout::enable(store, &dealer.connection, &choice, &wish, app.now()).await.unwrap_err();
    assert!(matches!(late, RolloutError::Changed { .. }), "{late}");
    assert_eq!(history(&app, &dealer).await.len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_rollback_counts_for_the_next_event_of_another_process() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    // This process knows the rules by now.
    let before = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    assert_eq!(ran(&app, &before).await, ["quiet@1 skipped"]);
    // Another process on the same data: the command line, and on Postgres as well as on SQLite.
    let words = ["transform", "rollback", "--account", "acme", "--by", "ben", "--reason", "no leads arrive"];
    let (code, said) = app.command(&words).await;
    assert_eq!(code, 0, "{said}");
    insta::assert_snapshot!(said.trim(), @"Back from quiet@1 to default@1. New events use it at once.");
    let after = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(ran(&app, &after).await, ["default@1 planned"]);
    assert_eq!(told(&app, &dealer).await[0], "default@1 100 % by ben: no leads arrive (in use)");
    app.finish().await;
}

#[tokio::test]
async fn two_services_on_one_database_use_a_rollback_at_once() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let Some(database) = app.database().await else { return };
    let mut config = crate::support::config_on(app.data(), app.hubspot.base_url());
    config.database = Some(database);
    let clock = app.clock();
    let at = move || Timestamp(clock.load(std::sync::atomic::Ordering::SeqCst));
    let other = leadline::app::App::connect_at(&config, std::sync::Arc::new(at)).await.unwrap();
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let plan_there = async || {
        while process::plan_next(&other.store, &other.transformer, "other", &app.app.clock).await.unwrap()
            == leadline::model::lane::Step::Worked
        {}
    };
    let first = app.send_lead(&dealer, "ana").await;
    plan_there().await;
    assert_eq!(ran(&app, &first).await, ["quiet@1 skipped"], "the other service knows the rules");
    rollout::roll_back(&app.app.store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await.unwrap();
    let second = app.send_lead(&dealer, "bob").await;
    plan_there().await;
    assert_eq!(ran(&app, &second).await, ["default@1 planned"]);
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn a_version_that_fails_too_often_is_taken_back_by_itself_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    let first = send(&app, &dealer, 0..4).await;
    app.plan().await;
    assert_eq!(states(&app, &first).await, [EventState::Held; 4], "four are not too many");
    assert_eq!(history(&app, &dealer).await.len(), 2);
    let fifth = send(&app, &dealer, 4..8).await;
    app.run_until_idle().await;
    for event in first.iter().chain(&fifth) {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
        assert_eq!(ran(&app, event).await, ["trap@1 failed", "default@1 planned"]);
    }
    assert_eq!(
        told(&app, &dealer).await,
        [
            "default@1 100 % by system: trap@1: 8 of its last 8 runs failed (in use)",
            "trap@1 100 % by ana: a test; despite examples, shadow: nobody else uses it; approved by zoe",
            "default@1 100 % by : chosen with the connection",
        ]
    );
    assert_eq!(issue_codes(&app, &dealer).await, ["transform.rolled_back 0"]);
    // Somebody else is enabled, and the issue is over.
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    assert_eq!(issue_codes(&app, &dealer).await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn many_planners_take_a_version_back_once() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    let events = send(&app, &dealer, 0..12).await;
    let plan = async |owner: &str| {
        while process::plan_next(&app.app.store, &app.app.transformer, owner, &app.app.clock).await.unwrap()
            == Step::Worked
        {}
    };
    tokio::join!(plan("a"), plan("b"), plan("c"), plan("d"));
    app.run_until_idle().await;
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    let by_system = history(&app, &dealer).await.into_iter().filter(|past| past.by == "system").count();
    assert_eq!(by_system, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_trial_that_fails_costs_only_its_share_and_goes_back() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "trap@1", 30).await.unwrap();
    let events = send(&app, &dealer, 0..60).await;
    app.run_until_idle().await;
    let tried = events.iter().filter(|event| Share::stored(30).takes(event)).count();
    assert!(tried >= 5, "of sixty");
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    assert!(told(&app, &dealer).await[0].starts_with("default@1 100 % by system: trap@1:"));
    app.finish().await;
}

#[tokio::test]
async fn without_a_version_before_the_events_wait_instead_of_burning_runs() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    // Long ago, so that nobody can say that it fails because it is new.
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    upload(&app, &dealer, "spin", &guest("spin")).await;
    enable(&app, &dealer, "spin@1", 100).await.unwrap();
    let back = rollout::roll_back(&app.app.store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await;
    assert_eq!(back.unwrap().to, "trap@1");
    let burnt = send(&app, &dealer, 0..6).await;
    app.plan().await;
    let waiting = send(&app, &dealer, 6..9).await;
    app.plan().await;
    for event in &waiting {
        assert!(
            app.fate(event).await.starts_with("held (transform.breaker): transformation `trap@1` failed too often")
        );
        assert_eq!(ran(&app, event).await, [""; 0], "no run is burnt");
    }
    assert_eq!(history(&app, &dealer).await.len(), 4, "a rollback is not rolled back by itself");
    assert_eq!(issue_codes(&app, &dealer).await, ["transform.trap 6", "transform.breaker 3"]);
    // Whoever enables another one lets all of them go on.
    assert_eq!(enable(&app, &dealer, "default", 100).await.unwrap().released, 9);
    app.run_until_idle().await;
    for event in burnt.iter().chain(&waiting) {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    assert_eq!(issue_codes(&app, &dealer).await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn refusals_and_quiet_answers_take_no_version_back() {
    for name in ["refuse", "honest"] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        upload(&app, &dealer, "other", &guest(name)).await;
        enable(&app, &dealer, "other@1", 100).await.unwrap();
        send(&app, &dealer, 0..25).await;
        app.plan().await;
        assert_eq!(history(&app, &dealer).await.len(), 2, "{name}");
        app.finish().await;
    }
}

/// What a round comes to in which every run traps.
fn trapped(taken: TakenEvents) -> PlannedLane {
    let binding = taken.rules.routing.bindings[0].clone();
    let planned = taken.events.into_iter().map(|event| PlannedEvent {
        event,
        decision: Decision::Not(Unplanned::Held(
            Problem::new(Code::TransformTrap, "it trapped").about(binding.version_id.as_str()),
        )),
        lead: None,
        ran: Some(Ran {
            binding_id: binding.id.clone(),
            is_watched: binding.is_watched,
            outcome: RanTo::Failed,
            figures: RunFigures::default(),
            dropped: Vec::new(),
        }),
        log: None,
    });
    PlannedLane { planned: planned.collect(), lease: taken.lease, rest: None }
}

#[tokio::test]
async fn an_event_that_failed_while_somebody_rolled_back_does_not_wait_for_ever() {
    for enables in [false, true] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        let store = &app.app.store;
        upload(&app, &dealer, "trap", &guest("trap")).await;
        upload(&app, &dealer, "quiet", &guest("honest")).await;
        enable(&app, &dealer, "trap@1", 100).await.unwrap();
        let event = app.send_lead(&dealer, "ana").await;
        // A round is under way with the version, and is settled after the change.
        let taken = store.take_events("slow", 1, 10, app.now()).await.unwrap().remove(0);
        assert_eq!(taken.rules.routing.bindings[0].label, "trap@1");
        if enables {
            enable(&app, &dealer, "quiet@1", 100).await.unwrap();
        } else {
            rollout::roll_back(store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await.unwrap();
        }
        store.store_plans(&[trapped(taken)], app.now()).await.unwrap();
        app.run_until_idle().await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with(if enables { "skipped" } else { "delivered" }), "{fate}");
        app.finish().await;
    }
}

#[tokio::test]
async fn an_old_version_that_breaks_waits_for_a_person() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    // It runs well a hundred times and for an hour, and is then made to look as if it trapped.
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    app.send_many(&dealer, (0..100).map(|number| (format!("msg_{number}"), lead(&number.to_string())))).await;
    app.plan().await;
    app.advance(std::time::Duration::from_secs(3_600));
    send(&app, &dealer, 100..101).await;
    app.plan().await;
    let routing = store.routing(&dealer.account.id).await.unwrap();
    assert!(!routing.bindings[0].is_watched, "nobody counts any more");
    let events = send(&app, &dealer, 101..106).await;
    let taken = store.take_events("test", 1, 10, app.now()).await.unwrap().remove(0);
    let stored = store.store_plans(&[trapped(taken)], app.now()).await.unwrap();
    assert_eq!(stored.turns.len(), 1);
    assert_eq!(stored.turns[0].back_to, None, "an hour later it is not the change that broke it");
    assert_eq!(states(&app, &events).await, [EventState::Held; 5]);
    // One command, and all of them go on.
    let back = rollout::roll_back(store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await.unwrap();
    assert_eq!((back.to.as_str(), back.released), ("default@1", 5));
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn every_example_runs_again_to_the_same_byte_and_with_the_same_fuel() {
    let app = TestApp::start().await;
    // Not the one that ran them first: compiled anew.
    let transformer = Transformer::new().unwrap();
    for example in leadline::examples::all().unwrap() {
        let expected = &example.expected;
        let preset = if expected.transformation == "deals" { Preset::Deals } else { Preset::Ready };
        let dealer = app.dealer(&example.name, preset, &expected.transformation, example.settings.clone()).await;
        let answer = app.post(&dealer, &format!("msg_{}", example.name), &example.event).await;
        let event = EventId::stored(answer.body["event_id"].as_str().unwrap().to_owned());
        app.run_until_idle().await;
        let event = app.app.store.find_event(&event).await.unwrap().unwrap();
        let Some(run) = app.app.store.runs_of(&event).await.unwrap().pop() else {
            assert_eq!(event.reason.unwrap().code.as_str(), "event.not_selected", "{}", example.name);
            continue;
        };
        let again = leadline::rerun::rerun(&app.app.store, &transformer, &event, run, None).await.unwrap();
        assert!(again.same_bytes && again.same_fuel, "{}: {again:#?}", example.name);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_shows_the_runs_of_an_event_and_runs_it_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let (code, said) = app.command(&["event", "runs", event.as_str()]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("default@1 · planned") && said.contains("contact, note") && said.contains("fuel "), "{said}");
    let (code, said) = app.command(&["event", "rerun", event.as_str()]).await;
    assert!(code == 0 && said.contains("Again, the same to the byte, and the same fuel."), "{said}");
    // Another build: what would change.
    let other = app.data().join("other.wasm");
    std::fs::write(&other, guest("honest")).unwrap();
    let (code, said) = app.command(&["event", "rerun", event.as_str(), "--component", other.to_str().unwrap()]).await;
    assert!(code == 0 && said.contains("The other build does something else."), "{said}");
    assert!(said.contains("transform.skipped: transformation `other.wasm` returned no actions"), "{said}");
    let folder = app.data().join("example");
    let (code, said) = app.command(&["event", "rerun", event.as_str(), "--redacted", folder.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{said}");
    let written = std::fs::read_to_string(folder.join("event.json")).unwrap();
    assert!(!written.to_lowercase().contains("ana") && written.contains("Honda"), "{written}");
    let settings: Value = serde_json::from_slice(&std::fs::read(folder.join("settings.json")).unwrap()).unwrap();
    assert_eq!(settings["country"], "US");
    app.finish().await;
}

/// The stock transformation under a name of the account's own, which counts as uploaded.
async fn upload_deals(app: &TestApp, dealer: &Dealer) {
    upload(app, dealer, "own", stock::DEALS).await;
}

fn settings_file(app: &TestApp, settings: &Value) -> String {
    let file = app.data().join("settings.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_shadow_run_says_what_would_change_and_opens_the_gate_and_sends_nothing() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Deals, "default", json!({ "country": "US" })).await;
    upload_deals(&app, &dealer).await;
    let events = send(&app, &dealer, 0..6).await;
    app.run_until_idle().await;
    let calls = app.calls_for_leads().len();
    let settings =
        json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "priority_map": { "high": "low" } });
    let file = settings_file(&app, &settings);
    let target = ["--account", "acme", "--settings", &file];

    let (code, said) = app.command(&[&["transform", "gates", "own@1"][..], &target].concat()).await;
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("CLOSED  shadow       it did not run yet"), "{said}");
    let (code, said) = app.command(&[&["transform", "enable", "own@1"][..], &target].concat()).await;
    assert_eq!((code, said.as_str()), (3, ""), "a closed gate enables nothing");

    let (code, said) = app.command(&[&["transform", "shadow", "own@1", "--by", "ana"][..], &target].concat()).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("6 of 6 leads change, 0 stay the same, 0 fail"), "{said}");
    assert!(
        said.contains("      6  deal  new  evt_")
            && said.contains("- lead_priority            high\n    + lead_priority            low"),
        "{said}"
    );
    assert!(said.contains("fuel p50 ") && said.contains("% of the limit"), "{said}");
    assert_eq!(app.calls_for_leads().len(), calls, "nothing is sent");
    for event in &events {
        assert_eq!(ran(&app, event).await, ["default@1 planned"], "and nothing is noted with the events");
    }

    let (code, said) = app.command(&[&["transform", "gates", "own@1"][..], &target].concat()).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("open    shadow       6 of 6 leads change"), "{said}");
    let (code, said) =
        app.command(&[&["transform", "enable", "own@1", "--by", "ana", "--share", "50%"][..], &target].concat()).await;
    assert!(code == 0 && said.contains("50 % of the new events go through own@1"), "{said}");
    // What was proven with other settings proves nothing.
    let other = settings_file(&app, &json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" }));
    let (code, _) = app.command(&["transform", "gates", "own@1", "--account", "acme", "--settings", &other]).await;
    assert_eq!(code, 3);
    // The evidence is kept, without anything about a person.
    let shown = app.command(&["transform", "history", "--account", "acme"]).await.1;
    assert!(shown.contains("own@1") && shown.contains("50 %") && shown.contains("ana"), "{shown}");
    app.finish().await;
}

#[tokio::test]
async fn what_fails_in_the_shadow_is_not_enabled_unless_somebody_says_why() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    send(&app, &dealer, 0..3).await;
    app.run_until_idle().await;
    let (code, said) = app.command(&["transform", "shadow", "trap@1", "--account", "acme"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 of 3 leads change, 0 stay the same, 3 fail"), "{said}");
    let (code, said) = app.command(&["transform", "gates", "trap@1", "--account", "acme"]).await;
    assert!(
        code == 3 && said.contains("CLOSED  failures     it failed on 3 of 3 leads: transform.trap on 3"),
        "{said}"
    );
    let despite = ["transform", "enable", "trap@1", "--account", "acme", "--by", "ana", "--despite", "to see it fail"];
    let nameless = Cli::try_parse_from(["leadline"].into_iter().chain(despite)).unwrap_err().to_string();
    assert!(nameless.contains("--key-file <FILE>"), "a user at the terminal is nobody in the dashboard: {nameless}");
    app.account("other").await;
    let (ana, foreign) = (key_file(&app, "ana", &[]).await, key_file(&app, "ben", &["--account", "other"]).await);
    let (code, said) = app.command(&[&despite[..], &["--key-file", foreign.as_str()]].concat()).await;
    assert_eq!(code, 4, "it does not reach the account: {said}");
    let (code, said) = app.command(&[&despite[..], &["--key-file", ana.as_str()]].concat()).await;
    assert!(code == 0 && said.contains("a second person has to approve it"), "{said}");
    assert_eq!(history(&app, &dealer).await.len(), 1, "so far it is only asked for");
    let waiver = app.app.store.waivers(None).await.unwrap().remove(0);
    assert_eq!(waiver.asker.name, "key ana");
    let words = ["transform", "approve", waiver.id.as_str(), "--key-file"];
    let approve = async |file: &str| app.command(&[&words[..], &[file]].concat()).await;
    assert_eq!(approve(&ana).await.0, 6, "whoever asked does not approve");
    let again = key_file(&app, "carl", &[]).await;
    assert_eq!(approve(&again).await.0, 6, "nor does a key that the same one made");
    let made = Asker::operator().post(&app, "/v1/api-keys", json!({ "name": "zoe", "rights": ["transform"] })).await;
    let zoe = app.data().join("zoe.key");
    std::fs::write(&zoe, made.body["data"]["secret"].as_str().unwrap_or_else(|| panic!("{made:?}"))).unwrap();
    let (code, said) = approve(zoe.to_str().unwrap()).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        told(&app, &dealer).await[0],
        "trap@1 100 % by ana: despite examples, failures: to see it fail; approved by key zoe (in use)"
    );
    assert_eq!(approve(zoe.to_str().unwrap()).await.0, 6, "once is enough");
    // The history names them too, and not whoever is at the keyboard.
    let noted = app.app.store.audit(Some(&dealer.account.id), None, 50).await.unwrap();
    for (action, actor) in [("bindings.create", "key ana"), ("waivers.approve", "key zoe")] {
        let by: Vec<_> = noted.iter().filter(|entry| entry.action == action).map(|entry| &entry.actor).collect();
        assert_eq!(by, [actor], "{action}");
    }
    app.finish().await;
}

/// The file of a key that may enable transformations, made by whoever is at the keyboard.
async fn key_file(app: &TestApp, name: &str, of: &[&str]) -> String {
    let words = ["access", "key", "create", name, "--right", "transform"];
    let (code, made) = app.command(&[&words[..], of].concat()).await;
    assert_eq!(code, 0, "{made}");
    let file = app.data().join(format!("{name}.key"));
    std::fs::write(&file, made.lines().nth(1).unwrap()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_asks_to_pass_closed_gates_does_not_approve() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    let operator = Asker::operator();
    let asked = json!({ "account": "acme", "version": "quiet@1", "despite": "nobody uses it", "by": "ana" });
    let reply = operator.post(&app, "/v1/bindings", asked).await;
    assert_eq!((reply.status, &reply.body["data"]["closed"]), (202, &json!(["shadow"])), "{reply:?}");
    let id = reply.body["data"]["id"].as_str().unwrap();
    let path = format!("/v1/waivers/{id}/approve");
    assert_eq!(operator.post(&app, &path, Value::Null).await.status, 409, "the same one");
    // A key that the same one made is the same one; a key of the account is nobody of the house.
    let made = key(&app, &operator, None, &["transform", "access"]).await;
    assert_eq!(made.post(&app, &path, Value::Null).await.status, 409);
    let own = key(&app, &operator, Some("acme"), &["transform"]).await;
    assert_eq!(own.post(&app, &path, Value::Null).await.status, 404);
    assert_eq!(history(&app, &dealer).await.len(), 1, "nothing is enabled");
    let waiver = app.app.store.waiver(id).await.unwrap().unwrap();
    assert!(matches!(approve(&app, &dealer, &waiver, "Ana").await, Err(RolloutError::SamePerson { .. })));
    let enabled = approve(&app, &dealer, &waiver, "ben").await.unwrap();
    assert_eq!(enabled.version, "quiet@1");
    assert_eq!(
        told(&app, &dealer).await[0],
        "quiet@1 100 % by ana: despite shadow: nobody uses it; approved by ben (in use)"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_waiver_is_for_the_gates_and_the_binding_that_were_seen() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    let first = ask(&app, &dealer, "trap@1").await;
    let second = ask(&app, &dealer, "quiet@1").await;
    // Meanwhile it failed on real leads: that is another gate than those that were closed.
    send(&app, &dealer, 0..3).await;
    app.run_until_idle().await;
    let (code, said) = app.command(&["transform", "shadow", "trap@1", "--account", "acme"]).await;
    assert_eq!(code, 0, "{said}");
    let refused = approve(&app, &dealer, &first, "ben").await.unwrap_err();
    assert!(matches!(&refused, RolloutError::Closed { .. }) && refused.to_string().contains("(failures)"), "{refused}");
    approve(&app, &dealer, &second, "ben").await.unwrap();
    let late = ask(&app, &dealer, "trap@1").await;
    rollout::roll_back(store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await.unwrap();
    let late = approve(&app, &dealer, &late, "ben").await.unwrap_err();
    assert!(matches!(late, RolloutError::Changed { .. }), "{late}");
    rollout::decline(store, &first, &signer("ana"), app.now()).await.unwrap();
    let first = store.waiver(first.id.as_str()).await.unwrap().unwrap();
    let over = approve(&app, &dealer, &first, "ben").await.unwrap_err();
    insta::assert_snapshot!(over, @"the request is declined already, by ana");
    app.finish().await;
}

#[tokio::test]
async fn who_answers_a_request_late_changes_nothing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    // Each of two people looked at the request while it was open, and one of them took his time.
    let taken_back = ask(&app, &dealer, "quiet@1").await;
    rollout::decline(store, &taken_back, &signer("ana"), app.now()).await.unwrap();
    let late = approve(&app, &dealer, &taken_back, "ben").await.unwrap_err();
    insta::assert_snapshot!(late, @"the request is declined already, by ana");
    assert_eq!(history(&app, &dealer).await.len(), 1, "nothing is enabled");
    let approved = ask(&app, &dealer, "quiet@1").await;
    approve(&app, &dealer, &approved, "ben").await.unwrap();
    let late = rollout::decline(store, &approved, &signer("ana"), app.now()).await.unwrap_err();
    insta::assert_snapshot!(late, @"the request is approved already, by ben");
    let said = store.waiver(approved.id.as_str()).await.unwrap().unwrap().answered.unwrap();
    assert_eq!((said.verdict, said.by.as_str()), (Verdict::Approved, "ben"));
    app.finish().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_bound_stays_open() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    let asked = ask(&app, &dealer, "quiet@1").await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let late = approve(&app, &dealer, &asked, "ben").await.unwrap_err();
    assert!(matches!(late, RolloutError::Changed { .. }), "{late}");
    assert_eq!(store.waiver(asked.id.as_str()).await.unwrap().unwrap().answered, None);
    app.finish().await;
}

#[tokio::test]
async fn a_rollback_says_before_what_it_does_and_can_be_undone() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    send(&app, &dealer, 0..2).await;
    app.run_until_idle().await;
    app.advance(std::time::Duration::from_secs(60));
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    let held = send(&app, &dealer, 2..4).await;
    app.plan().await;
    assert_eq!(states(&app, &held).await, [EventState::Held; 2]);
    let (code, said) = app.command(&["transform", "rollback", "--account", "acme", "--dry-run"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("Back from trap@1 to default@1: 2 leads, 0 errors.\n2 leads that wait"), "{said}");
    assert_eq!(history(&app, &dealer).await.len(), 2, "a dry run changes nothing");
    let seen = rollout::back(store, &dealer.connection).await.unwrap().unwrap().seen;
    let back = json!({ "account": "acme" });
    let late = Asker::operator().with("if-match", "\"bnd_0\"").post(&app, "/v1/bindings/rollback", back.clone()).await;
    assert_eq!(late.status, 412, "{late:?}");
    let tag = format!("\"{seen}\"");
    let done = Asker::operator().with("if-match", &tag).post(&app, "/v1/bindings/rollback", back.clone()).await;
    assert_eq!((done.status, &done.body["data"]["released"]), (200, &json!(2)), "{done:?}");
    app.run_until_idle().await;
    // It was in force a moment ago, so the gates are not asked; later they are.
    let undone = Asker::operator().post(&app, "/v1/bindings/restore", back.clone()).await;
    assert_eq!((undone.status, &undone.body["data"]["version"]), (200, &json!("trap@1")), "{undone:?}");
    rollout::roll_back(store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await.unwrap();
    app.advance(rollout::UNDO_LIFE + std::time::Duration::from_secs(1));
    let nothing = Asker::operator().post(&app, "/v1/bindings/restore", back).await;
    assert_eq!(nothing.status, 409, "{nothing:?}");
    let past = history(&app, &dealer).await.into_iter().find(|past| past.version == "trap@1").unwrap();
    let named = json!({ "account": "acme", "binding": past.id });
    let closed = Asker::operator().post(&app, "/v1/bindings/restore", named).await;
    assert!(closed.status == 409 && closed.body["detail"].as_str().unwrap().contains("is not enabled"), "{closed:?}");
    let first = history(&app, &dealer).await.pop().unwrap();
    let (code, said) = app.command(&["transform", "restore", first.id.as_str(), "--account", "acme"]).await;
    assert!(code == 0 && said.contains("New events go through default@1"), "{said}");
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn a_version_that_nobody_needs_is_taken_out_and_any_other_stays() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let (store, account) = (&app.app.store, dealer.account.id.as_str());
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let delete = async |path: &str| Asker::operator().ask(&app, Method::DELETE, path, None).await;
    let used = delete("/v1/versions/quiet@1?account=acme").await;
    assert_eq!(used.status, 409);
    assert_eq!(used.body["detail"], "`quiet@1` stays: it decides about leads of acme");
    let built_in = delete("/v1/versions/default@1").await;
    assert_eq!(built_in.status, 409, "{built_in:?}");
    enable(&app, &dealer, "trap@1", 100).await.unwrap();
    assert_eq!(app.command(&["transform", "delete", "quiet", "--all", "--account", "acme"]).await.0, 6);
    let needed = delete("/v1/versions/quiet@1?account=acme").await;
    assert_eq!(needed.body["detail"], "`quiet@1` stays: a rollback of acme goes back to it");
    // Two more on top of it: nothing leads back to it any more.
    enable(&app, &dealer, "default@1", 100).await.unwrap();
    let version = store.version(account, "quiet@1").await.unwrap().unwrap();
    assert_eq!(delete("/v1/versions/quiet@1?account=acme").await.status, 204);
    assert_eq!(delete("/v1/versions/quiet@1?account=acme").await.status, 404);
    assert_eq!(store.version(account, "quiet@1").await.unwrap().map(|version| version.id), None);
    assert_eq!(store.component(&version.id).await.unwrap(), None, "its bytes are gone");
    let refused = enable(&app, &dealer, "quiet@1", 100).await.unwrap_err();
    assert!(matches!(refused, RolloutError::NoVersion { .. }), "{refused}");
    let past = history(&app, &dealer).await.into_iter().find(|past| past.version == "quiet@1").unwrap();
    assert!(past.is_deleted, "the history still names it");
    // The same bytes again are a version of their own.
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    assert_eq!(store.newest_version(account, "quiet").await.unwrap().unwrap().number, 2);
    let (code, said) = app.command(&["transform", "delete", "quiet", "--all", "--account", "acme"]).await;
    assert!(code == 0 && said.contains("quiet@2 taken out"), "{code} {said}");
    app.finish().await;
}

#[tokio::test]
async fn one_test_lead_goes_through_a_version_before_any_real_one_does() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    let asked =
        json!({ "account": "acme", "version": "quiet@1", "test_leads_only": true, "despite": "a test", "by": "ana" });
    assert_eq!(Asker::operator().post(&app, "/v1/bindings", asked).await.status, 202);
    let waiver = app.app.store.waivers(None).await.unwrap().remove(0);
    approve(&app, &dealer, &waiver, "ben").await.unwrap();
    let real = app.send_lead(&dealer, "ana").await;
    let sent = Asker::operator().post(&app, "/v1/accounts/acme/test-leads", json!({})).await;
    let test = EventId::stored(sent.body["data"]["event_id"].as_str().unwrap_or_else(|| panic!("{sent:?}")).to_owned());
    app.run_until_idle().await;
    assert_eq!(ran(&app, &real).await, ["default@1 planned"]);
    assert_eq!(ran(&app, &test).await, ["quiet@1 skipped"]);
    let delete = Asker::operator().ask(&app, Method::DELETE, "/v1/versions/quiet@1?account=acme", None).await;
    assert_eq!(delete.status, 409, "it is being tried");
    enable(&app, &dealer, "quiet@1", 100).await.unwrap();
    let next = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(ran(&app, &next).await, ["quiet@1 skipped"]);
    let back = rollout::roll_back(&app.app.store, &dealer.connection, None, &Sign::new("ben", ""), app.now()).await;
    assert_eq!(back.unwrap().to, "default@1");
    app.finish().await;
}

#[tokio::test]
async fn two_versions_are_compared_whichever_is_in_use() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "trap", &guest("trap")).await;
    send(&app, &dealer, 0..3).await;
    app.run_until_idle().await;
    let operator = Asker::operator();
    let asked = json!({ "account": "acme", "before": "default@1", "after": "trap@1", "events": 2 });
    let leads = operator.post(&app, "/v1/comparisons", asked.clone()).await;
    assert_eq!(
        (&leads.body["data"]["leads"]["events"], &leads.body["data"]["leads"]["failed"]),
        (&json!(2), &json!(2))
    );
    let same = json!({ "before": "default@1", "after": "default@1" });
    let samples = operator.post(&app, "/v1/comparisons", same).await;
    let samples = samples.body["data"]["samples"].as_array().unwrap().clone();
    assert!(!samples.is_empty() && samples.iter().all(|sample| sample["came"] == "same"), "{samples:#?}");
    let places: Vec<_> = std::iter::from_fn(|| app.app.transformer.trial_place()).collect();
    let busy = operator.post(&app, "/v1/comparisons", asked.clone()).await;
    assert_eq!((busy.status, &busy.body["detail"]), (409, &json!("other leads are being tried")), "{busy:?}");
    drop(places);
    assert_eq!(operator.post(&app, "/v1/comparisons", asked).await.status, 200);
    let (code, said) = app.command(&["transform", "diff", "default@1", "trap@1", "--account", "acme"]).await;
    assert!(code == 0 && said.contains("0 of 3 leads change, 0 stay the same, 3 fail"), "{said}");
    app.finish().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_calls_that_the_lead_then_makes() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    let event = app.send_lead(&dealer, "ana").await;
    let before = app.calls_for_leads().len();
    let (code, said) =
        app.command(&["transform", "dry-run", "deals", "--account", "acme", "--event", event.as_str(), "--json"]).await;
    assert_eq!((code, app.calls_for_leads().len()), (0, before), "{said}");
    let shown: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(shown["data"]["outcome"], "delivered", "{said}");
    app.run_until_idle().await;
    let made: Vec<_> = app.calls_for_leads().into_iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    let told = shown["data"]["calls"].as_array().unwrap().iter();
    let told: Vec<_> =
        told.map(|call| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap())).collect();
    assert_eq!(told, made);
    let bodies = shown["data"]["calls"].to_string();
    assert!(bodies.contains("ana@example.com") && bodies.contains("new-lead"), "{bodies}");
    app.finish().await;
}

#[tokio::test]
async fn the_form_of_the_settings_offers_what_the_portal_has() {
    let app = TestApp::start().await;
    let _dealer = app.dealer("acme", Preset::Deals, "default", json!({ "country": "US" })).await;
    let (code, said) = app.command(&["transform", "form", "deals", "--account", "acme", "--json"]).await;
    let shown: Value = serde_json::from_str(&said).unwrap();
    let fields = shown["data"]["fields"].as_array().unwrap();
    let field = |pointer: &str| fields.iter().find(|field| field["pointer"] == pointer).unwrap();
    assert_eq!((&field("/pipeline")["kind"], &field("/pipeline")["required"]), (&json!("pipeline"), &json!(true)));
    let choices = field("/stage")["choices"].to_string();
    assert!(choices.contains("new-lead") && choices.contains("\"within\":\"new-vehicles\""), "{choices}");
    assert_eq!(fields[0]["pointer"], "/pipeline", "in the order of the schema");
    // Nothing is chosen yet, and it says so.
    assert!(code == 3 && shown["data"]["violations"].to_string().contains("pipeline"), "{said}");
    app.finish().await;
}

#[tokio::test]
async fn the_api_enables_compares_and_rolls_back_like_the_command_line() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    upload(&app, &dealer, "quiet", &guest("honest")).await;
    send(&app, &dealer, 0..3).await;
    app.run_until_idle().await;
    let client = app.operator();
    let url = |path: &str| format!("{}/v1{path}", app.address);
    let post = async |path: &str, tag: Option<&str>, body: Value| {
        let mut request = client.post(url(path)).json(&body);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let response = request.send().await.unwrap();
        let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        (response.status().as_u16(), tag, response.json::<Value>().await.unwrap())
    };
    let get = async |path: &str| client.get(url(path)).send().await.unwrap();

    let (status, _, closed) = post("/bindings", None, json!({ "account": "acme", "version": "quiet@1" })).await;
    assert_eq!(status, 409, "{closed}");
    assert!(closed["detail"].as_str().unwrap().contains("it did not run yet"), "{closed}");
    let (status, _, begun) =
        post("/shadow-runs", None, json!({ "account": "acme", "version": "quiet@1", "by": "ana" })).await;
    assert_eq!(status, 202, "{begun}");
    let id = begun["data"]["id"].as_str().unwrap();
    let run = loop {
        let shown: Value = get(&format!("/shadow-runs/{id}")).await.json().await.unwrap();
        if !shown["data"]["ended_at"].is_null() {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(run["data"]["report"]["changed"], 3, "{run}");
    assert_eq!(run["data"]["report"]["outcomes"][0]["after"], "skipped");

    let history = get(&format!("/bindings?connection={}", dealer.connection.id)).await;
    let first = history.headers()["etag"].to_str().unwrap().to_owned();
    let wish = json!({ "account": "acme", "version": "quiet@1", "share": 20, "by": "ana", "reason": "fewer leads" });
    let (status, second, enabled) = post("/bindings", Some(&first), wish.clone()).await;
    assert_eq!((status, &enabled["data"]["share"]), (200, &json!(20)), "{enabled}");
    let (status, _, late) = post("/bindings", Some(&first), wish).await;
    assert_eq!((status, late["code"].as_str().unwrap()), (412, "changed"));
    let (status, _, late) = post("/bindings/rollback", Some(&first), json!({ "account": "acme" })).await;
    assert_eq!(status, 412, "{late}");
    let (status, _, back) =
        post("/bindings/rollback", second.as_deref(), json!({ "account": "acme", "reason": "no" })).await;
    assert_eq!((status, &back["data"]["to"]), (200, &json!("default@1")), "{back}");
    let (status, _, nothing) = post("/bindings/rollback", None, json!({ "account": "acme" })).await;
    assert_eq!(status, 409, "{nothing}");
    let history: Value = get("/bindings?connection=acme").await.json().await.unwrap();
    let told: Vec<_> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|past| format!("{} {} {}", past["version"], past["share"], past["by"]))
        .collect();
    assert_eq!(told, ["\"default@1\" 100 \"API token\"", "\"quiet@1\" 20 \"ana\"", "\"default@1\" 100 \"\""]);
    let form: Value = get("/settings-form?account=acme&version=deals").await.json().await.unwrap();
    assert_eq!(form["data"]["fields"][0]["pointer"], "/pipeline", "{form}");
    assert_eq!(get("/shadow-runs/shr_1").await.status(), 404);
    assert_eq!(get("/bindings?connection=nobody").await.status(), 404);
    // Nobody without the token.
    assert_eq!(reqwest::get(url("/bindings?connection=acme")).await.unwrap().status(), 401);
    app.finish().await;
}
