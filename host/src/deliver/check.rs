//! What is known of the portal, asked before a call: a value that it is sure to refuse is not sent.

use std::time::Duration;

use super::journal::Journal;
use super::round::{Round, Verdict};
use crate::cause::{Code, Problem};
use crate::hubspot::Target;
use crate::model::portal::PortalSchema;

/// A property takes values this long after it was created, or a little less.
pub(super) const PROPERTY_LAG: Duration = Duration::from_secs(1);

/// Takes out of a wish what the portal is sure to refuse. None: the record cannot be written without it.
pub(super) fn against_schema(
    _round: &mut Round,
    _journal: &Journal<'_>,
    _object_type: &str,
    target: Target,
) -> Option<Target> {
    Some(target)
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
