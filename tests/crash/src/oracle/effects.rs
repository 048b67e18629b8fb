//! Promises 3, 4 and 5: what HubSpot's stand-in holds, against what was sent and what the store says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Portal, Records, Sent, Thing, Violation};

const KEY_OF_DEALS: &str = "leadline_deal_key";
const VEHICLE: &str = "vehicle_of_interest";

/// Promise 3: the record of each delivered action is there.
pub(super) fn delivered_is_there(records: &Records) -> Vec<Violation> {
    let ids: HashMap<i64, HashSet<&str>> = records
        .portals
        .iter()
        .map(|portal| {
            let all = portal.contacts.iter().chain(&portal.deals).chain(&portal.notes);
            (portal.id, all.map(|thing| &*thing.id).collect())
        })
        .collect();
    let portals: HashMap<&str, i64> =
        records.stored().map(|(sent, event)| (&*event.id, records.dealers[sent.dealer].portal)).collect();
    let mut violations = Vec::new();
    for delivery in records.dump.deliveries.iter().filter(|delivery| delivery.state == "delivered") {
        let there = portals.get(&*delivery.event_id).and_then(|portal| ids.get(portal));
        for (action, record) in delivery.records.iter().enumerate() {
            let is_there = record.as_ref().is_some_and(|id| there.is_some_and(|there| there.contains(&**id)));
            if !is_there {
                let expected = format!("action {action} of {}, which is delivered, has its record", delivery.id);
                let found = record.as_ref().map_or("none".to_owned(), |id| format!("{id}, which is not in the portal"));
                violations.push(Violation::new(3, expected, found));
            }
        }
    }
    violations
}

/// Promises 3 and 4: each lead has its one contact, its one note and, where it is to have one, its one deal.
pub(super) fn leads_are_there_once(records: &Records) -> Vec<Violation> {
    let indexes: HashMap<i64, Index<'_>> =
        records.portals.iter().map(|portal| (portal.id, Index::new(portal))).collect();
    let mut violations = Vec::new();
    for (sent, event) in records.stored() {
        let Some(person) = &sent.person else { continue };
        let dealer = &records.dealers[sent.dealer];
        let index = &indexes[&dealer.portal];
        let what = |kind: &str| format!("{} ({}) has one {kind} in portal {}", event.id, sent.sender_id, dealer.portal);
        let contact = match index.contacts.get(&**person).map_or(&[][..], Vec::as_slice) {
            [contact] => &contact.id,
            several => {
                violations.push(Violation::new(4, what("contact"), ids(several)));
                continue;
            }
        };
        let notes = index.notes.get(&*event.id).map_or(&[][..], Vec::as_slice);
        violations.extend(one_of(notes, contact, what("note")));
        if dealer.deals {
            let deals = index.deals.get(&*sent.lead_id).map_or(&[][..], Vec::as_slice);
            violations.extend(one_of(deals, contact, what("deal")));
        }
    }
    violations
}

/// Exactly one, and it hangs on this contact, once.
fn one_of(things: &[&Thing], contact: &String, expected: String) -> Option<Violation> {
    match things {
        [thing] if thing.contacts == [contact.clone()] => None,
        [thing] => {
            let found = format!("{} hangs on {:?}", thing.id, thing.contacts);
            Some(Violation::new(4, format!("{expected}, on contact {contact}"), found))
        }
        several => Some(Violation::new(4, expected, ids(several))),
    }
}

fn ids(things: &[&Thing]) -> String {
    match things {
        [] => "none".to_owned(),
        things => things.iter().map(|thing| &*thing.id).collect::<Vec<_>>().join(" and "),
    }
}

/// A portal's records by what tells them apart.
struct Index<'a> {
    /// By address.
    contacts: HashMap<&'a str, Vec<&'a Thing>>,
    /// By the event in their marker.
    notes: HashMap<&'a str, Vec<&'a Thing>>,
    /// By their key.
    deals: HashMap<&'a str, Vec<&'a Thing>>,
}

impl<'a> Index<'a> {
    fn new(portal: &'a Portal) -> Self {
        fn by<'a>(things: &'a [Thing], key: impl Fn(&'a Thing) -> &'a str) -> HashMap<&'a str, Vec<&'a Thing>> {
            let mut index: HashMap<&str, Vec<&Thing>> = HashMap::new();
            things.iter().for_each(|thing| index.entry(key(thing)).or_default().push(thing));
            index
        }
        Self {
            contacts: by(&portal.contacts, |contact| property(contact, "email")),
            notes: by(&portal.notes, event_of),
            deals: by(&portal.deals, |deal| property(deal, KEY_OF_DEALS)),
        }
    }
}

fn property<'a>(thing: &'a Thing, name: &str) -> &'a str {
    thing.properties.get(name).map_or("", String::as_str)
}

/// The event that a note's marker names: `Leadline evt_…/1`.
fn event_of(note: &Thing) -> &str {
    let body = property(note, "hs_note_body");
    let marker = body.rsplit_once("Leadline ").map_or("", |(_, marker)| marker);
    marker.split_once('/').map_or("", |(event, _)| event)
}

/// Promise 3: every record at the stand-in belongs to a lead that was sent and stored.
pub(super) fn there_is_nothing_else(records: &Records) -> Vec<Violation> {
    let mut known: HashSet<(i64, &str, &str)> = HashSet::new();
    for (sent, event) in records.stored() {
        let portal = records.dealers[sent.dealer].portal;
        known.extend(sent.person.as_ref().map(|person| (portal, "contact", &**person)));
        known.extend([(portal, "note", &*event.id), (portal, "deal", &*sent.lead_id)]);
    }
    let mut violations = Vec::new();
    for portal in &records.portals {
        let contacts = portal.contacts.iter().map(|contact| ("contact", contact, property(contact, "email")));
        let notes = portal.notes.iter().map(|note| ("note", note, event_of(note)));
        let deals = portal.deals.iter().map(|deal| ("deal", deal, property(deal, KEY_OF_DEALS)));
        for (kind, thing, key) in contacts.chain(notes).chain(deals) {
            if !known.contains(&(portal.id, kind, key)) {
                let expected = format!("every {kind} in portal {} belongs to a stored lead", portal.id);
                violations.push(Violation::new(3, expected, format!("{} with the key `{key}`", thing.id)));
            }
        }
    }
    violations
}

/// Promise 5: a contact's values and notes came in the order of its leads, and it holds the newest value.
pub(super) fn in_order(records: &Records) -> Vec<Violation> {
    let mut people: BTreeMap<(i64, &str), Vec<(&Sent, &str)>> = BTreeMap::new();
    for (sent, event) in records.stored() {
        if let Some(person) = &sent.person {
            let portal = records.portal_of(sent).id;
            people.entry((portal, person)).or_default().push((sent, &event.id));
        }
    }
    let mut violations = Vec::new();
    for portal in &records.portals {
        let mut notes: HashMap<&str, Vec<(u64, &str)>> = HashMap::new();
        for note in &portal.notes {
            for contact in &note.contacts {
                notes.entry(contact).or_default().push((note.id.parse().unwrap_or_default(), event_of(note)));
            }
        }
        for contact in &portal.contacts {
            let Some(leads) = people.get(&(portal.id, property(contact, "email"))) else { continue };
            let place = |vehicle: &String| leads.iter().position(|(sent, _)| sent.vehicle == *vehicle);
            let last_times = last_times(&contact.vehicles);
            if !last_times.iter().map(|vehicle| place(vehicle)).is_sorted() {
                let expected = format!("contact {} got the vehicles of its leads in their order", contact.id);
                violations.push(Violation::new(5, expected, contact.vehicles.join(", ")));
            }
            let newest = leads.last().map_or("", |(sent, _)| &sent.vehicle);
            if property(contact, VEHICLE) != newest {
                let expected = format!("contact {} holds the vehicle of its newest lead, {newest}", contact.id);
                violations.push(Violation::new(5, expected, property(contact, VEHICLE)));
            }
            let mut written = notes.remove(&*contact.id).unwrap_or_default();
            written.sort_unstable();
            let places: Vec<_> =
                written.iter().map(|(_, event)| leads.iter().position(|(_, id)| id == event)).collect();
            if !places.is_sorted() {
                let events: Vec<_> = written.iter().map(|(note, event)| format!("{note} of {event}")).collect();
                let expected = format!("contact {} got the notes of its leads in their order", contact.id);
                violations.push(Violation::new(5, expected, events.join(", ")));
            }
        }
    }
    violations
}

/// Each value where it was written for the last time. The leads of a person that one call wrote together are written one
/// after the other if its answer is lost, so an older value may come back for a moment; never to stay.
fn last_times(values: &[String]) -> Vec<&String> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> = values.iter().rev().filter(|value| seen.insert(*value)).collect();
    last.reverse();
    last
}

/// Promise 4: the stand-in found nothing that HubSpot takes and a good connector never does.
pub(super) fn findings(records: &Records) -> Vec<Violation> {
    let found: BTreeSet<_> =
        records.portals.iter().flat_map(|portal| portal.findings.iter().map(|finding| (portal.id, finding))).collect();
    let violation =
        |(portal, finding): (i64, &String)| Violation::new(4, format!("no findings in portal {portal}"), finding);
    found.into_iter().map(violation).collect()
}
