//! What an account keeps for less than others do, and what so many days would remove.

use serde::Serialize;

use super::super::{Result, Rows, Sql, Store, privacy, query, sql};
use super::{PAGE, TIME_DIGITS};
use crate::model::id::{AccountId, EventId};
use crate::model::time::{DAY, Timestamp};

/// An account that keeps what holds personal data for less than others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptShorter {
    pub account: AccountId,
    pub days: u32,
}

/// What a number of days would remove of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RetentionEffect)]
pub struct Effect {
    /// Leads whose details are kept now.
    pub kept: u64,
    /// Of these, those that would go at once.
    pub removed: u64,
    /// There are more of both: the count ends at 10,000.
    pub is_more: bool,
}

/// Leads that a preview counts.
const COUNTED_MAX: i64 = 10_000;

/// Leads of accounts, from a time before another, that still say something and wait for nothing.
const OLD_LEADS: Sql = sql!(
    "SELECT e.account_id, e.id FROM " rows("$1"; account text, from_id text, to_id text) " AS j CROSS JOIN events AS e
     WHERE e.account_id = j.account AND e.id >= 'evt_' || j.from_id AND e.id < 'evt_' || j.to_id AND e.state NOT IN ('received', 'held')
       AND EXISTS (SELECT 1 FROM event_bodies AS b WHERE b.event_id = e.id AND b.account_id = e.account_id)
       AND NOT EXISTS (SELECT 1 FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = e.account_id AND d.event_id = e.id AND d.state IN ('pending', 'blocked')) LIMIT $2"
);

/// Calls of accounts, from a time before another, of which something is kept.
const OLD_CALLS: Sql = sql!(
    "SELECT c.account_id, c.id FROM " rows("$1"; account text, from_id text, to_id text) " AS j CROSS JOIN calls AS c
     WHERE c.account_id = j.account AND c.id >= 'cal_' || j.from_id AND c.id < 'cal_' || j.to_id AND c.settled = 1
       AND EXISTS (SELECT 1 FROM call_requests AS q WHERE q.call_id = c.id AND q.account_id = c.account_id) LIMIT $2"
);

impl Store {
    /// For how many days an account wants to keep what holds personal data; none: as the service is set.
    pub async fn keep_days(&self, account: &AccountId) -> Result<Option<u32>> {
        let days: Option<Option<i64>> = query(sql!("SELECT keep_days FROM accounts WHERE id = $1"))
            .bind(account.as_str())
            .fetch_optional(&self.db)
            .await?;
        Ok(days.flatten().and_then(|days| u32::try_from(days).ok()))
    }

    /// Sets that.
    pub async fn set_keep_days(&self, account: &AccountId, days: Option<u32>) -> Result<()> {
        let set = query(sql!("UPDATE accounts SET keep_days = $2 WHERE id = $1"));
        set.bind(account.as_str()).bind(days.map(i64::from)).execute(&self.db).await.map(drop)
    }

    /// The most days that any account keeps it, where `default` is what an account keeps that wants nothing else.
    pub async fn longest_kept(&self, default: u32) -> Result<u32> {
        let longest: Option<i64> = query(sql!("SELECT max(keep_days) FROM accounts")).fetch_one(&self.db).await?;
        Ok(longest.and_then(|days| u32::try_from(days).ok()).unwrap_or(0).max(default))
    }

    /// Accounts that keep it for fewer days than `longest`.
    pub async fn kept_shorter(&self, default: u32, longest: u32) -> Result<Vec<KeptShorter>> {
        let rows: Vec<(String, i64)> = query(sql!(
            "SELECT id, coalesce(keep_days, $1) FROM accounts WHERE coalesce(keep_days, $1) < $2 ORDER BY id"
        ))
        .bind(default)
        .bind(longest)
        .fetch_all(&self.db)
        .await?;
        let shorter = |(account, days): (String, i64)| KeptShorter {
            account: AccountId::stored(account),
            days: u32::try_from(days).unwrap_or(default),
        };
        Ok(rows.into_iter().map(shorter).collect())
    }

    /// Removes a page of what these accounts keep no longer, though others would. What went with the partitions of
    /// everybody, from before `longest` days, is not looked for.
    pub async fn remove_of(&self, accounts: &[KeptShorter], longest: u32, now: Timestamp) -> Result<u64> {
        let ranges = ranges(accounts, longest, now);
        let page = |sql: Sql| query(sql).bind(&ranges).bind(PAGE);
        let leads: Vec<(String, String)> = page(OLD_LEADS).fetch_all(&self.db).await?;
        let calls: Vec<(String, String)> = page(OLD_CALLS).fetch_all(&self.db).await?;
        if leads.is_empty() && calls.is_empty() {
            return Ok(0);
        }
        let rows = (leads.len() + calls.len()) as u64;
        let leads: Vec<_> = leads.into_iter().map(|(account, id)| (account, EventId::stored(id))).collect();
        let leads = privacy::lead_rows(&leads.iter().map(|(account, id)| (account.as_str(), id)).collect::<Vec<_>>());
        let calls = Rows::of(&calls.into_iter().map(|(account, id)| Call { account, id }).collect::<Vec<_>>());
        let remove = self.db.write(move |tx| {
            Box::pin(async move {
                for (statement, _) in privacy::stripping(&leads) {
                    statement.execute(&mut *tx).await?;
                }
                for statement in [
                    sql!("DELETE FROM call_requests WHERE (call_id, account_id) IN (SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"),
                    sql!("DELETE FROM call_answers WHERE (call_id, account_id) IN (SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"),
                ] {
                    query(statement).bind(&calls).execute(&mut *tx).await?;
                }
                Ok(rows)
            })
        });
        remove.await
    }

    /// What so many days would remove of an account.
    pub async fn effect_of_days(&self, account: &AccountId, days: u32, now: Timestamp) -> Result<Effect> {
        let count = async |days: u32| {
            let account = KeptShorter { account: account.clone(), days };
            let old = query(OLD_LEADS).bind(ranges(&[account], u32::MAX, now)).bind(COUNTED_MAX);
            old.fetch_all::<(String, String)>(&self.db).await.map(|leads| leads.len() as u64)
        };
        let (kept, removed) = (count(0).await?, count(days).await?);
        Ok(Effect { kept, removed, is_more: kept >= COUNTED_MAX as u64 })
    }
}

#[derive(Serialize)]
struct Call {
    account: String,
    id: String,
}

/// Of each account the times of what it keeps no longer, as the digits of ids.
fn ranges(accounts: &[KeptShorter], longest: u32, now: Timestamp) -> Rows {
    #[derive(Serialize)]
    struct Range {
        account: String,
        from_id: String,
        to_id: String,
    }
    let digits = |days: u32| format!("{:0TIME_DIGITS$x}", (now - DAY.saturating_mul(days)).0.max(0));
    let range = |kept: &KeptShorter| Range {
        account: kept.account.to_string(),
        from_id: digits(longest),
        to_id: digits(kept.days),
    };
    Rows::of(&accounts.iter().map(range).collect::<Vec<_>>())
}
