//! Whom an account's leads may not be about any more, by keyed hashes; and the key that makes them.

use secrecy::SecretString;
use serde_json::json;

use super::{Conn, Result, Rows, Sql, Store, StoreError, query, sql, word};
use crate::digest::random_text;
use crate::model;
use crate::model::erasure::{Hashed, Lifted, Suppression};
use crate::model::id::{AccountId, ErasureId, SubjectKeyId, SuppressionId};
use crate::model::time::Timestamp;
use crate::subject::{SubjectKey, Suppressed};

macro_rules! columns {
    () => {
        "SELECT account_id, id, kind, hash, reason, made_by, made_at, erasure_id, lifted_by, lift_reason, lifted_at FROM suppressions"
    };
}

impl Store {
    /// The key that makes the hashes of an account; made when somebody needs it for the first time.
    ///
    /// # Errors
    /// The database's, and when the key cannot be opened with the key ring.
    pub async fn subject_key(&self, account: &AccountId, now: Timestamp) -> Result<SubjectKey> {
        if let Some(key) = self.known_subject_key(account).await? {
            return Ok(key);
        }
        let (keys, owner, id) = (self.keys.clone(), account.to_string(), SubjectKeyId::new(now).to_string());
        let make = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let secret = keys.seal(&format!("subject_keys/{id}/secret"), &random_text());
                let insert = query(sql!(
                    "INSERT INTO subject_keys (account_id, id, secret, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
                ));
                insert.bind(owner).bind(id).bind(secret).bind(now.0).execute(tx).await
            })
        });
        make.await?;
        self.known_subject_key(account).await?.ok_or(StoreError::Missing)
    }

    async fn known_subject_key(&self, account: &AccountId) -> Result<Option<SubjectKey>> {
        let row: Option<(String, String)> = query(sql!("SELECT id, secret FROM subject_keys WHERE account_id = $1"))
            .bind(account.as_str())
            .fetch_optional(&self.db)
            .await?;
        let Some((id, sealed)) = row else { return Ok(None) };
        let secret: SecretString =
            self.keys.open(&format!("subject_keys/{id}/secret"), &sealed).map_err(StoreError::decode)?;
        Ok(Some(SubjectKey::new(&secret)))
    }

    /// Whom the leads of an account may not be about; none where it never was anybody, which is one short read.
    pub async fn suppressed(&self, account: &AccountId) -> Result<Option<Suppressed>> {
        let hashes: Vec<String> =
            query(sql!("SELECT hash FROM suppressions WHERE account_id = $1 AND lifted_at IS NULL"))
                .bind(account.as_str())
                .fetch_all(&self.db)
                .await?;
        if hashes.is_empty() {
            return Ok(None);
        }
        let key = self.known_subject_key(account).await?.ok_or(StoreError::Missing)?;
        Ok(Some(Suppressed::new(key, hashes)))
    }

    /// Suppresses a person; what is suppressed already stays as it is. Says how many hashes are new.
    pub async fn suppress(
        &self,
        account: &AccountId,
        subject: &[Hashed],
        (reason, by): (&str, &str),
        now: Timestamp,
    ) -> Result<u64> {
        let (account, subject) = (account.clone(), subject.to_vec());
        let (reason, by) = (reason.to_owned(), by.to_owned());
        let suppress = self
            .db
            .write(move |tx| Box::pin(async move { insert(tx, &account, &subject, (&reason, &by), None, now).await }));
        suppress.await
    }

    /// The suppressions of an account, the newest first, with those that were lifted.
    pub async fn suppressions(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<Suppression>> {
        self.suppressions_where(
            sql!(columns!() " WHERE $1 IS NULL OR account_id = $1 ORDER BY id DESC LIMIT $2"),
            account.map(AccountId::as_str),
            limit,
        )
        .await
    }

    /// One suppression.
    pub async fn suppression(&self, id: &str) -> Result<Option<Suppression>> {
        let found = self.suppressions_where(sql!(columns!() " WHERE id = $1 LIMIT $2"), Some(id), 1).await?;
        Ok(found.into_iter().next())
    }

    async fn suppressions_where(&self, sql: Sql, value: Option<&str>, limit: u32) -> Result<Vec<Suppression>> {
        let rows: Vec<Row> = query(sql).bind(value).bind(limit).fetch_all(&self.db).await?;
        rows.into_iter().map(suppression).collect()
    }

    /// Lifts a suppression. False: it was lifted before.
    pub async fn lift(&self, suppression: &Suppression, (reason, by): (&str, &str), now: Timestamp) -> Result<bool> {
        let lift = query(sql!(
            "UPDATE suppressions SET lifted_by = $3, lift_reason = $4, lifted_at = $5
             WHERE account_id = $1 AND id = $2 AND lifted_at IS NULL"
        ));
        let lift = lift.bind(suppression.account_id.as_str()).bind(suppression.id.as_str());
        Ok(lift.bind(by).bind(reason).bind(now.0).execute(&self.db).await? > 0)
    }
}

type Row =
    (String, String, String, String, String, String, i64, Option<String>, Option<String>, Option<String>, Option<i64>);

fn suppression(row: Row) -> Result<Suppression> {
    let (account_id, id, kind, hash, reason, made_by, made_at, erasure_id, lifted_by, lift_reason, lifted_at) = row;
    let lifted = lifted_at.map(|at| Lifted {
        by: lifted_by.unwrap_or_default(),
        reason: lift_reason.unwrap_or_default(),
        at: Timestamp(at),
    });
    Ok(Suppression {
        id: SuppressionId::stored(id),
        account_id: AccountId::stored(account_id),
        hashed: Hashed { kind: word(&kind)?, hash },
        reason,
        made_by,
        made_at: Timestamp(made_at),
        erasure_id: erasure_id.map(ErasureId::stored),
        lifted,
    })
}

/// Suppresses hashes that are not suppressed yet.
pub(super) async fn insert(
    tx: &mut Conn,
    account: &AccountId,
    subject: &[Hashed],
    (reason, by): (&str, &str),
    erasure: Option<&ErasureId>,
    now: Timestamp,
) -> Result<u64> {
    let row = |hashed: &Hashed| json!({ "id": SuppressionId::new(now), "kind": model::word(&hashed.kind), "hash": hashed.hash });
    let insert = query(sql!(
        "INSERT INTO suppressions (account_id, id, kind, hash, reason, made_by, made_at, erasure_id)
         SELECT $1, j.id, j.kind, j.hash, $3, $4, $5, $6 FROM " rows("$2"; id text, kind text, hash text) " AS j
         WHERE true ON CONFLICT (account_id, hash) WHERE lifted_at IS NULL DO NOTHING"
    ));
    let insert = insert.bind(account.as_str()).bind(Rows::of(&subject.iter().map(row).collect::<Vec<_>>()));
    insert.bind(reason).bind(by).bind(now.0).bind(erasure.map(ErasureId::as_str)).execute(tx).await
}
