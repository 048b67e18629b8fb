//! What people and programs did: who, what, to what, when. Rows are added and never changed.

use serde::Serialize;
use serde_json::Value;

use super::{HOUSE, Result, Store, json, parse, query, sql};
use crate::model::id::{AccountId, AuditId};
use crate::model::time::Timestamp;

/// Something that somebody did.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    pub id: AuditId,
    /// None where it concerns the service, or more accounts than one.
    pub account_id: Option<AccountId>,
    pub at: Timestamp,
    pub actor: String,
    /// Such as `connection.pause`.
    pub action: String,
    /// The id of what it was done to; empty where there is none.
    pub subject: String,
    /// What was asked for, without secrets; before and after, where they are known.
    pub detail: Value,
}

type Row = (String, String, i64, String, String, String, String);

impl Store {
    /// Notes what somebody did.
    pub async fn note_action(&self, entry: &AuditEntry) -> Result<()> {
        query(sql!(
            "INSERT INTO audit (account_id, id, at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .bind(entry.account_id.as_ref().map_or(HOUSE, AccountId::as_str))
        .bind(entry.id.as_str())
        .bind(entry.at.0)
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(json(&entry.detail))
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// What was done in an account, or, without one, to the service; newest first, before `before`.
    pub async fn audit(
        &self,
        account: Option<&AccountId>,
        before: Option<&AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> = query(sql!(
            "SELECT account_id, id, at, actor, action, subject, detail FROM audit
             WHERE account_id = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        ))
        .bind(account.map_or(HOUSE, AccountId::as_str))
        .bind(before.map(AuditId::as_str))
        .bind(limit)
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(entry).collect()
    }

    /// What was done to something of an account, such as an event, the newest first. Few enough is done by hand that an
    /// account's entries are looked through.
    pub async fn audit_of(&self, account: &AccountId, subject: &str, limit: u32) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> = query(sql!(
            "SELECT account_id, id, at, actor, action, subject, detail FROM audit
             WHERE account_id = $1 AND (subject = $2 OR subject LIKE '% ' || $2) ORDER BY id DESC LIMIT $3"
        ))
        .bind(account.as_str())
        .bind(subject)
        .bind(limit)
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(entry).collect()
    }
}

fn entry((account, id, at, actor, action, subject, detail): Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: AuditId::stored(id),
        account_id: (account != HOUSE).then(|| AccountId::stored(account)),
        at: Timestamp(at),
        actor,
        action,
        subject,
        detail: parse(&detail)?,
    })
}
