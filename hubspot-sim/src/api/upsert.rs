//! Batch upsert: finds each record by its key, and creates those that are not there.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::batch::{self, Batch, INPUTS_MAX, Input, Shape};
use crate::answer::{Answer, Detail, Refusal};
use crate::portal::PortalState;
use crate::portal::table::Table;
use crate::request::Request;
use crate::turn::Turn;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpsertInput {
    id: String,
    id_property: Option<String>,
    object_write_trace_id: Option<String>,
    properties: BTreeMap<String, String>,
}

pub(super) fn batch(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let shape = Shape { status: 200, tells_new: true };
    let body: Batch<UpsertInput> = request.json()?;
    let Some(inputs) = batch::inputs(portal, turn, body, INPUTS_MAX)? else {
        return Ok(batch::reply(portal, turn, shape.status, Vec::new(), Vec::new()));
    };
    let table = portal.table(object_type)?;
    let key = common_key(&inputs)?;
    if let Some(key) = &key {
        check_key(table, key, turn.now)?;
    }
    refuse_repeated_ids(&inputs)?;
    let blanks_the_rest = portal.knobs.email_upsert_clears && key.as_deref() == Some("email");
    let inputs = inputs.into_iter().map(|input| resolve(table, turn, key.as_deref(), input, blanks_the_rest)).collect();
    batch::write_all(portal, turn, object_type, inputs, shape)
}

/// The property that all inputs are found by; `None` means by record id.
fn common_key(inputs: &[UpsertInput]) -> Result<Option<String>, Refusal> {
    let first = inputs.first().and_then(|input| input.id_property.clone());
    if inputs.iter().any(|input| input.id_property != first) {
        return Err(Refusal::validation("all inputs of an upsert must have the same idProperty"));
    }
    Ok(first)
}

/// Only an address or a unique property finds records; the record id is no property in this sense.
pub(super) fn check_key(table: &Table, key: &str, now: i64) -> Result<(), Refusal> {
    if table.schema.usable(key, now).is_none() {
        let detail = Detail::new("PROPERTY_DOESNT_EXIST", key, format!("Property \"{key}\" does not exist"));
        return Err(Refusal::bad_values(vec![detail]));
    }
    if key == "hs_object_id" || !table.is_key(key, now) {
        let message = format!("idProperty {key} is not a property with unique values");
        let detail = Detail::new("NON_UNIQUE_ID_PROPERTY", key, message.clone());
        return Err(Refusal { details: vec![detail], ..Refusal::validation(message) });
    }
    Ok(())
}

fn refuse_repeated_ids(inputs: &[UpsertInput]) -> Result<(), Refusal> {
    let mut counts: HashMap<String, usize> = HashMap::with_capacity(inputs.len());
    for input in inputs {
        *counts.entry(input.id.trim().to_lowercase()).or_default() += 1;
    }
    let mut repeated: Vec<String> = counts.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect();
    repeated.sort_unstable();
    if repeated.is_empty() { Ok(()) } else { Err(batch::duplicates(repeated)) }
}

fn resolve(table: &Table, turn: &Turn, key: Option<&str>, input: UpsertInput, blanks_the_rest: bool) -> Input {
    let found = table.find(key, &input.id, turn.now).map(|stored| stored.id);
    let mut properties = input.properties;
    let target = match key {
        Some(key) => {
            if found.is_none() && !properties.contains_key(key) {
                properties.insert(key.to_owned(), input.id.trim().to_owned());
            }
            Ok(found)
        }
        None => {
            found.map(Some).ok_or_else(|| Refusal::not_found(format!("No {} with id {} exists", table.word, input.id)))
        }
    };
    Input {
        trace: input.object_write_trace_id,
        id: Some(input.id),
        target,
        properties,
        links: Ok(Vec::new()),
        blanks_the_rest,
    }
}
