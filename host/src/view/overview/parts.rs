//! Parts of the leads of a time, which the overview and the weekly letter tell alike.

use super::super::logs::Query;
use super::{contact, outcome};
use crate::cause::Code;
use crate::connection::standing::UNCONNECTED;
use crate::hours::{ByContact, Figures};
use crate::model::outcome::Outcome;

/// Delivered, and no contact was written.
pub(super) const WITHOUT_CONTACT: &str = "Without contact";

/// Some leads.
pub(in crate::view) struct Part {
    pub name: &'static str,
    pub leads: u64,
    /// What lists them.
    pub(super) which: Query,
}

/// Leads that are in HubSpot with nothing left out, by what was done to the contact; all in one where one of their hours
/// does not tell.
pub(in crate::view) fn synced(all: &Figures) -> Vec<Part> {
    let part = |name, leads, which| Part { name, leads, which };
    let synced = |rest| Query { outcome: Outcome::Synced.word().to_owned(), ..rest };
    let Some(ByContact { created, updated, saved }) = all.clean() else {
        let leads = all.delivered().saturating_sub(all.warnings);
        return vec![part("Synced", leads, outcome(Outcome::Synced))];
    };
    let mut parts = vec![
        part("Created", created, synced(contact("created"))),
        part("Updated", updated, synced(contact("updated"))),
    ];
    if saved > 0 {
        parts.push(part(WITHOUT_CONTACT, saved, synced(contact("none"))));
    }
    parts
}

/// Leads that ended otherwise, without a failure: skipped, called off, or removed, wherever those had come by then.
pub(super) fn not_sent(all: &Figures) -> [Part; 3] {
    [
        Part { name: "Skipped", leads: all.skipped, which: outcome(Outcome::Skipped) },
        Part { name: "Cancelled", leads: all.cancelled, which: outcome(Outcome::Cancelled) },
        Part { name: "Removed", leads: all.removed, which: outcome(Outcome::Removed) },
    ]
}

/// Why leads were skipped, the most frequent reason first; nothing where one of their hours does not tell.
pub(super) fn reasons(all: &Figures) -> Vec<(Code, u64)> {
    let mut reasons: Vec<_> = all.skips.iter().map(|(code, leads)| (*code, *leads)).collect();
    if reasons.iter().map(|(_, leads)| leads).sum::<u64>() != all.skipped {
        return Vec::new();
    }
    reasons.sort_by_key(|(_, leads)| std::cmp::Reverse(*leads));
    reasons
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
            let parts = synced(all);
            parts.iter().map(|part| (part.name, part.leads, part.which.encoded())).collect::<Vec<_>>()
        };
        let warned = ByContact { created: 2, ..ByContact::default() };
        let mut all = Figures { created: 3, updated: 2, saved: 1, warnings: 2, warned, ..Figures::default() };
        let expected = [
            ("Created", 1, "contact=created&outcome=synced".to_owned()),
            ("Updated", 2, "contact=updated&outcome=synced".to_owned()),
            ("Without contact", 1, "contact=none&outcome=synced".to_owned()),
        ];
        assert_eq!(told(&all), expected);
        all.warnings += 1;
        assert_eq!(told(&all), [("Synced", 3, "outcome=synced".to_owned())]);
    }

    #[test]
    fn whatever_came_is_in_one_part() {
        let figures = Figures {
            received: 45,
            created: 3,
            updated: 2,
            saved: 1,
            warnings: 1,
            warned: ByContact { created: 1, ..ByContact::default() },
            skipped: 8,
            refused: 7,
            failed: 6,
            cancelled: 5,
            removed: 4,
            sending: 3,
            retrying: 4,
            waiting: 2,
            ..Figures::default()
        };
        let went: u64 = synced(&figures).iter().map(|part| part.leads).sum();
        let not_sent: u64 = not_sent(&figures).iter().map(|part| part.leads).sum();
        let rest = figures.warnings + figures.open() + figures.failed + figures.refused;
        assert_eq!(went + rest + not_sent, figures.received);
    }

    #[test]
    fn why_leads_were_skipped_is_told_where_every_hour_tells() {
        let skips = [(Code::EventNotSelected, 1), (Code::TransformSkipped, 3)].into();
        let mut all = Figures { skipped: 4, skips, ..Figures::default() };
        assert_eq!(reasons(&all), [(Code::TransformSkipped, 3), (Code::EventNotSelected, 1)]);
        all.skipped += 1;
        assert!(reasons(&all).is_empty(), "of one lead nobody knows why");
    }
}
