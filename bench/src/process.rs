//! Processes beside the bench: this very program, started again as something else, so that what is measured is what is
//! built in, and what it uses can be told from what the load uses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use clap::Parser as _;
use leadline::app::App;
use leadline::cli::Cli;
use leadline::config::{Config, Role};
use leadline::http;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::ingest;
use crate::meter::Usage;
use crate::place::Place;

/// Set for a child, and says what it is.
const CHILD: &str = "LEADLINE_BENCH_CHILD";
/// An orderly end takes less.
const END: Duration = Duration::from_secs(40);

/// What a child is.
#[derive(Serialize, Deserialize)]
pub(crate) enum Part {
    /// The service, by its own command line.
    Service(Vec<String>),
    /// The door of the service and nothing behind it: what it takes in stays where it is.
    Door { data: String, database: Option<String> },
    /// Commits single events, one after the other, and says how many a second.
    CommitEach { data: String, database: Option<String>, seconds: u64 },
    /// Says 202 to everything.
    Yes,
}

impl Part {
    pub(crate) fn service(place: &Place, hubspot_url: &str) -> Self {
        let mut words = vec!["leadline".to_owned(), "--data".to_owned(), place.data().to_string_lossy().into_owned()];
        words.extend(place.url().iter().flat_map(|url| ["--database".to_owned(), (*url).to_owned()]));
        words.extend(["--hubspot-url", hubspot_url, "--log", "error"].map(str::to_owned));
        words.extend(["serve", "--listen", "127.0.0.1:0"].map(str::to_owned));
        Self::Service(words)
    }

    pub(crate) fn door(place: &Place) -> Self {
        let (data, database) = paths(place);
        Self::Door { data, database }
    }

    pub(crate) fn commit_each(place: &Place, time: Duration) -> Self {
        let (data, database) = paths(place);
        Self::CommitEach { data, database, seconds: time.as_secs() }
    }
}

fn paths(place: &Place) -> (String, Option<String>) {
    (place.data().to_string_lossy().into_owned(), place.url().map(str::to_owned))
}

/// Becomes what the bench started this program as, where it did.
pub(crate) fn become_child() -> Option<ExitCode> {
    // The service compiles in a child of its own program, which is this one.
    if std::env::args().nth(1).as_deref() == Some("compile") {
        return Some(leadline::cli::run(Cli::parse_from(["leadline", "compile"]), &mut std::io::stdout()));
    }
    let part = std::env::var(CHILD).ok()?;
    let done = serde_json::from_str(&part).map_err(anyhow::Error::from).and_then(|part| match part {
        Part::Service(words) => Ok(leadline::cli::run(Cli::parse_from(words), &mut std::io::stdout())),
        Part::Door { data, database } => in_runtime(door(config(data, database))),
        Part::CommitEach { data, database, seconds } => {
            in_runtime(ingest::commit_each(config(data, database), Duration::from_secs(seconds)))
        }
        Part::Yes => in_runtime(serve(Router::new().fallback(yes))),
    });
    Some(done.unwrap_or_else(|error| {
        writeln!(std::io::stderr(), "error: {error:#}").ok();
        ExitCode::FAILURE
    }))
}

fn in_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

fn config(data: String, database: Option<String>) -> Config {
    Config { database, ..Config::on(data.into(), "http://127.0.0.1:9".to_owned()) }
}

async fn door(config: Config) -> anyhow::Result<()> {
    let app = Arc::new(App::connect(&config).await?);
    serve(http::router(app, &[Role::Ingest])).await
}

/// The body is read, as the door reads it.
async fn yes(_body: axum::body::Bytes) -> StatusCode {
    StatusCode::ACCEPTED
}

async fn serve(router: Router) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "listens on http://{}", listener.local_addr()?)?;
    Ok(axum::serve(listener, router).await?)
}

/// A child at work. It is killed when this goes away.
pub(crate) struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it said first.
    pub(crate) said: String,
}

impl Process {
    /// Starts it, and waits for the first line that it says: it is ready then, or done.
    pub(crate) fn start(part: &Part, place: &Place) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(CHILD, serde_json::to_string(part)?).stdin(Stdio::null()).stdout(Stdio::piped());
        place.disk.put_under(&mut command, place.root());
        let mut child = command.spawn()?;
        let out = child.stdout.take().context("a child has no output")?;
        let mut process = Self { child, out: BufReader::new(out), said: String::new() };
        process.out.read_line(&mut process.said)?;
        anyhow::ensure!(!process.said.is_empty(), "a child of the bench said nothing");
        Ok(process)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> anyhow::Result<String> {
        let (_, rest) = self.said.split_once("http://").with_context(|| format!("no address in: {}", self.said))?;
        Ok(rest.split([';', '\n']).next().unwrap_or(rest).to_owned())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.id())
    }

    /// Asks it to finish what is under way, and waits until it has.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(asked.elapsed() < END, "a service does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
