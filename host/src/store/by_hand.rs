//! What people decide about one delivery that waits: it is sent on, or called off.

use std::slice;

use serde_json::json;

use super::causes::{self, Held, closed, nothing_stands};
use super::{Query, Result, Rows, Store, changes, json as text, query, sql};
use crate::cause::Problem;
use crate::model::delivery::Delivery;
use crate::model::time::Timestamp;

/// Earlier than anything is due.
const BEFORE_ALL: i64 = -1;

impl Store {
    /// Sends on a delivery that waited for somebody to look at it. False: it does not wait any more.
    pub async fn send_reviewed(&self, delivery: &Delivery, now: Timestamp) -> Result<bool> {
        let (account, item) = (delivery.account_id.to_string(), delivery.id.to_string());
        let send = self.db.write(move |tx| {
            Box::pin(async move {
                let Some(held) = held(&account, &item).fetch_optional::<Held>(&mut *tx).await? else {
                    return Ok(false);
                };
                let rows = causes::go_on(tx, &account, slice::from_ref(&held), now).await?;
                causes::count_released(&rows).execute(&mut *tx).await?;
                causes::close(tx, emptied(&account, &held.0), now).await?;
                Ok(true)
            })
        });
        send.await
    }

    /// Calls a delivery off that waits for its time, for its lane or for a cause. False: a worker may have it in hand, or it
    /// does not wait.
    pub async fn cancel_delivery(&self, delivery: &Delivery, reason: &Problem, now: Timestamp) -> Result<bool> {
        let (account, item, lane) =
            (delivery.account_id.to_string(), delivery.id.to_string(), delivery.connection_id.to_string());
        let reason = text(reason);
        let cancel = self.db.write(move |tx| {
            Box::pin(async move {
                // What is due may be in the hand of whoever has the lane, who cannot take it while this goes on.
                let has_lane = query(sql!(
                    "SELECT lease_until FROM lanes WHERE account_id = $1 AND id = $2"
                    on(sqlite: "", postgres: " FOR UPDATE")
                ));
                let lease: Option<i64> = has_lane.bind(&account).bind(&lane).fetch_optional(&mut *tx).await?;
                let in_no_hand_after = if lease == Some(0) { BEFORE_ALL } else { now.0 };
                let waits = query(sql!(
                    "DELETE FROM work WHERE account_id = $1 AND lane_id = $2 AND item_id = $3 AND due_at > $4"
                ));
                let waits = waits.bind(&account).bind(&lane).bind(&item).bind(in_no_hand_after);
                let waited = waits.execute(&mut *tx).await? > 0;
                let cancelled = query(sql!(
                    "UPDATE deliveries SET state = 'cancelled', reason = $3, due_at = NULL, done_at = $4
                     WHERE account_id = $1 AND id = $2 AND state = $5"
                ));
                let from = if waited { "pending" } else { "blocked" };
                let cancelled = cancelled.bind(&account).bind(&item).bind(&reason).bind(now.0).bind(from);
                if cancelled.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                if let Some((cause, ..)) = held(&account, &item).fetch_optional::<Held>(&mut *tx).await? {
                    let leave = query(sql!("DELETE FROM held WHERE account_id = $1 AND item_id = $2"));
                    leave.bind(&account).bind(&item).execute(&mut *tx).await?;
                    causes::close(tx, emptied(&account, &cause), now).await?;
                }
                let marked = Rows::of(&[json!({ "account": account, "item": item })]);
                changes::mark(tx, &marked, now).await?;
                Ok(true)
            })
        });
        cancel.await
    }
}

/// What one delivery waits under, as [`Held`].
fn held(account: &str, item: &str) -> Query {
    query(sql!("SELECT cause_id, item_id, lane_id, key_hash FROM held WHERE account_id = $1 AND item_id = $2"))
        .bind(account)
        .bind(item)
}

/// Takes an issue away under which nothing waits any more.
fn emptied(account: &str, cause: &str) -> Query {
    query(sql!("DELETE FROM causes WHERE account_id = $1 AND id = $2 AND " nothing_stands!() closed!()))
        .bind(account)
        .bind(cause)
}
