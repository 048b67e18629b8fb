//! A network that breaks, stalls or lies between us and HubSpot. Whatever it does is temporary for the lead, writes
//! nothing twice, and is no other portal's trouble.

use std::time::Duration;

use leadline::deliver;
use leadline::hubspot::{CONTACT, HubSpot, NOTE};

use crate::proxy::{Mischief, Proxy};
use crate::support::TestApp;

/// What an answer is waited for here, instead of a minute.
const PATIENCE: Duration = Duration::from_millis(500);

/// A service that talks to HubSpot through a proxy.
async fn start() -> (TestApp, Proxy) {
    let mut proxy = None;
    let app = TestApp::start_with(|config, hubspot, _| {
        let before = proxy.insert(Proxy::before(&hubspot.base_url()));
        config.hubspot_url = before.url();
    })
    .await;
    (app, proxy.unwrap())
}

/// One round with a client that gives up soon.
async fn deliver_with(app: &TestApp, hubspot: &HubSpot, owner: &str) {
    let hubspot = hubspot.clone().with_patience(PATIENCE);
    deliver::deliver_next(&app.app.store, &hubspot, owner, &app.app.clock).await.unwrap();
}

#[tokio::test]
async fn whatever_the_network_does_to_a_call_is_temporary_and_doubles_nothing() {
    for mischief in [
        Mischief::ResetBefore,
        Mischief::ResetAfter,
        Mischief::HalfAnswer,
        Mischief::Drip,
        Mischief::Hang,
        Mischief::HugeAnswer,
        Mischief::Garbage,
    ] {
        let (app, proxy) = start().await;
        let dealer = app.connected("acme").await;
        let paths = ["0-1/batch/read", "0-1/batch/upsert", "0-46/batch/create"];
        for (number, path) in paths.into_iter().enumerate() {
            let event = app.send_lead(&dealer, &format!("person{number}")).await;
            app.plan().await;
            proxy.plan(path, mischief);
            deliver_with(&app, &app.app.hubspot, "test").await;
            assert!(proxy.is_done(), "{mischief:?} on {path} took place");
            let fate = app.fate(&event).await;
            assert!(fate.starts_with("pending, 1 attempts"), "{mischief:?} on {path}: {fate}");
            let call = app.event(&event).await.deliveries[0].calls.last().unwrap().status;
            assert_eq!(call, None, "{mischief:?} on {path} is no answer");
            let said = &app.event(&event).await.deliveries[0].attempts[0].problem.detail;
            assert!(
                mischief != Mischief::HugeAnswer || said.contains("more than 16 MiB"),
                "it is not read to its end: {said}"
            );
            app.run_through(app.now() + Duration::from_secs(60)).await;
            assert_eq!(app.fate(&event).await, "delivered, 2 attempts", "{mischief:?} on {path}");
            let held = [CONTACT, NOTE].map(|kind| app.hubspot.record_count(dealer.portal(), kind));
            assert_eq!(held, [number + 1; 2], "contacts and notes after {mischief:?} on {path}");
        }
        app.finish().await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_read_once() {
    let (app, proxy) = start().await;
    let dealer = app.connected("acme").await;
    let events = [app.send_lead(&dealer, "ana").await, app.send_lead(&dealer, "bob").await];
    for path in ["batch/read", "batch/upsert", "batch/create"] {
        proxy.plan(path, Mischief::AnswerTwice);
    }
    app.run_until_idle().await;
    assert!(proxy.is_done());
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_connection_is_temporary_and_the_third_in_a_row_rests_the_lane() {
    let (app, _proxy) = start().await;
    let dealer = app.connected("acme").await;
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        HubSpot::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
    };
    for attempt in 1..=3 {
        assert_eq!(app.app.store.rest_of(&dealer.connection, app.now()).await.unwrap(), None, "before {attempt}");
        deliver_with(&app, &nobody, "test").await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with(&format!("pending, {attempt} attempts")), "{fate}");
        app.advance(Duration::from_secs(if attempt == 2 { 6 } else { 1 }));
    }
    assert!(app.app.store.rest_of(&dealer.connection, app.now()).await.unwrap().is_some(), "people see that it rests");
    app.run_through(app.now() + Duration::from_secs(600)).await;
    assert_eq!(app.fate(&event).await, "delivered, 4 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_portal_whose_calls_hang_delays_no_other() {
    let (app, proxy) = start().await;
    let (stuck, well) = (app.connected("stuck").await, app.connected("well").await);
    let waiting = app.send_lead(&stuck, "ana").await;
    app.plan().await;
    proxy.plan(&stuck.hubspot.access_token, Mischief::Hang);
    let hubspot = app.app.hubspot.clone().with_patience(Duration::from_secs(5));
    let round = deliver::deliver_next(&app.app.store, &hubspot, "stuck", &app.app.clock);
    let meanwhile = async {
        proxy.begun().await;
        let event = app.send_lead(&well, "bob").await;
        app.run_until_idle().await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
        assert!(
            app.fate(&waiting).await.starts_with("pending, 0 attempts"),
            "the other one still waits for its answer"
        );
    };
    tokio::select! {
        _ = round => panic!("it hangs for longer"),
        () = meanwhile => {}
    }
    app.hubspot.stop().await;
}
