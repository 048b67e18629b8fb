//! What people are shown of a lead, drawn in one place from the stored states.

pub mod activity;
pub mod bench;
pub mod comparison;
pub mod connection;
pub mod csv;
pub mod delivery;
pub mod event_types;
pub mod fields;
pub mod lead;
pub mod logs;
pub mod moment;
pub mod operator;
pub mod outcome;
pub mod overview;
pub mod person;
pub mod promise;
mod receipt;
pub mod rollback;
pub mod saved;
pub mod steps;
pub mod suggestions;
pub mod support;
pub mod tried;
pub mod weekly;
pub mod wishes;

use serde::Serialize;

use crate::contract::actions::Action;
use crate::model::account::Version;
use crate::model::id::{EventId, TransformationId};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::model::word;
use crate::store::{ShownDelivery, ShownEvent};

/// A version of a transformation, under the label that people call it by.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShownVersion {
    pub label: String,
    /// What its maker could do better.
    pub warnings: Vec<String>,
    /// How its check went, step by step; nothing for a version that is older than the check.
    pub steps: Vec<steps::ShownStep>,
    /// How it is used; in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<VersionUsage>,
    #[serde(flatten)]
    pub version: Version,
}

/// How a version is used, as far as whoever asks may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct VersionUsage {
    pub labels: Vec<VersionLabel>,
    /// Accounts whose leads it decides about, by their slugs.
    pub used_by: Vec<String>,
    /// Its newest runs, of the last seven days.
    pub runs: u64,
    /// Those that failed.
    pub failed: u64,
    /// What 95 of a hundred runs used at most; none where there were none.
    pub fuel_p95: Option<u64>,
}

impl VersionUsage {
    /// The share of runs that failed, in words; empty where there were none.
    pub fn failed_share(&self) -> String {
        match (self.runs, self.failed) {
            (0, _) => String::new(),
            (_, 0) => "0 %".to_owned(),
            (runs, failed) => format!("{:.1} %", failed as f64 * 100.0 / runs as f64),
        }
    }

    /// What its runs need, for people; empty where there were none.
    pub fn fuel_text(&self) -> String {
        self.fuel_p95.map(moment::grouped).unwrap_or_default()
    }

    /// The labels as people write them.
    pub fn labels_text(&self) -> String {
        self.labels.iter().map(|label| word(label).to_uppercase()).collect::<Vec<_>>().join(", ")
    }
}

/// A transformation, with its versions taken together: in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownTransformation {
    pub id: TransformationId,
    #[schema(example = "deals")]
    pub name: String,
    /// The slug of the account that owns it; none where every account may use it.
    pub account: Option<String>,
    /// The newest of its versions.
    #[schema(example = "deals@3")]
    pub newest: String,
    /// Those of its versions that decide about leads, the newest first.
    #[schema(example = json!(["deals@2"]))]
    pub enabled: Vec<String>,
    /// How many there are.
    #[schema(example = 3)]
    pub versions: u64,
    /// Of all of its versions. Each transformation has a newest one, so none is labelled by that.
    #[serde(flatten)]
    pub usage: VersionUsage,
}

/// What a version is called in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionLabel {
    /// The newest of its transformation.
    Latest,
    /// It decides about leads.
    Enabled,
    /// It was tried beside another one, within seven days.
    Shadow,
}

impl ShownVersion {
    pub fn of(version: Version) -> Self {
        let warnings = version.about["warnings"].as_array().into_iter().flatten();
        let warnings = warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect();
        Self { label: version.label(), warnings, steps: steps::of_version(&version), usage: None, version }
    }
}

/// What became of one event, in one row.
#[derive(Clone, Debug, Serialize)]
pub struct Lead {
    pub event: EventId,
    pub account: String,
    #[serde(rename = "type")]
    pub event_type: String,
    /// The state of the delivery, or of the event where there is no delivery.
    pub state: String,
    /// `created` or `updated` in HubSpot, `skipped`, `failed`, or `waiting` while it is open.
    pub outcome: &'static str,
    pub contact: Option<ContactRecord>,
    pub note: Option<NoteRecord>,
    pub deal: Option<DealRecord>,
    /// Properties that were not written.
    pub dropped: Vec<String>,
    /// From the acknowledgement to HubSpot's last answer.
    pub millis: Option<u64>,
    /// Why it was skipped, waits or failed.
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ContactRecord {
    pub id: String,
    pub new: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct NoteRecord {
    pub id: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct DealRecord {
    pub id: String,
    pub pipeline: String,
    pub stage: String,
}

impl Lead {
    /// Whether nothing more happens by itself and nobody is needed.
    pub fn is_final(&self) -> bool {
        self.outcome != "waiting"
    }
}

/// The row of an event of an account.
pub fn lead(shown: &ShownEvent, account: &str) -> Lead {
    let event = &shown.event;
    let mut lead = Lead {
        event: event.id.clone(),
        account: account.to_owned(),
        event_type: event.event_type.clone(),
        state: word(&event.state),
        outcome: "waiting",
        contact: None,
        note: None,
        deal: None,
        dropped: Vec::new(),
        millis: None,
        reason: event.reason.as_ref().map(|reason| reason.detail.clone()),
    };
    // The newest delivery counts; an older one was replaced by it.
    if let Some(shown) = shown.deliveries.last() {
        take_in(&mut lead, shown, event.received_at);
    }
    let newest = shown.deliveries.last().map(|shown| &shown.delivery);
    lead.outcome = match Outcome::of(event, newest, false) {
        Outcome::Sending | Outcome::Retrying | Outcome::NeedsAttention => "waiting",
        Outcome::Failed | Outcome::Cancelled | Outcome::Removed => "failed",
        Outcome::Skipped => "skipped",
        Outcome::Synced | Outcome::SyncedWithWarnings if lead.contact.as_ref().is_some_and(|contact| contact.new) => {
            "created"
        }
        Outcome::Synced | Outcome::SyncedWithWarnings => "updated",
    };
    lead
}

fn take_in(lead: &mut Lead, shown: &ShownDelivery, received_at: Timestamp) {
    let delivery = &shown.delivery;
    let actions = shown.plan.iter().flat_map(|plan| &plan.actions);
    for (action, progress) in actions.zip(&delivery.progress.actions) {
        let Some(record) = &progress.record else { continue };
        let id = record.id.clone();
        match action {
            Action::UpsertContact(_) => lead.contact = Some(ContactRecord { id, new: record.new }),
            Action::AddNote(_) => lead.note = Some(NoteRecord { id }),
            Action::UpsertDeal(deal) => {
                lead.deal = Some(DealRecord { id, pipeline: deal.pipeline.clone(), stage: deal.stage.clone() })
            }
            Action::UpsertObject(_) => {}
        }
    }
    lead.state = word(&delivery.state);
    lead.dropped = delivery.progress.dropped.iter().map(|dropped| dropped.field.clone()).collect();
    lead.millis =
        delivery.done_at.map(|done_at| u64::try_from(done_at.since(received_at).as_millis()).unwrap_or(u64::MAX));
    lead.reason = delivery.reason.as_ref().map(|reason| reason.detail.clone());
}
