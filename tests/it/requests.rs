//! What every request has: an id that leads from an answer to the log, a tag where two people edit, and a look before it is
//! done.

use leadline::model::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, csrf, key_in_role, signed_in, with_public_url};
use crate::support::TestApp;

#[tokio::test]
async fn each_answer_has_an_id_and_a_problem_says_where_it_arose() {
    let app = with_public_url("https://leads.example.com").await;
    app.account("acme").await;
    let operator = Asker::operator();
    let made = operator.get(&app, "/v1/accounts/acme").await;
    assert!(made.header("x-request-id").starts_with("req_"), "{made:?}");
    let own = operator.with("x-request-id", "order-7");
    assert_eq!(own.get(&app, "/v1/accounts/acme").await.header("x-request-id"), "order-7");

    let refused = own.get(&app, "/v1/accounts/nobody?period=week").await;
    assert_eq!(refused.refusal(), (404, "not_found"));
    assert_eq!(refused.header("x-request-id"), "order-7");
    let said = |name: &str| refused.body[name].as_str().unwrap_or_default();
    assert_eq!((said("request_id"), said("instance")), ("order-7", "/v1/accounts/nobody"));
    assert_eq!(said("type"), "https://leads.example.com/help/codes/not_found");

    let odd = operator.with("x-request-id", "<b>two words</b>").get(&app, "/v1/nowhere").await;
    let id = odd.body["request_id"].as_str().unwrap();
    assert!(id.starts_with("req_") && id == odd.header("x-request-id"), "another one is made: {odd:?}");
    for path in ["/healthz", "/sign-in", "/v1/sources/src_0/events", "/nowhere"] {
        let answer = Asker::default().with("x-request-id", "order-8").get(&app, path).await;
        assert_eq!(answer.header("x-request-id"), "order-8", "{path}: {answer:?}");
    }
    let link = Asker::default().ask(&app, Method::PUT, "/sign-in/a-secret", None).await;
    assert_eq!((link.status, &link.body["instance"]), (405, &json!("/sign-in")), "no secret is told: {link:?}");
    app.finish().await;
}

#[tokio::test]
async fn where_the_address_is_not_known_a_problem_has_none_and_a_page_shows_the_support_code() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let problem = Asker::operator().get(&app, "/v1/accounts/nobody").await;
    assert_eq!(problem.body["type"], "/help/codes/not_found");
    let browser = signed_in_browser(&app).await;
    let page = browser.with("x-request-id", "order-9").get(&app, "/accounts/nobody").await;
    let text = page.body.as_str().unwrap();
    assert_eq!(page.status, 404);
    assert!(text.contains("Support code: <code>order-9</code>"), "{text}");
    assert!(text.contains("href=\"/help/codes/not_found\""), "{text}");
    app.finish().await;
}

/// Somebody who asks as a browser does.
async fn signed_in_browser(app: &TestApp) -> Asker {
    key_in_role(app, None, Role::Operator).await.with("accept", "text/html")
}

#[tokio::test]
async fn the_history_keeps_the_id_that_somebody_gave() {
    let app = with_public_url("http://localhost:8080").await;
    app.account("acme").await;
    let manager = signed_in(&app, Some("acme"), "manager").await;
    let manager = manager.with("x-csrf-token", &csrf(&manager)).with("x-request-id", "order-10");
    assert_eq!(manager.post(&app, "/v1/accounts/acme/pause", Value::Null).await.status, 200);
    let history = manager.get(&app, "/v1/audit?limit=1").await;
    assert_eq!(history.body["data"][0]["detail"]["request_id"], "order-10", "{history:?}");
    app.finish().await;
}

#[tokio::test]
async fn of_two_people_who_edit_a_setting_the_slower_one_is_told() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let operator = Asker::operator();
    let (connection, source) = (&dealer.connection.id, &dealer.source);
    let settings = [
        ("/v1/accounts/acme/retention".to_owned(), json!({ "keep_days": 14 }), json!({ "keep_days": 21 })),
        ("/v1/accounts/acme/quota".to_owned(), json!({ "quota": "javascript" }), json!({ "quota": "standard" })),
        (format!("/v1/sources/{source}"), json!({ "rate": 100 }), json!({ "rate": 200 })),
        (
            format!("/v1/connections/{connection}/event-types"),
            json!({ "types": [] }),
            json!({ "types": ["lead.captured.v1"] }),
        ),
    ];
    for (path, first, second) in settings {
        let seen = operator.get(&app, &path).await.header("etag").to_owned();
        assert!(seen.starts_with('"'), "{path}: {seen}");
        let with = operator.with("if-match", &seen);
        let done = with.ask(&app, Method::PUT, &path, Some(&first)).await;
        assert_eq!(done.status, 200, "{path}: {done:?}");
        assert_eq!(operator.get(&app, &path).await.header("etag"), done.header("etag"), "{path}");
        let late = with.ask(&app, Method::PUT, &path, Some(&second)).await;
        assert_eq!(late.refusal(), (412, "changed"), "{path}: {late:?}");
        let again = operator.with("if-match", &format!("W/{}", done.header("etag")));
        assert_eq!(again.ask(&app, Method::PUT, &path, Some(&second)).await.status, 200, "{path}");
        assert_eq!(operator.ask(&app, Method::PUT, &path, Some(&first)).await.status, 200, "who asks for no tag");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_list_says_how_many_there_are_where_that_is_asked_for() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    for name in ["ana", "bob", "cyd"] {
        app.send_lead(&acme, name).await;
    }
    app.run_until_idle().await;
    let operator = Asker::operator();
    let counted = json!({ "leads": 3, "is_more": false });
    for path in ["/v1/leads?account=acme", "/v1/events?account=acme", "/v1/events"] {
        let joined = |more: &str| format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' });
        let plain = operator.get(&app, path).await;
        assert!(plain.body.get("count").is_none(), "{plain:?}");
        let first = operator.get(&app, &joined("count=approx&limit=2")).await;
        assert_eq!((first.body["data"].as_array().unwrap().len(), &first.body["count"]), (2, &counted), "{path}");
        let next = first.body["next"].as_str().unwrap();
        let second = operator.get(&app, &joined(&format!("count=approx&limit=2&after={next}"))).await;
        assert_eq!(second.body["count"], counted, "the count is that of the whole list: {second:?}");
        assert_eq!(operator.get(&app, &joined("count=exact")).await.refusal(), (400, "bad_request"), "{path}");
    }
    let failed = operator.get(&app, "/v1/leads?account=acme&outcome=failed&count=approx").await;
    assert_eq!(failed.body["count"]["leads"], 0, "{failed:?}");
    let held = operator.get(&app, "/v1/events?state=held&count=approx").await;
    assert_eq!(held.body["count"]["leads"], 0, "{held:?}");
    app.finish().await;
}

#[tokio::test]
async fn refused_requests_come_in_pages() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    for _ in 0..3 {
        assert_eq!(app.post_raw(acme.source.as_str(), &[], b"{}".to_vec()).await.status, 400);
    }
    let operator = Asker::operator();
    let ids = |reply: &Reply| -> Vec<String> {
        let entries = reply.body["data"].as_array().unwrap().iter();
        entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    for path in ["/v1/rejected".to_owned(), format!("/v1/sources/{}/rejected", acme.source)] {
        let all = operator.get(&app, &path).await;
        if ids(&all).is_empty() {
            continue; // nobody showed that the source is his
        }
        assert_eq!(ids(&all).len(), 3, "{all:?}");
        let first = operator.get(&app, &format!("{path}?limit=2")).await;
        assert_eq!((ids(&first), &first.body["prev"]), (ids(&all)[..2].to_vec(), &Value::Null));
        let next = first.body["next"].as_str().unwrap();
        let second = operator.get(&app, &format!("{path}?limit=2&after={next}")).await;
        assert_eq!((ids(&second), &second.body["next"]), (ids(&all)[2..].to_vec(), &Value::Null));
        let prev = second.body["prev"].as_str().unwrap();
        let back = operator.get(&app, &format!("{path}?limit=2&before={prev}")).await;
        assert_eq!((ids(&back), &back.body["prev"]), (ids(&first), &Value::Null));
        assert_eq!(operator.get(&app, &format!("{path}?after=nothing")).await.refusal(), (400, "bad_request"));
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_only_tried_changes_nothing_and_is_noted_as_that() {
    let app = TestApp::start().await;
    app.connected("acme").await;
    let operator = Asker::operator();
    let wanted = json!({ "account": "acme", "filter": { "state": "failed" } });
    let tried = operator.post(&app, "/v1/replays?dry_run=true", wanted).await;
    assert_eq!(tried.status, 200);
    assert!(tried.body["data"]["estimate"].is_object(), "{tried:?}");
    assert_eq!(operator.get(&app, "/v1/replays").await.body["data"], json!([]));
    let noted = operator.get(&app, "/v1/audit?account=acme&limit=1").await;
    assert_eq!(noted.body["data"][0]["detail"]["dry_run"], true, "{noted:?}");

    let retention = "/v1/accounts/acme/retention";
    let before = operator.get(&app, retention).await;
    let asked = json!({ "keep_days": 3 });
    let tried = operator.ask(&app, Method::PUT, &format!("{retention}?dry_run=true"), Some(&asked)).await;
    assert_eq!((tried.status, &tried.body["data"]["days"]), (200, &before.body["data"]["days"]), "{tried:?}");
    let far = json!({ "keep_days": 9_999 });
    let refused = operator.ask(&app, Method::PUT, &format!("{retention}?dry_run=true"), Some(&far)).await;
    assert_eq!(refused.refusal(), (400, "bad_request"));
    assert_eq!(operator.get(&app, retention).await.body, before.body);
    app.finish().await;
}
