//! An account that is deleted leaves nothing behind, and takes nothing of another one with it.

use std::collections::BTreeMap;
use std::time::Duration;

use leadline::app::App;
use leadline::connection::{self, ConnectError, ending};
use leadline::deletion;
use leadline::model::access::Role;
use leadline::model::account::{Account, Waiting};
use leadline::model::lane::Step;
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::access::{Asker, key_in_role, signed_in, with_public_url};
use crate::dashboard::submit;
use crate::support::{TestApp, lead};

/// Rows of an account, by table, in every table that has accounts.
async fn rows(app: &TestApp, account: &Account) -> BTreeMap<String, i64> {
    let count =
        |table: &str| AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE account_id = '{}'", account.id));
    let mut rows = BTreeMap::new();
    match app.database().await {
        Some(server) => {
            let mut database = PgConnection::connect(&server).await.unwrap();
            let tables = "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'account_id' AND table_schema = 'public'";
            let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
            for table in tables {
                let found: i64 = sqlx::query_scalar(count(&table)).fetch_one(&mut database).await.unwrap();
                rows.insert(table, found);
            }
        }
        None => {
            let file = format!("sqlite://{}?mode=ro", app.data().join("leadline.db").display());
            let mut database = SqliteConnection::connect(&file).await.unwrap();
            let tables = "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.name = 'account_id'";
            let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
            for table in tables {
                let found: i64 = sqlx::query_scalar(count(&table)).fetch_one(&mut database).await.unwrap();
                rows.insert(table, found);
            }
        }
    }
    rows.retain(|_, found| *found > 0);
    rows
}

/// Removes what is left of deleted accounts.
async fn sweep(app: &TestApp) {
    while deletion::sweep(&app.app.store, app.now()).await.unwrap() == Step::Worked {}
}

#[tokio::test]
async fn everything_of_an_account_goes_and_nothing_of_another() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let other = app.connected("other").await;
    let operator = Asker::operator();
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    for dealer in [&acme, &other] {
        for name in ["ana", "ben"] {
            app.send_lead(dealer, name).await;
        }
    }
    app.run_until_idle().await;
    let path = "/v1/accounts/acme?confirm=acme";
    let refused = operator.delete(&app, path).await;
    assert_eq!(refused.refusal(), (409, "conflict"), "it is connected");
    let App { store, hubspot, clock, .. } = &*app.app;
    ending::disconnect(store, hubspot, &acme.connection, Waiting::Discard, &**clock).await.unwrap();
    assert_eq!(operator.delete(&app, "/v1/accounts/acme?confirm=other").await.refusal(), (400, "bad_request"));
    assert_eq!(manager.delete(&app, path).await.refusal(), (403, "not_allowed"));
    let (own, of_other) = (rows(&app, &acme.account).await, rows(&app, &other.account).await);
    assert!(own["events"] > 0 && own["plans"] > 0 && own["call_requests"] > 0 && own["api_keys"] > 0, "{own:?}");

    assert_eq!(operator.delete(&app, path).await.status, 204);
    assert_eq!(manager.get(&app, "/v1/leads").await.status, 401, "its keys open nothing");
    assert_eq!(operator.get(&app, "/v1/accounts/acme").await.status, 404);
    app.advance(Duration::from_secs(2));
    let late = json!({ "type": "lead.captured.v1", "timestamp": app.now(), "data": lead("late") });
    let late = app.post(&acme, "msg_late", late.to_string().as_bytes()).await;
    assert_eq!(late.status, 401, "as from anybody who is not known: {late:?}");
    sweep(&app).await;
    // What was under way may still come for a while, so it is known until then.
    assert_eq!(rows(&app, &acme.account).await, [("deleted_accounts".to_owned(), 1)].into());
    assert_eq!(rows(&app, &other.account).await, of_other);
    app.advance(Duration::from_secs(3601));
    sweep(&app).await;
    assert_eq!(rows(&app, &acme.account).await, BTreeMap::new());
    let history = operator.get(&app, "/v1/audit").await;
    assert_eq!(history.body["data"][0]["action"], "accounts.delete", "{history:?}");
    app.send_lead(&other, "carl").await;
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn who_deletes_types_the_slug_at_the_terminal_and_in_the_dashboard() {
    let app = with_public_url("http://localhost:8080").await;
    for slug in ["one", "two"] {
        app.account(slug).await;
    }
    assert_eq!(app.command(&["account", "delete", "one", "--confirm", "two"]).await.0, 2);
    let (code, text) = app.command(&["account", "delete", "one", "--confirm", "one"]).await;
    assert!(code == 0 && text.contains("Account `one` is deleted."), "{code} {text}");
    assert_eq!(app.command(&["account", "show", "one"]).await.0, 5);

    let operator = signed_in(&app, None, "operator").await;
    let wrong = submit(&app, &operator, "/accounts/two/delete", &[("confirm", "tow")]).await;
    assert!(wrong.status == 400 && wrong.body.to_string().contains("tow"), "{wrong:?}");
    let history = Asker::operator().get(&app, "/v1/audit").await;
    let entries = history.body["data"].as_array().unwrap();
    let deleted = entries.iter().filter(|entry| entry["action"] == "accounts.delete").count();
    assert_eq!(deleted, 1, "what was refused was not done: {entries:#?}");
    let done = submit(&app, &operator, "/accounts/two/delete", &[("confirm", "two")]).await;
    assert_eq!((done.status, done.header("location")), (303, "/accounts?done=account-deleted"));
    let support = signed_in(&app, None, "support").await;
    assert_eq!(support.get(&app, "/accounts/two/delete").await.status, 403);
    app.finish().await;
}

#[tokio::test]
async fn nobody_connects_an_account_that_is_gone_and_tokens_that_are_left_keep_it() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let store = &app.app.store;
    ending::disconnect_later(store, &acme.connection, Waiting::Discard, (app.now(), Duration::from_secs(10)))
        .await
        .unwrap();
    assert!(store.holds_on_to_hubspot(&acme.account.id).await.unwrap(), "it is not done yet");
    let refused = deletion::delete(store, &acme.account, "acme", app.now()).await;
    assert!(refused.is_err_and(|error| error.to_string() == "account `acme` is connected to HubSpot"));
    app.advance(Duration::from_secs(11));
    app.run_until_idle().await;
    ending::end_due(store, &app.app.hubspot, &*app.app.clock).await.unwrap();
    deletion::delete(store, &acme.account, "acme", app.now()).await.unwrap();
    let late =
        connection::connect(store, &acme.account, acme.portal(), &SecretString::from("pat-na1-late"), app.now()).await;
    assert!(matches!(late, Err(ConnectError::NoAccount)), "{late:?}");
    app.finish().await;
}
