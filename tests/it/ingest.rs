//! The door: what is accepted is stored once, and what is not accepted gets a precise answer and leaves an entry.

use leadline::account::{self, SourceChange};
use leadline::ingest::BODY_BYTES_MAX;
use leadline::model::account::{SchemaMode, SchemaModes};
use leadline::model::event::EventState;
use leadline::signature::Secret;
use leadline::store::{EventFilter, NewSource};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::support::{Dealer, NOON, TestApp, lead};

const BODY: &[u8] =
    br#"{"type":"lead.captured.v1","timestamp":"2026-11-23T08:00:00Z","data":{"id":"lead_1","email":"a@example.com"}}"#;

async fn stored(app: &TestApp) -> usize {
    app.app.store.events(&EventFilter { limit: 200, ..EventFilter::default() }).await.unwrap().len()
}

/// A source of the same account whose schemas have these modes.
async fn with_schema_mode(app: &TestApp, dealer: &Dealer, mode: SchemaMode) -> Dealer {
    let modes = SchemaModes::from([("lead.captured.v1".to_owned(), mode)]);
    let secret = SecretString::from(Secret::generate());
    let new = NewSource {
        account_id: &dealer.account.id,
        name: "strict",
        tolerance_s: 300,
        schema_modes: &modes,
        rate: 0,
        secret: &secret,
    };
    let source = app.app.store.create_source(new, app.now()).await.unwrap().id;
    dealer.with_source(source, secret)
}

#[tokio::test]
async fn a_duplicate_event_is_accepted_once() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let first = app.post(&dealer, "msg_1", BODY).await;
    assert_eq!((first.status, &first.body["duplicate"]), (202, &json!(false)));
    app.run_until_idle().await;
    // A sender may repeat at any time, and may serialise again.
    let again = String::from_utf8_lossy(BODY).replace("\"data\":", " \"data\" : ");
    for body in [BODY, again.as_bytes()] {
        let repeat = app.post(&dealer, "msg_1", body).await;
        assert_eq!((repeat.status, &repeat.body["duplicate"]), (202, &json!(true)));
        assert_eq!(repeat.body["event_id"], first.body["event_id"]);
    }
    app.run_until_idle().await;
    assert_eq!((stored(&app).await, app.hubspot.record_count(dealer.portal(), "0-1")), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn repeats_at_the_same_moment_are_one_event() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let answers = tokio::join!(
        app.post(&dealer, "msg_1", BODY),
        app.post(&dealer, "msg_1", BODY),
        app.post(&dealer, "msg_1", BODY)
    );
    let mut duplicates: Vec<_> =
        [answers.0, answers.1, answers.2].iter().map(|answer| answer.body["duplicate"].as_bool().unwrap()).collect();
    duplicates.sort_unstable();
    assert_eq!((duplicates, stored(&app).await), (vec![false, true, true], 1));
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn the_same_id_with_another_body_is_refused_and_recorded() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.post(&dealer, "msg_1", BODY).await;
    let other =
        app.post(&dealer, "msg_1", &String::from_utf8_lossy(BODY).replace("lead_1", "lead_2").into_bytes()).await;
    assert_eq!((other.status, &other.body["code"]), (409, &json!("ingest.id_reused")));
    assert_eq!(stored(&app).await, 1);
    let rejections = app.app.store.rejections(None, 10).await.unwrap();
    assert_eq!((rejections[0].class.as_str(), rejections[0].sender_id.as_deref()), ("id_reused", Some("msg_1")));
    assert!(rejections[0].body.as_ref().unwrap().contains("lead_2"), "the second body is kept for the operator");
    // The same id of another source is another event.
    let second = app.connected("other").await;
    assert_eq!(app.post(&second, "msg_1", BODY).await.body["duplicate"], json!(false));
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn bad_requests_get_a_precise_answer_and_an_entry() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let source = dealer.source.as_str();
    let secret = Secret::parse(dealer.secret.expose_secret()).unwrap();
    let sign = |id: &str, at: i64, body: &[u8]| secret.sign(id, at, body);
    let now = NOON.seconds();
    let good = sign("msg_1", now, BODY);
    let at = now.to_string();
    let (old, future) = (now - 301, now + 301);
    let (old_text, future_text) = (old.to_string(), future.to_string());
    let (old_signature, future_signature) = (sign("msg_1", old, BODY), sign("msg_1", future, BODY));
    let forged = Secret::parse(&Secret::generate()).unwrap().sign("msg_1", now, BODY);

    let headers: Vec<(&str, &str, &str, u16, &str)> = vec![
        ("msg_1", &at, &forged, 401, "ingest.forged"),
        ("msg_2", &at, &good, 401, "ingest.forged"),
        ("msg_1", &old_text, &old_signature, 401, "ingest.stale"),
        ("msg_1", &future_text, &future_signature, 401, "ingest.stale"),
        ("msg_1", "tomorrow", &good, 400, "ingest.malformed"),
        ("msg.1", &at, &good, 400, "ingest.malformed"),
        ("msg_1", &at, "", 401, "ingest.forged"),
    ];
    for (id, at, signature, status, code) in headers {
        let answer = app
            .post_raw(source, &[("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)], BODY)
            .await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
        assert_eq!(
            (answer.content_type.as_str(), &answer.body["status"]),
            ("application/problem+json", &json!(status))
        );
        assert!(
            answer.body["detail"].is_string() && answer.body["fix"].is_string() && answer.body["title"].is_string()
        );
        let entry = &app.app.store.rejections(None, 1).await.unwrap()[0];
        assert_eq!(format!("ingest.{}", entry.class), code);
        assert_eq!(entry.body, None, "what nobody signed is not kept");
    }
    let missing = app.post_raw(source, &[("webhook-id", "msg_1")], BODY).await;
    assert_eq!((missing.status, missing.body["code"].as_str()), (400, Some("ingest.malformed")));

    let bodies: [(&[u8], u16, &str); 7] = [
        (b"", 400, "ingest.not_json"),
        (b"not json", 400, "ingest.not_json"),
        (b"\xff\xfe{}", 400, "ingest.not_json"),
        (b"[]", 400, "ingest.not_an_event"),
        (br#"{"type":"lead.captured.v1"}"#, 400, "ingest.not_an_event"),
        (br#"{"type":"lead captured","data":{}}"#, 400, "ingest.not_an_event"),
        (br#"{"type":"lead.captured.v1","timestamp":"8 o'clock","data":{}}"#, 400, "ingest.not_an_event"),
    ];
    for (body, status, code) in bodies {
        let answer = app.post(&dealer, "msg_1", body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    }
    let unknown = app
        .post_raw(
            "src_unknown",
            &[("webhook-id", "msg_1"), ("webhook-timestamp", &at), ("webhook-signature", &good)],
            BODY,
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.body["code"].as_str()),
        (401, Some("ingest.forged")),
        "who guesses addresses learns nothing"
    );
    let entry = &app.app.store.rejections(Some("unknown"), 1).await.unwrap()[0];
    assert_eq!(entry.class, "unknown_source");
    assert!(entry.detail.contains("src_unknown"), "{}", entry.detail);
    assert_eq!(stored(&app).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_taken_and_one_above_is_not() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let frame = json!({ "type": "lead.captured.v1", "data": { "id": "lead_1", "email": "a@example.com", "pad": "" } })
        .to_string();
    let pad = |bytes: usize| frame.replace("\"pad\":\"\"", &format!("\"pad\":\"{}\"", "x".repeat(bytes - frame.len())));
    let largest = app.post(&dealer, "msg_1", pad(BODY_BYTES_MAX).as_bytes()).await;
    assert_eq!(largest.status, 202);
    let larger = app.post(&dealer, "msg_2", pad(BODY_BYTES_MAX + 1).as_bytes()).await;
    assert_eq!((larger.status, larger.body["code"].as_str()), (413, Some("ingest.too_large")));
    assert_eq!(stored(&app).await, 1);
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn a_rotated_secret_counts_until_its_time_is_over() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let sources = app.app.store.sources(None).await.unwrap();
    let new = SecretString::from(Secret::generate());
    let day = std::time::Duration::from_secs(24 * 3600);
    app.app.store.rotate_secret((&sources[0], None), &new, day, app.now()).await.unwrap();
    let renewed = dealer.with_source(dealer.source.clone(), new);
    assert_eq!(app.post(&dealer, "msg_old", BODY).await.status, 202);
    assert_eq!(app.post(&renewed, "msg_new", BODY).await.status, 202);
    app.advance(day + std::time::Duration::from_secs(2));
    assert_eq!(app.post(&dealer, "msg_old_2", BODY).await.status, 401);
    assert_eq!(app.post(&renewed, "msg_new_2", BODY).await.status, 202);
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn of_two_new_secrets_that_are_asked_for_at_once_one_is_made() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    let source = store.sources(None).await.unwrap().remove(0);
    let first = app.now();
    app.advance(std::time::Duration::from_secs(60));
    // Both looked at the same page, and the old secret is to count no more.
    let rotate = || account::rotate(store, (&source, Some(first)), 0, app.now());
    let (one, other) = tokio::join!(rotate(), rotate());
    let (made, late) = match (one, other) {
        (Ok(made), Err(late)) | (Err(late), Ok(made)) => (made, late),
        both => panic!("{both:?}"),
    };
    assert_eq!(late.to_string(), format!("the secret of source `{}` was changed meanwhile", source.id));
    let renewed = dealer.with_source(dealer.source.clone(), made);
    app.advance(std::time::Duration::from_secs(1));
    assert_eq!(app.post(&renewed, "msg_new", BODY).await.status, 202, "what is shown counts");
    assert_eq!(app.post(&dealer, "msg_old", BODY).await.status, 401);
    // Who did not look does not mind which one it was.
    account::rotate(store, (&source, None), 0, app.now()).await.unwrap();
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn schema_modes_decide_what_happens_to_a_broken_event() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let mut broken = lead("ana");
    broken["vehicle"] = json!({ "year": "soon" });
    let body = json!({ "type": "lead.captured.v1", "data": broken }).to_string();
    let expected = [
        (SchemaMode::Off, 202, "delivered, 1 attempts"),
        (SchemaMode::Warn, 202, "delivered, 1 attempts"),
        (
            SchemaMode::Quarantine,
            202,
            "held (ingest.schema): the data does not fit the schema of `lead.captured.v1`: /vehicle",
        ),
        (SchemaMode::Reject, 422, ""),
    ];
    for (mode, status, fate) in expected {
        let source = with_schema_mode(&app, &dealer, mode).await;
        let answer = app.post(&source, &format!("msg_{mode:?}"), body.as_bytes()).await;
        assert_eq!(answer.status, status, "{mode:?} {answer:?}");
        app.run_until_idle().await;
        let Some(event) = answer.body["event_id"].as_str() else {
            assert_eq!(answer.body["errors"][0]["pointer"], "/vehicle");
            continue;
        };
        let event = leadline::model::id::EventId::stored(event.to_owned());
        let found = app.fate(&event).await;
        assert!(found.starts_with(fate), "{mode:?}: {found}");
        let shown = app.event(&event).await;
        let warned =
            shown.logs.iter().flat_map(|log| &log.lines).any(|(_, line)| line.contains("does not fit the schema"));
        assert_eq!(warned, mode == SchemaMode::Warn, "{mode:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn another_schema_mode_lets_what_was_held_go_on() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let strict = with_schema_mode(&app, &dealer, SchemaMode::Quarantine).await;
    let mut broken = lead("ana");
    broken["vehicle"] = json!({ "year": "soon" });
    let body = json!({ "type": "lead.captured.v1", "data": broken }).to_string();
    let answer = app.post(&strict, "msg_1", body.as_bytes()).await;
    app.run_until_idle().await;
    let event = leadline::model::id::EventId::stored(answer.body["event_id"].as_str().unwrap().to_owned());
    assert!(app.fate(&event).await.starts_with("held (ingest.schema)"));
    let source = app.app.store.sources(Some(&dealer.account.id)).await.unwrap();
    let source = source.into_iter().find(|source| source.id == strict.source).unwrap();
    let modes = |name: &str, mode| SchemaModes::from([(name.to_owned(), mode)]);
    let wrong = SourceChange { schema_modes: modes("tire.kicked.v7", SchemaMode::Off), ..SourceChange::default() };
    let refused = account::set_source(&app.app.store, &source, wrong, app.now()).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no event type `tire.kicked.v7`");
    let warn = SourceChange { schema_modes: modes("lead.captured.v1", SchemaMode::Warn), ..SourceChange::default() };
    let set = account::set_source(&app.app.store, &source, warn, app.now()).await.unwrap();
    assert_eq!((set.rate, set.schema_mode("lead.captured.v1")), (source.rate, SchemaMode::Warn));
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_type_that_nothing_handles_is_accepted_and_skipped() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let answer = app.post(&dealer, "msg_1", br#"{"type":"tire.kicked.v7","data":{"anything":[1,2]}}"#).await;
    assert_eq!(answer.status, 202);
    app.run_until_idle().await;
    let skipped = app
        .app
        .store
        .events(&EventFilter { state: Some(EventState::Skipped), limit: 1, ..EventFilter::default() })
        .await
        .unwrap();
    assert_eq!(skipped[0].reason.as_ref().unwrap().code.as_str(), "event.not_selected");
    app.finish().await;
}

#[tokio::test]
async fn other_addresses_and_methods_answer_as_problems() {
    let app = TestApp::start().await;
    let client = reqwest::Client::new();
    for (method, path, status) in [("GET", "/nothing", 404), ("GET", "/v1/sources/src_1/events", 405)] {
        let response = client.request(method.parse().unwrap(), format!("{}{path}", app.address)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (status, "application/problem+json")
        );
        assert_eq!(response.json::<Value>().await.unwrap()["status"], status);
    }
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(client.get(format!("{}{path}", app.address)).send().await.unwrap().text().await.unwrap(), text);
    }
    app.finish().await;
}

#[tokio::test]
async fn when_the_store_is_away_nothing_is_acknowledged() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.post(&dealer, "msg_1", BODY).await;
    app.run_until_idle().await;
    app.app.store.close().await;
    let answer = app.post(&dealer, "msg_2", BODY).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("ingest.store_down")));
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
    let ready = reqwest::get(format!("{}/readyz", app.address)).await.unwrap();
    assert_eq!(ready.status(), 503);
}

#[tokio::test]
async fn half_an_emoji_costs_neither_the_lead_nor_the_account() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let body = String::from_utf8_lossy(BODY).replace("lead_1", "lead_\\ud83d");
    let odd = app.post(&dealer, "msg_odd", body.as_bytes()).await;
    assert_eq!(odd.status, 202, "{odd:?}");
    let after = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let odd = leadline::model::id::EventId::stored(odd.body["event_id"].as_str().unwrap().to_owned());
    for event in [&odd, &after] {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    for unreadable in [
        r#"{"type":"a.v1","data":1e999}"#,
        &format!(r#"{{"type":"a.v1","data":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
    ] {
        assert_eq!(app.post(&dealer, "msg_deep", unreadable.as_bytes()).await.status, 400);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_source_that_sends_more_than_it_may_waits_and_no_other_does() {
    let app = TestApp::start().await;
    let (loud, other) = (app.connected("loud").await, app.connected("other").await);
    let loud_source = app.app.store.sources(Some(&loud.account.id)).await.unwrap().remove(0);
    app.app.store.set_source(&loud_source, Some(10), &SchemaModes::new()).await.unwrap();
    let mut statuses = Vec::new();
    for number in 0..25 {
        let body = String::from_utf8_lossy(BODY).replace("lead_1", &format!("lead_{number}"));
        statuses.push(app.post(&loud, &format!("msg_{number}"), body.as_bytes()).await.status);
    }
    assert_eq!(statuses, [vec![202; 20], vec![429; 5]].concat(), "as much as in two seconds at once");
    let refused = app.post(&loud, "msg_more", BODY).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (429, Some("ingest.over_rate")));
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!(app.post(&other, "msg_1", BODY).await.status, 202);
    let entries = app.app.store.rejections(Some(loud.source.as_str()), 10).await.unwrap();
    assert_eq!(entries.len(), 1, "recorded once a second, counted always: {entries:?}");
    assert_eq!(
        (entries[0].class.as_str(), entries[0].detail.as_str()),
        ("over_rate", "the source sends more than its 10 events a second")
    );
    app.advance(std::time::Duration::from_secs(1));
    assert_eq!(app.post(&loud, "msg_more", BODY).await.status, 202);
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn who_cannot_sign_for_a_source_cannot_use_up_what_it_may_send() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let source = app.app.store.sources(Some(&dealer.account.id)).await.unwrap().remove(0);
    app.app.store.set_source(&source, Some(1), &SchemaModes::new()).await.unwrap();
    let at = app.now().seconds();
    let forged = Secret::parse(&Secret::generate()).unwrap().sign("msg_1", at, BODY);
    for _ in 0..10 {
        let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &at.to_string()), ("webhook-signature", &forged)];
        assert_eq!(app.post_raw(dealer.source.as_str(), &headers, BODY).await.status, 401);
    }
    assert_eq!(app.post(&dealer, "msg_1", BODY).await.status, 202);
    app.run_until_idle().await;
    app.finish().await;
}
