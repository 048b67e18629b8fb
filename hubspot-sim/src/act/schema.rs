//! What admins do to properties, their options, and the rules for their values.

use super::Act;
use crate::answer::Refusal;
use crate::api;
use crate::portal::PortalState;
use crate::portal::schema::{Choice, NewProperty, Property, Required, Rule, Schema};
use crate::preset;

pub(super) fn perform(portal: &mut PortalState, now: i64, act: Act) -> Result<(), Refusal> {
    match act {
        Act::AddObjectType { object_type, .. } if portal.tables.contains_key(&object_type) => {
            return Err(Refusal::validation(format!("there is an object type {object_type} already")));
        }
        Act::AddObjectType { object_type, label } => preset::add_object_type(portal, &object_type, &label, now),
        Act::AddProperty { object_type, property } => add(schema_of(portal, &object_type)?, property, now)?,
        Act::ArchiveProperty { object_type, name } => property_of(portal, &object_type, &name)?.archived = true,
        Act::RestoreProperty { object_type, name } => property_of(portal, &object_type, &name)?.archived = false,
        Act::SetReadOnly { object_type, property, read_only } => {
            property_of(portal, &object_type, &property)?.read_only = read_only;
        }
        Act::SetSensitive { object_type, property, sensitive } => {
            property_of(portal, &object_type, &property)?.sensitive = sensitive;
        }
        Act::ChangeType { object_type, property, kind, field_type } => {
            api::check_property_type(&kind, &field_type)?;
            let definition = &mut property_of(portal, &object_type, &property)?.definition;
            (definition.kind, definition.field_type) = (kind, field_type);
        }
        Act::AddOption { object_type, property, value, label } => {
            let options = &mut property_of(portal, &object_type, &property)?.definition.options;
            options.push(Choice::new(&value, &label, options.len()));
        }
        Act::RenameOption { object_type, property, value, label } => {
            let options = &mut property_of(portal, &object_type, &property)?.definition.options;
            let option = options.iter_mut().find(|option| option.value == value);
            option.ok_or_else(|| Refusal::not_found(format!("there is no option {value}")))?.label = label;
        }
        Act::RemoveOption { object_type, property, value } => {
            let options = &mut property_of(portal, &object_type, &property)?.definition.options;
            options.retain(|option| option.value != value);
        }
        Act::RequireProperty { object_type, property, when } => {
            property_of(portal, &object_type, &property)?;
            schema_of(portal, &object_type)?.required.push(Required { property, when });
        }
        Act::ReleaseProperty { object_type, property } => {
            schema_of(portal, &object_type)?.required.retain(|required| required.property != property);
        }
        Act::AddRule { object_type, property, rule, argument } => {
            add_rule(portal, &object_type, property, &rule, &argument, false)?;
        }
        Act::ChangeRule { object_type, property, rule, argument } => {
            add_rule(portal, &object_type, property, &rule, &argument, true)?;
        }
        Act::RemoveRules { object_type, property } => {
            schema_of(portal, &object_type)?.rules.remove(&property);
        }
        _ => return Err(Refusal::unknown_path()),
    }
    Ok(())
}

/// A name that was archived comes back as it was.
fn add(schema: &mut Schema, property: NewProperty, now: i64) -> Result<(), Refusal> {
    schema.add_group("leadline", "Leadline");
    if let Some(existing) = schema.properties.get_mut(property.name.as_str()) {
        existing.archived = false;
        return Ok(());
    }
    api::check_property(schema, &property)?;
    schema.add(Property::new(property, now));
    Ok(())
}

fn add_rule(
    portal: &mut PortalState,
    object_type: &str,
    property: String,
    kind: &str,
    argument: &str,
    replaces: bool,
) -> Result<(), Refusal> {
    property_of(portal, object_type, &property)?;
    let rule = Rule::new(kind, argument);
    let rule = rule.ok_or_else(|| Refusal::validation(format!("there is no rule {kind} with {argument}")))?;
    let rules = schema_of(portal, object_type)?.rules.entry(property).or_default();
    rules.retain(|old| !replaces || old.kind != rule.kind);
    rules.push(rule);
    Ok(())
}

fn schema_of<'a>(portal: &'a mut PortalState, object_type: &str) -> Result<&'a mut Schema, Refusal> {
    Ok(&mut portal.table_mut(object_type)?.schema)
}

fn property_of<'a>(portal: &'a mut PortalState, object_type: &str, name: &str) -> Result<&'a mut Property, Refusal> {
    let property = schema_of(portal, object_type)?.properties.get_mut(name);
    property.ok_or_else(|| Refusal::not_found(format!("there is no property {name}")))
}
