//! No token and no secret shows anywhere: not in a log line, an error, a page, a command's output, or a file.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hubspot_sim::{Act, Fault};
use leadline::connection::consent::Wish;
use leadline::model::account::Waiting;
use secrecy::ExposeSecret as _;

use super::browser::Browser;
use super::{CLIENT_ID, CLIENT_SECRET, consented, finish, fresh, link, reconnect, start, tokens};
use crate::support::API_TOKEN;

#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_in_a_log_a_page_an_output_or_a_file() {
    let seen = Everything::default();
    let writer = seen.clone();
    // Every test is a process of its own, so this one may listen to everything.
    // The compiler of guests knows no secret and would say more than everybody else together.
    let filter = "trace,cranelift_codegen=off,cranelift_frontend=off,regalloc2=off,wasmtime=info,wasmtime_cranelift=off,wasmtime_environ=off,wasmparser=off";
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(move || writer.clone()).init();
    let mut log = seen.clone();

    let app = start().await;
    app.hubspot.set_knobs(|knobs| knobs.rotate_refresh = true);
    let dealer = consented(&app, "acme").await;
    let mut secrets = vec![CLIENT_SECRET.to_owned(), API_TOKEN.to_owned(), dealer.secret.expose_secret().to_owned()];
    let mut remember = async || {
        let (token, refresh_token) = tokens(&app, &dealer).await;
        secrets.extend([Some(token).filter(|token| !token.is_empty()), refresh_token].into_iter().flatten());
    };
    remember().await;

    // The good way, and as many bad ones as there are.
    let ticket = link(&app, &dealer.account, Wish::default()).await;
    let mut browser = Browser::new();
    let consent = browser.leave(&ticket).await;
    let back = browser.decide(&consent, dealer.portal(), "allow").await;
    app.hubspot.add_fault(Fault::status(503).on_path("/token").times(1));
    for _ in 0..2 {
        // Its "Try again" leads to the link that this person was given; nobody else sees the page.
        let (_, own) = ticket.rsplit_once('/').unwrap();
        write!(log, "{}", browser.get(&back).await.text.replace(own, "")).unwrap();
    }
    reconnect(&app, &dealer).await;
    remember().await;
    for minutes in [27, 40] {
        app.advance(Duration::from_secs(minutes * 60));
        app.send_lead(&dealer, &format!("ana{minutes}")).await;
        app.run_until_idle().await;
        remember().await;
    }
    app.hubspot.add_fault(Fault::status(401).on_path("0-1/batch/upsert").times(1));
    app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    remember().await;
    app.hubspot.act(dealer.portal(), Act::UninstallApp { client_id: CLIENT_ID.to_owned() });
    app.send_lead(&dealer, "cleo").await;
    app.run_until_idle().await;
    write!(log, "{:?}", fresh(&app, &dealer).await).unwrap();
    reconnect(&app, &dealer).await;
    remember().await;
    app.run_until_idle().await;

    for path in ["/v1/connections", &format!("/v1/connections/{}", dealer.connection.id), "/metrics"] {
        let answer =
            reqwest::Client::new().get(format!("{}{path}", app.address)).bearer_auth(API_TOKEN).send().await.unwrap();
        write!(log, "{}", answer.text().await.unwrap()).unwrap();
    }
    for args in [
        ["connection", "list"].as_slice(),
        &["connection", "show", "acme"],
        &["connection", "show", "acme", "--json"],
        &["event", "list", "--json"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["connection", "list", "--json"],
    ] {
        let (code, text) = app.command(args).await;
        assert_eq!(code, 0, "{text}");
        write!(log, "{text}").unwrap();
    }
    let ended = leadline::connection::ending::disconnect(
        &app.app.store,
        &app.app.hubspot,
        &dealer.connection,
        Waiting::Hold,
        &*app.app.clock,
    )
    .await;
    write!(log, "{ended:?}").unwrap();

    // What a person's browser carries is as good as a secret.
    let (_, ticket) = ticket.rsplit_once('/').unwrap();
    secrets.push(ticket.to_owned());
    let code =
        reqwest::Url::parse(&back).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    secrets.push(code);
    secrets.extend(browser.cookies.values().map(|(value, _)| value.split('.').next().unwrap().to_owned()));
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() > 10, "the scene has its secrets: {}", secrets.len());

    let log = seen.0.lock().unwrap().clone();
    assert!(log.len() > 10_000, "the log was listened to");
    let mut places = vec![("the log".to_owned(), log)];
    for entry in std::fs::read_dir(app.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name != "keys") {
            places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    if app.app.store.is_for_one_process() {
        assert!(
            places.iter().any(|(name, bytes)| name.ends_with("leadline.db-wal") && !bytes.is_empty()),
            "the newest rows are looked at too"
        );
    }
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            let at = text.find(secret.as_str());
            let around = at.map(|at| &text[text.floor_char_boundary(at.saturating_sub(300))..at]);
            assert!(at.is_none(), "{place} holds a secret, after: {}", around.unwrap_or_default());
        }
    }
    finish(app).await;
}
