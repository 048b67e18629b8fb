//! Time as milliseconds since 1970, the clock that gives it, and its forms in text.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

use crate::options::Clock;

pub(crate) const SECOND_MS: i64 = 1_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The value of a standing clock's cell that means "ask the system".
const REAL: i64 = i64::MIN;

/// The simulator's only clock.
#[derive(Debug)]
pub(crate) struct Ticker {
    standing: AtomicI64,
    /// Milliseconds that the real clock is ahead of the system's.
    ahead: AtomicI64,
}

impl Ticker {
    pub(crate) fn new(clock: Clock) -> Self {
        let standing = match clock {
            Clock::Real => REAL,
            Clock::Standing(ms) => ms,
        };
        Self { standing: AtomicI64::new(standing), ahead: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> i64 {
        match self.standing.load(Ordering::Relaxed) {
            REAL => system_ms() + self.ahead.load(Ordering::Relaxed),
            ms => ms,
        }
    }

    /// Puts the real clock so far ahead of the system's.
    pub(crate) fn set_ahead(&self, ms: i64) {
        self.ahead.store(ms, Ordering::Relaxed);
    }

    /// Where a standing clock stands; `None` for a real one.
    pub(crate) fn standing(&self) -> Option<i64> {
        Some(self.standing.load(Ordering::Relaxed)).filter(|&ms| ms != REAL)
    }

    /// Puts the clock there, or lets it be the real one.
    pub(crate) fn put(&self, standing: Option<i64>) {
        self.set(standing.unwrap_or(REAL));
    }

    /// Moves a standing clock, and stops a real one.
    pub(crate) fn set(&self, ms: i64) {
        self.standing.store(ms, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulator's one look at the system's clock")]
fn system_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// `2026-11-23T08:00:00.100Z`; without the fraction when it is zero.
pub(crate) fn iso(ms: i64) -> String {
    const MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    const SECONDS: DateTimePrinter = DateTimePrinter::new();
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let printer = if ms % SECOND_MS == 0 { SECONDS } else { MILLIS };
    printer.timestamp_to_string(&time)
}

/// The day in UTC, as `2026-11-23`.
pub(crate) fn day(ms: i64) -> String {
    iso(ms).chars().take_while(|&char| char != 'T').collect()
}

/// When the day that holds `now` began in this time zone: daily limits start anew there.
pub(crate) fn midnight(now: i64, zone: &str) -> i64 {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let time = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(zone).start_of_day().map_or(now, |start| start.timestamp().as_millisecond())
}

/// Seconds between this time zone and UTC at `now`.
pub(crate) fn offset_s(now: i64, zone: &str) -> i64 {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let time = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
    i64::from(zone.to_offset(time).seconds())
}

#[cfg(test)]
mod tests {
    use super::{iso, midnight};

    #[test]
    fn fraction_is_shown_only_when_there_is_one() {
        assert_eq!(iso(1_795_420_800_000), "2026-11-23T08:00:00Z");
        assert_eq!(iso(1_795_420_800_100), "2026-11-23T08:00:00.100Z");
    }

    #[test]
    fn day_begins_at_local_midnight() {
        assert_eq!(iso(midnight(1_795_420_800_000, "America/New_York")), "2026-11-23T05:00:00Z");
    }
}
