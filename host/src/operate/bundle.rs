//! What somebody is given who helps from afar: how the service is set, how it is, what it does and what it said lately, in
//! one JSON file. No person, no secret, no token and no body of an event is in it: no part is made of what one said or wrote,
//! and what looks like an address or a secret all the same is taken out of every text at the end.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::doctor::{self, Check};
use super::fleet::{self, Fleet};
use super::guests::{self, GuestRuns, QuotaLimits};
use super::keys::{self, RingKey};
use super::lines::{self, LINES_KEPT, Level, Line};
use super::processes;
use super::system;
use crate::access::KEY_PREFIX;
use crate::app::App;
use crate::cause::Code;
use crate::config::{Config, Setting};
use crate::model::id::AccountId;
use crate::model::lane::{LaneKind, PauseScope};
use crate::model::time::Timestamp;
use crate::model::word;
use crate::store::{DatabaseRoom, EventFilter, Migration, ShownLane, ShownProcess, Store};

/// Lanes that stand in it, those that are due first.
const LANES_MAX: usize = 100;
/// Events whose states are counted: the newest ones.
const EVENTS_READ: u32 = 2_000;
/// What stands for something that was taken out.
const TAKEN_OUT: &str = "[taken out]";
/// How secrets of ours and of HubSpot begin.
const SECRETS: [&str; 4] = ["whsec_", KEY_PREFIX, "pat-", "Bearer"];

/// What is in it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Bundle {
    pub made_at: Timestamp,
    /// `service`: by a process that serves. `terminal`: by a command beside it, which knows no rates and no lines.
    pub made_by: &'static str,
    pub build: &'static str,
    /// Where the stock transformations come from.
    pub stock: &'static str,
    /// Every value with where it comes from. Secrets are said to be set, and not shown.
    pub settings: Vec<Setting>,
    pub database: DatabaseRoom,
    pub migrations: Vec<Migration>,
    pub checks: Vec<Check>,
    pub processes: Vec<ShownProcess>,
    /// What stands still because somebody said so, and since when.
    pub pauses: Vec<Paused>,
    /// Since when only operators may change something.
    pub read_only_since: Option<Timestamp>,
    pub fleet: Fleet,
    /// Lanes with open work, those that are due first.
    pub lanes: Vec<Waits>,
    pub guests: Vec<GuestRuns>,
    pub quotas: Vec<QuotaLimits>,
    pub keys: Vec<RingKey>,
    pub events: Counts,
    /// Open issues of all accounts, by their code.
    pub issues: Vec<IssueCount>,
    /// The last lines of the log, the newest first.
    pub lines: Vec<Line>,
}

/// Something that stands still.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Paused {
    pub scope: PauseScope,
    pub since: Timestamp,
}

/// What waits in a lane: without the words of HubSpot.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Waits {
    pub lane: String,
    pub account: AccountId,
    pub kind: LaneKind,
    pub firsts: i64,
    pub retries: i64,
    pub due: i64,
    pub held_by: Option<String>,
    pub rests_until: Option<Timestamp>,
    #[schema(value_type = Option<String>, example = "hubspot.rate_limited")]
    pub rests_because: Option<Code>,
    pub paused_since: Option<Timestamp>,
}

/// The newest events, counted.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// So many were looked at.
    pub read: u64,
    /// By where they stand: the delivery where they have one, else the event.
    pub by_state: BTreeMap<String, u64>,
    /// By the code of the reason, where an event has one itself.
    pub by_cause: BTreeMap<String, u64>,
}

/// Open issues with one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct IssueCount {
    #[schema(value_type = String, example = "property.missing")]
    pub code: Code,
    pub issues: u64,
    pub accounts: u64,
    /// Leads that wait under them.
    pub waiting: i64,
}

/// Gathers it in a process that serves.
///
/// # Errors
/// When the store fails.
pub async fn of_service(app: &App, now: Timestamp) -> anyhow::Result<Value> {
    let checks = doctor::of_service(app, now).await;
    let fleet = fleet::of_service(app, now).await?;
    let gathered = gather(&app.store, (app.settings.clone(), checks, fleet), now).await?;
    Ok(swept(&Bundle { made_by: "service", lines: lines::last(Level::Trace, LINES_KEPT), ..gathered }))
}

/// Gathers it beside the service: what the configuration and the database know.
///
/// # Errors
/// When the store fails.
pub async fn from_beside(
    store: &Store,
    (config, settings): (&Config, Vec<Setting>),
    reserve: u64,
    now: Timestamp,
) -> anyhow::Result<Value> {
    let checks = doctor::from_beside(config, Ok(store.clone()), reserve, now).await;
    let fleet = fleet::of_store(store, now).await?;
    Ok(swept(&gather(store, (settings, checks, fleet), now).await?))
}

async fn gather(
    store: &Store,
    (settings, checks, fleet): (Vec<Setting>, Vec<Check>, Fleet),
    now: Timestamp,
) -> anyhow::Result<Bundle> {
    let guests = guests::gather(store).await?;
    let lanes = store.lanes(None, now).await?;
    let pauses = store.pauses().await?;
    Ok(Bundle {
        made_at: now,
        made_by: "terminal",
        build: system::BUILD,
        stock: crate::stock::ORIGIN,
        settings: settings.into_iter().map(without_names).collect(),
        database: store.database_room().await?,
        migrations: store.migrations().await?,
        checks,
        processes: processes::living(store, now).await?,
        pauses: pauses.into_iter().map(|(scope, since)| Paused { scope, since }).collect(),
        read_only_since: store.read_only().await?.map(|mode| mode.since),
        fleet,
        lanes: lanes.into_iter().filter(ShownLane::is_of_note).take(LANES_MAX).map(Waits::from).collect(),
        guests: guests.versions,
        quotas: guests.quotas,
        keys: keys::ring(store, now).await?,
        events: counts(store).await?,
        issues: issues(store).await?,
        lines: Vec::new(),
    })
}

/// A setting without the name and the address of whoever writes or reads letters.
fn without_names(setting: Setting) -> Setting {
    let is_of_people = ["--mail-from", "--support-email"].contains(&setting.name.as_str());
    let value = setting.value.map(|value| if is_of_people { TAKEN_OUT.to_owned() } else { value });
    Setting { value, ..setting }
}

impl From<ShownLane> for Waits {
    fn from(lane: ShownLane) -> Self {
        let (rests_until, because) = lane.rest.unzip();
        Self {
            lane: lane.id,
            account: lane.account_id,
            kind: lane.kind,
            firsts: lane.firsts,
            retries: lane.retries,
            due: lane.due,
            held_by: lane.held.map(|(owner, _)| owner),
            rests_until,
            rests_because: because.flatten().map(|problem| problem.code),
            paused_since: lane.paused_since,
        }
    }
}

async fn counts(store: &Store) -> anyhow::Result<Counts> {
    let events = store.events(&EventFilter { limit: EVENTS_READ, ..EventFilter::default() }).await?;
    let mut counts = Counts { read: events.len() as u64, ..Counts::default() };
    for event in events {
        let state = event.delivery.as_ref().map_or_else(|| word(&event.state), word);
        *counts.by_state.entry(state).or_default() += 1;
        if let Some(reason) = event.reason {
            *counts.by_cause.entry(reason.code.as_str().to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

async fn issues(store: &Store) -> anyhow::Result<Vec<IssueCount>> {
    let mut by_code: BTreeMap<Code, (IssueCount, Vec<AccountId>)> = BTreeMap::new();
    for issue in store.issues(None).await? {
        let code = issue.problem.code;
        let none = || (IssueCount { code, issues: 0, accounts: 0, waiting: 0 }, Vec::new());
        let (count, accounts) = by_code.entry(code).or_insert_with(none);
        count.issues += 1;
        count.waiting += issue.held;
        accounts.push(issue.account_id);
    }
    let counted = |(mut count, mut accounts): (IssueCount, Vec<AccountId>)| {
        accounts.sort_unstable();
        accounts.dedup();
        count.accounts = accounts.len() as u64;
        count
    };
    Ok(by_code.into_values().map(counted).collect())
}

/// What each part is, for whoever looks before it goes out, in the order of the file.
pub const PARTS: [(&str, &str); 19] = [
    ("made_at", "when it was made"),
    ("made_by", "whether a process that serves made it, or a command beside it"),
    ("build", "which release runs"),
    ("stock", "where the stock transformations come from"),
    ("settings", "every setting with its value and its origin; secrets are said to be set, and not shown"),
    ("database", "which kind, and how much room it has"),
    ("migrations", "which changes of the tables were made"),
    ("checks", "whether the service can do its work, check by check"),
    ("processes", "which processes serve, since when, and which of them drain"),
    ("pauses", "what stands still because somebody said so"),
    ("read_only_since", "since when only operators may change something"),
    ("fleet", "what comes in, what is due, and which accounts are in trouble, by slug and name"),
    ("lanes", "what waits, by the ids of lanes and accounts"),
    ("guests", "what the newest runs of each version used"),
    ("quotas", "the classes of quota"),
    ("keys", "the ids of the keys in the ring, and how much each sealed"),
    ("events", "the newest events, counted by state and cause"),
    ("issues", "open issues, counted by code"),
    ("lines", "the last lines of the log"),
];

/// The bundle without what looks like an address or a secret.
fn swept(bundle: &Bundle) -> Value {
    let mut value = serde_json::to_value(bundle).expect("our own types are JSON");
    sweep(&mut value);
    value
}

fn sweep(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_strangers(text),
        Value::Array(entries) => entries.iter_mut().for_each(sweep),
        Value::Object(members) => members.values_mut().for_each(sweep),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without words that are addresses, numbers to call, or secrets.
fn without_strangers(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`<>(),;=[]{}".contains(c);
    let mut made = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let end = piece.chars().next_back().filter(|c| ends(*c));
        let word = &piece[..piece.len() - end.map_or(0, char::len_utf8)];
        made.push_str(if is_strange(word) { TAKEN_OUT } else { word });
        made.extend(end);
    }
    made
}

fn is_strange(word: &str) -> bool {
    let is_address = !word.contains("://")
        && word.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && host.trim_end_matches('.').contains('.') && host.contains(char::is_alphabetic)
        });
    let is_number = word.starts_with('+') && word.chars().filter(char::is_ascii_digit).count() >= 8;
    is_address || is_number || SECRETS.iter().any(|begin| word.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_numbers_and_secrets_are_taken_out_and_ids_and_versions_stay() {
        let rows = [
            ("it met maya.lind@example.com, and went on", "it met [taken out], and went on"),
            ("Leadline <leads@example.com>", "Leadline <[taken out]>"),
            ("key=whsec_abc token pat-na1-1 \"Bearer\"", "key=[taken out] token [taken out] \"[taken out]\""),
            ("call +1(305)555-0187 or +13055550187", "call +1(305)555-0187 or [taken out]"),
            ("deals@3 of evt_019a7c1e5a00 failed", "deals@3 of evt_019a7c1e5a00 failed"),
            ("postgres://leadline:…@db.internal/leadline", "postgres://leadline:…@db.internal/leadline"),
            ("@everybody waits + 4", "@everybody waits + 4"),
            ("", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(without_strangers(text), expected);
        }
    }
}
