//! Search: it lags behind what was written, and takes the few operators that a connector may want.

use serde::Deserialize;
use serde_json::json;

use super::reads::{self, Wanted};
use crate::answer::{Answer, Refusal};
use crate::finding::FindingKind;
use crate::portal::PortalState;
use crate::portal::record::Stored;
use crate::portal::schema::{Property, Schema};
use crate::portal::table::Table;
use crate::request::Request;
use crate::turn::Turn;

/// HubSpot's sizes of one search.
const GROUPS_MAX: usize = 5;
const FILTERS_MAX: usize = 6;
const VALUES_MAX: usize = 100;
const BODY_CHARS_MAX: usize = 3_000;
const LIMIT_MAX: usize = 200;
const FOUND_MAX: usize = 10_000;

/// Records in one page, if the call does not say.
const LIMIT: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    filter_groups: Vec<Group>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// All filters of one group must fit, and one group of all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<String>,
    values: Option<Vec<String>>,
}

pub(super) fn search(
    portal: &mut PortalState,
    turn: &Turn,
    request: &Request,
    object_type: &str,
) -> Result<Answer, Refusal> {
    let table = portal.table(object_type)?;
    request.allow_queries(&[])?;
    let body: Body = request.json()?;
    check_sizes(request, &body)?;
    body.filter_groups.iter().flat_map(|group| &group.filters).try_for_each(|filter| check(&table.schema, filter))?;
    let limit = body.limit.unwrap_or(LIMIT);
    let from = body.after.as_deref().map_or(Ok(0), str::parse::<usize>);
    let from = from.map_err(|_| Refusal::validation("`after` is not one that an answer has given"))?;
    if !(1..=LIMIT_MAX).contains(&limit) || from + limit > FOUND_MAX {
        return Err(Refusal::validation(format!("`limit` is 1 to {LIMIT_MAX}, and nothing lies behind {FOUND_MAX}")));
    }
    let known_at = turn.now - portal.knobs.search_lag_ms;
    let is_found = |stored: &&Stored| {
        let is_known = stored.is_live(turn.now) && stored.visible_at <= known_at;
        is_known
            && (body.filter_groups.iter())
                .any(|group| group.filters.iter().all(|one| fits(one, table, stored, known_at)))
    };
    let found: Vec<&Stored> = table.all().iter().filter(is_found).collect();
    let wanted = Wanted { properties: body.properties, with_history: Vec::new() };
    let page = found.iter().skip(from).take(limit).map(|stored| reads::show(table, stored, &wanted, turn.now));
    let mut answer = json!({"total": found.len(), "results": page.collect::<Vec<_>>()});
    if from + limit < found.len() {
        answer["paging"] = json!({"next": {"after": (from + limit).to_string()}});
    }
    let text = "search lags behind, so it must decide nothing".to_owned();
    portal.findings.add(FindingKind::SearchUsed, portal.id, turn.number, None, text);
    Ok(Answer::json(200, answer))
}

fn check_sizes(request: &Request, body: &Body) -> Result<(), Refusal> {
    let groups = &body.filter_groups;
    if groups.is_empty() || groups.len() > GROUPS_MAX {
        return Err(Refusal::validation(format!("a search has 1 to {GROUPS_MAX} filter groups")));
    }
    if groups.iter().any(|group| group.filters.is_empty() || group.filters.len() > FILTERS_MAX) {
        return Err(Refusal::validation(format!("a filter group has 1 to {FILTERS_MAX} filters")));
    }
    if String::from_utf8_lossy(&request.body).chars().count() > BODY_CHARS_MAX {
        return Err(Refusal::validation(format!("the body of a search has at most {BODY_CHARS_MAX} characters")));
    }
    Ok(())
}

fn check(schema: &Schema, filter: &Filter) -> Result<(), Refusal> {
    let name = &filter.property_name;
    let Some(property) = schema.properties.get(name.as_str()).filter(|property| !property.archived) else {
        return Err(Refusal::validation(format!("there is no property called {name}")));
    };
    let fits = match (filter.operator.as_str(), &filter.value, &filter.values) {
        ("EQ" | "NEQ", Some(_), None) | ("HAS_PROPERTY" | "NOT_HAS_PROPERTY", None, None) => true,
        ("IN" | "NOT_IN", None, Some(values)) => {
            let is_low = |value: &String| !is_text(property) || *value == value.to_lowercase();
            (1..=VALUES_MAX).contains(&values.len()) && values.iter().all(is_low)
        }
        _ => false,
    };
    let message = || format!("the operator {} does not go with what is there for {name}", filter.operator);
    if fits { Ok(()) } else { Err(Refusal::validation(message())) }
}

fn is_text(property: &Property) -> bool {
    property.definition.kind == "string"
}

/// Text is the same in any case, an option is not; a record without a value differs from every value.
fn fits(filter: &Filter, table: &Table, stored: &Stored, known_at: i64) -> bool {
    let name = filter.property_name.as_str();
    let kept = || stored.value(&table.object_type, name).filter(|_| !stored.values.contains_key(name));
    let has = stored.written_by(name, known_at).map(str::to_owned).or_else(kept);
    let is_text = table.schema.properties.get(name).is_some_and(is_text);
    let same = |has: &String, wanted: &String| {
        if is_text { has.to_lowercase() == wanted.to_lowercase() } else { has == wanted }
    };
    let is = |wanted: &String| has.as_ref().is_some_and(|has| same(has, wanted));
    match filter.operator.as_str() {
        "EQ" => filter.value.as_ref().is_some_and(is),
        "NEQ" => !filter.value.as_ref().is_some_and(is),
        "IN" => filter.values.iter().flatten().any(is),
        "NOT_IN" => !filter.values.iter().flatten().any(is),
        "HAS_PROPERTY" => has.is_some(),
        _ => has.is_none(),
    }
}
