//! Two versions of one transformation side by side, whichever is in force: on the last leads of an account, or on the samples
//! that every version is tried on. Nothing is sent, and nothing of it is stored.

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::comparison::{Report, Side, Tally};
use crate::load;
use crate::model::account::{QuotaClass, Version};
use crate::model::id::AccountId;
use crate::rollout::Choice;
use crate::samples::{self, Sample};
use crate::schema::Settings;
use crate::shadow::{EVENTS_MAX, side};
use crate::store::{Store, StoreError};
use crate::transform::Transformer;
use crate::trial::{self, Guest};
use crate::view::bench::differences;
use crate::workbench::try_out;

/// What the later version does otherwise.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VersionComparison {
    /// Such as `deals@3`.
    pub before: String,
    pub after: String,
    /// On the last leads of the account that was named.
    pub leads: Option<Report>,
    /// On samples, where no account was named.
    pub samples: Vec<ComparedSample>,
}

/// What two versions make of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ComparedSample {
    pub sample: String,
    pub came: Compared,
    /// In what the later answer differs, line by line; the words of the failure, where it failed.
    pub differences: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    Same,
    Changed,
    /// The later one fails on it.
    Failed,
}

/// Both on the last leads of an account, up to `events_max` of them.
///
/// # Errors
/// When something of ours fails.
pub async fn on_leads(
    store: &Store,
    transformer: &Transformer,
    account: &AccountId,
    (before, after): (&Choice, &Choice),
    events_max: u32,
) -> anyhow::Result<VersionComparison> {
    let events = store.last_events(account, &after.manifest.event_types, events_max.clamp(1, EVENTS_MAX)).await?;
    let quota = store.quota(account.as_str()).await?;
    let labels = (before.version.label(), after.version.label());
    let mut both = Vec::with_capacity(2);
    for choice in [before, after] {
        both.push((load::ready(store, transformer, &choice.version.id).await?, choice.clone()));
    }
    let tally = move || {
        let mut tally = Tally::default();
        for (event, body) in &events {
            let sides = both.iter().map(|(loaded, choice)| {
                let (label, settings) = (choice.version.label(), choice.settings.to_string());
                let version_id = &choice.version.id;
                let guest = Guest { loaded, label: &label, version_id, settings: &settings, quota };
                trial::run(guest, event, body).ok().map(side)
            });
            let mut sides: Vec<Option<Side>> = sides.collect();
            // What was read at the door is an event.
            if let (Some(after), Some(before)) = (sides.pop().flatten(), sides.pop().flatten()) {
                tally.add(&event.id, before, after);
            }
        }
        tally.done().0
    };
    let report = tokio::task::spawn_blocking(tally).await.context("the comparison panicked")?;
    Ok(VersionComparison { before: labels.0, after: labels.1, leads: Some(report), samples: Vec::new() })
}

/// Both on the samples of the later one, and on those that every version is tried on.
///
/// # Errors
/// When something of ours fails.
pub async fn on_samples(
    store: &Store,
    transformer: &Transformer,
    (before, after): (&Version, &Version),
) -> anyhow::Result<VersionComparison> {
    let own = store.samples(&after.id).await?;
    let handled: Vec<String> = serde_json::from_value(after.manifest["event_types"].clone()).unwrap_or_default();
    let is_handled = |sample: &Sample| {
        let event: Value = serde_json::from_slice(&sample.body).unwrap_or_default();
        event["type"].as_str().is_some_and(|kind| handled.iter().any(|known| known == kind))
    };
    let mut compared = Vec::new();
    for sample in own.into_iter().chain(samples::events()).filter(is_handled) {
        let mut answers = Vec::with_capacity(2);
        for version in [before, after] {
            let choice = of_sample(version, &sample)?;
            let body = String::from_utf8_lossy(&sample.body);
            answers.push(try_out(store, transformer, QuotaClass::Standard, &choice, &body).await?.answer);
        }
        let different = differences(&answers[0], &answers[1]);
        let (came, differences) = match &answers[1].outcome {
            Outcome::Failed { code, detail } => (Compared::Failed, format!("{}: {detail}", code.title())),
            _ if different.is_empty() => (Compared::Same, different),
            _ => (Compared::Changed, different),
        };
        compared.push(ComparedSample { sample: sample.name, came, differences });
    }
    Ok(VersionComparison { before: before.label(), after: after.label(), leads: None, samples: compared })
}

/// A version with the settings of a sample, or its defaults where it does not take those.
fn of_sample(version: &Version, sample: &Sample) -> Result<Choice, StoreError> {
    let manifest: crate::contract::manifest::Manifest =
        serde_json::from_value(version.manifest.clone()).map_err(StoreError::decode)?;
    let schema = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?;
    let settings = schema.complete(sample.settings.clone()).or_else(|_| schema.complete(json!({})));
    let settings = settings.unwrap_or_else(|_| sample.settings.clone());
    Ok(Choice { version: version.clone(), manifest, settings, portal: None })
}
