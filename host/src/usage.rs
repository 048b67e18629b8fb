//! Transformations and their versions as lists: what each is called, who uses it, and how its newest runs went. Page,
//! API and command line share this.

use std::time::Duration;

use crate::model::account::Version;
use crate::model::id::{AccountId, VersionId};
use crate::model::time::Timestamp;
use crate::store::{self, Store, TransformationVersions, VersionRun, VersionUse};
use crate::view::{ShownTransformation, ShownVersion, VersionLabel, VersionUsage};

/// Versions that a list shows at most, the newest.
pub const LISTED_MAX: u32 = 200;
/// Runs and comparisons that are older say nothing of today.
const LOOKS_BACK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The newest versions that an account may use, or all.
///
/// # Errors
/// The store's.
pub async fn list(store: &Store, account: Option<&AccountId>, now: Timestamp) -> store::Result<Vec<ShownVersion>> {
    let versions = store.versions(account, LISTED_MAX).await?;
    let known = Known::read(store, account, now).await?;
    let usages: Vec<_> = versions.iter().map(|version| known.usage(version, &versions)).collect();
    let shown = versions.into_iter().zip(usages);
    Ok(shown.map(|(version, usage)| ShownVersion { usage: Some(usage), ..ShownVersion::of(version) }).collect())
}

/// The transformations that an account may use, or all, by name; each with its versions taken together.
///
/// # Errors
/// The store's.
pub async fn transformations(
    store: &Store,
    account: Option<&AccountId>,
    now: Timestamp,
) -> store::Result<Vec<ShownTransformation>> {
    let all = store.transformations(account).await?;
    let known = Known::read(store, account, now).await?;
    Ok(all.into_iter().map(|one| known.transformation(one)).collect())
}

/// What the lists are made of, beside the versions.
struct Known {
    /// By the slug of the account.
    uses: Vec<VersionUse>,
    shadowed: Vec<VersionId>,
    runs: Vec<VersionRun>,
}

impl Known {
    async fn read(store: &Store, account: Option<&AccountId>, now: Timestamp) -> store::Result<Self> {
        let since = now - LOOKS_BACK;
        Ok(Self {
            uses: store.version_uses(account).await?,
            shadowed: store.shadowed_versions(account, since).await?,
            runs: store.version_runs(account, since).await?,
        })
    }

    fn usage(&self, version: &Version, all: &[Version]) -> VersionUsage {
        let of_same = all.iter().filter(|other| other.transformation_id == version.transformation_id);
        let is_latest = of_same.map(|other| other.number).max() == Some(version.number);
        let mut usage = self.usage_of(&[&version.id]);
        usage.labels.splice(0..0, is_latest.then_some(VersionLabel::Latest));
        usage
    }

    fn transformation(&self, one: TransformationVersions) -> ShownTransformation {
        let TransformationVersions { id, name, account, versions } = one;
        let label = |(_, number): &(VersionId, i64)| format!("{name}@{number}");
        let is_used = |(id, _): &&(VersionId, i64)| self.uses.iter().any(|used| used.version_id == *id);
        ShownTransformation {
            newest: versions.first().map(label).unwrap_or_default(),
            enabled: versions.iter().filter(is_used).map(label).collect(),
            versions: versions.len() as u64,
            usage: self.usage_of(&versions.iter().map(|(id, _)| id).collect::<Vec<_>>()),
            id,
            account,
            name,
        }
    }

    /// How these versions are used, taken together.
    fn usage_of(&self, versions: &[&VersionId]) -> VersionUsage {
        let is_one = |version: &VersionId| versions.contains(&version);
        let mut used_by: Vec<_> =
            self.uses.iter().filter(|used| is_one(&used.version_id)).map(|used| used.account.clone()).collect();
        used_by.dedup();
        let labels = [
            (!used_by.is_empty()).then_some(VersionLabel::Enabled),
            self.shadowed.iter().any(is_one).then_some(VersionLabel::Shadow),
        ];
        let runs: Vec<_> = self.runs.iter().filter(|run| is_one(&run.version_id)).collect();
        let failed = runs.iter().filter(|run| run.has_failed).count();
        let mut fuel: Vec<_> = runs.iter().map(|run| run.fuel).collect();
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
    use crate::model::id::TransformationId;

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

    #[test]
    fn a_transformation_is_told_by_all_of_its_versions_together() {
        let id = |number: i64| VersionId::stored(format!("tfv_deals{number}"));
        let used = |number: i64, account: &str| VersionUse {
            version_id: id(number),
            label: format!("deals@{number}"),
            account_id: AccountId::stored(format!("acc_{account}")),
            account: account.to_owned(),
        };
        let run = |number: i64, fuel: u64, has_failed: bool| VersionRun { version_id: id(number), fuel, has_failed };
        let known = Known {
            uses: vec![used(1, "acme"), used(2, "acme"), used(1, "ocean"), used(9, "other")],
            shadowed: vec![id(3)],
            runs: vec![run(1, 5, false), run(2, 7, true), run(9, 99, true)],
        };
        let one = TransformationVersions {
            id: TransformationId::stored("trn_deals".to_owned()),
            name: "deals".to_owned(),
            account: Some("acme".to_owned()),
            versions: [3, 2, 1].map(|number| (id(number), number)).to_vec(),
        };
        let shown = known.transformation(one);
        assert_eq!((shown.newest.as_str(), shown.versions), ("deals@3", 3));
        assert_eq!(shown.enabled, ["deals@2", "deals@1"]);
        let usage = VersionUsage {
            labels: vec![VersionLabel::Enabled, VersionLabel::Shadow],
            used_by: ["acme", "ocean"].map(str::to_owned).to_vec(),
            runs: 2,
            failed: 1,
            fuel_p95: Some(7),
        };
        assert_eq!(shown.usage, usage);
    }
}
