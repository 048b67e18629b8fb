//! Creating records, with their links in the same call.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::batch::{self, Batch, INPUTS_MAX, Input, Shape};
use crate::answer::{Answer, Body, Refusal};
use crate::portal::{PortalState, links};
use crate::request::Request;
use crate::scope;
use crate::turn::Turn;
use crate::write::Link;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateInput {
    object_write_trace_id: Option<String>,
    properties: BTreeMap<String, String>,
    #[serde(default)]
    associations: Vec<Association>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Association {
    to: To,
    types: Vec<LinkType>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkType {
    association_category: String,
    association_type_id: u32,
}

const CREATED: Shape = Shape { status: 201, tells_new: false };

pub(super) fn batch(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let body: Batch<CreateInput> = request.json()?;
    let Some(inputs) = batch::inputs(portal, turn, body, INPUTS_MAX)? else {
        return Ok(batch::reply(portal, turn, CREATED.status, Vec::new(), Vec::new()));
    };
    let inputs: Vec<_> = inputs.into_iter().map(|input| resolve(portal, turn, object_type, input)).collect();
    check_link_scopes(portal, turn, request, &inputs)?;
    batch::write_all(portal, turn, object_type, inputs, CREATED)
}

/// One record: a batch of one that shows its only result.
pub(super) fn single(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    portal.table(object_type)?;
    request.allow_queries(&[])?;
    let input = CreateInput { object_write_trace_id: None, ..request.json()? };
    let input = resolve(portal, turn, object_type, input);
    check_link_scopes(portal, turn, request, std::slice::from_ref(&input))?;
    let mut answer = batch::write_all(portal, turn, object_type, vec![input], CREATED)?;
    if let Body::Json(body) = &mut answer.body {
        *body = body.pointer_mut("/results/0").map(Value::take).unwrap_or_default();
    }
    Ok(answer)
}

fn resolve(portal: &PortalState, turn: &Turn, object_type: &str, input: CreateInput) -> Input {
    Input {
        links: links_of(portal, turn, object_type, &input.associations),
        trace: input.object_write_trace_id,
        id: None,
        target: Ok(None),
        properties: input.properties,
        blanks_the_rest: false,
    }
}

/// A link is written at both its ends, so a new record with links needs the scopes of the other end too.
fn check_link_scopes(portal: &PortalState, turn: &Turn, request: &Request, inputs: &[Input]) -> Result<(), Refusal> {
    if !portal.knobs.links_need_scopes {
        return Ok(());
    }
    let caller = portal.caller(request.bearer().unwrap_or_default(), turn.now)?;
    let mut links = inputs.iter().flat_map(|input| input.links.iter().flatten());
    let missing = links.find_map(|link| scope::missing_to_write(caller.scopes, &link.to_type));
    missing.map_or(Ok(()), |scopes| Err(Refusal::missing_scopes(scopes)))
}

/// The links a new record wants; one that cannot be refuses the whole record.
fn links_of(portal: &PortalState, turn: &Turn, from: &str, associations: &[Association]) -> Result<Vec<Link>, Refusal> {
    let mut wanted = Vec::new();
    let mut missing = Vec::new();
    for association in associations {
        if association.types.is_empty() {
            return Err(Refusal::validation("an association needs at least one type"));
        }
        for link_type in &association.types {
            let (category, type_id) = (link_type.association_category.as_str(), link_type.association_type_id);
            let to_type = portal.tables.keys().find(|to| links::fits(from, to, category, type_id));
            let Some(to_type) = to_type else {
                return Err(Refusal::validation(format!("{category} {type_id} is no association type of {from}")));
            };
            let to = portal.table(to_type)?.find(None, &association.to.id, turn.now);
            match to {
                Some(to) => wanted.push(Link { to_type: to_type.clone(), to: to.id, type_id }),
                None => missing.push(association.to.id.clone()),
            }
        }
    }
    if missing.is_empty() {
        return Ok(wanted);
    }
    let message = format!("One or more associations are not valid: {} do not exist", missing.join(", "));
    Err(Refusal::validation(message).with_context("ids", missing))
}
