//! The leads that are about a person, or name him: looked for in what is kept, some at once.

use std::collections::HashSet;

use super::super::{Conn, Result, Rows, Sql, Store, query, sql};
use crate::model::id::{AccountId, EventId};
use crate::subject::Subject;

/// Events that are looked through at once.
const SCANNED: i64 = 1_000;

/// Events in the order in which they came, looked through for a person.
#[derive(Debug)]
pub struct Swept {
    /// Those that are about the person, or name him.
    pub found: Vec<EventId>,
    /// The last one that was looked at, where there was one.
    pub last: Option<EventId>,
    /// How many were looked through.
    pub looked: usize,
    /// There are no others in the range.
    pub is_end: bool,
}

const EVENTS: Sql = sql!(
    "SELECT e.id, e.state, e.reason, b.body FROM events AS e
     LEFT JOIN event_bodies AS b ON b.event_id = e.id AND b.account_id = e.account_id
     WHERE e.account_id = $1 AND e.id > $2 AND e.id <= $3 ORDER BY e.id LIMIT $4"
);

// Found by the index first: SQLite would rather read every delivery of an account than look up each found one. So it is
// told the index wherever deliveries are found by their events.
const DELIVERIES: Sql = sql!(
    "SELECT d.event_id, d.key_hash, d.outcome, d.reason FROM deliveries AS k CROSS JOIN deliveries AS d
     WHERE k.account_id = $1 AND k.event_id IN " list("$2") " AND d.account_id = k.account_id AND d.id = k.id"
);

type EventRow = (String, String, Option<String>, Option<String>);
type DeliveryRow = (String, Option<String>, String, Option<String>);

impl Store {
    /// The events of an account after one, up to another, that are about a person or name him: in what they said, in what
    /// is told of them, or by the key under which they were delivered, which is known when the rest is long gone.
    pub async fn leads_about(
        &self,
        account: &AccountId,
        (after, last): (&EventId, &EventId),
        subject: &Subject,
    ) -> Result<Swept> {
        let (account, after, last, subject) = (account.clone(), after.clone(), last.clone(), subject.clone());
        self.db.read(move |conn| Box::pin(async move { sweep(conn, &account, (&after, &last), &subject).await })).await
    }
}

async fn sweep(
    conn: &mut Conn,
    account: &AccountId,
    (after, last): (&EventId, &EventId),
    subject: &Subject,
) -> Result<Swept> {
    let events: Vec<EventRow> = query(EVENTS)
        .bind(account.as_str())
        .bind(after.as_str())
        .bind(last.as_str())
        .bind(SCANNED)
        .fetch_all(&mut *conn)
        .await?;
    let ids: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    let deliveries: Vec<DeliveryRow> =
        query(DELIVERIES).bind(account.as_str()).bind(Rows::of(&ids)).fetch_all(conn).await?;
    let keys = subject.key_hashes();
    let names = |text: &Option<String>| text.as_ref().is_some_and(|text| subject.is_in_json(text));
    let by_delivery: HashSet<_> = deliveries
        .into_iter()
        .filter(|(_, key, outcome, reason)| {
            key.as_ref().is_some_and(|key| keys.contains(key)) || subject.is_in_json(outcome) || names(reason)
        })
        .map(|(event, ..)| event)
        .collect();
    let found = events.iter().filter(|(id, _, reason, body)| names(body) || names(reason) || by_delivery.contains(id));
    Ok(Swept {
        found: found.map(|event| EventId::stored(event.0.clone())).collect(),
        last: events.last().map(|event| EventId::stored(event.0.clone())),
        looked: events.len(),
        is_end: (events.len() as i64) < SCANNED,
    })
}
