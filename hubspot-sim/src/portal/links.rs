//! Associations between records: which type ids fit which pair, and the links themselves.

use crate::portal::{COMPANY, CONTACT, DEAL, NOTE, PortalState};
use crate::turn::Turn;
use crate::write;

/// From, to, and the id of the link without a label.
const PLAIN: [(&str, &str, u32); 13] = [
    (CONTACT, CONTACT, 449),
    (CONTACT, COMPANY, 279),
    (COMPANY, CONTACT, 280),
    (CONTACT, DEAL, 4),
    (DEAL, CONTACT, 3),
    (COMPANY, DEAL, 342),
    (DEAL, COMPANY, 341),
    (NOTE, CONTACT, 202),
    (CONTACT, NOTE, 201),
    (NOTE, COMPANY, 190),
    (COMPANY, NOTE, 189),
    (NOTE, DEAL, 214),
    (DEAL, NOTE, 213),
];

/// The links that make a company the primary one.
const PRIMARY: [(&str, &str, u32); 4] =
    [(CONTACT, COMPANY, 1), (COMPANY, CONTACT, 2), (DEAL, COMPANY, 5), (COMPANY, DEAL, 6)];

pub(crate) const HUBSPOT_DEFINED: &str = "HUBSPOT_DEFINED";
const USER_DEFINED: &str = "USER_DEFINED";

/// The link without a label between two object types, as category and id.
pub(crate) fn plain_type(from: &str, to: &str) -> Option<(&'static str, u32)> {
    if let Some(&(_, _, id)) = PLAIN.iter().find(|&&(a, b, _)| (a, b) == (from, to)) {
        return Some((HUBSPOT_DEFINED, id));
    }
    // Portals number the links of their own object types; the type's number keeps ours apart.
    let number = |object_type: &str| object_type.strip_prefix("2-")?.parse::<u32>().ok();
    let id = match (number(from), number(to)) {
        (Some(from), _) => from.wrapping_mul(2),
        (None, Some(to)) => to.wrapping_mul(2).wrapping_add(1),
        (None, None) => return None,
    };
    Some((USER_DEFINED, id))
}

/// Does this type id belong to this pair, in this direction?
pub(crate) fn fits(from: &str, to: &str, category: &str, id: u32) -> bool {
    plain_type(from, to) == Some((if category == HUBSPOT_DEFINED { HUBSPOT_DEFINED } else { USER_DEFINED }, id))
        || (category == HUBSPOT_DEFINED && PRIMARY.contains(&(from, to, id)))
}

pub(crate) fn category(from: &str, to: &str) -> &'static str {
    plain_type(from, to).map_or(HUBSPOT_DEFINED, |(category, _)| category)
}

/// The same link, seen from the other end.
fn inverse(from: &str, to: &str, id: u32) -> u32 {
    if PRIMARY.contains(&(from, to, id)) {
        let back = PRIMARY.iter().find(|&&(a, b, _)| (a, b) == (to, from));
        return back.map_or(id, |&(_, _, id)| id);
    }
    plain_type(to, from).map_or(id, |(_, id)| id)
}

/// Links two records that exist, from both ends. Repeating it changes nothing.
pub(crate) fn link(portal: &mut PortalState, turn: &Turn, from: (&str, u64), to: (&str, u64), type_id: u32) {
    let is_new = attach(portal, from, to, type_id);
    attach(portal, to, from, inverse(from.0, to.0, type_id));
    if is_new {
        touch(portal, turn, from, to);
        touch(portal, turn, to, from);
        write::look_for_doubles(portal, turn, from, to);
    }
}

fn attach(portal: &mut PortalState, from: (&str, u64), to: (&str, u64), type_id: u32) -> bool {
    let Some(to_type) = portal.tables.get(to.0).map(|table| std::sync::Arc::clone(&table.object_type)) else {
        return false;
    };
    let Some(stored) = portal.tables.get_mut(from.0).and_then(|table| table.get_mut(from.1)) else {
        return false;
    };
    let types = stored.links.entry(to_type).or_default().entry(to.1).or_default();
    let is_new = !types.contains(&type_id);
    if is_new {
        types.push(type_id);
    }
    is_new
}

/// A note moves what HubSpot keeps about notes on the record that it hangs on.
fn touch(portal: &mut PortalState, turn: &Turn, record: (&str, u64), other: (&str, u64)) {
    let table = portal.tables.get_mut(record.0);
    if let Some(stored) = table.and_then(|table| table.get_mut(record.1))
        && other.0 == NOTE
    {
        stored.notes_updated_at = Some(turn.now);
        stored.updated_at = turn.now;
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, inverse, plain_type};

    #[test]
    fn type_ids_have_a_direction() {
        for (from, to, id, fit) in [
            ("0-46", "0-1", 202, true),
            ("0-46", "0-1", 201, false),
            ("0-1", "0-46", 201, true),
            ("0-46", "0-3", 214, true),
            ("0-46", "0-3", 202, false),
            ("0-3", "0-1", 3, true),
            ("0-3", "0-1", 4, false),
            ("0-1", "0-2", 1, true),
        ] {
            assert_eq!(fits(from, to, "HUBSPOT_DEFINED", id), fit, "{from} {to} {id}");
            assert!(!fits(from, to, "USER_DEFINED", id));
        }
    }

    #[test]
    fn links_look_back() {
        assert_eq!(inverse("0-46", "0-1", 202), 201);
        assert_eq!(inverse("0-1", "0-2", 1), 2);
    }

    #[test]
    fn custom_types_have_links_of_their_own() {
        assert_eq!(plain_type("2-77", "0-1"), Some(("USER_DEFINED", 154)));
        assert_eq!(plain_type("0-1", "2-77"), Some(("USER_DEFINED", 155)));
        assert_eq!(plain_type("0-1", "0-999"), None);
    }
}
