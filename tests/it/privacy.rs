//! A shopper is found, exported, erased and kept out: nothing of them is left, and nothing of them is written again.

use std::time::Duration;

use hubspot_sim::{Fault, Preset};
use leadline::hubspot::CONTACT;
use leadline::model::erasure::{AtHubspot, Erasure, Phase};
use leadline::model::id::EventId;
use leadline::model::lane::Step;
use leadline::model::outcome::Outcome;
use leadline::privacy::{self, Caps, PrivacyError, Wish};
use leadline::replay;
use leadline::store::{Kept, KeptShorter, Removed};
use leadline::subject::{NoSubject, Subject};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::access::{Asker, key, signed_in, with_public_url};
use crate::support::{Dealer, TestApp, lead};

const MAYA: &str = "leadline-test+maya@example.com";
const PHONE: &str = "+1 (407) 555-0123";

fn maya() -> Subject {
    Subject::of(&[MAYA.to_owned()], &[]).unwrap()
}

/// A lead of hers: her name, her number and what she said are nowhere else.
fn of_maya(id: &str) -> Value {
    let mut lead = lead("maya");
    lead["id"] = json!(id);
    lead["name"] = json!("Maya Lindqvist");
    lead["email"] = json!("Leadline-Test+Maya@Example.com");
    lead["phone"] = json!(PHONE);
    lead["notes"][0]["text"] = json!("Zanzibar is where I will drive it.");
    lead
}

/// Words that stand in nothing but her data.
const HERS: [&str; 4] = ["maya@example.com", "Lindqvist", "lindqvist", "Zanzibar"];

fn wish(reason: &str, at_hubspot: bool) -> Wish<'_> {
    Wish { subject: maya(), confirm: MAYA, reason, by: "a test", at_hubspot }
}

async fn begin(app: &TestApp, dealer: &Dealer, at_hubspot: bool) -> Erasure {
    privacy::erase(&app.app.store, &dealer.account, &wish("request 4711", at_hubspot), app.now()).await.unwrap()
}

async fn step(app: &TestApp) -> Step {
    privacy::next(&app.app.store, &app.app.hubspot, &app.app.clock).await.unwrap()
}

async fn fresh(app: &TestApp, erasure: &Erasure) -> Erasure {
    app.app.store.erasure(erasure.id.as_str()).await.unwrap().unwrap()
}

/// Erases her, to the end.
async fn erase(app: &TestApp, dealer: &Dealer, at_hubspot: bool) -> Erasure {
    let erasure = begin(app, dealer, at_hubspot).await;
    while step(app).await == Step::Worked {}
    let done = fresh(app, &erasure).await;
    assert_eq!(done.phase, Phase::Done);
    done
}

async fn outcome(app: &TestApp, event: &EventId) -> Outcome {
    let shown = app.event(event).await;
    Outcome::of(&shown.event, shown.deliveries.last().map(|shown| &shown.delivery), false)
}

/// Every text of the whole database that names her: table and column.
async fn traces(app: &TestApp) -> Vec<String> {
    let mut found = Vec::new();
    let names = |text: &str| HERS.iter().any(|hers| text.to_lowercase().contains(&hers.to_lowercase()));
    if let Some(database) = app.database().await {
        let mut connection = sqlx::PgConnection::connect(&database).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        for table in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut connection).await.unwrap() {
            let rows = format!("SELECT row_to_json(t)::text FROM \"{table}\" AS t");
            let rows = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(rows)).fetch_all(&mut connection).await;
            found.extend(rows.unwrap().into_iter().filter(|row| names(row)).map(|row| format!("{table}: {row}")));
        }
        return found;
    }
    let file = app.data().join("leadline.db");
    let connection = rusqlite::Connection::open(file).unwrap();
    let list = |text: &str| -> Vec<String> {
        let mut statement = connection.prepare(text).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for table in list("SELECT name FROM sqlite_master WHERE type = 'table'") {
        for column in list(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            let values = list(&format!("SELECT \"{column}\" FROM \"{table}\" WHERE typeof(\"{column}\") = 'text'"));
            found.extend(values.iter().filter(|value| names(value)).map(|value| format!("{table}.{column}: {value}")));
        }
    }
    found
}

/// A shopper with something of everything: delivered, waiting, held, skipped, failed.
async fn a_bit_of_everything(app: &TestApp, dealer: &Dealer) -> Vec<EventId> {
    let mut events = vec![app.send(dealer, "msg_1", of_maya("lead_1")).await];
    app.run_until_idle().await;
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create"));
    events.push(app.send(dealer, "msg_2", of_maya("lead_2")).await);
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    app.hubspot.add_fault(Fault::status(503).on_path("0-1/batch/read"));
    events.push(app.send(dealer, "msg_3", of_maya("lead_3")).await);
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    events.push(app.send(dealer, "msg_4", of_maya("lead_4")).await);
    events
}

#[tokio::test]
async fn nothing_is_left_of_somebody_who_is_erased_and_others_keep_everything() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let ana = app.send_lead(&dealer, "ana").await;
    let events = a_bit_of_everything(&app, &dealer).await;
    // What people tried with her data, and a request that was refused.
    let operator = Asker::operator();
    let body = json!({ "type": "lead.captured.v1", "data": of_maya("lead_1") });
    operator.post(&app, "/v1/dry-runs", json!({ "account": "acme", "event": body })).await;
    let refused = json!({ "type": "no type", "data": of_maya("x") });
    app.post(&dealer, "msg_refused", refused.to_string().as_bytes()).await;
    app.app.store.merge_words(2).await.unwrap();

    let before = privacy::find(&app.app.store, &dealer.account, &maya(), (None, Caps::USUAL), app.now()).await.unwrap();
    assert_eq!(before.leads.iter().map(|lead| lead.event_id.clone()).collect::<Vec<_>>(), events);
    assert_eq!(before.also_known_by, [PHONE]);
    assert_eq!(before.elsewhere.refused_requests.len(), 1);
    assert!(before.leads[0].has_body && before.leads[0].calls > 0 && !before.leads[0].records.is_empty());
    // A search that ends early says so, goes on where it ended, and loses nobody.
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let caps = Caps { found: 1, ..Caps::USUAL };
        let part = privacy::find(&app.app.store, &dealer.account, &maya(), (after, caps), app.now()).await.unwrap();
        assert!(part.leads.len() == 1 && !part.is_nothing(), "{part:?}");
        found.push(part.leads[0].event_id.clone());
        let Some(cut) = part.cut else { break };
        assert!(cut.more_than == 1 && cut.text().contains("more than 1"), "{cut:?}");
        after = Some(cut.after);
        assert!(found.len() <= events.len(), "{found:?}");
    }
    assert_eq!(found, events);
    let document = privacy::export(&app.app.store, &dealer.account, &maya(), app.now()).await.unwrap();
    let text = json!(document).to_string();
    assert!(text.contains("Zanzibar") && text.contains("Lindqvist"), "{text}");
    assert!(!text.contains("ana@example.com"), "an export holds one person: {text}");
    assert!(!traces(&app).await.is_empty());

    let certificate = erase(&app, &dealer, false).await;
    assert_eq!(traces(&app).await, [""; 0]);
    let removed = &certificate.removed;
    assert_eq!((removed.leads, removed.stopped, removed.bodies), (4, 2, 4), "{removed:?}");
    assert!(
        removed.plans == 3 && removed.calls > 0 && removed.attempts > 0 && removed.refused_requests == 1,
        "{removed:?}"
    );
    assert!(certificate.records.iter().all(|record| record.state == AtHubspot::Left), "HubSpot was not asked");
    for event in &events {
        assert_eq!(outcome(&app, event).await, Outcome::Removed);
    }
    let after = privacy::find(&app.app.store, &dealer.account, &maya(), (None, Caps::USUAL), app.now()).await.unwrap();
    assert!(after.is_nothing() && after.is_suppressed, "{after:?}");
    // Ana's lead is as it was, her part of shared calls included.
    let shown = app.event(&ana).await;
    assert!(shown.body.is_some() && shown.deliveries[0].plan.is_some());
    app.run_through(app.now() + Duration::from_secs(80 * 3600)).await;
    assert_eq!(traces(&app).await, [""; 0], "nothing comes back by itself");
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn whatever_brings_an_erased_shopper_back_ends_removed_and_calls_nobody() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    let events = a_bit_of_everything(&app, &dealer).await;
    let certificate = erase(&app, &dealer, true).await;
    let deleted = |record: &&leadline::model::erasure::WrittenRecord| record.state == AtHubspot::Deleted;
    assert_eq!(certificate.records.iter().filter(deleted).count(), 1, "{:?}", certificate.records);
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 0);
    let calls = app.calls_for_leads().len();

    // The sender repeats what it sent, and sends something new, under an address that is written otherwise.
    let again = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": of_maya("lead_1") });
    assert_eq!(app.post(&dealer, "msg_1", again.to_string().as_bytes()).await.status, 202);
    let late = app.send(&dealer, "msg_late", of_maya("lead_5")).await;
    app.run_until_idle().await;
    assert_eq!(outcome(&app, &late).await, Outcome::Removed);
    assert!(app.event(&late).await.body.is_none(), "what she says now is not kept either");
    // A person replays, in every way there is.
    let (store, now) = (&app.app.store, app.now());
    for event in &events {
        let shown = app.event(event).await;
        assert!(replay::retry(store, &shown.event, now).await.is_err());
    }
    let filter = leadline::model::replay::Filter { from: Some(crate::support::NOON), ..Default::default() };
    for again in [false, true] {
        let wish = replay::Wish { filter: filter.clone(), again, ..Default::default() };
        let job = replay::create(store, &dealer.account, &wish, app.now()).await.unwrap();
        while replay::next(store, app.now()).await.unwrap() == Step::Worked {}
        app.run_until_idle().await;
        let done = store.replay(job.id.as_str()).await.unwrap().unwrap();
        assert_eq!(done.tally.replayed(), 0, "{:?}", done.tally);
    }
    for event in &events {
        assert_eq!(outcome(&app, event).await, Outcome::Removed);
    }
    assert_eq!(app.calls_for_leads().len(), calls, "HubSpot hears nothing of her");
    assert_eq!(traces(&app).await, [""; 0]);
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_plan_that_waits_meets_nobody_once_its_person_is_suppressed() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let waits = app.send(&dealer, "msg_1", of_maya("lead_1")).await;
    app.plan().await; // planned by the rules from before
    let ana = app.send_lead(&dealer, "ana").await;
    let why = ("asked on the phone", "a test");
    assert_eq!(privacy::suppress(&app.app.store, &dealer.account, &maya(), why, app.now()).await.unwrap(), 1);
    assert_eq!(privacy::suppress(&app.app.store, &dealer.account, &maya(), why, app.now()).await.unwrap(), 0);
    app.run_until_idle().await;
    assert_eq!(outcome(&app, &waits).await, Outcome::Removed);
    assert_eq!(app.fate(&ana).await, "delivered, 1 attempts");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    assert_eq!(traces(&app).await, [""; 0]);

    let all = app.app.store.suppressions(Some(&dealer.account.id), 10).await.unwrap();
    privacy::lift(&app.app.store, &all[0], ("they came back", "a test"), app.now()).await.unwrap();
    let lifted = privacy::lift(&app.app.store, &all[0], ("again", "a test"), app.now()).await;
    assert!(matches!(lifted, Err(PrivacyError::Lifted(_))));
    let back = app.send(&dealer, "msg_2", of_maya("lead_2")).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&back).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn another_account_and_another_key_ring_know_nothing_of_it_and_forget_nothing() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    let theirs = app.send(&other, "msg_1", of_maya("lead_1")).await;
    app.run_until_idle().await;
    erase(&app, &acme, false).await;
    let (code, text) = app.command(&["keys", "rotate"]).await;
    assert_eq!(code, 0, "{text}");
    let app = app.restart().await;
    let event = app.send(&acme, "msg_2", of_maya("lead_2")).await;
    app.run_until_idle().await;
    assert_eq!(outcome(&app, &event).await, Outcome::Removed, "who is suppressed stays so when keys are rotated");
    assert_eq!(app.fate(&theirs).await, "delivered, 1 attempts");
    assert!(app.event(&theirs).await.body.is_some());
    app.finish().await;
}

#[tokio::test]
async fn an_erasure_that_is_cut_off_goes_on_and_may_be_done_twice() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    a_bit_of_everything(&app, &dealer).await;
    let erasure = begin(&app, &dealer, true).await;
    assert_eq!(step(&app).await, Step::Worked);
    let halfway = fresh(&app, &erasure).await;
    // Two processes do the same page, and the second changes nothing.
    for _ in 0..2 {
        privacy::go_on(&app.app.store, &app.app.hubspot, halfway.clone(), &app.app.clock).await.unwrap();
    }
    let app = app.restart().await;
    assert_eq!(fresh(&app, &erasure).await.removed.leads, 4);
    while step(&app).await == Step::Worked {}
    assert_eq!(traces(&app).await, [""; 0]);
    let again = erase(&app, &dealer, true).await;
    assert_eq!((again.removed.leads, again.records.len()), (0, 0), "{again:?}");
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn what_hubspot_refuses_is_said_and_asked_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.send(&dealer, "msg_1", of_maya("lead_1")).await;
    app.run_until_idle().await;
    app.hubspot.add_fault(Fault::status(503).on_path("gdpr-delete").times(1));
    let erasure = begin(&app, &dealer, true).await;
    while step(&app).await == Step::Worked {}
    assert_eq!(fresh(&app, &erasure).await.phase, Phase::Hubspot, "it is asked again by itself");
    app.hubspot.add_fault(Fault::status(403).on_path("gdpr-delete").times(1));
    app.advance(Duration::from_secs(3600));
    while step(&app).await == Step::Worked {}
    let short = fresh(&app, &erasure).await;
    assert!(short.phase == Phase::Done && short.is_short() && !short.is_complete(), "{short:?}");
    privacy::ask_again(&app.app.store, short, app.now()).await.unwrap();
    while step(&app).await == Step::Worked {}
    assert!(fresh(&app, &erasure).await.is_complete());
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 0);
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_lead_is_found_by_its_key_when_everything_else_is_long_gone() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let event = app.send(&dealer, "msg_1", of_maya("lead_1")).await;
    app.run_until_idle().await;
    app.app.store.merge_words(1).await.unwrap();
    for kept in [Kept::Bodies, Kept::Words, Kept::Logs, Kept::Plans, Kept::Requests, Kept::Answers] {
        while app.app.store.remove_before(kept, app.now() + Duration::from_secs(48 * 3600)).await.unwrap()
            != Removed::Nothing
        {}
    }
    let found = privacy::find(&app.app.store, &dealer.account, &maya(), (None, Caps::USUAL), app.now()).await.unwrap();
    assert_eq!(found.leads.len(), 1);
    assert!(found.leads[0].event_id == event && !found.leads[0].has_body);
    erase(&app, &dealer, false).await;
    let after = privacy::find(&app.app.store, &dealer.account, &maya(), (None, Caps::USUAL), app.now()).await.unwrap();
    assert!(after.is_nothing(), "{after:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_erasure_wants_a_person_a_confirmation_and_a_reason_that_tells_nothing() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let refused = async |confirm: &str, reason: &str| {
        let wish = Wish { confirm, ..wish(reason, false) };
        privacy::erase(&app.app.store, &dealer.account, &wish, app.now()).await.unwrap_err().to_string()
    };
    assert!(refused("mia@example.com", "why").await.contains("confirm"));
    assert!(refused(MAYA, "  ").await.contains("no reason"));
    assert!(refused(MAYA, &format!("{MAYA} asked")).await.contains("names the person"));
    assert_eq!(Subject::of(&["maya".to_owned()], &[]).err(), Some(NoSubject::Email));
    let operator = Asker::operator();
    let asked = json!({ "account": "acme", "email": MAYA, "confirm": "no", "reason": "x" });
    let reply = operator.post(&app, "/v1/erasures", asked).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_history_says_what_was_done_and_not_of_whom() {
    let app = with_public_url("http://localhost:8080").await;
    app.connected("acme").await;
    let operator = Asker::operator();
    for (path, asked) in [
        ("/v1/shoppers/find", json!({ "account": "acme", "email": MAYA })),
        ("/v1/shoppers/export", json!({ "account": "acme", "email": MAYA })),
        ("/v1/suppressions", json!({ "account": "acme", "email": MAYA, "reason": "R-7" })),
        ("/v1/erasures", json!({ "account": "acme", "email": MAYA, "confirm": MAYA, "reason": "R-8" })),
    ] {
        let reply = operator.post(&app, path, asked).await;
        assert!((200..300).contains(&reply.status), "{path}: {reply:?}");
    }
    while step(&app).await == Step::Worked {}
    let history = operator.get(&app, "/v1/audit?account=acme").await.body.to_string();
    assert!(history.contains("erasures.create") && history.contains("R-8") && !history.contains("maya"), "{history}");
    let reader = key(&app, &operator, Some("acme"), &["read"]).await;
    for path in ["/v1/erasures", "/v1/suppressions"] {
        assert_eq!(reader.get(&app, path).await.status, 403, "{path}");
    }
    let manager = signed_in(&app, Some("acme"), "manager").await.with("accept", "text/html");
    let page = manager.get(&app, "/accounts/acme/privacy").await;
    let text = page.body.as_str().unwrap();
    assert!(text.contains("R-8") && text.contains("Certificate") && !text.contains("test+maya"), "{text}");
    let preview = manager.get(&app, "/accounts/acme/privacy?days=7").await;
    assert!(preview.body.as_str().unwrap().contains("With 7 days, no lead loses anything now."), "{preview:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_keeps_what_it_wants_for_as_long_as_it_wants() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    let old = app.send(&acme, "msg_1", of_maya("lead_1")).await;
    let theirs = app.send(&other, "msg_1", of_maya("lead_1")).await;
    app.run_until_idle().await;
    app.advance(Duration::from_secs(8 * 24 * 3600));
    let new = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    app.advance(Duration::from_secs(1));
    let store = &app.app.store;
    let effect = store.effect_of_days(&acme.account.id, 7, app.now()).await.unwrap();
    assert_eq!((effect.kept, effect.removed), (2, 1));
    store.set_keep_days(&acme.account.id, Some(7)).await.unwrap();
    assert_eq!(store.longest_kept(30).await.unwrap(), 30);
    let shorter = store.kept_shorter(30, 30).await.unwrap();
    assert_eq!(shorter, [KeptShorter { account: acme.account.id.clone(), days: 7 }]);
    let limits = leadline::housekeeping::Limits::default();
    while leadline::housekeeping::next(store, &limits, app.now()).await.unwrap() == Step::Worked {}
    let body = async |event: &EventId| app.event(event).await.body.is_some();
    assert_eq!((body(&old).await, body(&theirs).await, body(&new).await), (false, true, true));
    assert!(app.event(&old).await.deliveries[0].plan.is_none() && app.event(&old).await.deliveries[0].calls.is_empty());
    // More than others: theirs goes by its own limit all the same.
    store.set_keep_days(&acme.account.id, Some(90)).await.unwrap();
    app.advance(Duration::from_secs(40 * 24 * 3600));
    while leadline::housekeeping::next(store, &limits, app.now()).await.unwrap() == Step::Worked {}
    assert_eq!((body(&theirs).await, body(&new).await), (false, true));
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_does_the_same() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.send(&dealer, "msg_1", of_maya("lead_1")).await;
    app.run_until_idle().await;
    let (code, text) = app.command(&["privacy", "find", "--account", "acme", "--email", MAYA]).await;
    assert!(code == 0 && text.contains("1 lead\n") && text.contains("also name"), "{text}");
    let (code, text) = app.command(&["privacy", "export", "--account", "acme", "--phone", PHONE]).await;
    assert!(code == 0 && text.contains("Zanzibar"), "{text}");
    let erase = ["privacy", "erase", "--account", "acme", "--email", MAYA, "--reason", "R-9", "--yes", "--at-hubspot"];
    let (code, text) = app.command(&erase).await;
    assert!(code == 0 && text.contains("done") && text.contains("deleted for good"), "{text}");
    let (_, text) = app.command(&["privacy", "find", "--account", "acme", "--email", MAYA]).await;
    assert_eq!(text.trim(), "We hold nothing. They are suppressed.");
    let (_, text) = app.command(&["privacy", "suppressions", "--account", "acme"]).await;
    assert!(text.contains("email") && !text.contains("maya"), "{text}");
    app.finish().await;
}
