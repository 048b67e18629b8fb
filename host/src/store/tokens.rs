//! The tokens of a connection. Every change of them names the generation that was read, so that a slow answer never
//! overwrites the tokens of somebody who reconnected meanwhile.

use secrecy::SecretString;

use super::{Result, Store, json, query, sql};
use crate::cause::Problem;
use crate::model::account::Connection;
use crate::model::lane::Settled;
use crate::model::time::Timestamp;

/// What a connection has to show at HubSpot. Does not print.
pub struct Credentials {
    pub connection: Connection,
    pub token: SecretString,
    /// None for a static token, and after a disconnect.
    pub refresh_token: Option<SecretString>,
    /// When the token came.
    pub refreshed_at: Timestamp,
    /// HubSpot gave no token; it is not asked again before then.
    pub retry_after: Timestamp,
    /// When HubSpot was asked last whether the refresh token still counts.
    pub introspected_at: Timestamp,
    generation: i64,
}

/// What a refresh came to.
pub struct NewTokens<'a> {
    pub token: &'a SecretString,
    /// None: the one before goes on.
    pub refresh_token: Option<&'a SecretString>,
    pub expires_at: Timestamp,
    /// None: as before.
    pub scopes: Option<&'a [String]>,
}

impl Store {
    /// The tokens of a connection, as they are now.
    ///
    /// # Errors
    /// The database's, and when a token cannot be opened with the key ring.
    pub async fn credentials(&self, connection: &Connection) -> anyhow::Result<Option<Credentials>> {
        // Read first: where the tokens change before they are read below, nothing that names this generation is kept.
        let row: Option<(Option<String>, i64, i64, i64, i64)> = query(sql!("SELECT refresh_token, refreshed_at, retry_after, introspected_at, generation FROM connections WHERE account_id = $1 AND id = $2"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .fetch_optional(&self.db)
        .await?;
        let found = self.connection_with_token(&connection.account_id, connection.id.as_str()).await?;
        let (Some(row), Some((fresh, token))) = (row, found) else { return Ok(None) };
        let (sealed, refreshed_at, retry_after, introspected_at, generation) = row;
        let refresh_token = sealed.filter(|sealed| !sealed.is_empty());
        let refresh_token =
            refresh_token.map(|sealed| self.open_token(&fresh.id, "refresh_token", &sealed)).transpose()?;
        Ok(Some(Credentials {
            connection: fresh,
            token,
            refresh_token,
            refreshed_at: Timestamp(refreshed_at),
            retry_after: Timestamp(retry_after),
            introspected_at: Timestamp(introspected_at),
            generation,
        }))
    }

    /// Keeps new tokens, in the place of those that were read.
    ///
    /// A lost lease is no reason to throw them away: where refresh tokens change with each use, they would be the only
    /// ones that still count. What guards them is the generation.
    pub async fn keep_tokens(&self, read: &Credentials, new: NewTokens<'_>, now: Timestamp) -> Result<Settled> {
        let update = query(sql!(
            "UPDATE connections SET expires_at = $4, scopes = coalesce($5, scopes), refreshed_at = $6, token = $7, refresh_token = coalesce($8, refresh_token),
               problem = NULL, retry_after = 0, generation = generation + 1
             WHERE account_id = $1 AND id = $2 AND generation = $3"
        ))
        .bind(read.connection.account_id.as_str())
        .bind(read.connection.id.as_str())
        .bind(read.generation)
        .bind(new.expires_at.0)
        .bind(new.scopes.map(json))
        .bind(now.0);
        let (store, id) = (self.clone(), read.connection.id.clone());
        let (token, refresh_token) = (new.token.clone(), new.refresh_token.cloned());
        let keep = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let update = update.bind(store.seal_token(&id, "token", &token));
                let refresh_token = refresh_token.map(|token| store.seal_token(&id, "refresh_token", &token));
                update.bind(refresh_token).execute(tx).await
            })
        });
        Ok(if keep.await? > 0 { Settled::Done } else { Settled::LeaseLost })
    }

    /// HubSpot gave no token: notes until when it is left alone, and what people should know, if anything.
    pub async fn put_off_refresh(&self, read: &Credentials, until: Timestamp, problem: Option<&Problem>) -> Result<()> {
        query(sql!("UPDATE connections SET retry_after = $4, problem = coalesce($5, problem) WHERE account_id = $1 AND id = $2 AND generation = $3"))
        .bind(read.connection.account_id.as_str())
        .bind(read.connection.id.as_str())
        .bind(read.generation)
        .bind(until.0)
        .bind(problem.map(json))
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Says that a connection has to be made again, unless its tokens are others than the ones that failed.
    pub async fn require_reconnect(&self, read: &Credentials, problem: &Problem) -> Result<Settled> {
        let done = query(sql!(
            "UPDATE connections SET state = 'reconnect_required', problem = $4
             WHERE account_id = $1 AND id = $2 AND generation = $3 AND state IN ('connected', 'paused')"
        ))
        .bind(read.connection.account_id.as_str())
        .bind(read.connection.id.as_str())
        .bind(read.generation)
        .bind(json(problem))
        .execute(&self.db)
        .await?;
        Ok(if done > 0 { Settled::Done } else { Settled::LeaseLost })
    }

    /// HubSpot says that the refresh token counts, and for which permissions.
    pub async fn note_introspection(
        &self,
        read: &Credentials,
        scopes: Option<&[String]>,
        now: Timestamp,
    ) -> Result<()> {
        query(sql!("UPDATE connections SET introspected_at = $4, scopes = coalesce($5, scopes) WHERE account_id = $1 AND id = $2 AND generation = $3"))
        .bind(read.connection.account_id.as_str())
        .bind(read.connection.id.as_str())
        .bind(read.generation)
        .bind(now.0)
        .bind(scopes.map(json))
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Forgets the tokens of a connection.
    pub async fn wipe_tokens(&self, connection: &Connection) -> Result<()> {
        query(sql!("UPDATE connections SET token = '', refresh_token = NULL, expires_at = NULL, scopes = NULL, problem = NULL, retry_after = 0, generation = generation + 1,
               ends_at = NULL, ends_since = NULL, ends_waiting = NULL, ends_from = NULL
             WHERE account_id = $1 AND id = $2 AND state = 'disconnected'"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .execute(&self.db)
        .await
        .map(drop)
    }
}
