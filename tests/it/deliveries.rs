//! A delivery by itself, and the numbers behind the pictures: over HTTP and on the command line.

use hubspot_sim::{FindingKind, Outage};
use leadline::model::access::Role;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, key_in_role};
use crate::support::{NOON, TestApp};

fn ids(reply: &Reply) -> Vec<String> {
    let entries = reply.body["data"].as_array().unwrap_or_else(|| panic!("{reply:?}")).iter();
    entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn deliveries_are_listed_by_pages_and_by_what_they_are() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    let mut events = Vec::new();
    for name in ["ana", "bob", "cyd"] {
        events.push(app.send_lead(&acme, name).await.to_string());
    }
    app.send_lead(&other, "dan").await;
    app.run_until_idle().await;
    let (operator, manager) = (Asker::operator(), key_in_role(&app, Some("acme"), Role::Manager).await);
    let all = manager.get(&app, "/v1/deliveries").await;
    assert_eq!(ids(&all).len(), 3);
    assert_eq!(ids(&operator.get(&app, "/v1/deliveries").await).len(), 4, "of all accounts");
    assert_eq!(ids(&operator.get(&app, "/v1/deliveries?account=acme").await), ids(&all));
    let first = manager.get(&app, "/v1/deliveries?limit=2").await;
    assert_eq!((ids(&first), &first.body["prev"]), (ids(&all)[..2].to_vec(), &Value::Null));
    let next = first.body["next"].as_str().unwrap();
    let second = manager.get(&app, &format!("/v1/deliveries?limit=2&after={next}")).await;
    assert_eq!((ids(&second), &second.body["next"]), (ids(&all)[2..].to_vec(), &Value::Null));
    let prev = second.body["prev"].as_str().unwrap();
    let back = manager.get(&app, &format!("/v1/deliveries?limit=2&before={prev}")).await;
    assert_eq!((ids(&back), &back.body["prev"]), (ids(&first), &Value::Null));

    let of_event = manager.get(&app, &format!("/v1/deliveries?event={}", events[0])).await;
    assert_eq!(of_event.body["data"][0]["event_id"], json!(events[0]));
    assert_eq!(ids(&of_event).len(), 1);
    for (rest, many) in [("&state=delivered", 1), ("&state=failed", 0), ("&account=acme", 1), ("&account=other", 0)] {
        let path = format!("/v1/deliveries?event={}{rest}", events[0]);
        assert_eq!(ids(&operator.get(&app, &path).await).len(), many, "{rest}");
    }
    for (state, many) in [("delivered", 1), ("failed", 0)] {
        let args = ["delivery", "list", "--event", events[0].as_str(), "--state", state, "--json"];
        let (code, said) = app.command(&args).await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, said["data"].as_array().unwrap().len()), (0, many), "{said}");
    }
    let delivered = manager.get(&app, "/v1/deliveries?state=delivered").await;
    assert_eq!((ids(&delivered), ids(&manager.get(&app, "/v1/deliveries?state=failed").await)), (ids(&all), vec![]));
    let foreign = ids(&operator.get(&app, "/v1/deliveries?account=other").await).remove(0);
    assert_eq!(manager.get(&app, &format!("/v1/deliveries?after={foreign}")).await.refusal(), (400, "bad_request"));
    for way in ["", "/calls", "/trace"] {
        let refused = manager.get(&app, &format!("/v1/deliveries/{foreign}{way}")).await;
        assert_eq!(refused.refusal(), (404, "not_found"), "{refused:?}");
    }
    assert_eq!(manager.get(&app, "/v1/deliveries/dlv_0").await.refusal(), (404, "not_found"));
    assert_eq!(manager.get(&app, "/v1/deliveries?after=x").await.refusal(), (400, "bad_request"));
    app.finish().await;
}

#[tokio::test]
async fn a_delivery_says_how_it_stands_whom_it_called_and_what_took_the_time() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: NOON.0 + 1 }));
    let event = app.send_lead(&acme, "ana").await.to_string();
    app.run_until_idle().await;
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    let operator = Asker::operator();
    let id = ids(&operator.get(&app, &format!("/v1/deliveries?event={event}")).await).remove(0);
    let get = async |way: &str| operator.get(&app, &format!("/v1/deliveries/{id}{way}")).await.body["data"].clone();

    let waits = get("").await;
    assert_eq!((&waits["state"], &waits["event"]), (&json!("pending"), &json!(event)), "{waits:#}");
    assert!(waits["reason"]["code"].is_string() && waits["next"]["at"].is_string(), "{waits:#}");
    assert!(!waits["attempts"].as_array().unwrap().is_empty(), "{waits:#}");
    assert_eq!(waits["records"], json!([]));
    operator.post(&app, &format!("/v1/events/{event}/retry"), Value::Null).await;
    app.run_until_idle().await;
    let done = get("").await;
    assert_eq!((&done["state"], &done["next"], &done["reason"]), (&json!("delivered"), &Value::Null, &Value::Null));
    assert_eq!(done["records"][0]["label"], "contact", "{done:#}");
    assert!(done["done_at"].is_string(), "{done:#}");

    let calls = get("/calls").await;
    let calls = calls.as_array().unwrap();
    assert!(calls.len() >= 2, "one that failed and some that did not: {calls:#?}");
    assert!(calls.iter().all(|call| call["operation"].is_string()), "{calls:#?}");
    let trace = get("/trace").await;
    let spans = trace["spans"].as_array().unwrap();
    let kinds: Vec<_> = spans.iter().map(|span| span["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["waiting", "transformation", "failed_call"], "{trace:#}");
    assert!(kinds.contains(&"call"), "{trace:#}");
    assert_eq!(kinds.iter().filter(|kind| kind.ends_with("call")).count(), calls.len(), "each call has its span");
    assert_eq!(trace["attempts"], done["attempts"]);

    let masked = key_in_role(&app, None, Role::Support).await;
    let text = masked.get(&app, &format!("/v1/deliveries/{id}/calls")).await.body.to_string();
    assert!(!text.contains("ana@"), "{text}");

    let (code, out) = app.command(&["delivery", "show", &id]).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("delivered") && out.contains(&event), "{out}");
    let (code, out) = app.command(&["delivery", "list", "--account", "acme", "--state", "delivered"]).await;
    assert!(code == 0 && out.contains(&id), "{out}");
    let (code, out) = app.command(&["delivery", "trace", &id]).await;
    assert!(code == 0 && out.contains("Transformation"), "{out}");
    let (code, out) = app.command(&["delivery", "calls", &id, "--json"]).await;
    assert_eq!(
        (code, serde_json::from_str::<Value>(&out).unwrap()["data"].as_array().unwrap().len()),
        (0, calls.len())
    );
    assert_eq!(app.command(&["delivery", "show", "dlv_0"]).await.0, 5);
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn the_pictures_of_an_account_come_as_numbers() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    for name in ["ana", "bob"] {
        app.send_lead(&acme, name).await;
    }
    app.run_until_idle().await;
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    for (name, period, steps) in
        [("deliveries", "week", 7), ("time-to-crm", "day", 24), ("causes", "month", 0), ("hours", "week", 7)]
    {
        let told = manager.get(&app, &format!("/v1/metrics/{name}?period={period}")).await;
        let data = &told.body["data"];
        assert_eq!((&data["series"], &data["period"]), (&json!(name), &json!(period)), "{told:?}");
        assert_eq!(data["values"].as_array().unwrap().len(), steps, "{told:?}");
    }
    let flow = manager.get(&app, "/v1/metrics/flow").await;
    assert_eq!((&flow.body["data"]["values"]["received"], &flow.body["data"]["period"]), (&json!(2), &json!("week")));
    let contacts = manager.get(&app, "/v1/metrics/contacts?dealership=nobody").await;
    assert_eq!(contacts.body["data"]["values"]["created"], 0, "of another dealership: {contacts:?}");
    assert_eq!(manager.get(&app, "/v1/metrics/happiness").await.refusal(), (404, "not_found"));
    assert_eq!(manager.get(&app, "/v1/metrics/flow?period=year").await.refusal(), (400, "bad_request"));
    let nobodys = Asker::operator().get(&app, "/v1/metrics/flow").await;
    assert_eq!(nobodys.refusal(), (400, "bad_request"), "of which account: {nobodys:?}");
    let (code, out) = app.command(&["account", "series", "acme", "hours"]).await;
    assert!(code == 0 && out.contains("monday"), "{out}");
    app.finish().await;
}
