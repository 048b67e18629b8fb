//! The service as a whole: what comes in, what is due, how HubSpot answers, which accounts are in trouble.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::pulse::{Lately, Sample};
use super::system::BUILD;
use crate::app::App;
use crate::model::account::{Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::lane::PauseScope;
use crate::model::time::Timestamp;
use crate::picture::squares::Health;
use crate::store::{AccountStanding, DatabaseRoom, DueWork, Room, Store, age};

/// Failures of the last day make an account one that fails.
const FAILED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Accounts in trouble that a report names.
const TROUBLED_MAX: usize = 200;

/// How the service is.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Fleet {
    pub build: &'static str,
    /// The database answered when it was last asked.
    pub database_answers: bool,
    pub database: DatabaseRoom,
    /// Whether the disk has room for new leads: `enough`, `short` or `reserve`.
    pub room: &'static str,
    /// How the clock disagrees with the database's.
    pub clock: Option<String>,
    pub due: [DueWork; 2],
    /// How long the delivery has waited that has been due longest, in seconds.
    pub oldest_due_seconds: u64,
    /// Calls to HubSpot that are under way; 1001 stands for more.
    pub open_calls: i64,
    /// What this process did in the last minutes; none where nothing is counted, such as on the command line.
    pub lately: Option<Lately>,
    pub accounts: AccountsByHealth,
    /// Accounts that fail or wait for somebody, the worst first.
    pub troubled: Vec<AccountHealth>,
    /// Retries that are planned, by the hour in which they are due.
    pub planned_retries: Vec<HourOfRetries>,
    /// Somebody paused everything.
    pub is_paused: bool,
    /// All accounts, for the picture.
    #[serde(skip)]
    pub all: Vec<AccountHealth>,
}

/// Accounts, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AccountsByHealth {
    pub failing: u64,
    pub waiting: u64,
    pub well: u64,
    /// Paused, or not connected.
    pub quiet: u64,
}

/// How an account is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AccountHealth {
    pub slug: String,
    pub name: String,
    #[schema(value_type = String, example = "waiting")]
    pub health: Health,
    pub open_issues: i64,
}

/// Retries that are due in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HourOfRetries {
    pub hour: Timestamp,
    pub retries: u64,
}

/// Gathers it in a process that serves.
///
/// # Errors
/// When the store fails.
pub async fn of_service(app: &App, now: Timestamp) -> anyhow::Result<Fleet> {
    let fleet = of_store(&app.store, now).await?;
    let lately = app.metrics.as_ref().map(|metrics| {
        let sample = Sample::of(&metrics.render(), oldest(&fleet.due, now), now);
        app.pulse.lately(&sample, app.started_at)
    });
    Ok(Fleet { lately, clock: app.clock_watch.disagreement(), ..fleet })
}

/// Gathers what the store knows, which is the same for every process.
///
/// # Errors
/// When it fails.
pub async fn of_store(store: &Store, now: Timestamp) -> anyhow::Result<Fleet> {
    let due = store.due_work(now).await?;
    let pauses = store.pauses().await?;
    let connections = counting(store.connections(None).await?);
    let standings = store.account_standings(now - FAILED_WITHIN, now).await?;
    let mut all: Vec<_> = standings.into_iter().map(|standing| account(&connections, standing)).collect();
    all.sort_by_key(|account| account.health);
    let retries = store.planned_retries(now).await?;
    Ok(Fleet {
        build: BUILD,
        database_answers: store.answers(),
        database: store.database_room().await?,
        room: match store.room() {
            Room::Enough => "enough",
            Room::Short => "short",
            Room::Reserve => "reserve",
        },
        clock: None,
        oldest_due_seconds: oldest(&due, now).as_secs(),
        due,
        open_calls: store.open_calls_everywhere().await?,
        lately: None,
        accounts: by_health(&all),
        troubled: all.iter().filter(|account| account.is_troubled()).take(TROUBLED_MAX).cloned().collect(),
        planned_retries: retries.into_iter().map(|(hour, retries)| HourOfRetries { hour, retries }).collect(),
        is_paused: pauses.iter().any(|(scope, _)| *scope == PauseScope::All),
        all,
    })
}

/// How long the work has waited that has been due longest.
pub fn oldest(due: &[DueWork; 2], now: Timestamp) -> Duration {
    due.iter().map(|work| age(work.oldest_due, now)).max().unwrap_or_default()
}

/// The connections that are not over, by account.
fn counting(connections: Vec<Connection>) -> HashMap<AccountId, ConnectionState> {
    let live = connections.into_iter().filter(|connection| connection.state != ConnectionState::Disconnected);
    live.map(|connection| (connection.account_id, connection.state)).collect()
}

fn account(connections: &HashMap<AccountId, ConnectionState>, standing: AccountStanding) -> AccountHealth {
    let health = health(connections.get(&standing.id).copied(), &standing);
    AccountHealth { slug: standing.slug, name: standing.name, health, open_issues: standing.open_issues }
}

/// Failing comes first: leads that failed are lost until somebody looks.
fn health(connection: Option<ConnectionState>, standing: &AccountStanding) -> Health {
    match connection {
        _ if standing.has_failed => Health::Failing,
        Some(ConnectionState::ReconnectRequired) => Health::Waiting,
        _ if standing.is_paused => Health::Quiet,
        None | Some(ConnectionState::Disconnected | ConnectionState::Paused) => Health::Quiet,
        Some(ConnectionState::Connected) if standing.has_waiting || standing.open_issues > 0 => Health::Waiting,
        Some(ConnectionState::Connected) => Health::Well,
    }
}

impl AccountHealth {
    fn is_troubled(&self) -> bool {
        matches!(self.health, Health::Failing | Health::Waiting)
    }
}

fn by_health(all: &[AccountHealth]) -> AccountsByHealth {
    let count = |health: Health| all.iter().filter(|account| account.health == health).count() as u64;
    AccountsByHealth {
        failing: count(Health::Failing),
        waiting: count(Health::Waiting),
        well: count(Health::Well),
        quiet: count(Health::Quiet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_of_an_account_is_told_by_what_is_worst() {
        let fine = AccountStanding {
            id: AccountId::new(Timestamp(1)),
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            open_issues: 0,
            has_waiting: false,
            has_failed: false,
            is_paused: false,
        };
        let failed = AccountStanding { has_failed: true, ..fine.clone() };
        let waiting = AccountStanding { has_waiting: true, ..fine.clone() };
        let paused = AccountStanding { is_paused: true, ..waiting.clone() };
        use ConnectionState::*;
        let rows = [
            (Some(Connected), &fine, Health::Well),
            (Some(Connected), &waiting, Health::Waiting),
            (Some(Connected), &failed, Health::Failing),
            (Some(Connected), &paused, Health::Quiet),
            (Some(Paused), &waiting, Health::Quiet),
            (Some(ReconnectRequired), &fine, Health::Waiting),
            (None, &fine, Health::Quiet),
            (None, &failed, Health::Failing),
        ];
        for (connection, standing, expected) in rows {
            assert_eq!(health(connection, standing), expected, "{connection:?} {standing:?}");
        }
    }
}
