//! Who uses which version, and how the newest runs of each went: for lists of versions, transformations and accounts.

use super::bindings::is_newest;
use super::{HOUSE, Result, Rows, Store, parse, query, sql};
use crate::breaker::FAILURES;
use crate::cause::Problem;
use crate::model::id::{AccountId, DeliveryId, EventId, TransformationId, VersionId};
use crate::model::time::Timestamp;

/// Runs that are looked at, of those that led to a delivery and of those that did not: some milliseconds each.
const RUNS_READ: i64 = 5_000;

/// A version that decides about leads of an account, or about a share of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionUse {
    pub version_id: VersionId,
    /// Such as `deals@3`.
    pub label: String,
    pub account_id: AccountId,
    /// The account's slug.
    pub account: String,
}

/// A transformation, with those of its versions that nobody took out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformationVersions {
    pub id: TransformationId,
    pub name: String,
    /// The slug of the account that owns it; none where every account may use it.
    pub account: Option<String>,
    /// With their numbers, the newest first.
    pub versions: Vec<(VersionId, i64)>,
}

/// One run, as far as it says how a version does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRun {
    pub version_id: VersionId,
    pub fuel: u64,
    pub has_failed: bool,
}

/// How a version did when it decided about leads of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct VersionFigures {
    /// Leads that went through it, of those that are looked at.
    pub leads: u64,
    /// Those that failed, in it or at HubSpot.
    pub failed: u64,
    /// There are more than were looked at.
    pub has_more: bool,
}

/// Leads of an account that are looked at to see how a version did: some hundredths of a second.
const FIGURES_READ: i64 = 20_000;

impl Store {
    /// How a version did on the leads of an account that came before `until`, the newest of them.
    pub async fn version_figures(
        &self,
        account: &AccountId,
        version: &VersionId,
        until: Timestamp,
    ) -> Result<VersionFigures> {
        let (read, leads, failed): (i64, i64, i64) = query(sql!(
            "SELECT count(*), coalesce(sum(CASE WHEN d.version_id = $3 THEN 1 ELSE 0 END), 0),
               coalesce(sum(CASE WHEN d.version_id = $3 AND d.state = 'failed' THEN 1 ELSE 0 END), 0)
             FROM (SELECT version_id, state FROM deliveries WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $4) AS d"
        ))
        .bind(account.as_str())
        .bind(DeliveryId::earliest(until).as_str())
        .bind(version.as_str())
        .bind(FIGURES_READ)
        .fetch_one(&self.db)
        .await?;
        let stopped: Vec<String> = query(sql!(
            "SELECT r.problem FROM (SELECT account_id, binding_id, problem FROM runs
               WHERE account_id = $1 AND event_id < $2 ORDER BY event_id DESC LIMIT $4) AS r
             JOIN bindings AS b ON b.account_id = r.account_id AND b.id = r.binding_id WHERE b.version_id = $3"
        ))
        .bind(account.as_str())
        .bind(EventId::earliest(until).as_str())
        .bind(version.as_str())
        .bind(FIGURES_READ)
        .fetch_all(&self.db)
        .await?;
        let problems = stopped.iter().map(|problem| parse::<Problem>(problem)).collect::<Result<Vec<_>>>()?;
        let of_runs = problems.iter().filter(|problem| FAILURES.contains(&problem.code)).count() as u64;
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        Ok(VersionFigures {
            leads: number(leads) + problems.len() as u64,
            failed: number(failed) + of_runs,
            has_more: read >= FIGURES_READ,
        })
    }

    /// Which versions the connected accounts use, or one of them.
    pub async fn version_uses(&self, account: Option<&AccountId>) -> Result<Vec<VersionUse>> {
        let rows: Vec<(String, String, i64, String, String)> = query(sql!(
            "SELECT DISTINCT b.version_id, t.name, v.number, a.id, a.slug
             FROM bindings AS f JOIN bindings AS b ON b.account_id = f.account_id AND b.connection_id = f.connection_id
               AND b.event_type = f.event_type AND ((b.id = f.id AND f.share > 0) OR (f.share < 100 AND b.id = f.before_id))
             JOIN connections AS c ON c.account_id = f.account_id AND c.id = f.connection_id AND c.state <> 'disconnected'
             JOIN accounts AS a ON a.id = f.account_id
             JOIN versions AS v ON v.account_id = b.version_account_id AND v.id = b.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             WHERE ($1 IS NULL OR f.account_id = $1) AND " is_newest!("f") " ORDER BY a.slug, t.name, v.number"
        ))
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
        .await?;
        let used = |(version, name, number, account_id, account): (String, String, i64, String, String)| VersionUse {
            version_id: VersionId::stored(version),
            label: format!("{name}@{number}"),
            account_id: AccountId::stored(account_id),
            account,
        };
        Ok(rows.into_iter().map(used).collect())
    }

    /// The transformations that an account may use, its own and the house's, by name; those of everybody without one.
    pub async fn transformations(&self, account: Option<&AccountId>) -> Result<Vec<TransformationVersions>> {
        // What is left of an account that was deleted is nobody's.
        let rows: Vec<(String, String, Option<String>, String, i64)> = query(sql!(
            "SELECT t.id, t.name, a.slug, v.id, v.number FROM transformations AS t
             JOIN versions AS v ON v.account_id = t.account_id AND v.transformation_id = t.id AND v.deleted_at IS NULL
             LEFT JOIN accounts AS a ON a.id = t.account_id
             WHERE ($1 IS NULL OR t.account_id IN ($1, $2)) AND (t.account_id = $2 OR a.id IS NOT NULL)
             ORDER BY t.name, t.id, v.number DESC"
        ))
        .bind(account.map(AccountId::as_str))
        .bind(HOUSE)
        .fetch_all(&self.db)
        .await?;
        let mut all: Vec<TransformationVersions> = Vec::new();
        for (id, name, account, version, number) in rows {
            let (id, version) = (TransformationId::stored(id), (VersionId::stored(version), number));
            match all.last_mut().filter(|last| last.id == id) {
                Some(last) => last.versions.push(version),
                None => all.push(TransformationVersions { id, name, account, versions: vec![version] }),
            }
        }
        Ok(all)
    }

    /// Versions that were tried beside the one in force since a time.
    pub async fn shadowed_versions(&self, account: Option<&AccountId>, since: Timestamp) -> Result<Vec<VersionId>> {
        let ids: Vec<String> = query(sql!(
            "SELECT DISTINCT version_id FROM shadow_runs WHERE ($1 IS NULL OR account_id = $1) AND started_at >= $2"
        ))
        .bind(account.map(AccountId::as_str))
        .bind(since.0)
        .fetch_all(&self.db)
        .await?;
        Ok(ids.into_iter().map(VersionId::stored).collect())
    }

    /// The newest runs of all versions since a time, for an account or for all.
    pub async fn version_runs(&self, account: Option<&AccountId>, since: Timestamp) -> Result<Vec<VersionRun>> {
        let planned = match account {
            Some(account) => query(sql!(
                "SELECT d.version_id, p.fuel FROM (SELECT account_id, id, version_id FROM deliveries
                   WHERE account_id = $3 AND id >= $1 ORDER BY id DESC LIMIT $2) AS d
                 JOIN plans AS p ON p.delivery_id = d.id AND p.account_id = d.account_id"
            ))
            .bind(DeliveryId::earliest(since).as_str())
            .bind(RUNS_READ)
            .bind(account.as_str()),
            None => query(sql!(
                "SELECT d.version_id, p.fuel FROM (SELECT delivery_id, account_id, fuel FROM plans
                   WHERE delivery_id >= $1 ORDER BY delivery_id DESC LIMIT $2) AS p
                 JOIN deliveries AS d ON d.account_id = p.account_id AND d.id = p.delivery_id"
            ))
            .bind(DeliveryId::earliest(since).as_str())
            .bind(RUNS_READ),
        };
        let planned: Vec<(String, i64)> = planned.fetch_all(&self.db).await?;
        let stopped: Vec<(String, i64, String)> = query(sql!(
            "SELECT b.version_id, r.fuel, r.problem FROM accounts AS a
             CROSS JOIN runs AS r JOIN bindings AS b ON b.account_id = r.account_id AND b.id = r.binding_id
             WHERE ($1 IS NULL OR a.id = $1) AND r.account_id = a.id AND r.event_id >= $2 LIMIT $3"
        ))
        .bind(account.map(AccountId::as_str))
        .bind(EventId::earliest(since).as_str())
        .bind(RUNS_READ)
        .fetch_all(&self.db)
        .await?;
        let fuel = |fuel: i64| u64::try_from(fuel).unwrap_or(0);
        let done = planned.into_iter().map(|(version, used)| {
            Ok(VersionRun { version_id: VersionId::stored(version), fuel: fuel(used), has_failed: false })
        });
        let stopped = stopped.into_iter().map(|(version, used, problem)| {
            let problem: Problem = parse(&problem)?;
            let has_failed = FAILURES.contains(&problem.code);
            Ok(VersionRun { version_id: VersionId::stored(version), fuel: fuel(used), has_failed })
        });
        done.chain(stopped).collect()
    }

    /// When the newest event of each of these accounts came; accounts without any are not among them.
    pub async fn newest_events(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, Timestamp)>> {
        let ids: Vec<_> = accounts.iter().map(AccountId::as_str).collect();
        let rows: Vec<(String, Option<i64>)> = query(sql!(
            "SELECT a.id, (SELECT e.received_at FROM events AS e WHERE e.account_id = a.id ORDER BY e.id DESC LIMIT 1)
             FROM accounts AS a WHERE a.id IN " list("$1")
        ))
        .bind(Rows::of(&ids))
        .fetch_all(&self.db)
        .await?;
        let newest = |(account, at): (String, Option<i64>)| Some((AccountId::stored(account), Timestamp(at?)));
        Ok(rows.into_iter().filter_map(newest).collect())
    }
}
