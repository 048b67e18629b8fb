//! Whether only operators may change something for now.

use super::{HOUSE, Result, Store, query, sql};
use crate::model::access::ReadOnly;
use crate::model::time::Timestamp;

impl Store {
    /// Why, since when and by whom nobody else may change anything; none where everybody may.
    pub async fn read_only(&self) -> Result<Option<ReadOnly>> {
        let row: Option<(String, i64, String)> =
            query(sql!("SELECT reason, since, actor FROM read_only WHERE account_id = $1"))
                .bind(HOUSE)
                .fetch_optional(&self.db)
                .await?;
        Ok(row.map(|(reason, since, by)| ReadOnly { reason, since: Timestamp(since), by }))
    }

    /// Lets only operators change something from now on. Where that is so already, the newer reason counts, and the time
    /// stays.
    pub async fn set_read_only(&self, mode: &ReadOnly) -> Result<()> {
        query(sql!(
            "INSERT INTO read_only (account_id, reason, actor, since) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason, actor = excluded.actor"
        ))
        .bind(HOUSE)
        .bind(&mode.reason)
        .bind(&mode.by)
        .bind(mode.since.0)
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Lets everybody change what they may. False: everybody could.
    pub async fn end_read_only(&self) -> Result<bool> {
        let end = query(sql!("DELETE FROM read_only WHERE account_id = $1")).bind(HOUSE);
        Ok(end.execute(&self.db).await? > 0)
    }
}
