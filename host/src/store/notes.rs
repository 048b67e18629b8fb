//! What support keeps in mind about an account.

use super::{Result, Store, query, sql};
use crate::model::account::AccountNote;
use crate::model::id::AccountId;
use crate::model::time::Timestamp;

impl Store {
    /// Keeps a note, unless there are as many already as there may be.
    pub async fn note_on_account(&self, account: &AccountId, note: &AccountNote, notes_max: u32) -> Result<bool> {
        let insert = query(sql!(
            "INSERT INTO account_notes (account_id, number, at, by_whom, words)
             SELECT $1, coalesce(max(n.number), 0) + 1, $2, $3, $4 FROM account_notes AS n
             WHERE n.account_id = $1 HAVING count(*) < $5"
        ));
        let insert = insert.bind(account.as_str()).bind(note.at.0).bind(&note.by).bind(&note.text).bind(notes_max);
        Ok(insert.execute(&self.db).await? > 0)
    }

    /// The notes on an account, the newest first.
    pub async fn account_notes(&self, account: &AccountId) -> Result<Vec<AccountNote>> {
        let rows: Vec<(i64, i64, String, String)> = query(sql!(
            "SELECT number, at, by_whom, words FROM account_notes WHERE account_id = $1 ORDER BY number DESC"
        ))
        .bind(account.as_str())
        .fetch_all(&self.db)
        .await?;
        let note = |(number, at, by, text)| AccountNote { number, at: Timestamp(at), by, text };
        Ok(rows.into_iter().map(note).collect())
    }

    /// Takes a note out. Says whether it was there.
    pub async fn delete_account_note(&self, account: &AccountId, number: i64) -> Result<bool> {
        let delete = query(sql!("DELETE FROM account_notes WHERE account_id = $1 AND number = $2"));
        Ok(delete.bind(account.as_str()).bind(number).execute(&self.db).await? > 0)
    }
}
