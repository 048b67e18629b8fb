//! What somebody wants to be told of, how, and when not.

use std::fmt;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{AccountId, AlertId};
use super::time::Timestamp;

/// A rule by which people are told.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AlertRule {
    pub id: AlertId,
    pub account_id: AccountId,
    pub watches: Watch,
    pub channel: Channel,
    pub quiet: Option<Quiet>,
    pub is_on: bool,
    /// Raised by each change.
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Why its last message did not arrive.
    pub problem: Option<String>,
}

impl AlertRule {
    /// What the history tells of it.
    pub fn told(&self) -> serde_json::Value {
        let quiet = self.quiet.map(|quiet| quiet.to_string());
        let (when, told) = (self.watches.to_string(), self.channel.to_string());
        serde_json::json!({ "tells": told, "when": when, "not from": quiet, "is on": self.is_on })
    }
}

/// What a rule watches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "for", rename_all = "snake_case", deny_unknown_fields)]
pub enum Watch {
    /// A lead has waited for longer than this.
    LeadWaits { minutes: u32 },
    /// HubSpot does not let us in any more.
    Reconnect,
    /// A lead did not reach HubSpot, and is not tried again by itself.
    Failed,
    /// More than so many percent of the leads of this hour and the one before failed.
    Failures { percent: u32 },
    /// Something stands in the way of leads.
    Issue,
    /// A version of the transformation was taken back because it failed too often.
    RolledBack,
    /// No lead came for so many opening hours.
    Silence { hours: u32, open: Opening },
    /// Nothing is wrong: what came of the leads of the week, on Monday at eight.
    Weekly,
}

impl Watch {
    /// What people choose from, with the numbers that suit most.
    pub const ALL: [Self; 8] = [
        Self::LeadWaits { minutes: 15 },
        Self::Reconnect,
        Self::Failed,
        Self::Failures { percent: 10 },
        Self::Issue,
        Self::RolledBack,
        Self::Silence { hours: 4, open: Opening::USUAL },
        Self::Weekly,
    ];
    /// What suits everybody: what somebody has to act on, and the week. An account has these where nobody has chosen yet.
    pub const SUGGESTED: [Self; 3] = [Self::Reconnect, Self::Failed, Self::Weekly];

    /// What it is called by programs and forms.
    pub fn word(&self) -> &'static str {
        match self {
            Self::LeadWaits { .. } => "lead_waits",
            Self::Reconnect => "reconnect",
            Self::Failed => "failed",
            Self::Failures { .. } => "failures",
            Self::Issue => "issue",
            Self::RolledBack => "rolled_back",
            Self::Silence { .. } => "silence",
            Self::Weekly => "weekly",
        }
    }

    /// Whether its numbers make sense, else what would.
    ///
    /// # Errors
    /// The sentence that says which numbers do.
    pub fn check(&self) -> Result<(), WatchError> {
        let within = |number: u32, range: std::ops::RangeInclusive<u32>, what| {
            if range.contains(&number) { Ok(()) } else { Err(WatchError::Number { what, range, number }) }
        };
        match self {
            Self::LeadWaits { minutes } => within(*minutes, 1..=7 * 24 * 60, "minutes that a lead waits"),
            Self::Failures { percent } => within(*percent, 1..=99, "percent of the leads that fail"),
            Self::Silence { hours, open } if open.from == open.until => {
                Err(WatchError::NeverOpen { from: open.from, hours: *hours })
            }
            Self::Silence { open, .. } if open.days.is_empty() => Err(WatchError::NoDay),
            Self::Silence { hours, .. } => within(*hours, 1..=100, "opening hours without a lead"),
            Self::Reconnect | Self::Failed | Self::Issue | Self::RolledBack | Self::Weekly => Ok(()),
        }
    }
}

/// Why a rule makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("the {what} are {} to {}, not {number}", range.start(), range.end())]
    Number { what: &'static str, range: std::ops::RangeInclusive<u32>, number: u32 },
    #[error("opening hours from {from} until {from} are none, so {hours} of them never pass")]
    NeverOpen { from: Clock, hours: u32 },
    #[error("a dealership that opens on no day has no opening hours")]
    NoDay,
}

/// The rule as a sentence.
impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeadWaits { minutes: 1 } => f.write_str("A lead has waited more than a minute"),
            Self::LeadWaits { minutes } if minutes % 60 == 0 && *minutes > 60 => {
                write!(f, "A lead has waited more than {} hours", minutes / 60)
            }
            Self::LeadWaits { minutes } => write!(f, "A lead has waited more than {minutes} minutes"),
            Self::Reconnect => f.write_str("HubSpot has to be connected again"),
            Self::Failed => f.write_str("A lead failed"),
            Self::Failures { percent } => write!(f, "More than {percent} % of the leads of the last hour failed"),
            Self::Issue => f.write_str("Something stands in the way of leads"),
            Self::RolledBack => f.write_str("A version was rolled back by itself"),
            Self::Silence { hours: 1, open } => write!(f, "No lead for an hour, {open}"),
            Self::Silence { hours, open } => write!(f, "No lead for {hours} hours, {open}"),
            Self::Weekly => f.write_str("The week's leads, every Monday at 08:00"),
        }
    }
}

/// A time of the day, such as `08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(pub Time);

impl Clock {
    pub const fn at(hour: i8, minute: i8) -> Self {
        Self(Time::constant(hour, minute, 0, 0))
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

/// The text is no time of the day.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no time of the day, such as 08:30")]
pub struct ClockError(String);

impl std::str::FromStr for Clock {
    type Err = ClockError;
    fn from_str(text: &str) -> Result<Self, ClockError> {
        let wrong = || ClockError(text.chars().take(20).collect());
        let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = |part: &str| part.parse::<i8>().ok().filter(|_| (1..=2).contains(&part.len()));
        let (hour, minute) = (number(hour).ok_or_else(wrong)?, number(minute).ok_or_else(wrong)?);
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_| wrong())
    }
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Clock {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A time of the day, in the account's time zone."))
            .pattern(Some("^[0-9]{2}:[0-9]{2}$"))
            .examples(["08:30"])
            .into()
    }
}

impl utoipa::ToSchema for Clock {}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    pub fn title(self) -> &'static str {
        match self {
            Self::Mon => "Mon",
            Self::Tue => "Tue",
            Self::Wed => "Wed",
            Self::Thu => "Thu",
            Self::Fri => "Fri",
            Self::Sat => "Sat",
            Self::Sun => "Sun",
        }
    }

    pub fn of(day: Weekday) -> Self {
        Self::ALL[usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)]
    }
}

/// When a dealership is open, in its own time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    pub from: Clock,
    pub until: Clock,
    #[schema(value_type = Vec<Day>)]
    pub days: std::borrow::Cow<'static, [Day]>,
}

impl Opening {
    /// What most dealerships keep.
    pub const USUAL: Self = Self {
        from: Clock::at(9, 0),
        until: Clock::at(18, 0),
        days: std::borrow::Cow::Borrowed(&[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat]),
    };
    /// Days that are looked back on; nobody is told of a longer silence.
    const DAYS_MAX: i64 = 31;

    /// The hours of one day, as moments. A night's hours belong to the day on which they begin.
    fn of_day(&self, date: jiff::civil::Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&Day::of(date.weekday())) {
            return None;
        }
        let end = if self.until > self.from { date } else { date.tomorrow().ok()? };
        let at = |date: jiff::civil::Date, clock: Clock| {
            let moment = date.to_datetime(clock.0).to_zoned(zone.clone()).ok()?;
            Some(Timestamp(moment.timestamp().as_millisecond()))
        };
        Some((at(date, self.from)?, at(end, self.until)?))
    }

    /// How long it was open between two moments, and whether it is open at the second one.
    pub fn between(&self, from: Timestamp, until: Timestamp, zone: &TimeZone) -> (std::time::Duration, bool) {
        let mut open = (std::time::Duration::ZERO, false);
        let Some(today) = local(until, zone).map(|now| now.date()) else { return open };
        for back in 0..=Self::DAYS_MAX {
            let Ok(date) = today.checked_sub(jiff::Span::new().days(back)) else { break };
            if let Some((begin, end)) = self.of_day(date, zone) {
                open.0 += end.min(until).since(begin.max(from));
                open.1 |= begin <= until && until < end;
            }
        }
        open
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut days = self.days.to_vec();
        days.sort_unstable();
        let run = days.windows(2).all(|pair| pair[1] as usize == pair[0] as usize + 1);
        let text = match (days.first(), days.last()) {
            (Some(first), Some(last)) if run && days.len() > 2 => format!("{} to {}", first.title(), last.title()),
            _ => days.iter().map(|day| day.title()).collect::<Vec<_>>().join(", "),
        };
        write!(f, "{text} {}–{}", self.from, self.until)
    }
}

/// Hours of each day in which nobody is told anything, in the account's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    pub from: Clock,
    pub until: Clock,
}

impl Quiet {
    /// Whether it is quiet at a moment. Hours from ten in the evening until six go over midnight.
    pub fn is_at(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let Some(time) = local(at, zone).map(|local| local.time()) else { return false };
        if self.from <= self.until {
            self.from.0 <= time && time < self.until.0
        } else {
            time >= self.from.0 || time < self.until.0
        }
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}–{}", self.from, self.until)
    }
}

/// A moment as the clocks of a zone show it.
pub fn local(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()))
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// Letters to these addresses.
    Mail { to: Vec<String> },
    /// Signed requests to an address of theirs.
    Webhook { url: String },
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail { to } => write!(f, "mail to {}", to.join(", ")),
            Self::Webhook { url } => write!(f, "webhook {url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let sentences: Vec<_> = Watch::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                "A lead has waited more than 15 minutes",
                "HubSpot has to be connected again",
                "A lead failed",
                "More than 10 % of the leads of the last hour failed",
                "Something stands in the way of leads",
                "A version was rolled back by itself",
                "No lead for 4 hours, Mon to Sat 09:00–18:00",
                "The week's leads, every Monday at 08:00",
            ]
        );
        assert!(Watch::ALL.iter().all(|watch| watch.check().is_ok()));
        for wrong in [Watch::LeadWaits { minutes: 0 }, Watch::Failures { percent: 100 }] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn quiet_hours_are_those_of_the_account_and_may_go_over_midnight() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let night = Quiet { from: Clock::at(20, 0), until: Clock::at(7, 0) };
        let lunch = Quiet { from: Clock::at(12, 0), until: Clock::at(13, 0) };
        // New York is five hours behind in November.
        for (moment, in_night, at_lunch) in [
            ("2026-11-24T00:59:00Z", false, false),
            ("2026-11-24T01:00:00Z", true, false),
            ("2026-11-24T11:59:00Z", true, false),
            ("2026-11-24T12:00:00Z", false, false),
            ("2026-11-24T17:30:00Z", false, true),
            ("2026-11-24T18:00:00Z", false, false),
        ] {
            assert_eq!(
                (night.is_at(at(moment), &zone), lunch.is_at(at(moment), &zone)),
                (in_night, at_lunch),
                "{moment}"
            );
        }
    }

    #[test]
    fn only_opening_hours_count_as_silence() {
        let (zone, open) = (TimeZone::UTC, Opening::USUAL);
        // The 28th is a Saturday.
        for (from, until, hours, is_open) in [
            ("2026-11-23T09:00:00Z", "2026-11-23T13:00:00Z", 4, true),
            ("2026-11-28T17:00:00Z", "2026-11-29T12:00:00Z", 1, false),
            ("2026-11-28T17:00:00Z", "2026-11-30T10:00:00Z", 2, true),
            ("2026-11-23T20:00:00Z", "2026-11-24T08:59:00Z", 0, false),
        ] {
            let (passed, now) = open.between(at(from), at(until), &zone);
            assert_eq!((passed.as_secs(), now), (hours * 3600, is_open), "{from} {until}");
        }
    }

    #[test]
    fn a_time_of_the_day_is_read_and_anything_else_is_refused() {
        for (text, shown) in
            [("08:30", Some("08:30")), ("8:05", Some("08:05")), ("24:00", None), ("noon", None), ("8", None)]
        {
            assert_eq!(text.parse::<Clock>().ok().map(|clock| clock.to_string()).as_deref(), shown, "{text}");
        }
    }
}
