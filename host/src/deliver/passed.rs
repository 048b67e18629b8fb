//! An old lead that was released or replayed does not overwrite what a newer one of the same person wrote. Its note and
//! its deal are written all the same.

use crate::cause::Code;
use crate::contract::actions::WritePolicy;
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
    let passed_by =
        |newer: &&NewerLead| Some(&newer.key_hash) == claimed.key_hash.as_ref() && newer.event_id > claimed.event_id;
    for newer in newer.iter().filter(passed_by) {
        for (action, progress) in claimed.plan.actions.iter().zip(&mut claimed.progress.actions) {
            let overwrites = action.properties().iter().filter(|property| property.policy == WritePolicy::Always);
            for property in overwrites {
                let same_record = |other: &&crate::contract::actions::Action| {
                    object_type(other) == object_type(action) && other.key() == action.key()
                };
                let wrote = newer.plan.as_ref().map(|plan| {
                    let written = plan.actions.iter().filter(same_record).flat_map(|other| other.properties());
                    let dropped = newer.progress.dropped.iter().any(|dropped| dropped.field == property.name);
                    written
                        .filter(|theirs| !dropped && theirs.name == property.name)
                        .any(|theirs| theirs.value != property.value)
                });
                // A plan that is no longer kept may have written anything.
                if wrote.unwrap_or(true) && !progress.passed.contains(&property.name) {
                    progress.passed.push(property.name.clone());
                    let (field, value) = (property.name.clone(), property.value.clone());
                    let reason = format!("a newer lead of the same person wrote this property: {}", newer.event_id);
                    let code = Some(Code::LeadPassed);
                    if !claimed.progress.dropped.iter().any(|known| known.field == field) {
                        claimed.progress.dropped.push(Dropped { field, value, reason, code });
                    }
                }
            }
        }
    }
}
