//! What becomes of a lane when its connection is ended: counting what waits, cancelling it, and taking the lane so that
//! no round is under way meanwhile.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::causes::{self, closed};
use super::lanes::{self, LaneState};
use super::{Result, Rows, Store, changes, parse, query, sql, word};
use crate::cause::Code;
use crate::lane::LEASE;
use crate::model;
use crate::model::account::{Connection, ConnectionState, Waiting};
use crate::model::id::AccountId;
use crate::model::lane::Lease;
use crate::model::time::Timestamp;

/// How many leads of a connection wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WaitingLeads {
    /// On their way, or to be tried again by themselves.
    pub pending: i64,
    /// For somebody to mend something.
    pub blocked: i64,
}

/// Items of a lane that are cancelled in one commit.
const PAGE: i64 = 500;

/// Deliveries that are looked at for the last one that went through.
const LOOKED_AT: i64 = 200;

/// Skipped leads that are counted; for people, more is many.
const SKIPPED_COUNTED: i64 = 1_000;

/// Whoever takes an ending in hand has so long for it; after that somebody else goes on with it.
const ENDING_TAKES: Duration = Duration::from_secs(120);

/// A connection is to end, and nothing keeps it: nobody wants its leads to be sent first, or none is left, or that took too
/// long. Once somebody has it in hand, it ends.
macro_rules! due {
    () => {
        "c.ends_at <= $1 AND (c.state = 'disconnected' OR c.ends_waiting <> 'send' OR c.ends_since <= $2 OR NOT EXISTS
           (SELECT 1 FROM work AS w WHERE w.account_id = c.account_id AND w.lane_id IN (c.account_id, c.id)))"
    };
}

impl Store {
    /// Lets a connection end at `at`; until then its deliveries wait, as in a pause. Where leads are sent first, they go on,
    /// also those of a connection that was paused, and it ends once none is left. False where it ends already, or is
    /// disconnected.
    pub async fn end_later(
        &self,
        connection: &Connection,
        waiting: Waiting,
        (now, at): (Timestamp, Timestamp),
    ) -> Result<bool> {
        let meanwhile = match waiting {
            Waiting::Send => ("paused", ConnectionState::Connected),
            Waiting::Hold | Waiting::Discard => ("connected", ConnectionState::Paused),
        };
        let end = query(sql!(
            "UPDATE connections SET ends_at = $3, ends_since = $4, ends_waiting = $5, ends_from = state,
               state = CASE state WHEN $6 THEN $7 ELSE state END
             WHERE account_id = $1 AND id = $2 AND state <> 'disconnected' AND ends_at IS NULL"
        ));
        let end = end.bind(connection.account_id.as_str()).bind(connection.id.as_str()).bind(at.0).bind(now.0);
        let end = end.bind(model::word(&waiting)).bind(meanwhile.0).bind(model::word(&meanwhile.1));
        Ok(end.execute(&self.db).await? > 0)
    }

    /// Lets a connection stay that was to end, as it was before. None where it does not end, or nobody can stop that any more;
    /// else the state that it has again.
    pub async fn stay(&self, connection: &Connection) -> Result<Option<ConnectionState>> {
        let stay = query(sql!(
            "UPDATE connections SET state = CASE WHEN state IN ('connected', 'paused') THEN ends_from ELSE state END,
               ends_at = NULL, ends_since = NULL, ends_waiting = NULL, ends_from = NULL
             WHERE account_id = $1 AND id = $2 AND state <> 'disconnected' AND ends_at IS NOT NULL RETURNING state"
        ));
        let stay = stay.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        let state = self.db.write(|tx| Box::pin(async move { stay.fetch_optional::<String>(tx).await }));
        state.await?.as_deref().map(word).transpose()
    }

    /// A connection whose time has come, and what becomes of its leads. One that sends first has its time once nothing is
    /// left to send, or after `longest`. From here on nobody can let it stay; whoever asks two minutes later gets it too, if
    /// it has not ended by then.
    pub async fn take_ending(&self, now: Timestamp, longest: Duration) -> Result<Option<(Connection, Waiting)>> {
        let latest = (now - longest).0;
        let is_due = query(sql!("SELECT count(*) FROM connections AS c WHERE " due!())).bind(now.0).bind(latest);
        if is_due.fetch_one::<i64>(&self.db).await? == 0 {
            return Ok(None);
        }
        let take = query(sql!(
            "UPDATE connections SET state = 'disconnected', ends_at = $3 WHERE (account_id, id) IN (
               SELECT c.account_id, c.id FROM connections AS c WHERE " due!() " ORDER BY c.ends_at LIMIT 1"
            on(sqlite: "", postgres: " FOR UPDATE SKIP LOCKED") ") RETURNING ends_waiting, id"
        ));
        let take = take.bind(now.0).bind(latest).bind((now + ENDING_TAKES).0);
        let taken = self.db.write(|tx| Box::pin(async move { take.fetch_optional::<(String, String)>(tx).await }));
        let Some((waiting, id)) = taken.await? else { return Ok(None) };
        let connection = self.connection(&id).await?;
        connection.map(|connection| Ok((connection, word(&waiting)?))).transpose()
    }

    /// How many leads are on their way to a portal, those that are not planned yet among them.
    pub async fn left_to_send(&self, connection: &Connection) -> Result<i64> {
        let left = query(sql!("SELECT count(*) FROM work WHERE account_id = $1 AND lane_id IN ($1, $2)"));
        left.bind(connection.account_id.as_str()).bind(connection.id.as_str()).fetch_one(&self.db).await
    }

    /// Takes a lane for what is no call to the portal, such as a refresh: a lane that rests too. None while somebody
    /// else holds it. Agrees with [`crate::lane::Lane::hold`].
    pub async fn hold_lane(
        &self,
        account: &AccountId,
        lane: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        self.take(account, lane, owner, now, now).await
    }

    /// Takes a lane from whoever holds it: what a late holder settles changes nothing. Agrees with
    /// [`crate::lane::Lane::seize`].
    pub async fn seize_lane(
        &self,
        account: &AccountId,
        lane: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        self.take(account, lane, owner, now, Timestamp::NEVER).await
    }

    async fn take(
        &self,
        account: &AccountId,
        lane: &str,
        owner: &str,
        now: Timestamp,
        held_until_max: Timestamp,
    ) -> Result<Option<Lease>> {
        let until = now + LEASE;
        let take = query(sql!(
            "UPDATE lanes SET owner = $3, epoch = epoch + 1, lease_until = $4 WHERE account_id = $1 AND id = $2 AND lease_until <= $5
             RETURNING epoch, budget"
        ));
        let take = take.bind(account.as_str()).bind(lane).bind(owner).bind(until.0).bind(held_until_max.0);
        let row = self.db.write(|tx| Box::pin(async move { take.fetch_optional::<(i64, String)>(tx).await }));
        row.await?
            .map(|(epoch, budget)| {
                let (account_id, lane_id, owner) = (account.clone(), lane.to_owned(), owner.to_owned());
                let learned = parse(&budget)?;
                // Taken as it is: a wake-up that was left out because it is due leaves it due.
                Ok(Lease { account_id, lane_id, owner, epoch, until, leased_until: until, horizon: 0, learned })
            })
            .transpose()
    }

    /// Gives a lane back as it was.
    pub async fn give_back(&self, lease: &Lease) -> Result<()> {
        lanes::release(&[(lease, &LaneState::default())], lease.until).execute(&self.db).await.map(drop)
    }

    /// How many leads of a connection wait.
    pub async fn waiting_leads(&self, connection: &Connection) -> Result<WaitingLeads> {
        let pending = query(sql!("SELECT count(*) FROM work WHERE account_id = $1 AND lane_id = $2"));
        let blocked = query(sql!("SELECT count(*) FROM held WHERE account_id = $1 AND lane_id = $2"));
        let (account, lane) = (connection.account_id.as_str(), connection.id.as_str());
        Ok(WaitingLeads {
            pending: pending.bind(account).bind(lane).fetch_one(&self.db).await?,
            blocked: blocked.bind(account).bind(lane).fetch_one(&self.db).await?,
        })
    }

    /// When a lead went through last to a portal, of the newest ones.
    pub async fn last_delivered_at(&self, connection: &Connection) -> Result<Option<Timestamp>> {
        let last = query(sql!(
            "SELECT max(CASE WHEN d.state = 'delivered' THEN d.done_at END) FROM
               (SELECT x.connection_id, x.state, x.done_at FROM deliveries AS x WHERE x.account_id = $1 ORDER BY x.id DESC LIMIT $3) AS d
             WHERE d.connection_id = $2"
        ));
        let last = last.bind(connection.account_id.as_str()).bind(connection.id.as_str()).bind(LOOKED_AT);
        Ok(last.fetch_one::<Option<i64>>(&self.db).await?.map(Timestamp))
    }

    /// How many of an account's leads were skipped for a cause and can still be sent, and whether there may be more.
    pub async fn skipped_for(&self, account: &AccountId, cause: Code) -> Result<(i64, bool)> {
        let count = query(sql!(
            "SELECT coalesce(sum(CASE WHEN e.state = 'skipped' AND EXISTS (SELECT 1 FROM event_bodies AS b WHERE b.event_id = e.id AND b.account_id = e.account_id) THEN 1 ELSE 0 END), 0),
               count(*)
             FROM (SELECT x.account_id, x.id, x.state FROM events AS x" on(sqlite: " INDEXED BY events_by_code", postgres: "")
            " WHERE x.account_id = $1 AND x.code = $2 AND x.code IS NOT NULL ORDER BY x.id DESC LIMIT $3) AS e"
        ));
        let count = count.bind(account.as_str()).bind(cause.as_str()).bind(SKIPPED_COUNTED);
        let (leads, looked_at): (i64, i64) = count.fetch_one(&self.db).await?;
        Ok((leads, looked_at >= SKIPPED_COUNTED))
    }

    /// Cancels everything that waits in a connection's lane, in pages, and returns how much that was.
    pub async fn cancel_waiting(&self, connection: &Connection, now: Timestamp) -> Result<u64> {
        let mut cancelled = 0;
        loop {
            let page = self.cancel_page(connection, now).await?;
            cancelled += page;
            if page == 0 {
                return Ok(cancelled);
            }
        }
    }

    async fn cancel_page(&self, connection: &Connection, now: Timestamp) -> Result<u64> {
        let (account, lane) = (connection.account_id.to_string(), connection.id.to_string());
        let cancel = self.db.write(move |tx| {
            Box::pin(async move {
                let items: Vec<String> = query(sql!(
                    "SELECT item_id FROM work WHERE account_id = $1 AND lane_id = $2
                     UNION SELECT item_id FROM held WHERE account_id = $1 AND lane_id = $2 LIMIT $3"
                ))
                .bind(&account)
                .bind(&lane)
                .bind(PAGE)
                .fetch_all(&mut *tx)
                .await?;
                let marked = items.iter().map(|item| json!({ "account": account, "item": item }));
                let marked = Rows::of(&marked.collect::<Vec<_>>());
                let items = Rows::of(&items);
                let cancelled = query(sql!(
                    "UPDATE deliveries SET state = 'cancelled', due_at = NULL, done_at = $3 WHERE account_id = $1 AND id IN " list("$2")
                ));
                let cancelled = cancelled.bind(&account).bind(&items).bind(now.0).execute(&mut *tx).await?;
                for leave in [
                    sql!("DELETE FROM work WHERE account_id = $1 AND lane_id = $2 AND item_id IN " list("$3")),
                    sql!("DELETE FROM held WHERE account_id = $1 AND lane_id = $2 AND item_id IN " list("$3")),
                ] {
                    query(leave).bind(&account).bind(&lane).bind(&items).execute(&mut *tx).await?;
                }
                let close = query(sql!(
                    "DELETE FROM causes WHERE account_id = $1
                     AND NOT EXISTS (SELECT 1 FROM held AS h WHERE h.account_id = causes.account_id AND h.cause_id = causes.id)"
                    closed!()
                ));
                causes::close(tx, close.bind(&account), now).await?;
                changes::mark(tx, &marked, now).await?;
                Ok(cancelled)
            })
        });
        cancel.await
    }
}
