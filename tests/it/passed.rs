//! An old lead that comes after a newer one of the same person overwrites nothing of it, and is not lost either.

use hubspot_sim::Fault;
use leadline::cause::Code;
use leadline::hubspot::{CONTACT, NOTE};
use leadline::model::account::ConnectionState::{Connected, Disconnected, Paused};
use leadline::model::id::EventId;
use leadline::model::lane::Step;
use leadline::model::replay::Filter;
use leadline::replay::{self, Wish};

use crate::support::{Dealer, TestApp, lead};

/// Sends a lead of ana, who asks for another car each time, and works until nothing is due.
async fn send(app: &TestApp, dealer: &Dealer, number: u32) -> EventId {
    let mut data = lead("ana");
    data["id"] = format!("lead_{number}").into();
    data["vehicle"]["year"] = (2010 + number).into();
    let event = app.send(dealer, &format!("msg_{number}"), data).await;
    app.run_until_idle().await;
    event
}

async fn replay(app: &TestApp, dealer: &Dealer, event: &EventId, again: bool) {
    let filter = Filter { event: Some(event.clone()), ..Filter::default() };
    let wish = Wish { filter, again, ..Wish::default() };
    replay::create(&app.app.store, &dealer.account, &wish, app.now()).await.unwrap();
    while replay::next(&app.app.store, app.now()).await.unwrap() == Step::Worked {}
    app.run_until_idle().await;
}

/// The old lead is delivered, the contact is as the newer one left it, and people read why.
async fn check(app: &TestApp, dealer: &Dealer, old: &EventId, newer: &EventId, notes: usize) {
    assert_eq!(app.fate(old).await, "delivered, 1 attempts");
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!((contacts.len(), contacts[0].properties["vehicle_of_interest"].as_str()), (1, "2012 Honda CR-V"));
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), notes);
    let (_, text) = app.command(&["event", "show", old.as_str()]).await;
    let line = format!(
        "dropped  vehicle_of_interest = 2011 Honda CR-V: a newer lead of the same person wrote this property: {newer}"
    );
    assert!(text.contains(&line), "{text}");
    assert_eq!(app.lead(old).await.dropped, ["vehicle_of_interest"], "everything else is the same");
    assert!(app.lead(newer).await.dropped.is_empty());
}

#[tokio::test]
async fn a_lead_that_was_blocked_does_not_overwrite_a_newer_one() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    store.move_connection(&dealer.connection, Connected, Paused).await.unwrap();
    let old = send(&app, &dealer, 1).await;
    assert!(app.fate(&old).await.starts_with("blocked"));
    store.move_connection(&dealer.connection, Paused, Connected).await.unwrap();
    let newer = send(&app, &dealer, 2).await;
    store.release(&dealer.account.id, &[Code::ConnectionPaused], app.now()).await.unwrap();
    app.run_until_idle().await;
    check(&app, &dealer, &old, &newer, 2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_replayed_lead_does_not_overwrite_a_newer_one_though_it_fails_once_more() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(400).on_path("0-1/batch/upsert"));
    let old = send(&app, &dealer, 1).await;
    app.hubspot.clear_faults();
    assert!(app.fate(&old).await.starts_with("failed"));
    let newer = send(&app, &dealer, 2).await;
    app.hubspot.add_fault(Fault::status(503).on_path("0-46/batch/create").times(1));
    replay(&app, &dealer, &old, false).await;
    app.run_through(app.now() + std::time::Duration::from_secs(60)).await;
    assert_eq!(app.fate(&old).await, "delivered, 2 attempts");
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!(contacts[0].properties["vehicle_of_interest"], "2012 Honda CR-V");
    assert_eq!(app.lead(&old).await.dropped, ["vehicle_of_interest"]);
    assert!(app.lead(&newer).await.dropped.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_is_sent_again_does_not_overwrite_a_newer_one() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let old = send(&app, &dealer, 1).await;
    let newer = send(&app, &dealer, 2).await;
    replay(&app, &dealer, &old, true).await;
    check(&app, &dealer, &old, &newer, 3).await;
    // The newest one may say everything again.
    replay(&app, &dealer, &newer, true).await;
    assert_eq!(app.lead(&newer).await.dropped, Vec::<String>::new());
    app.finish().await;
}

#[tokio::test]
async fn a_lead_from_before_the_account_was_connected_does_not_overwrite_a_newer_one() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let store = &app.app.store;
    store.move_connection(&dealer.connection, Connected, Disconnected).await.unwrap();
    let old = send(&app, &dealer, 1).await;
    assert!(app.fate(&old).await.starts_with("skipped"));
    store.move_connection(&dealer.connection, Disconnected, Connected).await.unwrap();
    let newer = send(&app, &dealer, 2).await;
    replay(&app, &dealer, &old, false).await;
    check(&app, &dealer, &old, &newer, 2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_value_that_the_contact_lacks_is_written_however_old_its_lead_is() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let old = send(&app, &dealer, 1).await;
    send(&app, &dealer, 2).await;
    let contact = app.hubspot.records(dealer.portal(), CONTACT).remove(0);
    app.hubspot
        .act(dealer.portal(), hubspot_sim::Act::ArchiveRecord { object_type: CONTACT.into(), id: contact.id.clone() });
    replay(&app, &dealer, &old, true).await;
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!(contacts.last().unwrap().properties["vehicle_of_interest"], "2011 Honda CR-V");
    assert!(app.lead(&old).await.dropped.is_empty());
    app.finish().await;
}
