//! What is known of a portal's schema: a cache that can be read again from HubSpot.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, json, parse};
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
    pub schema: Arc<PortalSchema>,
    pub read_at: Timestamp,
    /// HubSpot's answers contradict it.
    pub stale: bool,
}

impl Store {
    /// The schema of a connection's portal, as it was read last.
    pub async fn schema(&self, connection: &Connection) -> sqlx::Result<Option<CachedSchema>> {
        let key = [connection.account_id.as_str(), connection.id.as_str()];
        let known: Option<(i64, i64)> =
            sqlx::query_as("SELECT read_at, stale FROM portal_schemas WHERE account_id = $1 AND connection_id = $2")
                .bind(key[0])
                .bind(key[1])
                .fetch_optional(&self.readers)
                .await?;
        let Some((read_at, stale)) = known else { return Ok(None) };
        let cached = |schema| CachedSchema { schema, read_at: Timestamp(read_at), stale: stale != 0 };
        if let Some(parsed) = self.schemas.get(&connection.id, read_at) {
            return Ok(Some(cached(parsed)));
        }
        let content: String =
            sqlx::query_scalar("SELECT content FROM portal_schemas WHERE account_id = $1 AND connection_id = $2")
                .bind(key[0])
                .bind(key[1])
                .fetch_one(&self.readers)
                .await?;
        let parsed = Arc::new(parse(&content)?);
        self.schemas.keep(&connection.id, read_at, &parsed);
        Ok(Some(cached(parsed)))
    }

    /// Keeps a schema that was just read.
    pub async fn keep_schema(
        &self,
        connection: &Connection,
        schema: &PortalSchema,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO portal_schemas (account_id, connection_id, read_at, stale, content) VALUES ($1, $2, $3, 0, $4)
             ON CONFLICT (account_id, connection_id) DO UPDATE SET read_at = excluded.read_at, stale = 0, content = excluded.content",
        )
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .bind(now.0)
        .bind(json(schema))
        .execute(&self.writer)
        .await
        .map(drop)
    }
}
