//! Connecting as people see it: the way to HubSpot and back to the screen they came from, the admin's link, what is offered
//! afterwards, and the diagnosis.

use std::time::Duration;

use leadline::connection::ending;
use leadline::model::account::{Account, Agreed, ConnectionState, Waiting};

use super::browser::Browser;
use super::{consented, finish, fresh, port, reconnect, start};
use crate::access::{Asker, signed_in};
use crate::dashboard::{looks, submit, text};
use crate::support::{Dealer, TestApp};

/// The browser of somebody who is signed in, for the way to HubSpot.
fn browser_of(person: &Asker) -> Browser {
    let (name, secret) = person.header("cookie").split_once('=').unwrap();
    let mut browser = Browser::new();
    browser.cookies.insert(name.to_owned(), (secret.to_owned(), "/".to_owned()));
    browser
}

/// Presses the button that leads to HubSpot, agrees there, and says where one comes back to.
async fn agree(app: &TestApp, person: &Asker, portal: i64, fields: &[(&str, &str)]) -> String {
    agree_from(app, person, portal, ("/accounts/acme/connectors/connect", fields)).await
}

/// The same by a form of any screen.
async fn agree_from(app: &TestApp, person: &Asker, portal: i64, (path, fields): (&str, &[(&str, &str)])) -> String {
    let sent = submit(app, person, path, fields).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let link = format!("http://localhost:{}{}", port(app), sent.header("location"));
    let back = browser_of(person).connect(&link, portal).await;
    assert_eq!(back.status, 303, "{}", back.text);
    back.location.unwrap()
}

async fn connectors(app: &TestApp, person: &Asker) -> String {
    text(&person.get(app, "/accounts/acme/connectors").await).to_owned()
}

/// Who connected an account, as the history tells it.
async fn connected_by(app: &TestApp, account: &Account) -> Vec<String> {
    let entries = app.app.store.audit(Some(&account.id), None, 50).await.unwrap().into_iter();
    entries.filter(|entry| entry.action == "connections.connect").map(|entry| entry.actor).collect()
}

#[tokio::test]
async fn who_agrees_comes_back_to_the_set_up_and_is_named() {
    let app = start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(hubspot_sim::Preset::Ready, "acme");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = connectors(&app, &manager).await;
    assert!(page.contains("name=\"create\" value=\"yes\">"), "it is not ticked: {page}");
    let back = agree(&app, &manager, portal.id, &[]).await;
    assert_eq!(back, "/accounts/acme/setup?done=connected");
    let page = manager.get(&app, &back).await;
    for words in ["acme is connected", "lead.captured.v1 goes to HubSpot.", "Send a test lead", "Go to Fields"] {
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
    }
    let connection = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0);
    let agreed = connection.agreed.clone().unwrap();
    assert_eq!((agreed.by.as_str(), agreed.how), ("maya@example.com", Agreed::Person));
    assert_eq!(connected_by(&app, &account).await, ["maya@example.com"]);
    assert!(!connection.has_scope("crm.schemas.contacts.write"), "nobody asked for that");
    let page = connectors(&app, &manager).await;
    assert!(page.contains("by maya@example.com") && page.contains("<dt>Domain</dt>"), "{page}");

    // Only now, and from where it is needed.
    assert!(page.contains("Ask for permission to create properties"), "{page}");
    let back = agree(&app, &manager, portal.id, &[("create", "yes"), ("back", "fields")]).await;
    assert_eq!(back, "/accounts/acme/fields?done=reauthorized");
    let page = connectors(&app, &manager).await;
    assert!(!page.contains("Ask for permission to create properties"), "{page}");
    // What was granted is asked for again.
    let back = agree(&app, &manager, portal.id, &[("back", "connectors")]).await;
    assert_eq!(back, "/accounts/acme/connectors?done=reauthorized");
    let connection = app.app.store.connection(connection.id.as_str()).await.unwrap().unwrap();
    assert!(connection.has_scope("crm.schemas.contacts.write"), "{:?}", connection.scopes);
    let steps = Asker::operator().get(&app, "/v1/accounts/acme/setup").await.body["data"]["steps"].clone();
    assert_eq!((&steps[0]["name"], &steps[0]["is_done"]), (&"connect".into(), &true.into()), "{steps}");
    finish(app).await;
}

#[tokio::test]
async fn who_wants_deals_asks_hubspot_for_what_they_take_and_comes_back_to_them() {
    let app = start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(hubspot_sim::Preset::Ready, "acme");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    agree(&app, &manager, portal.id, &[]).await;
    let authorize = "/accounts/acme/deals/authorize";
    let page = manager.get(&app, "/accounts/acme/deals").await;
    assert!(text(&page).contains(authorize), "{}", text(&page));
    // The address for somebody else stands on the page that says when he is done.
    let sent = submit(&app, &manager, authorize, &[("how", "link")]).await;
    assert!(sent.header("location").starts_with("/accounts/acme/setup?link="), "{sent:?}");
    let back = agree_from(&app, &manager, portal.id, (authorize, &[])).await;
    assert_eq!(back, "/accounts/acme/deals?done=reauthorized");
    let connection = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0);
    for scope in ["crm.objects.deals.write", "crm.schemas.deals.write"] {
        assert!(connection.has_scope(scope), "{scope}: {:?}", connection.scopes);
    }
    let page = manager.get(&app, &back).await;
    assert!(text(&page).contains("HubSpot agreed") && !text(&page).contains(authorize), "{}", text(&page));
    finish(app).await;
}

#[tokio::test]
async fn the_page_of_a_link_says_when_the_admin_is_done() {
    let app = start().await;
    let account = app.account("acme").await;
    let portal = app.hubspot.add_portal(hubspot_sim::Preset::Ready, "acme");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let sent = submit(&app, &manager, "/accounts/acme/connectors/connect", &[("how", "link")]).await;
    let address = sent.header("location").to_owned();
    let ticket = address.strip_prefix("/accounts/acme/setup?link=").unwrap();
    let link = format!("http://localhost:{}/connect/{ticket}", port(&app));
    for _ in 0..2 {
        let page = manager.get(&app, &address).await;
        assert!(text(&page).contains(&link) && text(&page).contains("data-reload-at"), "{}", text(&page));
        assert!(text(&page).contains("Look again"), "{}", text(&page));
    }
    assert!(!text(&viewer.get(&app, &address).await).contains(&link), "a viewer cannot hand it on");
    assert_eq!(Browser::new().connect(&link, portal.id).await.status, 200);
    let page = manager.get(&app, &address).await;
    assert!(text(&page).contains("The admin is done") && !text(&page).contains("data-reload-at"), "{}", text(&page));
    let agreed = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0).agreed.unwrap();
    assert_eq!((agreed.by.as_str(), agreed.how), ("maya@example.com", Agreed::Link));
    assert_eq!(connected_by(&app, &account).await, ["somebody with the link"], "who that is, HubSpot knows");

    let sent = submit(&app, &manager, "/accounts/acme/connectors/connect", &[("how", "link")]).await;
    app.advance(Duration::from_secs(3600));
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, sent.header("location")).await;
    assert!(text(&page).contains("time is over") && !text(&page).contains("data-reload-at"), "{}", text(&page));
    finish(app).await;
}

/// Ends the connection; what waits is held.
async fn disconnect(app: &TestApp, dealer: &Dealer) {
    let (store, hubspot) = (&app.app.store, &app.app.hubspot);
    ending::disconnect(store, hubspot, &dealer.connection, Waiting::Hold, &*app.app.clock).await.unwrap();
}

#[tokio::test]
async fn reconnecting_offers_what_was_skipped_meanwhile() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    disconnect(&app, &dealer).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("skipped (connection.disconnected)"), "{}", app.fate(&event).await);
    reconnect(&app, &dealer).await;
    for screen in ["connectors", "setup"] {
        let page = manager.get(&app, &format!("/accounts/acme/{screen}")).await;
        assert!(text(&page).contains("1 lead came while HubSpot was disconnected"), "{}", text(&page));
        assert!(text(&page).contains("replays?state=skipped&#38;cause=connection.disconnected"), "{}", text(&page));
    }
    let page = manager.get(&app, "/accounts/acme/replays?state=skipped&cause=connection.disconnected").await;
    assert!(text(&page).contains("1 would be sent on their way"), "{}", text(&page));
    let shown = Asker::operator().get(&app, &format!("/v1/connections/{}", dealer.connection.id)).await;
    assert_eq!(shown.body["data"]["unsent"][0]["leads"], 1, "{shown:?}");
    finish(app).await;
}

#[tokio::test]
async fn the_diagnosis_runs_every_check_and_ends_in_one_thing_to_do() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let page = submit(&app, &manager, "/accounts/acme/connectors/diagnose", &[]).await;
    assert!(text(&page).contains("All is well: leads get into HubSpot."), "{}", text(&page));
    for words in [
        "HubSpot accepts our token.",
        "Everything that is in use is permitted.",
        "Every property",
        "Nothing is open",
        "Of one lead, of ",
        "Copy the diagnosis",
    ] {
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
    }
    assert!(!text(&page).contains("ana@"), "{}", text(&page));

    ending::pause(&app.app.store, &fresh(&app, &dealer).await).await.unwrap();
    let page = submit(&app, &manager, "/accounts/acme/connectors/diagnose", &[]).await;
    assert!(
        text(&page).contains("The connection is paused.") && text(&page).contains("connectors/resume"),
        "{}",
        text(&page)
    );
    let path = format!("/v1/connections/{}/check", dealer.connection.id);
    let check = Asker::operator().post(&app, &path, serde_json::Value::Null).await.body["data"].clone();
    assert_eq!((&check["verdict"], &check["mending"]["what"]), (&"The connection is paused.".into(), &"resume".into()));
    assert_eq!(check["findings"][0]["name"], "State", "{check}");
    finish(app).await;
}

#[tokio::test]
async fn a_screen_says_what_is_left_to_send_and_lets_people_think_better_of_it() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    let ends = || submit(&app, &manager, "/accounts/acme/connectors/disconnect", &[("waiting", "send")]);
    assert_eq!(ends().await.status, 303);
    let page = connectors(&app, &manager).await;
    for words in ["1 lead is left to send", "Undo", "Hold the rest, and end now", "data-reload-at"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(submit(&app, &manager, "/accounts/acme/connectors/stay", &[]).await.status, 303);
    assert_eq!(fresh(&app, &dealer).await.ends_at, None);
    assert_eq!(ends().await.status, 303);
    let hold = [("waiting", "hold"), ("now", "yes")];
    assert_eq!(submit(&app, &manager, "/accounts/acme/connectors/disconnect", &hold).await.status, 303);
    assert_eq!(fresh(&app, &dealer).await.state, ConnectionState::Disconnected);
    app.run_until_idle().await;
    assert!(app.fate(&event).await.contains("(connection.disconnected)"), "{}", app.fate(&event).await);
    finish(app).await;
}
