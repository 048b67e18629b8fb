//! A portal's rate limit: how many calls a lane may make now, and when the next ones. Pure; counts HubSpot's rolling
//! window call by call, so that all of it can be used and none of it is overdrawn.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lane::Outage;
use crate::model::time::Timestamp;

/// Calls in one window of a portal whose headers nobody has read yet: those of a marketplace app.
const CALLS_MAX: u32 = 110;
/// HubSpot counts the calls of the last ten seconds.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Our clock and HubSpot's count the same call a little apart; what this does not cover, the reserve does.
const SLACK: Duration = Duration::from_millis(10);
/// Calls of a window that no lane uses: people's own questions and looking after the connection live on them.
const RESERVE: u32 = 10;
/// A round needs up to six calls, and one that can never make them all would begin again for ever. HubSpot's smallest
/// limit is 100.
const LIMIT_MIN: u32 = 8;
/// Calls that somebody else may make before we make room for them: the reserve is theirs too.
const OTHERS_MIN: u32 = 5;
/// Once half of a window is used, calls are spread, at most this much faster than it refills. Spread any slower, the
/// pauses between rounds would leave a part of the limit unused.
const HASTE: f64 = 1.25;

/// Leads that waited for a new day go on within this time after midnight.
const NEW_DAY_SPREAD: Duration = Duration::from_secs(5 * 60);

/// What outlives a round: it is stored with the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// Calls in one window, as the headers say.
    pub max: u32,
    /// Calls in the window that were not ours, where they were so many that room has to be made for them.
    #[serde(skip_serializing_if = "is_zero")]
    pub others: u32,
    /// When that was heard, in milliseconds; it counts for one window.
    #[serde(skip_serializing_if = "is_zero_time")]
    pub heard_at: i64,
    /// Whether the portal serves at all.
    #[serde(skip_serializing_if = "Outage::is_none")]
    pub outage: Outage,
}

impl Default for Learned {
    fn default() -> Self {
        Self { max: CALLS_MAX, others: 0, heard_at: 0, outage: Outage::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero_time(number: &i64) -> bool {
    *number == 0
}

/// The calls of one window.
#[derive(Clone, Debug)]
pub struct Budget {
    learned: Learned,
    /// When the lane's own calls were made, oldest first.
    own: VecDeque<Timestamp>,
}

impl Budget {
    /// The budget of a lane that made these calls lately. Calls that are yet to come were made before the clock was set
    /// back, and would close the lane until it has caught up.
    pub fn new(learned: Learned, mut own: Vec<Timestamp>, now: Timestamp) -> Self {
        own.retain(|at| *at <= now + WINDOW);
        own.sort_unstable();
        Self { learned, own: own.into() }
    }

    pub fn learned(&self) -> Learned {
        self.learned
    }

    /// Calls that lanes may make in one window.
    pub fn limit(&self) -> u32 {
        self.learned.max.saturating_sub(RESERVE).max(LIMIT_MIN)
    }

    /// Calls that may be made now.
    pub fn room(&mut self, now: Timestamp) -> u32 {
        self.forget(now);
        self.limit().saturating_sub(self.used() + self.making_room(now))
    }

    /// How long a round of `need` calls has to wait; zero when it may begin.
    pub fn wait(&mut self, need: u32, now: Timestamp) -> Duration {
        let need = need.clamp(1, self.limit());
        let room = self.room(now);
        if room < need {
            // The oldest calls leave the window first. Where others use the limit, nobody can say when they end.
            let leaving = (need - room) as usize - 1;
            let frees = self.own.get(leaving).map_or(now + WINDOW / 10, |at| *at + WINDOW + SLACK);
            return frees.since(now).max(Duration::from_millis(1));
        }
        if self.used() * 2 < self.limit() {
            return Duration::ZERO;
        }
        let share = f64::from(need) / f64::from(self.limit()) / HASTE;
        let newest = self.own.len().saturating_sub(need as usize);
        self.own.get(newest).map_or(Duration::ZERO, |at| (*at + WINDOW.mul_f64(share)).since(now))
    }

    /// Takes in a call that is made now.
    pub fn spend(&mut self, now: Timestamp) {
        self.own.push_back(now);
    }

    /// Takes in what an answer said: the limit, and how much of it is left. The lower count wins.
    pub fn hear(&mut self, max: u32, remaining: u32, now: Timestamp) {
        self.forget(now);
        // Calls of others that the reserve does not cover.
        let others = max.saturating_sub(remaining).saturating_sub(self.used()).saturating_sub(OTHERS_MIN);
        let heard_at = if others == 0 { 0 } else { now.0 };
        self.learned = Learned { max: max.max(1), others, heard_at, ..self.learned };
    }

    /// Calls of others that room has to be made for.
    fn making_room(&self, now: Timestamp) -> u32 {
        let heard_at = Timestamp(self.learned.heard_at);
        if now >= heard_at && now < heard_at + WINDOW { self.learned.others } else { 0 }
    }

    fn used(&self) -> u32 {
        u32::try_from(self.own.len()).unwrap_or(u32::MAX)
    }

    fn forget(&mut self, now: Timestamp) {
        while self.own.front().is_some_and(|at| *at + WINDOW + SLACK <= now) {
            self.own.pop_front();
        }
    }
}

/// When a portal's daily calls begin anew: midnight in its time zone, and some minutes more, drawn from `id`, so that
/// not everybody comes at once. A zone that nobody knows counts as UTC.
pub fn next_day(zone: &str, id: &str, now: Timestamp) -> Timestamp {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let day = Duration::from_secs(24 * 3600);
    let midnight = jiff::Timestamp::from_millisecond(now.0).ok().and_then(|now| {
        let tomorrow = now.to_zoned(zone).tomorrow().ok()?.start_of_day().ok()?;
        Some(Timestamp(tomorrow.timestamp().as_millisecond()))
    });
    let spread = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    midnight.unwrap_or(now + day) + Duration::from_millis(spread % NEW_DAY_SPREAD.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    /// Rounds of `need` calls as fast as the budget lets them, each call taking `call_ms`; the times of all calls.
    fn drive(budget: &mut Budget, need: u32, call_ms: u64, seconds: u64) -> Vec<i64> {
        let (mut now, mut calls) = (START, Vec::new());
        while now < START + Duration::from_secs(seconds) {
            let wait = budget.wait(need, now);
            if wait > Duration::ZERO {
                now = now + wait;
                continue;
            }
            for _ in 0..need {
                budget.spend(now);
                calls.push(now.0);
                now = now + Duration::from_millis(call_ms);
            }
        }
        calls
    }

    /// The most calls in any ten seconds, ends included.
    fn peak(calls: &[i64]) -> usize {
        let window = WINDOW.as_millis() as i64;
        (0..calls.len())
            .map(|last| calls[..=last].iter().filter(|at| **at >= calls[last] - window).count())
            .max()
            .unwrap()
    }

    #[test]
    fn no_window_is_overdrawn_and_hardly_a_call_is_left_unused() {
        let rows = [
            (110, 3, 0, 0.98),
            (110, 3, 5, 0.98),
            (110, 6, 40, 0.98),
            (190, 3, 20, 0.98),
            (250, 6, 1, 0.98),
            (100, 5, 90, 0.97),
        ];
        for (max, need, call_ms, expected) in rows {
            let mut budget = Budget::new(Learned { max, ..Learned::default() }, Vec::new(), START);
            let calls = drive(&mut budget, need, call_ms, 120);
            let limit = (max - RESERVE) as usize;
            assert!(peak(&calls) <= limit, "{max} {need} {call_ms}: {} calls in a window", peak(&calls));
            // Two minutes of steady work, after the first window.
            let steady = calls.iter().filter(|at| **at >= START.0 + 20_000 && **at < START.0 + 120_000).count();
            // A window holds whole rounds only.
            let whole = limit / need as usize * need as usize;
            let share = steady as f64 / (whole * 10) as f64;
            assert!(share >= expected, "{max} {need} {call_ms}: {share:.3} of the limit used");
        }
    }

    #[test]
    fn a_window_is_not_used_up_at_once() {
        let mut budget = Budget::new(Learned::default(), Vec::new(), START);
        let calls = drive(&mut budget, 3, 0, 10);
        let at_once = calls.iter().filter(|at| **at == START.0).count();
        assert!((48..=54).contains(&at_once), "half of it serves a burst at once, {at_once} calls did");
        let last = calls.last().unwrap() - START.0;
        assert!(last > 3_500, "the rest is spread, but the last call was made after {last} ms");
    }

    #[test]
    fn the_headers_teach_the_limit_and_who_else_uses_it() {
        let mut budget = Budget::new(Learned::default(), Vec::new(), START);
        assert_eq!(budget.room(START), 100);
        budget.spend(START);
        budget.hear(190, 189, START);
        assert_eq!((budget.room(START), budget.learned().max), (179, 190));
        // Somebody else made 60 calls: five of them are what the reserve is for.
        budget.hear(190, 129, START);
        assert_eq!(budget.room(START), 179 - 55);
        // They stopped.
        budget.hear(190, 189, START);
        assert_eq!(budget.room(START), 179);
        // Others used everything: we look again in a second.
        budget.hear(190, 0, START);
        assert_eq!(budget.wait(3, START), Duration::from_secs(1));
        // Whoever holds the lane next knows it too, and for how long it counts.
        let mut next = Budget::new(budget.learned(), vec![START], START);
        assert_eq!(next.room(START), 0);
        assert_eq!(next.room(START + WINDOW), 179);
    }

    #[test]
    fn the_calls_of_an_earlier_holder_count() {
        let recent = (0..100).map(|n| START - Duration::from_secs(2) + Duration::from_millis(n)).collect();
        let mut budget = Budget::new(Learned::default(), recent, START);
        assert_eq!(budget.room(START), 0);
        let wait = budget.wait(3, START);
        assert_eq!(wait, Duration::from_millis(8_012), "until the third of them has left the window");
        assert_eq!(budget.wait(3, START + wait), Duration::ZERO);
    }

    #[test]
    fn a_day_ends_at_midnight_in_the_portals_zone() {
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        for (zone, midnight) in [
            ("America/New_York", "2026-11-24T05:00:00Z"),
            ("Asia/Tokyo", "2026-11-23T15:00:00Z"),
            ("UTC", "2026-11-24T00:00:00Z"),
            ("Nowhere/Land", "2026-11-24T00:00:00Z"),
        ] {
            let midnight = Timestamp::parse(midnight).unwrap();
            let day = next_day(zone, "con_1", noon);
            assert!(day >= midnight && day < midnight + NEW_DAY_SPREAD, "{zone}: {day}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_closes_no_lane() {
        let hour = Duration::from_secs(3600);
        let mut budget = Budget::new(Learned::default(), vec![START + hour; 100], START);
        assert_eq!(budget.wait(3, START), Duration::ZERO);
    }

    #[test]
    fn an_odd_header_closes_no_lane() {
        let mut budget = Budget::new(Learned { max: 0, ..Learned::default() }, Vec::new(), START);
        assert_eq!(budget.wait(6, START), Duration::ZERO);
        budget.hear(0, 0, START);
        assert_eq!(budget.wait(6, START), Duration::ZERO);
    }
}
