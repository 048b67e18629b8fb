//! All SQL, by intent. One database is the truth and the hand-over between the steps of the flow.
//!
//! A batch statement takes one JSON text, an array of flat objects, which `sql!` reads as a table. The account stands
//! in every row and every join, so that each statement uses the full key.

mod accounts;
mod calls;
mod causes;
mod connections;
mod consents;
mod db;
mod deliveries;
mod dropped;
mod endings;
mod events;
mod issues;
mod keys;
mod lanes;
mod plans;
mod rejected;
mod retention;
mod schemas;
mod tokens;
mod transformations;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::seal::KeyRing;

use db::postgres::PostgresDb;
use db::sqlite::SqliteDb;
use db::{Conn, Db, Query, Sql, query, sql};

pub use accounts::{CreateAccount, NewSource, SigningSource};
pub use calls::{AnsweredCall, NewCall, OpenCall, ShownCall};
pub use connections::{Connect, NewConnection};
pub use consents::{Consent, NewTicket, Ticket};
pub use db::{Result, StoreError};
pub use deliveries::{Attempt, Settlement};
pub use dropped::DroppedValue;
pub use endings::{Waiting, WaitingLeads};
pub use events::{EventFilter, RunLog, ShownDelivery, ShownEvent};
pub use issues::Issue;
pub use keys::Resealed;
pub use lanes::LaneState;
pub use plans::{Decision, PlannedEvent, ReceivedEvent, RunFigures};
pub use rejected::Rejection;
pub use retention::{Kept, Removed};
pub use schemas::CachedSchema;
pub use tokens::{Credentials, NewTokens};
pub use transformations::{Bound, HOUSE, NewVersion};

/// A number of virtual shards that no installation outgrows.
const SHARDS: u64 = 4096;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Database {
    /// An SQLite file: for one process.
    File(PathBuf),
    /// A Postgres server, as `postgres://user:password@host/database`: for many processes.
    Postgres(SecretString),
}

/// The database, as the steps of the flow use it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    keys: Arc<KeyRing>,
    schemas: Arc<schemas::ParsedSchemas>,
}

impl Store {
    /// Opens the database and brings its tables up to date. An SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is not as durable as an acknowledgement promises.
    pub async fn open(database: &Database, keys: KeyRing) -> anyhow::Result<Self> {
        let db = match database {
            Database::File(file) => Db::Sqlite(SqliteDb::open(file).await?),
            Database::Postgres(url) => Db::Postgres(PostgresDb::open(url).await?),
        };
        Ok(Self { db, keys: keys.into(), schemas: Arc::default() })
    }

    /// Whether no other process can work on this database: it is a file.
    pub fn is_for_one_process(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The database's own.
    pub async fn ping(&self) -> Result<()> {
        query(sql!("SELECT CAST(1 AS bigint)")).fetch_one::<i64>(&self.db).await.map(drop)
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// The parameter of a batch statement.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our own rows and values are JSON")
}

/// A JSON column as its value.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(StoreError::decode)
}

/// A word column as its enum.
fn word<T: DeserializeOwned>(text: &str) -> Result<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).map_err(StoreError::decode)
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
        let store = Store::open(&Database::File(folder.path().join("leadline.db")), keys).await.unwrap();
        let rows = [
            (calls::OPEN_CALLS, "c USING INDEX calls_open (account_id=? AND lane_id=?)"),
            (calls::RECENT_CALLS, "calls USING INDEX sqlite_autoindex_calls_1 (account_id=? AND id>?)"),
            (calls::CALLS_OF, "calls USING INDEX sqlite_autoindex_calls_1 (account_id=? AND id>? AND id<?)"),
            (deliveries::DUE, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
            (plans::RECEIVED, "w USING PRIMARY KEY (account_id=? AND lane_id=? AND band=? AND due_at<?)"),
        ];
        for (statement, expected) in rows {
            let explained =
                (1..=5).fold(query(Sql::same(format!("EXPLAIN QUERY PLAN {}", statement.sqlite))), |query, number| {
                    if statement.sqlite.contains(&format!("${number}")) { query.bind("") } else { query }
                });
            let plan: Vec<(i64, i64, i64, String)> = explained.fetch_all(&store.db).await.unwrap();
            let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
            assert!(plan.iter().any(|step| step.contains(expected)), "{statement:?}\n{plan:#?}");
            let whole = |step: &&String| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE");
            assert_eq!(plan.iter().find(whole), None, "{statement:?}\n{plan:#?}");
        }
    }
}
