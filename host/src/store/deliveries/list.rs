//! Deliveries by themselves: listed, and found by their ids.

use super::{Row, columns, delivery};
use crate::model;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::event::Event;
use crate::model::id::{AccountId, DeliveryId};
use crate::store::{Result, ShownEvent, Sql, Store, query, sql};

const SELECT: Sql = sql!("SELECT " columns!());
/// Plans are in the order of the ids over all accounts.
const OF_ALL: Sql =
    sql!("SELECT " columns!() " FROM (SELECT delivery_id AS id, account_id FROM plans WHERE $1 IS NULL) AS b");
const OF_ACCOUNT: Sql =
    sql!("SELECT " columns!() " FROM (SELECT id, account_id FROM deliveries WHERE account_id = $1) AS b");
/// What is open stands in the queue: all that was done is not read for it.
const OPEN: Sql =
    sql!("SELECT " columns!() " FROM (SELECT item_id AS id, account_id FROM work WHERE account_id = $1) AS b");
/// States that are rare have an index of their own, which SQLite is told.
const MARKED: Sql = sql!(
    "SELECT " columns!() " FROM (SELECT id, account_id FROM deliveries"
    on(sqlite: " INDEXED BY deliveries_by_mark", postgres: "") " WHERE account_id = $1 AND mark = $2) AS b"
);

/// In text order behind every id.
const BEHIND_ALL: &str = "dlv_~";

/// Which deliveries to list.
#[derive(Debug, Default)]
pub struct DeliveryFilter {
    /// None: of all accounts; what is older than plans are kept is not among them.
    pub account: Option<AccountId>,
    pub state: Option<DeliveryState>,
    /// Only deliveries after this one.
    pub after: Option<DeliveryId>,
    /// Only deliveries before this one.
    pub older_than: Option<DeliveryId>,
    pub limit: u32,
}

impl Store {
    /// The deliveries that match, newest first; with `after`, oldest first.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>> {
        let (place, cursor, order) = match (&filter.after, &filter.older_than) {
            (Some(id), _) => (">", id.as_str(), "ASC"),
            (None, Some(id)) => ("<", id.as_str(), "DESC"),
            (None, None) => ("<", BEHIND_ALL, "DESC"),
        };
        let from = match (&filter.account, filter.state) {
            (None, _) => OF_ALL,
            (Some(_), None | Some(DeliveryState::Delivered)) => OF_ACCOUNT,
            (Some(_), Some(DeliveryState::Pending)) => OPEN,
            (Some(_), Some(DeliveryState::Blocked | DeliveryState::Failed | DeliveryState::Cancelled)) => MARKED,
        };
        let rest = format!(
            " CROSS JOIN deliveries AS d WHERE d.account_id = b.account_id AND d.id = b.id
               AND ($2 IS NULL OR d.state = $2) AND b.id {place} $3 ORDER BY b.id {order} LIMIT $4"
        );
        let rows: Vec<Row> = query(from.and(&rest))
            .bind(filter.account.as_ref().map(AccountId::as_str))
            .bind(filter.state.as_ref().map(model::word))
            .bind(cursor)
            .bind(filter.limit)
            .fetch_all(&self.db)
            .await?;
        rows.into_iter().map(delivery).collect()
    }

    /// The deliveries of an event, newest first: all of them, or those in one state.
    pub async fn deliveries_of_event(&self, event: &Event, state: Option<DeliveryState>) -> Result<Vec<Delivery>> {
        let all = self.deliveries_of(&event.account_id, &event.id).await?.into_iter().rev();
        Ok(all.filter(|one| state.is_none_or(|state| one.state == state)).collect())
    }

    /// One delivery.
    pub async fn find_delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        // As with events: every key begins with the account, and there are few enough to ask each.
        let find = SELECT.and(" FROM accounts AS a CROSS JOIN deliveries AS d WHERE d.account_id = a.id AND d.id = $1");
        let row: Option<Row> = query(find).bind(id.as_str()).fetch_optional(&self.db).await?;
        row.map(delivery).transpose()
    }

    /// The event of a delivery, with what became of it on this way: of its deliveries only this one.
    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<ShownEvent>> {
        let Some(delivery) = self.find_delivery(id).await? else { return Ok(None) };
        let Some(mut shown) = self.event(&delivery.event_id).await? else { return Ok(None) };
        shown.deliveries.retain(|one| one.delivery.id == *id);
        Ok(Some(shown).filter(|shown| !shown.deliveries.is_empty()))
    }
}
