//! What came of requests that carry a key of their own: a repeat is answered, and not done again.

use super::{Result, Store, query, sql};
use crate::model::time::Timestamp;

/// A request that may come again.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub account_id: String,
    /// What the asker is known by, as a hash.
    pub asker: String,
    pub key: String,
    /// Of method, address and body.
    pub hash: String,
}

/// An answer as it is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub status: i64,
    pub etag: Option<String>,
    /// None where it showed a secret.
    pub body: Option<String>,
}

/// What is known of a request when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It comes for the first time, and is under way from now on.
    New,
    UnderWay,
    Done(KeptAnswer),
    /// The key was used before, for something else.
    Other,
}

/// Rows that go in one commit.
const PAGE: i64 = 500;

impl Store {
    /// Notes that a request is under way, unless it came before. What began before `dead`, and has no answer, was lost
    /// with its process, and may be done again; what began before `over` is forgotten.
    pub async fn begin_keyed(
        &self,
        request: &Keyed,
        (dead, over): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Known> {
        type Row = (String, Option<i64>, Option<String>, Option<String>);
        let forget = query(sql!(
            "DELETE FROM kept_answers WHERE account_id = $1 AND asker = $2 AND key = $3
               AND (started_at <= $5 OR (status IS NULL AND started_at <= $4))"
        ));
        let forget = forget.bind(&request.account_id).bind(&request.asker).bind(&request.key).bind(dead.0).bind(over.0);
        let insert = query(sql!(
            "INSERT INTO kept_answers (account_id, asker, key, hash, started_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING"
        ));
        let insert = insert.bind(&request.account_id).bind(&request.asker).bind(&request.key);
        let insert = insert.bind(&request.hash).bind(now.0);
        let find = query(sql!(
            "SELECT hash, status, etag, body FROM kept_answers WHERE account_id = $1 AND asker = $2 AND key = $3"
        ));
        let find = find.bind(&request.account_id).bind(&request.asker).bind(&request.key);
        let begin = self.db.write(move |tx| {
            Box::pin(async move {
                forget.execute(&mut *tx).await?;
                if insert.execute(&mut *tx).await? > 0 {
                    return Ok(None);
                }
                let row: Option<Row> = find.fetch_optional(tx).await?;
                Ok(row)
            })
        });
        Ok(match begin.await? {
            None => Known::New,
            Some((hash, ..)) if hash != request.hash => Known::Other,
            Some((_, None, ..)) => Known::UnderWay,
            Some((_, Some(status), etag, body)) => Known::Done(KeptAnswer { status, etag, body }),
        })
    }

    /// Keeps the answer of a request that was under way.
    pub async fn keep_answer(&self, request: &Keyed, answer: &KeptAnswer) -> Result<()> {
        query(sql!(
            "UPDATE kept_answers SET status = $4, etag = $5, body = $6 WHERE account_id = $1 AND asker = $2 AND key = $3"
        ))
        .bind(&request.account_id)
        .bind(&request.asker)
        .bind(&request.key)
        .bind(answer.status)
        .bind(&answer.etag)
        .bind(&answer.body)
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Forgets a request that came to nothing: it may come again.
    pub async fn forget_keyed(&self, request: &Keyed) -> Result<()> {
        query(sql!("DELETE FROM kept_answers WHERE account_id = $1 AND asker = $2 AND key = $3"))
            .bind(&request.account_id)
            .bind(&request.asker)
            .bind(&request.key)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// Removes a page of the answers to what came before a time. Says how many.
    pub async fn remove_kept_answers(&self, before: Timestamp) -> Result<u64> {
        query(sql!(
            "DELETE FROM kept_answers WHERE (account_id, asker, key) IN
               (SELECT account_id, asker, key FROM kept_answers WHERE started_at < $1 ORDER BY started_at LIMIT $2)"
        ))
        .bind(before.0)
        .bind(PAGE)
        .execute(&self.db)
        .await
    }
}
