//! What people decide about one delivery that waits: it is sent on, or called off.

use serde_json::json;

use super::causes::{self, closed, nothing_stands};
use super::{Result, Rows, Store, changes, hours, json as text, lanes, query, sql};
use crate::cause::Problem;
use crate::model::delivery::Delivery;
use crate::model::time::Timestamp;

/// What a delivery waits under: the issue, the lane and the person.
type Held = (String, String, Option<String>);

impl Store {
    /// Sends on a delivery that waited for somebody to look at it. False: it does not wait any more.
    pub async fn send_reviewed(&self, delivery: &Delivery, now: Timestamp) -> Result<bool> {
        let (account, item) = (delivery.account_id.to_string(), delivery.id.to_string());
        let send = self.db.write(move |tx| {
            Box::pin(async move {
                let held =
                    query(sql!("SELECT cause_id, lane_id, key_hash FROM held WHERE account_id = $1 AND item_id = $2"));
                let Some((cause, lane, key)) = held.bind(&account).bind(&item).fetch_optional::<Held>(&mut *tx).await?
                else {
                    return Ok(false);
                };
                let row = json!({ "account": account, "cause": cause, "item": item, "lane": lane, "key": key });
                let rows = Rows::of(&[row]);
                for statement in causes::to_the_queue(&rows, now) {
                    statement.execute(&mut *tx).await?;
                }
                causes::count_released(&rows).execute(&mut *tx).await?;
                lanes::wake(&rows, now).execute(&mut *tx).await?;
                causes::close(tx, emptied(&account, &cause), now).await?;
                for mark in hours::changed_by(&rows, now).into_iter().chain([changes::of_items(&rows, now)]) {
                    mark.execute(&mut *tx).await?;
                }
                Ok(true)
            })
        });
        send.await
    }

    /// Calls a delivery off that waits for its time or for a cause. False: a worker has it in hand, or it does not wait.
    pub async fn cancel_delivery(&self, delivery: &Delivery, reason: &Problem, now: Timestamp) -> Result<bool> {
        let (account, item, lane) =
            (delivery.account_id.to_string(), delivery.id.to_string(), delivery.connection_id.to_string());
        let reason = text(reason);
        let cancel = self.db.write(move |tx| {
            Box::pin(async move {
                // What is due may be in somebody's hand; what is due later is in nobody's.
                let waits = query(sql!(
                    "DELETE FROM work WHERE account_id = $1 AND lane_id = $2 AND item_id = $3 AND due_at > $4"
                ));
                let waited = waits.bind(&account).bind(&lane).bind(&item).bind(now.0).execute(&mut *tx).await? > 0;
                let cancelled = query(sql!(
                    "UPDATE deliveries SET state = 'cancelled', reason = $3, due_at = NULL, done_at = $4
                     WHERE account_id = $1 AND id = $2 AND state = $5"
                ));
                let from = if waited { "pending" } else { "blocked" };
                let cancelled = cancelled.bind(&account).bind(&item).bind(&reason).bind(now.0).bind(from);
                if cancelled.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                let held =
                    query(sql!("SELECT cause_id, lane_id, key_hash FROM held WHERE account_id = $1 AND item_id = $2"));
                if let Some((cause, ..)) = held.bind(&account).bind(&item).fetch_optional::<Held>(&mut *tx).await? {
                    let leave = query(sql!("DELETE FROM held WHERE account_id = $1 AND item_id = $2"));
                    leave.bind(&account).bind(&item).execute(&mut *tx).await?;
                    causes::close(tx, emptied(&account, &cause), now).await?;
                }
                let marked = Rows::of(&[json!({ "account": account, "item": item })]);
                for mark in hours::changed_by(&marked, now).into_iter().chain([changes::of_items(&marked, now)]) {
                    mark.execute(&mut *tx).await?;
                }
                Ok(true)
            })
        });
        cancel.await
    }
}

/// Takes an issue away under which nothing waits any more.
fn emptied(account: &str, cause: &str) -> super::Query {
    query(sql!("DELETE FROM causes WHERE account_id = $1 AND id = $2 AND " nothing_stands!() closed!()))
        .bind(account)
        .bind(cause)
}
