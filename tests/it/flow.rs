//! Where leads end: each part of the overview's pictures leads to exactly the leads that it counts, and no lead is in none.

use hubspot_sim::Fault;
use leadline::model::delivery::{Outcome, Progress};
use leadline::model::lane::{PauseScope, Step};
use leadline::plan::Plan;
use leadline::privacy;
use leadline::store::{Decision, LaneState, PlannedEvent, PlannedLane, RunFigures, Settlement};
use leadline::words::LeadTraits;
use serde_json::{Value, json};

use crate::access::{Asker, signed_in, with_public_url};
use crate::dashboard::{linked_rows, listed, looks, text};
use crate::support::{Dealer, TestApp, lead};

const URL: &str = "http://localhost:8080";

/// A lead that is delivered and writes no contact: no transformation that comes with Leadline does that.
async fn without_contact(app: &TestApp, dealer: &Dealer, name: &str) {
    let (store, now) = (&app.app.store, app.now());
    app.send_lead(dealer, name).await;
    let version = store.version(dealer.account.id.as_str(), "default@1").await.unwrap().unwrap();
    for taken in store.take_events("test", 5, 40, now).await.unwrap() {
        let mut planned = Vec::new();
        for event in taken.events {
            let plan = Plan { actions: Vec::new(), lead_id: None };
            let decision = Decision::Planned {
                connection_id: dealer.connection.id.clone(),
                version_id: version.id.clone(),
                progress: Progress::begin(&plan, Vec::new()),
                plan,
                key_hash: None,
                figures: RunFigures::default(),
            };
            let lead = LeadTraits::of_body(&event.sender_id, &event.event_type, &event.body);
            planned.push(PlannedEvent { event, decision, lead, ran: None, log: None });
        }
        store.store_plans(&[PlannedLane { lease: taken.lease, planned, rest: None }], now).await.unwrap();
    }
    let taken = store.take_deliveries("test", 40, now).await.unwrap().unwrap();
    let done = taken.claimed.iter().map(|claimed| Outcome::delivered(claimed, claimed.progress.clone(), now));
    let outcomes: Vec<_> = done.collect();
    assert_eq!(outcomes.len(), 1);
    let round =
        Settlement { claimed: &taken.claimed, outcomes: &outcomes, ..Settlement::resting(LaneState::default()) };
    store.settle(&taken.lease, round, now).await.unwrap();
}

/// A dealership with leads that ended in every way.
async fn every_end(app: &TestApp) {
    let acme = app.connected("acme").await;
    without_contact(app, &acme, "ida").await;
    for name in ["ana", "bob"] {
        app.send_lead(&acme, name).await;
    }
    let (mut forgotten, mut urgent, mut nobody) = (lead("dan"), lead("gil"), lead("nobody"));
    (forgotten["dealership"]["slug"], forgotten["phone"]) = (json!("north"), json!("(305) 555-0199"));
    urgent["priority"] = json!("urgent");
    for field in ["name", "email", "phone"] {
        nobody[field] = Value::Null;
    }
    for (id, data) in [("msg_dan", forgotten), ("msg_gil", urgent), ("msg_nobody", nobody)] {
        app.send(&acme, id, data).await;
    }
    let session = json!({ "type": "session.initiated.v1", "data": { "id": "ses_1" } });
    let answer = app.post(&acme, "msg_session", session.to_string().as_bytes()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    app.run_until_idle().await;
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create"));
    app.send_lead(&acme, "fay").await;
    app.run_until_idle().await;
    app.hubspot.clear_faults();

    let (store, operator) = (&app.app.store, Asker::operator());
    let erasure =
        json!({ "account": "acme", "email": "dan@example.com", "confirm": "dan@example.com", "reason": "R-1" });
    let begun = operator.post(app, "/v1/erasures", erasure).await;
    assert!((200..300).contains(&begun.status), "{begun:?}");
    while privacy::next(store, &app.app.hubspot, &app.app.clock).await.unwrap() == Step::Worked {}

    let lane = PauseScope::Lane(acme.account.id.clone(), acme.connection.id.to_string());
    assert!(store.pause(&lane, app.now()).await.unwrap());
    let called_off = app.send_lead(&acme, "eve").await;
    app.send_lead(&acme, "hal").await;
    app.run_until_idle().await;
    let done = operator.post(app, &format!("/v1/events/{called_off}/cancel"), json!({})).await;
    assert_eq!(done.body["data"]["delivery"], "cancelled", "{done:?}");
}

#[tokio::test]
async fn every_end_of_the_flow_leads_to_the_leads_that_it_counts_and_all_of_them_are_what_came() {
    let app = with_public_url(URL).await;
    every_end(&app).await;
    let browser = signed_in(&app, Some("acme"), "manager").await;
    let manager = looks(&browser);
    let page = manager.get(&app, "/accounts/acme").await;
    let counted: Vec<_> =
        linked_rows(&page, "From the form to HubSpot").into_iter().map(|(name, _, leads)| (name, leads)).collect();
    let expected = [
        ("Created", 2),
        ("Updated", 0),
        ("Without contact", 1),
        ("With warnings", 1),
        ("Waiting", 1),
        ("Failed", 1),
        ("Skipped", 2),
        ("Cancelled", 1),
        ("Removed", 1),
    ];
    assert_eq!(counted, expected);
    for (name, href, leads) in linked_rows(&page, "New and known") {
        assert_eq!(listed(&manager.get(&app, &href).await), leads, "{name}: {href}");
    }
    for of in ["", "?period=day", "?dealership=ocean-honda", "?dealership=north"] {
        let page = manager.get(&app, &format!("/accounts/acme{of}")).await;
        let mut sum = 0;
        for (name, href, leads) in linked_rows(&page, "From the form to HubSpot") {
            assert_eq!(listed(&manager.get(&app, &href).await), leads, "{of}: {name}: {href}");
            sum += leads as u64;
        }
        let flow = browser.get(&app, &format!("/v1/metrics/flow{of}")).await;
        let number = |name: &str| flow.body["data"]["values"][name].as_u64().unwrap_or_else(|| panic!("{flow:?}"));
        let ends = ["delivered", "waiting", "refused", "failed", "skipped", "cancelled", "removed"].map(number);
        assert_eq!((sum, ends.iter().sum::<u64>()), (number("received"), number("received")), "{of}: {flow:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn why_leads_were_skipped_is_told_below_the_flow_each_reason_with_its_leads() {
    let app = with_public_url(URL).await;
    every_end(&app).await;
    let browser = signed_in(&app, Some("acme"), "viewer").await;
    let viewer = looks(&browser);
    let overview = browser.get(&app, "/v1/accounts/acme/overview").await;
    let page = viewer.get(&app, "/accounts/acme").await;
    let skips = overview.body["data"]["skips"].as_array().unwrap_or_else(|| panic!("{overview:?}"));
    assert_eq!(skips.len(), 2, "{skips:?}");
    for skip in skips {
        let href = skip["href"].as_str().unwrap();
        assert_eq!(json!(listed(&viewer.get(&app, href).await)), skip["leads"], "{skip}");
        assert!(text(&page).contains(&format!("<a href=\"{}\">", href.replace('&', "&#38;"))), "{skip}");
    }
    app.finish().await;
}

#[tokio::test]
async fn leads_without_a_contact_are_a_filter_everywhere() {
    let app = with_public_url(URL).await;
    every_end(&app).await;
    let browser = signed_in(&app, Some("acme"), "viewer").await;
    let page = looks(&browser).get(&app, "/accounts/acme/logs?contact=none").await;
    assert_eq!(listed(&page), 1, "{}", text(&page));
    assert!(text(&page).contains("<option value=\"none\" selected>"), "{}", text(&page));
    let told = browser.get(&app, "/v1/leads?contact=none&count=approx").await;
    let rows = told.body["data"].as_array().unwrap();
    assert_eq!((rows.len(), &told.body["count"]["leads"]), (1, &json!(1)), "{told:?}");
    assert_eq!(rows[0]["person"]["name"], "ida");
    let view = json!({ "account": "acme", "name": "No contact", "query": "contact=none" });
    let saved = Asker::operator().post(&app, "/v1/views", view).await;
    assert!((200..300).contains(&saved.status), "{saved:?}");
    for which in [["--contact", "none"], ["--view", "No contact"]] {
        let words = [&["lead", "list", "--account", "acme", "--json"][..], &which[..]].concat();
        let (code, listed) = app.command(&words).await;
        assert_eq!(code, 0, "{listed}");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["data"][0]["event"], rows[0]["event"], "{which:?}");
        assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{which:?}");
    }
    app.finish().await;
}
