//! Leads that may be of one person although HubSpot has a contact for each: no e-mail address recognises them, and they
//! have the same phone number. The number itself is not kept beside the outcome, only a keyed hash of it.

use std::collections::HashMap;
use std::time::Duration;

use super::{Decision, PlannedEvent, PlannedLane, Query, Result, Rows, Sql, Store, query, retention, sql};
use crate::model::delivery::Delivery;
use crate::model::id::EventId;
use crate::model::time::Timestamp;
use crate::subject::Identity;

/// What came longer ago is not compared: whoever writes after that long is a new lead to a dealership, and Postgres is
/// spared the partitions before.
const LOOK_BACK: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Leads that are named beside one.
const NAMED_MAX: u32 = 10;

/// The hashes of the numbers of contacts that no address recognises, by event.
pub(super) type Phones = HashMap<EventId, String>;

/// Marks the new deliveries of these rows, and those that have the same number under another key.
pub(super) const MARK: Sql = sql!(
    "UPDATE deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_phone", postgres: "") " SET duplicate = 'possible'
     FROM " rows("$1"; account text, phone text) " AS j
     WHERE d.account_id = j.account AND d.phone_hash = j.phone AND d.phone_hash IS NOT NULL AND d.duplicate IS NULL AND d.id >= $2
       AND EXISTS (SELECT 1 FROM deliveries AS o" on(sqlite: " INDEXED BY deliveries_by_phone", postgres: "")
    " WHERE o.account_id = d.account_id AND o.phone_hash = d.phone_hash AND o.phone_hash IS NOT NULL AND o.id >= $2
           AND o.key_hash <> d.key_hash)"
);

/// The same for deliveries as they are stored, by their rows.
pub(super) fn mark(deliveries: &Rows, now: Timestamp) -> Query {
    query(MARK).bind(deliveries).bind(retention::first_id("dlv", now - LOOK_BACK))
}

impl Store {
    /// What the deliveries are compared by that come of these plans. Most batches have none, and ask the database nothing.
    pub(super) async fn phones_of(&self, lanes: &[PlannedLane], now: Timestamp) -> Result<Phones> {
        let mut phones = Phones::new();
        for lane in lanes {
            let numbers: Vec<_> = lane.planned.iter().filter_map(number).collect();
            if numbers.is_empty() {
                continue;
            }
            let key = self.subject_key(&lane.lease.account_id, now).await?;
            phones.extend(numbers.into_iter().map(|(event, number)| (event.clone(), key.hash(&number))));
        }
        Ok(phones)
    }

    /// The other leads that may be of the same person, the newest first, as far as a page names them.
    pub async fn duplicates_of(&self, delivery: &Delivery) -> Result<Vec<EventId>> {
        let others: Vec<String> = query(sql!(
            "SELECT DISTINCT o.event_id FROM deliveries AS d CROSS JOIN deliveries AS o"
            on(sqlite: " INDEXED BY deliveries_by_phone", postgres: "")
            " WHERE d.account_id = $1 AND d.id = $2 AND o.account_id = d.account_id AND o.phone_hash = d.phone_hash
               AND o.phone_hash IS NOT NULL AND o.key_hash <> d.key_hash ORDER BY o.event_id DESC LIMIT $3"
        ))
        .bind(delivery.account_id.as_str())
        .bind(delivery.id.as_str())
        .bind(NAMED_MAX)
        .fetch_all(&self.db)
        .await?;
        Ok(others.into_iter().map(EventId::stored).collect())
    }
}

/// The number of a contact that is recognised by no address.
fn number(planned: &PlannedEvent) -> Option<(&EventId, Identity)> {
    let Decision::Planned { plan, .. } = &planned.decision else { return None };
    Some((&planned.event.id, Identity::phone(plan.phone_without_email()?)?))
}
