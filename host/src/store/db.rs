//! One set of statements for two databases: SQLite in one process, Postgres for many.
//!
//! A statement is written once; where the two differ, `sql!` makes a text for each. A write is a closure that runs
//! inside a transaction: on SQLite in the thread of the one writer, which commits whatever waits in one group, on
//! Postgres in a transaction of its own.

pub(super) mod disk;
pub(super) mod postgres;
pub(super) mod rows;
pub(super) mod sqlite;
mod table;
mod text;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row as _};

use super::health::Health;
use disk::Room;
use postgres::PostgresDb;
use rows::Rows;
use sqlite::SqliteDb;

pub(super) use text::{Sql, sql, sql_text, table_text};

/// Why the database could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    #[error("a stored value cannot be read: {0}")]
    Decode(String),
    /// A row that has to be there is not.
    #[error("a row is missing in the database")]
    Missing,
    /// Nothing of the group is stored.
    #[error("a group of writes could not be committed: {0}")]
    Commit(String),
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn decode(error: impl std::fmt::Display) -> Self {
        Self::Decode(error.to_string())
    }

    /// Whether the database could not be reached or cannot do its work at all, so that asking it for something else would
    /// fare no better.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Sqlite(error) => sqlite::is_away(error),
            Self::Postgres(error) => postgres::is_away(error),
            Self::Commit(_) => true,
            Self::Decode(_) | Self::Missing | Self::Closed => false,
        }
    }
}

/// Whether the database's absence is behind an error: then it was said already, and will be over by itself.
pub fn is_away(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>()).any(StoreError::is_away)
}

/// What a function of the store returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A value that a statement is given.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
    Rows(Rows),
}

macro_rules! args {
    ($($type:ty, $value:ident => $arg:expr;)*) => {
        $(impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                $arg
            }
        })*
    };
}
args! {
    i64, value => Self::Int(Some(value));
    i32, value => Self::Int(Some(value.into()));
    u32, value => Self::Int(Some(value.into()));
    Option<i64>, value => Self::Int(value);
    &str, value => Self::Text(Some(value.to_owned()));
    String, value => Self::Text(Some(value));
    &String, value => Self::Text(Some(value.clone()));
    Option<&str>, value => Self::Text(value.map(str::to_owned));
    Option<String>, value => Self::Text(value);
    &Option<String>, value => Self::Text(value.clone());
    &[u8], value => Self::Bytes(value.to_owned());
    &Rows, value => Self::Rows(value.clone());
    Rows, value => Self::Rows(value);
}

/// Every query that was run.
#[cfg(test)]
pub(super) static RUN: std::sync::Mutex<Vec<Query>> = std::sync::Mutex::new(Vec::new());

/// A statement with its values. It owns them, so that it can be handed to another thread.
#[derive(Clone, Debug)]
pub(super) struct Query {
    sql: Sql,
    args: Vec<Arg>,
}

/// A query of this statement.
pub(super) fn query(sql: Sql) -> Query {
    Query { sql, args: Vec::new() }
}

/// What a query is run on.
pub(super) enum On<'c> {
    /// The database: a connection that reads for `fetch_…`, the writer for `execute`.
    Db(&'c Db),
    /// A connection, inside [`Db::read`] or [`Db::write`].
    Conn(&'c mut Conn),
}

impl<'c> From<&'c Db> for On<'c> {
    fn from(db: &'c Db) -> Self {
        Self::Db(db)
    }
}

impl<'c> From<&'c mut Conn> for On<'c> {
    fn from(conn: &'c mut Conn) -> Self {
        Self::Conn(conn)
    }
}

impl Query {
    /// Gives the next `$n` its value.
    pub(super) fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// How the database would go about it, a step a line.
    #[cfg(test)]
    pub(super) async fn plan(self, db: &Db) -> Result<Vec<String>> {
        let sqlite = format!("EXPLAIN QUERY PLAN {}", self.sql.sqlite).into();
        let postgres = format!("EXPLAIN (COSTS off) {}", self.sql.postgres).into();
        let explain = Self { sql: Sql { sqlite, postgres }, ..self };
        match db {
            Db::Sqlite(_) => {
                let steps: Vec<(i64, i64, i64, String)> = explain.fetch_all(db).await?;
                Ok(steps.into_iter().map(|(.., step)| step).collect())
            }
            Db::Postgres(_) => explain.fetch_all(db).await,
        }
    }

    /// Its text for a database.
    #[cfg(test)]
    pub(super) fn text(&self, db: &Db) -> &str {
        match db {
            Db::Sqlite(_) => &self.sql.sqlite,
            Db::Postgres(_) => &self.sql.postgres,
        }
    }

    /// Runs it, and says how many rows it changed.
    pub(super) fn execute<'c>(self, on: impl Into<On<'c>>) -> impl Future<Output = Result<u64>> + Send + 'c {
        let on = on.into();
        async move {
            match on {
                On::Db(db) => db.write(move |conn| Box::pin(async move { self.execute(conn).await })).await,
                On::Conn(conn) => match self.noted(conn) {
                    Conn::Sqlite(connection) => self.execute_sqlite(connection),
                    Conn::Postgres(connection) => self.execute_postgres(connection).await,
                    Conn::PostgresTx(connection) => self.execute_postgres(connection).await,
                },
            }
        }
    }

    /// Every row.
    pub(super) fn fetch_all<'c, R: FromRow>(
        self,
        on: impl Into<On<'c>>,
    ) -> impl Future<Output = Result<Vec<R>>> + Send + 'c {
        let on = on.into();
        async move {
            match on {
                On::Db(db) => db.read(move |conn| Box::pin(async move { self.fetch_all(conn).await })).await,
                On::Conn(conn) => match self.noted(conn) {
                    Conn::Sqlite(connection) => self.fetch_sqlite(connection),
                    Conn::Postgres(connection) => self.fetch_postgres(connection).await,
                    Conn::PostgresTx(connection) => self.fetch_postgres(connection).await,
                },
            }
        }
    }

    /// The first row, if there is one.
    pub(super) fn fetch_optional<'c, R: FromRow>(
        self,
        on: impl Into<On<'c>>,
    ) -> impl Future<Output = Result<Option<R>>> + Send + 'c {
        let all = self.fetch_all(on);
        async move { Ok(all.await?.into_iter().next()) }
    }

    /// The first row, which has to be there.
    pub(super) fn fetch_one<'c, R: FromRow>(
        self,
        on: impl Into<On<'c>>,
    ) -> impl Future<Output = Result<R>> + Send + 'c {
        let first = self.fetch_optional(on);
        async move { first.await?.ok_or(StoreError::Missing) }
    }

    /// Notes that it is run, for the test that reads the plans of what was run.
    fn noted<'c>(&self, conn: &'c mut Conn) -> &'c mut Conn {
        #[cfg(test)]
        RUN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(self.clone());
        conn
    }

    fn execute_sqlite(&self, connection: &rusqlite::Connection) -> Result<u64> {
        let mut statement = connection.prepare_cached(&self.sql.sqlite)?;
        self.bind_sqlite(&mut statement)?;
        Ok(statement.raw_execute()? as u64)
    }

    fn fetch_sqlite<R: FromRow>(&self, connection: &rusqlite::Connection) -> Result<Vec<R>> {
        let mut statement = connection.prepare_cached(&self.sql.sqlite)?;
        self.bind_sqlite(&mut statement)?;
        let mut rows = statement.raw_query();
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            read.push(R::from_sqlite(row)?);
        }
        Ok(read)
    }

    /// SQLite takes `$2` for a name, and numbers the names as they come.
    fn bind_sqlite(&self, statement: &mut rusqlite::Statement<'_>) -> Result<()> {
        for index in 1..=statement.parameter_count() {
            let number = statement.parameter_name(index).and_then(|name| name[1..].parse::<usize>().ok());
            let arg = number.and_then(|number| self.args.get(number - 1));
            let arg = arg.ok_or_else(|| StoreError::decode("a statement has a parameter without a value"))?;
            statement.raw_bind_parameter(index, arg)?;
        }
        Ok(())
    }

    async fn execute_postgres(self, connection: &mut PgConnection) -> Result<u64> {
        Ok(self.for_postgres().execute(connection).await?.rows_affected())
    }

    async fn fetch_postgres<R: FromRow>(self, connection: &mut PgConnection) -> Result<Vec<R>> {
        let rows = self.for_postgres().fetch_all(connection).await?;
        Ok(rows.iter().map(R::from_postgres).collect::<sqlx::Result<_>>()?)
    }

    fn for_postgres(self) -> sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments> {
        let query = match self.sql.postgres {
            Cow::Borrowed(text) => sqlx::query(text),
            Cow::Owned(text) => sqlx::query(sqlx::AssertSqlSafe(text)),
        };
        self.args.into_iter().fold(query, |query, arg| match arg {
            Arg::Int(value) => query.bind(value),
            // Its text holds no NUL; what people send may.
            Arg::Text(value) => {
                query.bind(value.map(|text| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }))
            }
            Arg::Bytes(value) => query.bind(value),
            Arg::Rows(rows) => query.bind(rows.json().to_owned()),
        })
    }
}

impl rusqlite::ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self {
            Self::Int(value) => value.map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(value) => value.as_ref().map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Rows(rows) => return Ok(table::bound(rows)),
        }))
    }
}

/// A value that a row can be made of: `i64`, `String`, bytes, and these where they may be missing.
pub(super) trait Value:
    rusqlite::types::FromSql + for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + 'static
{
}
impl Value for i64 {}
impl Value for String {}
impl Value for Vec<u8> {}
impl Value for Option<i64> {}
impl Value for Option<String> {}

/// A row of a result: one value, or a tuple of them.
pub(super) trait FromRow: Sized + Send + 'static {
    fn from_sqlite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
    fn from_postgres(row: &PgRow) -> sqlx::Result<Self>;
}

impl<V: Value> FromRow for V {
    fn from_sqlite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        row.get(0)
    }

    fn from_postgres(row: &PgRow) -> sqlx::Result<Self> {
        row.try_get(0)
    }
}

macro_rules! from_rows {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Value),+> FromRow for ($($name,)+) {
            fn from_sqlite(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(($(row.get::<_, $name>($index)?,)+))
            }

            fn from_postgres(row: &PgRow) -> sqlx::Result<Self> {
                Ok(($(row.try_get::<$name, _>($index)?,)+))
            }
        }
    };
}
from_rows!(A 0, B 1);
from_rows!(A 0, B 1, C 2);
from_rows!(A 0, B 1, C 2, D 3);
from_rows!(A 0, B 1, C 2, D 3, E 4);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
from_rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15, Q 16, S 17);

/// A connection, for as long as a closure has it.
pub(super) enum Conn {
    /// Everything here is done when it is asked for: nothing ever waits.
    Sqlite(rusqlite::Connection),
    Postgres(sqlx::pool::PoolConnection<Postgres>),
    PostgresTx(sqlx::Transaction<'static, Postgres>),
}

impl Conn {
    /// Keeps the keys in the ring that seal something, until the end of the transaction: whoever seals shares this, and
    /// whoever takes keys away has it alone. On SQLite there is one writer anyway.
    pub(super) async fn guard_keys(&mut self, alone: bool) -> Result<()> {
        if let Self::Sqlite(_) = self {
            return Ok(());
        }
        let text = if alone {
            "SELECT CAST(count(pg_advisory_xact_lock(7236)) AS bigint)"
        } else {
            "SELECT CAST(count(pg_advisory_xact_lock_shared(7236)) AS bigint)"
        };
        query(Sql::same(text.to_owned())).fetch_one::<i64>(self).await.map(drop)
    }
}

/// What a closure that works on a connection returns.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'c>>;

/// The database. Cheap to clone.
#[derive(Clone)]
pub(super) enum Db {
    Sqlite(SqliteDb),
    Postgres(PostgresDb),
}

impl Db {
    /// Reads with a connection of its own.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let done = match self {
            Self::Sqlite(db) => db.read(work).await,
            Self::Postgres(db) => db.read(work).await,
        };
        self.health().note(self, &done);
        done
    }

    /// Runs `work` in a transaction: when it returns an error, nothing of it is stored. Returns after the commit.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let done = match self {
            Self::Sqlite(db) => db.write(work).await,
            Self::Postgres(db) => db.write(work).await,
        };
        self.health().note(self, &done);
        done
    }

    /// The same for what a failure of the server may take back, because the service does it again: on Postgres others see
    /// it at once, and it is on disk with the next commit that somebody waits for. So nobody holds a lane's row for the
    /// length of a sync. On SQLite the whole group shares a sync anyway.
    pub(super) async fn write_unsynced<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T> + Send + 'static,
    {
        let done = match self {
            Self::Sqlite(db) => db.write(work).await,
            Self::Postgres(db) => db.write_unsynced(work).await,
        };
        self.health().note(self, &done);
        done
    }

    /// What is known of it.
    pub(super) fn health(&self) -> &Health {
        match self {
            Self::Sqlite(db) => &db.health,
            Self::Postgres(db) => &db.health,
        }
    }

    /// Whether it does its work: a transaction from beginning to end, and on SQLite one that the disk has to take.
    pub(super) async fn look(&self) -> Result<()> {
        let touch = query(sql!(on(sqlite: "PRAGMA user_version = 0", postgres: "SELECT 1")));
        match self {
            Self::Sqlite(db) => db.write(|tx| Box::pin(async move { touch.execute(tx).await.map(drop) })).await,
            Self::Postgres(db) => db.write(|tx| Box::pin(async move { touch.execute(tx).await.map(drop) })).await,
        }
    }

    /// Runs statements one after the other in a transaction, and says how many rows each changed.
    pub(super) async fn execute_all<const N: usize>(&self, queries: [Query; N]) -> Result<[u64; N]> {
        self.write(move |tx| {
            Box::pin(async move {
                let mut changed = [0; N];
                for (query, changed) in queries.into_iter().zip(&mut changed) {
                    *changed = query.execute(&mut *tx).await?;
                }
                Ok(changed)
            })
        })
        .await
    }

    /// How much room its disk has. A server looks after its own.
    pub(super) fn room(&self) -> Room {
        match self {
            Self::Sqlite(db) => db.disk.room(),
            Self::Postgres(_) => Room::Enough,
        }
    }

    /// Looks how much room there is beside the file.
    pub(super) fn measure_room(&self, reserve: u64) -> std::io::Result<()> {
        let Self::Sqlite(db) = self else { return Ok(()) };
        db.disk.set_room(Room::of(db.free_bytes()?, reserve));
        Ok(())
    }

    /// Ready when a sync has failed. A server ends by itself then, and comes back when it has read its log again.
    pub(super) async fn disk_lost(&self) {
        match self {
            Self::Sqlite(db) => db.disk.lost().await,
            Self::Postgres(_) => std::future::pending().await,
        }
    }

    /// Waits for what is under way and closes it.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }
}
