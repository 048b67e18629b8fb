//! Requests to use a version although gates are closed, and what a second person said to each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Query, Result, Store, json, parse, query, sql};
use crate::model::id::{AccountId, BindingId, ConnectionId, VersionId, WaiverId};
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::model::waiver::{Answered, Signer, Verdict, Waiver};
use crate::model::word;

/// Requests that a list shows at most, the newest.
const LISTED_MAX: u32 = 200;

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
    let answered = match (answer.as_deref(), by, at) {
        (Some(answer), Some(by), Some(at)) => {
            let verdict = if answer == word(&Verdict::Approved) { Verdict::Approved } else { Verdict::Declined };
            Some(Answered { verdict, by, at: Timestamp(at) })
        }
        _ => None,
    };
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
        answered,
    })
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

    /// Notes what a second person said. Says whether nobody was quicker.
    pub async fn answer_waiver(&self, waiver: &Waiver, answered: &Answered) -> Result<bool> {
        let answer = query(sql!(
            "UPDATE waivers SET answer = $3, answered_by = $4, answered_at = $5
             WHERE account_id = $1 AND id = $2 AND answer IS NULL"
        ));
        let answer = answer.bind(waiver.account_id.as_str()).bind(waiver.id.as_str()).bind(word(&answered.verdict));
        Ok(answer.bind(&answered.by).bind(answered.at.0).execute(&self.db).await? > 0)
    }
}
