//! What the sandboxes do: what the newest runs of each version used, against their limits, and which versions fail.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::breaker::FAILURES;
use crate::cause::Code;
use crate::model::account::QuotaClass;
use crate::model::id::VersionId;
use crate::store::{self, Issue, RecentRun, Store};
use crate::transform::Quota;

/// Runs that are looked at: the newest ones, of all accounts, read in some milliseconds.
pub const RUNS_READ: u32 = 2_000;

/// What runs of one kind used of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Spread {
    pub least: u64,
    pub p25: u64,
    pub p50: u64,
    pub p75: u64,
    pub p95: u64,
    pub p99: u64,
    pub most: u64,
}

impl Spread {
    /// By the nearest rank: each figure is one that was seen.
    pub(crate) fn of(mut runs: Vec<u64>) -> Self {
        runs.sort_unstable();
        let rank = |percent: usize| {
            let rank = (runs.len() * percent).div_ceil(100).max(1) - 1;
            runs.get(rank).copied().unwrap_or(0)
        };
        let least = runs.first().copied().unwrap_or(0);
        let most = runs.last().copied().unwrap_or(0);
        Self { least, p25: rank(25), p50: rank(50), p75: rank(75), p95: rank(95), p99: rank(99), most }
    }
}

/// The newest runs of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GuestRuns {
    /// Such as `deals@3`.
    pub version: String,
    pub version_id: VersionId,
    /// The class of the accounts that it ran for.
    pub quota: QuotaClass,
    pub runs: u64,
    pub fuel: Spread,
    pub memory_bytes: Spread,
    pub micros: Spread,
    /// How much of its limit the 99th of a hundred runs used, in percent: of fuel, memory or time, whichever is most.
    pub limit_percent: u64,
}

/// Events that wait because a version failed on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GuestFailure {
    pub code: Code,
    /// The account's slug.
    pub account: String,
    /// What it said, or what happened.
    pub detail: String,
    /// Events that wait for another version.
    pub waiting: i64,
}

/// A class of quota, and who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct QuotaLimits {
    pub quota: QuotaClass,
    pub fuel: u64,
    pub memory_bytes: u64,
    pub millis: u64,
    pub accounts: u64,
}

/// What the sandboxes do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Guests {
    /// Of the newest runs that led to a delivery, the version that ran most first.
    pub versions: Vec<GuestRuns>,
    /// So many runs were looked at.
    pub runs_read: u64,
    pub failures: Vec<GuestFailure>,
    pub quotas: Vec<QuotaLimits>,
}

/// Gathers it.
///
/// # Errors
/// The store's.
pub async fn gather(store: &Store) -> store::Result<Guests> {
    let runs = store.recent_runs(None, RUNS_READ).await?;
    let accounts = store.accounts_by_quota().await?;
    let mut failures = Vec::new();
    for issue in store.issues(None).await?.into_iter().filter(|issue| FAILURES.contains(&issue.problem.code)) {
        let account = store.account(issue.account_id.as_str()).await?;
        failures.push(failure(issue, account.map_or_else(String::new, |account| account.slug)));
    }
    Ok(Guests {
        runs_read: runs.len() as u64,
        versions: by_version(runs),
        failures,
        quotas: accounts.into_iter().map(limits).collect(),
    })
}

fn failure(issue: Issue, account: String) -> GuestFailure {
    GuestFailure { code: issue.problem.code, account, detail: issue.problem.detail, waiting: issue.held }
}

fn limits((quota, accounts): (QuotaClass, u64)) -> QuotaLimits {
    let Quota { fuel, memory_bytes, .. } = Quota::of(quota);
    QuotaLimits { quota, fuel, memory_bytes: memory_bytes as u64, millis: Quota::of(quota).millis(), accounts }
}

fn by_version(runs: Vec<RecentRun>) -> Vec<GuestRuns> {
    let mut groups: BTreeMap<(String, &'static str), Vec<RecentRun>> = BTreeMap::new();
    for run in runs {
        groups.entry((run.version_id.to_string(), run.quota.as_str())).or_default().push(run);
    }
    let mut versions: Vec<_> = groups.into_values().filter_map(of_one).collect();
    versions.sort_by(|a, b| (b.runs, &a.version).cmp(&(a.runs, &b.version)));
    versions
}

fn of_one(runs: Vec<RecentRun>) -> Option<GuestRuns> {
    let first = runs.first()?.clone();
    let fuel = Spread::of(runs.iter().map(|run| run.figures.fuel).collect());
    let memory_bytes = Spread::of(runs.iter().map(|run| run.figures.memory_bytes).collect());
    let micros = Spread::of(runs.iter().map(|run| run.figures.micros).collect());
    let limits = limits((first.quota, 0));
    let share = |used: u64, limit: u64| used.saturating_mul(100).div_ceil(limit.max(1));
    let shares = [
        share(fuel.p99, limits.fuel),
        share(memory_bytes.p99, limits.memory_bytes),
        share(micros.p99, limits.millis * 1000),
    ];
    Some(GuestRuns {
        version: first.version,
        version_id: first.version_id,
        quota: first.quota,
        runs: runs.len() as u64,
        fuel,
        memory_bytes,
        micros,
        limit_percent: shares.into_iter().max().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunFigures;

    fn run(version: &str, quota: QuotaClass, fuel: u64) -> RecentRun {
        RecentRun {
            version: version.to_owned(),
            version_id: VersionId::stored(format!("tfv_{version}")),
            quota,
            figures: RunFigures { fuel, memory_bytes: 1 << 20, micros: 100 },
        }
    }

    #[test]
    fn runs_are_told_by_version_and_class_and_the_busiest_comes_first() {
        let mut runs: Vec<_> = (1..=100).map(|step| run("deals@3", QuotaClass::Standard, step * 100_000)).collect();
        runs.push(run("default@1", QuotaClass::Standard, 33_000));
        runs.push(run("deals@3", QuotaClass::Javascript, 1));
        let versions = by_version(runs);
        let told: Vec<_> = versions.iter().map(|one| (one.version.as_str(), one.quota, one.runs)).collect();
        assert_eq!(
            told,
            [
                ("deals@3", QuotaClass::Standard, 100),
                ("deals@3", QuotaClass::Javascript, 1),
                ("default@1", QuotaClass::Standard, 1)
            ]
        );
        let fuel = versions[0].fuel;
        assert_eq!((fuel.least, fuel.p50, fuel.p99, fuel.most), (100_000, 5_000_000, 9_900_000, 10_000_000));
        assert_eq!(versions[0].limit_percent, 50, "of 20 million");
    }
}
