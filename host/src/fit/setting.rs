//! Settings that name something of the portal: a pipeline, a stage, an owner, a property. The schema of the settings
//! says which they are, by its formats.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cause::{Code, Problem};
use crate::contract::manifest::Manifest;
use crate::model::portal::{CONTACT, DEAL, Pipeline, PortalSchema, object_type_id};
use crate::schema::Violation;

const PIPELINE: &str = "hubspot-pipeline";
const STAGE: &str = "hubspot-stage";
const OWNER: &str = "hubspot-owner";
const PROPERTY: &str = "hubspot-property";
/// Beside the format of a property: the object type that it belongs to, where that is not the contact.
const OBJECT_TYPE: &str = "x-object-type";

/// A setting that does not fit the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer into the settings.
    pub pointer: String,
    pub problem: Problem,
}

impl From<Misfit> for Violation {
    fn from(misfit: Misfit) -> Self {
        Self { pointer: misfit.pointer, detail: misfit.problem.detail }
    }
}

/// What has to be read of a portal, so that it can be told whether a version fits it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Object type ids.
    pub object_types: BTreeSet<String>,
    pub pipelines: bool,
    pub owners: bool,
}

impl Needs {
    /// What every connection needs: leads are contacts.
    pub fn contacts() -> Self {
        Self { object_types: BTreeSet::from([CONTACT.to_owned()]), ..Self::default() }
    }

    pub fn add(&mut self, other: Self) {
        self.object_types.extend(other.object_types);
        self.pipelines |= other.pipelines;
        self.owners |= other.owners;
    }
}

/// What a version needs of a portal, with these settings.
pub fn needs(manifest: &Manifest, settings: &Value) -> Needs {
    let mut needs = Needs::contacts();
    needs.object_types.extend(manifest.properties.iter().map(|one| object_type_id(&one.object_type).to_owned()));
    needs.pipelines = needs.object_types.contains(DEAL);
    for named in named(manifest, settings) {
        match named.format.as_str() {
            PIPELINE | STAGE => needs.pipelines = true,
            OWNER => needs.owners = true,
            _ => {
                needs.object_types.insert(named.object_type);
            }
        }
    }
    needs
}

/// What has to be read of a portal to offer what the settings of a schema may name.
pub fn offered(schema: &Value) -> Needs {
    let mut needs = Needs::default();
    offer(schema, &mut needs);
    needs
}

fn offer(schema: &Value, needs: &mut Needs) {
    match schema["format"].as_str() {
        Some(PIPELINE | STAGE) => needs.pipelines = true,
        Some(OWNER) => needs.owners = true,
        Some(PROPERTY) => {
            needs.object_types.insert(object_type_id(schema[OBJECT_TYPE].as_str().unwrap_or(CONTACT)).to_owned());
        }
        _ => {}
    }
    let inner = schema["properties"].as_object().into_iter().flat_map(|properties| properties.values());
    inner
        .chain([&schema["additionalProperties"], &schema["items"]])
        .filter(|one| one.is_object())
        .for_each(|one| offer(one, needs));
}

/// Every setting that names something that the portal does not have. What was not read is not judged.
pub fn check_settings(manifest: &Manifest, settings: &Value, schema: &PortalSchema) -> Vec<Misfit> {
    let misfit = |named: &Named| {
        let problem = match named.format.as_str() {
            PIPELINE => schema.pipeline(&named.value).err().map(|words| Problem::new(Code::PipelineMissing, words)),
            STAGE => stage_problem(schema, named.pipeline.as_deref(), &named.value),
            OWNER => owner_problem(schema, &named.value),
            _ => property_problem(schema, &named.object_type, &named.value),
        }?;
        Some(Misfit { pointer: named.pointer.clone(), problem: problem.about(&named.value) })
    };
    named(manifest, settings).iter().filter_map(misfit).collect()
}

/// Why a new deal cannot be put into this stage of this pipeline.
pub fn check_stage(schema: &PortalSchema, pipeline: &str, stage: &str) -> Option<Problem> {
    match schema.pipeline(pipeline) {
        Err(words) => Some(Problem::new(Code::PipelineMissing, words).about(pipeline)),
        Ok(_) => stage_problem(schema, Some(pipeline), stage).map(|problem| problem.about(stage)),
    }
}

impl PortalSchema {
    /// A pipeline that deals can be put into; none where pipelines were not read.
    ///
    /// # Errors
    /// Why there is none, and which there are.
    pub(super) fn pipeline(&self, id: &str) -> Result<Option<&Pipeline>, String> {
        let Some(pipelines) = &self.pipelines else {
            return Ok(None);
        };
        let live = || pipelines.iter().filter(|pipeline| !pipeline.archived);
        live().find(|pipeline| pipeline.id == id).map(Some).ok_or_else(|| {
            let known: Vec<_> = live().map(|pipeline| format!("`{}` ({})", pipeline.id, pipeline.label)).collect();
            format!("HubSpot has no pipeline `{id}`; there {}", are(&known))
        })
    }
}

fn stage_problem(schema: &PortalSchema, pipeline: Option<&str>, id: &str) -> Option<Problem> {
    let pipelines = schema.pipelines.as_ref()?;
    let chosen: Vec<_> = match pipeline {
        // A pipeline that is not there has been named already.
        Some(chosen) => vec![pipelines.iter().find(|known| known.id == chosen && !known.archived)?],
        None => pipelines.iter().filter(|known| !known.archived).collect(),
    };
    let stages = || chosen.iter().flat_map(|pipeline| &pipeline.stages);
    let of = chosen.first().filter(|_| pipeline.is_some()).map_or_else(String::new, |one| format!(" in {}", one.label));
    let words = match stages().find(|stage| stage.id == id) {
        Some(stage) if stage.archived => format!("the stage `{id}` ({}) is archived in HubSpot", stage.label),
        Some(stage) if !stage.writable => format!("the stage `{id}` ({}) takes no deals from an app", stage.label),
        Some(_) => return None,
        None => format!("HubSpot has no stage `{id}`{of}"),
    };
    let usable = stages().filter(|stage| !stage.archived && stage.writable);
    let known: Vec<_> = usable.map(|stage| format!("`{}` ({})", stage.id, stage.label)).collect();
    Some(Problem::new(Code::StageMissing, format!("{words}; there {}", are(&known))))
}

fn owner_problem(schema: &PortalSchema, id: &str) -> Option<Problem> {
    let owners = schema.owners.as_ref()?;
    if owners.iter().any(|owner| owner.id == id) {
        return None;
    }
    let known: Vec<_> = owners.iter().map(|owner| format!("`{}` ({})", owner.id, owner.name)).collect();
    let words = format!("nobody in HubSpot who can own records has the id `{id}`; there {}", are(&known));
    Some(Problem::new(Code::OwnerUnknown, words))
}

fn property_problem(schema: &PortalSchema, object_type: &str, name: &str) -> Option<Problem> {
    let properties = schema.objects.get(object_type)?;
    let (code, words) = match properties.get(name) {
        None => (Code::PropertyMissing, format!("HubSpot has no property `{name}`")),
        Some(found) if found.archived => (Code::PropertyArchived, format!("`{name}` is archived in HubSpot")),
        Some(found) if found.read_only => {
            let words = format!("HubSpot fills `{name}` ({}) itself and takes no values for it", found.label);
            (Code::PropertyReadOnly, words)
        }
        Some(_) => return None,
    };
    Some(Problem::new(code, words))
}

/// Entries that a sentence names.
const NAMED_MAX: usize = 12;

fn are(known: &[String]) -> String {
    match known {
        [] => "are none".to_owned(),
        [one] => format!("is {one}"),
        many if many.len() > NAMED_MAX => {
            format!("are {} and {} more", many[..NAMED_MAX].join(", "), many.len() - NAMED_MAX)
        }
        many => format!("are {}", many.join(", ")),
    }
}

/// A setting that names something of the portal.
struct Named {
    pointer: String,
    format: String,
    value: String,
    /// For a property.
    object_type: String,
    /// For a stage: the pipeline that stands beside it.
    pipeline: Option<String>,
}

fn named(manifest: &Manifest, settings: &Value) -> Vec<Named> {
    let mut found = Vec::new();
    // A version whose schema is no JSON was never installed.
    if let Ok(schema) = serde_json::from_str::<Value>(&manifest.settings_schema) {
        walk(&schema, settings, "", None, &mut found);
    }
    found
}

/// Goes through a schema and the value that it describes, side by side.
fn walk(schema: &Value, value: &Value, pointer: &str, pipeline: Option<&str>, found: &mut Vec<Named>) {
    let format = schema["format"].as_str().unwrap_or("");
    match value {
        Value::String(text) if [PIPELINE, STAGE, OWNER, PROPERTY].contains(&format) => found.push(Named {
            pointer: pointer.to_owned(),
            format: format.to_owned(),
            value: text.clone(),
            object_type: object_type_id(schema[OBJECT_TYPE].as_str().unwrap_or(CONTACT)).to_owned(),
            pipeline: pipeline.map(str::to_owned),
        }),
        Value::Object(members) => {
            let properties = &schema["properties"];
            let is_pipeline = |name: &&String| properties[name.as_str()]["format"] == PIPELINE;
            let chosen = members.keys().find(is_pipeline).and_then(|name| members[name].as_str()).or(pipeline);
            for (name, member) in members {
                let inner = properties.get(name).unwrap_or(&schema["additionalProperties"]);
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(inner, member, &format!("{pointer}/{name}"), chosen, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&schema["items"], item, &format!("{pointer}/{index}"), pipeline, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::manifest::{PropertyDefinition, PropertyKind};
    use crate::model::portal::{Owner, PropertyInfo, Stage};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn manifest() -> Manifest {
        let schema = json!({"type": "object", "properties": {
            "pipeline": {"type": "string", "format": "hubspot-pipeline"},
            "stage": {"type": "string", "format": "hubspot-stage"},
            "owner": {"type": "string", "format": "hubspot-owner"},
            "origin": {"type": "string", "format": "hubspot-property"},
            "more": {"type": "array", "items": {"type": "string", "format": "hubspot-property", "x-object-type": "deal"}},
            "by_dealership": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                "pipeline": {"type": "string", "format": "hubspot-pipeline"},
                "stage": {"type": "string", "format": "hubspot-stage"}}}}}});
        Manifest {
            name: "deals".into(),
            summary: String::new(),
            event_types: vec![],
            settings_schema: schema.to_string(),
            properties: vec![],
        }
    }

    fn portal() -> PortalSchema {
        let stage =
            |id: &str, archived, writable| Stage { id: id.into(), label: id.to_uppercase(), archived, writable };
        let pipeline = |id: &str, stages| Pipeline { id: id.into(), label: id.to_uppercase(), archived: false, stages };
        let live = PropertyInfo { label: "Live".into(), ..PropertyInfo::default() };
        let closed = PropertyInfo { read_only: true, label: "Last Contacted".into(), ..PropertyInfo::default() };
        let contact = BTreeMap::from([("live".to_owned(), live.clone()), ("notes_last_contacted".to_owned(), closed)]);
        let deal = BTreeMap::from([("amount".to_owned(), live)]);
        PortalSchema {
            objects: BTreeMap::from([(CONTACT.to_owned(), contact), (DEAL.to_owned(), deal)]),
            pipelines: Some(vec![
                pipeline("new", vec![stage("lead", false, true), stage("old", true, true)]),
                pipeline("used", vec![stage("fresh", false, true), stage("auto", false, false)]),
            ]),
            owners: Some(vec![Owner { id: "910042".into(), name: "Ines Duarte".into(), ..Owner::default() }]),
        }
    }

    #[test]
    fn settings_are_checked_against_the_portal() {
        let rows = [
            (
                json!({"pipeline": "new", "stage": "lead", "owner": "910042", "origin": "live", "more": ["amount"]}),
                vec![],
            ),
            (
                json!({"pipeline": "boats", "stage": "lead"}),
                vec!["/pipeline: HubSpot has no pipeline `boats`; there are `new` (NEW), `used` (USED)"],
            ),
            (
                json!({"pipeline": "used", "stage": "lead"}),
                vec!["/stage: HubSpot has no stage `lead` in USED; there is `fresh` (FRESH)"],
            ),
            (
                json!({"pipeline": "new", "stage": "old"}),
                vec!["/stage: the stage `old` (OLD) is archived in HubSpot; there is `lead` (LEAD)"],
            ),
            (
                json!({"pipeline": "used", "stage": "auto"}),
                vec!["/stage: the stage `auto` (AUTO) takes no deals from an app; there is `fresh` (FRESH)"],
            ),
            (
                json!({"owner": "77"}),
                vec!["/owner: nobody in HubSpot who can own records has the id `77`; there is `910042` (Ines Duarte)"],
            ),
            (
                json!({"origin": "notes_last_contacted"}),
                vec![
                    "/origin: HubSpot fills `notes_last_contacted` (Last Contacted) itself and takes no values for it",
                ],
            ),
            (
                json!({"origin": "nowhere", "more": ["amount", "live"]}),
                vec!["/more/1: HubSpot has no property `live`", "/origin: HubSpot has no property `nowhere`"],
            ),
            (
                json!({"by_dealership": {"a/b": {"pipeline": "used", "stage": "lead"}}}),
                vec!["/by_dealership/a~1b/stage: HubSpot has no stage `lead` in USED; there is `fresh` (FRESH)"],
            ),
        ];
        for (settings, expected) in rows {
            let misfits = check_settings(&manifest(), &settings, &portal());
            let seen: Vec<_> = misfits.into_iter().map(|misfit| Violation::from(misfit).to_string()).collect();
            assert_eq!(seen, expected, "{settings}");
        }
        let wild = json!({"pipeline": "boats", "stage": "x", "owner": "1", "origin": "y"});
        assert_eq!(check_settings(&manifest(), &wild, &PortalSchema::default()), [], "what was not read is not judged");
    }

    #[test]
    fn only_what_is_used_is_read() {
        let contact_only = Needs::contacts();
        assert_eq!(needs(&manifest(), &json!({})), contact_only);
        assert_eq!(needs(&manifest(), &json!({"owner": "1"})), Needs { owners: true, ..contact_only.clone() });
        let with_deals =
            Needs { object_types: BTreeSet::from([CONTACT.into(), DEAL.into()]), pipelines: true, owners: false };
        let key = PropertyDefinition {
            object_type: "deal".into(),
            name: "leadline_deal_key".into(),
            label: "Key".into(),
            description: String::new(),
            kind: PropertyKind::Text,
            options: vec![],
            unique: true,
        };
        assert_eq!(needs(&Manifest { properties: vec![key], ..manifest() }, &json!({})), with_deals);
    }

    #[test]
    fn a_stage_is_one_of_its_pipeline() {
        let code = |pipeline, stage| check_stage(&portal(), pipeline, stage).map(|problem| problem.code);
        assert_eq!(code("new", "lead"), None);
        assert_eq!(code("used", "lead"), Some(Code::StageMissing));
        assert_eq!(code("boats", "lead"), Some(Code::PipelineMissing));
        assert_eq!(check_stage(&PortalSchema::default(), "new", "lead"), None);
    }
}
