//! Pausing and ending a connection. Whatever HubSpot does, it ends; whatever we do, records stay.

use std::time::Duration;

use hubspot_sim::{Act, Fault, Preset};
use leadline::connection::ending::{self, EndError, Ended};
use leadline::hubspot::CONTACT;
use leadline::model::account::{ConnectionState, Waiting};
use serde_json::json;

use super::{CLIENT_ID, consented, finish, fresh, reconnect, start, tokens};
use crate::support::{Dealer, TestApp};

async fn disconnect(app: &TestApp, dealer: &Dealer, waiting: Waiting) -> Result<Ended, EndError> {
    ending::disconnect(&app.app.store, &app.app.hubspot, &dealer.connection, waiting, &*app.app.clock).await
}

/// Disconnected, and nothing is left of the tokens.
async fn is_over(app: &TestApp, dealer: &Dealer) {
    assert_eq!(fresh(app, dealer).await.state, ConnectionState::Disconnected);
    assert_eq!(tokens(app, dealer).await, (String::new(), None));
}

#[tokio::test]
async fn a_pause_holds_leads_and_resuming_lets_them_go() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let store = &app.app.store;
    ending::pause(store, &dealer.connection).await.unwrap();
    assert!(matches!(ending::pause(store, &dealer.connection).await, Err(EndError::State { state: "paused", .. })));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(
        app.fate(&event).await.starts_with("blocked, 0 attempts (connection.paused)"),
        "{}",
        app.fate(&event).await
    );
    // A new consent is no resume.
    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert!(
        app.fate(&event).await.starts_with("blocked, 0 attempts (connection.paused)"),
        "{}",
        app.fate(&event).await
    );
    ending::resume(store, &dealer.connection, app.now()).await.unwrap();
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert!(ending::resume(store, &dealer.connection, app.now()).await.is_err());
    finish(app).await;
}

#[tokio::test]
async fn whoever_thinks_better_of_a_disconnect_gets_everything_back_as_it_was() {
    let app = start().await;
    let (store, undo) = (&app.app.store, Duration::from_secs(10));
    // Before, and after: what was paused stays paused.
    for (slug, is_paused) in [("acme", false), ("ocean", true)] {
        let dealer = consented(&app, slug).await;
        if is_paused {
            ending::pause(store, &dealer.connection).await.unwrap();
        }
        let before = fresh(&app, &dealer).await;
        ending::disconnect_later(store, &before, Waiting::Discard, (app.now(), undo)).await.unwrap();
        let twice = ending::disconnect_later(store, &before, Waiting::Hold, (app.now(), undo)).await;
        assert!(matches!(twice, Err(EndError::State { state: "about to be disconnected", .. })), "{twice:?}");
        let event = app.send_lead(&dealer, "ana").await;
        app.run_until_idle().await;
        assert!(app.fate(&event).await.contains("(connection.paused)"), "{}", app.fate(&event).await);
        app.advance(undo - Duration::from_secs(1));
        assert!(!ending::end_due(store, &app.app.hubspot, &*app.app.clock).await.unwrap(), "its time has not come");
        ending::stay(store, &before, app.now()).await.unwrap();
        let after = fresh(&app, &dealer).await;
        assert_eq!((after.state, after.ends_at), (before.state, None));
        assert!(matches!(ending::stay(store, &before, app.now()).await, Err(EndError::Ended(_))));
        if is_paused {
            ending::resume(store, &before, app.now()).await.unwrap();
        }
        app.run_until_idle().await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    }
    finish(app).await;
}

#[tokio::test]
async fn a_disconnect_that_nobody_takes_back_takes_place_once_its_time_has_come() {
    let app = start().await;
    let (store, dealer) = (&app.app.store, consented(&app, "acme").await);
    let undo = (app.now(), Duration::from_secs(10));
    ending::disconnect_later(store, &dealer.connection, Waiting::Hold, undo).await.unwrap();
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    app.advance(undo.1);
    // Whoever takes it in hand may die: two minutes later somebody else ends it.
    let (taken, waiting) = store.take_ending(app.now(), ending::SEND_MAX).await.unwrap().unwrap();
    assert_eq!(
        (&taken.id, taken.state, waiting),
        (&dealer.connection.id, ConnectionState::Disconnected, Waiting::Hold)
    );
    assert!(matches!(ending::stay(store, &dealer.connection, app.now()).await, Err(EndError::Ended(_))));
    assert!(store.take_ending(app.now(), ending::SEND_MAX).await.unwrap().is_none(), "only one has it in hand");
    app.advance(Duration::from_secs(120));
    assert!(ending::end_due(store, &app.app.hubspot, &*app.app.clock).await.unwrap());
    is_over(&app, &dealer).await;
    assert!(!ending::end_due(store, &app.app.hubspot, &*app.app.clock).await.unwrap());
    assert_eq!(fresh(&app, &dealer).await.ends_at, None);
    // It came when nobody could send it any more, and is held for the next connection.
    assert!(app.fate(&event).await.contains("(connection.paused)"), "{}", app.fate(&event).await);
    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}

#[tokio::test]
async fn what_is_held_at_a_disconnect_goes_on_after_a_reconnect_with_the_old_settings() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let settings = json!({ "country": "CA" });
    leadline::connection::use_transformation(
        &app.app.store,
        &dealer.account,
        &dealer.connection,
        "default",
        settings,
        app.now(),
    )
    .await
    .unwrap();
    let before = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let held = app.send_lead(&dealer, "bob").await;
    app.plan().await;
    let ended = disconnect(&app, &dealer, Waiting::Hold).await.unwrap();
    assert_eq!(ended, Ended { left: vec![], cancelled: 0, held: 1 });
    is_over(&app, &dealer).await;
    let install = app.hubspot.installs(dealer.portal()).remove(0);
    assert!(!install.installed && !install.active);

    let skipped = app.send_lead(&dealer, "cleo").await;
    app.run_until_idle().await;
    assert!(app.fate(&skipped).await.starts_with("skipped (connection.disconnected)"), "{}", app.fate(&skipped).await);
    assert!(
        app.fate(&held).await.starts_with("blocked, 0 attempts (connection.disconnected)"),
        "{}",
        app.fate(&held).await
    );
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1, "records stay");

    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&held).await, "delivered, 1 attempts");
    assert_eq!(app.fate(&before).await, "delivered, 1 attempts");
    let routing = app.app.store.routing(&dealer.account.id).await.unwrap();
    assert_eq!(routing.bindings.len(), 1);
    assert!(routing.bindings[0].settings.contains("CA"), "{}", routing.bindings[0].settings);
    finish(app).await;
}

/// Asks for an end at once, which waits for what has to be sent.
async fn begin(app: &TestApp, dealer: &Dealer, waiting: Waiting) -> Option<Ended> {
    let connection = fresh(app, dealer).await;
    let asked = (waiting, Duration::ZERO);
    ending::begin(&app.app.store, &app.app.hubspot, &connection, asked, &*app.app.clock).await.unwrap()
}

/// Whether a connection was ended whose time had come.
async fn end_due(app: &TestApp) -> bool {
    ending::end_due(&app.app.store, &app.app.hubspot, &*app.app.clock).await.unwrap()
}

#[tokio::test]
async fn what_waits_is_sent_before_the_end_and_what_comes_new_is_skipped() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let store = &app.app.store;
    let planned = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let received = app.send_lead(&dealer, "bob").await;
    app.advance(Duration::from_secs(1));
    assert_eq!(begin(&app, &dealer, Waiting::Send).await, None);
    let ending = fresh(&app, &dealer).await;
    assert_eq!((ending.state, ending.ends_waiting), (ConnectionState::Connected, Some(Waiting::Send)));
    assert_eq!(store.left_to_send(&ending).await.unwrap(), 2);
    assert!(matches!(ending::pause(store, &ending).await, Err(EndError::State { .. })), "nobody pauses it now");
    assert!(!end_due(&app).await, "two are left");
    app.advance(Duration::from_secs(1));
    let late = app.send_lead(&dealer, "cleo").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&planned).await, "delivered, 1 attempts");
    assert_eq!(app.fate(&received).await, "delivered, 1 attempts");
    assert!(app.fate(&late).await.starts_with("skipped (connection.disconnected)"), "{}", app.fate(&late).await);
    assert!(end_due(&app).await, "none is left");
    is_over(&app, &dealer).await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 2);
    finish(app).await;
}

#[tokio::test]
async fn what_was_skipped_while_it_was_to_end_is_sent_after_all_if_it_stays() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let store = &app.app.store;
    ending::pause(store, &dealer.connection).await.unwrap();
    let held = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(app.fate(&held).await.contains("(connection.paused)"), "{}", app.fate(&held).await);
    app.advance(Duration::from_secs(1));
    assert_eq!(begin(&app, &dealer, Waiting::Send).await, None, "a pause has something to send too");
    app.advance(Duration::from_secs(1));
    let late = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&held).await, "delivered, 1 attempts");
    assert!(app.fate(&late).await.starts_with("skipped"), "{}", app.fate(&late).await);
    ending::stay(store, &fresh(&app, &dealer).await, app.now()).await.unwrap();
    let stays = fresh(&app, &dealer).await;
    assert_eq!((stays.state, stays.ends_at, stays.ends_waiting), (ConnectionState::Paused, None, None));
    assert_eq!(store.replays(None, 9).await.unwrap().len(), 1);
    ending::resume(store, &stays, app.now()).await.unwrap();
    while leadline::replay::next(store, app.now()).await.unwrap() == leadline::model::lane::Step::Worked {}
    app.run_until_idle().await;
    assert_eq!(app.fate(&late).await, "delivered, 1 attempts");
    finish(app).await;
}

#[tokio::test]
async fn an_end_waits_a_quarter_of_an_hour_at_most_and_then_holds_what_is_left() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    app.hubspot.add_fault(Fault::status(503).on_portal(dealer.portal()).on_path("/crm/objects/"));
    assert_eq!(begin(&app, &dealer, Waiting::Send).await, None);
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("pending"), "{}", app.fate(&event).await);
    app.advance(ending::SEND_MAX - Duration::from_secs(1));
    assert!(!end_due(&app).await, "its next attempt may get through");
    app.advance(Duration::from_secs(1));
    assert!(end_due(&app).await);
    is_over(&app, &dealer).await;
    app.hubspot.clear_faults();
    app.run_until_idle().await;
    assert!(app.fate(&event).await.contains("(connection.disconnected)"), "{}", app.fate(&event).await);
    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("delivered"), "{}", app.fate(&event).await);
    finish(app).await;
}

#[tokio::test]
async fn waiting_leads_are_discarded_as_somebody_chose_and_with_none_it_ends_at_once() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let ended = begin(&app, &dealer, Waiting::Discard).await.unwrap();
    assert_eq!((ended.cancelled, ended.held), (1, 0));
    assert_eq!(app.fate(&event).await, "cancelled, 0 attempts");
    reconnect(&app, &dealer).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "cancelled, 0 attempts", "what was discarded stays so");

    let event = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert!(begin(&app, &dealer, Waiting::Send).await.is_some(), "nothing waits");
    is_over(&app, &dealer).await;
    finish(app).await;
}

#[tokio::test]
async fn a_disconnect_ends_whatever_hubspot_does() {
    let app = start().await;
    let away = consented(&app, "away").await;
    app.hubspot.add_fault(Fault::status(503).on_portal(away.portal()));
    let ended = disconnect(&app, &away, Waiting::Hold).await.unwrap();
    assert!(ended.left[0].contains("Connected apps"), "{ended:?}");
    is_over(&app, &away).await;
    app.hubspot.clear_faults();

    let gone = consented(&app, "gone").await;
    app.hubspot.act(gone.portal(), Act::UninstallApp { client_id: CLIENT_ID.to_owned() });
    assert_eq!(disconnect(&app, &gone, Waiting::Hold).await.unwrap().left, [""; 0]);
    is_over(&app, &gone).await;

    let expired = consented(&app, "expired").await;
    app.advance(Duration::from_secs(3600));
    assert_eq!(disconnect(&app, &expired, Waiting::Hold).await.unwrap().left, [""; 0]);
    assert!(!app.hubspot.installs(expired.portal())[0].installed, "a token was fetched for that");
    is_over(&app, &expired).await;

    let revoked = consented(&app, "revoked").await;
    app.hubspot.act(revoked.portal(), Act::RevokeInstall { client_id: CLIENT_ID.to_owned() });
    app.advance(Duration::from_secs(3600));
    assert_eq!(disconnect(&app, &revoked, Waiting::Hold).await.unwrap().left, [""; 0]);
    is_over(&app, &revoked).await;

    let token = app.dealer("token", Preset::Ready, "default", json!({ "country": "US" })).await;
    disconnect(&app, &token, Waiting::Hold).await.unwrap();
    is_over(&app, &token).await;
    disconnect(&app, &token, Waiting::Hold).await.unwrap();
    finish(app).await;
}
