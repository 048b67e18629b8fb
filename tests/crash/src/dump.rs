//! The record of the store, by plain SQL on a connection of its own, for SQLite and Postgres alike. It shares no code
//! with the store: what a column means stands in the migrations.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::any::{AnyConnectOptions, AnyRow};
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::portal::request_hash;

/// Where the database is.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Everything of the store that the oracle looks at.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    pub events: Vec<Event>,
    pub deliveries: Vec<Delivery>,
    /// Delivery and plan.
    pub plans: Vec<(String, String)>,
    pub calls: Vec<StoredCall>,
    pub attempts: Vec<Attempt>,
    pub lanes: Vec<Lane>,
    /// What is open: the lane, and the moment at which it is due.
    pub work: Vec<(String, i64)>,
    /// What waits for a person.
    pub held: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Event {
    pub account_id: String,
    pub id: String,
    pub source_id: String,
    pub sender_id: String,
    pub state: String,
    pub body: String,
}

#[derive(Clone, Debug, Default)]
pub struct Delivery {
    pub id: String,
    pub event_id: String,
    pub lane_id: String,
    pub state: String,
    pub attempts: i64,
    /// The id of the record of each action, where it has one.
    pub records: Vec<Option<String>>,
}

#[derive(Clone, Debug, Default)]
pub struct StoredCall {
    pub id: String,
    pub lane_id: String,
    pub epoch: i64,
    pub request: u64,
    pub started_at: i64,
    pub status: Option<i64>,
    pub correlation_id: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Attempt {
    pub delivery_id: String,
    pub number: i64,
    pub at: i64,
    pub class: String,
    /// Why, as a word.
    pub code: String,
    pub next_at: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    pub id: String,
    pub kind: String,
    pub epoch: i64,
    pub next_due: i64,
    pub paused_until: i64,
    pub lease_until: i64,
}

impl Database {
    pub(crate) fn new(url: Option<&str>, data: &Path) -> Self {
        match url {
            Some(url) => Self::Postgres(url.to_owned()),
            None => Self::Sqlite(data.join("leadline.db")),
        }
    }

    async fn connect(&self) -> anyhow::Result<AnyConnection> {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite(file) => format!("sqlite://{}?mode=ro", file.display()),
            Self::Postgres(url) => url.clone(),
        };
        let options: AnyConnectOptions = url.parse()?;
        AnyConnection::connect_with(&options).await.context("the oracle cannot open the database")
    }

    /// Refuses a database that somebody uses.
    pub(crate) async fn assert_empty(&self) -> anyhow::Result<()> {
        let Self::Postgres(url) = self else { return Ok(()) };
        let mut connection = self.connect().await?;
        let tables = self.read(&mut connection, TABLES, |row| Ok(row.try_get::<String, _>(0)?)).await?;
        connection.close().await?;
        anyhow::ensure!(tables.is_empty(), "the database {url} is not empty; a campaign takes one of its own");
        Ok(())
    }

    /// Takes everything out again. A file goes with its folder.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        if let Self::Postgres(_) = self {
            let mut connection = self.connect().await?;
            for statement in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"] {
                sqlx::query(statement).execute(&mut connection).await?;
            }
            connection.close().await?;
        }
        Ok(())
    }

    /// Reads all of it. Nobody may write meanwhile.
    ///
    /// # Errors
    /// When a statement fails: the oracle does not fit the tables any more.
    pub(crate) async fn dump(&self) -> anyhow::Result<Dump> {
        let mut connection = self.connect().await?;
        let dump = Dump {
            events: self.read(&mut connection, EVENTS, event).await?,
            deliveries: self.read(&mut connection, DELIVERIES, delivery).await?,
            plans: self.read(&mut connection, PLANS, |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?,
            calls: self.read(&mut connection, CALLS, call).await?,
            attempts: self.read(&mut connection, ATTEMPTS, attempt).await?,
            lanes: self.read(&mut connection, LANES, lane).await?,
            work: self.read(&mut connection, WORK, |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?,
            held: self.read(&mut connection, HELD, |row| Ok(row.try_get(0)?)).await?,
        };
        connection.close().await?;
        Ok(dump)
    }

    /// The events alone: little enough to be read after every cycle.
    pub(crate) async fn events(&self) -> anyhow::Result<Vec<Event>> {
        let mut connection = self.connect().await?;
        let events = self.read(&mut connection, EVENTS, event).await?;
        connection.close().await?;
        Ok(events)
    }

    /// What is open, and the lanes that it waits in.
    pub(crate) async fn open(&self) -> anyhow::Result<(Vec<(String, i64)>, Vec<Lane>)> {
        let mut connection = self.connect().await?;
        let work = self.read(&mut connection, WORK, |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?;
        let lanes = self.read(&mut connection, LANES, lane).await?;
        connection.close().await?;
        Ok((work, lanes))
    }

    async fn read<T>(
        &self,
        connection: &mut AnyConnection,
        statement: &'static str,
        make: impl Fn(&AnyRow) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let rows = sqlx::query(statement).fetch_all(connection).await;
        let rows = rows.with_context(|| format!("the oracle cannot read the store: {statement}"))?;
        rows.iter()
            .map(make)
            .collect::<anyhow::Result<_>>()
            .with_context(|| format!("the oracle misreads: {statement}"))
    }

    /// The bytes of everything that is stored, for a search of what must not be there.
    pub(crate) async fn bytes(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        match self {
            Self::Sqlite(file) => {
                let mut places = Vec::new();
                for ending in ["", "-wal"] {
                    let path = PathBuf::from(format!("{}{ending}", file.display()));
                    if path.exists() {
                        places.push((path.display().to_string(), std::fs::read(&path)?));
                    }
                }
                Ok(places)
            }
            Self::Postgres(_) => {
                let mut connection = self.connect().await?;
                let mut places = Vec::new();
                let tables = self.read(&mut connection, TABLES, |row| Ok(row.try_get::<String, _>(0)?)).await?;
                for table in tables {
                    let statement = format!("SELECT CAST(t AS text) FROM {table} AS t");
                    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_all(&mut connection).await?;
                    let texts: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
                    places.push((format!("the table {table}"), texts.join("\n").into_bytes()));
                }
                connection.close().await?;
                Ok(places)
            }
        }
    }
}

const EVENTS: &str = "SELECT e.account_id, e.id, e.source_id, e.sender_id, e.state, b.body
    FROM events AS e LEFT JOIN event_bodies AS b ON b.event_id = e.id AND b.account_id = e.account_id ORDER BY e.id";
const DELIVERIES: &str = "SELECT id, event_id, connection_id, state, attempts, outcome FROM deliveries ORDER BY id";
const PLANS: &str = "SELECT delivery_id, plan FROM plans ORDER BY delivery_id";
const CALLS: &str = "SELECT c.id, c.lane_id, c.epoch, q.request, c.started_at, a.status, a.correlation_id
    FROM calls AS c JOIN call_requests AS q ON q.call_id = c.id AND q.account_id = c.account_id
    LEFT JOIN call_answers AS a ON a.call_id = c.id AND a.account_id = c.account_id ORDER BY c.id";
const ATTEMPTS: &str =
    "SELECT delivery_id, number, at, class, problem, next_at FROM attempts ORDER BY delivery_id, number";
const LANES: &str = "SELECT id, kind, epoch, next_due, paused_until, lease_until FROM lanes ORDER BY id";
const WORK: &str = "SELECT lane_id, due_at FROM work ORDER BY lane_id, due_at";
const HELD: &str = "SELECT item_id FROM held ORDER BY item_id";
const TABLES: &str = "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";

fn event(row: &AnyRow) -> anyhow::Result<Event> {
    Ok(Event {
        account_id: row.try_get(0)?,
        id: row.try_get(1)?,
        source_id: row.try_get(2)?,
        sender_id: row.try_get(3)?,
        state: row.try_get(4)?,
        body: row.try_get::<Option<String>, _>(5)?.unwrap_or_default(),
    })
}

fn delivery(row: &AnyRow) -> anyhow::Result<Delivery> {
    let outcome: Value = json(row, 5)?;
    let actions = outcome["actions"].as_array().context("an outcome lists its actions")?;
    Ok(Delivery {
        id: row.try_get(0)?,
        event_id: row.try_get(1)?,
        lane_id: row.try_get(2)?,
        state: row.try_get(3)?,
        attempts: row.try_get(4)?,
        records: actions.iter().map(|action| action["record"]["id"].as_str().map(str::to_owned)).collect(),
    })
}

fn call(row: &AnyRow) -> anyhow::Result<StoredCall> {
    let request: Value = json(row, 3)?;
    let part = |name: &str| request[name].as_str().unwrap_or_default();
    Ok(StoredCall {
        id: row.try_get(0)?,
        lane_id: row.try_get(1)?,
        epoch: row.try_get(2)?,
        request: request_hash(part("method"), part("path"), &request["body"]),
        started_at: row.try_get(4)?,
        status: row.try_get(5)?,
        correlation_id: row.try_get(6)?,
    })
}

fn attempt(row: &AnyRow) -> anyhow::Result<Attempt> {
    let problem: Value = json(row, 4)?;
    Ok(Attempt {
        delivery_id: row.try_get(0)?,
        number: row.try_get(1)?,
        at: row.try_get(2)?,
        class: row.try_get(3)?,
        code: problem["code"].as_str().unwrap_or_default().to_owned(),
        next_at: row.try_get(5)?,
    })
}

fn lane(row: &AnyRow) -> anyhow::Result<Lane> {
    Ok(Lane {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        epoch: row.try_get(2)?,
        next_due: row.try_get(3)?,
        paused_until: row.try_get(4)?,
        lease_until: row.try_get(5)?,
    })
}

fn json(row: &AnyRow, column: usize) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&row.try_get::<String, _>(column)?)?)
}
