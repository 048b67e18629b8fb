//! A process that stands still for a while, wherever it is in its round.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadline::deliver::{self, Clock};
use leadline::hubspot::{CONTACT, NOTE};

use crate::support::TestApp;

/// Longer than a lease.
const FREEZE: Duration = Duration::from_secs(100);

#[tokio::test]
async fn a_worker_that_froze_after_it_stored_a_call_does_not_make_it() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let (mut frozen, mut unsent) = (0, 0);
    loop {
        let event = app.send_lead(&dealer, &format!("person{frozen}")).await;
        app.plan().await;
        let (made, noon) = (app.calls_for_leads().len(), app.now());
        // Time jumps when the worker looks at the clock for the nth time.
        let looks = Arc::new(AtomicUsize::new(0));
        let seen = looks.clone();
        let jumping: Clock =
            Arc::new(move || if seen.fetch_add(1, Ordering::SeqCst) < frozen { noon } else { noon + FREEZE });
        deliver::deliver_next(&app.app.store, &app.app.hubspot, "frozen", &jumping).await.unwrap();
        let made = app.calls_for_leads().len() - made;
        app.advance(FREEZE);
        let calls = &app.event(&event).await.deliveries[0].calls;
        assert!(made <= calls.len(), "every call is stored before it is made");
        unsent += calls.iter().filter(|call| call.status.is_none()).count();
        app.run_through(app.now() + Duration::from_secs(60)).await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "frozen at look {frozen}");
        frozen += 1;
        if looks.load(Ordering::SeqCst) < frozen {
            break; // the round was over before
        }
    }
    assert!(unsent >= 3, "a read, an upsert and a note were stored and not sent, but only {unsent} calls were");
    let held = [CONTACT, NOTE].map(|kind| app.hubspot.record_count(dealer.portal(), kind));
    assert_eq!(held, [frozen, frozen], "contacts and notes");
    app.finish().await;
}
