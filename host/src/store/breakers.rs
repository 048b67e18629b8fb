//! The breakers of bindings, counted in the commit that stores what their runs came to: whoever settles an account's plans
//! holds its lane, and whoever changes its bindings waits for that, so no run is counted twice and nothing goes back twice.

use serde::Serialize;

use super::bindings::{self, Bind};
use super::causes::{self, Held, closed};
use super::plans::PlannedLane;
use super::{Conn, Query, Result, Rows, query, sql};
use crate::breaker::{self, Before, FAILURES, Health, Recent, Verdict};
use crate::cause::{Code, Problem};
use crate::model::account::Sign;
use crate::model::id::{AccountId, BindingId};
use crate::model::share::Share;
use crate::model::time::Timestamp;

/// What a round says of one binding.
pub(super) struct Tally {
    account: AccountId,
    binding: BindingId,
    /// Whether each run failed, in their order.
    failed: Vec<bool>,
    /// Events were held because of it.
    holds: bool,
}

/// A binding failed too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub account: AccountId,
    /// Such as `deals@4`.
    pub version: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The version that is used again; none where the events wait.
    pub back_to: Option<String>,
    /// Events that run again.
    pub released: u64,
}

/// What is to be counted of these rounds: nothing where every binding is old and well.
pub(super) fn tallies(lanes: &[&PlannedLane]) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    for lane in lanes {
        for ran in lane.planned.iter().filter_map(|planned| planned.ran.as_ref()) {
            let holds = ran.outcome.holds();
            if !ran.is_watched && !holds {
                continue;
            }
            let known = tallies.iter_mut().find(|tally| tally.binding == ran.binding_id);
            let tally = match known {
                Some(tally) => tally,
                None => {
                    let (account, binding) = (lane.lease.account_id.clone(), ran.binding_id.clone());
                    tallies.push(Tally { account, binding, failed: Vec::new(), holds: false });
                    tallies.last_mut().expect("it was just put there")
                }
            };
            tally.failed.extend(ran.outcome.failed());
            tally.holds |= holds;
        }
    }
    tallies
}

/// Counts, and does what the count comes to. After everything else of the rounds is stored, and before their lanes are
/// given back.
pub(super) async fn count(tx: &mut Conn, tallies: &[Tally], now: Timestamp) -> Result<Vec<Turn>> {
    let mut turns = Vec::new();
    for tally in tallies {
        turns.extend(count_one(tx, tally, now).await?);
    }
    Ok(turns)
}

/// A binding with its breaker, and that of the binding before.
type Row = (
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn find(tally: &Tally) -> Query {
    query(sql!(
        "SELECT b.connection_id, b.event_type, b.version_id, t.name, v.number, b.valid_from, b.restores_id, b.before_id,
           k.recent, k.runs, k.tripped_at, o.tripped_at
         FROM bindings AS b
         JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
         JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
         LEFT JOIN breakers AS k ON k.account_id = b.account_id AND k.binding_id = b.id
         LEFT JOIN breakers AS o ON o.account_id = b.account_id AND o.binding_id = b.before_id
         WHERE b.account_id = $1 AND b.id = $2"
    ))
    .bind(tally.account.as_str())
    .bind(tally.binding.as_str())
}

async fn count_one(tx: &mut Conn, tally: &Tally, now: Timestamp) -> Result<Option<Turn>> {
    let (account, id) = (tally.account.as_str(), tally.binding.as_str());
    let row: Row = find(tally).fetch_one(&mut *tx).await?;
    let (connection, event_type, version_id, name, number, enabled_at, restores, before, recent, runs, open, other) =
        row;
    let newest = bindings::newest(tx, account, &connection).await?;
    let of_type = newest.iter().find(|row| row.event_type == event_type);
    let is_newest = of_type.is_some_and(|row| row.id == id);
    let is_rest = of_type.is_some_and(|row| row.share < Share::ALL && row.before.as_deref() == Some(id));
    if !is_newest && !is_rest {
        // Another version was enabled while this one ran: what it held since would wait for the next one.
        if tally.holds {
            release(tx, account, &version_id, now).await?;
        }
        return Ok(None);
    }
    let is_known = recent.is_some();
    let mut health = Health {
        recent: Recent::stored(recent.unwrap_or_default()),
        // Of one that nobody watched nothing is known but that it is no longer young.
        runs: runs.unwrap_or(breaker::YOUNG_RUNS),
        enabled_at: Timestamp(enabled_at),
        is_chosen: restores.is_none(),
        is_open: open.is_some(),
    };
    let before = match (before, other) {
        (Some(_), None) if is_newest => Before::Works,
        (Some(_), Some(_)) if is_newest => Before::Broken,
        _ => Before::Nothing,
    };
    let verdict = breaker::judge(&mut health, &tally.failed, before, now);
    if verdict == Verdict::Goes {
        if breaker::is_settled(&health, before, now) {
            if is_known {
                forget(account, id).execute(tx).await?;
            }
        } else {
            keep(account, id, &health, None).execute(tx).await?;
        }
        return Ok(None);
    }
    keep(account, id, &health, Some(now)).execute(&mut *tx).await?;
    let version = format!("{name}@{number}");
    let reason = format!("{} of its last {} runs failed", health.recent.failures(), health.recent.runs());
    let mut turn = Turn { account: tally.account.clone(), version, reason, back_to: None, released: 0 };
    if verdict == Verdict::GoesBack {
        let sign = Sign::new(Sign::SYSTEM, format!("{}: {}", turn.version, turn.reason));
        let bound = bindings::take_back(tx, (account, &connection), &newest, id, &sign, now).await?;
        if matches!(bound, Bind::Bound(_)) {
            turn.back_to = Some(label(account, &connection, &event_type).fetch_one(&mut *tx).await?);
            turn.released = release(tx, account, &version_id, now).await?;
        }
    }
    let problem = match &turn.back_to {
        Some(back_to) => Problem::new(
            Code::TransformRolledBack,
            format!("transformation `{}` was taken back to `{back_to}`: {}", turn.version, turn.reason),
        )
        .about(&turn.version),
        None => waits(&turn.version, &version_id),
    };
    causes::open(&tally.account, &[problem], now).execute(tx).await?;
    Ok(Some(turn))
}

/// Why an event waits whose binding failed too often.
pub fn waits(label: &str, version_id: &str) -> Problem {
    let detail = format!("transformation `{label}` failed too often; its events wait until another version is enabled");
    Problem::new(Code::TransformBreaker, detail).about(version_id)
}

fn keep(account: &str, binding: &str, health: &Health, tripped_at: Option<Timestamp>) -> Query {
    query(sql!(
        "INSERT INTO breakers AS k (account_id, binding_id, recent, runs, tripped_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, binding_id) DO UPDATE SET recent = excluded.recent, runs = excluded.runs,
           tripped_at = coalesce(k.tripped_at, excluded.tripped_at)"
    ))
    .bind(account)
    .bind(binding)
    .bind(health.recent.as_str())
    .bind(health.runs)
    .bind(tripped_at.map(|at| at.0))
}

fn forget(account: &str, binding: &str) -> Query {
    query(sql!("DELETE FROM breakers WHERE account_id = $1 AND binding_id = $2")).bind(account).bind(binding)
}

/// What is used for an event type now.
fn label(account: &str, connection: &str, event_type: &str) -> Query {
    query(sql!(
        "SELECT t.name || '@' || CAST(v.number AS text) FROM bindings AS b
         JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
         JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
         WHERE b.account_id = $1 AND b.connection_id = $2 AND b.event_type = $3 ORDER BY b.id DESC LIMIT 1"
    ))
    .bind(account)
    .bind(connection)
    .bind(event_type)
}

/// Puts the events back into the queue that are held for this version, a page at a time, and closes its issues. In the
/// same transaction, because nobody would do it after a crash.
async fn release(tx: &mut Conn, account: &str, version: &str, now: Timestamp) -> Result<u64> {
    let codes: Vec<_> = FAILURES.into_iter().chain([Code::TransformBreaker]).collect();
    let codes = Rows::of(&codes);
    let mut released = 0;
    loop {
        let items: Vec<Held> = query(sql!(
            "SELECT h.cause_id, h.item_id, h.lane_id, h.key_hash FROM causes AS c
             JOIN held AS h ON h.account_id = c.account_id AND h.cause_id = c.id
             WHERE c.account_id = $1 AND c.subject = $3 AND c.code IN " list("$2") " ORDER BY h.item_id LIMIT $4"
        ))
        .bind(account)
        .bind(&codes)
        .bind(version)
        .bind(causes::PAGE)
        .fetch_all(&mut *tx)
        .await?;
        let rows = causes::go_on(tx, account, &items, now).await?;
        causes::count_released(&rows).execute(&mut *tx).await?;
        released += items.len() as u64;
        if items.len() < causes::PAGE as usize {
            break;
        }
    }
    let close = query(sql!(
        "DELETE FROM causes WHERE account_id = $1 AND subject = $3 AND code IN " list("$2") " AND NOT EXISTS (
           SELECT 1 FROM held AS h WHERE h.account_id = causes.account_id AND h.cause_id = causes.id)" closed!()
    ));
    causes::close(tx, close.bind(account).bind(&codes).bind(version), now).await?;
    Ok(released)
}
