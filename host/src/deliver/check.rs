//! What is known of the portal, asked before a call: a value that it is sure to refuse is not sent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::journal::Journal;
use super::round::{Owner, Round, Verdict};
use crate::cause::{Code, Problem};
use crate::fit::{Judged, check_stage, drop_subject};
use crate::hubspot::{DEAL, Input};
use crate::model::delivery::Dropped;
use crate::model::portal::PortalSchema;

/// A property takes values this long after it was created, or a little less.
pub(super) const PROPERTY_LAG: Duration = Duration::from_secs(1);

/// Whether a record can be recognised by its key in this portal. False: its action waits for that.
pub(super) fn can_be_written(
    round: &mut Round,
    journal: &mut Journal<'_>,
    (object_type, key): (&str, &str),
    owner: Owner,
) -> bool {
    if key == "email" || can_key(journal.schema.as_deref(), object_type, key) {
        return true;
    }
    journal.doubt_schema();
    round.stop(owner, Verdict::Blocked(no_key(journal.schema.as_deref(), object_type, key)));
    false
}

/// Takes out of what is to be sent what the portal is sure to refuse, and brings what is left into the portal's own form.
/// None: the record cannot be written, for now or for good.
pub(super) fn against_schema(
    round: &mut Round,
    journal: &mut Journal<'_>,
    object_type: &str,
    mut input: Input,
) -> Option<Input> {
    let Some(schema) = journal.schema.clone() else { return Some(input) };
    let stop = |round: &mut Round, verdict: &Verdict| {
        input.targets.iter().for_each(|target| round.stop(target.owner, verdict.clone()));
    };
    let place = |name| input.properties.get(name).map(String::as_str);
    if let (DEAL, Some(pipeline), Some(stage)) = (object_type, place("pipeline"), place("dealstage"))
        && let Some(problem) = check_stage(&schema, pipeline, stage)
    {
        journal.doubt_schema();
        stop(round, &Verdict::Blocked(problem));
        return None;
    }
    let mut properties = BTreeMap::new();
    for (name, value) in std::mem::take(&mut input.properties) {
        match schema.judge(object_type, &name, &value) {
            Judged::Fine => drop(properties.insert(name, value)),
            Judged::Mended(value) => {
                let held = input.found.as_ref().and_then(|found| found.properties.get(&name));
                if held != Some(&value) {
                    properties.insert(name, value);
                }
            }
            Judged::Bad(code, reason) => {
                journal.doubt_schema();
                if journal.connection.policy.strict {
                    let problem = Problem::new(code, reason).about(drop_subject(code, &name, &value));
                    stop(round, &strict(problem));
                    return None;
                }
                for target in input.targets.iter().filter(|target| target.wants(&name)) {
                    let (field, value, reason) = (name.clone(), value.clone(), reason.clone());
                    round.leave_out(target.owner, Dropped { field, value, reason, code: Some(code) });
                }
            }
        }
    }
    Some(Input { properties, ..input })
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
        Some(known) if known.unique => Problem::new(
            Code::PropertyNotUnique,
            format!("HubSpot does not recognise records by `{name}`, although it holds unique values"),
        ),
        Some(_) => not_unique(name),
        None => Problem::new(
            Code::PropertyMissing,
            format!("HubSpot has no property `{name}` with unique values, by which the record would be recognised"),
        ),
    }
    .about(name)
}

/// The key property exists, and two records may hold the same value.
pub(super) fn not_unique(name: &str) -> Problem {
    let detail = format!("`{name}` does not hold unique values in HubSpot, so no record can be recognised by it");
    Problem::new(Code::PropertyNotUnique, detail).about(name)
}
