//! Moments as a CRM writes them, in UTC. A guest has no clock and needs no calendar library.

use super::number;
use crate::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// "2026-11-23"
pub fn day(at: Timestamp) -> String {
    let (year, month, day) = civil(at.div_euclid(DAY_MS));
    let mut text = String::with_capacity("2026-11-23 08:00 UTC".len());
    if year < 0 {
        text.push('-');
    }
    number::push(&mut text, year.unsigned_abs(), 1);
    push_two_digits(&mut text, '-', month);
    push_two_digits(&mut text, '-', day);
    text
}

/// "2026-11-23 08:00 UTC"
pub fn minute(at: Timestamp) -> String {
    let minutes = at.rem_euclid(DAY_MS) / MINUTE_MS;
    let mut text = day(at);
    push_two_digits(&mut text, ' ', minutes / 60);
    push_two_digits(&mut text, ':', minutes % 60);
    text.push_str(" UTC");
    text
}

fn push_two_digits(text: &mut String, before: char, number: i64) {
    text.push(before);
    number::push(text, number.unsigned_abs(), 2);
}

/// The moment as many days later.
pub fn days_later(at: Timestamp, days: u64) -> Timestamp {
    at.saturating_add_unsigned(days.saturating_mul(DAY_MS as u64))
}

/// Year, month and day from days since 1970-01-01. The calendar repeats every 400 years, and a year
/// that begins in March has its leap day last, which leaves one formula for all months.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_in_utc() {
        for (at, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (951_868_799_999, "2000-02-29 23:59 UTC"),
            (1_795_420_800_000, "2026-11-23 08:00 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(minute(at), expected);
        }
    }

    #[test]
    fn days_are_counted_on_the_calendar() {
        assert_eq!(day(days_later(1_795_420_800_000, 30)), "2026-12-23");
        assert_eq!(day(days_later(1_795_420_800_000, 0)), "2026-11-23");
    }
}
