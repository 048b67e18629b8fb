//! Hours that are over are added up and stored, once each; and one that changed since is added up again.

use std::time::Duration;

use serde::Serialize;

use super::super::retention::time_of;
use super::super::{HOUSE, Query, Result, Rows, Store, json, query, sql};
use super::{COMMIT_LAG, Depth, HourOfLeads, HoursOfLeads, count, house, key};
use crate::hours::{begin, hour};
use crate::model::id::{AccountId, EventId};
use crate::model::time::Timestamp;

/// An hour is stored when it has been over for so long: what is on its way then takes long.
pub(super) const OVER: Duration = Duration::from_secs(60 * 60);
/// Leads that are added up at once beside everything else.
const FILL_MAX: i64 = 20_000;
/// Hours that are added up at once.
const FILL_HOURS: i64 = 24;

impl Store {
    /// Adds up some hours that are over, or one that changed since; says whether there were any.
    pub async fn fill_hours(&self, now: Timestamp) -> Result<bool> {
        let over = hour(now - OVER);
        Ok(self.fill_changed().await? || self.fill_next(over).await? || self.fill_house(over).await?)
    }

    async fn fill_changed(&self) -> Result<bool> {
        // The house comes after all accounts: its id is behind theirs.
        let changed = sql!("SELECT account_id, hour, times FROM hours_changed ORDER BY account_id, hour LIMIT 1");
        let Some((account, hour, times)) = query(changed).fetch_optional::<(String, i64, i64)>(&self.db).await? else {
            return Ok(false);
        };
        let account = AccountId::stored(account);
        let hours = match account.as_str() {
            HOUSE => self.hours_of_accounts(hour, hour + 1).await?,
            _ => self.count(&account, hour, hour + 1, i64::MAX).await?.hours,
        };
        let forget = query(sql!("DELETE FROM hours_changed WHERE account_id = $1 AND hour = $2 AND times = $3"));
        let forget = forget.bind(account.as_str()).bind(hour).bind(times);
        // One that is not stored yet is added up when its turn comes.
        let is_filled =
            query(sql!("SELECT CAST(1 AS bigint) FROM hours_filled WHERE account_id = $1 AND filled_to > $2"));
        let is_filled = is_filled.bind(account.as_str()).bind(hour);
        let keep = replacing(&account, hour, hour + 1, &hours).into_iter().chain(house::changed(&account, hour));
        let stored = self.db.write(move |tx| {
            Box::pin(async move {
                if forget.execute(&mut *tx).await? == 1 && is_filled.fetch_optional::<i64>(&mut *tx).await?.is_some() {
                    for statement in keep {
                        statement.execute(&mut *tx).await?;
                    }
                }
                Ok(())
            })
        });
        stored.await?;
        Ok(true)
    }

    async fn fill_next(&self, over: i64) -> Result<bool> {
        let end = EventId::earliest(begin(over));
        let next: Option<(String, Option<i64>, Option<String>)> = query(sql!(
            "SELECT a.id, f.filled_to, f.ids_from FROM accounts AS a LEFT JOIN hours_filled AS f ON f.account_id = a.id
             WHERE coalesce(f.filled_to, 0) < $1 AND EXISTS (
               SELECT 1 FROM events AS e WHERE e.account_id = a.id AND e.id >= coalesce(f.ids_from, 'evt_') AND e.id < $2) LIMIT 1"
        ))
        .bind(over)
        .bind(end.as_str())
        .fetch_optional(&self.db)
        .await?;
        let Some((account, filled_to, ids_from)) = next else { return Ok(false) };
        let account = AccountId::stored(account);
        let first: Option<String> =
            query(sql!("SELECT id FROM events WHERE account_id = $1 AND id >= $2 ORDER BY id LIMIT 1"))
                .bind(account.as_str())
                .bind(ids_from.unwrap_or_default())
                .fetch_optional(&self.db)
                .await?;
        let first = first.as_deref().and_then(time_of).map_or(over - 1, hour).max(filled_to.unwrap_or(0)).min(over - 1);
        let to = (first + FILL_HOURS).min(over);
        let (to, counted) = match self.count(&account, first, to, FILL_MAX).await? {
            counted if counted.complete_from.is_none() => (to, counted),
            _ => (first + 1, self.count(&account, first, first + 1, i64::MAX).await?),
        };
        self.keep_hours(&account, (first, to), &counted.hours).await?;
        Ok(true)
    }

    /// Stores the figures of hours that are over, and that these are added up. Where another process was quicker, what it
    /// stored stays: it may be newer.
    pub(super) async fn keep_hours(
        &self,
        account: &AccountId,
        (from, to): (i64, i64),
        hours: &[HourOfLeads],
    ) -> Result<()> {
        let filled = query(sql!(
            "INSERT INTO hours_filled (account_id, filled_to, ids_from) VALUES ($1, $2, $3)
             ON CONFLICT (account_id) DO UPDATE SET filled_to = excluded.filled_to, ids_from = excluded.ids_from
             WHERE hours_filled.filled_to < excluded.filled_to"
        ));
        let ids_from = EventId::earliest(begin(to) - COMMIT_LAG);
        let filled = filled.bind(account.as_str()).bind(to).bind(ids_from.as_str());
        let keep = replacing(account, from, to, hours);
        let stored = self.db.write(move |tx| {
            Box::pin(async move {
                if filled.execute(&mut *tx).await? == 1 {
                    for statement in keep {
                        statement.execute(&mut *tx).await?;
                    }
                }
                Ok(())
            })
        });
        stored.await
    }

    async fn count(&self, account: &AccountId, from: i64, to: i64, most: i64) -> Result<HoursOfLeads> {
        let account = account.clone();
        let counted = self
            .db
            .read(move |conn| Box::pin(async move { count(conn, &account, (from, to), most, Depth::Fields).await }));
        counted.await
    }
}

/// Puts these figures in the place of those that are stored of the hours.
fn replacing(account: &AccountId, from: i64, to: i64, hours: &[HourOfLeads]) -> [Query; 2] {
    #[derive(Serialize)]
    struct Row {
        hour: i64,
        dealership: String,
        figures: String,
    }
    let rows: Vec<_> = hours
        .iter()
        .map(|of| Row { hour: hour(of.hour), dealership: key(of.dealership.as_deref()), figures: json(&of.figures) })
        .collect();
    let forget = query(sql!("DELETE FROM lead_hours WHERE account_id = $1 AND hour >= $2 AND hour < $3"));
    let keep = query(sql!(
        "INSERT INTO lead_hours (account_id, hour, dealership, figures)
         SELECT $1, j.hour, j.dealership, j.figures FROM " rows("$2"; hour bigint, dealership text, figures text) " AS j
         WHERE true ON CONFLICT (account_id, hour, dealership) DO UPDATE SET figures = excluded.figures"
    ));
    let account = account.as_str();
    [forget.bind(account).bind(from).bind(to), keep.bind(account).bind(Rows::of(&rows))]
}
