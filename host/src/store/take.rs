//! What a round begins with: lanes, leased, and what they have due, in one transaction. On SQLite that is the writer's:
//! its pages are warm, while a reader begins each read after a commit with none.

use std::sync::Arc;

use secrecy::SecretString;

use super::calls::{self, OpenCall};
use super::connections;
use super::lanes;
use super::plans::{self, ReceivedEvent};
use super::rules::Rules;
use super::schemas::{self, CachedSchema};
use super::{Result, Store, deliveries};
use crate::budget;
use crate::model::account::Connection;
use crate::model::delivery::Claimed;
use crate::model::lane::{LaneKind, Lease};
use crate::model::time::Timestamp;

/// A plan lane with the events that it has due, oldest first, and what decides about them.
#[derive(Debug)]
pub struct TakenEvents {
    pub lease: Lease,
    pub events: Vec<ReceivedEvent>,
    pub rules: Arc<Rules>,
    /// It had as much due as its share of the round, so there may be more.
    pub filled: bool,
}

/// A deliver lane with everything that its round begins with.
pub struct TakenDeliveries {
    pub lease: Lease,
    /// In the order of their events.
    pub claimed: Vec<Claimed>,
    /// When the lane called within the portal's window.
    pub recent_calls: Vec<Timestamp>,
    /// What earlier holders left behind.
    pub open_calls: Vec<OpenCall>,
    pub connection: Connection,
    pub token: SecretString,
    /// What is known of the portal, where it was read.
    pub schema: Option<CachedSchema>,
    /// Somebody of the account was suppressed, at some time.
    pub may_be_suppressed: bool,
}

impl Store {
    /// Leases up to `lanes` plan lanes, the longest unserved first, and takes up to `events` of what they have due, from
    /// each its share. `events` is at least `lanes`, so that none is leased for nothing. A lease that is lost with the server
    /// was never used: a call is stored by a commit that is waited for.
    pub async fn take_events(&self, owner: &str, lanes: u32, events: u32, now: Timestamp) -> Result<Vec<TakenEvents>> {
        let lease = lanes::lease(LaneKind::Plan, owner, lanes, now);
        let take = self.db.write_unsynced(move |tx| {
            Box::pin(async move {
                let leased: Vec<lanes::LeasedRow> = lease.fetch_all(&mut *tx).await?;
                let (mut room, mut left) = (events, leased.len() as u32);
                let mut taken = Vec::with_capacity(leased.len());
                for row in leased {
                    // As much for each, and what one leaves for those that follow: a loud account fills no round alone.
                    let share = room.div_ceil(left);
                    let due: Vec<plans::ReceivedRow> =
                        plans::received(&row.0, &row.1, share, now).fetch_all(&mut *tx).await?;
                    room -= due.len() as u32;
                    left -= 1;
                    let filled = due.len() == share as usize;
                    taken.push((row, due, filled));
                }
                Ok(taken)
            })
        });
        let rows = take.await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let horizon = self.horizon().await?;
        let mut taken = Vec::new();
        for (row, due, filled) in rows {
            let revision = row.4;
            let lease = lanes::leased(row, owner, horizon, now)?;
            let rules = self.rules(&lease.account_id, revision).await?;
            taken.push(TakenEvents { lease, events: plans::received_events(due), rules, filled });
        }
        Ok(taken)
    }

    /// Leases the deliver lane that waited longest, and takes up to `limit` deliveries that it has due: first attempts and
    /// retries 4 : 1, one filling what the other leaves. An older retry of a person holds back the newer leads of the
    /// same one. Agrees with [`crate::lane::Queue::due`].
    ///
    /// # Errors
    /// The database's, and when the token cannot be opened with the key ring.
    pub async fn take_deliveries(
        &self,
        owner: &str,
        limit: usize,
        now: Timestamp,
    ) -> anyhow::Result<Option<TakenDeliveries>> {
        let lease = lanes::lease(LaneKind::Deliver, owner, 1, now);
        let take = self.db.write_unsynced(move |tx| {
            Box::pin(async move {
                let Some(row) = lease.fetch_optional::<lanes::LeasedRow>(&mut *tx).await? else { return Ok(None) };
                let (account, lane) = (&row.0, &row.1);
                let due = deliveries::due(&mut *tx, (account, lane), limit, now).await?;
                let recent = calls::recent(account, lane, now - budget::WINDOW).fetch_all::<String>(&mut *tx).await?;
                let open = calls::open(account, lane).fetch_all::<calls::OpenRow>(&mut *tx).await?;
                let connection = connections::find(account, lane).fetch_one::<connections::Row>(&mut *tx).await?;
                let schema = schemas::known(account, lane).fetch_optional::<schemas::KnownRow>(tx).await?;
                Ok(Some((row, due, recent, open, connection, schema)))
            })
        });
        let Some((row, due, recent, open, connection, schema)) = take.await? else { return Ok(None) };
        let may_be_suppressed = row.4 > 0;
        let lease = lanes::leased(row, owner, self.horizon().await?, now)?;
        let (connection, token) = self.opened(connection)?;
        let schema = self.schema_of(&connection, schema).await?;
        Ok(Some(TakenDeliveries {
            claimed: deliveries::claimed(&lease.account_id, due)?,
            recent_calls: calls::times(&recent),
            open_calls: open.into_iter().map(calls::open_call).collect::<Result<_>>()?,
            connection,
            token,
            schema,
            may_be_suppressed,
            lease,
        }))
    }
}
