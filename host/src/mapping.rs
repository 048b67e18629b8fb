//! The mapping of an account's leads as the dealership itself sees and changes it: a line a property, with the settings of the
//! transformation in force that belong to it. It is the same form that a version is enabled with, or a part of it. A change is
//! tried on the last leads, and counts for the next one.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::comparison::{Example, Report};
use crate::connection::drift;
use crate::contract::actions::{Action, WritePolicy};
use crate::diff::Change;
use crate::fit::{self, PropertyState};
use crate::form::{self, Choice as Offered, Field, FieldKind};
use crate::help::mapping::{CONTACT, Rule};
use crate::model::access::Sight;
use crate::model::account::{Account, Connection, PastBinding, Sign};
use crate::model::id::{BindingId, EventId};
use crate::model::portal::{CONTACT as CONTACT_TYPE, PortalSchema};
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::plan::Plan;
use crate::rollout::{self, Choice, Enabled, RolloutError, Wish};
use crate::schema::Violation;
use crate::shadow;
use crate::store::{Bound, LeadFilter, Store, StoreError};
use crate::text::cut;
use crate::transform::Transformer;

/// Leads that a change is tried on before it counts.
pub const TRIED: u32 = 5;
/// Bindings in which the settings of before are looked for.
const HISTORY: u32 = 50;
/// A sample tells what kind of value it is, and is no place to read it.
const SAMPLE_CHARS_MAX: usize = 80;
/// The setting that says when each property is written.
const POLICIES: &str = "/policies";
/// Belongs to the property that it names itself.
const CONSENT: &str = "/consent_property";
/// The event type whose mapping it is.
const LEADS: &str = "lead.captured.v1";

/// What goes where, with the settings in force.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Mapping {
    /// The version in force, such as `default@1`; empty where none is.
    pub version: String,
    pub lines: Vec<Line>,
    /// Settings of the mapping that belong to no single property.
    pub more: Vec<Field>,
    /// When properties are written that have no line, by name.
    pub other_policies: Vec<(String, String)>,
    /// The settings that may be changed here, as they are. A member that is not set is not among them.
    pub settings: Value,
    /// Where a draft does not fit the version or the portal.
    pub violations: Vec<Violation>,
    /// Why nothing can be changed here; none where it can.
    pub fixed: Option<&'static str>,
    /// The newest binding, by which somebody else's change is noticed.
    pub newest: Option<BindingId>,
    /// All settings in force.
    #[serde(skip)]
    whole: Value,
}

/// One property and where it comes from.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MappingLine)]
pub struct Line {
    /// Fields of a lead; empty where it comes from none.
    pub from: Vec<&'static str>,
    pub property: String,
    /// The property of HubSpot that takes it in its place, where the connection says so; the state is that one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_to: Option<String>,
    pub label: String,
    /// In words, as Markdown.
    pub rule: String,
    /// `always`, `on-create` or `if-empty`, where nothing is set; none where only the transformation knows.
    pub usual: Option<&'static str>,
    /// What is set instead.
    pub policy: Option<String>,
    /// What may be set; empty where it is a key.
    pub policies: Vec<&'static str>,
    pub settings: Vec<Field>,
    /// What the last lead with a plan brought for it. None where it brought nothing, or that was not looked up.
    pub sample: Option<String>,
    /// How the property stands in HubSpot, as it was read last.
    #[serde(flatten)]
    pub state: PropertyState,
}

/// What a change would do to the last leads. Nothing was sent.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MappingPreview)]
pub struct Preview {
    pub report: Report,
    /// Lead by lead, with the values.
    pub leads: Vec<ChangedLead>,
}

/// What would be different about one lead.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ChangedLead {
    pub event: EventId,
    pub changes: Vec<Change>,
}

/// Why there is no change to try.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("nothing can be changed here: {0}")]
    Fixed(&'static str),
    #[error("`{0}` is no setting of the mapping")]
    Unknown(String),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

impl From<StoreError> for MappingError {
    fn from(error: StoreError) -> Self {
        Self::Rollout(error.into())
    }
}

impl Mapping {
    /// The settings of the form, each once, in its order: what a form that was sent is read by.
    pub fn fields(&self) -> Vec<Field> {
        self.lines.iter().flat_map(|line| &line.settings).chain(&self.more).cloned().chain([policies_field()]).collect()
    }

    /// The changes that a form says, by the names of its settings. What was left empty is null.
    ///
    /// # Errors
    /// The fields that are not what they have to be.
    pub fn sent(&self, sent: &[(String, String)]) -> Result<Map<String, Value>, Vec<Violation>> {
        let fields = self.fields();
        let read = form::read(&fields, sent)?;
        let said = |field: &Field| {
            let name = name(&field.pointer).to_owned();
            let value = read.get(&name).cloned().unwrap_or_default();
            (name, value)
        };
        Ok(fields.iter().map(said).collect())
    }

    /// All settings with these changes: a member that is null goes back to what is usual.
    ///
    /// # Errors
    /// When nothing may be changed, or something that is no part of the mapping.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Value, MappingError> {
        if let Some(why) = self.fixed {
            return Err(MappingError::Fixed(why));
        }
        let names: Vec<_> = self.fields().into_iter().map(|field| name(&field.pointer).to_owned()).collect();
        let mut whole = self.whole.as_object().cloned().unwrap_or_default();
        for (name, value) in changes {
            match value {
                _ if !names.contains(name) => return Err(MappingError::Unknown(name.clone())),
                Value::Null => drop(whole.remove(name)),
                value => drop(whole.insert(name.clone(), value.clone())),
            }
        }
        Ok(Value::Object(whole))
    }

    /// The part of these settings that may be changed here, with null for what is not set.
    pub fn part(&self, whole: &Value) -> Map<String, Value> {
        let of = |field: Field| {
            let name = name(&field.pointer).to_owned();
            let value = whole.get(&name).cloned().unwrap_or_default();
            (name, value)
        };
        self.fields().into_iter().map(of).collect()
    }
}

fn name(pointer: &str) -> &str {
    pointer.trim_start_matches('/')
}

fn policies_field() -> Field {
    let choice = |policy: &WritePolicy| Offered {
        value: policy.label().to_owned(),
        label: policy.label().to_owned(),
        within: None,
    };
    Field {
        pointer: POLICIES.to_owned(),
        title: String::new(),
        help: String::new(),
        kind: FieldKind::Map,
        required: false,
        value: Value::Null,
        choices: ALL_POLICIES.iter().map(choice).collect(),
        choices_unknown: false,
        fields: Vec::new(),
    }
}

const ALL_POLICIES: [WritePolicy; 3] = [WritePolicy::Always, WritePolicy::OnCreate, WritePolicy::IfEmpty];

/// The mapping of a connection with the settings in force, or with others that somebody is about to choose.
///
/// # Errors
/// The store's, and those of the form.
pub async fn of_connection(
    store: &Store,
    account: &Account,
    connection: &Connection,
    draft: Option<Value>,
) -> Result<Mapping, RolloutError> {
    let history = store.binding_history(connection, HISTORY).await?;
    let newest = history.first().map(|past| past.id.clone());
    let in_force: Vec<_> = history.iter().filter(|past| past.in_force && past.event_type == LEADS).collect();
    let Some(binding) = in_force.first() else {
        return Ok(nothing(newest));
    };
    let whole = binding.settings.clone();
    let settings = draft.unwrap_or_else(|| whole.clone());
    let drawn =
        rollout::settings_form_as_read(store, (account, connection), binding.version_id.as_str(), settings.clone())
            .await?;
    let bound = store.bound(connection).await?;
    let schema = store.schema(connection).await?.map(|cached| cached.schema).unwrap_or_default();
    let mut mapping = lines(&drawn.fields, &bound, (connection, &schema), &settings);
    mapping.fixed = match (mapping.fixed, &in_force[..]) {
        (Some(why), _) => Some(why),
        (None, [only]) if only.share == Share::ALL => None,
        (None, _) => Some("another version is being tried on a share of the leads; that is decided first"),
    };
    let part = mapping.part(&settings);
    mapping.settings = Value::Object(part.into_iter().filter(|(_, value)| !value.is_null()).collect());
    Ok(Mapping { version: drawn.version, violations: drawn.violations, newest, whole, ..mapping })
}

fn nothing(newest: Option<BindingId>) -> Mapping {
    Mapping {
        version: String::new(),
        lines: Vec::new(),
        more: Vec::new(),
        other_policies: Vec::new(),
        settings: Value::Null,
        violations: Vec::new(),
        fixed: Some("no transformation is in use"),
        newest,
        whole: Value::Null,
    }
}

/// Pure: lines from the form. A transformation that does not take the settings of the stock ones has a mapping of its own,
/// of which only its properties are known.
fn lines(
    form: &[Field],
    bound: &[Bound],
    (connection, schema): (&Connection, &PortalSchema),
    settings: &Value,
) -> Mapping {
    let field = |name: &str| form.iter().find(|field| field.pointer == format!("/{name}")).cloned();
    let is_ours =
        ["policies", "status_map", "priority_map", "origin_property"].iter().all(|name| field(name).is_some());
    let wanted = drift::wanted(bound, &connection.policy);
    let of_portal = |property: &str| match wanted.iter().find(|wanted| wanted.planned() == property) {
        Some(wanted) => Place {
            label: wanted.definition.label.clone(),
            state: fit::compare(&wanted.definition, schema),
            written_to: wanted.written_to(),
        },
        None => hubspots_own(property, schema),
    };
    let set = |property: &str| settings["policies"][property].as_str().map(str::to_owned);
    let mut all = Vec::new();
    for rule in CONTACT.iter().filter(|_| is_ours) {
        for (index, property) in rule.properties.iter().enumerate() {
            // One of several rules of a property stands for all: the first is what is usual.
            let known = all.iter_mut().find(|line: &&mut Line| line.property == *property);
            let own = rule.settings.iter().filter(|_| index == 0).filter_map(|name| field(name));
            match known {
                Some(line) => line.settings.extend(own),
                None => all.push(line_of(rule, property, of_portal(property), set(property), own.collect())),
            }
        }
    }
    for wanted in &wanted {
        let name = wanted.planned();
        if !wanted.definition.unique && !all.iter().any(|line| line.property == name) {
            all.push(Line {
                from: Vec::new(),
                property: name.to_owned(),
                written_to: wanted.written_to(),
                label: wanted.definition.label.clone(),
                rule: format!("by `{}`", wanted.used_by.join("`, `")),
                usual: None,
                policy: set(name),
                policies: Vec::new(),
                settings: Vec::new(),
                sample: None,
                state: fit::compare(&wanted.definition, schema),
            });
        }
    }
    let set = settings["policies"].as_object().into_iter().flatten();
    let others = set.filter(|(name, _)| !all.iter().any(|line| line.property == **name));
    Mapping {
        other_policies: others.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        more: field(name(CONSENT)).into_iter().filter(|_| is_ours).collect(),
        fixed: (!is_ours).then_some("this transformation has settings of its own, which support changes"),
        lines: all,
        ..nothing(None)
    }
}

/// Where a line goes in HubSpot.
struct Place {
    label: String,
    state: PropertyState,
    written_to: Option<String>,
}

/// A contact property that HubSpot brings along.
fn hubspots_own(property: &str, schema: &PortalSchema) -> Place {
    let known = schema.objects.get(CONTACT_TYPE);
    let found = known.and_then(|properties| properties.get(property));
    let label = found.map(|found| found.label.clone()).filter(|label| !label.is_empty());
    let state = match found {
        None if known.is_none() => PropertyState::Unknown,
        None => PropertyState::Missing,
        Some(found) if found.archived => PropertyState::Archived { differs: None },
        Some(found) if found.read_only => PropertyState::ReadOnly,
        Some(_) => PropertyState::Fine,
    };
    Place { label: label.unwrap_or_else(|| property.to_owned()), state, written_to: None }
}

fn line_of(
    rule: &Rule,
    property: &str,
    Place { label, state, written_to }: Place,
    policy: Option<String>,
    settings: Vec<Field>,
) -> Line {
    const KEYS: [&str; 2] = ["email", "leadline_lead_id"];
    Line {
        from: rule.from.to_vec(),
        property: property.to_owned(),
        written_to,
        label,
        rule: rule.words.to_owned(),
        usual: Some(rule.policy.label()),
        policy,
        policies: if KEYS.contains(&property) { Vec::new() } else { ALL_POLICIES.map(WritePolicy::label).to_vec() },
        settings,
        sample: None,
        state,
    }
}

/// The mapping with what the last lead brought for each line; `…` in its place for those who see no values.
///
/// # Errors
/// The store's.
pub async fn with_samples(
    store: &Store,
    account: &Account,
    mapping: Mapping,
    sight: Sight,
) -> Result<Mapping, StoreError> {
    let plan = last_plan(store, account).await?;
    let written: Vec<_> = plan.iter().flat_map(|plan| &plan.actions).flat_map(Action::properties).collect();
    let sample = |line: Line| {
        let found = written.iter().find(|property| property.name == line.property && !property.value.is_empty());
        let shown = found.map(|property| match sight {
            Sight::Whole => cut(&property.value, SAMPLE_CHARS_MAX),
            Sight::Masked => "…".to_owned(),
        });
        Line { sample: shown, ..line }
    };
    Ok(Mapping { lines: mapping.lines.into_iter().map(sample).collect(), ..mapping })
}

/// The plan of the newest lead that has one. Test leads are left out.
async fn last_plan(store: &Store, account: &Account) -> Result<Option<Plan>, StoreError> {
    let filter = LeadFilter {
        account: Some(account.id.clone()),
        event_type: Some(LEADS.to_owned()),
        test: Some(false),
        limit: TRIED,
        ..LeadFilter::default()
    };
    for lead in store.leads(&filter).await?.rows.iter().filter(|lead| lead.delivery.is_some()) {
        let shown = store.event(&lead.event.id).await?;
        if let Some(plan) = shown.and_then(|mut shown| shown.deliveries.pop()?.plan) {
            return Ok(Some(plan));
        }
    }
    Ok(None)
}

/// Settings of before, the newest first, each once and none that are in force: what somebody may go back to.
///
/// # Errors
/// The store's.
pub async fn history(
    store: &Store,
    connection: &Connection,
    mapping: &Mapping,
) -> Result<Vec<PastBinding>, RolloutError> {
    if mapping.fixed.is_some() {
        return Ok(Vec::new());
    }
    let transformation = |label: &str| label.split('@').next().unwrap_or_default().to_owned();
    let ours = transformation(&mapping.version);
    let mut seen = vec![mapping.part(&mapping.whole)];
    let mut others = store.binding_history(connection, HISTORY).await?;
    others.retain(|past| {
        let part = mapping.part(&past.settings);
        let is_new = past.event_type == LEADS && transformation(&past.version) == ours && !seen.contains(&part);
        if is_new {
            seen.push(part);
        }
        is_new
    });
    Ok(others)
}

/// The version in force with other settings.
///
/// # Errors
/// [`MappingError`]: for the person who chose.
pub async fn choose(
    store: &Store,
    account: &Account,
    connection: &Connection,
    mapping: &Mapping,
    changes: &Map<String, Value>,
) -> Result<Choice, MappingError> {
    let settings = mapping.with(changes)?;
    Ok(rollout::choose(store, account, connection, &mapping.version, Some(settings)).await?)
}

/// Runs the version in force with other settings beside itself, on the last [`TRIED`] leads. Nothing is sent.
///
/// # Errors
/// When something of ours fails.
pub async fn preview(
    store: &Store,
    transformer: &Transformer,
    connection: &Connection,
    choice: &Choice,
    by: &str,
    clock: impl Fn() -> Timestamp,
) -> anyhow::Result<Preview> {
    let run = shadow::begin(store, connection, choice, TRIED, by, clock()).await?;
    let seen = shadow::carry_out(store, transformer, run, choice, clock).await?;
    let lead = |(event, changes): Example| ChangedLead { event, changes };
    Ok(Preview { report: seen.run.report.unwrap_or_default(), leads: seen.examples.into_iter().map(lead).collect() })
}

impl Preview {
    /// The same without anything that a customer said.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let hidden = |value: &mut Option<String>| {
            if value.is_some() {
                *value = Some("…".to_owned());
            }
        };
        for change in self.leads.iter_mut().flat_map(|lead| &mut lead.changes) {
            // What is said of policies is nobody's value.
            if !change.part.as_ref().is_some_and(|part| part.starts_with("policy of ")) {
                hidden(&mut change.before);
                hidden(&mut change.after);
            }
        }
        self
    }
}

/// Makes the settings count from the next lead on. They are tried first, where that was not done yet.
///
/// # Errors
/// [`MappingError`]: for the person who chose, also where a lead would fail, or where somebody else was quicker.
pub async fn apply(
    store: &Store,
    transformer: &Transformer,
    connection: &Connection,
    choice: &Choice,
    (sign, expected): (Sign, Option<BindingId>),
    clock: impl Fn() -> Timestamp + Copy,
) -> Result<Enabled, MappingError> {
    if store.shadow_of(connection, &choice.version.id, &choice.settings).await?.is_none() {
        preview(store, transformer, connection, choice, &sign.by, clock).await?;
    }
    let wish = Wish { share: Share::ALL, sign, expected, despite: None };
    Ok(rollout::change_settings(store, connection, choice, &wish, clock()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portal::PropertyInfo;

    #[test]
    fn a_property_of_hubspots_has_its_label_and_how_it_stands() {
        let info = |label: &str| PropertyInfo { label: label.to_owned(), ..PropertyInfo::default() };
        let properties = [
            ("firstname".to_owned(), info("First Name")),
            ("phone".to_owned(), PropertyInfo { read_only: true, ..info("") }),
            ("city".to_owned(), PropertyInfo { archived: true, ..info("City") }),
        ];
        let schema =
            PortalSchema { objects: [(CONTACT_TYPE.to_owned(), properties.into())].into(), ..PortalSchema::default() };
        for (property, label, state) in [
            ("firstname", "First Name", "fine"),
            ("phone", "phone", "read-only"),
            ("city", "City", "archived"),
            ("email", "email", "missing"),
        ] {
            let place = hubspots_own(property, &schema);
            assert_eq!((place.label.as_str(), place.state.label(), place.written_to), (label, state, None));
        }
        assert_eq!(hubspots_own("email", &PortalSchema::default()).state, PropertyState::Unknown);
    }
}
