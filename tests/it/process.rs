//! Processes of their own, which a test may freeze and which may lose a database file to one another. Each is this test
//! binary once more, told by its environment what to be.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use hubspot_sim::Fault;
use leadline::app::App;
use leadline::cli::{self, Cli};
use leadline::config::Role;
use leadline::hubspot::{CONTACT, NOTE};
use leadline::model::time::Timestamp;
use leadline::serve::{self, Manner};
use serde_json::{Value, json};

use crate::support::{TestApp, config_on};

/// The words of a command, as a JSON array.
const COMMAND: &str = "LEADLINE_TEST_COMMAND";
/// What a worker works on, as JSON.
const WORKER: &str = "LEADLINE_TEST_WORKER";
/// Far more than anything here takes: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "what other tests start as a process of its own"]
fn a_process_of_its_own() {
    if let Ok(words) = std::env::var(COMMAND) {
        let words: Vec<String> = serde_json::from_str(&words).unwrap();
        let code = cli::run(Cli::parse_from(words), &mut std::io::stdout());
        let code = (0..=255).find(|number| std::process::ExitCode::from(*number) == code).unwrap();
        std::process::exit(code.into());
    }
    if let Ok(wish) = std::env::var(WORKER) {
        let wish: Value = serde_json::from_str(&wish).unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(work(&wish));
    }
}

/// Plans and delivers until it is killed, at the times that a file says.
async fn work(wish: &Value) {
    let text = |key: &str| wish[key].as_str().unwrap().to_owned();
    let mut config = config_on(text("data").into(), text("hubspot"));
    config.database = Some(text("database"));
    let file = text("clock");
    let clock = move || Timestamp(std::fs::read_to_string(&file).unwrap().parse().unwrap());
    let app = Arc::new(App::connect_at(&config, Arc::new(clock)).await.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let manner = Manner { roles: vec![Role::Plan, Role::Deliver], ..Manner::default() };
    serve::run(app, manner, listener, std::future::pending()).await.unwrap();
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(variable: &str, value: &Value) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::a_process_of_its_own", "--ignored", "--nocapture"]);
        command.env(variable, value.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// By another file's name, so that nobody reads half a number.
fn write_clock(file: &Path, now: Timestamp) {
    let new = file.with_extension("new");
    std::fs::write(&new, now.0.to_string()).unwrap();
    std::fs::rename(new, file).unwrap();
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what} does not come about");
}

#[tokio::test]
async fn a_process_that_was_frozen_beyond_its_lease_and_goes_on_doubles_nothing() {
    for path in ["0-1/batch/upsert", "0-46/batch/create"] {
        let app = TestApp::start().await;
        // On SQLite there is no second process.
        let Some(database) = app.database().await else { return };
        let dealer = app.connected("acme").await;
        let file = app.data().join("clock");
        write_clock(&file, app.now());
        let (now, hubspot, ticked) = (app.clock(), app.hubspot.clone(), file.clone());
        // Time goes by for all of them, ten times as fast as it does.
        let time = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let at = now.fetch_add(200, std::sync::atomic::Ordering::SeqCst) + 200;
                hubspot.set_clock(at);
                write_clock(&ticked, Timestamp(at));
            }
        });
        let wish = json!({
            "data": app.data(), "hubspot": app.hubspot.base_url(), "database": database, "clock": file,
        });
        let mut slow = Fault::default().on_path(path).times(1);
        slow.then.delay_ms = 1_500;
        app.hubspot.add_fault(slow);
        let first = Process::start(WORKER, &wish);
        let event = app.send_lead(&dealer, "ana").await;
        let asked = || app.calls_for_leads().iter().filter(|call| call.path.contains(path)).count();
        until("the first process makes the call", async || asked() == 1).await;
        first.signal("STOP");
        // What HubSpot answers meanwhile waits for it. Another process takes the lane when the lease is over.
        let _second = Process::start(WORKER, &wish);
        until("the second process delivers", async || app.fate(&event).await.starts_with("delivered")).await;
        let made = app.calls_for_leads().len();
        first.signal("CONT");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(app.calls_for_leads().len(), made, "it finds another holder, and calls nobody ({path})");
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts", "{path}");
        let held = [CONTACT, NOTE].map(|kind| app.hubspot.record_count(dealer.portal(), kind));
        assert_eq!(held, [1, 1], "contacts and notes, {path}");
        // And it works on.
        drop(_second);
        let next = app.send_lead(&dealer, "bob").await;
        until("the first process goes on", async || app.fate(&next).await.starts_with("delivered")).await;
        time.abort();
        app.finish().await;
    }
}

#[test]
fn a_second_service_on_one_folder_refuses_to_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let lock = std::fs::File::create(folder.path().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let words = json!(["leadline", "--data", folder.path(), "serve", "--listen", "127.0.0.1:0"]);
    let mut second = Process::start(COMMAND, &words);
    let status = second.0.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut second.0.stderr.take().unwrap(), &mut said).unwrap();
    let said = said.replace(&folder.path().display().to_string(), "FOLDER");
    assert_eq!(status.code(), Some(6), "{said}");
    insta::assert_snapshot!(said.trim(), @"
    error: another `leadline serve` works on this data folder: it holds FOLDER/lock
    hint: end that one first, choose another folder with `--data`, or let many work on a Postgres database with `--database`
    ");
}
