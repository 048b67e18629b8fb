//! The messages that are on their way to somebody outside, and what became of them.

use super::{Conn, HOUSE, Query, Result, Sql, Store, StoreError, json, parse, query, sql, word};
use crate::model;
use crate::model::id::{AccountId, AlertId, MessageId};
use crate::model::message::{Attempted, Kind, Message};
use crate::model::time::Timestamp;

/// Rows that are removed in one commit.
const PAGE: i64 = 500;

type Row = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
    Option<i64>,
);

macro_rules! columns {
    () => {
        "account_id, id, kind, way, recipient, rule_id, subject, content, state, attempts, due_at, ends_at, reason, created_at, done_at"
    };
}

fn message(row: Row) -> Result<Message> {
    let (account, id, kind, way, recipient, rule, subject, content, state, attempts, due, ends, reason, created, done) =
        row;
    Ok(Message {
        id: MessageId::stored(id),
        account_id: (account != HOUSE).then(|| AccountId::stored(account)),
        kind: word(&kind)?,
        way: word(&way)?,
        recipient,
        rule_id: rule.map(AlertId::stored),
        subject,
        content: parse(&content)?,
        state: word(&state)?,
        attempts: u32::try_from(attempts).map_err(StoreError::decode)?,
        due_at: Timestamp(due),
        ends_at: Timestamp(ends),
        reason,
        created_at: Timestamp(created),
        done_at: done.map(Timestamp),
    })
}

fn owner(message: &Message) -> &str {
    message.account_id.as_ref().map_or(HOUSE, AccountId::as_str)
}

/// Puts a message into the outbox.
pub(super) fn insert(message: &Message) -> Query {
    inserting(message, sql!(" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $9, $10, NULL, $11, NULL)"))
}

fn inserting(message: &Message, values: Sql) -> Query {
    let head = sql!("INSERT INTO outbox (" columns!() ")");
    let sql = Sql {
        sqlite: format!("{}{}", head.sqlite, values.sqlite).into(),
        postgres: format!("{}{}", head.postgres, values.postgres).into(),
    };
    query(sql)
        .bind(owner(message))
        .bind(message.id.as_str())
        .bind(model::word(&message.kind))
        .bind(model::word(&message.way))
        .bind(&message.recipient)
        .bind(message.rule_id.as_ref().map(AlertId::as_str))
        .bind(&message.subject)
        .bind(json(&message.content))
        .bind(message.due_at.0)
        .bind(message.ends_at.0)
        .bind(message.created_at.0)
}

/// Takes messages whose time has come. Whoever takes one has it until `until`, and nobody else; the number of attempts says
/// whose it is.
async fn take(tx: &mut Conn, most: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Row>> {
    let take = query(sql!(
        "UPDATE outbox SET attempts = attempts + 1, due_at = $2 WHERE (account_id, id) IN
           (SELECT account_id, id FROM outbox WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $3"
        on(sqlite: "", postgres: " FOR UPDATE SKIP LOCKED") ") RETURNING " columns!()
    ));
    take.bind(now.0).bind(until.0).bind(most).fetch_all(tx).await
}

impl Store {
    /// Keeps a message that is to be sent.
    pub async fn post(&self, message: &Message) -> Result<()> {
        insert(message).execute(&self.db).await.map(drop)
    }

    /// The same, unless so many of its kind were kept for the recipient, or for the rule, since a time. Says whether it was.
    pub async fn post_unless(&self, message: &Message, since: Timestamp, most: u32) -> Result<bool> {
        let insert = inserting(
            message,
            sql!(
                " SELECT $1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $9, $10, NULL, $11, NULL
                  WHERE (SELECT count(*) FROM outbox WHERE recipient = $5 AND created_at > $12 AND kind = $3) < $13"
            ),
        );
        Ok(insert.bind(since.0).bind(most).execute(&self.db).await? > 0)
    }

    /// Takes messages whose time has come, for one attempt that ends by `until`.
    pub async fn take_messages(&self, most: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Message>> {
        // Nearly always there is nothing, and a look costs no commit.
        if self.next_message_at().await?.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        let taken = self.db.write(move |tx| Box::pin(take(tx, most, until, now))).await?;
        taken.into_iter().map(message).collect()
    }

    /// Stores what came of an attempt; the next one is at `next`, if there is to be one. A late word about an attempt that
    /// is no longer the last one changes nothing.
    pub async fn settle_message(
        &self,
        message: &Message,
        came: &Attempted,
        next: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool> {
        let (state, reason) = match (came, next) {
            (Attempted::Sent, _) => ("sent", None),
            (Attempted::Nobody(reason), _) => ("dropped", Some(reason)),
            (Attempted::Later(reason), Some(_)) => ("waiting", Some(reason)),
            (Attempted::Later(reason) | Attempted::Never(reason), _) => ("failed", Some(reason)),
        };
        let reason = reason.cloned();
        let settle = query(sql!(
            "UPDATE outbox SET state = $4, due_at = coalesce($5, due_at), reason = $6,
               done_at = CASE WHEN $4 = 'waiting' THEN NULL ELSE CAST($7 AS bigint) END
             WHERE account_id = $1 AND id = $2 AND attempts = $3 AND state = 'waiting'"
        ));
        let settle = settle.bind(owner(message)).bind(message.id.as_str()).bind(message.attempts).bind(state);
        let settle = settle.bind(next.filter(|_| state == "waiting").map(|at| at.0)).bind(reason.clone()).bind(now.0);
        // A test is about the rule's channel too.
        let shown = (state != "dropped").then_some(message.rule_id.as_ref()).flatten();
        let tell = shown.map(|rule| {
            let tell = query(sql!("UPDATE alert_rules SET problem = $3 WHERE account_id = $1 AND id = $2"));
            tell.bind(owner(message)).bind(rule.as_str()).bind(reason)
        });
        let settled = self.db.write(move |tx| {
            Box::pin(async move {
                if settle.execute(&mut *tx).await? == 0 {
                    return Ok(false);
                }
                if let Some(tell) = tell {
                    tell.execute(tx).await?;
                }
                Ok(true)
            })
        });
        settled.await
    }

    /// When the next message is due; none while nothing waits.
    pub async fn next_message_at(&self) -> Result<Option<Timestamp>> {
        let next = query(sql!("SELECT min(due_at) FROM outbox WHERE state = 'waiting'"));
        Ok(next.fetch_one::<Option<i64>>(&self.db).await?.map(Timestamp))
    }

    /// The messages of an account, or those of the house; newest first, behind the one of an id.
    pub async fn messages(
        &self,
        account: Option<&AccountId>,
        after: Option<&MessageId>,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let rows: Vec<Row> = query(sql!(
            "SELECT " columns!() " FROM outbox WHERE account_id = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        ))
        .bind(account.map_or(HOUSE, AccountId::as_str))
        .bind(after.map(MessageId::as_str))
        .bind(limit)
        .fetch_all(&self.db)
        .await?;
        rows.into_iter().map(message).collect()
    }

    /// How many messages of a kind an account has asked for since a time.
    pub async fn messages_since(&self, account: &AccountId, kind: Kind, since: Timestamp) -> Result<i64> {
        let count = query(sql!("SELECT count(*) FROM outbox WHERE account_id = $1 AND id >= $2 AND kind = $3"));
        let count = count.bind(account.as_str()).bind(MessageId::earliest(since).as_str()).bind(model::word(&kind));
        count.fetch_one(&self.db).await
    }

    /// Removes a page of the messages that were made before a time. Says how many.
    pub async fn remove_messages(&self, before: Timestamp) -> Result<u64> {
        query(sql!(
            "DELETE FROM outbox WHERE (account_id, id) IN
               (SELECT account_id, id FROM outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
        ))
        .bind(before.0)
        .bind(PAGE)
        .execute(&self.db)
        .await
    }
}
