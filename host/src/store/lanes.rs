//! Leases: who works on which lane, and until when. What each statement has to come to is written down in
//! [`crate::lane`]; the conformance tests drive both side by side.

use std::time::Duration;

use serde::Serialize;

use super::pauses::not_paused;
use super::{Db, Query, Result, Rows, Sql, Store, json, parse, query, sql};
use crate::budget::Learned;
use crate::cause::Problem;
use crate::lane::LEASE;
use crate::model::account::Connection;
use crate::model::id::AccountId;
use crate::model::lane::{LaneKind, Lease};
use crate::model::time::Timestamp;

/// When a lane is looked at again that may have work which is not committed yet.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One lane in a batch statement.
#[derive(Serialize)]
struct LaneRow<'a> {
    account: &'a str,
    lane: &'a str,
    epoch: i64,
    leased: i64,
    paused: i64,
    pause: Option<String>,
    budget: Option<String>,
    horizon: i64,
    again: i64,
}

/// How a lane goes on after a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneState {
    /// It rests until then.
    pub paused_until: Option<Timestamp>,
    /// Why, where people should know.
    pub pause: Option<Problem>,
    /// What was learned of the portal's limit, where it changed.
    pub learned: Option<Learned>,
}

impl<'a> LaneRow<'a> {
    fn of(lease: &'a Lease, state: &LaneState, now: Timestamp) -> Self {
        Self {
            account: lease.account_id.as_str(),
            lane: &lease.lane_id,
            epoch: lease.epoch,
            leased: lease.leased_until.0,
            paused: state.paused_until.map_or(0, |until| until.0),
            pause: state.pause.as_ref().map(json),
            budget: state.learned.as_ref().map(json),
            horizon: lease.horizon,
            again: (now + LOOK_AGAIN).0,
        }
    }
}

/// Account, lane, epoch, what was learned of the portal, and the revision of the account's rules.
pub(super) type LeasedRow = (String, String, i64, String, i64);

/// Takes up to `count` lanes that have work due, the longest unserved first. Agrees with
/// [`crate::lane::longest_unserved`] and [`crate::lane::Lane::lease`].
pub(super) fn lease(kind: LaneKind, owner: &str, count: u32, now: Timestamp) -> Query {
    // Due when the lease ends: should its holder die. Whoever wakes the lane meanwhile moves that to now, and the
    // release sees it, even where it cannot see the work yet.
    query(sql!(
        "UPDATE lanes AS l SET owner = $2, epoch = l.epoch + 1, lease_until = $3, next_due = $3, served_at = $1
         FROM (SELECT account_id AS a, id AS i FROM lanes
               WHERE kind = $5 AND next_due <= $1 AND paused_until <= $1 AND lease_until <= $1 AND " not_paused!() "
               ORDER BY served_at LIMIT $4" on(sqlite: "", postgres: " FOR UPDATE SKIP LOCKED") ") AS c
         WHERE l.account_id = c.a AND l.id = c.i RETURNING account_id, id, epoch, budget, revision"
    ))
    .bind(now.0)
    .bind(owner)
    .bind((now + LEASE).0)
    .bind(count)
    .bind(kind.as_str())
}

/// The lease that a row of [`lease`] stands for.
pub(super) fn leased(
    (account, lane_id, epoch, budget, _): LeasedRow,
    owner: &str,
    horizon: i64,
    now: Timestamp,
) -> Result<Lease> {
    let until = now + LEASE;
    Ok(Lease {
        account_id: AccountId::stored(account),
        lane_id,
        owner: owner.to_owned(),
        epoch,
        until,
        leased_until: until,
        horizon,
        learned: parse(&budget)?,
    })
}

impl Store {
    /// Takes up to `count` lanes that have work due, without the work, and as if no transaction had been open.
    pub async fn lease_lanes(&self, kind: LaneKind, owner: &str, count: u32, now: Timestamp) -> Result<Vec<Lease>> {
        let lease = lease(kind, owner, count, now);
        let rows = self.db.write(|tx| Box::pin(async move { lease.fetch_all::<LeasedRow>(tx).await })).await?;
        rows.into_iter().map(|row| leased(row, owner, 0, now)).collect()
    }

    /// The number of the next transaction, asked for when a lease is committed. One that came before may have seen the
    /// lane due, and left its wake-up out for that; see [`release`].
    pub(super) async fn horizon(&self) -> Result<i64> {
        match &self.db {
            Db::Sqlite(_) => Ok(0),
            Db::Postgres(_) => {
                let next = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)";
                query(Sql::same(next.to_owned())).fetch_one(&self.db).await
            }
        }
    }

    /// When the next lane of a kind has work, so that a worker can sleep until then. Agrees with
    /// [`crate::lane::Lane::available_at`].
    pub async fn next_due(&self, kind: LaneKind, now: Timestamp) -> Result<Option<Timestamp>> {
        self.next_due_before(kind, now, Timestamp::NEVER).await
    }

    /// As [`Self::next_due`], of the lanes whose work is due before `end`. Every connection is looked after once in a
    /// while, so each of them has a time at which its lane is due: who asks often asks for the near future.
    pub async fn next_due_before(&self, kind: LaneKind, now: Timestamp, end: Timestamp) -> Result<Option<Timestamp>> {
        let next: Option<i64> = query(sql!(
            "SELECT min(CASE WHEN next_due >= paused_until AND next_due >= lease_until THEN next_due
                         WHEN paused_until >= lease_until THEN paused_until ELSE lease_until END)
             FROM lanes WHERE kind = $1 AND next_due < $2 AND " not_paused!()
        ))
        .bind(kind.as_str())
        .bind(end.0.min(Timestamp::NEVER.0))
        .fetch_one(&self.db)
        .await?;
        Ok(next.map(|next| Timestamp(next).max(now)))
    }

    /// Until when a connection's lane rests, and why; nothing when it does not rest at `now`, or only for its pace.
    pub async fn rest_of(&self, connection: &Connection, now: Timestamp) -> Result<Option<(Timestamp, Problem)>> {
        let row: Option<(i64, String)> = query(sql!("SELECT paused_until, pause FROM lanes WHERE account_id = $1 AND id = $2 AND paused_until > $3 AND pause IS NOT NULL"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(now.0)
        .fetch_optional(&self.db)
        .await?;
        row.map(|(until, pause)| Ok((Timestamp(until), parse(&pause)?))).transpose()
    }

    /// Gives back what somebody held whose round failed before it could: he is not working on it any more, and the lane
    /// would rest until the lease ends. Agrees with [`crate::lane::Lane::void`].
    pub async fn void_leases_of(&self, owner: &str) -> Result<()> {
        let void = query(sql!(
            "UPDATE lanes SET owner = NULL, lease_until = 0, next_due = 0, epoch = epoch + 1 WHERE owner = $1"
        ));
        void.bind(owner).execute(&self.db).await.map(drop)
    }

    /// The clock was set back to `now`, by so much: moves what lies behind it back as well, so that nothing waits for a time
    /// that comes a second time, and what came first stays first. Only where nobody is at work.
    pub async fn move_back(&self, now: Timestamp, by: Duration) -> Result<()> {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let work = query(sql!("UPDATE work SET due_at = due_at - $2 WHERE due_at > $1"));
        let lanes = query(sql!(
            "UPDATE lanes SET epoch = epoch + 1, owner = NULL, lease_until = 0,
               served_at = CASE WHEN served_at > $1 THEN served_at - $2 ELSE served_at END,
               next_due = CASE WHEN next_due > $1 AND next_due < $3 THEN next_due - $2 ELSE next_due END,
               care_due = CASE WHEN care_due > $1 AND care_due < $3 THEN care_due - $2 ELSE care_due END,
               paused_until = CASE WHEN paused_until > $1 THEN paused_until - $2 ELSE paused_until END"
        ));
        let work = work.bind(now.0).bind(by);
        let lanes = lanes.bind(now.0).bind(by).bind(Timestamp::NEVER.0);
        let turns =
            query(sql!("UPDATE alert_turns SET next_at = next_at - $2 WHERE next_at > $1")).bind(now.0).bind(by);
        let post = query(sql!("UPDATE outbox SET due_at = due_at - $2 WHERE state = 'waiting' AND due_at > $1"));
        self.db.execute_all([work, lanes, turns, post.bind(now.0).bind(by)]).await.map(drop)
    }

    /// How far the clock was set back since the last run; nothing where it was not. The lanes know when they were served,
    /// and what waits to be served first when it came.
    pub async fn set_back_by(&self, now: Timestamp) -> Result<Option<Duration>> {
        let served: Option<i64> = query(sql!("SELECT max(served_at) FROM lanes")).fetch_one(&self.db).await?;
        let Some(served) = served.filter(|served| *served > now.0) else { return Ok(None) };
        let came = query(sql!("SELECT max(due_at) FROM work WHERE band = 0"));
        let came: Option<i64> = came.fetch_one(&self.db).await?;
        let last = Timestamp(served.max(came.unwrap_or(0)) + 1);
        Ok(Some(last.since(now)))
    }

    /// Voids every lease. Right at the start of the only process on an SQLite file: whoever held them is dead. Agrees with
    /// [`crate::lane::Lane::void`].
    pub async fn void_leases(&self) -> Result<()> {
        query(sql!(
            "UPDATE lanes SET owner = NULL, lease_until = 0, next_due = 0, epoch = epoch + 1 WHERE lease_until > 0"
        ))
        .execute(&self.db)
        .await
        .map(drop)
    }
}

/// Which of these lanes are still ours; asked first in every transaction that settles, and nobody takes them meanwhile.
/// Agrees with [`crate::lane::Lane::is_held_by`].
pub(super) fn guard(leases: &[&Lease]) -> Query {
    query(sql!(
        "SELECT l.id FROM " rows("$1"; account text, lane text, owner text, epoch bigint) " AS j
         JOIN lanes AS l ON l.account_id = j.account AND l.id = j.lane AND l.owner = j.owner AND l.epoch = j.epoch"
        on(sqlite: "", postgres: " ORDER BY l.account_id, l.id FOR UPDATE OF l")
    ))
    .bind(Rows::of(&leases.iter().copied().map(Guarded::of).collect::<Vec<_>>()))
}

#[derive(Serialize)]
struct Guarded<'a> {
    account: &'a str,
    lane: &'a str,
    owner: &'a str,
    epoch: i64,
}

impl<'a> Guarded<'a> {
    fn of(lease: &'a Lease) -> Self {
        let Lease { account_id, lane_id, owner, epoch, .. } = lease;
        Self { account: account_id.as_str(), lane: lane_id, owner, epoch: *epoch }
    }
}

/// When the first open item of a lane and band is due. One that an older retry of the same person holds back
/// does not count: a lane that said so would be leased for nothing, again and again. Agrees with
/// [`crate::lane::Queue::next_due`].
macro_rules! next_in_band {
    ($band:literal) => {
        concat!(
            "SELECT min(w.due_at) AS due_at FROM work AS w WHERE w.account_id = l.account_id AND w.lane_id = l.id AND w.band = ", $band,
            " AND NOT EXISTS (SELECT 1 FROM work AS r WHERE r.account_id = w.account_id AND r.lane_id = w.lane_id
                AND r.band = 1 AND r.key_hash = w.key_hash AND r.item_id < w.item_id)"
        )
    };
}

/// Gives lanes back and says when each is due again, read from its open work in the same transaction. A lane that was
/// woken meanwhile is due at once: the work behind that may not be visible here yet. On Postgres it is looked at again
/// soon while a transaction is open that is older than the lease. Agrees with [`crate::lane::Lane::release`].
pub(super) fn release(lanes: &[(&Lease, &LaneState)], now: Timestamp) -> Query {
    query(sql!(
        "UPDATE lanes AS l SET lease_until = 0, owner = NULL, paused_until = " greatest "(j.paused, l.paused_until),
           pause = CASE WHEN j.paused > l.paused_until THEN j.pause ELSE l.pause END, budget = coalesce(j.budget, l.budget),
           next_due = " least "(l.care_due, CASE WHEN l.next_due = j.leased THEN $2 ELSE l.next_due END, "
           on(
             sqlite: "",
             postgres: "CASE WHEN CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) < j.horizon THEN j.again ELSE $2 END, "
           ) "coalesce((
             SELECT min(m.due_at) FROM (" next_in_band!("0") " UNION ALL " next_in_band!("1") ") AS m), $2))
         FROM " rows("$1"; account text, lane text, epoch bigint, leased bigint, paused bigint, pause text, budget text, horizon bigint, again bigint) " AS j
         WHERE l.account_id = j.account AND l.id = j.lane AND l.epoch = j.epoch"
    ))
    .bind(Rows::of(&lanes.iter().map(|(lease, state)| LaneRow::of(lease, state, now)).collect::<Vec<_>>()))
    .bind(Timestamp::NEVER.0)
}

/// Says that lanes have work due at `due`; a lane that is due already is not written. Agrees with
/// [`crate::lane::Lane::wake`].
pub(super) fn wake(lanes: &Rows, due: Timestamp) -> Query {
    // In the order of their keys, so that two processes never wait for each other.
    query(sql!(
        "UPDATE lanes SET next_due = $2 WHERE next_due > $2 AND (account_id, id) IN ("
        on(
            sqlite: "SELECT c0, c1 FROM rows($1, 'account,lane')",
            postgres: "SELECT l.account_id, l.id FROM lanes AS l JOIN (SELECT DISTINCT account, lane FROM jsonb_to_recordset($1::jsonb) AS r(account text, lane text)) AS j
               ON l.account_id = j.account AND l.id = j.lane WHERE l.next_due > $2 ORDER BY l.account_id, l.id FOR UPDATE OF l"
        ) ")"
    ))
    .bind(lanes)
    .bind(due.0)
}
