//! What people do in their portal, while the integration is at work.

mod access;
mod pipelines;
mod records;
mod schema;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::Refusal;
use crate::portal::PortalState;
use crate::portal::record::Source;
use crate::portal::schema::NewProperty;
use crate::random::Random;
use crate::turn::{Turn, Version};
use crate::world::World;

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
    /// Erases a contact for good, as the privacy laws have it.
    EraseContact {
        contact: String,
    },
    AddProperty {
        object_type: String,
        property: NewProperty,
    },
    ArchiveProperty {
        object_type: String,
        name: String,
    },
    RestoreProperty {
        object_type: String,
        name: String,
    },
    /// HubSpot's own values, or somebody's formula, fill it from now on; or no longer.
    SetReadOnly {
        object_type: String,
        property: String,
        read_only: bool,
    },
    /// Lists show it only to those who ask for sensitive ones.
    SetSensitive {
        object_type: String,
        property: String,
        sensitive: bool,
    },
    ChangeType {
        object_type: String,
        property: String,
        kind: String,
        field_type: String,
    },
    AddOption {
        object_type: String,
        property: String,
        value: String,
        label: String,
    },
    /// Changes what people read; the value stays.
    RenameOption {
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
    /// Takes every requirement of this property away.
    ReleaseProperty {
        object_type: String,
        property: String,
    },
    AddRule {
        object_type: String,
        property: String,
        rule: String,
        argument: String,
    },
    /// In place of the rule of the same kind.
    ChangeRule {
        object_type: String,
        property: String,
        rule: String,
        argument: String,
    },
    RemoveRules {
        object_type: String,
        property: String,
    },
    AddPipeline {
        pipeline: String,
        label: String,
    },
    AddStage {
        pipeline: String,
        stage: String,
        label: String,
    },
    ArchiveStage {
        pipeline: String,
        stage: String,
    },
    /// Nobody may put deals into it; or they may again.
    LockStage {
        pipeline: String,
        stage: String,
        locked: bool,
    },
    ArchivePipeline {
        pipeline: String,
    },
    RestorePipeline {
        pipeline: String,
    },
    AddOwner {
        id: u64,
        user_id: u64,
        email: String,
        name: String,
    },
    ArchiveOwner {
        id: u64,
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
    let random = Random::new(world.seed(), 0);
    let now = world.clock.now();
    let turn = Turn { number: 0, now, version: Version::September2026, by: Source::Person, random };
    let id = match act {
        Act::CreateRecord { .. }
        | Act::EditRecord { .. }
        | Act::ArchiveRecord { .. }
        | Act::RestoreRecord { .. }
        | Act::MergeRecords { .. }
        | Act::AddAddress { .. }
        | Act::EraseContact { .. } => return records::perform(portal, &turn, act).map(|id| Some(id.to_string())),
        Act::AddProperty { .. }
        | Act::ArchiveProperty { .. }
        | Act::RestoreProperty { .. }
        | Act::SetReadOnly { .. }
        | Act::SetSensitive { .. }
        | Act::ChangeType { .. }
        | Act::AddOption { .. }
        | Act::RenameOption { .. }
        | Act::RemoveOption { .. }
        | Act::RequireProperty { .. }
        | Act::ReleaseProperty { .. }
        | Act::AddRule { .. }
        | Act::ChangeRule { .. }
        | Act::RemoveRules { .. }
        | Act::AddObjectType { .. } => schema::perform(portal, now, act),
        Act::AddPipeline { .. }
        | Act::AddStage { .. }
        | Act::ArchiveStage { .. }
        | Act::LockStage { .. }
        | Act::ArchivePipeline { .. }
        | Act::RestorePipeline { .. }
        | Act::AddOwner { .. }
        | Act::ArchiveOwner { .. } => pipelines::perform(portal, act),
        Act::RevokeToken
        | Act::RestoreToken
        | Act::UninstallApp { .. }
        | Act::RevokeInstall { .. }
        | Act::DeletePortal
        | Act::TakeScope { .. }
        | Act::GrantScope { .. } => access::perform(portal, act),
    };
    id.map(|()| None)
}
