//! What dealerships asked of the house, and suggestions that they do not want to see again.

use super::{Result, Store, json, parse, query, sql};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;
use crate::model::wish::{Wish, Wished};

type Row = (String, String, String, i64, Option<String>, Option<i64>);

impl Store {
    /// Keeps a wish, with the answers that were given last. Says whether it is news: nobody waited for it so far.
    pub async fn wish(&self, account: &AccountId, wished: &Wished, by: &str, now: Timestamp) -> Result<bool> {
        let (id, kind, about) = (account.to_string(), wished.kind(), wished.about().to_owned());
        let is_known = query(sql!(
            "SELECT CAST(1 AS bigint) FROM wishes WHERE account_id = $1 AND kind = $2 AND about = $3 AND done_at IS NULL"
        ));
        let is_known = is_known.bind(&id).bind(kind).bind(&about);
        // Who asked first stays known while it is open.
        let keep = query(sql!(
            "INSERT INTO wishes (account_id, kind, about, answers, asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (account_id, kind, about) DO UPDATE SET answers = excluded.answers,
               asked_by = CASE WHEN wishes.done_at IS NULL THEN wishes.asked_by ELSE excluded.asked_by END,
               asked_at = CASE WHEN wishes.done_at IS NULL THEN wishes.asked_at ELSE excluded.asked_at END,
               done_by = NULL, done_at = NULL"
        ));
        let keep = keep.bind(&id).bind(kind).bind(&about).bind(json(wished)).bind(by).bind(now.0);
        let kept = self.db.write(move |tx| {
            Box::pin(async move {
                let was_open = is_known.fetch_optional::<i64>(&mut *tx).await?.is_some();
                keep.execute(tx).await?;
                Ok(!was_open)
            })
        });
        kept.await
    }

    /// The wishes of an account, or of all of them; open ones first, then the newest.
    pub async fn wishes(&self, account: Option<&AccountId>) -> Result<Vec<Wish>> {
        let rows: Vec<Row> = query(sql!(
            "SELECT account_id, answers, asked_by, asked_at, done_by, done_at FROM wishes
             WHERE ($1 IS NULL OR account_id = $1) ORDER BY CASE WHEN done_at IS NULL THEN 0 ELSE 1 END, asked_at DESC"
        ))
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
        .await?;
        let wish = |(account, answers, asked_by, asked_at, done_by, done_at): Row| {
            Ok(Wish {
                account_id: AccountId::stored(account),
                wished: parse(&answers)?,
                asked_by,
                asked_at: Timestamp(asked_at),
                done_by,
                done_at: done_at.map(Timestamp),
            })
        };
        rows.into_iter().map(wish).collect()
    }

    /// Notes that a wish is seen to. Says whether somebody waited for it.
    pub async fn fulfil(
        &self,
        account: &AccountId,
        (kind, about): (&str, &str),
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let done = query(sql!(
            "UPDATE wishes SET done_by = $4, done_at = $5
             WHERE account_id = $1 AND kind = $2 AND about = $3 AND done_at IS NULL"
        ));
        let done = done.bind(account.as_str()).bind(kind).bind(about).bind(by).bind(now.0);
        Ok(done.execute(&self.db).await? > 0)
    }

    /// What an account does not want to see again.
    pub async fn dismissed(&self, account: &AccountId) -> Result<Vec<String>> {
        let items = query(sql!("SELECT item FROM dismissed WHERE account_id = $1 ORDER BY item"));
        items.bind(account.as_str()).fetch_all(&self.db).await
    }

    /// Notes that an account does not want to see something again, or wants to after all.
    pub async fn dismiss(
        &self,
        account: &AccountId,
        item: &str,
        (is_dismissed, by): (bool, &str),
        now: Timestamp,
    ) -> Result<()> {
        let note = match is_dismissed {
            true => query(sql!(
                "INSERT INTO dismissed (account_id, item, dismissed_by, dismissed_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (account_id, item) DO NOTHING"
            ))
            .bind(account.as_str())
            .bind(item)
            .bind(by)
            .bind(now.0),
            false => query(sql!("DELETE FROM dismissed WHERE account_id = $1 AND item = $2"))
                .bind(account.as_str())
                .bind(item),
        };
        note.execute(&self.db).await.map(drop)
    }
}
