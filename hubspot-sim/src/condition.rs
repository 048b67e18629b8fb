//! Conditions under which a portal answers no call: an outage, a move, or too many calls.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::answer::{Kind, Refusal};
use crate::knobs::Knobs;
use crate::time::{SECOND_MS, midnight};

/// The rolling window over which calls are counted.
const WINDOW_MS: i64 = 10 * SECOND_MS;

/// HubSpot's name for the limit of that window.
pub(crate) const TEN_SECONDS: &str = "TEN_SECONDLY_ROLLING";

/// The calls that a portal has seen lately.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Limits {
    window: VecDeque<i64>,
    searches: VecDeque<i64>,
    day_began: i64,
    day_calls: u32,
}

/// May this call go on? Counts it, if it is one that counts. Searches have a window of their own.
pub(crate) fn admit(limits: &mut Limits, knobs: &Knobs, zone: &str, is_search: bool, now: i64) -> Result<(), Refusal> {
    if let Some(outage) = knobs.outage
        && (outage.from_ms..outage.to_ms).contains(&now)
    {
        return Err(Refusal::bare(503, "the service is unavailable"));
    }
    if let Some(seconds) = knobs.migrating_retry_after_s {
        let moving = Refusal::bare(477, "this account is being moved to another data centre");
        return Err(Refusal { retry_after_s: Some(seconds), ..moving });
    }
    if is_search {
        return count_search(limits, knobs, now);
    }
    count(limits, knobs, zone, now)
}

fn count_search(limits: &mut Limits, knobs: &Knobs, now: i64) -> Result<(), Refusal> {
    let Some(limit) = knobs.search_rate_limit else { return Ok(()) };
    if is_full(&mut limits.searches, limit, knobs, now - SECOND_MS, now) {
        return Err(rate_limited("SECONDLY", "You have reached your secondly limit.", knobs));
    }
    Ok(())
}

/// Counts a call, and says whether the window behind `end` had no room for it.
fn is_full(window: &mut VecDeque<i64>, limit: u32, knobs: &Knobs, end: i64, now: i64) -> bool {
    forget_before(window, end);
    let is_full = window.len() >= limit as usize;
    if !is_full || knobs.refused_calls_count {
        window.push_back(now);
    }
    is_full
}

fn count(limits: &mut Limits, knobs: &Knobs, zone: &str, now: i64) -> Result<(), Refusal> {
    forget_before(&mut limits.window, now - WINDOW_MS);
    if knobs.daily_limit.is_some() && now >= limits.day_began + crate::time::DAY_MS {
        (limits.day_began, limits.day_calls) = (midnight(now, zone), 0);
    }
    let window_is_full = knobs.rate_limit.is_some_and(|limit| limits.window.len() >= limit as usize);
    let day_is_full = knobs.daily_limit.is_some_and(|limit| limits.day_calls >= limit);
    if !(window_is_full || day_is_full) || knobs.refused_calls_count {
        if knobs.rate_limit.is_some() {
            limits.window.push_back(now);
        }
        limits.day_calls = limits.day_calls.saturating_add(1);
    }
    match (day_is_full, window_is_full) {
        (true, _) => Err(rate_limited("DAILY", "You have reached your daily limit.", knobs)),
        (false, true) => {
            let message = "You have reached your ten_secondly_rolling limit.";
            Err(rate_limited(TEN_SECONDS, message, knobs))
        }
        (false, false) => Ok(()),
    }
}

/// The token calls of each app, counted over the same window.
pub(crate) type TokenCalls = HashMap<String, VecDeque<i64>>;

/// May this app ask for tokens again?
pub(crate) fn admit_token_call(calls: &mut TokenCalls, knobs: &Knobs, client: &str, now: i64) -> Result<(), Refusal> {
    let Some(limit) = knobs.token_rate_limit else { return Ok(()) };
    let window = calls.entry(client.to_owned()).or_default();
    if is_full(window, limit, knobs, now - WINDOW_MS, now) {
        return Err(rate_limited(TEN_SECONDS, "You have reached your limit of token calls.", knobs));
    }
    Ok(())
}

fn forget_before(window: &mut VecDeque<i64>, end: i64) {
    while window.front().is_some_and(|&at| at <= end) {
        window.pop_front();
    }
}

fn rate_limited(policy: &'static str, message: &str, knobs: &Knobs) -> Refusal {
    Refusal { kind: Kind::Policy(policy), retry_after_s: knobs.retry_after_s, ..Refusal::bare(429, message) }
}

/// What the headers of every answer say about the limits. Apps are told nothing about the day.
pub(crate) fn headers(limits: &Limits, knobs: &Knobs, is_app: bool) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: u64| headers.push((format!("X-HubSpot-RateLimit-{name}"), value.to_string()));
    if let Some(limit) = knobs.rate_limit {
        add("Max", limit.into());
        add("Remaining", u64::from(limit).saturating_sub(limits.window.len() as u64));
        add("Interval-Milliseconds", WINDOW_MS.unsigned_abs());
    }
    if let Some(limit) = knobs.daily_limit.filter(|_| !is_app) {
        add("Daily", limit.into());
        add("Daily-Remaining", limit.saturating_sub(limits.day_calls).into());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::{Limits, admit};
    use crate::knobs::Knobs;

    fn statuses(knobs: &Knobs, times: &[i64]) -> Vec<u16> {
        let mut limits = Limits::default();
        let zone = "America/New_York";
        times
            .iter()
            .map(|&now| admit(&mut limits, knobs, zone, false, now).err().map_or(200, |refusal| refusal.status))
            .collect()
    }

    #[test]
    fn window_rolls() {
        let knobs = Knobs { rate_limit: Some(2), refused_calls_count: false, ..Knobs::default() };
        assert_eq!(statuses(&knobs, &[0, 5_000, 9_999, 10_000, 10_001]), [200, 200, 429, 200, 429]);
    }

    #[test]
    fn refused_calls_keep_the_window_full() {
        let knobs = Knobs { rate_limit: Some(1), ..Knobs::default() };
        assert_eq!(statuses(&knobs, &[0, 9_000, 18_000, 28_000]), [200, 429, 429, 200]);
    }

    #[test]
    fn day_ends_at_the_portals_midnight() {
        let knobs = Knobs { daily_limit: Some(1), rate_limit: None, ..Knobs::default() };
        let eight = 1_795_420_800_000; // three in the morning in New York
        let hour = 3_600_000;
        assert_eq!(statuses(&knobs, &[eight, eight + 20 * hour, eight + 21 * hour]), [200, 429, 200]);
    }
}
