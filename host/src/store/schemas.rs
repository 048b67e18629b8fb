//! What is known of a portal's schema: a cache that can be read again from HubSpot.

use super::{Store, json, parse};
use crate::model::account::Connection;
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;

/// A schema as it was read.
#[derive(Clone, Debug)]
pub struct CachedSchema {
    pub schema: PortalSchema,
    pub read_at: Timestamp,
    /// HubSpot's answers contradict it.
    pub stale: bool,
}

impl Store {
    /// The schema of a connection's portal, as it was read last.
    pub async fn schema(&self, connection: &Connection) -> sqlx::Result<Option<CachedSchema>> {
        let row: Option<(i64, i64, String)> = sqlx::query_as(
            "SELECT read_at, stale, content FROM portal_schemas WHERE account_id = $1 AND connection_id = $2",
        )
        .bind(connection.account_id.as_str())
        .bind(connection.id.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|(read_at, stale, content)| {
            Ok(CachedSchema { schema: parse(&content)?, read_at: Timestamp(read_at), stale: stale != 0 })
        })
        .transpose()
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
