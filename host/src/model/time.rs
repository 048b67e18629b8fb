//! A moment: whole milliseconds since 1970-01-01T00:00:00Z, as stored and as the contract has it.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day of any date: 24 hours, whatever the clocks of a place do.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Milliseconds since 1970-01-01T00:00:00Z. Shown and serialised as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-23T12:00:00Z")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than everything that happens: the `next_due` of a lane without work.
    /// The largest integer that JSON readers keep exact.
    pub const NEVER: Self = Self(9_007_199_254_740_991);

    /// Reads an RFC 3339 date and time, such as `2026-11-23T08:00:00Z`.
    ///
    /// # Errors
    /// When the text is no such moment.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        let moment: jiff::Timestamp = text.parse()?;
        Ok(Self(moment.as_millisecond()))
    }

    /// How long after `earlier`; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Whole seconds since 1970, as webhook signatures count them.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// What time it is: everything below the edges is given it.
pub fn clock() -> Timestamp {
    let now = machine_clock();
    #[cfg(feature = "crash")]
    let now = now + crate::crash::clock_ahead();
    now
}

/// Reads the clock of the machine. The only place that does.
#[expect(clippy::disallowed_methods, reason = "the edges call this and pass the time on")]
pub fn machine_clock() -> Timestamp {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock stands after 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("the clock stands before the year 292 million"))
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => f.write_str("never"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
