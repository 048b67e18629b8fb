//! The processes that serve on this database, and which of them are to take no more lanes.

use serde::Serialize;

use super::{HOUSE, Result, Store, StoreError, json, parse, query, sql};
use crate::lane::LEASE;
use crate::model::time::Timestamp;

/// A process that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Process)]
pub struct ShownProcess {
    /// A part of the owner of each of its leases.
    pub id: String,
    /// The machine, and the number that it gave the process.
    pub host: String,
    /// Of `ingest`, `plan`, `deliver` and `web`.
    pub roles: Vec<String>,
    pub build: String,
    pub started_at: Timestamp,
    /// When it last said that it lives, which it does twice a minute.
    pub seen_at: Timestamp,
    /// Since when it is to take no more lanes.
    pub draining_since: Option<Timestamp>,
    /// Lanes on which it is at work.
    pub lanes: u64,
}

impl Store {
    /// Notes that a process lives, and forgets those that were not seen since a time.
    pub async fn see_process(&self, process: &ShownProcess, gone_before: Timestamp) -> Result<()> {
        let seen = query(sql!(
            "INSERT INTO processes (account_id, id, host, roles, build, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (account_id, id) DO UPDATE SET seen_at = excluded.seen_at"
        ))
        .bind(HOUSE)
        .bind(&process.id)
        .bind(&process.host)
        .bind(json(&process.roles))
        .bind(&process.build)
        .bind(process.started_at.0)
        .bind(process.seen_at.0);
        let forget = query(sql!("DELETE FROM processes WHERE account_id = $1 AND seen_at < $2"));
        self.db.execute_all([seen, forget.bind(HOUSE).bind(gone_before.0)]).await.map(drop)
    }

    /// Forgets a process that ends.
    pub async fn forget_process(&self, id: &str) -> Result<()> {
        let forget = query(sql!("DELETE FROM processes WHERE account_id = $1 AND id = $2"));
        forget.bind(HOUSE).bind(id).execute(&self.db).await.map(drop)
    }

    /// Since when a process is to take no more lanes.
    pub async fn draining_since(&self, id: &str) -> Result<Option<Timestamp>> {
        let since = query(sql!("SELECT draining_since FROM processes WHERE account_id = $1 AND id = $2"));
        let since: Option<Option<i64>> = since.bind(HOUSE).bind(id).fetch_optional(&self.db).await?;
        Ok(since.flatten().map(Timestamp))
    }

    /// Lets a process take no more lanes, or take some again, where `since` is none. False: there is no such process.
    pub async fn drain_process(&self, id: &str, since: Option<Timestamp>) -> Result<bool> {
        // The time at which it was told first stays.
        let drain = query(sql!(
            "UPDATE processes SET draining_since = CASE WHEN $3 IS NULL THEN NULL ELSE coalesce(draining_since, $3) END
             WHERE account_id = $1 AND id = $2"
        ));
        Ok(drain.bind(HOUSE).bind(id).bind(since.map(|since| since.0)).execute(&self.db).await? > 0)
    }

    /// The processes, the one that started first at the top, with the lanes on which each is at work.
    pub async fn processes(&self, now: Timestamp) -> Result<Vec<ShownProcess>> {
        type Row = (String, String, String, String, i64, i64, Option<i64>);
        let rows: Vec<Row> = query(sql!(
            "SELECT id, host, roles, build, started_at, seen_at, draining_since FROM processes WHERE account_id = $1
             ORDER BY started_at, id"
        ))
        .bind(HOUSE)
        .fetch_all(&self.db)
        .await?;
        let owners = self.lease_owners(now).await?;
        let process = |(id, host, roles, build, started, seen, draining): Row| {
            let lanes = owners.iter().filter(|(owner, _)| owner.contains(&id)).map(|(_, lanes)| lanes).sum();
            Ok::<_, StoreError>(ShownProcess {
                roles: parse(&roles)?,
                started_at: Timestamp(started),
                seen_at: Timestamp(seen),
                draining_since: draining.map(Timestamp),
                lanes,
                id,
                host,
                build,
            })
        };
        rows.into_iter().map(process).collect()
    }

    /// Who holds leases, and how many. A lane that is leased is due at the end of its lease at the latest, so only those are
    /// looked at that are due by then.
    async fn lease_owners(&self, now: Timestamp) -> Result<Vec<(String, u64)>> {
        let rows: Vec<(String, i64)> = query(sql!(
            "SELECT owner, count(*) FROM lanes WHERE kind IN ('plan', 'deliver') AND next_due <= $2 AND lease_until > $1
               AND owner IS NOT NULL GROUP BY owner"
        ))
        .bind(now.0)
        .bind((now + LEASE).0)
        .fetch_all(&self.db)
        .await?;
        Ok(rows.into_iter().map(|(owner, lanes)| (owner, u64::try_from(lanes).unwrap_or(0))).collect())
    }
}
