//! The check of one record before any of it is written. It lists everything that is wrong at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::value::{self, Fit};
use super::{Draft, Warning, deal, email, taken};
use crate::answer::{Detail, Refusal};
use crate::html;
use crate::portal::record::{Source, Stored};
use crate::portal::schema::{Property, Schema};
use crate::portal::table::Table;
use crate::portal::{CONTACT, DEAL, NOTE, PortalState};
use crate::turn::{Turn, Version};

/// Addresses and unique values that earlier inputs of the same batch are going to take.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashSet<(Arc<str>, String)>);

/// `target` is the record to be changed, or `None` for a new one.
pub(crate) fn check(
    portal: &PortalState,
    turn: &Turn,
    object_type: &str,
    target: Option<u64>,
    properties: &BTreeMap<String, String>,
    claims: &mut Claims,
) -> Result<Draft, Refusal> {
    let table = portal.table(object_type)?;
    let before = target.and_then(|id| table.get(id));
    if before.is_some_and(|stored| stored.burst.is_locked(turn.now)) {
        return Err(Refusal::bare(423, "the record is locked by other writes; try again later"));
    }
    let mut draft = Draft { target, values: Vec::new(), warnings: Vec::new(), blanks: Vec::new(), links: Vec::new() };
    let mut wrong = Vec::new();
    for (name, value) in properties {
        match check_value(portal, turn, table, before, name, value) {
            Ok(Checked::Write(value)) => draft.values.push(value),
            Ok(Checked::Normalised(name, stored)) => {
                draft.warnings.push(Warning {
                    property: Arc::clone(&name),
                    raw: value.clone(),
                    stored: stored.clone(),
                });
                draft.values.push((name, stored));
            }
            Ok(Checked::Ignore) => {}
            Err(detail) => wrong.push(detail),
        }
    }
    if object_type == DEAL {
        wrong.extend(deal::check(portal, before, properties));
        if before.is_none() && !properties.contains_key("pipeline") {
            draft.values.push(("pipeline".into(), deal::DEFAULT_PIPELINE.to_owned()));
        }
    }
    if before.is_none() {
        wrong.extend(missing(&table.schema, object_type, turn, properties));
    }
    if !wrong.is_empty() {
        return Err(Refusal::bad_values(wrong));
    }
    if before.is_none() && object_type == CONTACT && !names_somebody(properties) {
        let message = "At least one of the following properties must be set: email, firstname, lastname";
        return Err(Refusal::validation(message));
    }
    check_unique(portal, turn, table, &draft, claims)?;
    Ok(draft)
}

enum Checked {
    Write((Arc<str>, String)),
    Normalised(Arc<str>, String),
    /// HubSpot takes the value and does nothing with it.
    Ignore,
}

fn check_value(
    portal: &PortalState,
    turn: &Turn,
    table: &Table,
    before: Option<&Stored>,
    name: &str,
    value: &str,
) -> Result<Checked, Detail> {
    let Some(property) = table.schema.usable(name, turn.now) else {
        return Err(Detail::new("PROPERTY_DOESNT_EXIST", name, format!("Property \"{name}\" does not exist")));
    };
    if property.read_only {
        return Err(Detail::new(
            "READ_ONLY_VALUE",
            name,
            format!("\"{name}\" is a read only property; its value cannot be set."),
        ));
    }
    let write = |value: String| Ok(Checked::Write((Arc::clone(&property.name), value)));
    if value.is_empty() {
        return write(String::new());
    }
    let had = before.and_then(|stored| stored.written(name));
    match (&*table.object_type, name) {
        (CONTACT, "email") => {
            let address = value.trim().to_lowercase();
            if !email::is_valid(&address, &portal.knobs.refused_domains) {
                return Err(Detail::new("INVALID_EMAIL", name, format!("Email address {value} is invalid")));
            }
            return write(address);
        }
        (DEAL, "pipeline" | "dealstage") => return write(value.to_owned()),
        (_, "hubspot_owner_id") => {
            return deal::check_owner(portal, value).map_or_else(|| write(value.to_owned()), Err);
        }
        (CONTACT, "lifecyclestage") if moves_back(property, had, value) => {
            let obeys = turn.by == Source::Person || portal.knobs.lifecycle_set;
            return if obeys { write(value.to_owned()) } else { Ok(Checked::Ignore) };
        }
        _ => {}
    }
    let fit = value::fit(property, value, had)?;
    if let Some(detail) = table.schema.rules.get(name).and_then(|rules| value::broken_rule(name, rules, value)) {
        return Err(detail);
    }
    match fit {
        Fit::Stored(text) if (&*table.object_type, name) == (NOTE, "hs_note_body") => write(html::clean(&text)),
        Fit::Stored(text) => write(text),
        Fit::Normalised(_) if turn.version == Version::March2026 => {
            Err(Detail::new("INVALID_DATE", name, format!("{value} is not in the form that this property has.")))
        }
        Fit::Normalised(text) => Ok(Checked::Normalised(Arc::clone(&property.name), text)),
    }
}

/// A contact goes through its lifecycle in one direction.
fn moves_back(property: &Property, had: Option<&str>, wanted: &str) -> bool {
    let had = had.and_then(|stage| property.option_at(stage));
    matches!((had, property.option_at(wanted)), (Some(had), Some(wanted)) if wanted < had)
}

/// What a new record lacks. Admins' own requirements bind the API since the later version only.
fn missing(schema: &Schema, object_type: &str, turn: &Turn, properties: &BTreeMap<String, String>) -> Vec<Detail> {
    let sent = |name: &str| properties.get(name).map(String::as_str).unwrap_or_default();
    let mut missing = Vec::new();
    if object_type == NOTE && sent("hs_timestamp").is_empty() {
        missing.push(required("MISSING_REQUIRED_PROPERTY", "hs_timestamp"));
    }
    if turn.version == Version::March2026 || turn.by == Source::Person {
        return missing;
    }
    for rule in schema.required.iter().filter(|rule| sent(&rule.property).is_empty()) {
        match &rule.when {
            None => missing.push(required("MISSING_REQUIRED_PROPERTY", &rule.property)),
            Some((name, value)) if sent(name) == value => {
                missing.push(required("MISSING_CONDITIONAL_REQUIRED_PROPERTY", &rule.property));
            }
            Some(_) => {}
        }
    }
    missing
}

fn required(code: &str, property: &str) -> Detail {
    Detail::new(code, property, format!("a value for {property} is required"))
}

fn names_somebody(properties: &BTreeMap<String, String>) -> bool {
    let names = ["email", "firstname", "lastname"];
    names.iter().any(|name| properties.get(*name).is_some_and(|value| !value.trim().is_empty()))
}

/// No two records share an address or a unique value, nor do two inputs of one batch.
fn check_unique(
    portal: &PortalState,
    turn: &Turn,
    table: &Table,
    draft: &Draft,
    claims: &mut Claims,
) -> Result<(), Refusal> {
    let keys = draft.values.iter().filter(|(name, value)| !value.is_empty() && table.is_key(name, turn.now));
    let mut own = Vec::new();
    for (name, value) in keys {
        let holder = table.by_key(name, value).map(|stored| stored.id).filter(|&id| Some(id) != draft.target);
        let claim = (Arc::clone(name), value.to_lowercase());
        if holder.is_none() && !claims.0.contains(&claim) {
            own.push(claim);
            continue;
        }
        let is_address = &**name == "email";
        if !is_address && portal.knobs.unique_clash_status == 400 {
            let message = format!("another record has the value {value} of the unique property {name}");
            return Err(Refusal::bad_values(vec![Detail::new("CONFLICTING_UNIQUE_VALUE", name, message)]));
        }
        return Err(taken(&table.word, holder));
    }
    claims.0.extend(own);
    Ok(())
}
