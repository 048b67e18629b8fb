//! The leads of all accounts together, for whoever runs the service: as pictures, and as the numbers behind them.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::moment::Moment;
use super::super::overview::axis::{self, Step};
use super::super::overview::series::{self, Outcomes, Times};
use super::super::overview::{PERIODS, Period, Window, changes};
use crate::model::time::Timestamp;
use crate::operate::fleet::{Fleet, LeadsOfAll};
use crate::picture::{Drawn, drawn};

/// The times to choose from: so long are the hours of all accounts kept.
pub const CHOICES: [Period; 2] = [PERIODS[0], PERIODS[1]];

/// Pictures of the leads of a time.
pub struct Pictures {
    /// Over time, and how long they took; none where nothing is known of the time.
    pub drawn: Option<(Drawn, Drawn)>,
    /// Until when the leads are known, where that is not until now.
    pub known_until: Option<Moment>,
}

impl Pictures {
    pub fn of(leads: &LeadsOfAll, window: &Window, zone: &TimeZone, now: Timestamp) -> Self {
        let steps = steps(leads, window, zone);
        let draw = |(first, last): (&Step, &Step)| {
            let changes = changes::of_service(&leads.history, (first.from, last.until));
            // No list has the leads of all accounts, so nothing leads there.
            let deliveries = axis::deliveries(&steps, changes, zone, |_| None);
            (drawn("deliveries", &deliveries), drawn("latency", &axis::latency(&steps, zone, |_| None)))
        };
        let is_behind = leads.known_until < window.until;
        Self {
            drawn: steps.first().zip(steps.last()).map(draw),
            known_until: is_behind.then(|| Moment::of(leads.known_until, zone, now)),
        }
    }
}

/// The service as a whole, with the leads of the last 24 hours.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FleetWithLeads {
    #[serde(flatten)]
    pub fleet: Fleet,
    /// What became of the leads that all accounts together received, hour by hour. Test leads are left out. Hours that
    /// are over are as they were when they were added up last, at most an hour ago; the last ones are missing where
    /// very many leads came.
    pub deliveries: Vec<Outcomes>,
    /// How long those took that were delivered, hour by hour.
    pub time_to_crm: Vec<Times>,
}

impl FleetWithLeads {
    /// The time that it tells of.
    pub fn window(now: Timestamp) -> Window {
        Window::last(CHOICES[0], now)
    }

    /// `leads` are those of [`Self::window`].
    pub fn of(fleet: Fleet, leads: &LeadsOfAll, now: Timestamp) -> Self {
        let steps = steps(leads, &Self::window(now), &TimeZone::UTC);
        Self {
            fleet,
            deliveries: steps.iter().map(series::outcomes).collect(),
            time_to_crm: steps.iter().map(series::times).collect(),
        }
    }
}

/// The steps of the time of which something is known.
fn steps(leads: &LeadsOfAll, window: &Window, zone: &TimeZone) -> Vec<Step> {
    let mut steps = axis::steps(&window.bounds(zone), &leads.hours);
    steps.retain(|step| step.from < leads.known_until);
    steps
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hours::Figures;
    use crate::store::HourOfLeads;

    const HOUR: i64 = 3_600_000;
    /// Half past an hour.
    const NOW: Timestamp = Timestamp(497_621 * HOUR + HOUR / 2);

    fn leads(known_until: Timestamp) -> LeadsOfAll {
        let hour = |ago: i64, received| {
            let mut figures = Figures { received, created: received, ..Figures::default() };
            figures.took.add(Duration::from_secs(2));
            HourOfLeads { hour: Timestamp((497_621 - ago) * HOUR), dealership: None, figures }
        };
        LeadsOfAll { hours: vec![hour(30, 100), hour(23, 5), hour(2, 7)], known_until, history: Vec::new() }
    }

    #[test]
    fn a_day_is_told_by_the_hour_and_a_week_by_the_day() {
        let all = leads(Timestamp(497_622 * HOUR));
        for (period, steps, received) in [(CHOICES[0], 24, [5, 7]), (CHOICES[1], 7, [100, 12])] {
            let pictures = Pictures::of(&all, &Window::last(period, NOW), &TimeZone::UTC, NOW);
            let (deliveries, latency) = pictures.drawn.unwrap();
            assert_eq!((deliveries.table.rows.len(), latency.table.rows.len()), (steps, steps), "{}", period.word);
            let rows = deliveries.table.rows.iter();
            let told: Vec<_> = rows.map(|row| row[1].as_str()).filter(|synced| *synced != "0").collect();
            assert_eq!(told, received.map(|leads| leads.to_string()), "{}", period.word);
            assert_eq!(pictures.known_until, None);
        }
    }

    #[test]
    fn what_is_not_known_is_not_drawn_as_if_nothing_had_come() {
        let until = Timestamp(497_619 * HOUR);
        let window = FleetWithLeads::window(NOW);
        let pictures = Pictures::of(&leads(until), &window, &TimeZone::UTC, NOW);
        assert_eq!(pictures.drawn.unwrap().0.table.rows.len(), 21);
        assert_eq!(pictures.known_until.map(|moment| moment.at), Some(until));
        let nothing = Pictures::of(&leads(window.from), &window, &TimeZone::UTC, NOW);
        assert!(nothing.drawn.is_none() && nothing.known_until.is_some());
    }

    #[test]
    fn a_program_is_told_the_numbers_of_the_pictures() {
        let of = |known_until| {
            let steps = steps(&leads(known_until), &FleetWithLeads::window(NOW), &TimeZone::UTC);
            let outcomes: Vec<_> = steps.iter().map(series::outcomes).collect();
            (outcomes.len(), outcomes.iter().map(|one| one.synced).sum::<u64>())
        };
        assert_eq!(of(Timestamp(497_622 * HOUR)), (24, 12));
        assert_eq!(of(Timestamp(497_619 * HOUR)), (21, 5));
    }
}
