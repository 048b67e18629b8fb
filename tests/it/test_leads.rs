//! Test leads: the whole way, read back from HubSpot field by field, and taken out again.

use hubspot_sim::{FindingKind, Outage, Preset};
use leadline::hubspot::CONTACT;
use leadline::test_lead::read_back::{self, ReadBackError};
use leadline::test_lead::{self, TestLeadError};
use serde_json::{Value, json};

use crate::support::{Dealer, TestApp};

/// Sends a test lead through the door, and delivers it.
async fn sent(app: &TestApp, dealer: &Dealer, event: &Value) -> leadline::store::ShownEvent {
    let door = &app.app.door;
    let receipt = test_lead::send(&app.app.store, door, &dealer.account, &event.to_string(), app.now()).await.unwrap();
    app.run_until_idle().await;
    app.event(&receipt.event_id).await
}

#[tokio::test]
async fn a_test_lead_is_read_back_field_by_field_and_taken_out_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let (store, hubspot, clock) = (&app.app.store, &app.app.hubspot, &*app.app.clock);
    let shown = sent(&app, &dealer, &test_lead::sample(&dealer.account, app.now())).await;
    let read = read_back::read_back(store, hubspot, &shown, clock).await.unwrap();
    assert!(read.is_right(), "{read:#?}");
    assert_eq!(read.records.iter().map(|record| record.label.as_str()).collect::<Vec<_>>(), ["contact", "note"]);
    let contact = &read.records[0];
    for name in ["firstname", "phone", "vehicle_of_interest", "budget_range", "lead_priority", "dealership_slug"] {
        assert!(contact.fields.iter().any(|field| field.name == name && field.is_same), "{name}: {contact:#?}");
    }
    // Somebody changes it in HubSpot, and clears something.
    let edit = [("vehicle_of_interest", "2025 Honda CR-V"), ("budget_range", "")];
    app.hubspot.edit_record(dealer.portal(), CONTACT, &contact.id, &edit);
    let read = read_back::read_back(store, hubspot, &shown, clock).await.unwrap();
    let wrong: Vec<_> = read.records[0].fields.iter().filter(|field| !field.is_same).collect();
    let told: Vec<_> = wrong.iter().map(|field| (field.name.as_str(), field.actual.as_deref())).collect();
    assert_eq!(told, [("vehicle_of_interest", Some("2025 Honda CR-V")), ("budget_range", None)]);
    assert!(!read.is_right());
    let deleted = read_back::delete_contact(store, hubspot, &shown, clock).await.unwrap();
    assert_eq!((deleted.contact_id, deleted.deal_ids), (contact.id.clone(), vec![]));
    let read = read_back::read_back(store, hubspot, &shown, clock).await.unwrap();
    assert!(!read.records[0].is_there);
    let again = read_back::delete_contact(store, hubspot, &shown, clock).await;
    assert!(matches!(again, Err(ReadBackError::Gone(_))), "{again:?}");
    app.finish().await;
}

#[tokio::test]
async fn only_what_a_test_lead_wrote_is_taken_out() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let (store, hubspot, clock) = (&app.app.store, &app.app.hubspot, &*app.app.clock);
    // A lead of somebody.
    let event = app.send_lead(&dealer, "maya").await;
    app.run_until_idle().await;
    let refused = read_back::delete_contact(store, hubspot, &app.event(&event).await, clock).await;
    assert!(matches!(refused, Err(ReadBackError::NoTest(_))), "{refused:?}");
    let maya = json!({ "type": "lead.captured.v1", "data": { "email": "maya@example.com" } }).to_string();
    let refused = test_lead::send(store, &app.app.door, &dealer.account, &maya, app.now()).await;
    assert!(matches!(refused, Err(TestLeadError::NoTest)), "{refused:?}");
    // A test contact that became somebody.
    let shown = sent(&app, &dealer, &test_lead::sample(&dealer.account, app.now())).await;
    let contact = shown.deliveries[0].delivery.progress.actions[0].record.clone().unwrap();
    app.hubspot.edit_record(dealer.portal(), CONTACT, &contact.id, &[("email", "ana@example.com")]);
    let refused = read_back::delete_contact(store, hubspot, &shown, clock).await;
    assert!(matches!(refused, Err(ReadBackError::Somebody(_))), "{refused:?}");
    // One that is not there yet, and HubSpot being away.
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: 0, to_ms: i64::MAX }));
    let away = read_back::read_back(store, hubspot, &shown, clock).await;
    assert!(matches!(away, Err(ReadBackError::HubSpot(_))), "{away:?}");
    let waits = sent(&app, &dealer, &test_lead::sample(&dealer.account, app.now())).await;
    let refused = read_back::read_back(store, hubspot, &waits, clock).await;
    assert!(matches!(refused, Err(ReadBackError::NotWritten(_))), "{refused:?}");
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    app.finish().await;
}

#[tokio::test]
async fn a_test_lead_makes_a_deal_only_when_asked_and_the_deal_goes_with_its_contact() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    let (store, hubspot, clock) = (&app.app.store, &app.app.hubspot, &*app.app.clock);
    let deals = || app.hubspot.record_count(dealer.portal(), "0-3");
    let sample = || test_lead::sample(&dealer.account, app.now());
    let shown = sent(&app, &dealer, &sample()).await;
    let labels: Vec<_> =
        shown.deliveries[0].plan.iter().flat_map(|plan| &plan.actions).map(|one| one.label()).collect();
    assert_eq!((labels, deals()), (vec!["contact", "note"], 0));
    let log: Vec<_> = shown.logs.iter().flat_map(|log| &log.lines).map(|(_, line)| line.as_str()).collect();
    assert!(log.iter().any(|line| line.contains("makes no deal unless it asks")), "{log:?}");
    // Somebody's lead makes one all the same.
    app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(deals(), 1);

    let asked = test_lead::asking_for_deals(&sample().to_string()).unwrap();
    let shown = sent(&app, &dealer, &serde_json::from_str(&asked).unwrap()).await;
    assert_eq!(deals(), 2, "{:?}", shown.deliveries[0].delivery);
    let read = read_back::read_back(store, hubspot, &shown, clock).await.unwrap();
    assert_eq!(read.records.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["contact", "deal", "note"]);
    let taken = read_back::delete_contact(store, hubspot, &shown, clock).await.unwrap();
    assert_eq!((taken.deal_ids.len(), deals()), (1, 1), "the other lead's deal stays");
    let again = read_back::delete_contact(store, hubspot, &shown, clock).await;
    assert!(matches!(again, Err(ReadBackError::Gone(_))), "{again:?}");
    // That somebody asked for it the simulator cannot know.
    app.finish_after(&[FindingKind::RecordDeleted]).await;
}
