//! The service as a process: started, watched, asked to end, and killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A service that has not said by then that it listens never will.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// What a command may take; the first one compiles the stock transformations.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);

/// How every process of a campaign is started.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    pub(crate) binary: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) database: Option<String>,
    pub(crate) hubspot_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret_file: PathBuf,
    pub(crate) port: u16,
    pub(crate) clock_file: PathBuf,
    pub(crate) broken: Option<String>,
    /// Everything that the service says goes here.
    pub(crate) log: PathBuf,
}

impl Launcher {
    fn command(&self) -> anyhow::Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.env_clear().arg("--data").arg(&self.data).args(["--hubspot-url", &self.hubspot_url]);
        command.args(["--hubspot-app-url", &self.hubspot_url, "--hubspot-client-id", &self.client_id]);
        command.arg("--hubspot-client-secret-file").arg(&self.client_secret_file);
        command.args(["--public-url", &self.public_url(), "--log", "leadline=debug,warn"]);
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command.env("LEADLINE_CLOCK_AHEAD_FILE", &self.clock_file).env("NO_COLOR", "1");
        if let Some(broken) = &self.broken {
            command.env("LEADLINE_BREAK", broken);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        Ok(command)
    }

    /// Where people's browsers reach the service.
    pub(crate) fn public_url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Where senders reach it.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs one command to its end, and returns the data that it prints as JSON.
    pub(crate) async fn run(&self, args: &[&str]) -> anyhow::Result<serde_json::Value> {
        let mut command = self.command()?;
        command.arg("--json").args(args);
        let what = args.join(" ");
        let ended = timeout(COMMAND_PATIENCE, command.output()).await;
        let ended = ended.with_context(|| format!("`{what}` takes too long"))??;
        if !ended.status.success() {
            bail!("`{what}` failed with {}; see {}", ended.status, self.log.display());
        }
        let mut printed: serde_json::Value =
            serde_json::from_slice(&ended.stdout).with_context(|| format!("`{what}` did not print JSON"))?;
        Ok(printed["data"].take())
    }

    /// Whether the program has crash points at all: it has to refuse one that does not exist.
    pub(crate) async fn assert_armed(&self) -> anyhow::Result<()> {
        let mut command = self.command()?;
        command.env("LEADLINE_CRASH_AT", "CP0:1").args(["account", "list"]);
        let ended = command.output().await.with_context(|| format!("cannot run {}", self.binary.display()))?;
        if ended.status.success() {
            bail!(
                "{} was built without the feature `crash`; `cargo test --workspace --no-run` builds it with them",
                self.binary.display()
            );
        }
        Ok(())
    }

    /// Starts the service; it listens when this returns. `None`: it died before that, as it was told to.
    pub(crate) async fn start(&self, crash_at: Option<&str>) -> anyhow::Result<Option<Service>> {
        let mut command = self.command()?;
        if let Some(crash_at) = crash_at {
            command.env("LEADLINE_CRASH_AT", crash_at);
        }
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?;
        let out = child.stdout.take().context("the service has no output")?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(START_PATIENCE, lines.next_line()).await.context("the service does not start in time")??;
        if line.is_some() {
            return Ok(Some(Service { child }));
        }
        let status = child.wait().await?;
        if crash_at.is_some() && was_killed(status) {
            return Ok(None);
        }
        bail!("the service does not start: it ended with {status}; its last words:\n{}", last_words(&self.log))
    }
}

/// A running service.
pub(crate) struct Service {
    child: Child,
}

impl Service {
    /// Waits until it ends; `None` when it goes on for longer than this.
    pub(crate) async fn wait(&mut self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        match timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => Ok(None),
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        // Nobody to ask where it has ended already.
        let Some(id) = self.child.id() else { return Ok(()) };
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has an id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Kills it, as `kill -9` does.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(Signal::KILL.as_raw())
}

/// The end of the log, for a person: without what only its searcher for secrets wants to see.
pub(crate) fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_else(|error| format!("the log cannot be read: {error}"));
    let lines: Vec<_> = text.lines().filter(|line| !line.contains(" DEBUG ")).rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
