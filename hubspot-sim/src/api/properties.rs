//! Properties, their groups, and the value rules that admins have set.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Kind, Refusal};
use crate::portal::PortalState;
use crate::portal::schema::{Choice, NewProperty, Property, Schema};
use crate::request::Request;
use crate::turn::Turn;

/// What one object type may have.
const CUSTOM_MAX: usize = 1_000;
const UNIQUE_MAX: usize = 10;
const NAME_MAX: usize = 100;

/// Which form fields fit which type.
const FIELD_TYPES: [(&str, &[&str]); 6] = [
    ("string", &["text", "textarea", "phonenumber", "html", "file"]),
    ("number", &["number"]),
    ("date", &["date"]),
    ("datetime", &["date"]),
    ("bool", &["booleancheckbox"]),
    ("enumeration", &["select", "radio", "checkbox", "booleancheckbox"]),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    name: String,
    label: String,
}

/// What can still change about a property; its name, and whether it is unique, cannot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Patch {
    label: Option<String>,
    description: Option<String>,
    group_name: Option<String>,
    field_type: Option<String>,
    options: Option<Vec<Choice>>,
    hidden: Option<bool>,
}

pub(super) fn list(portal: &PortalState, request: &Request, object_type: &str) -> Result<Answer, Refusal> {
    request.allow_queries(&["archived", "dataSensitivity"])?;
    let schema = &portal.table(object_type)?.schema;
    let archived = request.query("archived") == Some("true");
    let sensitive = wants_sensitive(request);
    let listed = schema.properties.values();
    let listed = listed.filter(|property| property.archived == archived && property.sensitive == sensitive);
    Ok(Answer::json(200, json!({"results": listed.map(Property::to_json).collect::<Vec<_>>()})))
}

pub(super) fn get(portal: &PortalState, request: &Request, object_type: &str, name: &str) -> Result<Answer, Refusal> {
    request.allow_queries(&["archived", "dataSensitivity"])?;
    let archived = request.query("archived") == Some("true");
    let found = portal.table(object_type)?.schema.properties.get(name);
    let found =
        found.filter(|property| property.archived == archived && property.sensitive == wants_sensitive(request));
    found.map(|property| Answer::json(200, property.to_json())).ok_or_else(|| no_property(name))
}

/// Sensitive properties stay hidden unless somebody asks for them.
fn wants_sensitive(request: &Request) -> bool {
    request.query("dataSensitivity") == Some("sensitive")
}

fn no_property(name: &str) -> Refusal {
    Refusal::not_found(format!("Property \"{name}\" does not exist"))
}

/// An archived name comes back as it was, and nothing in the status tells.
pub(super) fn create(
    portal: &mut PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let lag = portal.knobs.property_lag_ms;
    let schema = &mut portal.table_mut(object_type)?.schema;
    let definition: NewProperty = request.json()?;
    if let Some(existing) = schema.properties.get_mut(definition.name.as_str()) {
        if !existing.archived {
            return Err(Refusal {
                kind: Kind::Categories("OBJECT_ALREADY_EXISTS", "Properties.PROPERTY_WITH_NAME_EXISTS"),
                ..Refusal::bare(409, format!("A property named '{}' already exists.", definition.name))
            });
        }
        existing.archived = false;
        existing.usable_at = turn.now + lag;
        return Ok(Answer::json(201, existing.to_json()));
    }
    check(schema, &definition)?;
    let property = Property { usable_at: turn.now + lag, ..Property::new(definition, turn.now) };
    let body = property.to_json();
    schema.add(property);
    Ok(Answer::json(201, body))
}

/// What a new property must keep; also where a person makes one.
pub(crate) fn check(schema: &Schema, definition: &NewProperty) -> Result<(), Refusal> {
    let no = |message: String| Err(Refusal::validation(message));
    let name = definition.name.as_str();
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !starts_well || !is_plain || name.len() > NAME_MAX {
        return no(format!("'{name}' is no property name: lower-case letters, digits and _, the first one a letter"));
    }
    if definition.label.trim().is_empty() {
        return no(format!("the property {name} needs a label"));
    }
    if !schema.has_group(&definition.group_name) {
        return no(format!("there is no property group '{}'", definition.group_name));
    }
    check_type(&definition.kind, &definition.field_type)?;
    if definition.kind == "enumeration" {
        check_options(&definition.options)?;
    }
    if definition.has_unique_value && !matches!(definition.kind.as_str(), "string" | "number") {
        return no(format!("a property of type {} cannot be unique", definition.kind));
    }
    if definition.has_unique_value && schema.unique_count() >= UNIQUE_MAX {
        return no(format!("an object has at most {UNIQUE_MAX} unique properties"));
    }
    if schema.custom_count() >= CUSTOM_MAX {
        return no(format!("an object has at most {CUSTOM_MAX} properties of its own"));
    }
    Ok(())
}

pub(crate) fn check_type(kind: &str, field_type: &str) -> Result<(), Refusal> {
    let fits = FIELD_TYPES.iter().any(|(known, fields)| *known == kind && fields.contains(&field_type));
    let message = || format!("the type {kind} and the field type {field_type} do not fit");
    if fits { Ok(()) } else { Err(Refusal::validation(message())) }
}

fn check_options(options: &[Choice]) -> Result<(), Refusal> {
    let twice = options.iter().enumerate().find(|(at, option)| {
        options[..*at].iter().any(|earlier| earlier.value == option.value || earlier.label == option.label)
    });
    match (options.is_empty(), twice) {
        (true, _) => Err(Refusal::validation("an enumeration needs options")),
        (_, Some((_, option))) => Err(Refusal::validation(format!("the option '{}' stands there twice", option.value))),
        _ => Ok(()),
    }
}

/// New options take the place of all old ones.
pub(super) fn patch(
    portal: &mut PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
    name: &str,
) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let schema = &mut portal.table_mut(object_type)?.schema;
    let patch: Patch = request.json()?;
    if let Some(group) = patch.group_name.as_ref().filter(|group| !schema.has_group(group)) {
        return Err(Refusal::validation(format!("there is no property group '{group}'")));
    }
    let property = schema.properties.get_mut(name).filter(|property| !property.archived);
    let property = property.ok_or_else(|| no_property(name))?;
    if let Some(field_type) = &patch.field_type {
        check_type(&property.definition.kind, field_type)?;
    }
    if let Some(options) = &patch.options {
        check_options(options)?;
    }
    let definition = &mut property.definition;
    definition.label = patch.label.unwrap_or_else(|| definition.label.clone());
    definition.description = patch.description.unwrap_or_else(|| definition.description.clone());
    definition.group_name = patch.group_name.unwrap_or_else(|| definition.group_name.clone());
    definition.field_type = patch.field_type.unwrap_or_else(|| definition.field_type.clone());
    definition.options = patch.options.unwrap_or_else(|| definition.options.clone());
    definition.hidden = patch.hidden.unwrap_or(definition.hidden);
    property.updated_at = turn.now;
    Ok(Answer::json(200, property.to_json()))
}

pub(super) fn list_groups(portal: &PortalState, request: &Request, object_type: &str) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let groups = portal.table(object_type)?.schema.groups.iter().enumerate();
    let groups = groups.map(|(order, group)| group_json(&group.name, &group.label, order));
    Ok(Answer::json(200, json!({"results": groups.collect::<Vec<_>>()})))
}

pub(super) fn create_group(portal: &mut PortalState, request: &Request, object_type: &str) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let schema = &mut portal.table_mut(object_type)?.schema;
    let NewGroup { name, label } = request.json()?;
    if name.is_empty() || label.is_empty() {
        return Err(Refusal::validation("a group needs a name and a label"));
    }
    if schema.has_group(&name) {
        let message = format!("A property group named '{name}' already exists.");
        return Err(Refusal { kind: Kind::Category("OBJECT_ALREADY_EXISTS"), ..Refusal::bare(409, message) });
    }
    schema.add_group(&name, &label);
    Ok(Answer::json(201, group_json(&name, &label, schema.groups.len() - 1)))
}

fn group_json(name: &str, label: &str, order: usize) -> Value {
    json!({"name": name, "label": label, "displayOrder": order, "archived": false})
}

pub(super) fn list_rules(portal: &PortalState, request: &Request, object_type: &str) -> Result<Answer, Refusal> {
    request.allow_queries(&[])?;
    let results = portal.table(object_type)?.schema.rules.iter().map(|(property, rules)| {
        let rules = rules.iter().map(|rule| json!({"ruleType": rule.kind, "ruleArguments": [rule.argument]}));
        json!({"propertyName": property, "propertyValidationRules": rules.collect::<Vec<_>>()})
    });
    Ok(Answer::json(200, json!({"results": results.collect::<Vec<_>>()})))
}
