//! Whether a cause is gone, as far as the portal's schema and the granted scopes can tell.

use crate::cause::Code;
use crate::model::portal::{PortalSchema, PropertyInfo, Stage};

/// Whether what waits for a cause may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Yes,
    No,
    /// Only a try can tell.
    Unknown,
}

/// The subject of an unknown option: its property, and the value that is none.
pub fn option_subject(property: &str, value: &str) -> String {
    format!("{property}={value}")
}

/// Whether a cause is gone. `subject` is what it is about: a property (for an option its [`option_subject`]), a
/// pipeline, a stage, an owner or a scope. `scopes` are the granted ones, where they are known.
pub fn is_gone(code: Code, subject: &str, schema: &PortalSchema, scopes: Option<&[String]>) -> Gone {
    match code {
        Code::PropertyMissing | Code::PropertyArchived => any(schema, subject, |found| Some(!found.archived)),
        Code::PropertyReadOnly => any(schema, subject, |found| Some(!found.archived && !found.read_only)),
        Code::PropertyNotUnique => any(schema, subject, |found| Some(!found.archived && found.unique)),
        Code::OptionUnknown => match subject.split_once('=') {
            Some((property, value)) => any(schema, property, |found| option_is_there(found, value)),
            None => Gone::Unknown,
        },
        Code::PipelineMissing => {
            list(schema.pipelines.as_deref(), subject, |pipeline| !pipeline.archived && pipeline.id == subject)
        }
        Code::StageMissing => list(schema.pipelines.as_deref(), subject, |pipeline| {
            let usable = |stage: &Stage| stage.id == subject && !stage.archived && stage.writable;
            !pipeline.archived && pipeline.stages.iter().any(usable)
        }),
        Code::OwnerUnknown => list(schema.owners.as_deref(), subject, |owner| owner.id == subject),
        Code::AuthMissingScope => match scopes {
            None => Gone::Unknown,
            Some(granted) if granted.iter().any(|scope| scope == subject) => Gone::Yes,
            Some(_) => Gone::No,
        },
        _ => Gone::Unknown,
    }
}

/// Whether a value that was dropped for this may fit one day, so that it can be filled in: what the portal lacks can
/// come, a bad value stays bad.
pub fn may_fit_later(code: Code) -> bool {
    matches!(
        code,
        Code::PropertyMissing
            | Code::PropertyArchived
            | Code::PropertyReadOnly
            | Code::PropertyWrongType
            | Code::PropertyRule
            | Code::OptionUnknown
            | Code::OwnerUnknown
    )
}

/// The subject of the issue that a dropped value counts for.
pub fn drop_subject(code: Code, property: &str, value: &str) -> String {
    match code {
        Code::OptionUnknown => option_subject(property, value),
        Code::OwnerUnknown => value.to_owned(),
        _ => property.to_owned(),
    }
}

/// Whether any of the object types has the property in the state that is waited for. The subject does not say which
/// type it is about, and a try too many is better than one too few.
fn any(schema: &PortalSchema, name: &str, good: impl Fn(&PropertyInfo) -> Option<bool>) -> Gone {
    if schema.objects.is_empty() || name.is_empty() {
        return Gone::Unknown;
    }
    let mut unknown = false;
    for found in schema.objects.values().filter_map(|properties| properties.get(name)) {
        match good(found) {
            Some(true) => return Gone::Yes,
            Some(false) => {}
            None => unknown = true,
        }
    }
    if unknown { Gone::Unknown } else { Gone::No }
}

/// None where the options are kept elsewhere.
fn option_is_there(found: &PropertyInfo, value: &str) -> Option<bool> {
    if found.options.is_empty() && found.kind == "enumeration" {
        return None;
    }
    // A property that is free text by now takes every value.
    let takes = found.kind == "string" || value.split(';').all(|part| found.has_option(part));
    Some(!found.archived && takes)
}

/// Whether an entry of a list that was read is the one. A subject that is a property's name is no id of an entry.
fn list<T>(entries: Option<&[T]>, subject: &str, is_it: impl Fn(&T) -> bool) -> Gone {
    let Some(entries) = entries else {
        return Gone::Unknown;
    };
    match subject {
        _ if entries.iter().any(is_it) => Gone::Yes,
        "" | "pipeline" | "dealstage" | "hubspot_owner_id" => Gone::Unknown,
        _ => Gone::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portal::{CONTACT, Owner, Pipeline, PropertyOption};
    use std::collections::BTreeMap;

    fn portal() -> PortalSchema {
        let text = PropertyInfo { kind: "string".into(), ..PropertyInfo::default() };
        let option = PropertyOption { value: "hot".into(), label: "Hot".into() };
        let choice = PropertyInfo { kind: "enumeration".into(), options: vec![option], ..PropertyInfo::default() };
        let properties = [
            ("there", text.clone()),
            ("archived", PropertyInfo { archived: true, ..text.clone() }),
            ("closed", PropertyInfo { read_only: true, ..text.clone() }),
            ("key", PropertyInfo { unique: true, ..text }),
            ("priority", choice),
            ("elsewhere", PropertyInfo { kind: "enumeration".into(), ..PropertyInfo::default() }),
        ];
        let properties: BTreeMap<_, _> = properties.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
        let stage = |id: &str, archived| Stage { id: id.into(), archived, writable: true, ..Stage::default() };
        PortalSchema {
            objects: BTreeMap::from([(CONTACT.to_owned(), properties)]),
            pipelines: Some(vec![
                Pipeline {
                    id: "cars".into(),
                    stages: vec![stage("new", false), stage("old", true)],
                    ..Pipeline::default()
                },
                Pipeline {
                    id: "boats".into(),
                    archived: true,
                    stages: vec![stage("wet", false)],
                    ..Pipeline::default()
                },
            ]),
            owners: Some(vec![Owner { id: "7".into(), ..Owner::default() }]),
        }
    }

    #[test]
    fn causes_go_when_the_portal_has_what_they_wait_for() {
        use Gone::{No, Unknown, Yes};
        let rows = [
            (Code::PropertyMissing, "there", Yes, Unknown),
            (Code::PropertyMissing, "nowhere", No, Unknown),
            (Code::PropertyMissing, "archived", No, Unknown),
            (Code::PropertyArchived, "there", Yes, Unknown),
            (Code::PropertyReadOnly, "closed", No, Unknown),
            (Code::PropertyReadOnly, "there", Yes, Unknown),
            (Code::PropertyNotUnique, "there", No, Unknown),
            (Code::PropertyNotUnique, "key", Yes, Unknown),
            (Code::OptionUnknown, "priority=hot", Yes, Unknown),
            (Code::OptionUnknown, "priority=cold", No, Unknown),
            (Code::OptionUnknown, "there=anything", Yes, Unknown),
            (Code::OptionUnknown, "elsewhere=x", Unknown, Unknown),
            (Code::OptionUnknown, "priority", Unknown, Unknown),
            (Code::PipelineMissing, "cars", Yes, Unknown),
            (Code::PipelineMissing, "boats", No, Unknown),
            (Code::PipelineMissing, "pipeline", Unknown, Unknown),
            (Code::StageMissing, "new", Yes, Unknown),
            (Code::StageMissing, "old", No, Unknown),
            (Code::StageMissing, "wet", No, Unknown),
            (Code::OwnerUnknown, "7", Yes, Unknown),
            (Code::OwnerUnknown, "8", No, Unknown),
            (Code::PropertyRequired, "city", Unknown, Unknown),
        ];
        for (code, subject, read, not_read) in rows {
            assert_eq!(is_gone(code, subject, &portal(), None), read, "{code} {subject}");
            assert_eq!(is_gone(code, subject, &PortalSchema::default(), None), not_read, "{code} {subject}");
        }
    }

    #[test]
    fn a_scope_is_there_once_it_was_granted() {
        let granted = ["oauth".to_owned()];
        let gone = |scope, granted| is_gone(Code::AuthMissingScope, scope, &PortalSchema::default(), granted);
        assert_eq!(gone("oauth", Some(&granted[..])), Gone::Yes);
        assert_eq!(gone("crm.objects.deals.write", Some(&granted[..])), Gone::No);
        assert_eq!(gone("oauth", None), Gone::Unknown);
    }
}
