//! An old lead that was released or replayed does not overwrite what a newer one of the same person wrote. Its note and
//! its deal are written all the same.

use crate::cause::Code;
use crate::contract::actions::{Action, Property, WritePolicy};
use crate::model::delivery::{BAND_RETRY, Claimed, Dropped};
use crate::model::lane::Lease;
use crate::plan::object_type;
use crate::store::{NewerLead, Store};

/// Marks what newer leads wrote in those of a batch that may be older than what HubSpot holds. A first attempt never is,
/// and neither is a retry, since it holds back the newer ones of its person.
pub(super) async fn look_back(store: &Store, lease: &Lease, mut claimed: Vec<Claimed>) -> anyhow::Result<Vec<Claimed>> {
    let may_be_passed = |claimed: &Claimed| claimed.band == BAND_RETRY && claimed.attempts == 0;
    let old: Vec<_> = claimed.iter().filter(|claimed| may_be_passed(claimed)).collect();
    let newer = store.newer_leads(lease, &old).await?;
    claimed.iter_mut().filter(|claimed| may_be_passed(claimed)).for_each(|claimed| mark(claimed, &newer));
    Ok(claimed)
}

/// Notes which properties of a lead newer ones wrote into the same record: they are written only where there is no value.
fn mark(claimed: &mut Claimed, newer: &[NewerLead]) {
    let person = claimed.key_hash.as_ref();
    let event = &claimed.event_id;
    for newer in newer.iter().filter(|newer| Some(&newer.key_hash) == person && newer.event_id > *event) {
        for (index, action) in claimed.plan.actions.iter().enumerate() {
            let overwrites = action.properties().iter().filter(|property| property.policy == WritePolicy::Always);
            for property in overwrites.filter(|property| differs(newer, action, property)) {
                let passed = &mut claimed.progress.actions[index].passed;
                if passed.contains(&property.name) {
                    continue;
                }
                passed.push(property.name.clone());
                claimed.progress.drop_value(Dropped {
                    field: property.name.clone(),
                    value: property.value.clone(),
                    reason: format!("a newer lead of the same person wrote this property: {}", newer.event_id),
                    code: Some(Code::LeadPassed),
                });
            }
        }
    }
}

/// Whether a newer lead wrote another value into the property of the same record, as far as is known: a plan that is no
/// longer kept may have written anything.
fn differs(newer: &NewerLead, action: &Action, property: &Property) -> bool {
    let Some(plan) = &newer.plan else { return true };
    let dropped = newer.progress.dropped.iter().any(|dropped| dropped.field == property.name);
    let same_record = |other: &&Action| object_type(other) == object_type(action) && other.key() == action.key();
    let mut wrote = plan.actions.iter().filter(same_record).flat_map(|other| other.properties());
    !dropped && wrote.any(|theirs| theirs.name == property.name && theirs.value != property.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Contact, MatchKey};
    use crate::model::delivery::Progress;
    use crate::model::id::{AccountId, DeliveryId, EventId};
    use crate::model::time::Timestamp;
    use crate::plan::Plan;

    fn plan(properties: &[(&str, &str, WritePolicy)]) -> Plan {
        let property = |(name, value, policy): &(&str, &str, WritePolicy)| Property {
            name: (*name).into(),
            value: (*value).into(),
            policy: *policy,
        };
        let contact = Contact {
            key: MatchKey::Email("ana@example.com".into()),
            properties: properties.iter().map(property).collect(),
        };
        Plan { actions: vec![Action::UpsertContact(contact)], lead_id: None }
    }

    #[test]
    fn what_newer_leads_wrote_is_left_to_them_and_nothing_else() {
        use WritePolicy::{Always, IfEmpty};
        let old = plan(&[
            ("other", "old", Always),
            ("same", "same", Always),
            ("dropped", "old", Always),
            ("careful", "old", IfEmpty),
            ("absent", "old", Always),
        ]);
        let new = [("other", "new"), ("same", "same"), ("dropped", "new"), ("careful", "new")];
        let new = plan(&new.map(|(name, value)| (name, value, Always)));
        let mut progress = Progress::begin(&new, Vec::new());
        let (field, value) = ("dropped".to_owned(), "new".to_owned());
        progress.drop_value(Dropped { field, value, reason: String::new(), code: None });
        let passed = |event: &str, person: &str, plan: Option<&Plan>| {
            let newer = NewerLead {
                event_id: EventId::stored(event.to_owned()),
                key_hash: person.to_owned(),
                plan: plan.cloned(),
                progress: progress.clone(),
            };
            let mut claimed = Claimed {
                id: DeliveryId::stored("dlv_1".to_owned()),
                account_id: AccountId::stored("acc_1".to_owned()),
                event_id: EventId::stored("evt_5".to_owned()),
                due_at: Timestamp(0),
                band: BAND_RETRY,
                key_hash: Some("ana".to_owned()),
                progress: Progress::begin(&old, Vec::new()),
                plan: old.clone(),
                attempts: 0,
                first_at: None,
            };
            mark(&mut claimed, &[newer.clone(), newer]);
            let dropped: Vec<_> = claimed.progress.dropped.into_iter().map(|dropped| dropped.field).collect();
            assert_eq!(dropped, claimed.progress.actions[0].passed);
            dropped
        };
        assert_eq!(passed("evt_6", "ana", Some(&new)), ["other"]);
        assert_eq!(passed("evt_4", "ana", Some(&new)), [""; 0], "that one is older");
        assert_eq!(passed("evt_6", "bob", Some(&new)), [""; 0], "that is somebody else");
        assert_eq!(passed("evt_6", "ana", None), ["other", "same", "dropped", "absent"], "nobody knows any more");
    }
}
