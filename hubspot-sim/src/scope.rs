//! Scopes: what each call needs, and what they mean in plain words.

use std::collections::BTreeSet;

/// Any one of these suffices; an empty list asks for nothing.
type AnyOf = &'static [&'static str];

/// Every scope that a call of ours may need, as the consent page puts it.
const WORDS: [(&str, &str); 18] = [
    ("oauth", "Read basic information about the account"),
    ("crm.objects.contacts.read", "Read contacts and their notes"),
    ("crm.objects.contacts.write", "Create and change contacts and their notes"),
    ("crm.schemas.contacts.read", "Read the properties of contacts"),
    ("crm.schemas.contacts.write", "Create and change properties of contacts"),
    ("crm.objects.companies.read", "Read companies"),
    ("crm.objects.companies.write", "Create and change companies"),
    ("crm.schemas.companies.read", "Read the properties of companies"),
    ("crm.schemas.companies.write", "Create and change properties of companies"),
    ("crm.objects.deals.read", "Read deals"),
    ("crm.objects.deals.write", "Create and change deals"),
    ("crm.schemas.deals.read", "Read the properties and pipelines of deals"),
    ("crm.schemas.deals.write", "Create and change properties of deals"),
    ("crm.objects.owners.read", "Read who works with the CRM"),
    ("crm.objects.custom.read", "Read records of the account's own object types"),
    ("crm.objects.custom.write", "Create and change records of the account's own object types"),
    ("crm.schemas.custom.read", "Read the properties of the account's own object types"),
    ("crm.schemas.custom.write", "Create and change properties of the account's own object types"),
];

/// The scopes that go with an object type.
struct Family {
    read: AnyOf,
    write: AnyOf,
    read_schema: AnyOf,
    write_schema: AnyOf,
    /// There is no scope for pipelines alone.
    read_pipelines: AnyOf,
}

const CONTACTS: Family = Family {
    read: &["crm.objects.contacts.read"],
    write: &["crm.objects.contacts.write"],
    read_schema: &["crm.schemas.contacts.read"],
    write_schema: &["crm.schemas.contacts.write"],
    read_pipelines: &["crm.schemas.contacts.read", "crm.objects.contacts.read"],
};
const COMPANIES: Family = Family {
    read: &["crm.objects.companies.read"],
    write: &["crm.objects.companies.write"],
    read_schema: &["crm.schemas.companies.read"],
    write_schema: &["crm.schemas.companies.write"],
    read_pipelines: &["crm.schemas.companies.read", "crm.objects.companies.read"],
};
const DEALS: Family = Family {
    read: &["crm.objects.deals.read"],
    write: &["crm.objects.deals.write"],
    read_schema: &["crm.schemas.deals.read"],
    write_schema: &["crm.schemas.deals.write"],
    read_pipelines: &["crm.schemas.deals.read", "crm.objects.deals.read"],
};
const CUSTOM: Family = Family {
    read: &["crm.objects.custom.read"],
    write: &["crm.objects.custom.write"],
    read_schema: &["crm.schemas.custom.read"],
    write_schema: &["crm.schemas.custom.write"],
    read_pipelines: &["crm.schemas.custom.read", "crm.objects.custom.read"],
};

/// Notes have no scope of their own: they go with contacts.
fn family(object_type: &str) -> &'static Family {
    match object_type {
        "0-1" | "0-46" => &CONTACTS,
        "0-2" => &COMPANIES,
        "0-3" => &DEALS,
        _ => &CUSTOM,
    }
}

/// What a token without limits may do.
pub(crate) fn all() -> BTreeSet<String> {
    WORDS.iter().map(|(scope, _)| (*scope).to_owned()).collect()
}

pub(crate) fn in_words(scope: &str) -> &str {
    WORDS.iter().find(|(known, _)| *known == scope).map_or(scope, |(_, words)| words)
}

/// The scopes to write records of a type, unless one of them is granted.
pub(crate) fn missing_to_write(granted: &BTreeSet<String>, object_type: &str) -> Option<AnyOf> {
    let any = family(object_type).write;
    (!any.iter().any(|scope| granted.contains(*scope))).then_some(any)
}

/// The first of the call's needs that nothing granted covers. A link needs both its ends.
pub(crate) fn missing(granted: &BTreeSet<String>, method: &str, area: &str, rest: &[&str]) -> Option<AnyOf> {
    let is_covered = |any: &AnyOf| any.is_empty() || any.iter().any(|scope| granted.contains(*scope));
    needed(method, area, rest).into_iter().find(|any| !is_covered(any))
}

/// `rest` is the path behind the version.
fn needed(method: &str, area: &str, rest: &[&str]) -> [AnyOf; 2] {
    let is_get = method == "GET";
    match (area, rest) {
        ("objects", [from, _, "associations", "default", to, _]) => [family(from).write, family(to).write],
        ("objects", [from, _, "associations", to]) => [family(from).read, family(to).read],
        ("associations", [from, to, "batch", "read"]) => [family(from).read, family(to).read],
        ("associations", [from, to, ..]) => [family(from).write, family(to).write],
        ("objects", [kind, "batch", "read"] | [kind, "search"]) => [family(kind).read, &[]],
        ("objects", [kind, ..]) => [if is_get { family(kind).read } else { family(kind).write }, &[]],
        ("properties", [kind, ..]) => [if is_get { family(kind).read_schema } else { family(kind).write_schema }, &[]],
        ("property-validations", [kind, ..]) => [family(kind).read_schema, &[]],
        ("pipelines", [kind, ..]) => [family(kind).read_pipelines, &[]],
        ("owners", _) => [&["crm.objects.owners.read"], &[]],
        ("account-info" | "appinstalls", _) => [&["oauth"], &[]],
        _ => [&[], &[]],
    }
}

#[cfg(test)]
mod tests {
    use super::{all, missing};

    #[test]
    fn calls_need_their_scopes() {
        let everything = all();
        for (method, area, rest, needs) in [
            ("POST", "objects", &["0-1", "batch", "read"][..], "crm.objects.contacts.read"),
            ("POST", "objects", &["0-1", "search"], "crm.objects.contacts.read"),
            ("POST", "objects", &["0-1", "batch", "upsert"], "crm.objects.contacts.write"),
            ("POST", "objects", &["0-46", "batch", "create"], "crm.objects.contacts.write"),
            ("GET", "objects", &["0-3", "1"], "crm.objects.deals.read"),
            ("DELETE", "objects", &["0-2", "1"], "crm.objects.companies.write"),
            ("POST", "objects", &["2-77", "batch", "upsert"], "crm.objects.custom.write"),
            ("PUT", "objects", &["0-3", "1", "associations", "default", "0-1", "2"], "crm.objects.contacts.write"),
            ("PUT", "objects", &["0-3", "1", "associations", "default", "0-1", "2"], "crm.objects.deals.write"),
            ("POST", "associations", &["0-1", "0-3", "batch", "read"], "crm.objects.deals.read"),
            ("GET", "properties", &["0-1"], "crm.schemas.contacts.read"),
            ("POST", "properties", &["0-3"], "crm.schemas.deals.write"),
            ("GET", "property-validations", &["0-1"], "crm.schemas.contacts.read"),
            ("GET", "owners", &[], "crm.objects.owners.read"),
            ("GET", "account-info", &["details"], "oauth"),
        ] {
            let mut granted = everything.clone();
            assert_eq!(missing(&granted, method, area, rest), None, "{method} {area} {rest:?}");
            granted.remove(needs);
            assert_eq!(missing(&granted, method, area, rest), Some(&[needs][..]), "{method} {area} {rest:?}");
        }
    }

    #[test]
    fn pipelines_go_with_either_of_two_scopes() {
        let mut granted = all();
        granted.remove("crm.schemas.deals.read");
        assert_eq!(missing(&granted, "GET", "pipelines", &["0-3"]), None);
        granted.remove("crm.objects.deals.read");
        assert_eq!(missing(&granted, "GET", "pipelines", &["0-3"]).map(<[_]>::len), Some(2));
    }
}
