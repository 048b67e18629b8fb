//! A delivery: one event on its way to one connection, and how far its actions have come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{AccountId, ConnectionId, DeliveryId, EventId, VersionId};
use super::time::Timestamp;
use crate::cause::{Code, Problem};
use crate::contract::actions::Action;
use crate::plan::{self, Plan};

/// Where a delivery stands. *In flight* is not stored: a delivery is in flight while an unsettled call names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be carried out, now or at its due time.
    Pending,
    Delivered,
    /// It waits for a cause to be removed and costs no attempts.
    Blocked,
    /// Final until somebody replays it.
    Failed,
    Cancelled,
}

/// A record in HubSpot that an action wrote or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = HubspotRecord)]
pub struct Record {
    pub id: String,
    /// Whether the action created it.
    pub new: bool,
}

/// What a delivery did to the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContactWritten)]
pub enum ContactWrite {
    Created,
    Updated,
}

impl ContactWrite {
    /// By how far a plan has come; none while no contact is written.
    pub fn of(plan: &Plan, progress: &Progress) -> Option<Self> {
        let actions = plan.actions.iter().zip(&progress.actions);
        let mut contacts = actions.filter(|(action, _)| matches!(action, Action::UpsertContact(_)));
        let record = contacts.find_map(|(_, progress)| progress.record.as_ref())?;
        Some(if record.new { Self::Created } else { Self::Updated })
    }
}

/// How far one action has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActionProgress {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// Which of the actions it refers to it is associated with by now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<u32>,
    /// Properties that HubSpot refused: the next try leaves them out from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Properties that a newer lead of the person wrote: they are written only where there is no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// Properties that are written to another one of the portal: from the plan's name to the portal's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
    /// A write was sent and its answer never came: look before it is sent again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    /// Property and value that recognise the record instead of the planned key, which HubSpot refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<(String, String)>,
    /// A record that it refers to was deleted while we wrote, and was made again: that is done once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made_again: bool,
    /// Why it did not come further in the last round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl ActionProgress {
    /// The plan's name of a property that is written under this one.
    fn planned<'a>(&'a self, name: &'a str) -> &'a str {
        let renamed = self.renamed.iter().find(|(_, written)| *written == name);
        renamed.map_or(name, |(planned, _)| planned)
    }
}

/// A value that did not reach HubSpot, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DroppedField)]
pub struct Dropped {
    /// The property it was meant for.
    pub field: String,
    pub value: String,
    pub reason: String,
    /// What HubSpot has against it; none where the transformation left it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// A value that HubSpot stored in another form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NormalizedField)]
pub struct Normalized {
    pub field: String,
    pub sent: String,
    pub stored: String,
}

/// How far a delivery has come: one entry an action, and the values left out on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DeliveryProgress)]
pub struct Progress {
    pub actions: Vec<ActionProgress>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// Values that were left out at first, and that were filled in since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filled: Vec<Dropped>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normalized: Vec<Normalized>,
    /// The event was delivered before, and somebody asked for it to be sent again: its notes are told from the first ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resent: bool,
    /// Somebody looked at it, or asked for it: it does not wait for that again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviewed: bool,
}

impl Progress {
    /// Nothing done yet; `dropped` is what the transformation left out.
    pub fn begin(plan: &Plan, dropped: Vec<Dropped>) -> Self {
        Self {
            actions: vec![ActionProgress::default(); plan.actions.len()],
            dropped,
            filled: Vec::new(),
            normalized: Vec::new(),
            resent: false,
            reviewed: false,
        }
    }

    /// The same where an earlier delivery of the lead stopped half-way: what has no key may be there already, so it is
    /// looked for first.
    pub fn begin_anew(plan: &Plan, dropped: Vec<Dropped>) -> Self {
        let mut progress = Self::begin(plan, dropped);
        for (progress, action) in progress.actions.iter_mut().zip(&plan.actions) {
            progress.unsure = action.key().is_none();
        }
        progress
    }

    /// What is done stays done; what HubSpot refused is tried once more, because somebody may have mended it. Whoever asks
    /// for it has looked at it.
    pub fn for_another_try(mut self) -> Self {
        self.reviewed = true;
        for action in &mut self.actions {
            action.refused.clear();
            action.made_again = false;
            action.problem = None;
        }
        self
    }

    /// The same without anything that a person said: which records were written, and no more.
    #[must_use]
    pub fn without_values(self) -> Self {
        let only_record =
            |action: ActionProgress| ActionProgress { record: action.record, ..ActionProgress::default() };
        Self { actions: self.actions.into_iter().map(only_record).collect(), ..Self::default() }
    }

    /// Whether the action wrote its record and every association.
    pub fn is_done(&self, plan: &Plan, action: usize) -> bool {
        let progress = &self.actions[action];
        let linked = |target: &u32| progress.linked.contains(target);
        progress.record.is_some() && plan.actions[action].refers_to().iter().all(linked)
    }

    /// Notes a dropped value once, however often the action is tried.
    pub fn drop_value(&mut self, dropped: Dropped) {
        if !self.dropped.iter().any(|known| known.field == dropped.field) {
            self.dropped.push(dropped);
        }
    }

    /// Takes in that a dropped value is in HubSpot after all: in this record, under this name.
    pub fn fill(&mut self, field: &str, (record_id, name): (&str, &str)) {
        let filled = self.dropped.extract_if(.., |dropped| dropped.field == field);
        self.filled.extend(filled.map(|dropped| Dropped { field: name.to_owned(), ..dropped }));
        let is_it = |action: &&mut ActionProgress| action.record.as_ref().is_some_and(|record| record.id == record_id);
        for action in self.actions.iter_mut().filter(is_it).filter(|_| name != field) {
            let planned = action.planned(field).to_owned();
            if planned == name {
                action.renamed.remove(&planned);
            } else {
                action.renamed.insert(planned, name.to_owned());
            }
        }
    }

    /// The plan's name of a value that went into this record, or should have, under another one.
    pub fn planned<'a>(&'a self, record_id: &str, name: &'a str) -> &'a str {
        let is_it = |action: &&ActionProgress| action.record.as_ref().is_some_and(|record| record.id == record_id);
        let mut planned = self.actions.iter().filter(is_it).map(|action| action.planned(name));
        planned.find(|planned| *planned != name).unwrap_or(name)
    }

    /// Takes in under which names the properties of an action are written from now on. What HubSpot had against a value under
    /// another name is forgotten: it is tried anew.
    pub fn rename(&mut self, action: usize, names: BTreeMap<String, String>) {
        let Self { actions, dropped, .. } = self;
        let action = &mut actions[action];
        if action.renamed == names {
            return;
        }
        let before = std::mem::replace(&mut action.renamed, names);
        let name = |names: &BTreeMap<String, String>, planned: &String| names.get(planned).unwrap_or(planned).clone();
        // All at once: a name that one property gives up may be another's by now.
        let moved: BTreeMap<String, String> = before
            .keys()
            .chain(action.renamed.keys())
            .map(|planned| (name(&before, planned), name(&action.renamed, planned)))
            .filter(|(old, new)| old != new)
            .collect();
        let stays = |dropped: &Dropped| matches!(dropped.code, None | Some(Code::LeadPassed));
        action.refused.retain(|refused| !moved.contains_key(refused));
        dropped.retain(|dropped| stays(dropped) || !moved.contains_key(&dropped.field));
        // What the transformation left out keeps the name by which it said so.
        let passed = dropped.iter_mut().filter(|dropped| dropped.code.is_some()).map(|dropped| &mut dropped.field);
        for name in passed.chain(&mut action.passed) {
            if let Some(new) = moved.get(name.as_str()) {
                name.clone_from(new);
            }
        }
    }

    /// The plan under the names by which its values are written.
    pub fn as_written(&self, mut plan: Plan) -> Plan {
        for (action, progress) in plan.actions.iter_mut().zip(&self.actions) {
            if let Some(properties) = action.properties_mut() {
                plan::rename(properties, &progress.renamed);
            }
        }
        plan
    }
}

/// A delivery as the store lists it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Delivery {
    pub id: DeliveryId,
    pub account_id: AccountId,
    pub event_id: EventId,
    pub connection_id: ConnectionId,
    pub version_id: VersionId,
    pub state: DeliveryState,
    pub reason: Option<Problem>,
    pub progress: Progress,
    /// None while no contact is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactWrite>,
    pub attempts: u32,
    pub first_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
    /// No e-mail address recognises its contact, and another such contact has the same phone number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_be_duplicate: bool,
}

impl Delivery {
    /// Takes out what says who the person is.
    pub fn hide_the_person(&mut self) {
        self.progress.dropped.clear();
        self.progress.filled.clear();
        self.progress.normalized.clear();
    }
}

/// A delivery that a worker has claimed under its lease, with what it needs to carry it out.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: DeliveryId,
    pub account_id: AccountId,
    pub event_id: EventId,
    /// The due time and band under which it stands in the queue.
    pub due_at: Timestamp,
    pub band: i64,
    /// Of the person it is about, so that one person's leads stay in order.
    pub key_hash: Option<String>,
    pub plan: Plan,
    pub progress: Progress,
    pub attempts: u32,
    pub first_at: Option<Timestamp>,
}

/// First attempts stand in band 0, retries and replays in band 1.
pub const BAND_FIRST: i64 = 0;
pub const BAND_RETRY: i64 = 1;

/// What a round came to for one delivery. The constructors are the only transitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub delivery_id: DeliveryId,
    pub state: DeliveryState,
    pub reason: Option<Problem>,
    pub progress: Progress,
    /// Attempts spent so far, this round included where it counts.
    pub attempts: u32,
    pub first_at: Option<Timestamp>,
    /// When to try again.
    pub due_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

impl Outcome {
    pub fn delivered(claimed: &Claimed, progress: Progress, now: Timestamp) -> Self {
        Self { done_at: Some(now), ..Self::spent(claimed, DeliveryState::Delivered, None, progress, now) }
    }

    /// The attempt failed and another one follows at `due_at`.
    pub fn retry(claimed: &Claimed, progress: Progress, reason: Problem, due_at: Timestamp, now: Timestamp) -> Self {
        Self { due_at: Some(due_at), ..Self::spent(claimed, DeliveryState::Pending, Some(reason), progress, now) }
    }

    /// The delivery keeps its place and spends no attempt: the lane waits, not the lead.
    pub fn waiting(claimed: &Claimed, progress: Progress, reason: Option<Problem>, due_at: Timestamp) -> Self {
        Self { due_at: Some(due_at), ..Self::unspent(claimed, DeliveryState::Pending, reason, progress) }
    }

    /// It waits until the cause is gone and spends no attempt.
    pub fn blocked(claimed: &Claimed, progress: Progress, cause: Problem) -> Self {
        Self::unspent(claimed, DeliveryState::Blocked, Some(cause), progress)
    }

    pub fn failed(claimed: &Claimed, progress: Progress, reason: Problem, now: Timestamp) -> Self {
        Self { done_at: Some(now), ..Self::spent(claimed, DeliveryState::Failed, Some(reason), progress, now) }
    }

    /// The person it is about is not to be written any more: nothing was tried.
    pub fn erased(claimed: &Claimed, why: Problem, now: Timestamp) -> Self {
        let progress = claimed.progress.clone().without_values();
        Self { done_at: Some(now), ..Self::unspent(claimed, DeliveryState::Cancelled, Some(why), progress) }
    }

    fn spent(
        claimed: &Claimed,
        state: DeliveryState,
        reason: Option<Problem>,
        progress: Progress,
        now: Timestamp,
    ) -> Self {
        let first_at = claimed.first_at.or(Some(now));
        Self { attempts: claimed.attempts + 1, first_at, ..Self::unspent(claimed, state, reason, progress) }
    }

    fn unspent(claimed: &Claimed, state: DeliveryState, reason: Option<Problem>, progress: Progress) -> Self {
        Self {
            delivery_id: claimed.id.clone(),
            state,
            reason,
            progress,
            attempts: claimed.attempts,
            first_at: claimed.first_at,
            due_at: None,
            done_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Contact, MatchKey, Property, WritePolicy};

    fn plan() -> Plan {
        let property = |name: &str| Property { name: name.into(), value: "x".into(), policy: WritePolicy::Always };
        let key = MatchKey::Email("ana@example.com".into());
        let contact = Contact { key, properties: ["vehicle_of_interest", "phone"].map(property).into() };
        Plan { actions: vec![Action::UpsertContact(contact)], lead_id: None }
    }

    fn dropped(field: &str, code: Option<Code>) -> Dropped {
        Dropped { field: field.into(), value: "x".into(), reason: String::new(), code }
    }

    fn names(to: &str) -> BTreeMap<String, String> {
        [("vehicle_of_interest".to_owned(), to.to_owned())].into()
    }

    #[test]
    fn under_another_name_a_value_is_tried_anew_and_there_and_back_nothing_is_lost() {
        let mut progress = Progress::begin(&plan(), vec![dropped("vehicle_of_interest", None)]);
        progress.actions[0].refused = vec!["vehicle_of_interest".into(), "phone".into()];
        progress.actions[0].passed = vec!["vehicle_of_interest".into()];
        let missing = dropped("vehicle_of_interest", Some(Code::PropertyMissing));
        progress.dropped.extend([missing, dropped("phone", Some(Code::PropertyMissing))]);
        progress.dropped.push(dropped("vehicle_of_interest", Some(Code::LeadPassed)));
        let told = |progress: &Progress| {
            let dropped = progress.dropped.iter().map(|one| (one.field.clone(), one.code)).collect::<Vec<_>>();
            (progress.actions[0].refused.clone(), progress.actions[0].passed.clone(), dropped)
        };
        let expected = |name: &str| {
            let dropped = [("vehicle_of_interest", None), ("phone", Some(Code::PropertyMissing))];
            let dropped = dropped.into_iter().chain([(name, Some(Code::LeadPassed))]);
            let dropped = dropped.map(|(field, code)| (field.to_owned(), code)).collect::<Vec<_>>();
            (vec!["phone".to_owned()], vec![name.to_owned()], dropped)
        };
        for (names, name) in [
            (names("vehicle"), "vehicle"),
            (names("vehicle"), "vehicle"),
            (names("car"), "car"),
            (BTreeMap::new(), "vehicle_of_interest"),
        ] {
            progress.rename(0, names.clone());
            assert_eq!((told(&progress), &progress.actions[0].renamed), (expected(name), &names));
        }
    }

    #[test]
    fn a_name_that_one_property_gives_up_may_be_anothers_at_once() {
        let names = |phone: &str, vehicle: &str| {
            let names = [("phone", phone), ("vehicle_of_interest", vehicle)];
            BTreeMap::from(names.map(|(planned, name)| (planned.to_owned(), name.to_owned())))
        };
        let mut progress = Progress::begin(&plan(), Vec::new());
        progress.rename(0, names("own_phone", "car"));
        progress.actions[0].passed = vec!["own_phone".into(), "car".into()];
        progress.dropped = vec![dropped("car", Some(Code::LeadPassed))];
        progress.rename(0, names("car", "vehicle"));
        assert_eq!(progress.actions[0].passed, ["car", "vehicle"]);
        assert_eq!(progress.dropped[0].field, "vehicle");
    }

    #[test]
    fn a_plan_is_told_under_the_names_by_which_it_was_written() {
        let mut progress = Progress::begin(&plan(), Vec::new());
        let told = |progress: &Progress| {
            let written = progress.as_written(plan());
            written.actions[0].properties().iter().map(|property| property.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(told(&progress), ["vehicle_of_interest", "phone"]);
        progress.rename(0, names("vehicle"));
        assert_eq!(told(&progress), ["vehicle", "phone"]);
    }

    #[test]
    fn what_is_filled_in_under_another_name_is_told_under_that_one() {
        let record = |id: &str| Some(Record { id: id.into(), new: true });
        let action = |id| ActionProgress { record: record(id), ..ActionProgress::default() };
        let missing = dropped("vehicle_of_interest", Some(Code::PropertyMissing));
        let actions = vec![action("1"), action("2")];
        let before = Progress { actions, dropped: vec![missing], ..Progress::default() };
        for (name, renamed) in [("vehicle", names("vehicle")), ("vehicle_of_interest", BTreeMap::new())] {
            let mut progress = before.clone();
            progress.fill("vehicle_of_interest", ("1", name));
            assert_eq!((progress.dropped.len(), progress.filled[0].field.as_str()), (0, name));
            assert_eq!((&progress.actions[0].renamed, progress.actions[1].renamed.len()), (&renamed, 0));
        }
    }

    #[test]
    fn what_was_dropped_under_another_name_is_filled_in_under_the_one_of_now() {
        let record = |id: &str| Some(Record { id: id.into(), new: true });
        let other = ActionProgress { record: record("2"), ..ActionProgress::default() };
        let action = ActionProgress { record: record("1"), renamed: names("car"), ..ActionProgress::default() };
        let missing = dropped("car", Some(Code::PropertyMissing));
        let before = Progress { actions: vec![other, action], dropped: vec![missing], ..Progress::default() };
        assert_eq!(before.planned("1", "car"), "vehicle_of_interest");
        assert_eq!((before.planned("1", "phone"), before.planned("2", "car")), ("phone", "car"));
        for (name, renamed) in
            [("car", names("car")), ("vehicle", names("vehicle")), ("vehicle_of_interest", BTreeMap::new())]
        {
            let mut progress = before.clone();
            progress.fill("car", ("1", name));
            assert_eq!((progress.filled[0].field.as_str(), &progress.actions[1].renamed), (name, &renamed));
        }
    }
}
