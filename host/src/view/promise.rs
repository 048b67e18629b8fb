//! By when support answers: within 24 hours on business days, as the clocks of the account show them.

use jiff::civil::{DateTime, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::model::time::Timestamp;

/// Business hours of a business day, which is one from Monday to Friday. Holidays differ from state to state; nobody here
/// knows them.
const OPENS: Time = time(9, 0, 0, 0);
const CLOSES: Time = time(17, 0, 0, 0);

/// By when somebody is answered who asks now: what is asked outside of business hours counts as asked when they begin.
pub fn answer_by(now: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let local = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).datetime();
    let asked = within_hours(local)?;
    let due = next_business_day(asked)?;
    due.to_zoned(zone.clone()).ok()
}

/// The same in a sentence, such as `We answer by Monday 14:30 (America/New_York).`
pub fn sentence(now: Timestamp, zone: &TimeZone) -> String {
    match answer_by(now, zone) {
        Some(by) => {
            let name = zone.iana_name().unwrap_or("UTC");
            format!("We answer by {} ({name}).", by.strftime("%A %-H:%M"))
        }
        None => "We answer within 24 hours on business days.".to_owned(),
    }
}

fn is_business_day(at: DateTime) -> bool {
    !matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The moment itself, or the next one at which somebody is there.
fn within_hours(at: DateTime) -> Option<DateTime> {
    match at.time() {
        _ if !is_business_day(at) => next_business_day(at.date().to_datetime(OPENS)),
        early if early < OPENS => Some(at.date().to_datetime(OPENS)),
        late if late >= CLOSES => next_business_day(at.date().to_datetime(OPENS)),
        _ => Some(at),
    }
}

/// The same time of the next business day.
fn next_business_day(at: DateTime) -> Option<DateTime> {
    let mut next = at.checked_add(1.day()).ok()?;
    while !is_business_day(next) {
        next = next.checked_add(1.day()).ok()?;
    }
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_a_business_day_as_the_accounts_clocks_count_it() {
        let new_york = super::super::moment::zone("America/New_York");
        for (asked, expected) in [
            // A Thursday: the day after.
            ("2026-11-26T19:30:00Z", "We answer by Friday 14:30 (America/New_York)."),
            // A Friday: after the weekend.
            ("2026-11-27T19:30:00Z", "We answer by Monday 14:30 (America/New_York)."),
            // At the weekend, late and early: as if it were asked when somebody is there.
            ("2026-11-28T15:00:00Z", "We answer by Tuesday 9:00 (America/New_York)."),
            ("2026-11-29T23:59:59Z", "We answer by Tuesday 9:00 (America/New_York)."),
            ("2026-11-30T03:00:00Z", "We answer by Tuesday 9:00 (America/New_York)."), // Sunday evening there
            ("2026-11-30T12:00:00Z", "We answer by Tuesday 9:00 (America/New_York)."),
            ("2026-11-30T22:00:00Z", "We answer by Wednesday 9:00 (America/New_York)."),
            ("2026-11-27T22:30:00Z", "We answer by Tuesday 9:00 (America/New_York)."), // Friday, after closing
            // The clocks change in the night to Sunday, and the time of day stays.
            ("2026-10-30T15:00:00Z", "We answer by Monday 11:00 (America/New_York)."),
        ] {
            assert_eq!(sentence(Timestamp::parse(asked).unwrap(), &new_york), expected, "{asked}");
        }
        let utc = sentence(Timestamp::parse("2026-11-30T12:00:00Z").unwrap(), &TimeZone::UTC);
        assert_eq!(utc, "We answer by Tuesday 12:00 (UTC).");
        let by = answer_by(Timestamp::parse("2026-10-30T15:00:00Z").unwrap(), &new_york).unwrap();
        assert_eq!(by.timestamp().to_string(), "2026-11-02T16:00:00Z", "an hour later for everybody else");
    }
}
