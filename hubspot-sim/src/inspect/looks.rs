//! What a portal holds, as JSON: records, installs, calls, findings.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{PAGE, number};
use crate::answer::Refusal;
use crate::finding::Finding;
use crate::oauth::Install;
use crate::portal::PortalState;
use crate::portal::record::Record;
use crate::request::Request;
use crate::time::iso;
use crate::world::{World, locked};

pub(super) fn portal_json(portal: &PortalState) -> Value {
    json!({"id": portal.id, "name": portal.name, "token_lives": portal.token_lives, "deleted": portal.deleted})
}

/// Who is in a portal, and what they may do; never with what.
pub(super) fn installs(portal: &PortalState) -> Value {
    let installs = portal.installs.all().iter().map(|install| Install::of(portal, install));
    let json = |install: Install| {
        json!({
            "portal": install.portal, "client_id": install.client_id, "scopes": install.scopes,
            "active": install.active, "installed": install.installed,
            "installed_at": iso(install.installed_at), "access_token_expires_at": iso(install.expires_at),
        })
    };
    installs.map(json).collect()
}

pub(super) fn records(portal: &PortalState, request: &Request, object_type: &str) -> Result<Value, Refusal> {
    let table = portal.table(object_type)?;
    let after = number::<u64>(request, "after")?.unwrap_or_default();
    let limit = number::<usize>(request, "limit")?.unwrap_or(PAGE);
    let wanted = request.query("property").zip(request.query("value"));
    let fits = |record: &Record| {
        wanted.is_none_or(|(property, value)| record.properties.get(property).is_some_and(|has| has == value))
    };
    let rest = table.all().iter().filter(|stored| stored.id > after).map(|stored| table.view(stored));
    let page: Vec<Record> = rest.filter(fits).take(limit).collect();
    Ok(json!({"count": table.live_count(), "records": page}))
}

pub(super) fn record(portal: &PortalState, object_type: &str, id: &str) -> Result<Value, Refusal> {
    let table = portal.table(object_type)?;
    let stored = table.by_id(id).ok_or_else(|| Refusal::bare(404, format!("there is no record {object_type} {id}")))?;
    let links = stored.links.iter().map(|(to, others)| (to.to_string(), others.keys().map(u64::to_string).collect()));
    let links: BTreeMap<String, Vec<String>> = links.collect();
    let mut body = json!(table.view(stored));
    body["associations"] = json!(links);
    Ok(body)
}

pub(crate) fn associations(portal: &PortalState, from_type: &str, id: &str, to_type: &str) -> Vec<String> {
    let stored = portal.table(from_type).ok().and_then(|table| table.by_id(id));
    let others = stored.and_then(|stored| stored.links.get(to_type));
    others.into_iter().flat_map(|others| others.keys().map(u64::to_string)).collect()
}

pub(crate) fn record_with(portal: &PortalState, object_type: &str, property: &str, value: &str) -> Option<Record> {
    let table = portal.table(object_type).ok()?;
    let has =
        |stored: &&crate::portal::record::Stored| stored.value(object_type, property).is_some_and(|has| has == value);
    let found = table.by_key(property, value).or_else(|| table.all().iter().find(has))?;
    Some(table.view(found))
}

pub(super) fn calls(world: &World, request: &Request) -> Result<Value, Refusal> {
    let after = number(request, "after")?.unwrap_or_default();
    let wanted = number::<i64>(request, "portal")?;
    let mut calls = locked(&world.calls).after(after);
    calls.retain(|call| {
        wanted.is_none_or(|portal| call.portal == Some(portal))
            && request.query("path").is_none_or(|part| call.path.contains(part))
    });
    Ok(json!({"total": locked(&world.calls).total, "calls": calls}))
}

pub(crate) fn findings(world: &World) -> Vec<Finding> {
    let mut findings = locked(&world.findings).list(0);
    for portal in world.portals() {
        let portal = locked(&portal);
        findings.extend(portal.findings.list(portal.id));
    }
    findings
}

pub(crate) fn clear_findings(world: &World) {
    locked(&world.findings).clear();
    world.portals().iter().for_each(|portal| locked(portal).findings.clear());
}

pub(super) fn findings_json(world: &World) -> Value {
    let (mut calls, mut contact_writes, mut leads) = (0, 0, 0);
    for portal in world.portals() {
        let portal = locked(&portal);
        calls += portal.findings.calls;
        contact_writes += portal.findings.contact_writes;
        leads += portal.findings.leads();
    }
    let per = |count: u64| (count > 0).then(|| calls as f64 / count as f64);
    json!({
        "findings": findings(world), "calls": calls, "leads": leads, "calls_per_lead": per(leads),
        "calls_per_contact_write": per(contact_writes),
    })
}
