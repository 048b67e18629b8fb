//! Requests that were refused at the door: a capped ring for each source, so that an operator sees why.

use serde::Serialize;

use super::{Result, Sql, Store, query, sql};
use crate::model::id::RejectionId;
use crate::model::time::Timestamp;

/// The newest this many are kept for each source, so that a flood of them fills nothing.
const KEPT: i64 = 1000;

const SELECT: Sql = sql!("SELECT id, source_id, at, class, detail, sender_id, bytes, body FROM rejected");

/// One refused request.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Rejection {
    pub id: RejectionId,
    /// As in the address, whether such a source exists or not.
    pub source_id: String,
    pub at: Timestamp,
    pub class: String,
    pub detail: String,
    pub sender_id: Option<String>,
    pub bytes: i64,
    /// Kept only where the signature was right.
    pub body: Option<String>,
}

/// Which refused requests to list.
#[derive(Clone, Debug, Default)]
pub struct RejectionFilter {
    /// The source's id, or `unknown` for addresses that no source has.
    pub source: Option<String>,
    /// Such as `signature`.
    pub class: Option<String>,
    /// Only those after this one.
    pub after: Option<RejectionId>,
    /// Only those before this one.
    pub older_than: Option<RejectionId>,
    pub limit: u32,
}

impl Store {
    /// Records a refused request.
    pub async fn reject(&self, rejection: &Rejection) -> Result<()> {
        let insert = query(sql!(
            "INSERT INTO rejected (source_id, id, at, class, detail, sender_id, bytes, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(&rejection.source_id)
        .bind(rejection.id.as_str())
        .bind(rejection.at.0)
        .bind(&rejection.class)
        .bind(&rejection.detail)
        .bind(&rejection.sender_id)
        .bind(rejection.bytes)
        .bind(&rejection.body);
        let forget = query(sql!(
            "DELETE FROM rejected WHERE source_id = $1 AND id <= (SELECT id FROM rejected WHERE source_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)"
        ));
        self.db.execute_all([insert, forget.bind(&rejection.source_id).bind(KEPT)]).await.map(drop)
    }

    /// The newest refused requests, of one source or of all.
    pub async fn rejections(&self, source_id: Option<&str>, limit: u32) -> Result<Vec<Rejection>> {
        let source = source_id.map(str::to_owned);
        self.rejections_that_fit(&RejectionFilter { source, limit, ..RejectionFilter::default() }).await
    }

    /// The newest refused requests that fit; with `after`, oldest first.
    pub async fn rejections_that_fit(&self, filter: &RejectionFilter) -> Result<Vec<Rejection>> {
        type Row = (String, String, i64, String, String, Option<String>, i64, Option<String>);
        let of = if filter.source.is_some() { "source_id = $1" } else { "$1 IS NULL" };
        let (order, after) = match (&filter.after, &filter.older_than) {
            (Some(_), _) => ("ASC", "AND id > $3"),
            (None, Some(_)) => ("DESC", "AND id < $3"),
            (None, None) => ("DESC", "AND $3 IS NULL"),
        };
        let rest = format!(" WHERE {of} AND ($2 IS NULL OR class = $2) {after} ORDER BY id {order} LIMIT $4");
        let rows = query(SELECT.and(&rest)).bind(filter.source.as_deref()).bind(filter.class.as_deref());
        let rows = rows.bind(filter.after.as_ref().or(filter.older_than.as_ref()).map(RejectionId::as_str));
        let rows: Vec<Row> = rows.bind(filter.limit).fetch_all(&self.db).await?;
        let rejection = |(id, source_id, at, class, detail, sender_id, bytes, body)| Rejection {
            id: RejectionId::stored(id),
            source_id,
            at: Timestamp(at),
            class,
            detail,
            sender_id,
            bytes,
            body,
        };
        Ok(rows.into_iter().map(rejection).collect())
    }
}
