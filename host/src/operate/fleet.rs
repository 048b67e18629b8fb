//! The service as a whole: what comes in, what is due, how HubSpot answers, which accounts are in trouble.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::pulse::{Lately, Sample};
use super::system::BUILD;
use crate::app::App;
use crate::budget::WINDOW;
use crate::model::account::{Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::lane::PauseScope;
use crate::model::time::Timestamp;
use crate::picture::squares::Health;
use crate::store::{
    self, AccountStanding, AuditEntry, DatabaseRoom, DueWork, HOUSE, HourOfLeads, PortalCall, Room, Store, age,
};

/// Failures of the last day make an account one that fails.
const FAILED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// HubSpot's answers of so long tell how a portal is.
const CALLS_WITHIN: Duration = Duration::from_secs(3600);
/// What is done to the service as a whole, as its history names it, and may show in what becomes of leads.
pub const DEEDS: [&str; 6] =
    ["lanes.pause", "lanes.resume", "queue.pause", "read-only.delete", "read-only.set", "system.read-only"];
/// Deeds that are told, the newest of their time: of more nobody would read the marks.
const DEEDS_MAX: u32 = 100;
/// Portals that a report names.
const PORTALS_MAX: usize = 50;
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
    /// How HubSpot answered in the last hour, portal by portal, those with most 429s and then the slowest first.
    pub portals: Vec<PortalHealth>,
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

/// How HubSpot answered for one portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PortalHealth {
    /// The account's slug.
    pub account: String,
    pub portal_id: i64,
    pub calls: u64,
    /// Calls that HubSpot answered with 429.
    pub too_many: u64,
    /// Calls that had no answer, or one of 500 and more.
    pub failed: u64,
    pub p50_ms: u64,
    pub p95_ms: u64,
    /// The most of our calls that came together within ten seconds.
    pub fullest_window: u64,
    /// Calls that HubSpot takes within ten seconds, as far as it told us.
    pub window_limit: u32,
}

/// Retries that are due in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HourOfRetries {
    pub hour: Timestamp,
    pub retries: u64,
}

/// The leads of a time, of all accounts together.
#[derive(Clone, Debug)]
pub struct LeadsOfAll {
    /// Those that are known, the oldest first.
    pub hours: Vec<HourOfLeads>,
    /// So many leads came since then that their hours are added up later.
    pub known_until: Timestamp,
    /// What was done to the service as a whole meanwhile.
    pub history: Vec<AuditEntry>,
}

/// Gathers the leads of a time, of all accounts together.
///
/// # Errors
/// The store's.
pub async fn leads_of_all(store: &Store, (from, until): (Timestamp, Timestamp)) -> store::Result<LeadsOfAll> {
    let house = AccountId::stored(HOUSE.to_owned());
    let ((hours, known_until), history) =
        tokio::try_join!(store.hours_of_all(from, until), store.audit_of(&house, &DEEDS, (from, until), DEEDS_MAX))?;
    Ok(LeadsOfAll { hours, known_until, history })
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
        portals: by_portal(store.calls_by_portal(now - CALLS_WITHIN).await?),
        planned_retries: retries.into_iter().map(|(hour, retries)| HourOfRetries { hour, retries }).collect(),
        is_paused: pauses.iter().any(|(scope, _)| *scope == PauseScope::All),
        all,
    })
}

/// The figures of each portal, what is worst first.
fn by_portal(calls: Vec<PortalCall>) -> Vec<PortalHealth> {
    let mut portals: BTreeMap<(String, i64), Vec<PortalCall>> = BTreeMap::new();
    for call in calls {
        portals.entry((call.account.clone(), call.portal_id)).or_default().push(call);
    }
    let mut healths: Vec<_> = portals.into_iter().map(|((account, id), calls)| portal(account, id, &calls)).collect();
    healths.sort_by_key(|portal| std::cmp::Reverse((portal.too_many, portal.p95_ms)));
    healths.truncate(PORTALS_MAX);
    healths
}

fn portal(account: String, portal_id: i64, calls: &[PortalCall]) -> PortalHealth {
    let mut millis: Vec<_> = calls.iter().map(|call| call.millis).collect();
    millis.sort_unstable();
    let percentile = |percent: usize| millis.get((millis.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    let count = |fits: fn(&PortalCall) -> bool| calls.iter().filter(|call| fits(call)).count() as u64;
    PortalHealth {
        account,
        portal_id,
        calls: calls.len() as u64,
        too_many: count(|call| call.status == Some(429)),
        failed: count(|call| call.status.is_none_or(|status| status >= 500)),
        p50_ms: percentile(50).unwrap_or(0),
        p95_ms: percentile(95).unwrap_or(0),
        fullest_window: fullest_window(calls.iter().map(|call| call.started_at).collect()),
        window_limit: calls.first().map_or(0, |call| call.limit),
    }
}

/// The most calls of any window of HubSpot's limit.
fn fullest_window(mut calls: Vec<Timestamp>) -> u64 {
    calls.sort_unstable();
    let mut first = 0;
    let within = |(last, at): (usize, &Timestamp)| {
        while calls[first] + WINDOW <= *at {
            first += 1;
        }
        last + 1 - first
    };
    calls.iter().enumerate().map(within).max().unwrap_or(0) as u64
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
    fn a_portal_is_told_by_its_429s_and_its_slowest_answers() {
        let call = |account: &str, status, millis| PortalCall {
            account: account.to_owned(),
            portal_id: 7,
            status,
            started_at: Timestamp(0),
            millis,
            limit: 110,
        };
        let mut calls: Vec<_> = (1..=100).map(|millis| call("calm", Some(200), millis)).collect();
        calls.extend([call("busy", Some(429), 5), call("busy", None, 10_000), call("busy", Some(503), 7)]);
        let told: Vec<_> = by_portal(calls)
            .into_iter()
            .map(|one| (one.account, one.calls, one.too_many, one.failed, one.p50_ms, one.p95_ms))
            .collect();
        assert_eq!(told, [("busy".to_owned(), 3, 1, 2, 7, 10_000), ("calm".to_owned(), 100, 0, 0, 50, 95)]);
        assert!(by_portal(Vec::new()).is_empty());
    }

    #[test]
    fn the_fullest_window_is_the_one_with_most_calls_wherever_it_begins() {
        for (seconds, most) in [
            (vec![], 0),
            (vec![5], 1),
            (vec![0, 10], 1),
            (vec![0, 9, 10], 2),
            (vec![30, 0, 5, 9, 12, 14, 31], 4),
            (vec![7; 40], 40),
        ] {
            let calls = seconds.iter().map(|second: &i64| Timestamp(second * 1000)).collect();
            assert_eq!(fullest_window(calls), most, "{seconds:?}");
        }
    }

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
