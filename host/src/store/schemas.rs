//! What is known of a portal's schema: a cache that can be read again from HubSpot.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Query, Result, Store, json, parse, query, sql};
use crate::model::account::Connection;
use crate::model::id::ConnectionId;
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;

/// Schemas that are kept parsed: each round asks for one, and a portal's may have hundreds of kilobytes.
const PARSED_MAX: usize = 1_000;

/// Parsed schemas by connection, each with the time at which it was read: whoever knows that time knows whether it still
/// is the one in the table.
#[derive(Default)]
pub(super) struct ParsedSchemas(Mutex<HashMap<ConnectionId, (i64, Arc<PortalSchema>)>>);

impl ParsedSchemas {
    fn get(&self, connection: &ConnectionId, read_at: i64) -> Option<Arc<PortalSchema>> {
        let parsed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parsed.get(connection).filter(|(at, _)| *at == read_at).map(|(_, schema)| schema.clone())
    }

    /// Another one was written, maybe in the same millisecond.
    fn forget(&self, connection: &ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    fn keep(&self, connection: &ConnectionId, read_at: i64, schema: &Arc<PortalSchema>) {
        let mut parsed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parsed.len() >= PARSED_MAX {
            parsed.clear(); // it fills again by itself
        }
        parsed.insert(connection.clone(), (read_at, schema.clone()));
    }
}

/// A schema as it was read.
#[derive(Clone, Debug)]
pub struct CachedSchema {
    /// Empty where no try to read it succeeded yet: then nothing is known, and everything is left to HubSpot.
    pub schema: Arc<PortalSchema>,
    pub read_at: Timestamp,
    /// When somebody tried to read it last, with success or without.
    pub tried_at: Timestamp,
    /// When the connection is to be looked after next.
    pub care_due: Timestamp,
    /// HubSpot's answers contradict it.
    pub stale: bool,
}

/// Of a schema, all but its content: `read_at`, `tried_at`, `care_due`, `stale`.
pub(super) type KnownRow = (i64, i64, i64, i64);

/// What is known of the schema of a connection's portal.
pub(super) fn known(account: &str, connection: &str) -> Query {
    query(sql!(
        "SELECT s.read_at, s.tried_at, l.care_due, s.stale FROM portal_schemas AS s
         JOIN lanes AS l ON l.account_id = s.account_id AND l.id = s.connection_id
         WHERE s.account_id = $1 AND s.connection_id = $2"
    ))
    .bind(account)
    .bind(connection)
}

impl Store {
    /// The schema of a connection's portal, as it was read last.
    pub async fn schema(&self, connection: &Connection) -> Result<Option<CachedSchema>> {
        let known = known(connection.account_id.as_str(), connection.id.as_str()).fetch_optional(&self.db).await?;
        self.schema_of(connection, known).await
    }

    /// The schema that this row is about.
    pub(super) async fn schema_of(
        &self,
        connection: &Connection,
        known: Option<KnownRow>,
    ) -> Result<Option<CachedSchema>> {
        let Some((read_at, tried_at, care_due, stale)) = known else { return Ok(None) };
        let cached = |schema| CachedSchema {
            schema,
            read_at: Timestamp(read_at),
            tried_at: Timestamp(tried_at),
            care_due: Timestamp(care_due),
            stale: stale != 0,
        };
        if let Some(parsed) = self.schemas.get(&connection.id, read_at) {
            return Ok(Some(cached(parsed)));
        }
        let content: String =
            query(sql!("SELECT content FROM portal_schemas WHERE account_id = $1 AND connection_id = $2"))
                .bind(connection.account_id.as_str())
                .bind(connection.id.as_str())
                .fetch_one(&self.db)
                .await?;
        let parsed = Arc::new(parse(&content)?);
        self.schemas.keep(&connection.id, read_at, &parsed);
        Ok(Some(cached(parsed)))
    }

    /// Keeps a schema that was just read.
    pub async fn keep_schema(&self, connection: &Connection, schema: &PortalSchema, now: Timestamp) -> Result<()> {
        let kept = query(sql!("INSERT INTO portal_schemas (account_id, connection_id, read_at, tried_at, stale, content) VALUES ($1, $2, $3, $3, 0, $4)
             ON CONFLICT (account_id, connection_id) DO UPDATE SET read_at = excluded.read_at, tried_at = excluded.tried_at,
               stale = 0, content = excluded.content"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(now.0)
        .bind(json(schema))
        .execute(&self.db)
        .await.map(drop);
        self.schemas.forget(&connection.id);
        kept
    }

    /// Says that the schema could not be read. What was read before stays.
    pub async fn schema_not_read(&self, connection: &Connection, now: Timestamp) -> Result<()> {
        query(sql!("INSERT INTO portal_schemas (account_id, connection_id, read_at, tried_at, stale, content) VALUES ($1, $2, 0, $3, 0, $4)
             ON CONFLICT (account_id, connection_id) DO UPDATE SET tried_at = excluded.tried_at"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(now.0)
        .bind(json(&PortalSchema::default()))
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Says that HubSpot's answers contradict the schema, and calls for it to be read again at once.
    pub async fn mark_schema_stale(&self, connection: &Connection, now: Timestamp) -> Result<()> {
        query(sql!("UPDATE portal_schemas SET stale = 1 WHERE account_id = $1 AND connection_id = $2"))
            .bind(connection.account_id.as_str())
            .bind(connection.id.as_str())
            .execute(&self.db)
            .await?;
        self.call_for_care(connection, now).await
    }

    /// Wants a connection to be looked after at `at`, if it is not earlier anyway.
    pub async fn call_for_care(&self, connection: &Connection, at: Timestamp) -> Result<()> {
        query(sql!("UPDATE lanes SET care_due = " least "(care_due, $3), next_due = " least "(next_due, $3) WHERE account_id = $1 AND id = $2"))
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(at.0)
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Says when a connection is to be looked after next, and, with its daily check, that this was made now.
    pub async fn cared(&self, connection: &Connection, next: Timestamp, checked_at: Option<Timestamp>) -> Result<()> {
        // An earlier due time stays: its round looks into the queue, finds nothing, and puts the right one in its place.
        let care = query(sql!(
            "UPDATE lanes SET care_due = $3, next_due = " least "(next_due, $3) WHERE account_id = $1 AND id = $2"
        ));
        let care = care.bind(connection.account_id.as_str()).bind(connection.id.as_str()).bind(next.0);
        let check = query(sql!(
            "UPDATE connections SET checked_at = coalesce($3, checked_at) WHERE account_id = $1 AND id = $2"
        ));
        let check = check.bind(connection.account_id.as_str()).bind(connection.id.as_str());
        self.db.execute_all([care, check.bind(checked_at.map(|at| at.0))]).await.map(drop)
    }
}
