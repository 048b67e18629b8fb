//! What becomes of a lane when its connection is ended: counting what waits, cancelling it, and taking the lane so that
//! no round is under way meanwhile.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::causes::{self, closed};
use super::lanes::{self, LaneState};
use super::{Result, Rows, Store, changes, hours, parse, query, sql, word};
use crate::lane::LEASE;
use crate::model;
use crate::model::account::{Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::lane::Lease;
use crate::model::time::Timestamp;

/// What to do with the leads that wait when a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// They have to be sent first.
    Send,
    /// They go on when the account is connected again.
    Hold,
    /// They are cancelled; each can be replayed.
    Discard,
}

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

/// Whoever takes an ending in hand has so long for it; after that somebody else goes on with it.
const ENDING_TAKES: Duration = Duration::from_secs(120);

impl Store {
    /// Lets a connection end at `at`; until then its deliveries wait, as in a pause. False where it ends already, or is
    /// disconnected.
    pub async fn end_later(&self, connection: &Connection, waiting: Waiting, at: Timestamp) -> Result<bool> {
        let end = query(sql!(
            "UPDATE connections SET ends_at = $3, ends_waiting = $4, ends_from = state,
               state = CASE state WHEN 'connected' THEN 'paused' ELSE state END
             WHERE account_id = $1 AND id = $2 AND state <> 'disconnected' AND ends_at IS NULL"
        ));
        let end = end.bind(connection.account_id.as_str()).bind(connection.id.as_str()).bind(at.0);
        Ok(end.bind(model::word(&waiting)).execute(&self.db).await? > 0)
    }

    /// Lets a connection stay that was to end, as it was before. None where it does not end, or nobody can stop that any more;
    /// else the state that it has again.
    pub async fn stay(&self, connection: &Connection) -> Result<Option<ConnectionState>> {
        let stay = query(sql!(
            "UPDATE connections SET state = CASE state WHEN 'paused' THEN ends_from ELSE state END,
               ends_at = NULL, ends_waiting = NULL, ends_from = NULL
             WHERE account_id = $1 AND id = $2 AND state <> 'disconnected' AND ends_at IS NOT NULL RETURNING state"
        ));
        let stay = stay.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        let state = self.db.write(|tx| Box::pin(async move { stay.fetch_optional::<String>(tx).await }));
        state.await?.as_deref().map(word).transpose()
    }

    /// A connection whose time has come, and what becomes of its leads. From here on nobody can let it stay; whoever asks two
    /// minutes later gets it too, if it has not ended by then.
    pub async fn take_ending(&self, now: Timestamp) -> Result<Option<(Connection, Waiting)>> {
        let is_due = query(sql!("SELECT count(*) FROM connections WHERE ends_at <= $1")).bind(now.0);
        if is_due.fetch_one::<i64>(&self.db).await? == 0 {
            return Ok(None);
        }
        let take = query(sql!(
            "UPDATE connections SET state = 'disconnected', ends_at = $2 WHERE (account_id, id) IN (
               SELECT account_id, id FROM connections WHERE ends_at <= $1 ORDER BY ends_at LIMIT 1"
            on(sqlite: "", postgres: " FOR UPDATE SKIP LOCKED") ") RETURNING ends_waiting, id"
        ));
        let take = take.bind(now.0).bind((now + ENDING_TAKES).0);
        let taken = self.db.write(|tx| Box::pin(async move { take.fetch_optional::<(String, String)>(tx).await }));
        let Some((waiting, id)) = taken.await? else { return Ok(None) };
        let connection = self.connection(&id).await?;
        connection.map(|connection| Ok((connection, word(&waiting)?))).transpose()
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
                for mark in hours::changed_by(&marked, now).into_iter().chain([changes::of_items(&marked, now)]) {
                    mark.execute(&mut *tx).await?;
                }
                Ok(cancelled)
            })
        });
        cancel.await
    }
}
