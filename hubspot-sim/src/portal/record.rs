//! One record: its values with their whole history, and what HubSpot keeps about it by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::portal::{CONTACT, DEAL, NOTE};
use crate::time::{SECOND_MS, iso};

/// A record as inspection shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    /// Values that are there, HubSpot's own among them.
    pub properties: BTreeMap<String, String>,
    pub archived: bool,
    /// Milliseconds since 1970, as all times here.
    pub created_at: i64,
    pub updated_at: i64,
    /// Oldest first; without the values that HubSpot keeps by itself.
    pub history: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub property: String,
    /// Empty when the value was cleared.
    pub value: String,
    pub at: i64,
    pub by: Source,
}

/// Who wrote a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Integration,
    Person,
}

impl Source {
    /// HubSpot's word for it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Integration => "INTEGRATION",
            Self::Person => "CRM_UI",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) value: String,
    pub(crate) at: i64,
    pub(crate) by: Source,
}

/// A record as the portal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) made_by: Source,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) archived_at: Option<i64>,
    /// Erased for good: nothing shows it, and nobody can restore it.
    pub(crate) erased: bool,
    /// Until then no read finds it.
    pub(crate) visible_at: i64,
    /// The record that has taken this one's place.
    pub(crate) merged_into: Option<u64>,
    pub(crate) more_emails: Vec<String>,
    pub(crate) notes_updated_at: Option<i64>,
    pub(crate) values: BTreeMap<Arc<str>, Vec<Version>>,
    /// By the other side's type and id: the association types, seen from this record.
    pub(crate) links: BTreeMap<Arc<str>, BTreeMap<u64, Vec<u32>>>,
    pub(crate) burst: Burst,
}

/// Writes that followed each other closely, for the lock that they bring about.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Burst {
    since: i64,
    writes: u32,
    locked_until: i64,
}

impl Burst {
    pub(crate) fn is_locked(&self, now: i64) -> bool {
        now < self.locked_until
    }

    /// Counts a write; the one that reaches `limit` within a second locks the record for two.
    pub(crate) fn count(&mut self, now: i64, limit: u32) {
        if now - self.since >= SECOND_MS {
            (self.since, self.writes) = (now, 0);
        }
        self.writes += 1;
        if self.writes >= limit {
            self.locked_until = now + 2 * SECOND_MS;
        }
    }
}

impl Stored {
    pub(crate) fn new(id: u64, now: i64, by: Source) -> Self {
        Self {
            id,
            made_by: by,
            created_at: now,
            updated_at: now,
            archived_at: None,
            erased: false,
            visible_at: now,
            merged_into: None,
            more_emails: Vec::new(),
            notes_updated_at: None,
            values: BTreeMap::new(),
            links: BTreeMap::new(),
            burst: Burst::default(),
        }
    }

    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.archived_at.is_none() && self.visible_at <= now
    }

    /// Archived, and still to be had by those who ask for it.
    pub(crate) fn is_archived(&self) -> bool {
        self.archived_at.is_some() && !self.erased
    }

    /// The value that somebody wrote before a moment.
    pub(crate) fn written_by(&self, property: &str, at: i64) -> Option<&str> {
        let versions = self.values.get(property)?;
        let version = versions.iter().rev().find(|version| version.at <= at)?;
        Some(version.value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn latest(&self, property: &str) -> Option<&Version> {
        self.values.get(property)?.last()
    }

    /// The value somebody wrote; an empty one counts as none.
    pub(crate) fn written(&self, property: &str) -> Option<&str> {
        self.latest(property).map(|version| version.value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value a read shows: one that HubSpot keeps, or one that somebody wrote.
    pub(crate) fn value(&self, object_type: &str, property: &str) -> Option<String> {
        self.kept(object_type, property).or_else(|| self.written(property).map(str::to_owned))
    }

    /// What HubSpot keeps by itself. These values are computed, so that they cost no memory.
    fn kept(&self, object_type: &str, property: &str) -> Option<String> {
        let has_notes = object_type != NOTE;
        match property {
            "hs_object_id" => Some(self.id.to_string()),
            "createdate" if matches!(object_type, CONTACT | DEAL) => Some(iso(self.created_at)),
            "hs_createdate" => Some(iso(self.created_at)),
            "lastmodifieddate" if object_type == CONTACT => Some(iso(self.updated_at)),
            "hs_lastmodifieddate" => Some(iso(self.updated_at)),
            "hs_object_source" => Some(self.made_by.code().to_owned()),
            "hs_object_source_label" => Some(self.made_by.code().to_owned()),
            "hs_object_source_id" if self.made_by == Source::Integration => Some("leadline".to_owned()),
            "hs_additional_emails" if !self.more_emails.is_empty() => Some(self.more_emails.join(";")),
            "num_notes" if has_notes => self.links.get(NOTE).map(|notes| notes.len().to_string()),
            "notes_last_updated" if has_notes => self.notes_updated_at.map(iso),
            _ => None,
        }
    }

    /// All changes of written values, oldest first.
    pub(crate) fn history(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for (property, versions) in &self.values {
            changes.extend(versions.iter().map(|version| Change {
                property: property.to_string(),
                value: version.value.clone(),
                at: version.at,
                by: version.by,
            }));
        }
        changes.sort_by_key(|change| change.at);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::Burst;

    #[test]
    fn burst_locks_for_two_seconds() {
        let mut burst = Burst::default();
        burst.count(10_000, 2);
        assert!(!burst.is_locked(10_000));
        burst.count(10_500, 2);
        assert!(burst.is_locked(12_499));
        assert!(!burst.is_locked(12_500));
    }

    #[test]
    fn slow_writes_do_not_lock() {
        let mut burst = Burst::default();
        burst.count(10_000, 2);
        burst.count(11_000, 2);
        assert!(!burst.is_locked(11_000));
    }
}
