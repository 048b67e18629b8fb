//! The pictures of the overview as numbers, for whoever draws his own: each from the same figures as its picture.

use serde::Serialize;

use super::axis::Step;
use super::{Seen, steps};
use crate::cause::Code;
use crate::hours::Figures;
use crate::model::time::Timestamp;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = SeriesName)]
pub enum Name {
    /// What became of the leads, step by step.
    Deliveries,
    /// All of them from received to HubSpot, and where they were lost.
    Flow,
    /// From received to delivered, step by step.
    TimeToCrm,
    /// Why leads wait, failed or were skipped, the most frequent first.
    Causes,
    /// By weekday and hour of the account's own time.
    Hours,
    /// New and known contacts.
    Contacts,
}

/// The numbers of a picture.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Series {
    /// `day`, `week` or `month`.
    pub period: &'static str,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Not every hour before this one is added up yet; none where all are.
    pub complete_from: Option<Timestamp>,
    #[serde(flatten)]
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "series", content = "values", rename_all = "kebab-case")]
#[schema(as = SeriesValues)]
pub enum Values {
    Deliveries(Vec<Outcomes>),
    Flow(Flow),
    TimeToCrm(Vec<Times>),
    Causes(Vec<Cause>),
    Hours(Vec<Weekday>),
    Contacts(Contacts),
}

/// What became of the leads that were received in a step: an hour of a day, else a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesOutcomes)]
pub struct Outcomes {
    pub from: Timestamp,
    pub until: Timestamp,
    pub synced: u64,
    pub synced_with_warnings: u64,
    /// On their way, or waiting for somebody.
    pub waiting: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// All leads of the time, and in which of these ways each ended. What was refused is not among those that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesFlow)]
pub struct Flow {
    pub received: u64,
    pub delivered: u64,
    /// Of those that were delivered.
    pub with_warnings: u64,
    pub waiting: u64,
    /// By the transformation.
    pub refused: u64,
    pub failed: u64,
    /// There was nothing to send, or nowhere to send it to.
    pub skipped: u64,
    /// Somebody gave them up.
    pub cancelled: u64,
    /// What they said is gone, because somebody asked for that.
    pub removed: u64,
}

/// How long the leads of a step took that were delivered. Null where there were none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesTimes)]
pub struct Times {
    pub from: Timestamp,
    pub until: Timestamp,
    pub leads: u64,
    pub p50_millis: Option<u64>,
    pub p95_millis: Option<u64>,
}

/// A cause, and how many leads it concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesCause)]
pub struct Cause {
    pub code: Code,
    pub title: &'static str,
    pub leads: u64,
    /// The same step by step.
    pub trend: Vec<u64>,
}

/// The leads of a weekday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesWeekday)]
pub struct Weekday {
    pub weekday: &'static str,
    /// Of each hour, from midnight on.
    pub leads: Vec<u64>,
}

/// What was done to contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SeriesContacts)]
pub struct Contacts {
    pub created: u64,
    pub updated: u64,
    /// Leads that are in HubSpot, and wrote no contact.
    pub without_contact: u64,
    /// Of all leads that were received.
    pub without_email: u64,
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Values {
    pub fn of(name: Name, seen: &Seen<'_>) -> Self {
        let mut all = Figures::default();
        seen.hours.iter().for_each(|hour| all.merge(&hour.figures));
        match name {
            Name::Deliveries => Self::Deliveries(steps(seen).iter().map(outcomes).collect()),
            Name::Flow => Self::Flow(flow(&all)),
            Name::TimeToCrm => Self::TimeToCrm(steps(seen).iter().map(times).collect()),
            Name::Causes => Self::Causes(causes(seen, &all)),
            Name::Hours => Self::Hours(weekdays(seen)),
            Name::Contacts => Self::Contacts(Contacts {
                created: all.created,
                updated: all.updated,
                without_contact: all.saved,
                without_email: all.without_email,
            }),
        }
    }
}

pub(in crate::view) fn outcomes(step: &Step) -> Outcomes {
    let figures = &step.figures;
    Outcomes {
        from: step.from,
        until: step.until,
        synced: figures.delivered().saturating_sub(figures.warnings),
        synced_with_warnings: figures.warnings,
        waiting: figures.open(),
        failed: figures.failed + figures.refused,
        skipped: figures.not_sent(),
    }
}

fn flow(all: &Figures) -> Flow {
    Flow {
        received: all.received,
        delivered: all.delivered(),
        with_warnings: all.warnings,
        waiting: all.open(),
        refused: all.refused,
        failed: all.failed,
        skipped: all.skipped,
        cancelled: all.cancelled,
        removed: all.removed,
    }
}

pub(in crate::view) fn times(step: &Step) -> Times {
    let took = &step.figures.took;
    let percentile = |share: f64| Some(u64::try_from(took.percentile(share)?.as_millis()).unwrap_or(u64::MAX));
    Times {
        from: step.from,
        until: step.until,
        leads: took.count(),
        p50_millis: percentile(0.5),
        p95_millis: percentile(0.95),
    }
}

fn causes(seen: &Seen<'_>, all: &Figures) -> Vec<Cause> {
    let steps = steps(seen);
    let cause = |(code, leads): (&Code, &u64)| Cause {
        code: *code,
        title: code.title(),
        leads: *leads,
        trend: steps.iter().map(|step| step.figures.causes.get(code).copied().unwrap_or(0)).collect(),
    };
    let mut causes: Vec<_> = all.causes.iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.leads));
    causes
}

fn weekdays(seen: &Seen<'_>) -> Vec<Weekday> {
    let leads = super::by_hour(seen);
    WEEKDAYS.iter().zip(leads).map(|(weekday, leads)| Weekday { weekday, leads: leads.to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::{Overview, PERIODS, Window};
    use super::*;
    use crate::store::HourOfLeads;

    /// Monday, 12:00.
    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn hour(hours_ago: i64, figures: Figures) -> HourOfLeads {
        HourOfLeads { hour: Timestamp(NOON.0 - hours_ago * 3_600_000), dealership: None, figures }
    }

    #[test]
    fn the_numbers_are_those_of_the_pictures() {
        let causes = [(Code::PropertyMissing, 1)].into();
        let early =
            Figures { received: 3, created: 1, updated: 1, warnings: 1, failed: 1, causes, ..Figures::default() };
        let late = Figures {
            received: 5,
            saved: 1,
            sending: 1,
            skipped: 1,
            cancelled: 1,
            removed: 1,
            without_email: 1,
            ..Figures::default()
        };
        let hours = [hour(26, early), hour(1, late)];
        let window = Window::last(PERIODS[1], NOON);
        let seen = Seen {
            window: &window,
            hours: &hours,
            complete_from: None,
            bindings: &[],
            open_issues: 0,
            is_connected: true,
            history: &[],
            connected_at: None,
            base: "/accounts/acme",
            dealership: None,
            whose: "Acme".to_owned(),
            zone: &TimeZone::UTC,
            now: NOON,
        };
        let Values::Deliveries(steps) = Values::of(Name::Deliveries, &seen) else { panic!("another series") };
        assert_eq!(steps.len(), 7);
        let sum = |count: fn(&Outcomes) -> u64| steps.iter().map(count).sum::<u64>();
        let sums = (sum(|one| one.synced), sum(|one| one.synced_with_warnings), sum(|one| one.waiting));
        assert_eq!((sums, sum(|one| one.failed)), ((2, 1, 1), 1));
        let drawn = Overview::of(&seen).deliveries.unwrap().table;
        assert_eq!(drawn.rows.len(), steps.len(), "a row a step: {drawn:?}");

        let Values::Flow(flow) = Values::of(Name::Flow, &seen) else { panic!("another series") };
        assert_eq!((flow.received, flow.delivered, flow.waiting, flow.failed), (8, 3, 1, 1));
        assert_eq!((flow.skipped, flow.cancelled, flow.removed), (1, 1, 1));
        let contacts = Contacts { created: 1, updated: 1, without_contact: 1, without_email: 1 };
        assert_eq!(Values::of(Name::Contacts, &seen), Values::Contacts(contacts));
        let Values::Causes(causes) = Values::of(Name::Causes, &seen) else { panic!("another series") };
        assert_eq!(
            (causes[0].code, causes[0].leads, causes[0].trend.iter().sum::<u64>()),
            (Code::PropertyMissing, 1, 1)
        );
        let Values::Hours(days) = Values::of(Name::Hours, &seen) else { panic!("another series") };
        assert_eq!(days.iter().flat_map(|day| &day.leads).sum::<u64>(), 8);
        let Values::TimeToCrm(times) = Values::of(Name::TimeToCrm, &seen) else { panic!("another series") };
        assert!(times.iter().all(|one| (one.leads, one.p50_millis) == (0, None)), "{times:?}");
    }

    #[test]
    fn a_series_says_which_it_is() {
        let contacts = Contacts { created: 1, updated: 0, without_contact: 0, without_email: 0 };
        let series =
            Series { period: "week", from: NOON, until: NOON, complete_from: None, values: Values::Contacts(contacts) };
        let told = serde_json::to_value(series).unwrap();
        assert_eq!((told["series"].as_str(), told["values"]["created"].as_u64()), (Some("contacts"), Some(1)));
    }
}
