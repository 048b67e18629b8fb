//! Two records become one: the loser's id then leads to the winner.

use std::sync::Arc;

use crate::portal::{CONTACT, PortalState, links};
use crate::turn::Turn;

/// The winner takes the addresses and the links of the loser.
pub(crate) fn merge(portal: &mut PortalState, turn: &Turn, object_type: &str, winner: u64, loser: u64) {
    let Some(table) = portal.tables.get_mut(object_type) else { return };
    table.archive(loser, turn.now);
    let Some(lost) = table.get_mut(loser) else { return };
    lost.merged_into = Some(winner);
    let primary = lost.written("email").map(str::to_owned);
    let addresses: Vec<String> = primary.into_iter().chain(lost.more_emails.clone()).collect();
    let moved: Vec<_> = lost.links.iter().map(|(to, others)| (Arc::clone(to), others.clone())).collect();
    if object_type == CONTACT {
        addresses.iter().for_each(|address| keep_address(portal, winner, address));
    }
    for (to, others) in moved {
        for (other, types) in others {
            for type_id in types {
                links::link(portal, turn, (object_type, winner), (&to, other), type_id);
            }
        }
    }
}

/// Makes an address one of a contact's additional ones.
pub(crate) fn keep_address(portal: &mut PortalState, contact: u64, address: &str) {
    let Some(table) = portal.tables.get_mut(CONTACT) else { return };
    table.index(&"email".into(), address, contact);
    if let Some(stored) = table.get_mut(contact) {
        stored.more_emails.push(address.to_owned());
    }
}
