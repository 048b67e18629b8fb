//! Findings: what HubSpot accepts although a good connector never does it.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// A benchmark that does one thing wrong does it very often; the first ones tell enough.
const KEPT: usize = 1_000;

/// Fewer calls say nothing about a share of errors.
const CALLS_FOR_A_SHARE: u64 = 100;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: FindingKind,
    pub portal: i64,
    /// The call that did it; 0 when it is about many.
    pub call: u64,
    /// The id of the record it is about.
    pub record: Option<String>,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    TwoContactsOfOneLead,
    MarkerInTwoNotes,
    NoteWithoutAssociation,
    PrimaryRenamed,
    ValueCleared,
    LifecycleCleared,
    NothingChanged,
    PersonOverwritten,
    SilentNoOp,
    SecretInQuery,
    /// A token call whose body was not a form.
    TokenCallNotAForm,
    RecordDeleted,
    /// The address of a contact that was erased came back.
    ErasedWritten,
    SearchUsed,
    TwoDealsOfOneLead,
    /// Two notes of one contact say the same, and no marker tells them apart.
    NoteDoubled,
    TooManyErrors,
}

/// The findings of one portal, and what it takes to make them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    /// The first note that carried a marker.
    markers: HashMap<String, u64>,
    /// Contacts without address, by name and phone.
    nameless: HashMap<String, u64>,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Contacts created or updated, for the calls that one lead costs.
    pub(crate) contact_writes: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, kind: FindingKind, portal: i64, call: u64, record: Option<u64>, text: String) {
        if self.list.len() < KEPT {
            let record = record.map(|id| id.to_string());
            self.list.push(Finding { kind, portal, call, record, text });
        }
    }

    /// The note that carried this marker before, if there was one.
    pub(crate) fn earlier_note(&mut self, marker: &str, note: u64) -> Option<u64> {
        earlier(&mut self.markers, marker.to_owned(), note)
    }

    /// The contact without address that looked the same before, if there was one.
    pub(crate) fn earlier_contact(&mut self, looks: String, contact: u64) -> Option<u64> {
        earlier(&mut self.nameless, looks, contact)
    }

    pub(crate) fn list(&self, portal: i64) -> Vec<Finding> {
        let mut list = self.list.clone();
        if self.calls >= CALLS_FOR_A_SHARE && self.errors * 20 > self.calls {
            let text = format!("{} of {} calls were answered with an error, more than 5 %", self.errors, self.calls);
            list.push(Finding { kind: FindingKind::TooManyErrors, portal, call: 0, record: None, text });
        }
        list
    }

    /// How many leads the markers of their notes tell of.
    pub(crate) fn leads(&self) -> u64 {
        let events = self.markers.keys().map(|marker| marker.split('/').next());
        events.collect::<HashSet<_>>().len() as u64
    }

    /// Forgets what was found, not what it takes to find more.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        (self.calls, self.errors) = (0, 0);
    }
}

fn earlier(seen: &mut HashMap<String, u64>, key: String, id: u64) -> Option<u64> {
    let first = *seen.entry(key).or_insert(id);
    (first != id).then_some(first)
}

/// The marker by which the connector knows its own note again, in the text of a note.
pub(crate) fn marker(text: &str) -> Option<&str> {
    let from = text.rfind("Leadline evt_")?;
    let marker = &text[from..];
    let end = marker.char_indices().skip(9).find(|(_, char)| char.is_whitespace() || *char == '<');
    Some(end.map_or(marker, |(at, _)| &marker[..at]))
}

#[cfg(test)]
mod tests {
    use super::marker;

    #[test]
    fn marker_is_the_last_one() {
        for (text, expected) in [
            ("<p>Hi</p><p>Leadline evt_0192f3/2</p>", Some("Leadline evt_0192f3/2")),
            ("Leadline evt_1/0", Some("Leadline evt_1/0")),
            ("no marker", None),
        ] {
            assert_eq!(marker(text), expected);
        }
    }
}
