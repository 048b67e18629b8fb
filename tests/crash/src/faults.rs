//! What goes wrong at HubSpot in one cycle.

use std::collections::BTreeMap;

use hubspot_sim::{End, Fault, Match, Then};

use crate::random::Random;

/// The calls that serve leads; others have faults of their own in other tests.
const LEADS: &str = "/crm/objects/";

/// A few faults, each of which meets one or two calls.
pub(crate) fn draw(random: &mut Random) -> Vec<Fault> {
    (0..random.between(0, 3)).map(|_| one(random)).collect()
}

fn one(random: &mut Random) -> Fault {
    let then = match random.between(0, 6) {
        // Lost after it took effect: the very thing that makes double records.
        0 => Then { apply: true, end: End::Close, ..Then::default() },
        1 => Then { end: End::Half, ..Then::default() },
        2 => Then { status: Some(500), ..Then::default() },
        3 => Then { apply: true, status: Some(502), ..Then::default() },
        4 => rate_limited(),
        5 => Then { apply: true, end: End::Timeout, hang_ms: Some(random.between(50, 300)), ..Then::default() },
        _ => Then { delay_ms: random.between(50, 400), ..Then::default() },
    };
    let on = Match { path: Some(LEADS.to_owned()), nth: Some(random.between(1, 12)), ..Match::default() };
    Fault { on, times: Some(u32::try_from(random.between(1, 2)).unwrap_or(1)), then }
}

/// A 429 that has a cause: this one.
fn rate_limited() -> Then {
    let headers = BTreeMap::from([("Retry-After".to_owned(), "1".to_owned())]);
    Then { status: Some(429), headers, ..Then::default() }
}
