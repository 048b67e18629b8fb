//! What of a portal does not fit the versions and settings that a connection uses. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::portal::Read;
use crate::cause::{Code, Problem};
use crate::contract::manifest::PropertyDefinition;
use crate::fit::{self, Needs, PropertyState, option_subject};
use crate::model::account::{Connection, Policy};
use crate::model::portal::{CONTACT, DEAL, object_type_id};
use crate::store::Bound;

/// A property that a connection's transformations write.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub definition: PropertyDefinition,
    /// What the transformations call it, where the connection writes to another property in its place.
    pub stands_for: Option<String>,
    /// Such as `deals@3`.
    pub used_by: Vec<String>,
}

impl Wanted {
    /// The name by which the transformations write it.
    pub fn planned(&self) -> &str {
        self.stands_for.as_deref().unwrap_or(&self.definition.name)
    }

    /// The portal's property that takes it in its place, where there is such a one.
    pub fn written_to(&self) -> Option<String> {
        self.stands_for.as_ref().map(|_| self.definition.name.clone())
    }

    /// Whether a value of such a record is written, or meant, under this name.
    fn is_called(&self, object_type: &str, name: &str) -> bool {
        object_type_id(&self.definition.object_type) == object_type_id(object_type)
            && (self.definition.name == name || self.planned() == name)
    }
}

/// Everything that has to be read to tell whether a portal fits.
pub fn needs(bound: &[Bound]) -> Needs {
    let mut needs = Needs::contacts();
    for one in bound {
        needs.add(fit::needs(&one.manifest, &one.settings));
    }
    needs
}

/// The properties of all manifests, each once, under the names that the connection uses.
pub fn wanted(bound: &[Bound], policy: &Policy) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for one in bound {
        for definition in &one.manifest.properties {
            let mut definition = definition.clone();
            let mut stands_for = None;
            if definition.unique {
                definition.name = policy.key_name(&definition.name).to_owned();
            } else if let Some(name) = policy.name_of(object_type_id(&definition.object_type), &definition.name) {
                stands_for = Some(std::mem::replace(&mut definition.name, name.to_owned()));
            }
            let same = |known: &&mut Wanted| {
                known.definition.name == definition.name && known.definition.object_type == definition.object_type
            };
            match all.iter_mut().find(same) {
                Some(known) if known.used_by.contains(&one.label) => {}
                Some(known) => known.used_by.push(one.label.clone()),
                None => all.push(Wanted { definition, stands_for, used_by: vec![one.label.clone()] }),
            }
        }
    }
    all
}

/// Everything that does not fit, each thing once. Each is an issue before a lead meets it.
pub fn drift(bound: &[Bound], connection: &Connection, read: &Read) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        read.refused.iter().filter(|problem| problem.code == Code::AuthMissingScope).map(plain).collect();
    for scope in scopes_needed(&needs(bound)) {
        if !connection.has_scope(scope) {
            problems.push(missing_scope(scope));
        }
    }
    for wanted in wanted(bound, &connection.policy) {
        let state = fit::compare(&wanted.definition, &read.schema);
        problems.extend(problems_of(&wanted.definition, &state));
    }
    for one in bound {
        let misfits = fit::check_settings(&one.manifest, &one.settings, &read.schema);
        problems.extend(misfits.into_iter().map(|misfit| {
            let detail = format!("setting `{}` of {}: {}", misfit.pointer, one.label, misfit.problem.detail);
            Problem { detail, ..misfit.problem }
        }));
    }
    let mut seen = BTreeSet::new();
    problems.retain(|problem| seen.insert((problem.code, problem.subject.clone())));
    problems
}

/// The words of the check for a scope that HubSpot named.
fn plain(problem: &Problem) -> Problem {
    match problem.subject.as_deref() {
        Some(scope) => Problem { correlation_id: problem.correlation_id.clone(), ..missing_scope(scope) },
        None => problem.clone(),
    }
}

fn missing_scope(scope: &str) -> Problem {
    let off = match scope {
        scope if scope.contains(".deals.") => "deals are not written until it is granted; contacts and notes are",
        scope if scope.contains(".owners.") => "nobody can tell whether the chosen owner still exists",
        scope if scope.contains(".schemas.") => "nobody can tell whether its properties exist",
        _ => "what needs it waits",
    };
    Problem::new(Code::AuthMissingScope, format!("HubSpot did not grant us `{scope}`: {off}")).about(scope)
}

/// The scopes without which a part of the work does not go.
pub fn scopes_needed(needs: &Needs) -> Vec<&'static str> {
    let mut scopes = Vec::new();
    if needs.object_types.contains(CONTACT) {
        scopes.extend(["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"]);
    }
    if needs.object_types.contains(DEAL) {
        scopes.extend(["crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read"]);
    }
    if needs.owners {
        scopes.push("crm.objects.owners.read");
    }
    scopes
}

fn problems_of(definition: &PropertyDefinition, state: &PropertyState) -> Vec<Problem> {
    let problem = |code| vec![Problem::new(code, state.sentence(definition)).about(&definition.name)];
    match state {
        PropertyState::Fine | PropertyState::Wider { .. } | PropertyState::Unknown => Vec::new(),
        PropertyState::Missing => problem(Code::PropertyMissing),
        PropertyState::Archived { .. } => problem(Code::PropertyArchived),
        PropertyState::ReadOnly => problem(Code::PropertyReadOnly),
        PropertyState::WrongType { .. } => problem(Code::PropertyWrongType),
        PropertyState::NotUnique => problem(Code::PropertyNotUnique),
        PropertyState::OptionsMissing { options } => {
            let missing = |value: &String| {
                let detail = format!("`{value}` is not an option of {} in HubSpot", definition.label);
                Problem::new(Code::OptionUnknown, detail).about(option_subject(&definition.name, value))
            };
            options.iter().map(missing).collect()
        }
    }
}

/// One row of the checklist: a property that leads write, and how it stands in the portal.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PropertyRow)]
pub struct Row {
    /// Object type id.
    pub object_type: String,
    pub name: String,
    /// What the transformations call it, where the connection writes to this property in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<String>,
    pub label: String,
    /// What HubSpot's people would call it, such as "single-line text".
    pub kind: String,
    pub options: Vec<String>,
    pub unique: bool,
    pub description: String,
    /// What does not work without it, where it is more than a field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    pub used_by: Vec<String>,
    #[serde(flatten)]
    pub state: PropertyState,
    pub sentence: String,
    pub way_out: String,
    /// A property of the portal that looks like the missing one and can be used in its place: name and label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similar: Option<(String, String)>,
    #[serde(skip)]
    pub definition: PropertyDefinition,
}

impl Row {
    /// The name by which the transformations write it.
    pub fn planned(&self) -> &str {
        self.stands_for.as_deref().unwrap_or(&self.name)
    }
}

/// The checklist of a connection.
pub fn checklist(bound: &[Bound], connection: &Connection, read: &Read) -> Vec<Row> {
    let all = wanted(bound, &connection.policy);
    let row = |wanted: &Wanted| {
        let definition = wanted.definition.clone();
        let state = fit::compare(&definition, &read.schema);
        let is_free = |name: &str| !all.iter().any(|other| other.is_called(&definition.object_type, name));
        // A key is chosen by a setting of its own.
        let is_asked = matches!(state, PropertyState::Missing) && !definition.unique;
        let similar = if is_asked { fit::suggestion(&definition, &read.schema, is_free) } else { None };
        let object_type = object_type_id(&definition.object_type).to_owned();
        Row {
            why: definition.unique.then_some(match object_type.as_str() {
                CONTACT => {
                    "Without it, leads without an e-mail address wait: nothing else tells a repeat from a new person."
                }
                _ => "Without it, these records wait: nothing else tells a repeat from a new one.",
            }),
            name: definition.name.clone(),
            stands_for: wanted.stands_for.clone(),
            label: definition.label.clone(),
            kind: fit::words_of_kind(definition.kind),
            options: definition.options.clone(),
            unique: definition.unique,
            description: definition.description.clone(),
            used_by: wanted.used_by.clone(),
            sentence: state.sentence(&definition),
            way_out: state.way_out(),
            similar: similar.map(|(name, label)| (name.to_owned(), label.to_owned())),
            state,
            object_type,
            definition,
        }
    };
    all.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::account::CONTACT_KEY;

    #[test]
    fn a_property_is_wanted_under_the_name_that_the_connection_gives_it() {
        let property = |object_type: &str, name: &str, unique: bool| {
            json!({ "object_type": object_type, "name": name, "label": "X", "description": "", "kind": "Text",
                    "options": [], "unique": unique })
        };
        let properties = [
            property("contact", "vehicle_of_interest", false),
            property("contact", "budget_range", false),
            property("contact", CONTACT_KEY, true),
            property("deal", "vehicle_of_interest", false),
        ];
        let manifest = json!({ "name": "m", "summary": "", "event_types": [], "settings_schema": "{}",
                               "properties": properties });
        let manifest = serde_json::from_value(manifest).unwrap();
        let bound = Bound { label: "m@1".into(), event_type: String::new(), manifest, settings: json!({}) };
        let names = [("vehicle_of_interest".to_owned(), "car".to_owned()), (CONTACT_KEY.to_owned(), "no".to_owned())];
        let names = [(CONTACT.to_owned(), names.into())].into();
        let policy = Policy { contact_key: "own_id".into(), names, ..Policy::default() };
        let wanted = wanted(&[bound], &policy);
        let told: Vec<_> = wanted.iter().map(|one| (one.definition.name.as_str(), one.planned())).collect();
        let expected = [
            ("car", "vehicle_of_interest"),
            ("budget_range", "budget_range"),
            ("own_id", "own_id"),
            ("vehicle_of_interest", "vehicle_of_interest"),
        ];
        assert_eq!(told, expected);
        assert_eq!(wanted[0].written_to().as_deref(), Some("car"));
        assert!(wanted[1..].iter().all(|one| one.written_to().is_none()));
    }
}
