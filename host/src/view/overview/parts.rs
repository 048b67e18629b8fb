//! Parts of the leads of a time, which the overview and the weekly letter tell alike.

use super::super::logs::Query;
use super::{contact, outcome};
use crate::connection::standing::UNCONNECTED;
use crate::hours::{ByContact, Figures};
use crate::model::outcome::Outcome;

/// Delivered, and no contact was written.
pub(super) const WITHOUT_CONTACT: &str = "Without contact";

/// Some leads.
pub(in crate::view) struct Part {
    pub name: &'static str,
    pub leads: u64,
    /// What lists them; none where no filter does.
    pub(super) which: Option<Query>,
}

/// Leads that are in HubSpot with nothing left out, by what was done to the contact; all in one where one of their hours
/// does not tell.
pub(in crate::view) fn synced(all: &Figures) -> Vec<Part> {
    let part = |name, leads, which| Part { name, leads, which };
    let synced = |rest| Some(Query { outcome: Outcome::Synced.word().to_owned(), ..rest });
    let Some(ByContact { created, updated, saved }) = all.clean() else {
        let leads = all.delivered().saturating_sub(all.warnings);
        return vec![part("Synced", leads, Some(outcome(Outcome::Synced)))];
    };
    let mut parts = vec![
        part("Created", created, synced(contact("created"))),
        part("Updated", updated, synced(contact("updated"))),
    ];
    if saved > 0 {
        parts.push(part(WITHOUT_CONTACT, saved, None));
    }
    parts
}

/// Skipped because HubSpot was not connected, which nobody chose.
pub(in crate::view) fn unconnected(all: &Figures) -> u64 {
    all.skipped_for(&UNCONNECTED)
}

/// Not sent because somebody wanted it so.
pub(in crate::view) fn by_choice(all: &Figures) -> u64 {
    (all.skipped + all.cancelled).saturating_sub(unconnected(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_through_whole_is_told_by_contact_unless_an_hour_does_not_tell() {
        let told = |all: &Figures| {
            let filter = |part: &Part| part.which.as_ref().map(Query::encoded).unwrap_or_default();
            let parts = synced(all);
            parts.iter().map(|part| (part.name, part.leads, filter(part))).collect::<Vec<_>>()
        };
        let warned = ByContact { created: 2, ..ByContact::default() };
        let mut all = Figures { created: 3, updated: 2, saved: 1, warnings: 2, warned, ..Figures::default() };
        let expected = [
            ("Created", 1, "contact=created&outcome=synced".to_owned()),
            ("Updated", 2, "contact=updated&outcome=synced".to_owned()),
            ("Without contact", 1, String::new()),
        ];
        assert_eq!(told(&all), expected);
        all.warnings += 1;
        assert_eq!(told(&all), [("Synced", 3, "outcome=synced".to_owned())]);
    }
}
