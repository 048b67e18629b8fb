//! The time that the overview looks at: one of the usual ones up to now, or days that somebody chose; and the steps of
//! its axis.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::HOUR;
use crate::hours;
use crate::model::time::Timestamp;

/// A time that the overview looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub word: &'static str,
    pub label: &'static str,
    pub days: u32,
}

/// The times to choose from; the second one is shown where nobody chose.
pub const PERIODS: [Period; 3] = [
    Period { word: "day", label: "24 hours", days: 1 },
    Period { word: "week", label: "7 days", days: 7 },
    Period { word: "month", label: "30 days", days: 30 },
];

/// Days that somebody can choose at most.
const DAYS_MAX: u32 = 366;
/// Of a longer time the axis has days, of a shorter one hours.
const BY_HOUR_MAX: Duration = Duration::from_secs(2 * 24 * 3600);

/// The time that is looked at, in whole hours: one of the usual ones up to now, or days that somebody chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// None where somebody chose days.
    pub period: Option<Period>,
    pub from: Timestamp,
    pub until: Timestamp,
    pub days: u32,
    /// As after "3 leads came": `in the last 7 days`.
    pub when: String,
}

/// Why days cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongDays {
    #[error("what `{0}` says is no day")]
    NoDay(&'static str),
    #[error("the first day comes after the last one, or lies ahead")]
    Order,
    #[error("more than {DAYS_MAX} days cannot be looked at")]
    TooMany,
}

impl WrongDays {
    pub fn fix(self) -> &'static str {
        match self {
            Self::NoDay(_) => "Write a day as `2026-11-28`.",
            Self::Order => "Let the days begin before they end, today at the latest.",
            Self::TooMany => "Choose a year or less.",
        }
    }
}

impl Window {
    pub fn last(period: Period, now: Timestamp) -> Self {
        let from = now - HOUR * 24 * period.days;
        Self {
            period: Some(period),
            from: hours::begin(hours::hour(from)),
            until: now + Duration::from_secs(1),
            days: period.days,
            when: format!("in the last {}", period.label),
        }
    }

    /// The days that somebody chose, else a usual time.
    ///
    /// # Errors
    /// As [`Self::of_days`].
    pub fn chosen(
        period: Period,
        (from, until): (&str, &str),
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Self, WrongDays> {
        match (from.trim(), until.trim()) {
            ("", "") => Ok(Self::last(period, now)),
            (from, until) => Self::of_days(from, until, zone, now),
        }
    }

    /// From one day until another, both included, as the account's clocks show them. Where one is not said, the first is a
    /// week before the last, and the last is today.
    ///
    /// # Errors
    /// [`WrongDays`].
    pub fn of_days(from: &str, until: &str, zone: &TimeZone, now: Timestamp) -> Result<Self, WrongDays> {
        let local = |at: Timestamp| jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(zone.clone()).date());
        let today = local(now).map_err(|_| WrongDays::Order)?;
        let day = |text: &str, which, or: Date| match text.trim() {
            "" => Ok(or),
            text => text.parse::<Date>().map_err(|_| WrongDays::NoDay(which)),
        };
        let last = day(until, "until", today)?.min(today);
        let first = day(from, "from", last.saturating_sub(jiff::Span::new().days(6)))?;
        let begin = |date: Date| {
            let at = date.to_zoned(zone.clone()).map_err(|_| WrongDays::Order)?;
            Ok(hours::begin(hours::hour(Timestamp(at.timestamp().as_millisecond()))))
        };
        let days = u32::try_from(first.until(last).map_err(|_| WrongDays::Order)?.get_days() + 1).unwrap_or(0);
        match days {
            0 => Err(WrongDays::Order),
            1..=DAYS_MAX => Ok(Self {
                period: None,
                from: begin(first)?,
                until: begin(last.saturating_add(jiff::Span::new().days(1)))?.min(now + Duration::from_secs(1)),
                days,
                when: in_words(first, last),
            }),
            _ => Err(WrongDays::TooMany),
        }
    }

    /// The bounds of the steps of its time axis.
    pub(in crate::view) fn bounds(&self, zone: &TimeZone) -> Vec<Timestamp> {
        let end = hours::begin(hours::hour(Timestamp(self.until.0 - 1)) + 1);
        let (begin, step) = match self.period {
            Some(period) if period.days == 1 => (end - HOUR * 24, HOUR),
            Some(period) => (end - HOUR * 24 * period.days, HOUR * 24),
            None if end.since(self.from) <= BY_HOUR_MAX => (self.from, HOUR),
            None => return self.midnights(end, zone),
        };
        let steps = end.since(begin).as_secs() / step.as_secs();
        (0..=u32::try_from(steps).unwrap_or(0)).map(|index| begin + step * index).collect()
    }

    /// Days as the account's clocks show them: two of a year have another length.
    fn midnights(&self, end: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        let first = jiff::Timestamp::from_millisecond(self.from.0).map(|at| at.to_zoned(zone.clone()));
        let Ok(first) = first else { return vec![self.from, end] };
        let midnight = |day: i64| {
            let date = first.date().saturating_add(jiff::Span::new().days(day));
            let at = date.to_zoned(zone.clone()).ok()?;
            Some(hours::begin(hours::hour(Timestamp(at.timestamp().as_millisecond()))))
        };
        let inner = (1..i64::from(self.days)).filter_map(midnight).filter(|at| *at > self.from && *at < end);
        std::iter::once(self.from).chain(inner).chain([end]).collect()
    }
}

fn in_words(first: Date, last: Date) -> String {
    let whole = |date: Date| date.strftime("%-d %b %Y").to_string();
    if first == last { format!("on {}", whole(first)) } else { format!("from {} to {}", whole(first), whole(last)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::moment::zone;

    #[test]
    fn chosen_days_are_those_of_the_account_and_wrong_ones_are_refused() {
        let zone = zone("America/New_York");
        let now = Timestamp::parse("2026-11-28T15:30:00Z").unwrap();
        let of = |from, until| Window::of_days(from, until, &zone, now);
        let day = of("2026-11-03", "2026-11-03").unwrap();
        assert_eq!(
            (day.from.to_string(), day.until.to_string()),
            ("2026-11-03T05:00:00Z".into(), "2026-11-04T05:00:00Z".into())
        );
        assert_eq!((day.when.as_str(), day.bounds(&zone).len()), ("on 3 Nov 2026", 25));
        // Clocks were put back on the first of November.
        let week = of("2026-10-30", "2026-11-05").unwrap();
        assert_eq!((week.days, week.bounds(&zone).len(), week.when.as_str()), (7, 8, "from 30 Oct 2026 to 5 Nov 2026"));
        let bounds: Vec<_> = week.bounds(&zone).iter().map(|at| at.to_string()[11..16].to_owned()).collect();
        assert_eq!(bounds, ["04:00", "04:00", "04:00", "05:00", "05:00", "05:00", "05:00", "05:00"]);
        assert_eq!(of("2026-11-27", "").unwrap().until, now + Duration::from_secs(1), "not beyond now");
        assert_eq!(of("", "2026-11-10").unwrap().days, 7);
        for (from, until, wrong) in [
            ("2026-11-09", "2026-11-01", WrongDays::Order),
            ("2026-12-01", "", WrongDays::Order),
            ("soon", "", WrongDays::NoDay("from")),
            ("", "28.11.", WrongDays::NoDay("until")),
            ("2020-01-01", "", WrongDays::TooMany),
        ] {
            assert_eq!(of(from, until).unwrap_err(), wrong, "{from} {until}");
        }
    }
}
