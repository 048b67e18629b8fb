//! Shadow runs: the evidence that is kept with a version.

use serde::Serialize;
use serde_json::Value;

use super::{Query, Result, Store, json, parse, query, sql};
use crate::comparison::Report;
use crate::model::account::{Connection, Version};
use crate::model::id::{AccountId, ConnectionId, ShadowRunId, VersionId};
use crate::model::time::Timestamp;

/// A trial of a version on an account's last leads.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShadowRun {
    pub id: ShadowRunId,
    pub account_id: AccountId,
    pub connection_id: ConnectionId,
    pub version_id: VersionId,
    /// Such as `deals@4`.
    pub version: String,
    pub settings: Value,
    pub by: String,
    /// As many of the last leads were asked for.
    pub events_max: i64,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// None while it runs, and where it could not be finished.
    pub report: Option<Report>,
    /// Why it could not be finished.
    pub trouble: Option<String>,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
);

macro_rules! select {
    ($rest:literal) => {
        sql!(
            "SELECT s.account_id, s.id, s.connection_id, s.version_id, t.name, v.number, s.settings, s.made_by, s.events_max,
               s.started_at, s.ended_at, s.report, s.trouble
             FROM shadow_runs AS s JOIN versions AS v ON v.id = s.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id " $rest
        )
    };
}

fn shadow_run(row: Row) -> Result<ShadowRun> {
    let (account, id, connection, version, name, number, settings, by, events_max, started, ended, report, trouble) =
        row;
    Ok(ShadowRun {
        id: ShadowRunId::stored(id),
        account_id: AccountId::stored(account),
        connection_id: ConnectionId::stored(connection),
        version_id: VersionId::stored(version),
        version: format!("{name}@{number}"),
        settings: parse(&settings)?,
        by,
        events_max,
        started_at: Timestamp(started),
        ended_at: ended.map(Timestamp),
        report: report.as_deref().map(parse).transpose()?,
        trouble,
    })
}

async fn one(store: &Store, query: Query) -> Result<Option<ShadowRun>> {
    query.fetch_optional(&store.db).await?.map(shadow_run).transpose()
}

impl Store {
    /// Notes that a shadow run begins.
    pub async fn begin_shadow(
        &self,
        connection: &Connection,
        (version, settings): (&Version, &Value),
        events_max: u32,
        by: &str,
        now: Timestamp,
    ) -> Result<ShadowRun> {
        let id = ShadowRunId::new(now);
        query(sql!(
            "INSERT INTO shadow_runs (account_id, id, connection_id, version_id, settings, made_by, events_max, started_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(connection.account_id.as_str())
        .bind(id.as_str())
        .bind(connection.id.as_str())
        .bind(version.id.as_str())
        .bind(json(settings))
        .bind(by)
        .bind(events_max)
        .bind(now.0)
        .execute(&self.db)
        .await?;
        Ok(ShadowRun {
            id,
            account_id: connection.account_id.clone(),
            connection_id: connection.id.clone(),
            version_id: version.id.clone(),
            version: version.label(),
            settings: settings.clone(),
            by: by.to_owned(),
            events_max: events_max.into(),
            started_at: now,
            ended_at: None,
            report: None,
            trouble: None,
        })
    }

    /// Keeps what a shadow run came to.
    pub async fn end_shadow(
        &self,
        run: &ShadowRun,
        came_to: std::result::Result<&Report, &str>,
        now: Timestamp,
    ) -> Result<()> {
        query(sql!("UPDATE shadow_runs SET ended_at = $3, report = $4, trouble = $5 WHERE account_id = $1 AND id = $2"))
            .bind(run.account_id.as_str())
            .bind(run.id.as_str())
            .bind(now.0)
            .bind(came_to.ok().map(json))
            .bind(came_to.err())
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// One shadow run.
    pub async fn shadow_run(&self, id: &str) -> Result<Option<ShadowRun>> {
        one(self, query(select!("WHERE s.id = $1")).bind(id)).await
    }

    /// The newest finished shadow run of a version with these settings.
    pub async fn shadow_of(
        &self,
        connection: &Connection,
        version: &VersionId,
        settings: &Value,
    ) -> Result<Option<ShadowRun>> {
        let newest = select!(
            "WHERE s.account_id = $1 AND s.connection_id = $2 AND s.version_id = $3 AND s.settings = $4 AND s.report IS NOT NULL
             ORDER BY s.id DESC LIMIT 1"
        );
        let newest = query(newest).bind(connection.account_id.as_str()).bind(connection.id.as_str());
        one(self, newest.bind(version.as_str()).bind(json(settings))).await
    }
}
