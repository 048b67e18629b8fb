//! What people do to records.

use std::collections::BTreeMap;

use super::Act;
use crate::answer::Refusal;
use crate::portal::{CONTACT, PortalState};
use crate::turn::Turn;
use crate::write::{self, Claims};

/// Answers with the id of the record that the act was about.
pub(super) fn perform(portal: &mut PortalState, turn: &Turn, act: Act) -> Result<u64, Refusal> {
    match act {
        Act::CreateRecord { object_type, properties } => write(portal, turn, &object_type, None, &properties),
        Act::EditRecord { object_type, id, properties } => {
            let target = find(portal, turn, &object_type, &id)?;
            write(portal, turn, &object_type, Some(target), &properties)
        }
        Act::ArchiveRecord { object_type, id } => {
            let target = find(portal, turn, &object_type, &id)?;
            write::archive(portal, turn, &object_type, target);
            Ok(target)
        }
        Act::RestoreRecord { object_type, id } => restore(portal, &object_type, &id),
        Act::MergeRecords { object_type, winner, loser } => merge(portal, turn, &object_type, &winner, &loser),
        Act::AddAddress { contact, address } => add_address(portal, turn, &contact, &address),
        Act::EraseContact { contact } => {
            let target = find(portal, turn, CONTACT, &contact)?;
            write::erase(portal, turn, target);
            Ok(target)
        }
        _ => Err(Refusal::unknown_path()),
    }
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

fn restore(portal: &mut PortalState, object_type: &str, id: &str) -> Result<u64, Refusal> {
    let table = portal.table_mut(object_type)?;
    let restored = id.parse().ok().filter(|&id| table.restore(id));
    restored.ok_or_else(|| Refusal::not_found(format!("there is no archived record {object_type} {id}")))
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
