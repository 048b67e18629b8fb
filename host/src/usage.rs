//! Versions of transformations as a list: what each is called, who uses it, and how its newest runs went. Page, API and
//! command line share this.

use std::time::Duration;

use crate::model::account::Version;
use crate::model::id::AccountId;
use crate::model::time::Timestamp;
use crate::store::{self, Store, VersionRun, VersionUse};
use crate::view::{ShownVersion, VersionLabel, VersionUsage};

/// Versions that a list shows at most, the newest.
pub const LISTED_MAX: u32 = 200;
/// Runs and comparisons that are older say nothing of today.
const LOOKS_BACK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The newest versions that an account may use, or all.
///
/// # Errors
/// The store's.
pub async fn list(store: &Store, account: Option<&AccountId>, now: Timestamp) -> store::Result<Vec<ShownVersion>> {
    let since = now - LOOKS_BACK;
    let versions = store.versions(account, LISTED_MAX).await?;
    let known = Known {
        uses: store.version_uses(account).await?,
        shadowed: store.shadowed_versions(account, since).await?,
        runs: store.version_runs(account, since).await?,
    };
    let usages: Vec<_> = versions.iter().map(|version| known.usage(version, &versions)).collect();
    let shown = versions.into_iter().zip(usages);
    Ok(shown.map(|(version, usage)| ShownVersion { usage: Some(usage), ..ShownVersion::of(version) }).collect())
}

/// What the list is made of, beside the versions.
struct Known {
    uses: Vec<VersionUse>,
    shadowed: Vec<crate::model::id::VersionId>,
    runs: Vec<VersionRun>,
}

impl Known {
    fn usage(&self, version: &Version, all: &[Version]) -> VersionUsage {
        let of_same = all.iter().filter(|other| other.transformation_id == version.transformation_id);
        let is_latest = of_same.map(|other| other.number).max() == Some(version.number);
        let mut used_by: Vec<_> =
            self.uses.iter().filter(|used| used.version_id == version.id).map(|used| used.account.clone()).collect();
        used_by.dedup();
        let labels = [
            is_latest.then_some(VersionLabel::Latest),
            (!used_by.is_empty()).then_some(VersionLabel::Enabled),
            self.shadowed.contains(&version.id).then_some(VersionLabel::Shadow),
        ];
        let mut fuel: Vec<_> =
            self.runs.iter().filter(|run| run.version_id == version.id).map(|run| run.fuel).collect();
        let failed = self.runs.iter().filter(|run| run.version_id == version.id && run.has_failed).count();
        fuel.sort_unstable();
        // By the nearest rank: it is one that was seen.
        let p95 = fuel.get(((fuel.len() * 95).div_ceil(100)).saturating_sub(1)).copied();
        VersionUsage {
            labels: labels.into_iter().flatten().collect(),
            used_by,
            runs: fuel.len() as u64,
            failed: failed as u64,
            fuel_p95: p95,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::id::{TransformationId, VersionId};

    fn version(transformation: &str, number: i64) -> Version {
        Version {
            id: VersionId::stored(format!("tfv_{transformation}{number}")),
            transformation_id: TransformationId::stored(format!("trn_{transformation}")),
            name: transformation.to_owned(),
            number,
            hash: String::new(),
            contract: String::new(),
            manifest: Value::Null,
            about: Value::Null,
            figures: Value::Null,
            note: String::new(),
            created_by: String::new(),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_version_is_labelled_by_what_it_is_to_whom() {
        let used = |version: &str, account: &str| VersionUse {
            version_id: VersionId::stored(version.to_owned()),
            label: String::new(),
            account_id: AccountId::stored(format!("acc_{account}")),
            account: account.to_owned(),
        };
        let run = |version: &str, fuel: u64, has_failed: bool| VersionRun {
            version_id: VersionId::stored(version.to_owned()),
            fuel,
            has_failed,
        };
        let mut runs: Vec<_> = (1..=100).map(|fuel| run("tfv_deals1", fuel, false)).collect();
        runs.push(run("tfv_deals2", 7, true));
        let known = Known {
            uses: vec![used("tfv_deals1", "acme"), used("tfv_deals1", "acme"), used("tfv_deals1", "ocean")],
            shadowed: vec![VersionId::stored("tfv_deals2".to_owned())],
            runs,
        };
        let all = [version("deals", 2), version("deals", 1), version("notes", 1)];
        use VersionLabel::{Enabled, Latest, Shadow};
        let rows = [
            (vec![Latest, Shadow], vec![], (1, 1, Some(7))),
            (vec![Enabled], vec!["acme", "ocean"], (100, 0, Some(95))),
            (vec![Latest], vec![], (0, 0, None)),
        ];
        for (version, (labels, used_by, figures)) in all.iter().zip(rows) {
            let usage = known.usage(version, &all);
            assert_eq!((usage.labels, usage.used_by), (labels, used_by.into_iter().map(str::to_owned).collect()));
            assert_eq!((usage.runs, usage.failed, usage.fuel_p95), figures);
        }
    }
}
