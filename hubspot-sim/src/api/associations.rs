//! Links between records: made by the default type, and read in pages.

use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{self, Batch};
use crate::answer::{Answer, Kind, Refusal};
use crate::portal::record::Stored;
use crate::portal::{PortalState, links};
use crate::request::Request;
use crate::turn::{Turn, Version};

/// Pairs that one call may link, and records whose links one call may read.
const PAIRS_MAX: usize = 2_000;
const READS_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    from: Id,
    to: Id,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadInput {
    id: String,
    after: Option<String>,
}

pub(super) fn put_default(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    (from, from_id): (&str, &str),
    (to, to_id): (&str, &str),
) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let pair = Pair { from: Id { id: from_id.to_owned() }, to: Id { id: to_id.to_owned() } };
    associate(portal, turn, from, to, &[pair])
}

pub(super) fn batch_default(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    from: &str,
    to: &str,
) -> Result<Answer, Refusal> {
    portal.table(from)?;
    portal.table(to)?;
    request.allow_queries(&[])?;
    let body: Batch<Pair> = request.json()?;
    let pairs = batch::inputs(portal, turn, body, PAIRS_MAX)?.unwrap_or_default();
    associate(portal, turn, from, to, &pairs)
}

/// Links all pairs, or none. The answer lists each pair from both ends.
fn associate(
    portal: &mut PortalState,
    turn: &mut Turn,
    from: &str,
    to: &str,
    pairs: &[Pair],
) -> Result<Answer, Refusal> {
    let (from_table, to_table) = (portal.table(from)?, portal.table(to)?);
    if !portal.knobs.edit_associations && turn.version == Version::September2026 {
        return Err(Refusal::validation("The user does not have the permission Edit Associations"));
    }
    let plain = links::plain_type(from, to).zip(links::plain_type(to, from));
    let Some(((category, type_id), (_, back_id))) = plain else {
        return Err(Refusal::validation(format!("{from} and {to} cannot be associated")));
    };
    let mut found = Vec::with_capacity(pairs.len());
    let mut missing = Vec::new();
    for pair in pairs {
        let ends = (from_table.find(None, &pair.from.id, turn.now), to_table.find(None, &pair.to.id, turn.now));
        if let (Some(from), Some(to)) = ends {
            found.push((from.id, to.id));
        }
        missing.extend(ends.0.is_none().then(|| pair.from.id.clone()));
        missing.extend(ends.1.is_none().then(|| pair.to.id.clone()));
    }
    if !missing.is_empty() {
        let message = format!("One or more associations are not valid: {} do not exist", missing.join(", "));
        return Err(Refusal::validation(message).with_context("ids", missing));
    }
    let mut results = Vec::with_capacity(found.len() * 2);
    for (from_id, to_id) in found {
        links::link(portal, turn, (from, from_id), (to, to_id), type_id);
        results.push(result(from_id, to_id, category, type_id));
        results.push(result(to_id, from_id, category, back_id));
    }
    Ok(batch::reply(portal, turn, 200, results, Vec::new()))
}

fn result(from: u64, to: u64, category: &str, type_id: u32) -> Value {
    json!({
        "from": {"id": from.to_string()}, "to": {"id": to.to_string()},
        "associationSpec": {"associationCategory": category, "associationTypeId": type_id},
    })
}

pub(super) fn batch_read(
    portal: &mut PortalState,
    turn: &mut Turn,
    request: &Request,
    from: &str,
    to: &str,
) -> Result<Answer, Refusal> {
    portal.table(from)?;
    portal.table(to)?;
    request.allow_queries(&[])?;
    let body: Batch<ReadInput> = request.json()?;
    let inputs = batch::inputs(portal, turn, body, READS_MAX)?.unwrap_or_default();
    let mut results = Vec::new();
    let mut errors = Vec::new();
    for input in inputs {
        let after = input.after.as_deref().map(str::parse).transpose();
        let after = after.map_err(|_| Refusal::validation("`after` is not one that an answer has given"))?;
        let stored = portal.table(from)?.find(None, &input.id, turn.now);
        let (linked, next) = stored.map_or((Vec::new(), None), |stored| page(portal, turn, stored, (from, to), after));
        if linked.is_empty() {
            errors.extend(portal.knobs.no_links_is_an_error.then(|| no_links(&input.id, from, to)));
            continue;
        }
        let mut result = json!({"from": {"id": input.id}, "to": linked});
        if let Some(next) = next {
            result["paging"] = json!({"next": {"after": next.to_string()}});
        }
        results.push(result);
    }
    Ok(batch::reply(portal, turn, 200, results, errors))
}

/// The links of one record; only the earlier version has this path.
pub(super) fn list(
    portal: &PortalState,
    turn: &Turn,
    request: &Request,
    (from, id): (&str, &str),
    to: &str,
) -> Result<Answer, Refusal> {
    let (table, _) = (portal.table(from)?, portal.table(to)?);
    request.allow_queries(&["after", "limit"])?;
    let stored = table.find(None, id, turn.now);
    let stored = stored.ok_or_else(|| Refusal::not_found(format!("No {} with id {id} exists", table.word)))?;
    let after = request.query("after").and_then(|after| after.parse().ok());
    let (linked, next) = page(portal, turn, stored, (from, to), after);
    let mut body = json!({"results": linked});
    if let Some(next) = next {
        body["paging"] = json!({"next": {"after": next.to_string()}});
    }
    Ok(Answer::json(200, body))
}

/// The links after an id, and where the next page begins.
fn page(
    portal: &PortalState,
    turn: &Turn,
    stored: &Stored,
    (from, to): (&str, &str),
    after: Option<u64>,
) -> (Vec<Value>, Option<u64>) {
    let (Some(others), Ok(table)) = (stored.links.get(to), portal.table(to)) else {
        return (Vec::new(), None);
    };
    let category = links::category(from, to);
    let mut linked = Vec::new();
    let mut last = None;
    for (&id, types) in others.range(after.map_or(0, |after| after + 1)..) {
        if !table.get(id).is_some_and(|other| other.is_live(turn.now)) {
            continue;
        }
        if linked.len() == portal.knobs.association_page {
            return (linked, last);
        }
        let types = types.iter().map(|type_id| json!({"category": category, "typeId": type_id, "label": null}));
        let id_value = if portal.knobs.linked_ids_as_text { json!(id.to_string()) } else { json!(id) };
        linked.push(json!({"toObjectId": id_value, "associationTypes": types.collect::<Vec<_>>()}));
        last = Some(id);
    }
    (linked, None)
}

fn no_links(id: &str, from: &str, to: &str) -> Value {
    let refusal = Refusal {
        kind: Kind::Categories("OBJECT_NOT_FOUND", "crm.associations.NO_ASSOCIATIONS_FOUND"),
        ..Refusal::not_found(format!("No {to} is associated with {from} {id}"))
    };
    refusal.with_context("fromObjectId", vec![id.to_owned()]).entry(None)
}
