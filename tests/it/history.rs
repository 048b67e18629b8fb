//! What was done is kept with how it was before and after, and can be narrowed, paged and taken out; secrets and keys are
//! seen to on the page; and a masked person is shown once, for a reason.

use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, key, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::{TestApp, lead};

const URL: &str = "http://localhost:8080";

async fn put(app: &TestApp, path: &str, body: Value) {
    let reply = Asker::operator().ask(app, Method::PUT, path, Some(&body)).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
}

/// The newest entries of acme that fit a filter, as action, before and after.
async fn told(app: &TestApp, filter: &str) -> Vec<(String, Value, Value)> {
    let reply = Asker::operator().get(app, &format!("/v1/audit?account=acme&{filter}")).await;
    let entries = reply.body["data"].as_array().unwrap_or_else(|| panic!("{reply:?}")).iter();
    let side = |entry: &Value, name: &str| entry["detail"].get(name).cloned().unwrap_or_else(|| json!("untold"));
    let told =
        |entry: &Value| (entry["action"].as_str().unwrap().to_owned(), side(entry, "before"), side(entry, "after"));
    entries.map(told).collect()
}

#[tokio::test]
async fn of_what_was_set_the_history_says_how_it_was_before_and_after_wherever_it_was_set() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    put(&app, "/v1/accounts/acme/retention", json!({ "keep_days": 14 })).await;
    put(&app, "/v1/accounts/acme/quota", json!({ "quota": "javascript" })).await;
    let types = format!("/v1/connections/{}/event-types", acme.connection.id);
    put(&app, &types, json!({ "types": [] })).await;
    put(&app, &format!("/v1/sources/{}", acme.source), json!({ "rate": 7 })).await;
    assert_eq!(
        told(&app, "limit=4").await.into_iter().rev().collect::<Vec<_>>(),
        [
            ("accounts.retention.set".to_owned(), Value::Null, json!(14)),
            ("accounts.quota.set".to_owned(), json!("standard"), json!("javascript")),
            ("connections.event-types.set".to_owned(), json!(["lead.captured.v1"]), json!([])),
            (
                "sources.set".to_owned(),
                json!({ "rate": 0, "schema_modes": {} }),
                json!({ "rate": 7, "schema_modes": {} })
            ),
        ]
    );

    // The same from a page, and from the terminal.
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    submit(&app, &manager, "/accounts/acme/privacy/retention", &[("keep_days", "21")]).await;
    assert_eq!(told(&app, "limit=1").await[0].1, json!(14));
    let (code, text) = app.command(&["privacy", "retention", "--account", "acme", "--days", "30"]).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(told(&app, "limit=1").await[0].2, json!(30));
    let (_, listed) = app.command(&["audit", "list", "--account", "acme", "--action", "accounts"]).await;
    assert!(listed.contains("21 → 30"), "{listed}");
    app.command(&["connection", "set", acme.connection.id.as_str(), "--strict", "true"]).await;
    let policy = told(&app, "action=connections.policy.set").await.remove(0);
    assert_eq!((&policy.1["strict"], &policy.2["strict"]), (&json!(false), &json!(true)));
    let page = manager.get(&app, "/accounts/acme/settings?action=connections.policy.set").await;
    assert!(crate::dashboard::text(&page).contains("strict: <del>no</del> → <ins>yes</ins>"), "{page:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_history_is_narrowed_paged_both_ways_and_taken_out_as_a_table() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let reports = key(&app, &Asker::operator(), Some("acme"), &["read", "change"]).await;
    for rate in 0..5 {
        let asked = json!({ "account": "acme", "name": format!("chat {rate}") });
        assert_eq!(reports.post(&app, "/v1/sources", asked).await.status, 201);
    }
    let page = async |filter: &str| {
        let reply = Asker::operator().get(&app, &format!("/v1/audit?account=acme&{filter}")).await;
        let names = reply.body["data"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|entry| entry["detail"]["name"].as_str().unwrap_or("").to_owned()).collect();
        let cursor = |name: &str| reply.body[name].as_str().map(str::to_owned);
        (names.join(","), cursor("prev"), cursor("next"))
    };
    let (first, prev, next) = page("action=sources&limit=2").await;
    assert_eq!((first.as_str(), prev), ("chat 4,chat 3", None));
    let (second, prev, _) = page(&format!("action=sources&limit=2&after={}", next.unwrap())).await;
    assert_eq!(second, "chat 2,chat 1");
    let (back, prev, next) = page(&format!("action=sources&limit=2&before={}", prev.unwrap())).await;
    assert_eq!((back.as_str(), prev, next.is_some()), ("chat 4,chat 3", None, true));
    for (filter, entries) in [
        ("actor=KEY", 5),
        ("actor=nobody", 0),
        ("actor=%25", 0),
        ("action=sources&from=2026-11-23&until=2026-11-23", 5),
        ("action=sources&until=2026-11-22", 0),
        ("action=sources&from=2026-11-24", 0),
    ] {
        let found = page(filter).await.0;
        assert_eq!(found.split(',').filter(|name| !name.is_empty()).count(), entries, "{filter}");
    }
    let wrong = Asker::operator().get(&app, "/v1/audit?account=acme&from=soon").await;
    assert_eq!(wrong.refusal(), (400, "bad_request"));

    let table = reports.get(&app, "/v1/audit.csv?action=sources").await;
    assert!(text(&table).starts_with("id,when,who,what,to what,asked for,before,after\r\n"), "{}", text(&table));
    assert_eq!(text(&table).matches("sources.create").count(), 5);
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let file = manager.get(&app, "/accounts/acme/settings/activity.csv?action=sources").await;
    assert_eq!(text(&file).trim_start_matches('\u{feff}'), text(&table));
    let shown = manager.get(&app, "/accounts/acme/settings?actor=key").await;
    assert!(text(&shown).contains("Export CSV") && !text(&shown).contains("api-keys.create"), "{}", text(&shown));
    let (code, printed) = app.command(&["audit", "list", "--account", "acme", "--action", "sources", "--csv"]).await;
    assert_eq!((code, printed.matches("sources.create").count()), (0, 5), "{printed}");
    app.finish().await;
}

#[tokio::test]
async fn a_key_ends_on_its_last_day_and_may_do_what_was_ticked() {
    let app = with_public_url(URL).await;
    app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let fields = [("name", "erasing"), ("ends", "2026-11-24"), ("right", "read"), ("right", "privacy")];
    let made = submit(&app, &manager, "/accounts/acme/settings/keys", &fields).await;
    let secret = text(&made).split("<code>llk_").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let program = Asker::with_key(&format!("llk_{secret}"));
    assert_eq!(program.get(&app, "/v1/erasures").await.status, 200);
    assert_eq!(program.get(&app, "/v1/people").await.refusal(), (403, "not_allowed"), "it was not ticked");
    let keys = Asker::operator().get(&app, "/v1/api-keys?account=acme").await;
    assert_eq!(keys.body["data"][0]["expires_at"], "2026-11-25T00:00:00Z", "the end of the day");
    app.advance(std::time::Duration::from_secs(36 * 3600));
    assert_eq!(program.get(&app, "/v1/erasures").await.status, 401);
    for (fields, words) in [
        (vec![("name", "x"), ("ends", "2026-11-20"), ("right", "read")], "no day to come"),
        (vec![("name", "x")], "needs at least one right"),
        (vec![("name", "x"), ("right", "operate")], "nobody can give more than he has"),
    ] {
        let refused = submit(&app, &manager, "/accounts/acme/settings/keys", &fields).await;
        assert!(!refused.status.eq(&200) && text(&refused).contains(words), "{words}: {}", text(&refused));
    }
    app.finish().await;
}

#[tokio::test]
async fn the_secret_of_a_source_is_replaced_on_the_page_once_and_the_one_before_counts_on() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let seen = async || {
        let page = manager.get(&app, "/accounts/acme/settings").await;
        text(&page).split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let path = format!("/accounts/acme/settings/sources/{}/rotate", acme.source);
    let before = seen().await;
    app.advance(std::time::Duration::from_secs(60));
    let fields = [("overlap_hours", "24"), ("seen", before.as_str())];
    let rotated = submit(&app, &manager, &path, &fields).await;
    let secret = text(&rotated).split("<code>whsec_").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let again = submit(&app, &manager, &path, &fields).await;
    assert!(text(&again).contains("was changed meanwhile") && !text(&again).contains("whsec_"), "{}", text(&again));
    let shown = manager.get(&app, "/accounts/acme/settings").await;
    assert!(text(&shown).contains("one before it counts until") && !text(&shown).contains(secret));
    app.send_lead(&acme, "ana").await;
    let renewed = acme.with_source(acme.source.clone(), format!("whsec_{secret}").into());
    app.send_lead(&renewed, "ben").await;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    assert_eq!(submit(&app, &viewer, &path, &fields).await.status, 403);
    app.connected("other").await;
    let stranger = looks(&signed_in(&app, Some("other"), "manager").await);
    let elsewhere = path.replace("acme", "other");
    assert_eq!(submit(&app, &stranger, &elsewhere, &fields).await.status, 404, "it belongs to somebody else");
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn support_sees_a_person_once_for_a_reason_that_stands_in_the_history() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send(&acme, "msg_1", lead("ana")).await;
    app.run_until_idle().await;
    let support = looks(&signed_in(&app, None, "support").await);
    let address = format!("/accounts/acme/logs/{event}");
    let knows = |reply: &crate::access::Reply| text(reply).contains("ana@example.com");
    let path = format!("{address}/reveal");
    assert_eq!(submit(&app, &support, &path, &[("reason", " ")]).await.status, 400);
    assert!(!knows(&support.get(&app, &address).await));
    let shown = submit(&app, &support, &path, &[("reason", "ticket 4711")]).await;
    assert!(shown.status == 200 && knows(&shown), "{}", text(&shown));
    assert!(text(&shown).contains("shown this once") && shown.header("cache-control").contains("no-store"));
    assert!(!knows(&support.get(&app, &address).await), "once");

    let program = key(&app, &Asker::operator(), None, &["read", "change"]).await;
    let path = format!("/v1/events/{event}/reveal");
    assert_eq!(program.post(&app, &path, json!({ "reason": "" })).await.refusal(), (400, "bad_request"));
    let told = program.post(&app, &path, json!({ "reason": "ticket 4712" })).await;
    assert!(told.body.to_string().contains("ana@example.com"), "{told:?}");
    let reader = key(&app, &Asker::operator(), None, &["read"]).await;
    assert_eq!(reader.post(&app, &path, json!({ "reason": "x" })).await.refusal(), (403, "not_allowed"));
    let noted = Asker::operator().get(&app, "/v1/audit?account=acme&limit=2").await;
    let reasons: Vec<_> = (0..2).map(|number| noted.body["data"][number]["detail"]["reason"].clone()).collect();
    assert_eq!(reasons, ["ticket 4712", "ticket 4711"], "{noted:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_reason_for_which_a_person_was_shown_is_kept_whole_and_once_however_it_was_sent() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send(&acme, "msg_1", lead("ana")).await;
    app.run_until_idle().await;
    let program = key(&app, &Asker::operator(), None, &["read", "change"]).await;
    let path = format!("/v1/events/{event}/reveal");
    let longest = "x".repeat(300);
    let said = |reason: &str| json!({ "reason": reason }).to_string();
    for (kind, body) in [
        ("text/plain", said("ticket 1")),
        ("application/json", said("ticket 2") + &" ".repeat(1 << 20)),
        ("application/json", said(&longest)),
    ] {
        let shown = program.send(&app, &path, kind, body).await;
        assert!(shown.status == 200 && shown.body.to_string().contains("ana@example.com"), "{kind}: {shown:?}");
    }
    let support = looks(&signed_in(&app, None, "support").await);
    let path = format!("/accounts/acme/logs/{event}/reveal");
    assert_eq!(submit(&app, &support, &path, &[("reason", longest.as_str())]).await.status, 200);

    let noted = Asker::operator().get(&app, "/v1/audit?account=acme").await;
    let entries = noted.body["data"].as_array().unwrap().iter();
    let reveals: Vec<_> = entries.filter(|entry| entry["action"].as_str().unwrap().ends_with("reveal")).collect();
    let reasons: Vec<_> = reveals.iter().map(|entry| entry["detail"]["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, [longest.as_str(), longest.as_str(), "ticket 2", "ticket 1"]);
    assert!(reveals.iter().all(|entry| entry["subject"] == event.as_str()), "{reveals:?}");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let activity = manager.get(&app, "/accounts/acme/settings?action=events.reveal").await;
    assert_eq!(text(&activity).matches(&longest).count(), 2, "the dealership reads all of it");
    app.finish().await;
}

/// Gives the table of the history another name.
async fn rename_history(app: &TestApp, from: &str, to: &str) {
    let statement = format!("ALTER TABLE {from} RENAME TO {to}");
    match app.database().await {
        Some(_) => app.execute(&statement).await,
        None => {
            let database = rusqlite::Connection::open(app.data().join("leadline.db")).unwrap();
            database.execute_batch(&statement).unwrap();
        }
    }
}

#[tokio::test]
async fn nobody_is_shown_where_the_reason_cannot_be_kept() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send(&acme, "msg_1", lead("ana")).await;
    app.run_until_idle().await;
    let program = key(&app, &Asker::operator(), None, &["read", "change"]).await;
    let support = looks(&signed_in(&app, None, "support").await);
    rename_history(&app, "audit", "audit_away").await;
    let told = program.post(&app, &format!("/v1/events/{event}/reveal"), json!({ "reason": "ticket 4711" })).await;
    let path = format!("/accounts/acme/logs/{event}/reveal");
    let shown = submit(&app, &support, &path, &[("reason", "ticket 4712")]).await;
    for reply in [told, shown] {
        assert!(reply.status >= 500 && !reply.body.to_string().contains("ana@example.com"), "{reply:?}");
    }
    rename_history(&app, "audit_away", "audit").await;
    app.finish().await;
}

#[tokio::test]
async fn over_tls_every_answer_says_to_come_that_way_only() {
    let app = with_public_url("https://leads.example.com").await;
    for path in ["/v1/lanes", "/v1/nothing", "/healthz", "/sign-in"] {
        let reply = Asker::operator().get(&app, path).await;
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
    app.finish().await;
    let plain = with_public_url(URL).await;
    assert_eq!(Asker::operator().get(&plain, "/v1/lanes").await.header("strict-transport-security"), "");
    plain.finish().await;
}
