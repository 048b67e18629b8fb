//! Deleting an account: what lets anybody in or anything out goes in one commit, the rest a page at a time.

use std::time::Duration;

use super::{Conn, Result, Rows, Sql, Store, json, parse, query, sql};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;

/// Rows that go in one commit: few enough that an event at the door does not notice.
const PAGE: i64 = 500;
/// A request that was let in before, and a round that was under way, have ended by then. What they stored goes, too.
const UNDER_WAY: Duration = Duration::from_secs(60 * 60);
/// How often it is looked for that.
const SWEPT_EVERY: Duration = Duration::from_secs(5 * 60);

/// What deleting an account came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteAccount {
    Deleted,
    /// It is connected to HubSpot, or its disconnecting is not done yet.
    Connected,
    /// Somebody was quicker.
    Gone,
}

/// What goes at once, with the columns by which a row is told within its account: its lanes first, which whoever works on
/// it holds; then the ways into it and out of it, and what goes on by itself.
const AT_ONCE: [(&str, &str); 23] = [
    ("lanes", "id"),
    ("sources", "id"),
    ("source_secrets", "source_id, id"),
    ("connections", "id"),
    ("subscriptions", "event_type, connection_id"),
    ("bindings", "connection_id, event_type, id"),
    ("pauses", "lane_id"),
    ("tickets", "hash"),
    ("consents", "state"),
    ("people", "id"),
    ("api_keys", "id"),
    ("sign_in_links", "hash"),
    ("sessions", "id"),
    ("alert_rules", "id"),
    ("alert_turns", "account_id"),
    ("outbox", "id"),
    ("replays", "id"),
    ("fills", "connection_id"),
    ("erasures", "id"),
    ("causes", "id"),
    ("wishes", "kind, about"),
    ("watched", "account_id"),
    ("account_notes", "number"),
];

/// What may be long. Whatever hangs on it goes with it: its key begins with another id than the account's.
const LONG: [(&str, &[(&str, &str)]); 3] = [
    ("deliveries", &[("plans", "delivery_id")]),
    ("events", &[("event_bodies", "event_id")]),
    ("calls", &[("call_requests", "call_id"), ("call_answers", "call_id")]),
];

/// Everything else.
const REST: [(&str, &str); 31] = [
    ("work", "lane_id, band, due_at, item_id"),
    ("attempts", "delivery_id, number"),
    ("run_logs", "event_id, version_id"),
    ("runs", "event_id, id"),
    ("event_keys", "source_id, sender_id"),
    ("lead_words", "hour, word, event_id"),
    ("lead_tail", "hour, event_id"),
    ("lead_changes", "id"),
    ("lead_hours", "hour, dealership"),
    ("hours_filled", "account_id"),
    ("hours_changed", "hour"),
    ("held", "cause_id, item_id"),
    ("past_causes", "id"),
    ("cause_comments", "cause_id, number"),
    ("portal_schemas", "connection_id"),
    ("drift", "connection_id, code, subject"),
    ("dropped", "connection_id, object_type, record_id, property, delivery_id"),
    ("replay_skips", "replay_id, event_id"),
    ("transformations", "id"),
    ("versions", "id"),
    ("version_samples", "version_id, name"),
    ("components", "hash"),
    ("uploads", "id"),
    ("breakers", "binding_id"),
    ("shadow_runs", "id"),
    ("waivers", "id"),
    ("subject_keys", "account_id"),
    ("suppressions", "id"),
    ("alerts", "rule_id, subject"),
    ("saved_views", "id"),
    ("dismissed", "item"),
];

/// What is noted of people: last, since deleting may still be noted.
const NOTED: [(&str, &str); 2] = [("kept_answers", "asker, key"), ("audit", "id")];

/// A connection that holds on to HubSpot: of one that was let go, no token is left.
const CONNECTED: Sql = sql!(
    "SELECT count(*) FROM connections WHERE account_id = $1 AND (state <> 'disconnected' OR ends_at IS NOT NULL OR token <> '')"
);

impl Store {
    /// Whether an account has to be disconnected before it can be deleted.
    pub async fn holds_on_to_hubspot(&self, account: &AccountId) -> Result<bool> {
        Ok(query(CONNECTED).bind(account.as_str()).fetch_one::<i64>(&self.db).await? > 0)
    }

    /// Deletes an account. Its rows go a page at a time, by [`Store::remove_deleted`].
    pub async fn delete_account(&self, account: &AccountId, now: Timestamp) -> Result<DeleteAccount> {
        let account = account.to_string();
        let delete = self.db.write(move |tx| {
            Box::pin(async move {
                let of = |sql: Sql| query(sql).bind(&account);
                // Whoever connects it right now is waited for, or finds that it is gone.
                let there = of(sql!("SELECT id FROM accounts WHERE id = $1" on(sqlite: "", postgres: " FOR UPDATE")));
                if there.fetch_optional::<String>(&mut *tx).await?.is_none() {
                    return Ok(DeleteAccount::Gone);
                }
                if of(CONNECTED).fetch_one::<i64>(&mut *tx).await? > 0 {
                    return Ok(DeleteAccount::Connected);
                }
                let sources = of(sql!("SELECT id FROM sources WHERE account_id = $1"));
                let sources: Vec<String> = sources.fetch_all(&mut *tx).await?;
                for (table, _) in AT_ONCE {
                    of(Sql::same(format!("DELETE FROM {table} WHERE account_id = $1"))).execute(&mut *tx).await?;
                }
                of(sql!("DELETE FROM accounts WHERE id = $1")).execute(&mut *tx).await?;
                let mark = sql!("INSERT INTO deleted_accounts (account_id, deleted_at, sources) VALUES ($1, $2, $3)");
                of(mark).bind(now.0).bind(json(&sources)).execute(tx).await?;
                Ok(DeleteAccount::Deleted)
            })
        });
        delete.await
    }

    /// The accounts of which something may be left.
    pub async fn deleted_accounts(&self, now: Timestamp) -> Result<Vec<AccountId>> {
        let deleted = query(sql!(
            "SELECT account_id FROM deleted_accounts WHERE swept_at IS NULL OR swept_at < $1 ORDER BY account_id"
        ));
        let deleted: Vec<String> = deleted.bind((now - SWEPT_EVERY).0).fetch_all(&self.db).await?;
        Ok(deleted.into_iter().map(AccountId::stored).collect())
    }

    /// Removes a page of what is left of a deleted account. Says whether there was any.
    pub async fn remove_deleted(&self, account: &AccountId, now: Timestamp) -> Result<bool> {
        let account = account.to_string();
        self.db.write(move |tx| Box::pin(async move { remove(tx, &account, now).await })).await
    }
}

async fn remove(tx: &mut Conn, account: &str, now: Timestamp) -> Result<bool> {
    if !tx.keep_house().await? {
        return Ok(false);
    }
    for (table, behind) in LONG {
        if page_of(tx, account, table, behind).await? {
            return Ok(true);
        }
    }
    for (table, key) in REST.into_iter().chain(AT_ONCE).chain(NOTED) {
        let page = query(Sql::same(format!(
            "DELETE FROM {table} WHERE account_id = $1 AND ({key}) IN (SELECT {key} FROM {table} WHERE account_id = $1 LIMIT $2)"
        )));
        if page.bind(account).bind(PAGE).execute(&mut *tx).await? > 0 {
            return Ok(true);
        }
    }
    let sources = query(sql!("SELECT sources FROM deleted_accounts WHERE account_id = $1")).bind(account);
    let sources: Option<String> = sources.fetch_optional(&mut *tx).await?;
    let sources: Vec<String> = sources.as_deref().map_or(Ok(Vec::new()), parse)?;
    let rejected = query(sql!(
        "DELETE FROM rejected WHERE (source_id, id) IN (
           SELECT r.source_id, r.id FROM " list("$1") " AS j JOIN rejected AS r ON r.source_id = j.value LIMIT $2)"
    ));
    if rejected.bind(Rows::of(&sources)).bind(PAGE).execute(&mut *tx).await? > 0 {
        return Ok(true);
    }
    let over = query(sql!("DELETE FROM deleted_accounts WHERE account_id = $1 AND deleted_at < $2"));
    over.bind(account).bind((now - UNDER_WAY).0).execute(&mut *tx).await?;
    let swept = query(sql!("UPDATE deleted_accounts SET swept_at = $2 WHERE account_id = $1"));
    swept.bind(account).bind(now.0).execute(tx).await?;
    Ok(false)
}

async fn page_of(tx: &mut Conn, account: &str, table: &str, behind: &[(&str, &str)]) -> Result<bool> {
    let ids = query(Sql::same(format!("SELECT id FROM {table} WHERE account_id = $1 ORDER BY id LIMIT $2")));
    let ids: Vec<String> = ids.bind(account).bind(PAGE).fetch_all(&mut *tx).await?;
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(false) };
    for (table, id) in behind.iter().copied().chain([(table, "id")]) {
        // Between the first and the last of them, so that Postgres looks into few partitions.
        let head = format!("DELETE FROM {table} WHERE account_id = $1 AND {id} >= $2 AND {id} <= $3 AND {id} IN ");
        let among = sql!(list("$4"));
        let page = Sql {
            sqlite: format!("{head}{}", among.sqlite).into(),
            postgres: format!("{head}{}", among.postgres).into(),
        };
        query(page).bind(account).bind(first).bind(last).bind(Rows::of(&ids)).execute(&mut *tx).await?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeyRing;
    use crate::store::Database;

    /// Not of an account, though they say whose they are: they stand for the service itself.
    const OF_THE_SERVICE: [&str; 3] = ["deleted_accounts", "processes", "read_only"];

    #[tokio::test]
    async fn every_table_that_has_accounts_is_among_those_that_go() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyRing::open_file(&folder.path().join("keys")).unwrap();
        let store = Store::open(&Database::File(folder.path().join("leadline.db")), keys).await.unwrap();
        let there = query(sql!(
            "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND c.name = 'account_id' ORDER BY m.name"
        ));
        let there: Vec<String> = there.fetch_all(&store.db).await.unwrap();
        let long = LONG.iter().flat_map(|(table, behind)| behind.iter().map(|row| row.0).chain([*table]));
        let short = AT_ONCE.iter().chain(&REST).chain(&NOTED).map(|row| row.0);
        let mut known: Vec<_> = long.chain(short).chain(OF_THE_SERVICE).collect();
        known.sort_unstable();
        assert_eq!(known, there);
    }
}
