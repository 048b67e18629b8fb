//! Changing the keys under a running service.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{consented, finish, start, tokens};
use crate::support::TestApp;

/// Runs a command beside the service, on a thread without a runtime.
async fn beside(app: &TestApp, args: &'static [&'static str]) -> (u8, String) {
    app.command(args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_pruned_while_the_service_works() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let before = tokens(&app, &dealer).await;
    let (code, text) = beside(&app, &["keys", "list", "--json"]).await;
    assert_eq!(code, 0, "{text}");
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["values"]), (1, &Value::from(3)));

    let (code, text) = beside(&app, &["keys", "rotate"]).await;
    assert!(code == 0 && text.contains("Sealed again: 3"), "{text}");
    assert_eq!(tokens(&app, &dealer).await, before, "the service reads what the new key sealed");
    let event = app.send_lead(&dealer, "ana").await;
    app.advance(Duration::from_secs(3600));
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");

    let (code, text) = beside(&app, &["keys", "prune"]).await;
    assert!(code == 0 && text.contains("Removed from the key ring: k"), "{text}");
    let (_, text) = beside(&app, &["keys", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (listed["data"].as_array().unwrap().len(), &listed["data"][0]["values"]),
        (1, &Value::from(3)),
        "what the service sealed meanwhile too: {text}"
    );
    let (_, text) = beside(&app, &["keys", "prune"]).await;
    assert!(text.contains("Every key is in use"), "{text}");

    let app = app.restart().await;
    let after = tokens(&app, &dealer).await;
    assert!(after.0 != before.0 && after.1 == before.1);
    assert!(
        app.app
            .store
            .current_secret(dealer.source.as_str(), app.now())
            .await
            .unwrap()
            .unwrap()
            .expose_secret()
            .starts_with("whsec_")
    );
    finish(app).await;
}
