//! What is known of the portal, asked before a call: a value that it is sure to refuse is not sent.

use std::time::Duration;

use super::journal::Journal;
use super::round::{Round, Verdict};
use crate::cause::{Code, Problem};
use crate::fit::{Judged, check_stage, option_subject};
use crate::hubspot::{DEAL, Target};
use crate::model::delivery::Dropped;
use crate::model::portal::PortalSchema;

/// A property takes values this long after it was created, or a little less.
pub(super) const PROPERTY_LAG: Duration = Duration::from_secs(1);

/// Takes out of a wish what the portal is sure to refuse, and brings what is left into the portal's own form. None: the
/// record cannot be written without it.
pub(super) fn against_schema(
    round: &mut Round,
    journal: &mut Journal<'_>,
    (object_type, key_property): (&str, &str),
    mut target: Target,
) -> Option<Target> {
    let Some(schema) = journal.schema.clone() else { return Some(target) };
    if let Some(problem) = never_written(&schema, object_type, key_property, &target) {
        journal.doubt_schema();
        round.stop(target.owner, Verdict::Blocked(problem));
        return None;
    }
    let strict_account = journal.connection.policy.strict;
    let mut properties = Vec::with_capacity(target.properties.len());
    for mut property in std::mem::take(&mut target.properties) {
        match schema.judge(object_type, &property.name, &property.value) {
            Judged::Fine => properties.push(property),
            Judged::Mended(value) => {
                property.value = value;
                properties.push(property);
            }
            Judged::Bad(code, detail) => {
                journal.doubt_schema();
                if strict_account {
                    let problem = Problem::new(code, detail).about(subject(code, &property.name, &property.value));
                    round.stop(target.owner, strict(problem));
                    return None;
                }
                let (field, value) = (property.name, property.value);
                round.drop_value(target.owner, Dropped { field, value, reason: detail, code: Some(code) });
            }
        }
    }
    Some(Target { properties, ..target })
}

/// Why a record of this kind cannot be written at all.
fn never_written(schema: &PortalSchema, object_type: &str, key_property: &str, target: &Target) -> Option<Problem> {
    if key_property != "email" && !can_key(Some(schema), object_type, key_property) {
        return Some(no_key(Some(schema), object_type, key_property));
    }
    if object_type != DEAL {
        return None;
    }
    let value = |name| Some(target.properties.iter().find(|property| property.name == name)?.value.as_str());
    check_stage(schema, value("pipeline")?, value("dealstage")?)
}

/// What an issue about a value is called: an option is one of its own, everything else is its property's.
pub(super) fn subject(code: Code, name: &str, value: &str) -> String {
    match code {
        Code::OptionUnknown => option_subject(name, value),
        _ => name.to_owned(),
    }
}

/// What a strict account does about a value that is refused: what somebody can mend in HubSpot or in the settings is
/// waited for; a bad value stays bad.
pub(super) fn strict(problem: Problem) -> Verdict {
    match problem.code {
        Code::PropertyWrongType | Code::PropertyRule | Code::PropertyTaken | Code::EmailInvalid => {
            Verdict::Refused(problem)
        }
        _ => Verdict::Blocked(problem),
    }
}

/// Whether a property can recognise a record, as far as anybody knows.
pub(super) fn can_key(schema: Option<&PortalSchema>, object_type: &str, name: &str) -> bool {
    let properties = schema.and_then(|schema| schema.objects.get(object_type));
    properties.is_none_or(|properties| properties.get(name).is_some_and(|known| known.unique && !known.archived))
}

/// The portal cannot recognise records by a key property: it lacks it, or lets two records hold the same value.
pub(super) fn no_key(schema: Option<&PortalSchema>, object_type: &str, name: &str) -> Problem {
    let properties = schema.and_then(|schema| schema.objects.get(object_type));
    let known = properties.and_then(|properties| properties.get(name)).filter(|known| !known.archived);
    match known {
        Some(known) if !known.unique => Problem::new(
            Code::PropertyNotUnique,
            format!("`{name}` does not hold unique values in HubSpot, so no record can be recognised by it"),
        ),
        _ => Problem::new(
            Code::PropertyMissing,
            format!("HubSpot has no property `{name}` with unique values, by which the record would be recognised"),
        ),
    }
    .about(name)
}
