//! Setting an account up: a step that was done stays done, whatever comes after it.

use leadline::model::event::NewEvent;
use leadline::model::id::EventId;

use crate::access::Asker;
use crate::support::{Dealer, TestApp, lead};

/// More than is read of the newest leads to find one that fits.
const MANY: usize = 2_100;
const BY_LEADS: [&str; 2] = ["test", "first_lead"];

/// Those of the steps that wait for a lead that are done.
async fn done_by_leads(app: &TestApp) -> Vec<String> {
    let setup = Asker::operator().get(app, "/v1/accounts/acme/setup").await;
    let steps = setup.body["data"]["steps"].as_array().unwrap().iter().filter(|step| step["is_done"] == true);
    let names = steps.map(|step| step["name"].as_str().unwrap().to_owned());
    names.filter(|name| BY_LEADS.contains(&name.as_str())).collect()
}

/// Many events of a type that nobody selected.
async fn send_unselected(app: &TestApp, dealer: &Dealer) {
    let event = |number: usize| NewEvent {
        id: EventId::new(app.now()),
        account_id: dealer.account.id.clone(),
        source_id: dealer.source.clone(),
        sender_id: format!("msg_{number}"),
        event_type: "session.initiated.v1".to_owned(),
        occurred_at: app.now(),
        body: "{}".to_owned(),
        body_hash: number.to_string(),
    };
    let events: Vec<_> = (0..MANY).map(event).collect();
    for group in events.chunks(250) {
        app.app.store.insert_events(group, app.now()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_done_stays_done_behind_leads_that_wait_and_behind_tests() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    assert_eq!(done_by_leads(&app).await, [""; 0]);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    assert_eq!(done_by_leads(&app).await, BY_LEADS);
    let tests = (0..60).map(|number| (format!("msg_test_{number}"), lead(&format!("leadline-test+{number}"))));
    app.send_many(&acme, tests).await;
    app.plan().await;
    assert_eq!(done_by_leads(&app).await, BY_LEADS, "sixty tests wait in front");
    app.finish().await;
}

#[tokio::test]
async fn what_is_done_is_found_behind_more_than_anybody_reads() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    send_unselected(&app, &acme).await;
    app.plan().await;
    assert_eq!(done_by_leads(&app).await, BY_LEADS);
    app.finish().await;
}
