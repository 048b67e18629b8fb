//! One record by its id or its key: read, change, archive, erase.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reads::{self, Wanted};
use super::upsert::check_key;
use crate::answer::{Answer, Refusal};
use crate::portal::record::Stored;
use crate::portal::table::Table;
use crate::portal::{CONTACT, PortalState};
use crate::request::Request;
use crate::turn::Turn;
use crate::write::{self, Claims};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Erasure {
    object_id: String,
    id_property: Option<String>,
}

/// A merged record answers with the one that took its place.
pub(super) fn get(
    portal: &PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
    id: &str,
) -> Result<Answer, Refusal> {
    let table = portal.table(object_type)?;
    request.allow_queries(&["properties", "propertiesWithHistory", "idProperty", "archived"])?;
    let archived = request.query("archived") == Some("true");
    let stored = if archived { table.by_id(id).filter(|stored| stored.is_archived()) } else { None };
    let stored = match stored {
        Some(stored) => stored,
        None => find(table, turn, request, id)?,
    };
    let wanted =
        Wanted { properties: request.listed("properties"), with_history: request.listed("propertiesWithHistory") };
    Ok(Answer::json(200, reads::show(table, stored, &wanted, turn.now)))
}

pub(super) fn patch(
    portal: &mut PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
    id: &str,
) -> Result<Answer, Refusal> {
    request.allow_queries(&["idProperty"])?;
    let target = find(portal.table(object_type)?, turn, request, id)?.id;
    let Patch { properties } = request.json()?;
    let draft = write::check(portal, turn, object_type, Some(target), &properties, &mut Claims::default())?;
    write::commit(portal, turn, object_type, &draft);
    let table = portal.table(object_type)?;
    let stored = table.get(target).ok_or_else(Refusal::unknown_path)?;
    let names = properties.keys().map(String::as_str).chain(table.default_names().iter().copied());
    let mut body = table.to_json(stored, names, turn.now);
    if !draft.warnings.is_empty() {
        body["warnings"] = draft.warnings.iter().map(write::Warning::to_json).collect();
    }
    Ok(Answer::json(200, body))
}

pub(super) fn delete(
    portal: &mut PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
    id: &str,
) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let target = find(portal.table(object_type)?, turn, request, id)?.id;
    write::archive(portal, turn, object_type, target);
    Ok(Answer::empty(204))
}

/// Erases a contact for good, as the privacy laws have it.
pub(super) fn erase(portal: &mut PortalState, turn: &Turn, request: &Request) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let Erasure { object_id, id_property } = request.json()?;
    let table = portal.table(CONTACT)?;
    if id_property.as_deref().is_some_and(|property| property != "email") {
        return Err(Refusal::validation("idProperty is email, or absent"));
    }
    let found = table.find(id_property.as_deref(), &object_id, turn.now);
    let id = found.ok_or_else(|| Refusal::not_found(format!("No CONTACT with id {object_id} exists")))?.id;
    write::erase(portal, turn, id);
    Ok(Answer::empty(204))
}

fn find<'a>(table: &'a Table, turn: &Turn, request: &Request, id: &str) -> Result<&'a Stored, Refusal> {
    let key = request.query("idProperty");
    if let Some(key) = key {
        check_key(table, key, turn.now)?;
    }
    let found = table.find(key, id, turn.now);
    found.ok_or_else(|| Refusal::not_found(format!("No {} with id {id} exists", table.word)))
}
