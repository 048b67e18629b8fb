//! Deliveries that wait for their time, and do not have to any longer.

use serde_json::json;

use super::{Result, Rows, Store, changes, lanes, query, sql};
use crate::model::delivery::Delivery;
use crate::model::time::Timestamp;

impl Store {
    /// Lets a delivery that waits for its next attempt be due now. Says whether it waited: what a worker has in hand is due
    /// already.
    pub async fn hurry(&self, delivery: &Delivery, now: Timestamp) -> Result<bool> {
        let (account, lane) = (delivery.account_id.as_str(), delivery.connection_id.as_str());
        let work = query(sql!(
            "UPDATE work SET due_at = $4 WHERE account_id = $1 AND lane_id = $2 AND item_id = $3 AND due_at > $4"
        ));
        let work = work.bind(account).bind(lane).bind(delivery.id.as_str()).bind(now.0);
        let shown = query(sql!(
            "UPDATE deliveries SET due_at = $3 WHERE account_id = $1 AND id = $2 AND state = 'pending' AND due_at > $3"
        ));
        let shown = shown.bind(account).bind(delivery.id.as_str()).bind(now.0);
        let wake = lanes::wake(&Rows::of(&[json!({ "account": account, "lane": lane })]), now);
        let told = changes::of_items(&Rows::of(&[json!({ "account": account, "item": delivery.id })]), now);
        // Lanes come first, as wherever both are changed: so nobody waits for one who waits for him.
        Ok(self.db.execute_all([wake, work, shown, told]).await?.get(1).is_some_and(|rows| *rows > 0))
    }
}
