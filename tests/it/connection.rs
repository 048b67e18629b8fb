//! Connecting a portal by consent, and the life of a connection: through the real pages, with a browser that keeps
//! cookies.

mod access;
mod browser;
mod consent;
mod ending;
mod keys;
mod manage;
mod screens;
mod secrets;

use hubspot_sim::{FindingKind, OAuthApp, Preset};
use leadline::connection::consent::{Wish, invite};
use leadline::connection::scopes::{self, Feature};
use leadline::model::account::{Account, Connection};
use secrecy::ExposeSecret as _;

use crate::support::{Dealer, TestApp};
use browser::Browser;

pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const CLIENT_SECRET: &str = "client-secret-4f1c9a";

/// A service that is an app at HubSpot.
pub(crate) async fn start() -> TestApp {
    TestApp::start_with(|config, hubspot, port| {
        let folder = config.data.parent().unwrap();
        let secret = folder.join("client-secret");
        std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).unwrap();
        config.hubspot_client_id = Some(CLIENT_ID.to_owned());
        config.hubspot_client_secret_file = Some(secret);
        config.hubspot_app_url = hubspot.base_url();
        config.public_url = Some(format!("http://localhost:{port}"));
        hubspot.add_app(hubspot_app(port, CLIENT_SECRET));
    })
    .await
}

fn hubspot_app(port: u16, secret: &str) -> OAuthApp {
    let names = |permissions: Vec<scopes::Permission>| permissions.iter().map(|one| one.scope.to_owned()).collect();
    let others: Vec<_> = Feature::ALL.into_iter().filter(|feature| *feature != Feature::Contacts).collect();
    OAuthApp {
        name: "Leadline".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: secret.to_owned(),
        redirect_urls: vec![format!("http://localhost:{port}/oauth/callback")],
        required_scopes: names(scopes::required()),
        optional_scopes: names(scopes::permissions(&others)),
    }
}

fn port(app: &TestApp) -> u16 {
    app.address.rsplit(':').next().unwrap().parse().unwrap()
}

/// A link for an account.
async fn link(app: &TestApp, account: &Account, wish: Wish<'_>) -> String {
    let invitation = invite(&app.app.store, account, wish, app.now()).await.unwrap();
    invitation.link(app.app.public_url.as_ref().unwrap())
}

/// A dealership that was connected by consent, with a source.
async fn consented(app: &TestApp, slug: &str) -> Dealer {
    let account = app.account(slug).await;
    let hubspot = app.hubspot.add_portal(Preset::Ready, slug);
    let link = link(app, &account, Wish::default()).await;
    let page = Browser::new().connect(&link, hubspot.id).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let connection = app.app.store.connections(Some(&account.id)).await.unwrap().remove(0);
    let (source, secret) = app.source(&account).await;
    Dealer { account, connection, hubspot, source, secret }
}

/// The connection as it is now.
async fn fresh(app: &TestApp, dealer: &Dealer) -> Connection {
    app.app.store.connection(dealer.connection.id.as_str()).await.unwrap().unwrap()
}

/// Connects a dealership again, by a link for its portal.
async fn reconnect(app: &TestApp, dealer: &Dealer) {
    let wish = Wish { connection: Some(&dealer.connection), ..Wish::default() };
    let link = link(app, &dealer.account, wish).await;
    let page = Browser::new().connect(&link, dealer.portal()).await;
    assert_eq!(page.status, 200, "{}", page.text);
}

/// The calls about tokens so far.
fn token_calls(app: &TestApp) -> usize {
    app.hubspot.calls().iter().filter(|call| call.path.ends_with("/token")).count()
}

/// The tokens of a dealership as they are stored now.
async fn tokens(app: &TestApp, dealer: &Dealer) -> (String, Option<String>) {
    let read = app.app.store.credentials(&dealer.connection).await.unwrap().unwrap();
    (read.token.expose_secret().to_owned(), read.refresh_token.map(|token| token.expose_secret().to_owned()))
}

/// Ends a test in which HubSpot refused much on purpose.
async fn finish(app: TestApp) {
    for call in app.hubspot.calls() {
        assert!(call.method != "DELETE" || call.path.contains("/appinstalls/"), "{} {}", call.method, call.path);
    }
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}
