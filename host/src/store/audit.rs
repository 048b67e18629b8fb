//! What people and programs did: who, what, to what, when. Rows are added and never changed.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{HOUSE, Query, Result, Rows, Sql, Store, json, parse, query, sql};
use crate::model::id::{AccountId, AuditId};
use crate::model::time::Timestamp;

/// How far the time of an entry and that in its id may be apart: one is read a moment after the other, and ids that are
/// made quickly run ahead.
const IDS_APART: Duration = Duration::from_secs(60);

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
    /// What was asked for, without secrets; `before` and `after`, where something was set.
    pub detail: Value,
}

/// Which entries are looked for. Empty texts are as if they were not there.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Without one: what concerns the service, or more accounts than one.
    pub account: Option<AccountId>,
    /// The name of who did it holds this.
    pub actor: String,
    /// The action begins with this.
    pub action: String,
    /// The id of what it was done to holds this.
    pub subject: String,
    pub from: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// Beside which entry a page lies.
#[derive(Clone, Debug)]
pub enum Beside {
    Newest,
    /// What was done before this one.
    OlderThan(AuditId),
    /// What was done after this one: those next to it.
    NewerThan(AuditId),
}

/// Entries, the newest first, and whether there are others on either side.
#[derive(Clone, Debug, Default)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    pub has_newer: bool,
    pub has_older: bool,
}

type Row = (String, String, i64, String, String, String, String);

macro_rules! entries {
    () => {
        "SELECT account_id, id, at, actor, action, subject, detail FROM audit
         WHERE account_id = $1 AND id > $2 AND id < $3 AND at >= $4 AND at < $5"
    };
}

macro_rules! fitting {
    () => {
        " AND lower(actor) LIKE $6 ESCAPE '!' AND lower(action) LIKE $7 ESCAPE '!'
           AND lower(subject) LIKE $8 ESCAPE '!'"
    };
}

pub(super) const OLDER: Sql = sql!(entries!() fitting!() " ORDER BY id DESC LIMIT $9");
pub(super) const NEWER: Sql = sql!(entries!() fitting!() " ORDER BY id LIMIT $9");
pub(super) const OF_ACTIONS: Sql = sql!(entries!() " AND action IN " list("$6") " ORDER BY id DESC LIMIT $7");

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
        let filter = AuditFilter { account: account.cloned(), ..AuditFilter::default() };
        let beside = before.map_or(Beside::Newest, |before| Beside::OlderThan(before.clone()));
        Ok(self.audit_page(&filter, &beside, limit).await?.entries)
    }

    /// A page of what was done that fits.
    pub async fn audit_page(&self, filter: &AuditFilter, beside: &Beside, limit: u32) -> Result<AuditPage> {
        let (first, last) = ids((filter.from, filter.until));
        let (statement, range) = match beside {
            Beside::Newest => (OLDER, (first, last)),
            Beside::OlderThan(id) => (OLDER, (first, last.min(id.clone()))),
            Beside::NewerThan(id) => (NEWER, (first.max(id.clone()), last)),
        };
        let page = of_a_time(statement, filter.account.as_ref(), range, (filter.from, filter.until))
            .bind(format!("%{}%", plain(&filter.actor)))
            .bind(format!("{}%", plain(&filter.action)))
            .bind(format!("%{}%", plain(&filter.subject)))
            .bind(i64::from(limit) + 1);
        let rows: Vec<Row> = page.fetch_all(&self.db).await?;
        let has_more = rows.len() > limit as usize;
        let rows = rows.into_iter().take(limit as usize);
        let mut entries: Vec<_> = rows.map(entry).collect::<Result<_>>()?;
        let (has_newer, has_older) = match beside {
            Beside::Newest => (false, has_more),
            Beside::OlderThan(_) => (true, has_more),
            Beside::NewerThan(_) => {
                entries.reverse();
                (has_more, true)
            }
        };
        Ok(AuditPage { entries, has_newer, has_older })
    }

    /// The newest of these actions in an account, from a time until another.
    pub async fn audit_of(
        &self,
        account: &AccountId,
        actions: &[&str],
        (from, until): (Timestamp, Timestamp),
        limit: u32,
    ) -> Result<Vec<AuditEntry>> {
        let time = (Some(from), Some(until));
        let newest = of_a_time(OF_ACTIONS, Some(account), ids(time), time).bind(Rows::of(actions)).bind(limit);
        let rows: Vec<Row> = newest.fetch_all(&self.db).await?;
        rows.into_iter().map(entry).collect()
    }
}

/// From when, and until when; none where nobody says.
type Time = (Option<Timestamp>, Option<Timestamp>);

/// A statement with its first five values: whose entries, between which ids and times.
fn of_a_time(
    statement: Sql,
    account: Option<&AccountId>,
    (first, last): (AuditId, AuditId),
    (from, until): Time,
) -> Query {
    query(statement)
        .bind(account.map_or(HOUSE, AccountId::as_str))
        .bind(first.as_str())
        .bind(last.as_str())
        .bind(from.map_or(i64::MIN, |from| from.0))
        .bind(until.map_or(i64::MAX, |until| until.0))
}

/// The ids between which the entries of a time are: nobody has to read the others.
fn ids((from, until): Time) -> (AuditId, AuditId) {
    let first = from.map_or(Timestamp(0), |from| from - IDS_APART);
    let last = until.map_or(Timestamp::NEVER, |until| until + IDS_APART);
    (AuditId::earliest(first), AuditId::earliest(last))
}

/// A text in which nothing has a meaning for LIKE.
fn plain(text: &str) -> String {
    text.to_ascii_lowercase().chars().fold(String::new(), |mut plain, letter| {
        if matches!(letter, '%' | '_' | '!') {
            plain.push('!');
        }
        plain.push(letter);
        plain
    })
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
