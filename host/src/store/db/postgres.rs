//! Postgres: any number of processes on one database.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::crash::crash_point;

use super::{Conn, Health, Result, Work};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/postgres");

/// Connections of one process: enough for its planners, deliverers and requests, and few enough for many processes
/// to share a server that allows a hundred.
const CONNECTIONS: u32 = 16;
/// How long work waits for a connection before it gives up.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// What every connection is told. Queue statements go by key: a plan that reads a whole table may look cheap while
/// the table is small, and is kept when it no longer is.
const SETTINGS: [(&str, &str); 8] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("synchronous_commit", "on"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct PostgresDb {
    pool: PgPool,
    pub(super) health: Health,
}

impl PostgresDb {
    /// Connects, and brings the tables up to date; of several processes that start at once one does so, and the others
    /// wait for it.
    ///
    /// # Errors
    /// When the server cannot be reached, or is not as durable as an acknowledgement promises.
    pub(in crate::store) async fn open(url: &SecretString) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("the address of the database is no `postgres://user@host/database`"))?
            .application_name("leadline")
            .statement_cache_capacity(500);
        let place = format!("{}:{}", options.get_host(), options.get_port());
        // Migrations may take longer than a statement of the service may.
        let migrating = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECTION_WAIT);
        let migrating = migrating.connect_with(options.clone()).await;
        let migrating = migrating.with_context(|| format!("cannot reach the database at {place}"))?;
        MIGRATIONS.run(&migrating).await.context("cannot bring the database up to date")?;
        assert_durable(&migrating).await?;
        migrating.close().await;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECTION_WAIT);
        let pool = pool.connect_with(options.options(SETTINGS)).await;
        let pool = pool.with_context(|| format!("cannot reach the database at {place}"))?;
        Ok(Self { pool, health: Health::default() })
    }

    pub(super) async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let mut conn = Conn::Postgres(self.pool.acquire().await?);
        work(&mut conn).await
    }

    pub(super) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        commit(self.pool.begin().await?, work).await
    }

    /// A write whose commit does not wait for the disk. A crash of the server loses the last of these, and never one that
    /// a later [`Self::write`] has followed.
    pub(super) async fn write_unsynced<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        commit(self.pool.begin_with("BEGIN; SET LOCAL synchronous_commit = off").await?, work).await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Runs work in a transaction, and commits it.
async fn commit<T, W>(transaction: sqlx::Transaction<'static, sqlx::Postgres>, work: W) -> Result<T>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
{
    let mut conn = Conn::PostgresTx(transaction);
    let done = work(&mut conn).await;
    let Conn::PostgresTx(transaction) = conn else { unreachable!("it was made above") };
    match done {
        Ok(done) => {
            crash_point!("CP3");
            transaction.commit().await?;
            Ok(done)
        }
        Err(error) => {
            // Where this fails too, the server ends the transaction with the connection.
            drop(transaction.rollback().await);
            Err(error)
        }
    }
}

/// Whether the server cannot be reached, ends, begins, or serves nobody for want of something.
pub(super) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => true,
        // Classes of codes: connection, resources, intervention of an operator but for a cancelled statement, system, and
        // a server that only reads.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) || code == "25006"
        }),
        _ => false,
    }
}

async fn assert_durable(pool: &PgPool) -> anyhow::Result<()> {
    for (name, wanted) in [("fsync", "on"), ("full_page_writes", "on"), ("server_encoding", "UTF8")] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(pool).await?;
        if value != wanted {
            bail!("the database has {name} = {value}; it has to be {wanted}, or acknowledged events can be lost");
        }
    }
    Ok(())
}
