//! The writing of a record that was checked, and the findings about what was written.

use std::sync::Arc;

use super::{Draft, email};
use crate::finding::{FindingKind, marker};
use crate::portal::record::{Source, Stored, Version};
use crate::portal::table::Table;
use crate::portal::{CONTACT, NOTE, PortalState, links};
use crate::turn::Turn;

/// Writes a record and answers with its id. It cannot fail: the check has seen everything.
pub(crate) fn commit(portal: &mut PortalState, turn: &Turn, object_type: &str, draft: &Draft) -> Option<u64> {
    let lock_after = portal.knobs.lock_after_writes;
    let delay = if object_type == NOTE { portal.knobs.note_commit_delay_ms } else { 0 };
    let table = portal.tables.get_mut(object_type)?;
    let id = draft.target.unwrap_or_else(|| table.insert(turn.now, turn.by));
    let mut seen = Vec::new();
    let mut changed = draft.target.is_none();
    for (name, value) in &draft.values {
        changed |= write_value(table, turn, id, name, value, &mut seen);
    }
    for name in &draft.blanks {
        write_value(table, turn, id, name, "", &mut Vec::new());
    }
    let stored = table.get_mut(id)?;
    stored.updated_at = turn.now;
    if draft.target.is_none() {
        stored.visible_at = turn.now + delay;
    }
    if let Some(limit) = lock_after {
        stored.burst.count(turn.now, limit);
    }
    if turn.by == Source::Integration {
        if !changed {
            seen.push((FindingKind::NothingChanged, "a write changed nothing".to_owned()));
        }
        note_findings(portal, turn, object_type, id, draft, seen);
    }
    for link in &draft.links {
        links::link(portal, turn, (object_type, id), (&link.to_type, link.to), link.type_id);
    }
    Some(id)
}

/// Archives a record. HubSpot allows it; a connector for leads has no reason to.
pub(crate) fn archive(portal: &mut PortalState, turn: &Turn, object_type: &str, id: u64) -> bool {
    let stored = portal.tables.get(object_type).and_then(|table| table.get(id));
    // Only what a test lead made may be taken out again, by whoever sent it.
    let is_test = object_type == CONTACT
        && stored
            .and_then(|stored| stored.written("email"))
            .is_some_and(|email| email.starts_with("leadline-test+") && email.ends_with("@example.com"));
    let done = portal.tables.get_mut(object_type).is_some_and(|table| table.archive(id, turn.now));
    if done && turn.by == Source::Integration && !is_test {
        let text = format!("the integration deleted a record of {object_type}");
        portal.findings.add(FindingKind::RecordDeleted, portal.id, turn.number, Some(id), text);
    }
    done
}

/// Erases a contact. Its addresses are remembered, so that their return is noticed.
pub(crate) fn erase(portal: &mut PortalState, turn: &Turn, id: u64) {
    let Some(table) = portal.tables.get_mut(CONTACT) else { return };
    let Some(stored) = table.get(id) else { return };
    let addresses = stored.written("email").map(str::to_owned).into_iter().chain(stored.more_emails.iter().cloned());
    portal.erased.extend(addresses.collect::<Vec<_>>());
    table.erase(id, turn.now);
}

/// Writes one value, if it is new, and says whether it was.
fn write_value(
    table: &mut Table,
    turn: &Turn,
    id: u64,
    name: &Arc<str>,
    value: &str,
    seen: &mut Vec<(FindingKind, String)>,
) -> bool {
    let is_key = table.is_key(name, turn.now);
    let Some(stored) = table.get_mut(id) else { return false };
    let before = stored.latest(name).cloned();
    let had = before.as_ref().map(|version| version.value.as_str()).unwrap_or_default();
    if had == value {
        return false;
    }
    if !had.is_empty() {
        seen.extend(overwriting(name, value, before.as_ref()));
    }
    let version = Version { value: value.to_owned(), at: turn.now, by: turn.by };
    // Most values are written once, so their history begins with room for one.
    stored.values.entry(Arc::clone(name)).or_insert_with(|| Vec::with_capacity(1)).push(version);
    if &**name == "email" {
        stored.more_emails.retain(|more| more != value);
    }
    if is_key {
        if !had.is_empty() {
            table.unindex(name, had, id);
        }
        if !value.is_empty() {
            table.index(name, value, id);
        }
    }
    true
}

/// What is to be said about putting `value` in the place of another.
fn overwriting(name: &str, value: &str, before: Option<&Version>) -> Option<(FindingKind, String)> {
    if value.is_empty() && name == "lifecyclestage" {
        return Some((FindingKind::LifecycleCleared, "the lifecycle stage was cleared".to_owned()));
    }
    if value.is_empty() {
        return Some((FindingKind::ValueCleared, format!("the value of {name} was cleared")));
    }
    if name == "email" {
        return Some((FindingKind::PrimaryRenamed, "the primary address was changed".to_owned()));
    }
    let by_person = before.is_some_and(|version| version.by == Source::Person);
    by_person.then(|| (FindingKind::PersonOverwritten, format!("a person's value of {name} was overwritten")))
}

fn note_findings(
    portal: &mut PortalState,
    turn: &Turn,
    object_type: &str,
    id: u64,
    draft: &Draft,
    mut seen: Vec<(FindingKind, String)>,
) {
    let stored = portal.tables.get(object_type).and_then(|table| table.get(id));
    match object_type {
        CONTACT => {
            portal.findings.contact_writes += 1;
            let address = stored.filter(|_| !portal.erased.is_empty()).and_then(|stored| stored.written("email"));
            if address.is_some_and(|address| portal.erased.contains(address)) {
                seen.push((FindingKind::ErasedWritten, "an address came back whose contact was erased".to_owned()));
            }
            let looks = stored.filter(|_| draft.target.is_none()).and_then(looks);
            if let Some(first) = looks.and_then(|looks| portal.findings.earlier_contact(looks, id)) {
                seen.push((FindingKind::TwoContactsOfOneLead, format!("contact {first} is of the same lead")));
            }
        }
        NOTE if draft.target.is_none() => {
            if draft.links.is_empty() {
                let text = "a note without association is visible nowhere".to_owned();
                seen.push((FindingKind::NoteWithoutAssociation, text));
            }
            let marker = stored.and_then(|stored| stored.written("hs_note_body")).and_then(marker);
            if let Some(marker) = marker
                && let Some(first) = portal.findings.earlier_note(marker, id)
            {
                seen.push((FindingKind::MarkerInTwoNotes, format!("note {first} has the same marker: {marker}")));
            }
        }
        _ => {}
    }
    for (kind, text) in seen {
        portal.findings.add(kind, portal.id, turn.number, Some(id), text);
    }
}

/// What tells the lead of a contact without address. A unique value tells leads apart by itself,
/// so it is a part of the looks.
fn looks(stored: &Stored) -> Option<String> {
    if stored.written("email").is_some_and(|address| email::is_valid(address, &[])) {
        return None;
    }
    let parts = ["firstname", "lastname", "phone", "leadline_lead_id"];
    let parts = parts.map(|name| stored.written(name).unwrap_or_default().to_lowercase());
    (!parts[2].is_empty()).then(|| parts.join("\n"))
}
