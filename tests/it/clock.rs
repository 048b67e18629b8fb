//! The clock of the machine is set while the service works: no lane is taken from a round under way, nothing waits for a
//! time that comes a second time, order is kept, and no attempt is used up.

use std::time::Duration;

use hubspot_sim::Fault;
use leadline::hubspot::CONTACT;
use serde_json::json;

use crate::support::{TestApp, lead};

/// Far more than anything here takes: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600_000;

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what} does not come about");
}

/// HubSpot takes a while for one call of this path.
fn slow(app: &TestApp, path: &str, delay: Duration) {
    let mut slow = Fault::default().on_path(path).times(1);
    slow.then.delay_ms = u64::try_from(delay.as_millis()).unwrap();
    app.hubspot.add_fault(slow);
}

#[tokio::test]
async fn a_clock_that_jumps_takes_no_lane_from_a_round_under_way() {
    for jump in [HOUR, -HOUR, 72 * HOUR] {
        let app = TestApp::start().await;
        if app.database().await.is_some() {
            return; // there the database's clock counts, and it was not set
        }
        let dealer = app.connected("acme").await;
        app.let_go().await;
        slow(&app, "0-1/batch/upsert", Duration::from_millis(1_500));
        let first = app.send_lead(&dealer, "ana").await;
        let asked = || app.calls_for_leads().iter().any(|call| call.path.ends_with("/upsert"));
        until("the call is under way", async || asked()).await;
        let made = app.calls_for_leads().len();
        app.jump(jump);
        tokio::time::sleep(Duration::from_millis(50)).await; // the clock has ticked
        let second = app.send_lead(&dealer, "bob").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(app.calls_for_leads().len(), made, "nobody calls beside the one under way ({jump})");
        for event in [&first, &second] {
            until("it is delivered", async || app.fate(event).await.starts_with("delivered")).await;
        }
        assert_eq!(app.fate(&second).await, "delivered, 1 attempts", "{jump}");
        assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 2, "{jump}");
        let twice = app.calls_for_leads().iter().filter(|call| call.status == 429).count();
        assert_eq!(twice, 0, "no burst ({jump})");
    }
}

#[tokio::test]
async fn after_a_clock_was_set_back_nothing_waits_for_it_and_order_is_kept() {
    let app = TestApp::start().await;
    if app.database().await.is_some() {
        return; // there the database's clock counts
    }
    let dealer = app.connected("acme").await;
    app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await; // so the lanes remember a time that is to come again
    let person = |number: usize| {
        let mut data = lead("ana");
        (data["id"], data["vehicle"]["model"]) = (json!(format!("lead_{number}")), json!(format!("Model {number}")));
        data
    };
    let mut events = Vec::new();
    for number in 0..3 {
        app.advance(Duration::from_millis(10));
        events.push(app.send(&dealer, &format!("msg_{number}"), person(number)).await);
    }
    app.jump(-HOUR);
    app.let_go().await;
    // Leads that wait together go by their ids, and those are times: the order is that of the clock which made them.
    for event in &events {
        until("it is delivered", async || app.fate(event).await == "delivered, 1 attempts").await;
    }
    events.push(app.send(&dealer, "msg_3", person(3)).await);
    for event in &events {
        until("it is delivered", async || app.fate(event).await == "delivered, 1 attempts").await;
    }
    let contact = app
        .hubspot
        .records(dealer.portal(), CONTACT)
        .into_iter()
        .find(|contact| contact.properties.get("email").is_some_and(|email| email == "ana@example.com"));
    assert_eq!(contact.unwrap().properties["vehicle_of_interest"], "2027 Honda Model 3", "the newest one counts");
}

#[tokio::test]
async fn a_process_whose_clock_is_not_the_databases_begins_no_work_and_says_so() {
    let app = TestApp::start().await;
    if app.database().await.is_none() {
        return; // one process on a file has nobody to agree with
    }
    let dealer = app.connected("acme").await;
    app.let_go().await;
    app.jump(30_000);
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", app.address)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    until("it is not ready", async || ready().await.0 == 503).await;
    let (_, words) = ready().await;
    assert!(
        words.starts_with("the clock of this machine is ") && words.ends_with(" s ahead of the database's\n"),
        "{words}"
    );
    // Somebody corrects it. The process looks every 30 s, and begins nothing before.
    app.jump(-30_000);
    let event = app.send_lead(&dealer, "ana").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(app.fate(&event).await, "received");
    app.app.clock_watch.look(&app.app.store).await.unwrap();
    assert_eq!(ready().await.0, 200);
    until("it goes on", async || app.fate(&event).await == "delivered, 1 attempts").await;
}
