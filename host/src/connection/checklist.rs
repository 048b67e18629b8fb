//! The checklist of a portal's properties, and creating what is missing: by us, or by hand.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::care;
use super::drift::{self, Row};
use super::portal::{self, Read};
use super::session::Session;
use crate::cause::{Code, Problem};
use crate::contract::manifest::{PropertyDefinition, PropertyKind};
use crate::fit::{PropertyState, compare};
use crate::hubspot::{self, Meaning, Reply, Shelf};
use crate::model::portal::{COMPANY, CONTACT, DEAL, PortalSchema, PropertyInfo, object_type_id};
use crate::model::time::Timestamp;
use crate::store::{Bound, Store};

/// How the portal of a connection stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PropertyCheck)]
pub struct Check {
    pub rows: Vec<Row>,
    /// What else does not fit: permissions, pipelines, stages, owners, settings.
    pub problems: Vec<Problem>,
    /// Leads that went through without a value that may be filled in now or later.
    pub dropped_leads: i64,
}

impl Check {
    /// Whether leads lose something as long as it stays so.
    pub fn has_trouble(&self) -> bool {
        !self.problems.is_empty() || self.rows.iter().any(|row| row.state.is_trouble())
    }

    fn of(bound: &[Bound], session: &Session, read: &Read, dropped_leads: i64) -> Self {
        let rows = drift::checklist(bound, &session.connection, read);
        let in_rows = |problem: &Problem| {
            let subject = problem.subject.as_deref().unwrap_or("");
            let name = subject.split_once('=').map_or(subject, |(name, _)| name);
            rows.iter().any(|row| row.state.is_trouble() && row.name == name)
        };
        let mut problems = drift::drift(bound, &session.connection, read);
        problems.extend(read.refused.iter().filter(|problem| problem.code != Code::AuthMissingScope).cloned());
        problems.retain(|problem| !in_rows(problem));
        Self { rows, problems, dropped_leads }
    }
}

/// Reads the portal, keeps what was read, and says how it stands. None inside: HubSpot did not answer, and why.
///
/// # Errors
/// The store's.
pub async fn check(store: &Store, session: &Session, now: Timestamp) -> anyhow::Result<Result<Check, Problem>> {
    let bound = store.bound(&session.connection).await?;
    let read = match portal::read_schema(session, &drift::needs(&bound)).await {
        Ok(read) => read,
        Err(meaning) => return Ok(Err(meaning.problem())),
    };
    care::take_in(store, &session.connection, &bound, &read, now).await?;
    let dropped_leads = store.dropped_leads(&session.connection).await?;
    Ok(Ok(Check::of(&bound, session, &read, dropped_leads)))
}

/// The properties of one object type, as somebody makes them by hand in HubSpot.
#[derive(Debug, PartialEq, Eq)]
pub struct ByHand {
    pub object_type: String,
    /// Where HubSpot's settings have them, such as `Contact properties`.
    pub place: String,
    pub properties: Vec<HandMade>,
}

/// A property, as HubSpot's own form asks for it.
#[derive(Debug, PartialEq, Eq)]
pub struct HandMade {
    pub name: String,
    pub label: String,
    pub description: String,
    /// What the form calls its field type.
    pub called: &'static str,
    /// The same for programs: HubSpot's `type` and `fieldType`.
    pub kind: String,
    pub field_type: String,
    /// Label and internal value of each.
    pub options: Vec<(String, String)>,
    pub unique: bool,
}

/// What to make by hand, object type by object type: the same that creating would send.
pub fn by_hand<'a>(definitions: impl IntoIterator<Item = &'a PropertyDefinition>) -> Vec<ByHand> {
    let mut all: Vec<ByHand> = Vec::new();
    for definition in definitions {
        let object_type = object_type_id(&definition.object_type);
        match all.iter_mut().find(|one| one.object_type == object_type) {
            Some(known) => known.properties.push(hand_made(definition)),
            None => all.push(ByHand {
                object_type: object_type.to_owned(),
                place: place(object_type),
                properties: vec![hand_made(definition)],
            }),
        }
    }
    all
}

/// What may be done beside creating what is missing.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = CreationConsent)]
pub struct Consent {
    /// Only these properties, by their internal names; empty: all that are not as they should be.
    pub only: Vec<String>,
    /// Archived properties come back, as they were.
    pub restore: bool,
    /// Missing options are added to properties that exist.
    pub options: bool,
    /// Nothing is done; the plan is shown.
    pub dry_run: bool,
}

/// One thing that is to be done, or was.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Work {
    pub object_type: String,
    pub name: String,
    pub what: What,
    /// The definition as HubSpot is sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Value>,
    /// What came of it; none while it is only planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Done>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Create,
    /// HubSpot brings back the old property, whatever is asked for.
    Restore,
    AddOptions(Vec<String>),
    /// It needs consent that was not given: the sentence says to what.
    Ask(String),
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Done {
    Fine,
    /// It is there, and does not fit: how.
    Unfit {
        sentence: String,
        way_out: String,
    },
    Failed {
        problem: Problem,
    },
}

/// What creating came to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Creation {
    pub work: Vec<Work>,
    /// How the portal stands now; none where nothing was done, or HubSpot no longer answered.
    pub check: Option<Check>,
    /// Why it ended early.
    pub stopped: Option<Problem>,
}

/// HubSpot takes values for a new property within this time: it needs up to 0.7 s.
const PROPERTY_LAG: Duration = Duration::from_secs(1);

/// Creates what is missing, in a group of its own, and only that. Afterwards the portal is read again, and what waited
/// goes on.
///
/// # Errors
/// The store's. What HubSpot refuses is in the result.
pub async fn create_missing(
    store: &Store,
    session: &Session,
    consent: Consent,
    now: Timestamp,
) -> anyhow::Result<Result<Creation, Problem>> {
    let checked = match check(store, session, now).await? {
        Ok(checked) => checked,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut work = plan(&checked.rows, &consent);
    if consent.dry_run || work.iter().all(|work| matches!(work.what, What::Ask(_))) {
        return Ok(Ok(Creation { work, check: Some(checked), stopped: None }));
    }
    let mut stopped = None;
    let mut groups: Vec<(String, Option<Problem>)> = Vec::new();
    for one in &mut work {
        if matches!(one.what, What::Ask(_)) {
            continue;
        }
        let row = checked.rows.iter().find(|row| row.name == one.name && row.object_type == one.object_type);
        let row = row.expect("work is made of rows");
        match carry_out(session, row, &one.what, &mut groups).await {
            Ok(done) => one.result = Some(done),
            Err(problem) => {
                stopped = Some(problem);
                break;
            }
        }
    }
    if work.iter().any(|one| one.result.is_some()) {
        // What waited goes on as soon as the portal is read again, and by then the properties have to take values.
        tokio::time::sleep(PROPERTY_LAG).await;
    }
    let check = check(store, session, now).await?;
    let stopped = stopped.or_else(|| check.as_ref().err().cloned());
    Ok(Ok(Creation { work, check: check.ok(), stopped }))
}

fn plan(rows: &[Row], consent: &Consent) -> Vec<Work> {
    let work = |row: &Row| {
        let what = match &row.state {
            PropertyState::Missing => What::Create,
            PropertyState::Archived { .. } if consent.restore => What::Restore,
            PropertyState::Archived { .. } => What::Ask(format!(
                "{} Creating it brings back the old property with its old definition and values.",
                row.sentence
            )),
            PropertyState::OptionsMissing { options } if consent.options => What::AddOptions(options.clone()),
            PropertyState::OptionsMissing { .. } => What::Ask(row.sentence.clone()),
            PropertyState::Fine
            | PropertyState::Wider { .. }
            | PropertyState::ReadOnly
            | PropertyState::WrongType { .. }
            | PropertyState::NotUnique
            | PropertyState::Unknown => return None,
        };
        let definition =
            matches!(what, What::Create | What::Restore).then(|| hubspot::definition_json(&row.definition));
        let (object_type, name) = (row.object_type.clone(), row.name.clone());
        Some(Work { object_type, name, what, definition, result: None })
    };
    let is_meant = |row: &&Row| consent.only.is_empty() || consent.only.contains(&row.name);
    rows.iter().filter(is_meant).filter_map(work).collect()
}

/// Does one thing.
///
/// # Errors
/// Why HubSpot does not answer, so that the rest has to wait.
async fn carry_out(
    session: &Session,
    row: &Row,
    what: &What,
    groups: &mut Vec<(String, Option<Problem>)>,
) -> Result<Done, Problem> {
    if !is_name(&row.name) {
        let words = format!(
            "`{}` is no name for a property of HubSpot: a small letter first, then letters, digits and `_`",
            row.name
        );
        return Ok(Done::Failed { problem: Problem::new(Code::HubspotRefused, words) });
    }
    if let What::AddOptions(options) = what {
        return add_options(session, row, options).await;
    }
    let known = groups.iter().find(|(object_type, _)| *object_type == row.object_type);
    let refused = match known {
        Some((_, refused)) => refused.clone(),
        None => {
            let refused = make_group(session, &row.object_type).await?;
            groups.push((row.object_type.clone(), refused.clone()));
            refused
        }
    };
    if let Some(problem) = refused {
        return Ok(Done::Failed { problem });
    }
    let reply = session.send(&hubspot::create_property(&session.portal, &row.object_type, &row.definition)).await;
    match reply.status() {
        // An archived name comes back as it was, so the answer is compared and not believed.
        Some(200..300) => match reply.success().and_then(hubspot::property_of) {
            Some((_, there)) => Ok(judge(row, there)),
            None => Ok(there(session, row).await?.map_or_else(|| not_shown(row), |there| judge(row, there))),
        },
        // Somebody made it a moment ago, or it stands where no list of ours showed it.
        Some(409) => Ok(there(session, row).await?.map_or_else(|| not_shown(row), |there| judge(row, there))),
        // It may have been made all the same.
        _ if reply.leaves_doubt() => match there(session, row).await? {
            Some(there) if !there.archived => Ok(judge(row, there)),
            _ => Err(reply.meaning().problem()),
        },
        _ => refused_or_away(&reply, row),
    }
}

fn refused_or_away(reply: &Reply, row: &Row) -> Result<Done, Problem> {
    match reply.meaning() {
        meaning @ (Meaning::Temporary { .. } | Meaning::Pause { .. }) => Err(meaning.problem()),
        meaning => {
            let problem = meaning.problem();
            let detail = match problem.code {
                Code::AuthMissingScope => format!(
                    "HubSpot did not grant us the permission to create properties ({}). Re-authorize and let an admin agree, or create `{}` by hand.",
                    problem.subject.as_deref().unwrap_or("crm.schemas.contacts.write"),
                    row.name
                ),
                _ => format!("HubSpot refuses to create `{}`: {}", row.name, problem.detail),
            };
            Ok(Done::Failed { problem: Problem { detail, ..problem } })
        }
    }
}

/// The property as HubSpot shows it now, on whichever shelf.
async fn there(session: &Session, row: &Row) -> Result<Option<PropertyInfo>, Problem> {
    for shelf in Shelf::ALL {
        let request = hubspot::read_property(&session.portal, &row.object_type, &row.name, shelf);
        let reply = session.send(&request).await;
        if let Some((_, there)) = reply.success().and_then(hubspot::property_of) {
            return Ok(Some(there));
        }
        if reply.success().is_none() && !matches!(reply.status(), Some(400 | 403 | 404)) {
            return Err(reply.meaning().problem());
        }
    }
    Ok(None)
}

fn not_shown(row: &Row) -> Done {
    let words = format!("HubSpot says that `{}` exists, and does not show it to us", row.name);
    Done::Failed { problem: Problem::new(Code::HubspotRefused, words) }
}

/// Whether the property that HubSpot shows is the one that was wanted.
fn judge(row: &Row, there: PropertyInfo) -> Done {
    let properties = [(row.name.clone(), there)].into();
    let schema = PortalSchema { objects: [(row.object_type.clone(), properties)].into(), ..PortalSchema::default() };
    let state = compare(&row.definition, &schema);
    if state.is_trouble() {
        Done::Unfit { sentence: state.sentence(&row.definition), way_out: state.way_out() }
    } else {
        Done::Fine
    }
}

/// Adds options behind those that are there: HubSpot takes the whole list only, so it is read first.
async fn add_options(session: &Session, row: &Row, missing: &[String]) -> Result<Done, Problem> {
    let request = hubspot::read_property(&session.portal, &row.object_type, &row.name, Shelf::Live);
    let reply = session.send(&request).await;
    let Some(shown) = reply.success() else {
        return refused_or_away(&reply, row);
    };
    let options = hubspot::with_options(shown, missing);
    let reply = session.send(&hubspot::set_options(&session.portal, &row.object_type, &row.name, &options)).await;
    match reply.success().and_then(hubspot::property_of) {
        Some((_, there)) => Ok(judge(row, there)),
        None => refused_or_away(&reply, row),
    }
}

/// Makes our group where it is not there. Why HubSpot refuses it, if it does.
async fn make_group(session: &Session, object_type: &str) -> Result<Option<Problem>, Problem> {
    let listed = session.send(&hubspot::read_groups(&session.portal, object_type)).await;
    if listed.success().is_some_and(hubspot::has_group) {
        return Ok(None);
    }
    let reply = session.send(&hubspot::create_group(&session.portal, object_type)).await;
    if reply.success().is_some() || reply.status() == Some(409) {
        return Ok(None);
    }
    match reply.meaning() {
        meaning @ (Meaning::Temporary { .. } | Meaning::Pause { .. }) => Err(meaning.problem()),
        meaning => {
            let problem = meaning.problem();
            let detail = match problem.code {
                Code::AuthMissingScope => format!(
                    "HubSpot did not grant us the permission to create properties ({}). Re-authorize and let an admin agree, or create them by hand.",
                    problem.subject.as_deref().unwrap_or("crm.schemas.contacts.write")
                ),
                _ => format!("HubSpot refuses the property group `leadline`: {}", problem.detail),
            };
            Ok(Some(Problem { detail, ..problem }))
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= crate::plan::NAME_BYTES_MAX
}

fn hand_made(definition: &PropertyDefinition) -> HandMade {
    let sent = hubspot::definition_json(definition);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let options = sent["options"].as_array().into_iter().flatten();
    HandMade {
        name: text(&sent["name"]),
        label: text(&sent["label"]),
        description: text(&sent["description"]),
        called: called(definition.kind),
        kind: text(&sent["type"]),
        field_type: text(&sent["fieldType"]),
        options: options.map(|option| (text(&option["label"]), text(&option["value"]))).collect(),
        unique: definition.unique,
    }
}

fn place(object_type: &str) -> String {
    match object_type {
        CONTACT => "Contact properties".to_owned(),
        COMPANY => "Company properties".to_owned(),
        DEAL => "Deal properties".to_owned(),
        other => format!("Properties of the object {other}"),
    }
}

/// What HubSpot's form calls the field type of a kind.
fn called(kind: PropertyKind) -> &'static str {
    match kind {
        PropertyKind::Text => "Single-line text",
        PropertyKind::MultiLineText => "Multi-line text",
        PropertyKind::Number => "Number",
        PropertyKind::YesNo => "Single checkbox",
        PropertyKind::Date => "Date picker",
        PropertyKind::DateTime => "Date and time picker",
        PropertyKind::Choice => "Dropdown select",
        PropertyKind::Choices => "Multiple checkboxes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_by_hand_is_what_would_be_sent_each_under_its_object_type() {
        let definition = |object_type: &str, name: &str, kind, options: &[&str], unique| PropertyDefinition {
            object_type: object_type.into(),
            name: name.into(),
            label: name.to_uppercase(),
            description: String::new(),
            kind,
            options: options.iter().map(|option| (*option).into()).collect(),
            unique,
        };
        let definitions = [
            definition("contact", "priority", PropertyKind::Choice, &["high", "low"], false),
            definition("deal", "deal_key", PropertyKind::Text, &[], true),
            definition("0-1", "call", PropertyKind::YesNo, &[], false),
            definition("2-77", "seen", PropertyKind::DateTime, &[], false),
        ];
        let told = |one: &ByHand| {
            let line = |property: &HandMade| {
                let HandMade { name, called, kind, field_type, unique, .. } = property;
                let options = property.options.iter().map(|(label, value)| format!("{label}={value}"));
                let options = options.collect::<Vec<_>>().join(" ");
                format!("{}: {name}, {called} ({kind}, {field_type}), [{options}], {unique}", one.place)
            };
            one.properties.iter().map(line).collect::<Vec<_>>()
        };
        let told: Vec<_> = by_hand(&definitions).iter().flat_map(told).collect();
        let expected = [
            "Contact properties: priority, Dropdown select (enumeration, select), [high=high low=low], false",
            "Contact properties: call, Single checkbox (bool, booleancheckbox), [Yes=true No=false], false",
            "Deal properties: deal_key, Single-line text (string, text), [], true",
            "Properties of the object 2-77: seen, Date and time picker (datetime, date), [], false",
        ];
        assert_eq!(told, expected);
    }
}
