//! What waits for somebody to mend it costs no attempts, and says what to do.

use hubspot_sim::Preset;
use serde_json::json;

use crate::support::{TestApp, lead};

#[tokio::test]
async fn a_revoked_token_blocks_and_spends_no_attempt() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.revoke_token(dealer.portal());
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("blocked, 0 attempts (auth.revoked)"), "{fate}");
    app.finish().await;
}

#[tokio::test]
async fn a_missing_key_property_blocks_only_the_leads_that_need_it() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let mut without = lead("ana");
    without["email"] = json!(null);
    let without = app.send(&dealer, "msg_1", without).await;
    let with = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    let fate = app.fate(&without).await;
    assert!(fate.starts_with("blocked, 0 attempts (property.missing)") && fate.contains("leadline_lead_id"), "{fate}");
    assert_eq!(app.fate(&with).await, "delivered, 1 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_portal_that_requires_a_property_blocks_and_names_it() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.act(
        dealer.portal(),
        hubspot_sim::Act::RequireProperty { object_type: "0-1".into(), property: "city".into(), when: None },
    );
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("blocked, 0 attempts (property.required)") && fate.contains("`city`"), "{fate}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_without_a_portal_skips_with_the_reason() {
    let app = TestApp::start().await;
    let connected = app.connected("acme").await;
    let leadline::store::CreateAccount::Created(account) =
        app.app.store.create_account("alone", "Alone", app.now()).await.unwrap()
    else {
        panic!()
    };
    let secret = secrecy::SecretString::from(leadline::signature::Secret::generate());
    let modes = Default::default();
    let new = leadline::store::NewSource {
        account_id: &account.id,
        name: "chat",
        tolerance_s: 300,
        schema_modes: &modes,
        rate: 0,
        secret: &secret,
    };
    let source = app.app.store.create_source(new, app.now()).await.unwrap().id;
    let alone = crate::support::Dealer { account, ..connected.with_source(source, secret) };
    let event = app.send_lead(&alone, "ana").await;
    app.run_until_idle().await;
    assert_eq!(
        app.fate(&event).await,
        "skipped (account.not_connected): no HubSpot account was connected when the event came"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_renewed_token_releases_what_a_revoked_one_held() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.revoke_token(dealer.portal());
    let events = [app.send_lead(&dealer, "ana").await, app.send_lead(&dealer, "bob").await];
    app.run_until_idle().await;
    app.hubspot.restore_token(dealer.portal());
    let token = secrecy::SecretString::from(dealer.hubspot.access_token.clone());
    let again = leadline::connection::connect(&app.app.store, &dealer.account, dealer.portal(), &token, app.now())
        .await
        .unwrap();
    assert_eq!(again.id, dealer.connection.id, "the same portal is the same connection");
    app.run_until_idle().await;
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn another_version_releases_what_a_bad_one_held() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.install(&dealer, "trap", &crate::guests::guest("trap")).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("held (transform.trap)"));
    let settings = json!({ "country": "US" });
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
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish().await;
}
