//! What becomes of a lane when its connection is ended: counting what waits, cancelling it, and taking the lane so that
//! no round is under way meanwhile.

use serde::Serialize;
use serde_json::json;

use super::lanes::{self, LaneState};
use super::{Result, Rows, Store, changes, hours, parse, query, sql};
use crate::lane::LEASE;
use crate::model::account::Connection;
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

impl Store {
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
                query(sql!(
                    "DELETE FROM causes WHERE account_id = $1
                     AND NOT EXISTS (SELECT 1 FROM held AS h WHERE h.account_id = causes.account_id AND h.cause_id = causes.id)"
                ))
                .bind(&account)
                .execute(&mut *tx)
                .await?;
                for mark in hours::changed_by(&marked, now).into_iter().chain([changes::of_items(&marked, now)]) {
                    mark.execute(&mut *tx).await?;
                }
                Ok(cancelled)
            })
        });
        cancel.await
    }
}
