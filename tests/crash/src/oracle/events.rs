//! Promises 1, 2 and 8: events, their fates, their deliveries and plans.

use std::collections::{BTreeMap, HashMap};

use super::{Dealer, Event, Records, Sent, Violation};

/// Promise 1: what was acknowledged is stored as it was told, and nothing else is stored.
pub(super) fn stored_as_told(sent: &[Sent], dealers: &[Dealer], stored: &[Event]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut by_key: HashMap<(&str, &str), Vec<&Event>> = HashMap::new();
    for event in stored {
        by_key.entry((&event.source_id, &event.sender_id)).or_default().push(event);
    }
    for lead in sent {
        let dealer = &dealers[lead.dealer];
        let id = &lead.sender_id;
        match (by_key.remove(&(&*dealer.source_id, &**id)).as_deref(), lead.acks.first()) {
            (None, None) => {}
            (None, Some(ack)) => violations.push(Violation::new(
                1,
                format!("{id} was acknowledged as {ack}, so it is stored"),
                "no event of this id",
            )),
            (Some([event]), _) => {
                if let Some(other) = lead.acks.iter().find(|ack| **ack != event.id) {
                    let expected = format!("{id} is stored as {}, so each acknowledgement says that", event.id);
                    violations.push(Violation::new(1, expected, format!("one says {other}")));
                }
                if event.body != lead.body || event.account_id != dealer.account_id {
                    let expected = format!("{} holds the body that {id} was sent with, for its account", event.id);
                    violations.push(Violation::new(1, expected, format!("{}: {}", event.account_id, event.body)));
                }
            }
            (Some(several), _) => {
                let ids: Vec<_> = several.iter().map(|event| &*event.id).collect();
                violations.push(Violation::new(1, format!("{id} is stored once"), format!("as {}", ids.join(", "))));
            }
        }
    }
    for event in by_key.into_values().flatten() {
        let found = format!("{} of source {} as {}", event.sender_id, event.source_id, event.id);
        violations.push(Violation::new(1, "nothing is stored that was not sent", found));
    }
    violations
}

/// Promise 1: every stored event has the fate that its lead asks for.
pub(super) fn fates(records: &Records) -> Vec<Violation> {
    let wrong = records.stored().filter_map(|(sent, event)| {
        let expected = if sent.person.is_some() { "planned" } else { "skipped" };
        (event.state != expected)
            .then(|| Violation::new(1, format!("{} ({}) is {expected}", event.id, sent.sender_id), event.state.clone()))
    });
    wrong.collect()
}

/// Promises 2 and 8: one delivery for each planned event, and it was delivered; nothing is open.
pub(super) fn deliveries(records: &Records) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut by_event: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for delivery in &records.dump.deliveries {
        by_event.entry(&delivery.event_id).or_default().push(delivery);
    }
    for event in &records.dump.events {
        let found = by_event.remove(&*event.id).unwrap_or_default();
        let expected = usize::from(event.state == "planned");
        if found.len() != expected {
            let ids: Vec<_> = found.iter().map(|delivery| &*delivery.id).collect();
            let expected = format!("{} is {} and has {expected} deliveries", event.id, event.state);
            violations.push(Violation::new(2, expected, format!("{}: {}", found.len(), ids.join(", "))));
        }
        for delivery in found.iter().filter(|delivery| delivery.state != "delivered") {
            let expected = format!("{} of {} is delivered after the drain", delivery.id, event.id);
            violations.push(Violation::new(2, expected, format!("{}, {} attempts", delivery.state, delivery.attempts)));
        }
    }
    for delivery in by_event.into_values().flatten() {
        let found = format!("{} is of {}", delivery.id, delivery.event_id);
        violations.push(Violation::new(2, "every delivery has its event", found));
    }
    let dump = &records.dump;
    if !dump.work.is_empty() || !dump.held.is_empty() {
        let found = format!("{} open, {} held", dump.work.len(), dump.held.len());
        violations.push(Violation::new(2, "nothing is open or held after the drain", found));
    }
    violations
}

/// Promise 8: each delivery has one plan, which is the one that was seen before.
pub(super) fn plans(records: &Records) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (delivery, plan) in &records.dump.plans {
        *counts.entry(delivery).or_default() += 1;
        if let Some(earlier) = records.plans.get(delivery).filter(|earlier| *earlier != plan) {
            let expected = format!("the plan of {delivery} stays what it was: {earlier}");
            violations.push(Violation::new(8, expected, plan.clone()));
        }
    }
    for delivery in &records.dump.deliveries {
        let count = counts.get(&*delivery.id).copied().unwrap_or_default();
        if count != 1 {
            violations.push(Violation::new(8, format!("{} has one plan", delivery.id), count.to_string()));
        }
    }
    for delivery in records.plans.keys().filter(|delivery| !counts.contains_key(&***delivery)) {
        violations.push(Violation::new(8, format!("the plan of {delivery} is still there"), "it is gone"));
    }
    violations
}
