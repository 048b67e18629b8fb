//! Batch update: changes records that exist, and creates none.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::batch::{self, Batch, INPUTS_MAX, Input, Shape};
use super::upsert::check_key;
use crate::answer::{Answer, Refusal};
use crate::portal::PortalState;
use crate::portal::table::Table;
use crate::request::Request;
use crate::turn::Turn;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateInput {
    id: String,
    id_property: Option<String>,
    object_write_trace_id: Option<String>,
    properties: BTreeMap<String, String>,
}

const UPDATED: Shape = Shape { status: 200, tells_new: false };

pub(super) fn batch(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let body: Batch<UpdateInput> = request.json()?;
    let Some(inputs) = batch::inputs(portal, turn, body, INPUTS_MAX)? else {
        return Ok(batch::reply(portal, turn, UPDATED.status, Vec::new(), Vec::new()));
    };
    let table = portal.table(object_type)?;
    for key in inputs.iter().filter_map(|input| input.id_property.as_deref()) {
        check_key(table, key, turn.now)?;
    }
    // An address without `idProperty` is no record id, and HubSpot passes over it in silence.
    let (lost, meant): (Vec<_>, Vec<_>) =
        inputs.into_iter().partition(|input| input.id_property.is_none() && input.id.contains('@'));
    let inputs = meant.into_iter().map(|input| resolve(table, turn, input)).collect();
    if !lost.is_empty() {
        batch::silent_no_op(portal, turn, "an update by address without idProperty");
    }
    batch::write_all(portal, turn, object_type, inputs, UPDATED)
}

fn resolve(table: &Table, turn: &Turn, input: UpdateInput) -> Input {
    let found = table.find(input.id_property.as_deref(), &input.id, turn.now).map(|stored| Some(stored.id));
    Input {
        target: found.ok_or_else(|| Refusal::not_found(format!("No {} with id {} exists", table.word, input.id))),
        trace: input.object_write_trace_id,
        id: Some(input.id),
        properties: input.properties,
        links: Ok(Vec::new()),
        blanks_the_rest: false,
    }
}
