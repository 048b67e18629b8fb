//! All SQL, by intent. One database is the truth and the hand-over between the steps of the flow.
//!
//! A batch statement takes one JSON text, an array of flat objects, which `rows!` turns into a table. The account
//! stands in every row and every join, so that each statement uses the full key.

mod accounts;
mod calls;
mod causes;
mod connections;
mod consents;
mod deliveries;
mod dropped;
mod endings;
mod events;
mod issues;
mod keys;
mod lanes;
mod plans;
mod rejected;
mod schemas;
mod tokens;
mod transformations;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use crate::seal::KeyRing;

pub use accounts::{CreateAccount, NewSource, SigningSource};
pub use calls::{AnsweredCall, NewCall, OpenCall, ShownCall};
pub use connections::{Connect, NewConnection};
pub use consents::{Consent, NewTicket, Ticket};
pub use deliveries::{Attempt, Settlement};
pub use dropped::DroppedValue;
pub use endings::{Waiting, WaitingLeads};
pub use events::{EventFilter, RunLog, ShownDelivery, ShownEvent};
pub use issues::Issue;
pub use keys::Resealed;
pub use lanes::LaneState;
pub use plans::{Decision, PlannedEvent, ReceivedEvent, RunFigures};
pub use rejected::Rejection;
pub use schemas::CachedSchema;
pub use tokens::{Credentials, NewTokens};
pub use transformations::{Bound, HOUSE, NewVersion};

/// Readers beside the one writer. They never wait for it, nor it for them.
const READERS: u32 = 4;
/// How long a command of another process may hold the file before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A number of virtual shards that no installation outgrows.
const SHARDS: u64 = 4096;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

/// The rows of the JSON array in a parameter, as a table with these columns.
macro_rules! rows {
    ($param:literal; $first:ident $(, $name:ident)*) => {
        concat!(
            "(SELECT value->>'", stringify!($first), "' AS ", stringify!($first),
            $(", value->>'", stringify!($name), "' AS ", stringify!($name),)*
            " FROM json_each(", $param, "))"
        )
    };
}
use rows;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    keys: std::sync::Arc<KeyRing>,
    schemas: std::sync::Arc<schemas::ParsedSchemas>,
}

impl Store {
    /// Opens the SQLite file, makes it where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not as durable as an acknowledgement promises.
    pub async fn open(file: &Path, keys: KeyRing) -> anyhow::Result<Self> {
        // The busy timeout has to come before the journal mode, which takes a lock; sqlx sets it first.
        let options = SqliteConnectOptions::from_str("sqlite:")?
            .filename(file)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "memory")
            .pragma("mmap_size", "268435456")
            .statement_cache_capacity(200);
        let opened = || format!("cannot open the database {}", file.display());
        let writer =
            SqlitePoolOptions::new().max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
        let writer = writer.connect_with(options.clone()).await.with_context(opened)?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).idle_timeout(None).max_lifetime(None);
        let readers = readers.connect_with(options.read_only(true)).await.with_context(opened)?;
        MIGRATIONS.run(&writer).await.context("cannot bring the database up to date")?;
        let store = Self { writer, readers, keys: keys.into(), schemas: Default::default() };
        store.assert_durable().await?;
        Ok(store)
    }

    /// Some builds default to a mode that loses acknowledged events when the power fails.
    async fn assert_durable(&self) -> anyhow::Result<()> {
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&self.writer).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&self.writer).await?;
        if mode != "wal" || synchronous != 2 {
            bail!(
                "the database is in journal mode `{mode}` with synchronous {synchronous}; it has to be `wal` with 2 (FULL)"
            );
        }
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The database's own.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map(drop)
    }

    /// Waits for what is under way and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A write transaction. It takes the lock at once: a deferred one that upgrades fails, whatever the timeout.
    async fn begin(&self) -> sqlx::Result<Transaction<'_, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

/// The parameter of a batch statement.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our own rows and values are JSON")
}

/// A JSON column as its value.
fn parse<T: DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// A word column as its enum.
fn word<T: DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text))
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Which of the virtual shards an account is in.
fn shard(account: &crate::model::id::AccountId) -> i64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(account.as_str().as_bytes());
    let first = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    i64::try_from(first % SHARDS).expect("4095 at most")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_every_round_reads_by_key_and_no_whole_table() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyRing::open_file(&folder.path().join("keys")).unwrap();
        let store = Store::open(&folder.path().join("leadline.db"), keys).await.unwrap();
        let rows = [
            (calls::OPEN_CALLS, "c USING INDEX calls_open (account_id=? AND lane_id=?)"),
            (calls::RECENT_CALLS, "calls USING INDEX sqlite_autoindex_calls_1 (account_id=? AND id>?)"),
            (calls::CALLS_OF, "calls USING INDEX sqlite_autoindex_calls_1 (account_id=? AND id>? AND id<?)"),
            (deliveries::DUE, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
            (plans::RECEIVED, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
        ];
        for (statement, expected) in rows {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                    .fetch_all(&store.readers)
                    .await
                    .unwrap();
            let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
            assert!(plan.iter().any(|step| step.contains(expected)), "{statement}\n{plan:#?}");
            let whole = |step: &&String| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE");
            assert_eq!(plan.iter().find(whole), None, "{statement}\n{plan:#?}");
        }
    }
}
