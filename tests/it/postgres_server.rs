//! A Postgres server of a test's own, which may be stopped and restarted under the service: made with the installed
//! programs, in a folder that is gone afterwards.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sqlx::Connection as _;
use tempfile::TempDir;

/// A running server.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Server {
    /// Starts one, where these tests are run on Postgres at all. `make test` runs them a second time for that, and
    /// installs the programs before.
    pub(crate) fn start() -> Option<Self> {
        if std::env::var_os("LEADLINE_TEST_POSTGRES").is_none() {
            eprintln_skipped();
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs: programs(), folder, port };
        if let Some((user, group)) = other_user() {
            std::os::unix::fs::chown(server.folder.path(), Some(user), Some(group)).unwrap();
        }
        server.run(
            "initdb",
            &["--pgdata=data", "--username=leadline", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
        );
        server.go_on();
        Some(server)
    }

    /// The address of its one database.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// Ends it as a crash does, and starts it again.
    pub(crate) fn restart_at_once(&self) {
        self.stop_at_once();
        self.go_on();
    }

    /// Ends it as a crash does.
    pub(crate) fn stop_at_once(&self) {
        self.run("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
    }

    /// Starts it.
    pub(crate) fn go_on(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=100",
            self.port
        );
        self.run("pg_ctl", &["-D", "data", "-l", "log", "-w", "-o", &options, "start"]);
    }

    /// A connection of somebody else.
    pub(crate) async fn connection(&self) -> sqlx::PgConnection {
        sqlx::PgConnection::connect(&self.url()).await.unwrap()
    }

    fn run(&self, program: &str, args: &[&str]) {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(self.programs.join(program));
        command.args(args).current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = other_user() {
            command.uid(user).gid(group);
        }
        // The server that `pg_ctl` leaves behind would keep a pipe open.
        let out = std::fs::File::options().create(true).append(true).open(self.folder.path().join("out")).unwrap();
        let status = command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).status().unwrap();
        let said = || std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        assert!(status.success(), "{program} failed: {}", said());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop_at_once();
            return;
        }
        // A failed test may have left it stopped.
        let pid = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        if pid.is_ok() {
            self.stop_at_once();
        }
    }
}

/// The address of a database at a port.
pub(crate) fn url(port: u16) -> String {
    format!("postgres://leadline@127.0.0.1:{port}/postgres")
}

#[expect(clippy::print_stderr, reason = "nextest shows what a test says")]
fn eprintln_skipped() {
    eprintln!("skipped: LEADLINE_TEST_POSTGRES is not set; `make postgres` runs this test");
}

/// The newest installed programs.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = installed.map(|entry| entry.unwrap().path().join("bin")).collect();
    found.sort();
    found.extend(Some(PathBuf::from("/usr/local/pgsql/bin")).filter(|path| path.exists()));
    found.pop().expect("PostgreSQL's programs are missing; install the package `postgresql`")
}

/// PostgreSQL refuses to run as root.
fn other_user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> Option<u32> {
        let out = Command::new("id").args(args).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}
