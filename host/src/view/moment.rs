//! A time as people read it: in their zone, with the exact one beside it.

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::model::account::Connection;
use crate::model::time::Timestamp;

/// A time on a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Moment {
    /// For programs: RFC 3339 in UTC.
    pub at: Timestamp,
    /// Such as `28 Nov, 14:32`; with the year where it is another one.
    pub text: String,
    /// With seconds and zone: `28 Nov 2026, 14:32:07 (America/New_York)`.
    pub exact: String,
}

/// The zone that an account lives in, by its name; UTC where nobody knows it.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The zone of a connection's portal: that of the account.
pub fn zone_of(connection: Option<&Connection>) -> TimeZone {
    let portal = connection.and_then(|connection| connection.portal.as_ref());
    zone(portal.map_or("", |portal| portal.time_zone.as_str()))
}

/// When a day begins in a zone.
pub fn begin_of_day(day: jiff::civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(Timestamp(day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))
}

impl Moment {
    pub fn of(at: Timestamp, zone: &TimeZone, now: Timestamp) -> Self {
        let (Some(local), Some(today)) = (local(at, zone), local(now, zone)) else {
            return Self { at, text: "never".to_owned(), exact: "never".to_owned() };
        };
        let format = if local.year() == today.year() { "%-d %b, %H:%M" } else { "%-d %b %Y, %H:%M" };
        let name = zone.iana_name().unwrap_or("UTC");
        Self {
            at,
            text: local.strftime(format).to_string(),
            exact: format!("{} ({name})", local.strftime("%-d %b %Y, %H:%M:%S")),
        }
    }
}

fn local(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()))
}

/// A span in the largest unit that tells enough: `420 ms`, `3.1 s`, `4 min`, `5 h`, `3 days`.
pub fn span(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 => format!("{:.1} s", millis as f64 / 1e3),
        10_000..100_000 => format!("{} s", millis / 1_000),
        100_000..5_400_000 => format!("{} min", (millis + 30_000) / 60_000),
        5_400_000..172_800_000 => format!("{} h", (millis + 1_800_000) / 3_600_000),
        _ => format!("{} days", (millis + 43_200_000) / 86_400_000),
    }
}

/// A number with thousands apart: `12,430`.
pub fn count(number: i64) -> String {
    let text = grouped(number.unsigned_abs());
    if number < 0 { format!("−{text}") } else { text }
}

/// The same of a number that counts something.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 lead`, `2 leads`.
pub fn things(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_the_zone_of_its_account() {
        let (at, now) =
            (Timestamp::parse("2026-11-28T22:05:09Z").unwrap(), Timestamp::parse("2027-01-02T00:00:00Z").unwrap());
        let there = Moment::of(at, &zone("America/New_York"), now);
        assert_eq!(there.text, "28 Nov 2026, 17:05");
        assert_eq!(there.exact, "28 Nov 2026, 17:05:09 (America/New_York)");
        assert_eq!(Moment::of(at, &zone("no such zone"), at).text, "28 Nov, 22:05");
        assert_eq!(Moment::of(Timestamp::NEVER, &zone("UTC"), now).text, "never");
    }

    #[test]
    fn spans_and_counts_are_short() {
        let rows: [(u64, &str); 9] = [
            (0, "0 ms"),
            (999, "999 ms"),
            (3_140, "3.1 s"),
            (59_000, "59 s"),
            (300_000, "5 min"),
            (1_800_000, "30 min"),
            (7_200_000, "2 h"),
            (43_200_000, "12 h"),
            (259_200_000, "3 days"),
        ];
        for (millis, text) in rows {
            assert_eq!(span(millis), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (-1_000, "−1,000")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!((things(1, "lead", "leads"), things(0, "lead", "leads")), ("1 lead".into(), "0 leads".into()));
    }
}
