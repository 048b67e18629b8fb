//! What people decide about single leads: those that wait to be looked at, those that are called off, and those that may be
//! of one person.

use std::time::Duration;

use hubspot_sim::{Act, Outage, Preset};
use leadline::model::access::Role;
use leadline::model::account::Policy;
use leadline::model::id::EventId;
use leadline::model::lane::PauseScope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, key_in_role, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::{Dealer, TestApp, lead};

const URL: &str = "http://localhost:8080";

/// A lead without an address, with this number.
async fn nameless(app: &TestApp, dealer: &Dealer, name: &str, phone: &str) -> EventId {
    let mut data = lead(name);
    (data["email"], data["phone"]) = (Value::Null, json!(phone));
    app.send(dealer, &format!("msg_{name}"), data).await
}

async fn outcome(app: &TestApp, event: &EventId) -> Value {
    Asker::operator().get(app, &format!("/v1/leads/{event}")).await.body["data"].clone()
}

#[tokio::test]
async fn leads_without_an_address_wait_until_somebody_looked_at_them() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.set_policy(&acme, Policy { hold_without_email: true, ..Policy::default() }).await;
    let known = app.send_lead(&acme, "ana").await;
    let [ben, cid, dan] = [("ben", "305 555 0101"), ("cid", "305 555 0102"), ("dan", "305 555 0103")];
    let ben = nameless(&app, &acme, ben.0, ben.1).await;
    let cid = nameless(&app, &acme, cid.0, cid.1).await;
    let dan = nameless(&app, &acme, dan.0, dan.1).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&known).await, "delivered, 1 attempts");
    assert!(app.fate(&ben).await.starts_with("blocked, 0 attempts (lead.for_review)"), "{}", app.fate(&ben).await);
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 1, "nothing of them is sent");
    let told = outcome(&app, &ben).await;
    assert_eq!((&told["outcome"], &told["is_for_review"]), (&json!("needs_attention"), &json!(true)));
    let issues = Asker::operator().get(&app, "/v1/issues?account=acme").await;
    assert_eq!((&issues.body["data"][0]["held"], &issues.body["data"][1]), (&json!(3), &Value::Null), "{issues:?}");

    // One is sent on from its page, one is called off, and what is left goes on when nobody wants to look any more.
    let [viewer, manager] = ["viewer", "manager"].map(|role| signed_in(&app, Some("acme"), role));
    let (viewer, manager) = (looks(&viewer.await), looks(&manager.await));
    let page = |event: &EventId, deed: &str| format!("/accounts/acme/logs/{event}/{deed}");
    assert_eq!(submit(&app, &viewer, &page(&ben, "retry"), &[]).await.status, 403);
    assert_eq!(submit(&app, &manager, &page(&ben, "retry"), &[]).await.status, 303);
    app.run_until_idle().await;
    assert_eq!(app.fate(&ben).await, "delivered, 1 attempts", "it is looked at once");
    assert_eq!(submit(&app, &viewer, &page(&cid, "cancel"), &[]).await.status, 403);
    assert_eq!(submit(&app, &manager, &page(&cid, "cancel"), &[]).await.status, 303);
    let told = outcome(&app, &cid).await;
    assert!(told["sentence"].as_str().unwrap().ends_with("called off by maya@example.com"), "{told:#}");
    assert!(told["history"].to_string().contains("Called off"), "{told:#}");
    let at = format!("/v1/connections/{}/policy", acme.connection.id);
    let operator = Asker::operator();
    let set = operator.ask(&app, Method::PUT, &at, Some(&json!({ "hold_without_email": false }))).await;
    assert_eq!(set.body["data"]["hold_without_email"], false);
    app.run_until_idle().await;
    assert_eq!(app.fate(&dan).await, "delivered, 1 attempts");
    let issues = Asker::operator().get(&app, "/v1/issues?account=acme").await;
    assert_eq!(issues.body["data"], json!([]));
    // What was called off can be replayed, and whoever does that has looked at it.
    app.set_policy(&acme, Policy { hold_without_email: true, ..Policy::default() }).await;
    let again = operator.post(&app, &format!("/v1/events/{cid}/retry"), json!({})).await;
    assert!(again.body["data"]["replayed"].is_object(), "{again:?}");
    app.run_until_idle().await;
    leadline::replay::next(&app.app.store, app.now()).await.unwrap();
    app.run_until_idle().await;
    assert_eq!(app.fate(&cid).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_waits_is_called_off_and_one_that_does_not_is_not() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let delivered = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: 0, to_ms: i64::MAX }));
    let waits = app.send_lead(&acme, "ben").await;
    app.run_until_idle().await;
    app.advance(Duration::from_secs(1));
    app.run_until_idle().await;
    let operator = Asker::operator();
    let at = |event: &EventId| format!("/v1/events/{event}/cancel");
    assert_eq!(operator.post(&app, &at(&delivered), json!({})).await.refusal(), (409, "conflict"));
    let done = operator.post(&app, &at(&waits), json!({})).await;
    assert_eq!(done.body["data"]["delivery"], "cancelled", "{done:?}");
    assert_eq!(operator.post(&app, &at(&waits), json!({})).await.refusal(), (409, "conflict"), "twice");
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    app.advance(Duration::from_secs(4 * 24 * 3600));
    app.run_until_idle().await;
    assert!(app.fate(&waits).await.starts_with("cancelled, "), "nothing more of it is sent");
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 1);
    assert_eq!(app.command(&["event", "cancel", waits.as_str()]).await.0, 6);
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_lead_whose_lane_rests_is_in_nobodys_hand_and_is_called_off() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let lane = PauseScope::Lane(acme.account.id.clone(), acme.connection.id.to_string());
    assert!(app.app.store.pause(&lane, app.now()).await.unwrap());
    let waits = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let done = Asker::operator().post(&app, &format!("/v1/events/{waits}/cancel"), json!({})).await;
    assert_eq!(done.body["data"]["delivery"], "cancelled", "{done:?}");
    assert!(app.app.store.resume(&lane).await.unwrap());
    app.run_until_idle().await;
    assert!(app.fate(&waits).await.starts_with("cancelled, "));
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 0);
    app.finish().await;
}

#[tokio::test]
async fn two_chats_of_one_number_without_an_address_are_marked() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let first = nameless(&app, &acme, "ana", "(305) 555-0187").await;
    app.run_until_idle().await;
    // Its own repeat under another id is no other person's; neither is somebody with an address, or another number.
    let mut repeat = lead("ana");
    repeat["email"] = Value::Null;
    app.send(&acme, "msg_again", repeat).await;
    app.send_lead(&acme, "ben").await;
    nameless(&app, &acme, "cid", "305 555 0199").await;
    app.run_until_idle().await;
    let listed = async |asker: &Asker| {
        let list = asker.get(&app, "/v1/leads?account=acme&duplicate=possible").await;
        let id = |lead: &Value| lead["event"].as_str().unwrap().to_owned();
        list.body["data"].as_array().unwrap_or_else(|| panic!("{list:?}")).iter().map(id).collect::<Vec<_>>()
    };
    let operator = Asker::operator();
    assert_eq!(listed(&operator).await, [""; 0]);

    let second = nameless(&app, &acme, "ana_l", "+1 305 555 0187").await;
    app.run_until_idle().await;
    let marked = listed(&operator).await;
    assert!(marked.len() == 3 && marked[0] == second.as_str() && marked[2] == first.as_str(), "{marked:?}");
    let told = outcome(&app, &second).await;
    let others: Vec<_> = told["duplicates"].as_array().unwrap().iter().map(|other| &other["event"]).collect();
    assert!(others.len() == 2 && others[1] == first.as_str(), "{told:#}");
    assert!(told["contacts_address"].as_str().unwrap().contains(&acme.portal().to_string()), "{told:#}");
    let support = key_in_role(&app, None, Role::Support).await;
    let masked = support.get(&app, &format!("/v1/leads/{second}")).await.body.to_string();
    assert!(!masked.contains("0187") && masked.contains("duplicates"), "{masked}");
    let (code, printed) = app.command(&["lead", "list", "--account", "acme", "--duplicate", "possible"]).await;
    assert!(code == 0 && printed.contains(second.as_str()) && !printed.contains("ben"), "{printed}");
    assert_eq!(operator.get(&app, "/v1/leads?duplicate=yes").await.refusal(), (400, "bad_request"));

    // Nobody else's account is compared, and what is erased is compared no longer.
    let other = app.connected("other").await;
    let elsewhere = nameless(&app, &other, "ana", "(305) 555-0187").await;
    app.run_until_idle().await;
    assert_eq!(outcome(&app, &elsewhere).await["may_be_duplicate"], false);
    let phone = "305 555 0187";
    let asked = json!({ "account": "acme", "phone": phone, "confirm": phone, "reason": "asked" });
    let erased = operator.post(&app, "/v1/erasures", asked).await;
    assert_eq!(erased.status, 202, "{erased:?}");
    while leadline::privacy::next(&app.app.store, &app.app.hubspot, &app.app.clock).await.unwrap()
        == leadline::model::lane::Step::Worked
    {}
    assert_eq!(listed(&operator).await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn the_receipt_of_a_lead_says_what_was_sent_what_stood_there_and_what_stands() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    let before = [
        ("email", "ana@example.com"),
        ("firstname", "ana"),
        ("lifecyclestage", "customer"),
        ("phone", "+13055550100"),
        ("hs_lead_status", "OPEN"),
    ];
    let properties = before.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    app.hubspot.act(acme.portal(), Act::CreateRecord { object_type: "0-1".to_owned(), properties }).unwrap();
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let told = outcome(&app, &event).await;
    let field = |name: &str| {
        let fields = told["fields"].as_array().unwrap();
        let field =
            fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name} in {fields:#?}"));
        (field["state"].as_str().unwrap().to_owned(), field["before"].as_str().map(str::to_owned))
    };
    let is = |state: &str, before: Option<&str>| (state.to_owned(), before.map(str::to_owned));
    assert_eq!(field("lifecyclestage"), is("kept", Some("customer")));
    assert_eq!(field("hs_lead_status"), is("kept", Some("OPEN")), "it is written to new contacts only");
    assert_eq!(field("firstname"), is("unchanged", None));
    assert_eq!(field("vehicle_of_interest"), is("written", None));
    assert_eq!(field("note"), is("written", None));
    assert!(told["version"].as_str().unwrap().starts_with("default@"), "{told:#}");
    assert!(
        told["calls"][0]["curl"]
            .as_str()
            .unwrap()
            .starts_with("curl -X POST -H \"Authorization: Bearer $HUBSPOT_TOKEN\"")
    );
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, &format!("/accounts/acme/logs/{event}")).await;
    assert!(text(&page).contains("a stage is never moved back") && text(&page).contains("customer"), "{}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn how_leads_are_written_is_changed_on_the_page_by_the_api_and_at_the_terminal() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let operator = Asker::operator();
    let at = format!("/v1/connections/{}/policy", acme.connection.id);
    let seen = operator.get(&app, &at).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let put =
        async |tag: &str, body: Value| operator.with("if-match", tag).ask(&app, Method::PUT, &at, Some(&body)).await;
    let set = put(&tag, json!({ "strict": true })).await;
    assert_eq!((set.status, &set.body["data"]["strict"]), (200, &json!(true)), "{set:?}");
    assert_eq!(put(&tag, json!({ "strict": false })).await.refusal(), (412, "changed"));
    for wrong in [json!({ "contact_key": "Lead id" }), json!({ "api_version": "1999-01" }), json!({ "odd": 1 })] {
        let refused = operator.ask(&app, Method::PUT, &at, Some(&wrong)).await;
        assert_eq!(refused.refusal(), (400, "bad_request"), "{wrong}");
    }
    let (code, printed) = app.command(&["connection", "set", "acme", "--hold-without-email", "true"]).await;
    assert!(
        code == 0 && printed.contains("hold without e-mail  yes") && printed.contains("strict               yes"),
        "{printed}"
    );
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/connectors").await;
    let tag = text(&page).split("name=\"tag\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = |tag: &str| {
        [
            ("tag", tag.to_owned()),
            ("contact_write", "split".to_owned()),
            ("contact_key", "leadline_lead_id".to_owned()),
            ("deal_key", "leadline_deal_key".to_owned()),
            ("api_version", acme.connection.api_version.clone()),
        ]
    };
    let send = async |tag: &str| {
        let form = form(tag);
        let fields: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        submit(&app, &manager, "/accounts/acme/connectors/policy", &fields).await.status
    };
    assert_eq!((send(&tag).await, send(&tag).await), (303, 412), "two people at once");
    let now = operator.get(&app, &at).await.body["data"].clone();
    assert_eq!((&now["strict"], &now["contact_write"]), (&json!(false), &json!("split")), "{now}");
    let history = operator.get(&app, "/v1/audit?account=acme").await.body.to_string();
    assert!(history.contains("connections.policy.set"), "{history}");
    app.finish().await;
}
