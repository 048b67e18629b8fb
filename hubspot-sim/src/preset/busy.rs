//! A portal that has been at work for years: many contacts, second addresses, a merged pair.

use std::collections::BTreeMap;

use crate::portal::record::Source;
use crate::portal::{CONTACT, PortalState};
use crate::random::Random;
use crate::turn::{Turn, Version};
use crate::write::{self, Claims};

const CONTACTS: usize = 5_000;

/// Every so many contacts one has a second address.
const SECOND_ADDRESS_EVERY: usize = 50;

const FIRST_NAMES: [&str; 8] = ["Ada", "Ben", "Carla", "Deniz", "Eva", "Femi", "Greta", "Hugo"];
const LAST_NAMES: [&str; 7] = ["Ahmadi", "Brandt", "Costa", "Dvorak", "Evans", "Ferrari", "Garcia"];
const STAGES: [&str; 4] = ["subscriber", "lead", "opportunity", "customer"];

pub(super) fn fill(portal: &mut PortalState, now: i64) {
    let random = Random::new(0, 0);
    let turn = Turn { number: 0, now, version: Version::September2026, by: Source::Person, random };
    for at in 0..CONTACTS {
        let properties = [
            ("email", format!("person{at}@example.com")),
            ("firstname", FIRST_NAMES[at % FIRST_NAMES.len()].to_owned()),
            ("lastname", LAST_NAMES[at % LAST_NAMES.len()].to_owned()),
            ("phone", format!("+1305555{at:04}")),
            ("lifecyclestage", STAGES[at % STAGES.len()].to_owned()),
        ];
        let properties: BTreeMap<_, _> = properties.map(|(name, value)| (name.to_owned(), value)).into();
        let draft = write::check(portal, &turn, CONTACT, None, &properties, &mut Claims::default());
        let id = draft.ok().and_then(|draft| write::commit(portal, &turn, CONTACT, &draft));
        if let Some(id) = id.filter(|_| at % SECOND_ADDRESS_EVERY == 0) {
            write::keep_address(portal, id, &format!("person{at}@mail.example.org"));
        }
    }
    let ids = |portal: &PortalState| portal.table(CONTACT).ok()?.all().first_chunk().map(|[a, b]| (a.id, b.id));
    if let Some((winner, loser)) = ids(portal) {
        write::merge(portal, &turn, CONTACT, winner, loser);
    }
}
