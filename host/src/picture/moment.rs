//! Moments as people of a time zone read them, and at which of them an axis says something.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use crate::model::time::Timestamp;

/// How far apart two moments of an axis are.
#[derive(Clone, Copy)]
enum Step {
    Minutes(i32),
    Days(i32),
    Months(i8),
    Years(i16),
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;

/// Each with its length, about.
const STEPS: [(i64, Step); 22] = [
    (MINUTE, Step::Minutes(1)),
    (2 * MINUTE, Step::Minutes(2)),
    (5 * MINUTE, Step::Minutes(5)),
    (10 * MINUTE, Step::Minutes(10)),
    (15 * MINUTE, Step::Minutes(15)),
    (30 * MINUTE, Step::Minutes(30)),
    (60 * MINUTE, Step::Minutes(60)),
    (120 * MINUTE, Step::Minutes(120)),
    (180 * MINUTE, Step::Minutes(180)),
    (360 * MINUTE, Step::Minutes(360)),
    (720 * MINUTE, Step::Minutes(720)),
    (DAY, Step::Days(1)),
    (2 * DAY, Step::Days(2)),
    (7 * DAY, Step::Days(7)),
    (14 * DAY, Step::Days(14)),
    (31 * DAY, Step::Months(1)),
    (92 * DAY, Step::Months(3)),
    (184 * DAY, Step::Months(6)),
    (366 * DAY, Step::Years(1)),
    (1830 * DAY, Step::Years(5)),
    (36_600 * DAY, Step::Years(100)),
    (i64::MAX, Step::Years(2000)),
];

/// Round moments from `from` to `until`, at most about as many as asked for, each as short as its neighbours allow.
pub(super) fn ticks(from: Timestamp, until: Timestamp, zone: &TimeZone, about: usize) -> Vec<(Timestamp, String)> {
    let wanted = until.0.saturating_sub(from.0) / i64::try_from(about.max(1)).unwrap_or(1);
    let step = STEPS.iter().find(|(length, _)| *length >= wanted).map_or(Step::Years(2000), |(_, step)| *step);
    let end = zoned(until, zone).date();
    let mut date = first(zoned(from, zone).date(), step);
    let mut ticks: Vec<(Timestamp, String)> = Vec::new();
    // Only a broken step would come to more.
    for _ in 0..1000 {
        if date > end {
            break;
        }
        for minute in minutes(step) {
            let Some((at, text)) = tick(date, minute, step, zone) else { continue };
            let is_new = ticks.last().is_none_or(|(last, _)| *last < at);
            if at >= from && at <= until && is_new {
                ticks.push((at, text));
            }
        }
        match next(date, step) {
            Some(later) => date = later,
            None => break,
        }
    }
    ticks
}

/// The day with which the steps begin, so that they do not depend on where the axis begins.
fn first(date: Date, step: Step) -> Date {
    let back = match step {
        Step::Minutes(_) | Step::Days(1) => Some(date),
        Step::Days(days) if days < 7 => date.checked_sub(i32::from((date.day() - 1) % 2).days()).ok(),
        Step::Days(_) => date.checked_sub(i32::from(date.weekday().since(Weekday::Monday)).days()).ok(),
        Step::Months(months) => Date::new(date.year(), (date.month() - 1) / months * months + 1, 1).ok(),
        Step::Years(years) => Date::new(date.year().div_euclid(years) * years, 1, 1).ok(),
    };
    back.unwrap_or(date)
}

fn next(date: Date, step: Step) -> Option<Date> {
    let span = match step {
        Step::Minutes(_) => 1.day(),
        Step::Days(days) => days.days(),
        Step::Months(months) => i32::from(months).months(),
        Step::Years(years) => years.years(),
    };
    date.checked_add(span).ok()
}

fn minutes(step: Step) -> impl Iterator<Item = i32> {
    let step = match step {
        Step::Minutes(minutes) => minutes,
        Step::Days(_) | Step::Months(_) | Step::Years(_) => 1440,
    };
    (0..1440 / step).map(move |index| index * step)
}

fn tick(date: Date, minute: i32, step: Step, zone: &TimeZone) -> Option<(Timestamp, String)> {
    let [hour, rest] = [minute / 60, minute % 60].map(|part| i8::try_from(part).expect("a day has few minutes"));
    let moment = date.at(hour, rest, 0, 0).to_zoned(zone.clone()).ok()?;
    let format = match step {
        Step::Minutes(_) if minute > 0 => "%H:%M",
        Step::Minutes(_) | Step::Days(_) => "%-d %b",
        Step::Months(_) if date.month() > 1 => "%b",
        Step::Months(_) | Step::Years(_) => "%Y",
    };
    Some((Timestamp(moment.timestamp().as_millisecond()), moment.strftime(format).to_string()))
}

/// Day and time, with the zone: for whoever wants to know exactly.
pub(super) fn exact(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// The time of the day.
pub(super) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%H:%M").to_string()
}

/// Day and time, to the second.
pub(super) fn to_the_second(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%-d %b %H:%M:%S").to_string()
}

/// The day and the time of it.
pub(super) fn day_and_clock(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%-d %b %H:%M").to_string()
}

/// A moment that the calendar does not reach is shown as its last.
fn zoned(at: Timestamp, zone: &TimeZone) -> Zoned {
    let last = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(last).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(from: &str, until: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let [from, until] = [from, until].map(|text| Timestamp::parse(text).unwrap());
        ticks(from, until, &zone, 6).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn an_axis_of_time_says_round_moments_of_the_zone() {
        let rows = [
            (
                "2026-11-24T10:02:00Z",
                "2026-11-24T10:08:00Z",
                "UTC",
                "10:02 | 10:03 | 10:04 | 10:05 | 10:06 | 10:07 | 10:08",
            ),
            ("2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z", "UTC", "12:00 | 18:00 | 25 Nov | 06:00"),
            ("2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z", "America/New_York", "06:00 | 12:00 | 18:00 | 25 Nov"),
            ("2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z", "UTC", "19 Nov | 21 Nov | 23 Nov | 25 Nov"),
            ("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z", "UTC", "2 Nov | 9 Nov | 16 Nov | 23 Nov | 30 Nov"),
            ("2026-08-15T00:00:00Z", "2027-02-10T00:00:00Z", "UTC", "Sep | Oct | Nov | Dec | 2027 | Feb"),
            ("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "UTC", "2020 | 2021 | 2022 | 2023 | 2024 | 2025 | 2026"),
        ];
        for (from, until, zone, expected) in rows {
            assert_eq!(texts(from, until, zone), expected, "{from} {until} {zone}");
        }
    }

    #[test]
    fn a_day_with_an_hour_more_or_less_has_each_moment_once() {
        for day in ["2026-03-29", "2026-10-25"] {
            assert_eq!(
                texts(&format!("{day}T00:00:00Z"), &format!("{day}T04:00:00Z"), "Europe/Berlin")
                    .matches("03:00")
                    .count(),
                1,
                "{day}"
            );
        }
    }

    #[test]
    fn the_ends_of_the_calendar_do_no_harm() {
        let zone = TimeZone::UTC;
        for (from, until) in [(0, i64::MAX), (i64::MIN, i64::MAX), (i64::MIN, 0), (5, 5), (9, 3)] {
            assert!(ticks(Timestamp(from), Timestamp(until), &zone, 6).len() < 20);
        }
        assert_eq!(exact(Timestamp::NEVER, &zone), "Thu 30 Dec 9999, 22:00 UTC");
    }
}
