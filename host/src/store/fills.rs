//! The jobs that fill in what leads went without.

use std::time::Duration;

use super::{Result, Store, json, parse, query, sql};
use crate::model::account::Connection;
use crate::model::fill::{Fill, FillProgress, FillState};
use crate::model::id::{AccountId, ConnectionId};
use crate::model::time::Timestamp;
use crate::model::word;

/// Whoever takes a page has so long for it; then another one may. A page is two or three calls.
const PAGE_LEASE: Duration = Duration::from_secs(5 * 60);

type Row = (String, String, String, i64, String);

fn fill((account, connection, state, next_at, progress): Row) -> Result<Fill> {
    Ok(Fill {
        account_id: AccountId::stored(account),
        connection_id: ConnectionId::stored(connection),
        state: parse(&format!("\"{state}\""))?,
        next_at: Timestamp(next_at),
        progress: parse(&progress)?,
    })
}

impl Store {
    /// Begins a job. False where one of the connection is running.
    pub async fn begin_fill(&self, connection: &Connection, progress: &FillProgress, now: Timestamp) -> Result<bool> {
        let begin = query(sql!(
            "INSERT INTO fills (account_id, connection_id, state, next_at, progress) VALUES ($1, $2, 'running', $3, $4)
             ON CONFLICT (account_id, connection_id) DO UPDATE
             SET state = excluded.state, next_at = excluded.next_at, progress = excluded.progress
             WHERE fills.state <> 'running'"
        ));
        let begin = begin.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        Ok(begin.bind(now.0).bind(json(progress)).execute(&self.db).await? > 0)
    }

    /// The job of a connection that runs, or the last one.
    pub async fn fill_job(&self, connection: &Connection) -> Result<Option<Fill>> {
        let found = query(sql!(
            "SELECT account_id, connection_id, state, next_at, progress FROM fills
             WHERE account_id = $1 AND connection_id = $2"
        ));
        let found = found.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        found.fetch_optional::<Row>(&self.db).await?.map(fill).transpose()
    }

    /// Takes the job whose next page is due longest, for a while.
    pub async fn take_fill(&self, now: Timestamp) -> Result<Option<Fill>> {
        let due = query(sql!(
            "SELECT account_id, connection_id, state, next_at, progress FROM fills
             WHERE state = 'running' AND next_at <= $1 ORDER BY next_at LIMIT 1"
        ));
        let Some(due) = due.bind(now.0).fetch_optional::<Row>(&self.db).await?.map(fill).transpose()? else {
            return Ok(None);
        };
        let until = now + PAGE_LEASE;
        Ok(self.move_fill(&due, until).await?.then_some(Fill { next_at: until, ..due }))
    }

    async fn move_fill(&self, fill: &Fill, until: Timestamp) -> Result<bool> {
        let take = query(sql!(
            "UPDATE fills SET next_at = $4
             WHERE account_id = $1 AND connection_id = $2 AND next_at = $3 AND state = 'running'"
        ));
        let take = take.bind(fill.account_id.as_str()).bind(fill.connection_id.as_str());
        Ok(take.bind(fill.next_at.0).bind(until.0).execute(&self.db).await? > 0)
    }

    /// Keeps what a page came to, where it is still ours. Who cancelled it meanwhile is right.
    pub async fn settle_fill(
        &self,
        taken: &Fill,
        (state, progress): (FillState, &FillProgress),
        next_at: Timestamp,
    ) -> Result<()> {
        let settle = query(sql!(
            "UPDATE fills SET state = CASE WHEN state = 'running' THEN $4 ELSE state END, next_at = $5, progress = $6
             WHERE account_id = $1 AND connection_id = $2 AND next_at = $3"
        ));
        let settle = settle.bind(taken.account_id.as_str()).bind(taken.connection_id.as_str()).bind(taken.next_at.0);
        settle.bind(word(&state)).bind(next_at.0).bind(json(progress)).execute(&self.db).await?;
        Ok(())
    }

    /// Ends a job before its end. False where none of the connection runs.
    pub async fn cancel_fill(&self, connection: &Connection) -> Result<bool> {
        let cancel = query(sql!(
            "UPDATE fills SET state = 'cancelled' WHERE account_id = $1 AND connection_id = $2 AND state = 'running'"
        ));
        let cancel = cancel.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        Ok(cancel.execute(&self.db).await? > 0)
    }
}
