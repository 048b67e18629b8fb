//! The oracle: three records that share no code (the generator's, the stand-in's, the store's) have to agree. Pure.
//!
//! The promises, and how far each is asserted:
//!
//! 1. Every acknowledged event is stored once, under the id that was told, with one fate; nothing is stored that was
//!    not sent. After every cycle for what was acknowledged, after every drain for the fates.
//! 2. Every planned event has its one delivery, and after a drain each is delivered: no lead of this campaign has a
//!    reason to be blocked or to fail.
//! 3. Every delivered action is at the stand-in, and everything at the stand-in belongs to an event that was sent.
//! 4. One record a key, one note a marker, each hanging on its one contact; the stand-in has no findings.
//! 5. A contact holds the value of its newest lead; its values and its notes came in the order of its leads.
//! 6. No ten seconds hold more calls than the portal's limit, and no 429 came without a fault of ours.
//! 7. Epochs of a lane only grow, every call was stored before it was sent, and none arrived after its lease. That a
//!    settle with an old epoch changed nothing shows indirectly, by promises 2 to 4.
//! 8. One plan a delivery, one delivery an event, and a plan never changes once it was seen. That another run would
//!    give equal bytes is left to the tests of the sandbox.
//! 9. Attempts follow the timetable, only temporary trouble spends one, and what rests or is limited does not. Causes
//!    that hold are not part of the campaign.
//! 10. Tokens and secrets stand in no line of the log, and not in clear in the database.

mod attempts;
mod calls;
mod effects;
mod events;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use crate::dump::{Attempt, Delivery, Dump, Event, Lane, StoredCall};
pub use crate::portal::{Portal, SeenCall, Thing};
pub use crate::scene::Dealer;
pub use crate::sender::Sent;

pub(crate) use secrets::{Canary, check as check_secrets};

/// Of one kind of violation so many are told: the others are mostly the same again.
const TOLD_MAX: usize = 5;

/// The records that are compared.
#[derive(Clone, Debug, Default)]
pub struct Records {
    pub dealers: Vec<Dealer>,
    /// What the senders sent, and what was acknowledged.
    pub sent: Vec<Sent>,
    /// What the stand-in saw, oldest first.
    pub calls: Vec<SeenCall>,
    pub portals: Vec<Portal>,
    pub dump: Dump,
    /// When time was skipped.
    pub jumps: Vec<i64>,
    /// Delivery and plan, as they were when they were first seen.
    pub plans: BTreeMap<String, String>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number in the list above.
    pub promise: u8,
    pub expected: String,
    pub found: String,
}

impl Violation {
    pub(crate) fn new(promise: u8, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { promise, expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  promise {}", self.promise)?;
        writeln!(f, "    expected: {}", self.expected)?;
        write!(f, "    found:    {}", self.found)
    }
}

/// What holds at any moment, also right after a crash: only the events are looked at.
pub fn check_events(sent: &[Sent], dealers: &[Dealer], stored: &[Event]) -> Vec<Violation> {
    some(events::stored_as_told(sent, dealers, stored))
}

/// What holds when everything has been worked off.
pub fn check_drained(records: &Records) -> Vec<Violation> {
    let checks: [fn(&Records) -> Vec<Violation>; 13] = [
        |records| events::stored_as_told(&records.sent, &records.dealers, &records.dump.events),
        events::fates,
        events::deliveries,
        events::plans,
        effects::delivered_is_there,
        effects::leads_are_there_once,
        effects::there_is_nothing_else,
        effects::in_order,
        calls::within_the_limit,
        calls::stored_before_sent,
        calls::by_one_holder,
        calls::within_the_lease,
        attempts::follow_the_timetable,
    ];
    let mut violations: Vec<_> = checks.iter().flat_map(|check| some(check(records))).collect();
    violations.extend(some(effects::findings(records)));
    violations
}

fn some(mut violations: Vec<Violation>) -> Vec<Violation> {
    let more = violations.len().saturating_sub(TOLD_MAX);
    violations.truncate(TOLD_MAX);
    if let Some(last) = violations.last_mut().filter(|_| more > 0) {
        last.found.push_str(&format!(" (and {more} more of this kind)"));
    }
    violations
}

impl Records {
    /// The event that a lead was stored as, if it was.
    fn event_of(&self) -> BTreeMap<(&str, &str), &Event> {
        self.dump.events.iter().map(|event| ((&*event.source_id, &*event.sender_id), event)).collect()
    }

    /// Every lead that was stored, in the order in which it was sent, with its event.
    fn stored(&self) -> impl Iterator<Item = (&Sent, &Event)> {
        let events = self.event_of();
        self.sent.iter().filter_map(move |sent| {
            let source = &*self.dealers[sent.dealer].source_id;
            Some((sent, *events.get(&(source, &*sent.sender_id))?))
        })
    }

    fn portal_of(&self, sent: &Sent) -> &Portal {
        let id = self.dealers[sent.dealer].portal;
        self.portals.iter().find(|portal| portal.id == id).expect("every dealer has a portal")
    }
}
