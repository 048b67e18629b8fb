//! Which key seals what, and sealing everything again with the key that stands first.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use super::{Conn, Result, Sql, Store, query, sql};
use crate::model::time::Timestamp;

/// Every column that holds sealed values. Each is sealed for `{table}/{id}/{column}`.
const SEALED: [(&str, &str); 7] = [
    ("connections", "token"),
    ("connections", "refresh_token"),
    ("source_secrets", "secret"),
    ("subject_keys", "secret"),
    ("erasures", "subject"),
    ("alert_rules", "secret"),
    ("alert_rules", "old_secret"),
];

/// Values that are sealed again in one commit.
const PAGE: i64 = 200;

/// What sealing everything again came to.
#[derive(Debug, Default, serde::Serialize)]
pub struct Resealed {
    pub values: u64,
    /// Values that could not be opened, and why. They stay as they are.
    pub unreadable: Vec<String>,
}

impl Store {
    /// How many values each key seals, keys that seal nothing included; the one that seals first.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys_in_use(&self) -> Result<Vec<(String, u64)>> {
        let mut counts = self.db.read(|conn| Box::pin(count_by_key(conn))).await?;
        let ids = self.keys.ids().into_iter();
        let mut keys: Vec<_> = ids.map(|id| counts.remove_entry(&id).unwrap_or((id, 0))).collect();
        // Those whose key is gone: nobody can open them.
        keys.extend(counts);
        Ok(keys)
    }

    /// The keys of the ring, the one that seals first.
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.ids()
    }

    /// Puts a new key first, unless an earlier rotation is still to be finished. Returns the new key's id.
    ///
    /// # Errors
    /// The database's, and when the key ring cannot be written.
    pub async fn begin_rotation(&self, now: Timestamp) -> anyhow::Result<Option<String>> {
        let keys = self.keys_in_use().await?;
        if keys.iter().skip(1).any(|(_, count)| *count > 0) {
            return Ok(None);
        }
        let id = self.keys.add_key()?;
        self.note_key(&id, now, true).await?;
        Ok(Some(id))
    }

    /// Since when each of these keys is known, and whether it was made then. Those that nobody has seen yet are from now on.
    pub async fn known_keys(&self, ids: &[String], now: Timestamp) -> Result<BTreeMap<String, (Timestamp, bool)>> {
        let mut known = self.noted_keys().await?;
        for id in ids.iter().filter(|id| !known.contains_key(*id)).collect::<Vec<_>>() {
            self.note_key(id, now, false).await?;
            known.insert(id.clone(), (now, false));
        }
        Ok(known)
    }

    async fn noted_keys(&self) -> Result<BTreeMap<String, (Timestamp, bool)>> {
        let rows: Vec<(String, i64, i64)> =
            query(sql!("SELECT id, known_at, is_exact FROM ring_keys ORDER BY id")).fetch_all(&self.db).await?;
        Ok(rows.into_iter().map(|(id, at, is_exact)| (id, (Timestamp(at), is_exact != 0))).collect())
    }

    async fn note_key(&self, id: &str, at: Timestamp, is_exact: bool) -> Result<()> {
        let note = query(sql!(
            "INSERT INTO ring_keys (id, known_at, is_exact) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"
        ));
        note.bind(id).bind(at.0).bind(i64::from(is_exact)).execute(&self.db).await.map(drop)
    }

    /// Seals everything again that the first key does not seal, in pages. A value that changes meanwhile is left alone:
    /// whoever wrote it sealed it with the first key.
    ///
    /// # Errors
    /// The database's.
    pub async fn reseal(&self) -> Result<Resealed> {
        let mut resealed = Resealed::default();
        for (table, column) in SEALED {
            let mut after = (String::new(), String::new());
            while let Some(last) = self.reseal_page(table, column, after, &mut resealed).await? {
                after = last;
            }
        }
        Ok(resealed)
    }

    async fn reseal_page(
        &self,
        table: &'static str,
        column: &'static str,
        after: (String, String),
        resealed: &mut Resealed,
    ) -> Result<Option<(String, String)>> {
        let first = self.keys.ids().into_iter().next().unwrap_or_default();
        let select = format!(
            "SELECT account_id, id, {column} FROM {table} WHERE (account_id, id) > ($1, $2) AND {column} <> ''
             AND {column} NOT LIKE $3 ORDER BY account_id, id LIMIT $4"
        );
        // The ids of keys are hexadecimal, so nothing in them has a meaning for LIKE.
        let select = query(Sql::same(select)).bind(after.0).bind(after.1).bind(format!("{first}.%")).bind(PAGE);
        let keys = self.keys.clone();
        let page = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let update =
                    format!("UPDATE {table} SET {column} = $4 WHERE account_id = $1 AND id = $2 AND {column} = $3");
                let (mut page, mut last) = (Resealed::default(), None);
                for (account, id, old) in select.fetch_all::<(String, String, String)>(&mut *tx).await? {
                    let place = format!("{table}/{id}/{column}");
                    match keys.open(&place, &old) {
                        Ok(secret) => {
                            let new = keys.seal(&place, secret.expose_secret());
                            let update = query(Sql::same(update.clone())).bind(&account).bind(&id).bind(old).bind(new);
                            page.values += update.execute(&mut *tx).await?;
                        }
                        Err(error) => page.unreadable.push(format!("{place}: {error}")),
                    }
                    last = Some((account, id));
                }
                Ok((page, last))
            })
        });
        let (page, last) = page.await?;
        resealed.values += page.values;
        resealed.unreadable.extend(page.unreadable);
        Ok(last)
    }

    /// Takes the keys out of the ring that seal nothing, but for the first, and returns their ids. Whoever seals does so
    /// in a write transaction, so none of them comes into use meanwhile.
    ///
    /// # Errors
    /// The database's, and when the key ring cannot be written.
    pub async fn prune_keys(&self) -> anyhow::Result<Vec<String>> {
        let keys = self.keys.clone();
        let prune = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(true).await?;
                let counts = count_by_key(tx).await?;
                let unused: Vec<_> = keys.ids().into_iter().skip(1).filter(|id| !counts.contains_key(id)).collect();
                let removed = if unused.is_empty() { Ok(()) } else { keys.remove_keys(&unused) };
                Ok(removed.map(|()| unused))
            })
        });
        prune.await?
    }
}

async fn count_by_key(connection: &mut Conn) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for (table, column) in SEALED {
        let select = sql!("SELECT substr(sealed, 1, " on(sqlite: "instr(sealed, '.')", postgres: "strpos(sealed, '.')") " - 1), count(*) FROM ");
        let select =
            select.and(&format!("(SELECT {column} AS sealed FROM {table} WHERE {column} <> '') AS t GROUP BY 1"));
        for (key, count) in query(select).fetch_all::<(String, i64)>(&mut *connection).await? {
            *counts.entry(key).or_default() += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(counts)
}
