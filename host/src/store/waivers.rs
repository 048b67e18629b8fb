//! Requests to use a version although gates are closed, and what a second person said to each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Conn, Query, Result, Store, StoreError, json, parse, query, sql};
use crate::model::id::{AccountId, BindingId, ConnectionId, VersionId, WaiverId};
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::model::waiver::{Answered, Signer, Verdict, Waiver};
use crate::model::word;

/// Requests that a list shows at most, the newest.
const LISTED_MAX: u32 = 200;

/// What an answer to a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answering {
    /// It is noted.
    Noted,
    /// Somebody was quicker, and said this.
    Late(Answered),
}

/// What is asked for, as it is stored.
#[derive(Serialize, Deserialize)]
struct Wish {
    settings: Value,
    share: i64,
    reason: String,
    despite: String,
    closed: Vec<String>,
    seen: Option<BindingId>,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    String,
    String,
    String,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
);

macro_rules! select {
    ($rest:literal) => {
        sql!(
            "SELECT w.account_id, w.id, w.connection_id, w.version_id, t.name, v.number, w.wish, w.asked_by, w.asker,
               w.asker_maker, w.asked_at, w.answer, w.answered_by, w.answered_at
             FROM waivers AS w JOIN versions AS v ON v.id = w.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id " $rest
        )
    };
}

fn waiver(row: Row) -> Result<Waiver> {
    let (account, id, connection, version, name, number, wish, asked_by, asker, maker, asked_at, answer, by, at) = row;
    let wish: Wish = parse(&wish)?;
    Ok(Waiver {
        id: WaiverId::stored(id),
        account_id: AccountId::stored(account),
        connection_id: ConnectionId::stored(connection),
        version_id: VersionId::stored(version),
        version: format!("{name}@{number}"),
        settings: wish.settings,
        share: Share::stored(wish.share),
        reason: wish.reason,
        despite: wish.despite,
        closed: wish.closed,
        seen: wish.seen,
        asked_by,
        asker: Signer { name: asker, maker },
        asked_at: Timestamp(asked_at),
        answered: answered((answer, by, at)),
    })
}

/// The columns of an answer.
type Said = (Option<String>, Option<String>, Option<i64>);

/// What was said to a request; none while nobody has said anything.
fn answered((answer, by, at): Said) -> Option<Answered> {
    let verdict = if answer? == word(&Verdict::Approved) { Verdict::Approved } else { Verdict::Declined };
    Some(Answered { verdict, by: by?, at: Timestamp(at?) })
}

async fn all(store: &Store, query: Query) -> Result<Vec<Waiver>> {
    let rows: Vec<Row> = query.fetch_all(&store.db).await?;
    rows.into_iter().map(waiver).collect()
}

impl Store {
    /// Keeps a request; nobody has answered it.
    pub async fn ask_waiver(&self, asked: &Waiver) -> Result<()> {
        let wish = Wish {
            settings: asked.settings.clone(),
            share: asked.share.percent(),
            reason: asked.reason.clone(),
            despite: asked.despite.clone(),
            closed: asked.closed.clone(),
            seen: asked.seen.clone(),
        };
        let insert = query(sql!(
            "INSERT INTO waivers (account_id, id, connection_id, version_id, wish, asked_by, asker, asker_maker, asked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ));
        let insert = insert.bind(asked.account_id.as_str()).bind(asked.id.as_str()).bind(asked.connection_id.as_str());
        let insert = insert.bind(asked.version_id.as_str()).bind(json(&wish)).bind(&asked.asked_by);
        let insert = insert.bind(&asked.asker.name).bind(asked.asker.maker.as_deref()).bind(asked.asked_at.0);
        insert.execute(&self.db).await.map(drop)
    }

    /// The request of an id.
    pub async fn waiver(&self, id: &str) -> Result<Option<Waiver>> {
        Ok(all(self, query(select!("WHERE w.id = $1")).bind(id)).await?.pop())
    }

    /// The newest requests of an account, or of all.
    pub async fn waivers(&self, account: Option<&AccountId>) -> Result<Vec<Waiver>> {
        let newest = select!("WHERE ($1 IS NULL OR w.account_id = $1) ORDER BY w.id DESC LIMIT $2");
        all(self, query(newest).bind(account.map(AccountId::as_str)).bind(LISTED_MAX)).await
    }

    /// Notes what a second person said, where nobody was quicker.
    pub async fn answer_waiver(&self, waiver: &Waiver, said: &Answered) -> Result<Answering> {
        let (waiver, said) = (waiver.clone(), said.clone());
        self.db.write(move |tx| Box::pin(async move { answer(tx, &waiver, &said).await })).await
    }
}

/// The same within a transaction that does what the answer is about, so that there is never one without the other.
pub(super) async fn answer(tx: &mut Conn, waiver: &Waiver, said: &Answered) -> Result<Answering> {
    let note = query(sql!(
        "UPDATE waivers SET answer = $3, answered_by = $4, answered_at = $5
         WHERE account_id = $1 AND id = $2 AND answer IS NULL"
    ));
    let note = note.bind(waiver.account_id.as_str()).bind(waiver.id.as_str()).bind(word(&said.verdict));
    if note.bind(&said.by).bind(said.at.0).execute(&mut *tx).await? > 0 {
        return Ok(Answering::Noted);
    }
    // Whoever was quicker has committed by now: the update waited for that.
    let before = query(sql!("SELECT answer, answered_by, answered_at FROM waivers WHERE account_id = $1 AND id = $2"));
    let before: Said = before.bind(waiver.account_id.as_str()).bind(waiver.id.as_str()).fetch_one(tx).await?;
    Ok(Answering::Late(answered(before).ok_or(StoreError::Missing)?))
}
