//! Which key seals what, and sealing everything again with the key that stands first.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use sqlx::SqliteConnection;

use super::Store;

/// Every column that holds sealed values. Each is sealed for `{table}/{id}/{column}`.
const SEALED: [(&str, &str); 3] =
    [("connections", "token"), ("connections", "refresh_token"), ("source_secrets", "secret")];

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
    pub async fn keys_in_use(&self) -> sqlx::Result<Vec<(String, u64)>> {
        let mut counts = count_by_key(&mut *self.readers.acquire().await?).await?;
        let ids = self.keys.ids().into_iter();
        let mut keys: Vec<_> = ids.map(|id| counts.remove_entry(&id).unwrap_or((id, 0))).collect();
        // Those whose key is gone: nobody can open them.
        keys.extend(counts);
        Ok(keys)
    }

    /// Puts a new key first, unless an earlier rotation is still to be finished. Returns the new key's id.
    ///
    /// # Errors
    /// The database's, and when the key ring cannot be written.
    pub async fn begin_rotation(&self) -> anyhow::Result<Option<String>> {
        let keys = self.keys_in_use().await?;
        if keys.iter().skip(1).any(|(_, count)| *count > 0) {
            return Ok(None);
        }
        Ok(Some(self.keys.add_key()?))
    }

    /// Seals everything again that the first key does not seal, in pages. A value that changes meanwhile is left alone:
    /// whoever wrote it sealed it with the first key.
    ///
    /// # Errors
    /// The database's.
    pub async fn reseal(&self) -> sqlx::Result<Resealed> {
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
        table: &str,
        column: &str,
        after: (String, String),
        resealed: &mut Resealed,
    ) -> sqlx::Result<Option<(String, String)>> {
        let first = self.keys.ids().into_iter().next().unwrap_or_default();
        let mut tx = self.begin().await?;
        let select = format!(
            "SELECT account_id, id, {column} FROM {table} WHERE (account_id, id) > ($1, $2) AND {column} <> ''
             AND substr({column}, 1, instr({column}, '.') - 1) <> $3 ORDER BY account_id, id LIMIT $4"
        );
        let rows: Vec<(String, String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(select))
            .bind(after.0)
            .bind(after.1)
            .bind(first)
            .bind(PAGE)
            .fetch_all(&mut *tx)
            .await?;
        let update = format!("UPDATE {table} SET {column} = $4 WHERE account_id = $1 AND id = $2 AND {column} = $3");
        let mut last = None;
        for (account, id, old) in rows {
            let place = format!("{table}/{id}/{column}");
            match self.keys.open(&place, &old) {
                Ok(secret) => {
                    let new = self.keys.seal(&place, secret.expose_secret());
                    let query = sqlx::query(sqlx::AssertSqlSafe(update.clone()));
                    let done = query.bind(&account).bind(&id).bind(old).bind(new).execute(&mut *tx).await?;
                    resealed.values += done.rows_affected();
                }
                Err(error) => resealed.unreadable.push(format!("{place}: {error}")),
            }
            last = Some((account, id));
        }
        tx.commit().await?;
        Ok(last)
    }

    /// Takes the keys out of the ring that seal nothing, but for the first, and returns their ids. Whoever seals does so
    /// in a write transaction, so none of them comes into use meanwhile.
    ///
    /// # Errors
    /// The database's, and when the key ring cannot be written.
    pub async fn prune_keys(&self) -> anyhow::Result<Vec<String>> {
        let mut tx = self.begin().await?;
        let counts = count_by_key(&mut tx).await?;
        let unused: Vec<_> = self.keys.ids().into_iter().skip(1).filter(|id| !counts.contains_key(id)).collect();
        if !unused.is_empty() {
            self.keys.remove_keys(&unused)?;
        }
        tx.commit().await?;
        Ok(unused)
    }
}

async fn count_by_key(connection: &mut SqliteConnection) -> sqlx::Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for (table, column) in SEALED {
        let text = format!(
            "SELECT substr({column}, 1, instr({column}, '.') - 1), count(*) FROM {table} WHERE {column} <> '' GROUP BY 1"
        );
        let rows: Vec<(String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(&mut *connection).await?;
        for (key, count) in rows {
            *counts.entry(key).or_default() += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(counts)
}
