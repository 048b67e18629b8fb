//! From the link to the connection, and every way in which that can stop.

use std::time::Duration;

use hubspot_sim::{Fault, Preset};
use leadline::connection::consent::Wish;
use leadline::model::account::{Auth, ConnectionState};
use serde_json::json;

use super::browser::Browser;
use super::{CLIENT_SECRET, consented, finish, fresh, hubspot_app, link, port, reconnect, start, tokens};
use crate::support::NOON;

#[tokio::test]
async fn a_link_leads_through_consent_to_a_connection_that_delivers() {
    let app = start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(Preset::Ready, "Acme <Motors>");
    let link = link(&app, &account, Wish::default()).await;
    let mut browser = Browser::new();

    let page = browser.get(&link).await;
    assert_eq!(page.status, 200);
    for words in [
        "Connect acme to HubSpot",
        "<button>Connect to HubSpot</button>",
        "super admin",
        "App Marketplace Access",
        "Create and change contacts",
        "crm.schemas.contacts.read",
    ] {
        assert!(page.text.contains(words), "{words} is missing in {}", page.text);
    }
    assert!(!page.text.contains("deals") && !page.text.contains("<script") && !page.text.contains("http://cdn"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'; ")
            && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["referrer-policy"]),
        (&"no-store".parse().unwrap(), &"same-origin".parse().unwrap())
    );

    let left = browser.post(&link).await;
    let cookie = left.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/oauth/callback; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    let consent = left.location.unwrap();
    assert!(
        consent.contains("&scope=oauth%20crm.objects.contacts.read%20")
            && !consent.contains("optional_scope")
            && !consent.contains('+'),
        "{consent}"
    );

    let back = browser.decide(&consent, portal.id, "allow").await;
    let page = browser.get(&back).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("acme is connected") && page.text.contains(&portal.id.to_string()), "{}", page.text);
    assert!(page.text.contains("Acme &#60;Motors&#62;") && !page.text.contains("Acme <Motors>"));

    let connection = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0);
    assert_eq!(
        (connection.auth, connection.state, connection.portal_id),
        (Auth::OAuth, ConnectionState::Connected, portal.id)
    );
    assert_eq!(connection.expires_at, Some(NOON + Duration::from_secs(1800)));
    assert_eq!(connection.scopes.as_ref().unwrap().len(), 4);
    assert_eq!(connection.portal.as_ref().unwrap().name.as_deref(), Some("Acme <Motors>"));
    let (source, secret) = app.source(&account).await;
    let dealer = crate::support::Dealer { account, connection, hubspot: portal, source, secret };
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "the default transformation was bound");
    finish(app).await;
}

#[tokio::test]
async fn an_account_with_deals_is_asked_for_deals_and_owners() {
    let app = start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(Preset::Deals, "acme");
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "owner": "1" });
    let wish = Wish { transformation: Some(("deals", &settings)), ..Wish::default() };
    let link = link(&app, &account, wish).await;
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    assert!(
        page.text.contains("because you use it or asked for it")
            && page.text.contains("Create and change deals")
            && page.text.contains("owner that you chose"),
        "{}",
        page.text
    );
    let page = browser.connect(&link, portal.id).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("deals@1") && !page.text.contains("Not permitted"), "{}", page.text);
    let connection = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0);
    assert!(connection.has_scope("crm.objects.deals.write") && connection.has_scope("crm.objects.owners.read"));
    assert!(!connection.has_scope("crm.schemas.contacts.write"), "nobody asked for that");
    finish(app).await;
}

/// What a page that stops says.
async fn stops(browser: &mut Browser, address: &str, status: u16, words: &[&str]) {
    let page = browser.get(address).await;
    assert_eq!(page.status, status, "{}", page.text);
    for words in words {
        assert!(page.text.contains(words), "{words:?} is missing in {}", page.text);
    }
    assert!(!page.text.contains("sim-"), "a token or a code is on the page: {}", page.text);
}

#[tokio::test]
async fn a_declined_permission_says_so_and_leads_back_to_the_link() {
    let app = start().await;
    let (account, portal) = (app.account("acme").await, app.hubspot.add_portal(Preset::Ready, "acme"));
    let link = link(&app, &account, Wish::default()).await;
    let mut browser = Browser::new();
    let consent = browser.leave(&link).await;
    let back = browser.decide(&consent, portal.id, "deny").await;
    stops(&mut browser, &back, 403, &["HubSpot was not connected", "declined", &link]).await;
    assert_eq!(app.app.store.connections(None).await.unwrap().len(), 0);
    assert_eq!(browser.connect(&link, portal.id).await.status, 200, "the link is still good");
    finish(app).await;
}

#[tokio::test]
async fn links_expire_are_used_once_and_cannot_be_guessed() {
    let app = start().await;
    let (account, portal) = (app.account("acme").await, app.hubspot.add_portal(Preset::Ready, "acme"));
    let mut browser = Browser::new();
    let used = link(&app, &account, Wish::default()).await;
    assert_eq!(browser.connect(&used, portal.id).await.status, 200);
    let portal_id = portal.id.to_string();
    stops(&mut browser, &used, 410, &["This link was used", &portal_id]).await;
    assert_eq!(browser.post(&used).await.status, 410);
    let late = link(&app, &account, Wish::default()).await;
    app.advance(Duration::from_secs(3600));
    stops(&mut browser, &late, 410, &["This link has expired", "one hour"]).await;
    let unknown = format!("http://localhost:{}/connect/<b>guess", port(&app));
    stops(&mut browser, &unknown, 404, &["This link is not known"]).await;
    finish(app).await;
}

#[tokio::test]
async fn hubspots_answer_counts_once_in_time_and_in_the_browser_that_began() {
    let app = start().await;
    let (account, portal) = (app.account("acme").await, app.hubspot.add_portal(Preset::Ready, "acme"));
    let link = link(&app, &account, Wish::default()).await;

    let mut browser = Browser::new();
    let consent = browser.leave(&link).await;
    let back = browser.decide(&consent, portal.id, "allow").await;
    stops(&mut Browser::new(), &back, 400, &["Another browser began"]).await;
    let mut other = Browser::new();
    other.leave(&link).await;
    stops(&mut other, &back, 400, &["Another browser began"]).await;

    app.advance(Duration::from_secs(600));
    stops(&mut browser, &back, 400, &["That took too long", &link]).await;
    stops(&mut browser, &back, 400, &["counts once"]).await;

    let callback = format!("http://localhost:{}/oauth/callback", port(&app));
    for stray in [callback.clone(), format!("{callback}?code=x"), format!("{callback}?code=x&state=y&state=z")] {
        stops(&mut browser, &stray, 400, &["came here another way"]).await;
    }

    let consent = browser.leave(&link).await;
    let back = browser.decide(&consent, portal.id, "allow").await;
    app.advance(Duration::from_secs(61));
    stops(&mut browser, &back, 400, &["did not accept its own answer", &link]).await;
    assert_eq!(app.app.store.connections(None).await.unwrap().len(), 0);

    assert_eq!(browser.connect(&link, portal.id).await.status, 200);
    finish(app).await;
}

#[tokio::test]
async fn nobody_is_led_past_what_the_page_says() {
    let app = start().await;
    let account = app.account("acme").await;
    let link = link(&app, &account, Wish::default()).await;
    let request = reqwest::Client::new().post(&link).header("sec-fetch-site", "cross-site");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 400);
    finish(app).await;
}

#[tokio::test]
async fn a_reconnect_takes_its_own_portal_only_and_leaves_the_other_as_it_was() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let other = app.hubspot.add_portal(Preset::Ready, "other");
    let before = tokens(&app, &dealer).await;
    let wish = Wish { connection: Some(&dealer.connection), ..Wish::default() };
    let link = link(&app, &dealer.account, wish).await;
    let mut browser = Browser::new();
    let page = browser.connect(&link, other.id).await;
    assert_eq!(page.status, 409);
    for words in ["That is another HubSpot account", &other.id.to_string(), &dealer.portal().to_string()] {
        assert!(page.text.contains(words), "{words} is missing in {}", page.text);
    }
    assert!(!app.hubspot.installs(other.id)[0].installed, "the app was taken out again");
    assert_eq!(tokens(&app, &dealer).await, before);
    assert_eq!(browser.connect(&link, dealer.portal()).await.status, 200);
    finish(app).await;
}

#[tokio::test]
async fn a_portal_belongs_to_one_account_and_its_holder_does_not_suffer() {
    let app = start().await;
    let holder = consented(&app, "acme").await;
    let intruder = app.account("other").await;
    let link = link(&app, &intruder, Wish::default()).await;
    let page = Browser::new().connect(&link, holder.portal()).await;
    assert_eq!(page.status, 409);
    assert!(page.text.contains("connected elsewhere") && !page.text.contains("acme"), "{}", page.text);
    assert_eq!(app.app.store.connections(Some(&intruder.id)).await.unwrap().len(), 0);
    // Consenting again ended the holder's refresh token; he goes on all the same.
    app.advance(Duration::from_secs(2 * 3600));
    let event = app.send_lead(&holder, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    finish(app).await;
}

#[tokio::test]
async fn a_hubspot_that_is_away_or_refuses_the_app_says_whose_matter_it_is() {
    let app = start().await;
    let (account, portal) = (app.account("acme").await, app.hubspot.add_portal(Preset::Ready, "acme"));
    let link = link(&app, &account, Wish::default()).await;
    let mut browser = Browser::new();
    let consent = browser.leave(&link).await;
    let back = browser.decide(&consent, portal.id, "allow").await;
    app.hubspot.add_fault(Fault::status(503).on_path("/token"));
    stops(&mut browser, &back, 503, &["does not answer at the moment", &link]).await;
    app.hubspot.clear_faults();

    app.hubspot.add_app(hubspot_app(port(&app), "another secret"));
    let page = browser.connect(&link, portal.id).await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("refuses this service") && page.text.contains("operator"), "{}", page.text);

    app.hubspot.add_app(hubspot_app(port(&app), CLIENT_SECRET));
    assert_eq!(browser.connect(&link, portal.id).await.status, 200);
    finish(app).await;
}

#[tokio::test]
async fn a_missing_permission_switches_a_feature_off_and_names_it() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let settings = json!({ "country": "US", "pipeline": "default", "stage": "appointmentscheduled" });
    leadline::connection::use_transformation(
        &app.app.store,
        &dealer.account,
        &dealer.connection,
        "deals",
        settings,
        app.now(),
    )
    .await
    .unwrap();
    let checked =
        leadline::connection::check::check(&app.app.store, &app.app.hubspot, &dealer.connection, &*app.app.clock)
            .await
            .unwrap();
    let of_permissions = |checked: &leadline::connection::check::Check| {
        let bad = checked.findings.iter().filter(|finding| finding.name == "Permissions" && !finding.ok);
        bad.map(|finding| finding.sentence.clone()).collect::<Vec<_>>()
    };
    let bad = of_permissions(&checked);
    assert!(
        !checked.is_ok()
            && bad[0].starts_with("Deals is off: HubSpot did not permit “Read deals” (`crm.objects.deals.read`)"),
        "{bad:?}"
    );
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::Connected, "never the connection");

    reconnect(&app, &dealer).await;
    let checked =
        leadline::connection::check::check(&app.app.store, &app.app.hubspot, &dealer.connection, &*app.app.clock)
            .await
            .unwrap();
    assert_eq!(of_permissions(&checked), [""; 0], "{:?}", checked.findings);
    finish(app).await;
}
