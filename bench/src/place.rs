//! Where a run keeps its data: a folder of its own, and on Postgres a server of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context as _;
use clap::ValueEnum;
use leadline::config::Config;
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::disk::{self, Disk};
use crate::meter::Usage;

/// Starts a server for a command.
const WITH_POSTGRES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/with-postgres");

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

pub(crate) struct Place {
    // Ends before what it stands on.
    server: Option<Server>,
    pub(crate) disk: Disk,
    folder: TempDir,
}

/// A Postgres server for one run, which ends with it.
struct Server {
    script: Child,
    url: String,
    process: u32,
    /// The script waits until this is closed.
    hold: Option<ChildStdin>,
}

/// What a Postgres database says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) changed: f64,
    pub(crate) wal_bytes: f64,
    pub(crate) transactions: f64,
}

impl Place {
    pub(crate) fn make(database: Database, sync_delay_micros: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        disk::open_to_all(folder.path())?;
        let disk = Disk::with_delay(sync_delay_micros)?;
        let server = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(Server::start(&disk, &folder)?),
        };
        Ok(Self { server, disk, folder })
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Address of the Postgres database, if it is one.
    pub(crate) fn url(&self) -> Option<&str> {
        self.server.as_ref().map(|server| server.url.as_str())
    }

    pub(crate) fn config(&self, hubspot_url: String) -> Config {
        let database = self.url().map(str::to_owned);
        Config { database, log: "error".to_owned(), ..Config::on(self.data(), hubspot_url) }
    }

    /// What the database's own processes have used; nothing where it is part of the service.
    pub(crate) fn server_usage(&self) -> anyhow::Result<Option<Usage>> {
        self.server.as_ref().map(|server| Usage::of_family(server.process)).transpose()
    }

    /// Runs a statement beside the service, when it is not at work.
    pub(crate) async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        match self.url() {
            Some(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                sqlx::query(statement).execute(&mut connection).await?;
                connection.close().await?;
            }
            None => {
                let mut connection = self.open_file().await?;
                sqlx::query(statement).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// The columns of a table.
    pub(crate) async fn columns(&self, table: &str) -> anyhow::Result<Vec<String>> {
        Ok(match self.url() {
            Some(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                let text = "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1";
                sqlx::query_scalar(text).bind(table).fetch_all(&mut connection).await?
            }
            None => {
                let mut connection = self.open_file().await?;
                sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                    .bind(table)
                    .fetch_all(&mut connection)
                    .await?
            }
        })
    }

    /// What a Postgres database has counted. It hears of it when a connection ends, so ask when the service has ended.
    pub(crate) async fn rows(&self) -> anyhow::Result<Option<Rows>> {
        let Some(url) = self.url() else { return Ok(None) };
        let mut connection = sqlx::PgConnection::connect(url).await?;
        let (changed, transactions, wal_bytes): (i64, i64, i64) = sqlx::query_as(
            "SELECT tup_inserted + tup_updated + tup_deleted, xact_commit, (pg_current_wal_lsn() - '0/0')::bigint
             FROM pg_stat_database WHERE datname = current_database()",
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        let [changed, transactions, wal_bytes] = [changed, transactions, wal_bytes].map(|count| count as f64);
        Ok(Some(Rows { changed, wal_bytes, transactions }))
    }

    async fn open_file(&self) -> anyhow::Result<sqlx::SqliteConnection> {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.data().join("leadline.db"));
        Ok(sqlx::SqliteConnection::connect_with(&options).await?)
    }
}

impl Server {
    fn start(disk: &Disk, folder: &TempDir) -> anyhow::Result<Self> {
        let mut command = Command::new(WITH_POSTGRES);
        command
            .args(["sh", "-c", r#"echo "$LEADLINE_TEST_POSTGRES $LEADLINE_TEST_POSTGRES_PID"; read -r end || :"#])
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        disk.put_under(&mut command, folder.path());
        let mut script = command.spawn().with_context(|| format!("cannot start {WITH_POSTGRES}"))?;
        let hold = script.stdin.take();
        let out = script.stdout.take().context("the script has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let (url, process) = line.trim().split_once(' ').context("the Postgres server did not start")?;
        Ok(Self { url: url.to_owned(), process: process.parse()?, script, hold })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.hold.take());
        // It ends the server and removes its files; when it cannot be waited for, it is gone already.
        self.script.wait().ok();
    }
}
