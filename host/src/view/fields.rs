//! The fields of the leads, day by day: which question is never answered, and which property is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::logs::Query;
use super::moment::things;
use crate::hours::fields::{FieldFigures, Filled};
use crate::model::outcome::Outcome;
use crate::model::portal::{CONTACT, DEAL, PortalSchema};
use crate::model::time::Timestamp;
use crate::picture::fields::{Cell, Field, Fields};
use crate::picture::{Drawn, drawn};
use crate::store::HourOfLeads;

/// Of fewer leads, shares say nothing.
const TOLD_MIN: u64 = 5;
/// A field that is empty in fewer leads is no news.
const EMPTY_PERCENT_MIN: u64 = 20;

/// Which fields the delivered leads of some days had a value for, and what of it is in HubSpot. Test leads are left out.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FieldsByDay {
    /// The oldest first, such as `2026-11-23`, as the account's clocks show them.
    pub days: Vec<String>,
    /// Those with the most values first.
    pub fields: Vec<FieldOfDays>,
    /// Of leads from before this hour nobody knows; none where that is so of none of these days.
    pub known_from: Option<Timestamp>,
    /// Not every hour before this one is added up yet; none where all are.
    pub complete_from: Option<Timestamp>,
    #[serde(skip)]
    pub picture: Option<Drawn>,
}

/// One property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldOfDays {
    /// The property's internal name.
    pub name: String,
    pub label: String,
    #[serde(flatten)]
    pub all: FieldOfDay,
    /// One for each day.
    pub days: Vec<FieldOfDay>,
}

/// One property on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldOfDay {
    /// Delivered leads.
    pub leads: u64,
    /// How many of them had a value.
    pub valued: u64,
    /// How many of these values are in HubSpot.
    pub written: u64,
}

/// What the days are made of.
pub struct FieldsSeen<'a> {
    /// Whole days before now, today among them.
    pub days: u32,
    pub hours: &'a [HourOfLeads],
    pub complete_from: Option<Timestamp>,
    pub labels: &'a Labels,
    /// The address of the list of leads.
    pub logs: &'a str,
    /// The one that is looked at, by its slug; none: all together.
    pub dealership: Option<&'a str>,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

/// What properties are called.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    labels: BTreeMap<String, String>,
    /// Those that a transformation says it writes for leads, whether or not any had a value.
    wanted: BTreeSet<String>,
}

impl Labels {
    /// From name and label of those that the transformations write, else as the portal calls them.
    pub fn new(wanted: impl IntoIterator<Item = (String, String)>, portal: Option<&PortalSchema>) -> Self {
        let of_portal = [DEAL, CONTACT].into_iter().filter_map(|object| portal?.objects.get(object)).flatten();
        let mut labels: BTreeMap<_, _> = of_portal
            .map(|(name, info)| (name.clone(), info.label.clone()))
            .filter(|(_, label)| !label.is_empty())
            .collect();
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        let names = wanted.keys().cloned().collect();
        labels.extend(wanted);
        Self { labels, wanted: names }
    }

    fn of<'a>(&'a self, name: &'a str) -> &'a str {
        self.labels.get(name).map_or(name, String::as_str)
    }

    /// All that are written for leads or were, those with the most values first.
    fn rows<'a>(&'a self, all: &'a FieldFigures) -> Vec<(&'a str, Filled)> {
        let known = all.of.iter().map(|(name, filled)| (name.as_str(), *filled));
        let never = self.wanted.iter().filter(|name| !all.of.contains_key(*name));
        let mut rows: Vec<_> = known.chain(never.map(|name| (name.as_str(), Filled::default()))).collect();
        rows.sort_by(|a, b| b.1.valued.cmp(&a.1.valued).then_with(|| self.of(a.0).cmp(self.of(b.0))));
        rows
    }
}

impl FieldsByDay {
    pub fn of(seen: &FieldsSeen<'_>) -> Self {
        let days = days(seen);
        let mut by_day = vec![FieldFigures::default(); days.len()];
        let mut all = FieldFigures::default();
        for hour in seen.hours {
            let day = date(hour.hour, seen.zone).and_then(|date| days.iter().position(|day| *day == date));
            if let Some(figures) = day.and_then(|day| by_day.get_mut(day)) {
                figures.merge(&hour.figures.fields);
                all.merge(&hour.figures.fields);
            }
        }
        let cell = |figures: &FieldFigures, filled: Filled| FieldOfDay {
            leads: figures.leads,
            valued: filled.valued,
            written: filled.written,
        };
        let on = |day: &FieldFigures, name: &str| cell(day, day.of.get(name).copied().unwrap_or_default());
        let row = |(name, filled): (&str, Filled)| FieldOfDays {
            name: name.to_owned(),
            label: seen.labels.of(name).to_owned(),
            all: cell(&all, filled),
            days: by_day.iter().map(|day| on(day, name)).collect(),
        };
        let fields: Vec<_> = seen.labels.rows(&all).into_iter().map(row).collect();
        Self {
            picture: (all.leads > 0).then(|| picture(&days, &fields, seen)),
            days: days.iter().map(Date::to_string).collect(),
            known_from: known_from(seen.hours),
            complete_from: seen.complete_from,
            fields,
        }
    }
}

fn date(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()).date())
}

fn days(seen: &FieldsSeen<'_>) -> Vec<Date> {
    let Some(today) = date(seen.now, seen.zone) else { return Vec::new() };
    let before = |days: u32| today.checked_sub(jiff::Span::new().days(i64::from(days))).ok();
    (0..seen.days).rev().filter_map(before).collect()
}

/// The hour after the last one that has delivered leads and says nothing of their fields.
fn known_from(hours: &[HourOfLeads]) -> Option<Timestamp> {
    let unknown = hours.iter().filter(|hour| hour.figures.delivered() > 0 && hour.figures.fields.is_empty());
    unknown.map(|hour| hour.hour + Duration::from_secs(3600)).max()
}

fn picture(days: &[Date], fields: &[FieldOfDays], seen: &FieldsSeen<'_>) -> Drawn {
    // What was not written is a warning of its lead.
    let warned = Query {
        outcome: Outcome::SyncedWithWarnings.word().to_owned(),
        dealership: seen.dealership.unwrap_or_default().to_owned(),
        from: days.first().map(Date::to_string).unwrap_or_default(),
        test: "none".to_owned(),
        ..Query::default()
    };
    let warned = format!("{}?{}", seen.logs, warned.encoded());
    let cell = |of: &FieldOfDay| Cell { leads: of.leads, valued: of.valued, written: of.written };
    let field = |one: &FieldOfDays| Field {
        name: one.label.clone(),
        cells: one.days.iter().map(cell).collect(),
        href: (one.all.written < one.all.valued).then(|| warned.clone()),
    };
    drawn("fields", &Fields { days: days.to_vec(), fields: fields.iter().map(field).collect() })
}

/// What a week's leads lacked most, and what HubSpot did not take, each in a sentence.
pub fn in_sentences(hours: &[HourOfLeads], labels: &Labels) -> Vec<String> {
    let mut all = FieldFigures::default();
    hours.iter().for_each(|hour| all.merge(&hour.figures.fields));
    if all.leads < TOLD_MIN {
        return Vec::new();
    }
    let rows = labels.rows(&all);
    let share = |filled: Filled| ((all.leads - filled.valued) * 100 + all.leads / 2) / all.leads;
    let empty = rows.iter().rev().find(|(name, _)| labels.wanted.contains(*name));
    let empty = empty.filter(|(_, filled)| share(*filled) >= EMPTY_PERCENT_MIN);
    let empty =
        empty.map(|(name, filled)| format!("{} was empty in {} % of the leads.", labels.of(name), share(*filled)));
    let lost = rows.iter().map(|(name, filled)| (name, filled.valued - filled.written)).max_by_key(|(_, lost)| *lost);
    let lost = lost.filter(|(_, lost)| *lost > 0).map(|(name, lost)| {
        let leads = things(i64::try_from(lost).unwrap_or(i64::MAX), "lead", "leads");
        format!("{} was not written for {leads}.", labels.of(name))
    });
    empty.into_iter().chain(lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::Figures;

    fn hour(at: &str, leads: u64, of: &[(&str, u64, u64)]) -> HourOfLeads {
        let filled = |(name, valued, written): &(&str, u64, u64)| {
            ((*name).to_owned(), Filled { valued: *valued, written: *written })
        };
        let fields = FieldFigures { leads, of: of.iter().map(filled).collect() };
        let figures = Figures { received: 9, created: 9, fields, ..Figures::default() };
        HourOfLeads { hour: Timestamp::parse(at).unwrap(), dealership: None, figures }
    }

    fn labels() -> Labels {
        let wanted = [("budget_range", "Budget Range"), ("lead_priority", "Lead Priority")];
        Labels::new(wanted.map(|(name, label)| (name.to_owned(), label.to_owned())), None)
    }

    fn seen(hours: &[HourOfLeads]) -> FieldsByDay {
        FieldsByDay::of(&FieldsSeen {
            days: 3,
            hours,
            complete_from: None,
            labels: &labels(),
            logs: "/logs",
            dealership: Some("ocean"),
            zone: &super::super::moment::zone("America/New_York"),
            now: Timestamp::parse("2026-11-23T15:00:00Z").unwrap(),
        })
    }

    #[test]
    fn a_day_is_that_of_the_account_and_a_field_that_nobody_filled_in_is_there() {
        let hours = [
            hour("2026-11-22T04:00:00Z", 2, &[("email", 2, 2)]), // the 21st in New York
            hour("2026-11-23T14:00:00Z", 8, &[("email", 7, 7), ("budget_range", 4, 1)]),
        ];
        let seen = seen(&hours);
        assert_eq!(seen.days, ["2026-11-21", "2026-11-22", "2026-11-23"]);
        let rows: Vec<_> = seen.fields.iter().map(|row| (row.label.as_str(), row.all.valued, row.all.leads)).collect();
        assert_eq!(rows, [("email", 9, 10), ("Budget Range", 4, 10), ("Lead Priority", 0, 10)]);
        let email: Vec<_> = seen.fields[0].days.iter().map(|day| (day.leads, day.valued)).collect();
        assert_eq!(email, [(2, 2), (0, 0), (8, 7)]);
        assert_eq!(seen.known_from, None);
        let table = seen.picture.unwrap().table;
        assert_eq!(table.rows[1], ["Budget Range", "0%", "–", "50%, 3 not written", "40%, 3 not written"]);
        assert_eq!(
            table.links[1].as_deref(),
            Some("/logs?dealership=ocean&from=2026-11-21&outcome=synced_with_warnings&test=none")
        );
    }

    #[test]
    fn hours_from_before_fields_were_counted_say_from_when_on_they_are_known() {
        let hours = [hour("2026-11-22T10:00:00Z", 0, &[]), hour("2026-11-23T14:00:00Z", 9, &[("email", 9, 9)])];
        let seen = seen(&hours);
        assert_eq!(seen.known_from.unwrap().to_string(), "2026-11-22T11:00:00Z");
        assert_eq!(seen.fields[0].all.leads, 9);
        assert!(super::in_sentences(&hours[..1], &labels()).is_empty());
    }

    #[test]
    fn a_letter_names_what_was_empty_most_and_what_was_lost_most() {
        for (of, expected) in [
            (
                vec![("email", 8, 8), ("budget_range", 3, 3), ("lead_priority", 8, 8)],
                vec!["Budget Range was empty in 63 % of the leads."],
            ),
            (vec![("budget_range", 8, 8), ("lead_priority", 8, 8)], vec![]),
            (
                vec![("budget_range", 8, 8), ("lead_priority", 2, 1)],
                vec!["Lead Priority was empty in 75 % of the leads.", "Lead Priority was not written for 1 lead."],
            ),
        ] {
            assert_eq!(in_sentences(&[hour("2026-11-23T14:00:00Z", 8, &of)], &labels()), expected);
        }
    }
}
