//! What an account's runs may use: one has more than the others, and nobody else gets it.

use leadline::model::account::QuotaClass;
use serde_json::{Value, json};

use crate::guests::guest_of;
use crate::support::{Dealer, TestApp};

/// A guest that takes so many pages of memory, and then has nothing to do.
fn taking(pages: u32) -> Vec<u8> {
    guest_of(&format!(
        "(module ;; PRELUDE\n (func (export \"transform\") (param i32) (result i32) (drop (memory.grow (i32.const {pages}))) (i32.const 200)))"
    ))
}

const STOPPED: &str = "held (transform.memory): transformation `roomy@1` failed: it asked for ";
const WORKED: &str = "skipped (transform.skipped): transformation `roomy@1` returned no actions";

async fn put(app: &TestApp, dealer: &Dealer, body: Value) -> (u16, Value) {
    let url = format!("{}/v1/accounts/{}/quota", app.address, dealer.account.slug);
    let answer = app.operator().put(url).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn an_account_with_the_larger_class_runs_what_the_standard_stops_and_its_neighbour_does_not() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    for dealer in [&acme, &other] {
        app.install(dealer, "roomy", &taking(600)).await;
    }
    let (ana, bob) = (app.send_lead(&acme, "ana").await, app.send_lead(&other, "bob").await);
    app.plan().await;
    for event in [&ana, &bob] {
        let fate = app.fate(event).await;
        assert!(fate.starts_with(STOPPED) && fate.ends_with("MiB of memory; the limit is 32 MiB"), "{fate}");
    }

    let (status, given) = put(&app, &acme, json!({"quota": "javascript"})).await;
    assert_eq!((status, &given["data"]["fuel"], &given["data"]["released"]), (200, &json!(200_000_000), &json!(1)));
    app.plan().await;
    assert_eq!(app.fate(&ana).await, WORKED);
    assert!(app.fate(&bob).await.starts_with(STOPPED), "the neighbour has what it had");
    let again = app.send_lead(&other, "cem").await;
    app.plan().await;
    assert!(app.fate(&again).await.starts_with(STOPPED));

    // Beside the queue it is the same.
    for (account, fails, outcome) in [("acme", "0 fail", "skipped"), ("other", "2 fail", "held")] {
        let (code, shown) = app.command(&["transform", "shadow", "roomy@1", "--account", account]).await;
        assert!(code == 0 && shown.contains(fails), "{account}: {shown}");
        let event = if account == "acme" { &ana } else { &bob };
        let words = ["transform", "dry-run", "roomy@1", "--account", account, "--event", event.as_str()];
        let (_, shown) = app.command(&words).await;
        assert!(shown.starts_with(&format!("roomy@1 would come to: {outcome}: ")), "{account}: {shown}");
    }
    let (code, shown) = app.command(&["event", "rerun", ana.as_str()]).await;
    assert!(code == 0 && shown.contains("the same to the byte"), "{shown}");

    // And at an upload.
    for (dealer, quota, green) in [(&acme, "javascript", true), (&other, "standard", false)] {
        app.upload(dealer.account.id.as_str(), "roomier", &taking(601)).await;
        let found = app.app.store.version(dealer.account.id.as_str(), "roomier").await.unwrap().unwrap();
        assert_eq!(found.figures["quota"], quota);
        let runs = found.figures["runs"].as_array().unwrap();
        assert!(!runs.is_empty() && runs.iter().all(|run| run["failure"].is_null() == green), "{runs:?}");
    }
    let (_, shown) = app.command(&["account", "show", "acme"]).await;
    assert!(shown.contains("\n  quota javascript: 200,000,000 fuel, 64 MiB and 1000 ms a run\n"), "{shown}");

    // Another process takes it back, and it counts for the next event.
    let (code, said) = app.command(&["account", "set", "--account", "acme", "--quota", "standard"]).await;
    insta::assert_snapshot!(said.trim(), @"Account `acme` has the quota standard: 20,000,000 fuel, 32 MiB and 250 ms a run.");
    assert_eq!(code, 0);
    let last = app.send_lead(&acme, "dev").await;
    app.plan().await;
    assert!(app.fate(&last).await.starts_with(STOPPED));
    app.finish().await;
}

#[tokio::test]
async fn a_class_is_one_that_there_is() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let (status, problem) = put(&app, &acme, json!({"quota": "endless"})).await;
    assert_eq!(status, 400, "{problem}");
    insta::assert_snapshot!("endless".parse::<QuotaClass>().unwrap_err(), @"`endless` is no class of quota; there are standard and javascript");
    assert_eq!(app.app.store.quota(acme.account.id.as_str()).await.unwrap(), QuotaClass::Standard);
    let url = format!("{}/v1/accounts/acme/quota", app.address);
    let closed = reqwest::Client::new().put(url).json(&json!({"quota": "javascript"})).send().await.unwrap();
    assert_eq!(closed.status(), 401);
    // A refusal under one class is none under another: the same bytes are looked at again.
    let send = async || {
        let url = format!("{}/v1/versions?account=acme&name=large", app.address);
        let start = guest_of(
            "(module ;; PRELUDE\n (func $go (drop (memory.grow (i32.const 600)))) (start $go) (func (export \"transform\") (param i32) (result i32) (i32.const 200)))",
        );
        app.operator().post(url).body(start).send().await.unwrap().status().as_u16()
    };
    assert_eq!((send().await, send().await), (422, 422));
    assert_eq!(put(&app, &acme, json!({"quota": "javascript"})).await.0, 200);
    assert_eq!((send().await, send().await), (201, 200));
    app.finish().await;
}

#[tokio::test]
async fn who_would_break_under_another_class_is_told_before_it_is_given() {
    let app = crate::access::with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    assert_eq!(put(&app, &acme, json!({"quota": "javascript"})).await.0, 200);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let operator = crate::access::Asker::operator();
    let told = operator.get(&app, "/v1/accounts/acme/quota/preview?quota=standard").await.body["data"].clone();
    assert_eq!((&told["runs_read"], &told["breaks"], &told["from"]), (&json!(1), &json!([]), &json!("javascript")));
    let other = operator.get(&app, "/v1/accounts/other/quota/preview?quota=standard").await.body["data"].clone();
    assert_eq!(other["runs_read"], json!(0), "the runs of another account are none of its");
    let refused = operator.get(&app, "/v1/accounts/acme/quota/preview?quota=endless").await;
    assert_eq!(refused.refusal(), (400, "bad_request"));
    assert!(refused.body["detail"].as_str().unwrap().contains("there are standard and javascript"), "{refused:?}");

    let browser = crate::dashboard::looks(&crate::access::signed_in(&app, None, "operator").await);
    let page = browser.get(&app, "/guests?account=acme&quota=standard").await;
    let page = crate::dashboard::text(&page);
    assert!(page.contains("none of the last 1 runs of acme would have been stopped"), "{page}");
    let fields = [("account", "acme"), ("quota", "standard")];
    let given = crate::dashboard::submit(&app, &browser, "/guests/quota", &fields).await;
    assert_eq!((given.status, given.header("location")), (303, "/guests?done=quota"));
    assert_eq!(app.app.store.quota(acme.account.id.as_str()).await.unwrap(), QuotaClass::Standard);
    let (code, said) =
        app.command(&["account", "set", "--account", "acme", "--quota", "javascript", "--dry-run"]).await;
    assert!(code == 0 && said.starts_with("With javascript, none of the last 1 runs of `acme`"), "{said}");
    assert_eq!(
        app.app.store.quota(acme.account.id.as_str()).await.unwrap(),
        QuotaClass::Standard,
        "nothing is changed"
    );
    app.finish().await;
}
