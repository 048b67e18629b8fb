//! Bindings: which version a connection uses for an event type, and what it used before. Nothing here is ever changed, only
//! followed: a share that is raised and a rollback are rows of their own.

use serde_json::Value;

use super::retention::time_of;
use super::waivers::{self, Answering};
use super::{Conn, Query, Result, Store, json, parse, query, sql};
use crate::model::account::{Binding, Connection, PastBinding, Sign, Version};
use crate::model::id::{AccountId, BindingId, ConnectionId, VersionId};
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::model::waiver::{Answered, Waiver};

/// A version to use from now on. `settings` has been checked.
pub struct NewBinding<'a> {
    pub version: &'a Version,
    pub event_types: &'a [String],
    pub settings: &'a Value,
    pub share: Share,
    pub sign: &'a Sign,
    /// The newest binding that the one who asks knows of; none where he does not mind.
    pub expected: Option<&'a BindingId>,
}

/// What a change of bindings came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// The new bindings, newest last.
    Bound(Vec<BindingId>),
    /// There is nothing that takes the rest of the events, or to go back to.
    NothingBefore,
    /// Somebody was quicker: this is the newest binding.
    Changed(Option<BindingId>),
    /// Somebody has taken the version out meanwhile.
    NoVersion,
    /// The request that would be approved by it was answered meanwhile, in this way.
    Answered(Answered),
}

/// The newest binding of an event type, as a change looks at it.
pub(super) struct Newest {
    pub(super) id: String,
    pub(super) event_type: String,
    version_id: String,
    settings: String,
    pub(super) share: Share,
    pub(super) before: Option<String>,
    valid_from: i64,
}

impl Newest {
    /// What a rollback of what follows goes back to. A trial is never gone back to, and a repetition of what is in use
    /// goes back as far as that does.
    fn before_next(&self, version: &str, settings: &str) -> Option<String> {
        let is_same = self.version_id == version && self.settings == settings;
        if self.share < Share::ALL || is_same { self.before.clone() } else { Some(self.id.clone()) }
    }
}

/// The row of a binding, but for where its version belongs.
struct NewRow {
    event_type: String,
    before: Option<String>,
}

/// The newest binding of each event type of a connection: it counts.
macro_rules! is_newest {
    ($row:literal) => {
        concat!(
            $row,
            ".id = (SELECT max(n.id) FROM bindings AS n WHERE n.account_id = ",
            $row,
            ".account_id AND n.connection_id = ",
            $row,
            ".connection_id AND n.event_type = ",
            $row,
            ".event_type)"
        )
    };
}
pub(super) use is_newest;

/// The newest bindings of an account, and those that take the rest of a share.
pub(super) fn in_force(account: &AccountId) -> Query {
    query(sql!(
        "SELECT b.id, b.connection_id, b.event_type, b.version_id, t.name, v.number, b.settings, b.share, b.before_id,
           k.recent, k.tripped_at, f.id
         FROM bindings AS f JOIN bindings AS b ON b.account_id = f.account_id AND b.connection_id = f.connection_id
           AND b.event_type = f.event_type AND (b.id = f.id OR (f.share < 100 AND b.id = f.before_id))
         JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
         JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
         LEFT JOIN breakers AS k ON k.account_id = b.account_id AND k.binding_id = b.id
         WHERE f.account_id = $1 AND " is_newest!("f")
    ))
    .bind(account.as_str())
}

pub(super) type BindingRow =
    (String, String, String, String, String, i64, String, i64, Option<String>, Option<String>, Option<i64>, String);

/// The newest bindings, and apart from them those that take the rest.
pub(super) fn bindings(account: &AccountId, rows: Vec<BindingRow>) -> (Vec<Binding>, Vec<Binding>) {
    let binding = |row: BindingRow| {
        let (id, connection, event_type, version, name, number, settings, share, before, recent, tripped_at, _) = row;
        Binding {
            id: BindingId::stored(id),
            account_id: account.clone(),
            connection_id: ConnectionId::stored(connection),
            event_type,
            version_id: VersionId::stored(version),
            label: format!("{name}@{number}"),
            settings,
            share: Share::stored(share),
            before: before.map(BindingId::stored),
            is_watched: recent.is_some(),
            is_open: tripped_at.is_some(),
        }
    };
    let (newest, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.0 == row.11);
    (newest.into_iter().map(binding).collect(), rest.into_iter().map(binding).collect())
}

/// Whether somebody else was quicker: the newest binding is not the one that was seen.
fn changed(newest: Option<&String>, seen: Option<&BindingId>) -> Option<Bind> {
    let is_seen = |seen: &BindingId| newest.is_some_and(|newest| newest == seen.as_str());
    seen.is_some_and(|seen| !is_seen(seen)).then(|| Bind::Changed(newest.cloned().map(BindingId::stored)))
}

impl Store {
    /// Makes a connection use a version for these event types, all in one commit.
    pub async fn bind(&self, connection: &Connection, new: NewBinding<'_>, now: Timestamp) -> Result<Bind> {
        self.bind_for(connection, new, None, now).await
    }

    /// The same for a request that a second person approves, with his answer in the same commit: what was taken back
    /// or answered meanwhile is not bound.
    pub async fn bind_approved(
        &self,
        connection: &Connection,
        new: NewBinding<'_>,
        (waiver, said): (&Waiver, &Answered),
        now: Timestamp,
    ) -> Result<Bind> {
        self.bind_for(connection, new, Some((waiver.clone(), said.clone())), now).await
    }

    async fn bind_for(
        &self,
        connection: &Connection,
        new: NewBinding<'_>,
        approved: Option<(Waiver, Answered)>,
        now: Timestamp,
    ) -> Result<Bind> {
        let (account, id) = (connection.account_id.to_string(), connection.id.to_string());
        let (version, settings) = (new.version.id.to_string(), json(new.settings));
        let (event_types, share, sign) = (new.event_types.to_vec(), new.share, new.sign.clone());
        let expected = new.expected.cloned();
        let bind = self.db.write(move |tx| {
            Box::pin(async move {
                lock(&account).fetch_all::<String>(&mut *tx).await?;
                let newest = newest(&mut *tx, &account, &id).await?;
                let last = newest.iter().map(|row| &row.id).max();
                if let Some(changed) = changed(last, expected.as_ref()) {
                    return Ok(changed);
                }
                let row = |event_type: String| {
                    let known = newest.iter().find(|row| row.event_type == event_type);
                    let before = known.and_then(|known| known.before_next(&version, &settings));
                    NewRow { event_type, before }
                };
                let rows: Vec<_> = event_types.into_iter().map(row).collect();
                if share < Share::ALL && rows.iter().any(|row| row.before.is_none()) {
                    return Ok(Bind::NothingBefore);
                }
                // Whoever takes the version out waits until it is bound, and then sees that it is.
                let held = query(sql!(
                    "SELECT id FROM versions WHERE id = $1 AND deleted_at IS NULL" on(sqlite: "", postgres: " FOR SHARE")
                ));
                if held.bind(&version).fetch_all::<String>(&mut *tx).await?.is_empty() {
                    return Ok(Bind::NoVersion);
                }
                if let Some((waiver, said)) = &approved
                    && let Answering::Late(before) = waivers::answer(&mut *tx, waiver, said).await?
                {
                    return Ok(Bind::Answered(before));
                }
                let mut made = Vec::with_capacity(rows.len());
                let mut last = last.cloned();
                for row in rows {
                    let id_of_row = next_id(last.as_deref(), now);
                    last = Some(id_of_row.to_string());
                    let insert = query(sql!(
                        "INSERT INTO bindings (account_id, id, connection_id, event_type, version_account_id, version_id, settings, valid_from, made_by, reason, share, before_id)
                         SELECT $1, $2, $3, $4, account_id, id, $6, $7, $8, $9, $10, $11 FROM versions WHERE id = $5"
                    ));
                    let insert = insert.bind(&account).bind(id_of_row.as_str()).bind(&id).bind(&row.event_type);
                    let insert = insert.bind(&version).bind(&settings).bind(now.0);
                    let insert = insert.bind(&sign.by).bind(&sign.reason).bind(share.percent()).bind(&row.before);
                    insert.execute(&mut *tx).await?;
                    if row.before.is_some() {
                        watch(&account, &id_of_row).execute(&mut *tx).await?;
                    }
                    made.push(id_of_row);
                }
                forget(&account).execute(tx).await?;
                Ok(Bind::Bound(made))
            })
        });
        bind.await
    }

    /// Takes back what was enabled last.
    pub async fn roll_back(
        &self,
        connection: &Connection,
        expected: Option<&BindingId>,
        sign: &Sign,
        now: Timestamp,
    ) -> Result<Bind> {
        let (account, id) = (connection.account_id.to_string(), connection.id.to_string());
        let (expected, sign) = (expected.cloned(), sign.clone());
        let roll_back = self.db.write(move |tx| {
            Box::pin(async move {
                lock(&account).fetch_all::<String>(&mut *tx).await?;
                let newest = newest(&mut *tx, &account, &id).await?;
                let last = newest.iter().map(|row| &row.id).max();
                if let Some(changed) = changed(last, expected.as_ref()) {
                    return Ok(changed);
                }
                let Some(last) = last.cloned() else { return Ok(Bind::NothingBefore) };
                take_back(tx, (&account, &id), &newest, &last, &sign, now).await
            })
        });
        roll_back.await
    }

    /// What a connection uses and used, newest first, up to `limit` of it.
    pub async fn binding_history(&self, connection: &Connection, limit: u32) -> Result<Vec<PastBinding>> {
        self.past_bindings(connection, None, limit).await
    }

    /// One binding of a connection.
    pub async fn past_binding(&self, connection: &Connection, id: &BindingId) -> Result<Option<PastBinding>> {
        Ok(self.past_bindings(connection, Some(id), 1).await?.pop())
    }

    async fn past_bindings(
        &self,
        connection: &Connection,
        id: Option<&BindingId>,
        limit: u32,
    ) -> Result<Vec<PastBinding>> {
        type Row = (
            String,
            String,
            String,
            String,
            i64,
            String,
            i64,
            i64,
            String,
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<i64>,
        );
        let rows: Vec<Row> = query(sql!(
            "SELECT b.id, b.event_type, b.version_id, t.name, v.number, b.settings, b.share, b.valid_from, b.made_by, b.reason, b.restores_id,
               b.before_id, CASE WHEN f.id = b.id OR (f.share < 100 AND f.before_id = b.id) THEN f.id END, v.deleted_at
             FROM bindings AS b
             JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             JOIN bindings AS f ON f.account_id = b.account_id AND f.connection_id = b.connection_id AND f.event_type = b.event_type
             WHERE b.account_id = $1 AND b.connection_id = $2 AND ($4 IS NULL OR b.id = $4) AND " is_newest!("f")
            " ORDER BY b.id DESC LIMIT $3"
        ))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(limit)
        .bind(id.map(BindingId::as_str))
        .fetch_all(&self.db)
        .await?;
        let past = |row: Row| {
            let (id, event_type, version_id, name, number, settings, share, at, by, reason, ..) = row;
            let (.., restores, before, force, deleted_at) = row;
            Ok(PastBinding {
                id: BindingId::stored(id),
                event_type,
                version_id: VersionId::stored(version_id),
                version: format!("{name}@{number}"),
                settings: parse(&settings)?,
                share: Share::stored(share),
                at: Timestamp(at),
                by,
                reason,
                restores: restores.map(BindingId::stored),
                before: before.map(BindingId::stored),
                in_force: force.is_some(),
                is_deleted: deleted_at.is_some(),
            })
        };
        rows.into_iter().map(past).collect()
    }
}

/// Nobody else changes the account's bindings, or settles what was planned with them, until the end of the transaction.
fn lock(account: &str) -> Query {
    query(sql!("SELECT id FROM lanes WHERE account_id = $1 AND id = $1" on(sqlite: "", postgres: " FOR UPDATE")))
        .bind(account)
}

/// The newest binding of each event type of a connection.
pub(super) async fn newest(tx: &mut Conn, account: &str, connection: &str) -> Result<Vec<Newest>> {
    type Row = (String, String, String, String, i64, Option<String>, i64);
    let rows: Vec<Row> = query(sql!(
        "SELECT b.id, b.event_type, b.version_id, b.settings, b.share, b.before_id, b.valid_from
         FROM bindings AS b WHERE b.account_id = $1 AND b.connection_id = $2 AND " is_newest!("b")
    ))
    .bind(account)
    .bind(connection)
    .fetch_all(tx)
    .await?;
    let newest = |(id, event_type, version_id, settings, share, before, valid_from): Row| Newest {
        id,
        event_type,
        version_id,
        settings,
        share: Share::stored(share),
        before,
        valid_from,
    };
    Ok(rows.into_iter().map(newest).collect())
}

/// Takes back what was enabled together with the binding `last`: each of its event types goes back to what was before,
/// and one that nothing handled is handled by nothing again.
pub(super) async fn take_back(
    tx: &mut Conn,
    (account, connection): (&str, &str),
    newest: &[Newest],
    last: &str,
    sign: &Sign,
    now: Timestamp,
) -> Result<Bind> {
    let Some(given) = newest.iter().find(|row| row.id == last) else { return Ok(Bind::NothingBefore) };
    let is_together = |row: &&Newest| row.version_id == given.version_id && row.valid_from == given.valid_from;
    let together: Vec<_> = newest.iter().filter(is_together).collect();
    if together.iter().all(|row| row.before.is_none()) {
        return Ok(Bind::NothingBefore);
    }
    let mut made = Vec::with_capacity(together.len());
    let mut newest_id = newest.iter().map(|row| row.id.clone()).max();
    for row in together {
        let id = next_id(newest_id.as_deref(), now);
        newest_id = Some(id.to_string());
        // Without one before, the row repeats itself, and takes no event.
        let (from, share) = match &row.before {
            Some(before) => (before, Share::ALL),
            None => (&row.id, Share::NONE),
        };
        let insert = query(sql!(
            "INSERT INTO bindings (account_id, id, connection_id, event_type, version_account_id, version_id, settings, valid_from, made_by, reason, share, before_id, restores_id)
             SELECT account_id, $2, connection_id, event_type, version_account_id, version_id, settings, $6, $7, $8, $9,
               CASE WHEN $9 = 100 THEN before_id END, CASE WHEN $9 = 100 THEN id END
             FROM bindings WHERE account_id = $1 AND connection_id = $3 AND event_type = $4 AND id = $5"
        ));
        let insert = insert.bind(account).bind(id.as_str()).bind(connection).bind(&row.event_type).bind(from);
        let insert = insert.bind(now.0).bind(&sign.by).bind(&sign.reason).bind(share.percent());
        insert.execute(&mut *tx).await?;
        made.push(id);
    }
    forget(account).execute(tx).await?;
    Ok(Bind::Bound(made))
}

/// An id behind the newest one, also where the clock of the process that made that one goes ahead: the newest counts.
fn next_id(newest: Option<&str>, now: Timestamp) -> BindingId {
    let behind = newest.and_then(time_of).map_or(now, |at| Timestamp(at.0 + 1));
    BindingId::new(now.max(behind))
}

/// The runs of a binding are counted from now on.
fn watch(account: &str, binding: &BindingId) -> Query {
    query(sql!("INSERT INTO breakers (account_id, binding_id, recent, runs) VALUES ($1, $2, '', 0)"))
        .bind(account)
        .bind(binding.as_str())
}

/// Nobody counts what is not in use any more. That a binding failed too often stays known: nobody goes back to it.
fn forget(account: &str) -> Query {
    query(sql!(
        "DELETE FROM breakers WHERE account_id = $1 AND tripped_at IS NULL AND NOT EXISTS (SELECT 1 FROM bindings AS f
           WHERE f.account_id = breakers.account_id AND " is_newest!("f") "
             AND (f.id = breakers.binding_id OR (f.share < 100 AND f.before_id = breakers.binding_id)))"
    ))
    .bind(account)
}
