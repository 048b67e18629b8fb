//! What people do in their portal, while the integration is at work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::Refusal;
use crate::api;
use crate::oauth;
use crate::portal::record::Source;
use crate::portal::schema::{Choice, NewProperty, Property, Required, Rule};
use crate::portal::{CONTACT, DEAL, PortalState};
use crate::preset;
use crate::turn::{Turn, Version};
use crate::world::World;
use crate::write::{self, Claims};

/// One act; the same in Rust and as the body of `POST /_sim/acts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    CreateRecord {
        object_type: String,
        properties: BTreeMap<String, String>,
    },
    EditRecord {
        object_type: String,
        id: String,
        properties: BTreeMap<String, String>,
    },
    ArchiveRecord {
        object_type: String,
        id: String,
    },
    RestoreRecord {
        object_type: String,
        id: String,
    },
    /// The loser's id then leads to the winner, and its address becomes an additional one.
    MergeRecords {
        object_type: String,
        winner: String,
        loser: String,
    },
    AddAddress {
        contact: String,
        address: String,
    },
    AddProperty {
        object_type: String,
        property: NewProperty,
    },
    ArchiveProperty {
        object_type: String,
        name: String,
    },
    AddOption {
        object_type: String,
        property: String,
        value: String,
        label: String,
    },
    RemoveOption {
        object_type: String,
        property: String,
        value: String,
    },
    /// For new records; with `when`, only beside this value of that property.
    RequireProperty {
        object_type: String,
        property: String,
        when: Option<(String, String)>,
    },
    AddRule {
        object_type: String,
        property: String,
        rule: String,
        argument: String,
    },
    ArchiveStage {
        pipeline: String,
        stage: String,
    },
    /// An object type of the account's own, such as `2-77`.
    AddObjectType {
        object_type: String,
        label: String,
    },
    RevokeToken,
    RestoreToken,
    /// An admin removes an app: both its tokens are dead.
    UninstallApp {
        client_id: String,
    },
    /// The refresh token is dead; the app stays, and a live access token goes on until it expires.
    RevokeInstall {
        client_id: String,
    },
    /// The account is closed, with everything in it.
    DeletePortal,
    /// From every app in the portal, and from the portal's own token.
    TakeScope {
        scope: String,
    },
    GrantScope {
        scope: String,
    },
}

/// Carries an act out, and answers with the id of the record it was about.
pub(crate) fn perform(world: &World, portal: &mut PortalState, act: Act) -> Result<Option<String>, Refusal> {
    let random = crate::random::Random::new(world.seed, 0);
    let now = world.clock.now();
    let turn = Turn { number: 0, now, version: Version::September2026, by: Source::Person, random };
    let done = match act {
        Act::CreateRecord { object_type, properties } => Some(write(portal, &turn, &object_type, None, &properties)?),
        Act::EditRecord { object_type, id, properties } => {
            let target = find(portal, &turn, &object_type, &id)?;
            Some(write(portal, &turn, &object_type, Some(target), &properties)?)
        }
        Act::ArchiveRecord { object_type, id } => {
            let target = find(portal, &turn, &object_type, &id)?;
            write::archive(portal, &turn, &object_type, target);
            Some(target)
        }
        Act::RestoreRecord { object_type, id } => restore(portal, &object_type, &id)?,
        Act::MergeRecords { object_type, winner, loser } => Some(merge(portal, &turn, &object_type, &winner, &loser)?),
        Act::AddAddress { contact, address } => Some(add_address(portal, &turn, &contact, &address)?),
        Act::AddObjectType { object_type, .. } if portal.tables.contains_key(&object_type) => {
            return Err(Refusal::validation(format!("there is an object type {object_type} already")));
        }
        Act::AddObjectType { object_type, label } => {
            preset::add_object_type(portal, &object_type, &label, now);
            None
        }
        Act::ArchiveStage { pipeline, stage } => {
            archive_stage(portal, &pipeline, &stage)?;
            None
        }
        Act::RevokeToken => {
            portal.token_lives = false;
            None
        }
        Act::RestoreToken => {
            portal.token_lives = true;
            None
        }
        Act::UninstallApp { client_id } => {
            oauth::uninstall(portal, &client_id)?;
            None
        }
        Act::RevokeInstall { client_id } => {
            let install = portal.installs.of(&client_id);
            install.ok_or_else(|| Refusal::not_found("the app is not installed"))?.refresh_lives = false;
            None
        }
        Act::DeletePortal => {
            portal.deleted = true;
            None
        }
        Act::TakeScope { scope } => {
            portal.all_scopes().for_each(|scopes| scopes.retain(|granted| *granted != scope));
            None
        }
        Act::GrantScope { scope } => {
            portal.all_scopes().for_each(|scopes| scopes.extend([scope.clone()]));
            None
        }
        schema => {
            change_schema(portal, now, schema)?;
            None
        }
    };
    Ok(done.map(|id| id.to_string()))
}

fn find(portal: &PortalState, turn: &Turn, object_type: &str, id: &str) -> Result<u64, Refusal> {
    let found = portal.table(object_type)?.find(None, id, turn.now);
    found.map(|stored| stored.id).ok_or_else(|| Refusal::not_found(format!("there is no record {object_type} {id}")))
}

fn write(
    portal: &mut PortalState,
    turn: &Turn,
    object_type: &str,
    target: Option<u64>,
    properties: &BTreeMap<String, String>,
) -> Result<u64, Refusal> {
    let draft = write::check(portal, turn, object_type, target, properties, &mut Claims::default())?;
    write::commit(portal, turn, object_type, &draft).ok_or_else(Refusal::unknown_path)
}

fn restore(portal: &mut PortalState, object_type: &str, id: &str) -> Result<Option<u64>, Refusal> {
    let table = portal.table_mut(object_type)?;
    let restored = id.parse().ok().filter(|&id| table.restore(id));
    restored.map(Some).ok_or_else(|| Refusal::not_found(format!("there is no archived record {object_type} {id}")))
}

fn merge(portal: &mut PortalState, turn: &Turn, object_type: &str, winner: &str, loser: &str) -> Result<u64, Refusal> {
    let (winner, loser) = (find(portal, turn, object_type, winner)?, find(portal, turn, object_type, loser)?);
    if winner == loser {
        return Err(Refusal::validation("a record cannot be merged with itself"));
    }
    write::merge(portal, turn, object_type, winner, loser);
    Ok(winner)
}

fn add_address(portal: &mut PortalState, turn: &Turn, contact: &str, address: &str) -> Result<u64, Refusal> {
    let id = find(portal, turn, CONTACT, contact)?;
    let address = address.trim().to_lowercase();
    if !write::is_valid_email(&address, &[]) || portal.table(CONTACT)?.by_key("email", &address).is_some() {
        return Err(Refusal::validation(format!("{address} is no address, or another contact has it")));
    }
    write::keep_address(portal, id, &address);
    Ok(id)
}

fn archive_stage(portal: &mut PortalState, pipeline: &str, stage: &str) -> Result<(), Refusal> {
    let mut pipelines = portal.pipelines.get_mut(DEAL).into_iter().flatten();
    let found = pipelines.find(|one| one.id == pipeline);
    let found = found.and_then(|one| one.stages.iter_mut().find(|one| one.id == stage));
    let found = found.ok_or_else(|| Refusal::not_found(format!("there is no stage {stage} in {pipeline}")))?;
    found.archived = true;
    Ok(())
}

fn change_schema(portal: &mut PortalState, now: i64, act: Act) -> Result<(), Refusal> {
    match act {
        Act::AddProperty { object_type, property } => {
            let schema = &mut portal.table_mut(&object_type)?.schema;
            schema.add_group("leadline", "Leadline");
            if let Some(existing) = schema.properties.get_mut(property.name.as_str()) {
                existing.archived = false;
                return Ok(());
            }
            api::check_property(schema, &property)?;
            schema.add(Property::new(property, now));
        }
        Act::ArchiveProperty { object_type, name } => property_of(portal, &object_type, &name)?.archived = true,
        Act::AddOption { object_type, property, value, label } => {
            let options = &mut property_of(portal, &object_type, &property)?.definition.options;
            options.push(Choice::new(&value, &label, options.len()));
        }
        Act::RemoveOption { object_type, property, value } => {
            let options = &mut property_of(portal, &object_type, &property)?.definition.options;
            options.retain(|option| option.value != value);
        }
        Act::RequireProperty { object_type, property, when } => {
            property_of(portal, &object_type, &property)?;
            portal.table_mut(&object_type)?.schema.required.push(Required { property, when });
        }
        Act::AddRule { object_type, property, rule, argument } => {
            property_of(portal, &object_type, &property)?;
            let rule = Rule::new(&rule, &argument)
                .ok_or_else(|| Refusal::validation(format!("there is no rule {rule} with {argument}")))?;
            portal.table_mut(&object_type)?.schema.rules.entry(property).or_default().push(rule);
        }
        // The other acts are not about the schema, and were carried out before.
        _ => {}
    }
    Ok(())
}

fn property_of<'a>(portal: &'a mut PortalState, object_type: &str, name: &str) -> Result<&'a mut Property, Refusal> {
    let property = portal.table_mut(object_type)?.schema.properties.get_mut(name);
    property.ok_or_else(|| Refusal::not_found(format!("there is no property {name}")))
}
