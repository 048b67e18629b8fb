//! Findings about what a lead must leave behind only once: its deal, and its note.

use crate::finding::{FindingKind, marker};
use crate::portal::record::{Source, Stored};
use crate::portal::table::Table;
use crate::portal::{CONTACT, DEAL, NOTE, PortalState};
use crate::turn::Turn;

/// Records of one contact that are looked at: a doubled one is near its twin.
const LOOKED_AT: usize = 20;

/// Looks for a twin of what was just linked to a contact.
pub(crate) fn look(portal: &mut PortalState, turn: &Turn, one: (&str, u64), other: (&str, u64)) {
    let (contact, (kind, id)) = match (one.0, other.0) {
        (CONTACT, DEAL | NOTE) => (one.1, other),
        (DEAL | NOTE, CONTACT) => (other.1, one),
        _ => return,
    };
    if turn.by == Source::Person {
        return;
    }
    if let Some(twin) = twin(portal, contact, (kind, id), turn.now) {
        let (finding, word) = match kind {
            DEAL => (FindingKind::TwoDealsOfOneLead, "deal"),
            _ => (FindingKind::NoteDoubled, "note"),
        };
        let text = format!("{word} {twin} of the same contact says the same");
        portal.findings.add(finding, portal.id, turn.number, Some(id), text);
    }
}

fn twin(portal: &PortalState, contact: u64, (kind, id): (&str, u64), now: i64) -> Option<u64> {
    let table = portal.table(kind).ok()?;
    let new = table.get(id).filter(|stored| stored.made_by == Source::Integration)?;
    // A marker tells notes apart: two leads may well say the same.
    if new.written("hs_note_body").is_some_and(|body| marker(body).is_some()) {
        return None;
    }
    let siblings = portal.table(CONTACT).ok()?.get(contact)?.links.get(kind)?;
    let earlier = siblings.range(..id).rev().take(LOOKED_AT).filter_map(|(&other, _)| table.get(other));
    let mut earlier = earlier.filter(|other| other.archived_at.is_none() && other.made_by == Source::Integration);
    earlier.find(|other| says_the_same(table, new, other, now)).map(|other| other.id)
}

/// A key tells deals apart that have the same name.
fn says_the_same(table: &Table, one: &Stored, other: &Stored, now: i64) -> bool {
    let both = |name: &str| one.written(name).zip(other.written(name));
    let same = |name: &str| both(name).is_some_and(|(one, other)| one == other);
    let differs = |name: &str| table.is_key(name, now) && both(name).is_some_and(|(one, other)| one != other);
    match &*table.object_type {
        DEAL => same("dealname") && !one.values.keys().any(|name| differs(name)),
        _ => same("hs_note_body"),
    }
}
