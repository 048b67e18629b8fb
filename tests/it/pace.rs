//! The portal's rate limit: all of it is used, none of it is overdrawn; and a load in which every write may lose its
//! answer doubles nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use hubspot_sim::{End, Fault, FindingKind, Match, Preset, Then};
use leadline::model::delivery::DeliveryState;
use leadline::model::event::EventState;
use serde_json::json;

use crate::support::{NOON, TestApp, lead};

/// HubSpot's window, in milliseconds.
const WINDOW: i64 = 10_000;

#[tokio::test]
async fn a_portals_limit_is_used_to_the_full_and_never_overdrawn() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.rate_limit = Some(110));
    let leads = 7_500;
    app.send_many(&dealer, (0..leads).map(|number| (format!("msg_{number}"), lead(&format!("person{number}"))))).await;
    app.run_through(NOON + Duration::from_secs(60)).await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), "0-46"), leads);
    let calls = app.calls_for_leads();
    assert!(calls.iter().all(|call| call.status != 429), "no call was one too many");
    let at: Vec<_> = calls.iter().map(|call| call.at).collect();
    let in_window = |end: usize| at[..=end].iter().filter(|start| **start > at[end] - WINDOW).count();
    let most = (0..at.len()).map(in_window).max().unwrap();
    assert!(most <= 100, "{most} calls in a window; ten are not for leads");
    // While there was enough to do: whole windows after the first, which begins with nothing used.
    let (begin, end) = (NOON.0 + WINDOW, NOON.0 + 2 * WINDOW);
    let steady = at.iter().filter(|at| (begin..end).contains(at)).count();
    assert!(steady >= 98, "{steady} calls in the second window");
    let per_lead = at.len() as f64 / leads as f64;
    assert!(per_lead <= 0.035, "{per_lead} calls a lead");
    app.finish().await;
}

#[tokio::test]
async fn answers_lost_after_the_write_double_nothing_in_ten_thousand_leads() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    app.hubspot.set_knobs(|knobs| knobs.rate_limit = None);
    // One write in eight takes effect and its answer never comes, in one of three ways.
    for (path, end) in
        [("/batch/upsert", End::Close), ("0-46/batch/create", End::Half), ("/batch/associate", End::Html)]
    {
        app.hubspot.add_fault(Fault {
            on: Match { path: Some(path.to_owned()), share: Some(0.125), ..Match::default() },
            times: None,
            then: Then { apply: true, end, ..Then::default() },
        });
    }
    let leads = 10_000;
    let mut expected = BTreeMap::new();
    let mut all = Vec::new();
    for number in 0..leads {
        // Some people come back, and some leave no address.
        let mut data = lead(&format!("person{}", number % 9_000));
        data["id"] = json!(format!("lead_{number}"));
        if number % 50 == 7 {
            data["email"] = json!(null);
        }
        let person = data["email"].as_str().map_or_else(|| format!("lead_{number}"), str::to_owned);
        *expected.entry(person).or_insert(0) += 1;
        all.push((format!("msg_{number}"), data));
    }
    app.send_many(&dealer, all.into_iter()).await;
    app.run_through(NOON + Duration::from_secs(72 * 3600)).await;
    app.hubspot.clear_faults();
    let counts = ["0-1", "0-3", "0-46"].map(|kind| app.hubspot.record_count(dealer.portal(), kind));
    assert_eq!(counts, [expected.len(), leads, leads], "contacts, deals and notes");
    let unfinished = app.unfinished(&dealer).await;
    assert_eq!(unfinished, 0, "every lead is delivered");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

impl TestApp {
    /// Deliveries that did not end well.
    async fn unfinished(&self, dealer: &crate::support::Dealer) -> usize {
        let filter = leadline::store::EventFilter {
            account: Some(dealer.account.id.clone()),
            limit: 100_000,
            ..leadline::store::EventFilter::default()
        };
        let events = self.app.store.events(&filter).await.unwrap();
        let mut count = 0;
        for event in events {
            let deliveries = self.app.store.deliveries_of(&event.account_id, &event.id).await.unwrap();
            let delivered = deliveries.iter().all(|delivery| delivery.state == DeliveryState::Delivered);
            count += usize::from(!(event.state == EventState::Planned && delivered));
        }
        count
    }
}
