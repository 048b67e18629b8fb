//! Newer leads of the same persons, for old ones that are released or replayed.

use super::{Result, Rows, Sql, Store, parse, query, retention, sql};
use crate::model::delivery::{Claimed, Progress};
use crate::model::id::EventId;
use crate::model::lane::Lease;
use crate::plan::Plan;

/// Deliveries of an account that are looked through, the newest: some months of a busy dealership, in a fraction of a
/// second. An old lead of a larger account may not find what is older than these.
const LOOKED_AT_MAX: i64 = 50_000;
/// Of those, so many are read with their plans.
const FOUND_MAX: i64 = 1_000;

/// A lead that was delivered.
#[derive(Clone, Debug)]
pub struct NewerLead {
    pub event_id: EventId,
    /// Of the person it is about.
    pub key_hash: String,
    /// Under the names by which it was written; none where it is no longer kept.
    pub plan: Option<Plan>,
    pub progress: Progress,
}

// Read through the ids first, which is narrow, and only what was found with all that belongs to it.
pub(super) const NEWER: Sql = sql!(
    "SELECT n.event_id, n.key_hash, p.plan, d.outcome
     FROM (SELECT x.id, x.event_id, x.key_hash, x.connection_id, x.state FROM deliveries AS x
           WHERE x.account_id = $1 AND x.id > $2 ORDER BY x.id DESC LIMIT $5) AS n
     JOIN deliveries AS d ON d.account_id = $1 AND d.id = n.id
     LEFT JOIN plans AS p ON p.delivery_id = n.id AND p.account_id = $1
     WHERE n.connection_id = $3 AND n.state = 'delivered' AND n.key_hash IN " list("$4") " ORDER BY n.event_id DESC LIMIT $6"
);

impl Store {
    /// What was delivered to a connection for the persons of these leads, and came after the oldest of them; the newest
    /// first.
    pub async fn newer_leads(&self, lease: &Lease, old: &[&Claimed]) -> Result<Vec<NewerLead>> {
        let persons: Vec<_> = old.iter().filter_map(|claimed| claimed.key_hash.as_deref()).collect();
        let Some(oldest) = old.iter().map(|claimed| claimed.event_id.as_str()).min().filter(|_| !persons.is_empty())
        else {
            return Ok(Vec::new());
        };
        let rows: Vec<(String, String, Option<String>, String)> = query(NEWER)
            .bind(lease.account_id.as_str())
            .bind(retention::first_id_since("dlv", oldest))
            .bind(&lease.lane_id)
            .bind(Rows::of(&persons))
            .bind(LOOKED_AT_MAX)
            .bind(FOUND_MAX)
            .fetch_all(&self.db)
            .await?;
        let lead = |(event_id, key_hash, plan, outcome): (String, String, Option<String>, String)| {
            let (plan, progress): (Option<Plan>, Progress) =
                (plan.as_deref().map(parse).transpose()?, parse(&outcome)?);
            let plan = plan.map(|plan| progress.as_written(plan));
            Ok(NewerLead { event_id: EventId::stored(event_id), key_hash, plan, progress })
        };
        rows.into_iter().map(lead).collect()
    }
}
