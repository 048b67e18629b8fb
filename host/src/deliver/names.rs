//! The names by which a portal has the properties of a plan. The plan keeps those of its transformation, so that its run can
//! be proved and compared whatever somebody chooses later; the progress notes the names under which the values go.

use crate::model::account::Policy;
use crate::model::delivery::Claimed;
use crate::plan::{object_type, rename};

/// Puts a batch under the names of the portal. A record that is written keeps those under which it was.
pub(super) fn apply(policy: &Policy, mut claimed: Vec<Claimed>) -> Vec<Claimed> {
    for Claimed { plan, progress, .. } in &mut claimed {
        for (index, action) in plan.actions.iter_mut().enumerate() {
            if progress.actions[index].record.is_none() {
                let object_type = object_type(action);
                let others = action.properties().iter().filter_map(|property| {
                    let name = policy.name_of(object_type, &property.name)?;
                    Some((property.name.clone(), name.to_owned()))
                });
                progress.rename(index, others.collect());
            }
            if let Some(properties) = action.properties_mut() {
                rename(properties, &progress.actions[index].renamed);
            }
        }
    }
    claimed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Action, Contact, Deal, MatchKey, Property, PropertyValue, WritePolicy};
    use crate::model::delivery::{BAND_RETRY, Progress, Record};
    use crate::model::id::{AccountId, DeliveryId, EventId};
    use crate::model::portal::CONTACT;
    use crate::model::time::Timestamp;
    use crate::plan::Plan;

    fn claimed() -> Claimed {
        let property = |name: &str| Property { name: name.into(), value: "x".into(), policy: WritePolicy::Always };
        let key = MatchKey::Email("ana@example.com".into());
        let contact = Contact { key, properties: vec![property("vehicle_of_interest"), property("phone")] };
        let deal = Deal {
            key: PropertyValue { name: "leadline_deal_key".into(), value: "1".into() },
            name: "CR-V".into(),
            pipeline: "cars".into(),
            stage: "new".into(),
            properties: vec![property("vehicle_of_interest")],
            contacts: vec![0],
        };
        let plan = Plan { actions: vec![Action::UpsertContact(contact), Action::UpsertDeal(deal)], lead_id: None };
        Claimed {
            id: DeliveryId::stored("dlv_1".to_owned()),
            account_id: AccountId::stored("acc_1".to_owned()),
            event_id: EventId::stored("evt_1".to_owned()),
            due_at: Timestamp(0),
            band: BAND_RETRY,
            key_hash: None,
            progress: Progress::begin(&plan, Vec::new()),
            plan,
            attempts: 0,
            first_at: None,
        }
    }

    fn policy(to: &str) -> Policy {
        let names = [("vehicle_of_interest".to_owned(), to.to_owned())].into();
        Policy { names: [(CONTACT.to_owned(), names)].into(), ..Policy::default() }
    }

    /// What a round writes, action by action.
    fn written(claimed: &Claimed) -> Vec<String> {
        let names = |action: &Action| {
            let names: Vec<_> = action.properties().iter().map(|property| property.name.clone()).collect();
            names.join(" ")
        };
        claimed.plan.actions.iter().map(names).collect()
    }

    #[test]
    fn what_is_open_goes_by_the_names_of_now_of_its_own_kind_of_record() {
        for (policy, contact) in [
            (policy("vehicle"), "vehicle phone"),
            (policy("phone"), "phone"),
            (Policy::default(), "vehicle_of_interest phone"),
        ] {
            // As it stands after an earlier round that went by another name.
            let mut before = claimed();
            before.progress.rename(0, [("vehicle_of_interest".to_owned(), "car".to_owned())].into());
            let after = apply(&policy, vec![before]).remove(0);
            assert_eq!(written(&after), [contact, "vehicle_of_interest"]);
            let renamed = policy.names.get(CONTACT).cloned().unwrap_or_default();
            assert_eq!(after.progress.actions[0].renamed, renamed);
            assert!(after.progress.actions[1].renamed.is_empty());
        }
    }

    #[test]
    fn what_is_written_keeps_the_name_under_which_it_was() {
        let mut before = claimed();
        before.progress.actions[0].record = Some(Record { id: "1".into(), new: true });
        before.progress.actions[0].renamed = [("vehicle_of_interest".to_owned(), "car".to_owned())].into();
        let after = apply(&policy("vehicle"), vec![before]).remove(0);
        assert_eq!(written(&after), ["car phone", "vehicle_of_interest"]);
    }
}
