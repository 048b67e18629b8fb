//! Another class of quota for an account: what the runs of its transformations may use from the next event on, in every
//! process. What was held because a limit was too small runs again; which runs of late a class would have stopped is told
//! before.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cause::Code;
use crate::model::account::{Account, QuotaClass};
use crate::model::id::VersionId;
use crate::model::time::Timestamp;
use crate::store::{self, RecentRun, Store};
use crate::transform::Quota;

/// Runs of an account that are looked at before it gets another class: the newest ones.
const RUNS_READ: u32 = 2_000;

/// What a larger class may cure.
const CURED: [Code; 3] = [Code::TransformFuel, Code::TransformMemory, Code::TransformTimeout];

/// What an account's runs may use.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Given {
    pub account: String,
    pub quota: QuotaClass,
    /// For one run, as the two below.
    pub fuel: u64,
    pub memory_bytes: usize,
    pub millis: u64,
    /// Events that waited for a larger class, and run again.
    pub released: u64,
}

impl Given {
    /// What an account has.
    pub fn of(account: &Account) -> Self {
        let quota = Quota::of(account.quota);
        Self {
            account: account.slug.clone(),
            quota: account.quota,
            fuel: quota.fuel,
            memory_bytes: quota.memory_bytes,
            millis: quota.millis(),
            released: 0,
        }
    }
}

/// What would become of an account's runs under another class, by its newest ones.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct QuotaPreview {
    pub account: String,
    /// The class that it has.
    pub from: QuotaClass,
    /// The class that it would have, and what that allows a run.
    pub to: QuotaClass,
    pub fuel: u64,
    pub memory_bytes: u64,
    pub millis: u64,
    /// So many runs were looked at.
    pub runs_read: u64,
    /// Versions that would be stopped: events on which they fail wait.
    pub breaks: Vec<Breaks>,
}

/// A version that used more than a class allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Breaks {
    /// Such as `deals@3`.
    pub version: String,
    pub version_id: VersionId,
    /// Its runs that were looked at, and how many of them the class would have stopped.
    pub runs: u64,
    pub stopped: u64,
    /// The most that a run used.
    pub fuel: u64,
    pub memory_bytes: u64,
    pub micros: u64,
}

/// Says who would break if an account had a class.
///
/// # Errors
/// The store's.
pub async fn preview(store: &Store, account: &Account, to: QuotaClass) -> store::Result<QuotaPreview> {
    let runs = store.recent_runs(Some(&account.id), RUNS_READ).await?;
    let quota = Quota::of(to);
    Ok(QuotaPreview {
        account: account.slug.clone(),
        from: account.quota,
        to,
        fuel: quota.fuel,
        memory_bytes: quota.memory_bytes as u64,
        millis: quota.millis(),
        runs_read: runs.len() as u64,
        breaks: breaks(&runs, quota),
    })
}

/// The versions of which a quota would have stopped runs, the one with most of them first.
fn breaks(runs: &[RecentRun], quota: Quota) -> Vec<Breaks> {
    let mut versions: BTreeMap<&str, Breaks> = BTreeMap::new();
    for run in runs {
        let RecentRun { version, version_id, figures, .. } = run;
        let none = || {
            let (version, version_id) = (version.clone(), version_id.clone());
            Breaks { version, version_id, runs: 0, stopped: 0, fuel: 0, memory_bytes: 0, micros: 0 }
        };
        let seen = versions.entry(version_id.as_str()).or_insert_with(none);
        let is_over = figures.fuel > quota.fuel
            || figures.memory_bytes > quota.memory_bytes as u64
            || figures.micros > quota.millis() * 1000;
        seen.runs += 1;
        seen.stopped += u64::from(is_over);
        seen.fuel = seen.fuel.max(figures.fuel);
        seen.memory_bytes = seen.memory_bytes.max(figures.memory_bytes);
        seen.micros = seen.micros.max(figures.micros);
    }
    let mut broken: Vec<_> = versions.into_values().filter(|seen| seen.stopped > 0).collect();
    broken.sort_by(|a, b| (b.stopped, &a.version).cmp(&(a.stopped, &b.version)));
    broken
}

/// Gives an account a class of quota.
///
/// # Errors
/// The store's.
pub async fn give(store: &Store, account: &Account, class: QuotaClass, now: Timestamp) -> store::Result<Given> {
    store.set_quota(&account.id, class).await?;
    let released = match account.quota == class {
        true => 0,
        false => store.release(&account.id, &CURED, now).await?,
    };
    tracing::info!(
        account.id = %account.id, "account {} has the quota {class}; {released} events that waited run again", account.slug
    );
    Ok(Given { released, ..Given::of(&Account { quota: class, ..account.clone() }) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunFigures;

    #[test]
    fn whoever_used_more_than_a_class_allows_would_break() {
        let quota = Quota::STANDARD;
        let run = |version: &str, fuel, memory_bytes, micros| RecentRun {
            version: version.to_owned(),
            version_id: VersionId::stored(format!("tfv_{version}")),
            quota: QuotaClass::Javascript,
            figures: RunFigures { fuel, memory_bytes, micros },
        };
        let memory = quota.memory_bytes as u64;
        let runs = [
            run("a@1", quota.fuel, memory, quota.millis() * 1000),
            run("b@1", 10, memory + 1, 5),
            run("c@1", quota.fuel + 1, 7, 5),
            run("c@1", 10, 7, quota.millis() * 1000 + 1),
            run("c@1", 10, 7, 5),
        ];
        let told: Vec<_> =
            breaks(&runs, quota).into_iter().map(|one| (one.version, one.runs, one.stopped, one.fuel)).collect();
        assert_eq!(told, [("c@1".to_owned(), 3, 2, quota.fuel + 1), ("b@1".to_owned(), 1, 1, 10)]);
        assert!(breaks(&runs, Quota::JAVASCRIPT).is_empty());
    }
}
