//! By when support answers: within 24 hours on business days, as the clocks of the account show them.

use std::fmt;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::model::alert::{Clock, Day};
use crate::model::time::Timestamp;

/// When somebody of support is there, on which days of the week. Holidays differ from state to state; nobody here knows
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Minutes of the day: from the first to before the second.
    opens: i32,
    closes: i32,
    days: Vec<Day>,
}

/// Why hours are none.
#[derive(Debug, thiserror::Error)]
pub enum HoursError {
    #[error("`{0}` are no hours of a day; they look like 9-17, or 08:30-18:00")]
    Hours(String),
    #[error("`{0}` is no day; they are mon, tue, wed, thu, fri, sat, sun")]
    Day(String),
    #[error("support that is there on no day promises nothing; name one, such as mon")]
    NoDay,
}

impl Hours {
    /// Hours such as `9-17` or `08:30-24`, and days such as `mon`.
    ///
    /// # Errors
    /// When they are none.
    pub fn parse(hours: &str, days: &[String]) -> Result<Self, HoursError> {
        let wrong = || HoursError::Hours(hours.to_owned());
        let (opens, closes) = hours.split_once('-').ok_or_else(wrong)?;
        let (opens, closes) = (minutes(opens).ok_or_else(wrong)?, minutes(closes).ok_or_else(wrong)?);
        if opens >= closes {
            return Err(wrong());
        }
        let day = |text: &String| {
            let word = text.trim().to_lowercase();
            let found = Day::ALL.into_iter().find(|day| crate::model::word(day) == word);
            found.ok_or_else(|| HoursError::Day(text.clone()))
        };
        let days: Vec<_> = days.iter().map(day).collect::<Result<_, _>>()?;
        if days.is_empty() { Err(HoursError::NoDay) } else { Ok(Self { opens, closes, days }) }
    }

    fn is_business_day(&self, at: DateTime) -> bool {
        self.days.contains(&Day::of(at.weekday()))
    }

    /// The moment itself, or the next one at which somebody is there.
    fn within(&self, at: DateTime) -> Option<DateTime> {
        let begin = || at.date().to_datetime(Time::midnight()).checked_add(self.opens.minutes()).ok();
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        match minute {
            _ if !self.is_business_day(at) => self.next_business_day(begin()?),
            early if early < self.opens => begin(),
            late if late >= self.closes => self.next_business_day(begin()?),
            _ => Some(at),
        }
    }

    /// The same time of the next business day.
    fn next_business_day(&self, at: DateTime) -> Option<DateTime> {
        let mut next = at.checked_add(1.day()).ok()?;
        while !self.is_business_day(next) {
            next = next.checked_add(1.day()).ok()?;
        }
        Some(next)
    }
}

/// Such as `Monday to Friday from 9:00 to 17:00`.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<_> = Day::ALL.into_iter().filter(|day| self.days.contains(day)).collect();
        let is_row = Day::ALL.windows(days.len()).any(|row| row == days);
        let names: Vec<_> = days.into_iter().map(name).collect();
        match &names[..] {
            [first, _, .., last] if is_row => write!(f, "{first} to {last}")?,
            [first @ .., last] if !first.is_empty() => write!(f, "{} and {last}", first.join(", "))?,
            _ => f.write_str(&names.concat())?,
        }
        let clock = |minute: i32| format!("{}:{:02}", minute / 60, minute % 60);
        write!(f, " from {} to {}", clock(self.opens), clock(self.closes))
    }
}

fn name(day: Day) -> &'static str {
    match day {
        Day::Mon => "Monday",
        Day::Tue => "Tuesday",
        Day::Wed => "Wednesday",
        Day::Thu => "Thursday",
        Day::Fri => "Friday",
        Day::Sat => "Saturday",
        Day::Sun => "Sunday",
    }
}

/// The minute of the day; `24` is its end.
fn minutes(text: &str) -> Option<i32> {
    let text = text.trim();
    if text == "24" || text == "24:00" {
        return Some(24 * 60);
    }
    let clock = if text.contains(':') { text.to_owned() } else { format!("{text}:00") };
    let Clock(time) = clock.parse().ok()?;
    Some(i32::from(time.hour()) * 60 + i32::from(time.minute()))
}

/// By when somebody is answered who asks now: what is asked outside of business hours counts as asked when they begin.
pub fn answer_by(hours: &Hours, now: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let local = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).datetime();
    let asked = hours.within(local)?;
    let due = hours.next_business_day(asked)?;
    due.to_zoned(zone.clone()).ok()
}

/// The same in a sentence, and what business days are.
pub fn sentences(hours: &Hours, now: Timestamp, zone: &TimeZone) -> String {
    format!("{} That is within 24 hours on business days, {hours}.", sentence(hours, now, zone))
}

/// Such as `We answer by Monday 14:30 (America/New_York).`
fn sentence(hours: &Hours, now: Timestamp, zone: &TimeZone) -> String {
    match answer_by(hours, now, zone) {
        Some(by) => {
            let name = zone.iana_name().unwrap_or("UTC");
            format!("We answer by {} ({name}).", by.strftime("%A %-H:%M"))
        }
        None => "We answer within 24 hours on business days.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str, days: &str) -> Result<Hours, HoursError> {
        let days: Vec<_> = days.split(',').filter(|day| !day.is_empty()).map(str::to_owned).collect();
        Hours::parse(text, &days)
    }

    fn usual() -> Hours {
        hours("9-17", "mon,tue,wed,thu,fri").unwrap()
    }

    #[test]
    fn hours_and_days_are_those_of_whoever_answers() {
        let answer = |hours: &Hours, asked| sentence(hours, Timestamp::parse(asked).unwrap(), &TimeZone::UTC);
        let long = hours("08:30-20", "mon,tue,wed,thu,fri,Sat").unwrap();
        // The 28th is a Saturday.
        assert_eq!(answer(&long, "2026-11-28T19:59:00Z"), "We answer by Monday 19:59 (UTC).");
        assert_eq!(answer(&long, "2026-11-28T20:00:00Z"), "We answer by Tuesday 8:30 (UTC).");
        let always = hours("0-24", "mon,tue,wed,thu,fri,sat,sun").unwrap();
        assert_eq!(answer(&always, "2026-11-28T23:59:00Z"), "We answer by Sunday 23:59 (UTC).");
        for (text, days) in [("9", "mon"), ("17-9", "mon"), ("9-25", "mon"), ("9-17", "monday"), ("9-17", "")] {
            assert!(hours(text, days).is_err(), "{text} {days}");
        }
    }

    #[test]
    fn business_days_are_named_as_they_are_set() {
        for (text, days, expected) in [
            ("9-17", "mon,tue,wed,thu,fri", "Monday to Friday from 9:00 to 17:00"),
            ("08:30-24", "sat,mon,sun", "Monday, Saturday and Sunday from 8:30 to 24:00"),
            ("0-24", "sun,mon,tue,wed,thu,fri,sat", "Monday to Sunday from 0:00 to 24:00"),
            ("9-12", "tue,wed", "Tuesday and Wednesday from 9:00 to 12:00"),
            ("9-12", "fri", "Friday from 9:00 to 12:00"),
        ] {
            assert_eq!(hours(text, days).unwrap().to_string(), expected);
        }
        let told = sentences(&usual(), Timestamp::parse("2026-11-30T12:00:00Z").unwrap(), &TimeZone::UTC);
        let expected = "We answer by Tuesday 12:00 (UTC). That is within 24 hours on business days, Monday to Friday \
                        from 9:00 to 17:00.";
        assert_eq!(told, expected);
    }

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
            assert_eq!(sentence(&usual(), Timestamp::parse(asked).unwrap(), &new_york), expected, "{asked}");
        }
        let utc = sentence(&usual(), Timestamp::parse("2026-11-30T12:00:00Z").unwrap(), &TimeZone::UTC);
        assert_eq!(utc, "We answer by Tuesday 12:00 (UTC).");
        let by = answer_by(&usual(), Timestamp::parse("2026-10-30T15:00:00Z").unwrap(), &new_york).unwrap();
        assert_eq!(by.timestamp().to_string(), "2026-11-02T16:00:00Z", "an hour later for everybody else");
    }
}
