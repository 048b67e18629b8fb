//! What was uploaded, and what became of it: the same bytes get the same answer, and nobody floods the compiler.

use serde_json::Value;

use super::{Result, Store, json, parse, query, sql};
use crate::model::id::UploadId;
use crate::model::time::Timestamp;

/// One upload that was looked at.
pub struct Upload<'a> {
    pub account_id: &'a str,
    /// SHA-256 of the bytes, in hex.
    pub hash: &'a str,
    /// Of the transformation.
    pub name: &'a str,
    pub by: &'a str,
    /// Why no version came of it.
    pub refusal: Option<&'a Value>,
    /// Of the service: another one may accept what this one refused.
    pub release: &'a str,
}

impl Store {
    /// Remembers an upload.
    pub async fn record_upload(&self, upload: Upload<'_>, now: Timestamp) -> Result<()> {
        let insert = query(sql!(
            "INSERT INTO uploads (account_id, id, hash, name, by_whom, at, refusal, release) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ));
        insert
            .bind(upload.account_id)
            .bind(UploadId::new(now).as_str())
            .bind(upload.hash)
            .bind(upload.name)
            .bind(upload.by)
            .bind(now.0)
            .bind(upload.refusal.map(json))
            .bind(upload.release)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// Why this release refused these bytes of the account since `since`.
    pub async fn refused_upload(
        &self,
        account: &str,
        hash: &str,
        release: &str,
        since: Timestamp,
    ) -> Result<Option<Value>> {
        let refusal: Option<String> = query(sql!(
            "SELECT refusal FROM uploads WHERE account_id = $1 AND at >= $4 AND hash = $2 AND release = $3 AND refusal IS NOT NULL
             ORDER BY at DESC LIMIT 1"
        ))
        .bind(account)
        .bind(hash)
        .bind(release)
        .bind(since.0)
        .fetch_optional(&self.db)
        .await?;
        refusal.map(|refusal| parse(&refusal)).transpose()
    }

    /// When an account uploaded since `since`, the oldest first, up to `limit` of them.
    pub async fn uploads_since(&self, account: &str, since: Timestamp, limit: u32) -> Result<Vec<Timestamp>> {
        let times: Vec<i64> =
            query(sql!("SELECT at FROM uploads WHERE account_id = $1 AND at >= $2 ORDER BY at LIMIT $3"))
                .bind(account)
                .bind(since.0)
                .bind(limit)
                .fetch_all(&self.db)
                .await?;
        Ok(times.into_iter().map(Timestamp).collect())
    }
}
