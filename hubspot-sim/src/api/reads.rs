//! Batch read, and how a record that is read looks.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::batch::{self, Batch, INPUTS_MAX};
use super::upsert::check_key;
use crate::answer::{Answer, Refusal};
use crate::portal::PortalState;
use crate::portal::record::Stored;
use crate::portal::table::Table;
use crate::request::Request;
use crate::time::iso;
use crate::turn::Turn;

/// Histories are long, so a batch may ask for fewer of them.
const INPUTS_WITH_HISTORY_MAX: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadBody {
    id_property: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    inputs: Option<Vec<ReadInput>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadInput {
    id: String,
}

/// The properties that a read asks for; those that a portal does not have are left out in silence.
pub(super) struct Wanted {
    pub(super) properties: Vec<String>,
    pub(super) with_history: Vec<String>,
}

pub(super) fn batch(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&["archived"])?;
    let body: ReadBody = request.json()?;
    let wanted = Wanted { properties: body.properties, with_history: body.properties_with_history };
    let max = if wanted.with_history.is_empty() { INPUTS_MAX } else { INPUTS_WITH_HISTORY_MAX };
    let inputs = batch::inputs(portal, turn, Batch { inputs: body.inputs }, max)?.unwrap_or_default();
    let table = portal.table(object_type)?;
    let key = body.id_property.as_deref();
    if let Some(key) = key.filter(|key| *key != "hs_object_id") {
        check_key(table, key, turn.now)?;
    }
    let archived = request.query("archived") == Some("true");
    let mut shown = HashSet::new();
    let mut results = Vec::with_capacity(inputs.len());
    let mut missing = Vec::new();
    for input in inputs {
        let found = match archived {
            true => table.by_id(&input.id).filter(|stored| stored.is_archived()),
            false => table.find(key, &input.id, turn.now),
        };
        match found {
            Some(stored) if shown.insert(stored.id) => results.push(show(table, stored, &wanted, turn.now)),
            Some(_) => {}
            None => missing.push(input.id),
        }
    }
    let errors = if missing.is_empty() { Vec::new() } else { vec![not_found(table, missing)] };
    Ok(batch::reply(portal, turn, 200, results, errors))
}

pub(super) fn show(table: &Table, stored: &Stored, wanted: &Wanted, now: i64) -> Value {
    if wanted.properties.is_empty() && wanted.with_history.is_empty() {
        return table.to_json(stored, table.default_names().iter().copied(), now);
    }
    let mut record = table.to_json(stored, wanted.properties.iter().map(String::as_str), now);
    if !wanted.with_history.is_empty() {
        let known = wanted.with_history.iter().filter(|name| table.schema.usable(name, now).is_some());
        let histories = known.map(|name| (name.clone(), history(stored, name)));
        record["propertiesWithHistory"] = Value::Object(histories.collect::<Map<_, _>>());
    }
    record
}

/// The values a property has had, the latest first.
fn history(stored: &Stored, name: &str) -> Value {
    let versions = stored.values.get(name).map(Vec::as_slice).unwrap_or_default();
    let values = versions
        .iter()
        .rev()
        .map(|version| json!({"value": version.value, "timestamp": iso(version.at), "sourceType": version.by.code()}));
    values.collect()
}

fn not_found(table: &Table, ids: Vec<String>) -> Value {
    let message = format!("Could not get some {} objects, they may be deleted or not exist.", table.word);
    Refusal::not_found(message).with_context("ids", ids).entry(None)
}
