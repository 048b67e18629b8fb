//! All records of one object type, and the indexes that find them without a scan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use serde_json::{Map, Value};

use super::record::{Record, Source, Stored};
use super::schema::Schema;
use super::{COMPANY, CONTACT, DEAL, NOTE};
use crate::time::iso;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) object_type: Arc<str>,
    /// HubSpot's word in its messages, such as `CONTACT`.
    pub(crate) word: String,
    pub(crate) schema: Schema,
    /// Ids count up from the first one, so a record's place follows from its id.
    first_id: u64,
    records: Vec<Stored>,
    /// By property, then by value: `email`, with the additional ones, and every unique property.
    keys: HashMap<Arc<str>, HashMap<String, u64>>,
    archived: usize,
}

impl Table {
    pub(crate) fn new(object_type: &str, word: &str, first_id: u64) -> Self {
        Self {
            object_type: object_type.into(),
            word: word.to_owned(),
            schema: Schema::default(),
            first_id,
            records: Vec::new(),
            keys: HashMap::new(),
            archived: 0,
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Stored> {
        self.records.get(usize::try_from(id.checked_sub(self.first_id)?).ok()?)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Stored> {
        self.records.get_mut(usize::try_from(id.checked_sub(self.first_id)?).ok()?)
    }

    /// The record of an id as sent, and the winner's if it was merged into another.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Stored> {
        let mut stored = self.get(id.trim().parse().ok()?)?;
        while let Some(winner) = stored.merged_into {
            stored = self.get(winner)?;
        }
        Some(stored)
    }

    pub(crate) fn by_key(&self, property: &str, value: &str) -> Option<&Stored> {
        self.get(*self.keys.get(property)?.get(&indexed(property, value))?)
    }

    /// By key if a property is named, else by id; only what reads may see.
    pub(crate) fn find(&self, property: Option<&str>, value: &str, now: i64) -> Option<&Stored> {
        let stored = match property {
            Some(property) if property != "hs_object_id" => self.by_key(property, value),
            _ => self.by_id(value),
        };
        stored.filter(|stored| stored.is_live(now))
    }

    pub(crate) fn all(&self) -> &[Stored] {
        &self.records
    }

    pub(crate) fn live_count(&self) -> usize {
        self.records.len() - self.archived
    }

    pub(crate) fn insert(&mut self, now: i64, by: Source) -> u64 {
        let id = self.first_id + self.records.len() as u64;
        self.records.push(Stored::new(id, now, by));
        id
    }

    /// Makes a record findable by a value.
    pub(crate) fn index(&mut self, property: &Arc<str>, value: &str, id: u64) {
        let values = self.keys.entry(Arc::clone(property)).or_default();
        values.insert(indexed(property, value), id);
    }

    /// Forgets a value, unless it has become another record's meanwhile.
    pub(crate) fn unindex(&mut self, property: &str, value: &str, id: u64) {
        if let Some(values) = self.keys.get_mut(property)
            && values.get(&indexed(property, value)) == Some(&id)
        {
            values.remove(&indexed(property, value));
        }
    }

    /// Archives a record: no read finds it, and its addresses and unique values are free again.
    pub(crate) fn archive(&mut self, id: u64, now: i64) -> bool {
        let Some(stored) = self.get_mut(id).filter(|stored| stored.archived_at.is_none()) else {
            return false;
        };
        stored.archived_at = Some(now);
        for (property, value) in self.keys_of(id) {
            self.unindex(&property, &value, id);
        }
        self.archived += 1;
        true
    }

    /// Takes a record away for good, with everything that is known about it.
    pub(crate) fn erase(&mut self, id: u64, now: i64) {
        self.archive(id, now);
        if let Some(stored) = self.get_mut(id) {
            stored.erased = true;
            stored.values.clear();
            stored.more_emails.clear();
        }
    }

    /// Brings an archived record back, with what nobody else has taken meanwhile.
    pub(crate) fn restore(&mut self, id: u64) -> bool {
        let Some(stored) = self.get_mut(id).filter(|stored| stored.is_archived()) else {
            return false;
        };
        stored.archived_at = None;
        for (property, value) in self.keys_of(id) {
            if self.by_key(&property, &value).is_none() {
                self.index(&property, &value, id);
            }
        }
        self.archived -= 1;
        true
    }

    /// May records be found by this property? Contacts always have their address.
    pub(crate) fn is_key(&self, property: &str, now: i64) -> bool {
        let is_address = property == "email" && &*self.object_type == CONTACT;
        is_address || self.schema.is_key(property, now)
    }

    /// Every value by which a record can be found.
    fn keys_of(&self, id: u64) -> Vec<(Arc<str>, String)> {
        let Some(stored) = self.get(id) else { return Vec::new() };
        let mut keys = Vec::new();
        for property in self.keys.keys() {
            let more = if &**property == "email" { stored.more_emails.as_slice() } else { &[] };
            let own = stored.written(property).into_iter().chain(more.iter().map(String::as_str));
            keys.extend(own.map(|value| (Arc::clone(property), value.to_owned())));
        }
        keys
    }

    /// What a read shows when it names no properties.
    pub(crate) fn default_names(&self) -> &'static [&'static str] {
        match &*self.object_type {
            CONTACT => &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
            COMPANY => &["domain", "hs_createdate", "hs_lastmodifieddate", "hs_object_id", "name"],
            DEAL => &[
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ],
            NOTE => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
            _ => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
        }
    }

    /// What a read shows in any case.
    pub(crate) fn constant_names(&self) -> &'static [&'static str] {
        match &*self.object_type {
            CONTACT => &["createdate", "hs_object_id", "lastmodifieddate"],
            DEAL => &["createdate", "hs_lastmodifieddate", "hs_object_id"],
            _ => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
        }
    }

    /// A record as the API shows it: names that the portal does not have are left out in silence,
    /// and those without a value are `null`.
    pub(crate) fn to_json<'a>(&self, stored: &Stored, names: impl IntoIterator<Item = &'a str>, now: i64) -> Value {
        let mut properties = Map::new();
        for name in names.into_iter().chain(self.constant_names().iter().copied()) {
            if self.schema.usable(name, now).is_some() {
                let value = stored.value(&self.object_type, name);
                properties.insert(name.to_owned(), value.map_or(Value::Null, Value::String));
            }
        }
        // Moved in field by field: `json!` would copy every text, and batches are the bulk of the work.
        let mut record = Map::new();
        record.insert("id".to_owned(), Value::String(stored.id.to_string()));
        record.insert("createdAt".to_owned(), Value::String(iso(stored.created_at)));
        record.insert("updatedAt".to_owned(), Value::String(iso(stored.updated_at)));
        record.insert("archived".to_owned(), Value::Bool(stored.archived_at.is_some()));
        record.insert("properties".to_owned(), Value::Object(properties));
        if let Some(archived_at) = stored.archived_at {
            record.insert("archivedAt".to_owned(), Value::String(iso(archived_at)));
        }
        Value::Object(record)
    }

    /// A record as inspection shows it.
    pub(crate) fn view(&self, stored: &Stored) -> Record {
        let names = self.schema.properties.keys();
        let values = names.filter_map(|name| Some((name.to_string(), stored.value(&self.object_type, name)?)));
        let properties: BTreeMap<String, String> = values.collect();
        Record {
            id: stored.id.to_string(),
            properties,
            archived: stored.archived_at.is_some(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            history: stored.history(),
        }
    }
}

/// The form in which a value is indexed: addresses are the same in any case.
fn indexed(property: &str, value: &str) -> String {
    match property {
        "email" => value.trim().to_lowercase(),
        _ => value.trim().to_owned(),
    }
}
