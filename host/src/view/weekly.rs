//! What came of a week's leads, for a letter: mail programs show tables and no pictures, so that is what its pictures are.
//! The figures are those of the overview.

use std::fmt::Write as _;
use std::time::Duration;

use askama::Template;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::fields::{Labels, in_sentences};
use super::moment::{count, things};
use super::overview::{Overview, PERIODS, Seen, Tile, Window, parts};
use crate::hours::Figures;
use crate::letter::Letter;
use crate::model::account::PastBinding;
use crate::model::alert::local;
use crate::model::time::Timestamp;
use crate::store::HourOfLeads;
use crate::text::cut;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Hours of a day that share a cell.
const HOURS_A_CELL: usize = 3;
/// What a list in a letter names at most.
const NAMED_MAX: usize = 8;
/// From none to most.
const SHADES: [(&str, &str); 5] = [
    ("#eff2f5", "#18212e"),
    ("#cfe0f8", "#18212e"),
    ("#8fb7ee", "#18212e"),
    ("#4a86d8", "#ffffff"),
    ("#1d5bbf", "#ffffff"),
];

/// Of the parts that went through with nothing left out, in their order.
const SYNCED: [&str; 3] = ["#17754a", "#1d5bbf", "#7fb59a"];

/// One week, from Monday to Sunday.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Weekly {
    /// Such as `The week of 16 to 22 November`.
    pub title: String,
    /// The account.
    pub whose: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub verdict: String,
    /// `good`, `warning`, `bad` or `none`.
    pub tone: &'static str,
    /// Against the week before.
    pub change: String,
    pub tiles: Vec<Tile>,
    /// What was empty most, and what HubSpot did not take, each in a sentence.
    pub fields: Vec<String>,
    pub flow: Vec<Part>,
    pub days: Vec<Bar>,
    #[serde(skip)]
    pub hour_labels: Vec<String>,
    pub hours: Vec<HoursOfDay>,
    pub causes: Vec<(String, u64)>,
    pub dealerships: Vec<(String, u64)>,
}

/// A part of all leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Part {
    pub label: &'static str,
    pub leads: u64,
    #[serde(skip)]
    pub percent: u64,
    #[serde(skip)]
    pub colour: &'static str,
}

/// The leads of a day, beside those of the best one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Bar {
    pub label: &'static str,
    pub leads: u64,
    #[serde(skip)]
    pub percent: u64,
}

/// When the leads of a day came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HoursOfDay {
    pub label: &'static str,
    pub cells: Vec<Cell>,
}

/// The leads of some hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Cell {
    pub leads: u64,
    #[serde(skip)]
    pub colour: &'static str,
    #[serde(skip)]
    pub ink: &'static str,
}

/// What a week is made of.
pub struct WeekSeen<'a> {
    pub whose: &'a str,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Of this week, of all dealerships together, with their fields.
    pub hours: &'a [HourOfLeads],
    /// What their fields are called.
    pub labels: &'a Labels,
    /// Of the week before.
    pub before: &'a [HourOfLeads],
    /// Of this week, by dealership.
    pub dealerships: &'a [HourOfLeads],
    /// Newest first.
    pub bindings: &'a [PastBinding],
    pub open_issues: usize,
    pub is_connected: bool,
    pub zone: &'a TimeZone,
}

/// The last whole week before a time: from one Monday's midnight to the next.
pub fn last_week(now: Timestamp, zone: &TimeZone) -> Option<[Timestamp; 3]> {
    let today = local(now, zone)?.date();
    let monday = today.checked_sub(jiff::Span::new().days(i64::from(today.weekday().to_monday_zero_offset()))).ok()?;
    let midnight = |weeks: i64| {
        let date = monday.checked_sub(jiff::Span::new().days(7 * weeks)).ok()?;
        let at = date.at(0, 0, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(Timestamp(at.timestamp().as_millisecond()))
    };
    Some([midnight(2)?, midnight(1)?, midnight(0)?])
}

fn sum(hours: &[HourOfLeads]) -> Figures {
    let mut all = Figures::default();
    hours.iter().for_each(|hour| all.merge(&hour.figures));
    all
}

impl Weekly {
    pub fn of(seen: &WeekSeen<'_>) -> Self {
        let (all, before) = (sum(seen.hours), sum(seen.before));
        let overview = Overview::of(&Seen {
            whose: seen.whose.to_owned(),
            window: &Window::last(PERIODS[1], seen.until),
            hours: seen.hours,
            complete_from: None,
            bindings: seen.bindings,
            history: &[],
            connected_at: None,
            open_issues: seen.open_issues,
            is_connected: seen.is_connected,
            base: "",
            dealership: None,
            zone: seen.zone,
            now: seen.until,
        });
        let mut causes: Vec<_> = all.causes.iter().map(|(code, leads)| (code.title().to_owned(), *leads)).collect();
        causes.sort_by_key(|(_, leads)| std::cmp::Reverse(*leads));
        causes.truncate(NAMED_MAX);
        let grid = grid(seen);
        Self {
            title: title(seen),
            whose: seen.whose.to_owned(),
            from: seen.from,
            until: seen.until,
            verdict: overview.verdict.replace(" in the last 7 days", " in this week"),
            tone: overview.tone,
            change: change(all.received, before.received),
            tiles: overview.tiles.into_iter().map(|tile| Tile { href: None, ..tile }).collect(),
            fields: in_sentences(seen.hours, seen.labels),
            flow: flow(&all),
            days: days(&grid),
            hour_labels: (0..24).step_by(HOURS_A_CELL).map(|hour| format!("{hour:02}")).collect(),
            hours: if all.received > 0 { hours(&grid) } else { Vec::new() },
            causes,
            dealerships: dealerships(seen),
        }
    }

    /// Of the verdict.
    fn colour(&self) -> &'static str {
        match self.tone {
            "good" => "#17754a",
            "warning" => "#8a5a00",
            "bad" => "#b42318",
            _ => "#18212e",
        }
    }

    /// As a letter; `href` leads to the account's overview.
    pub fn letter(&self, brand: &str, href: Option<&str>) -> anyhow::Result<Letter> {
        #[derive(Template)]
        #[template(path = "mail/weekly.html")]
        struct Page<'a> {
            week: &'a Weekly,
            brand: &'a str,
            href: Option<&'a str>,
            foot: &'a str,
        }
        let foot = "Test leads are left out. Who gets this letter is chosen under Alerts.";
        let html = Page { week: self, brand, href, foot }.render()?;
        let text = format!("{}\n{}{foot}\n", self.text(), href.map(|href| format!("{href}\n\n")).unwrap_or_default());
        Ok(Letter { subject: format!("{}: {}", self.whose, self.verdict.trim_end_matches('.')), text, html })
    }

    /// As plain text.
    pub fn text(&self) -> String {
        let mut text = format!("{} · {}\n{}\n{}\n\n", self.whose, self.title, self.verdict, self.change);
        let line = |text: &mut String, label: &str, value: &str, rest: &str| {
            let line = format!("{:<30} {value:>8}  {rest}", cut(label, 29));
            text.push_str(line.trim_end());
            text.push('\n');
        };
        for tile in &self.tiles {
            line(&mut text, tile.label, &tile.value, &tile.note);
        }
        for sentence in &self.fields {
            text.push_str(sentence);
            text.push('\n');
        }
        line(&mut text, "", "", "");
        for day in &self.days {
            line(
                &mut text,
                day.label,
                &count(signed(day.leads)),
                &"█".repeat(usize::try_from(day.percent / 5).unwrap_or(0)),
            );
        }
        for (head, rows) in [("What stood in the way", &self.causes), ("By dealership", &self.dealerships)] {
            if !rows.is_empty() {
                line(&mut text, "", "", "");
                line(&mut text, head, "", "");
                rows.iter().for_each(|(name, leads)| line(&mut text, name, &count(signed(*leads)), ""));
            }
        }
        let mut clean = String::with_capacity(text.len());
        for line in text.lines() {
            let _ = writeln!(clean, "{line}");
        }
        clean
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn title(seen: &WeekSeen<'_>) -> String {
    let last = seen.until - Duration::from_secs(12 * 3600);
    let (Some(first), Some(last)) = (local(seen.from, seen.zone), local(last, seen.zone)) else {
        return "The week".to_owned();
    };
    let first = if first.month() == last.month() { first.strftime("%-d") } else { first.strftime("%-d %B") };
    format!("The week of {first} to {}", last.strftime("%-d %B"))
}

fn change(now: u64, before: u64) -> String {
    let leads = |number: u64| things(signed(number), "lead", "leads");
    match (now, before) {
        (0, 0) => "None in the week before either.".to_owned(),
        (_, 0) => "None in the week before.".to_owned(),
        (now, before) if now == before => "As many as in the week before.".to_owned(),
        (now, before) if now > before => format!("{} more than in the week before.", leads(now - before)),
        (now, before) => format!("{} fewer than in the week before.", leads(before - now)),
    }
}

/// The parts of the overview's flow; and of what was not sent, what nobody chose is apart.
fn flow(all: &Figures) -> Vec<Part> {
    let synced = parts::synced(all).into_iter().zip(SYNCED);
    let synced = synced.map(|(part, colour)| (part.name, part.leads, colour));
    let others = [
        ("With warnings", all.warnings, "#5f8f1f"),
        ("Waiting", all.open(), "#c98a1b"),
        ("Failed", all.failed + all.refused, "#b42318"),
        ("HubSpot was not connected", parts::unconnected(all), "#4d5a6b"),
        ("Not sent by choice", parts::by_choice(all), "#8492a4"),
        ("Removed", all.removed, "#c3cbd5"),
    ];
    let part = |(label, leads, colour)| Part { label, leads, percent: share(leads, all.received).max(1), colour };
    synced.chain(others).filter(|(_, leads, _)| *leads > 0).map(part).collect()
}

fn share(part: u64, all: u64) -> u64 {
    (part * 100 + all / 2).checked_div(all).unwrap_or(0)
}

/// Leads by day of the week and cell of hours, as the account's clocks show them.
fn grid(seen: &WeekSeen<'_>) -> [[u64; 24 / HOURS_A_CELL]; 7] {
    let mut grid = [[0; 24 / HOURS_A_CELL]; 7];
    for hour in seen.hours {
        let Some(local) = local(hour.hour, seen.zone) else { continue };
        let day = usize::try_from(local.date().weekday().to_monday_zero_offset()).unwrap_or(0);
        grid[day][usize::try_from(local.hour()).unwrap_or(0) / HOURS_A_CELL] += hour.figures.received;
    }
    grid
}

fn days(grid: &[[u64; 24 / HOURS_A_CELL]; 7]) -> Vec<Bar> {
    let sums = grid.map(|cells| cells.iter().sum::<u64>());
    let best = sums.iter().copied().max().unwrap_or(0);
    let bar = |(label, leads): (&&'static str, u64)| Bar { label, leads, percent: share(leads, best) };
    DAYS.iter().zip(sums).map(bar).collect()
}

fn hours(grid: &[[u64; 24 / HOURS_A_CELL]; 7]) -> Vec<HoursOfDay> {
    let best = grid.iter().flatten().copied().max().unwrap_or(0);
    let cell = |leads: &u64| {
        let (colour, ink) = match leads {
            0 => SHADES[0],
            leads => SHADES[usize::try_from((leads * 4).div_ceil(best.max(1))).unwrap_or(4).min(4)],
        };
        Cell { leads: *leads, colour, ink }
    };
    let row = |(label, cells): (&&'static str, &[u64; 24 / HOURS_A_CELL])| HoursOfDay {
        label,
        cells: cells.iter().map(cell).collect(),
    };
    DAYS.iter().zip(grid).map(row).collect()
}

fn dealerships(seen: &WeekSeen<'_>) -> Vec<(String, u64)> {
    let mut sums = std::collections::BTreeMap::<&str, u64>::new();
    for hour in seen.dealerships {
        *sums.entry(hour.dealership.as_deref().unwrap_or_default()).or_default() += hour.figures.received;
    }
    let name = |slug: &str| if slug.is_empty() { "none named".to_owned() } else { slug.to_owned() };
    let mut rows: Vec<_> = sums.into_iter().map(|(slug, leads)| (name(slug), leads)).collect();
    rows.sort_by_key(|(_, leads)| std::cmp::Reverse(*leads));
    rows.truncate(NAMED_MAX);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;
    use crate::hours::Counted;
    use crate::model::delivery::ContactWrite;
    use crate::model::outcome::Outcome;

    fn week(hours: &[HourOfLeads], before: &[HourOfLeads]) -> Weekly {
        Weekly::of(&WeekSeen {
            whose: "Ocean Honda",
            from: Timestamp::parse("2026-11-16T00:00:00Z").unwrap(),
            until: Timestamp::parse("2026-11-23T00:00:00Z").unwrap(),
            hours,
            labels: &Labels::default(),
            before,
            dealerships: &[],
            bindings: &[],
            open_issues: 0,
            is_connected: true,
            zone: &TimeZone::UTC,
        })
    }

    fn hour(at: &str, figures: Figures) -> HourOfLeads {
        HourOfLeads { hour: Timestamp::parse(at).unwrap(), dealership: None, figures }
    }

    #[test]
    fn a_week_is_told_in_plain_text() {
        let mut morning = Figures { received: 3, created: 2, updated: 1, without_email: 1, ..Figures::default() };
        morning.took.add(Duration::from_secs(4));
        let failed = Figures { received: 1, failed: 1, causes: [(Code::EmailInvalid, 1)].into(), ..Figures::default() };
        let hours = [hour("2026-11-16T09:00:00Z", morning), hour("2026-11-18T14:00:00Z", failed)];
        let text = week(&hours, &[]).text();
        let expected = [
            "Ocean Honda · The week of 16 to 22 November",
            "1 of 4 leads in this week did not reach HubSpot.",
            "None in the week before.",
            "",
            "Leads                                 4",
            "In HubSpot                            3  75 %",
        ];
        assert_eq!(text.lines().take(expected.len()).collect::<Vec<_>>(), expected, "{text}");
        for line in [
            "Mon                                   3  ████████████████████",
            "Wed                                   1  ██████",
            "Thu                                   0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.contains("What stood in the way\n"), "{text}");
        let letter = week(&hours, &[]).letter("Leadline", Some("https://leads.example.com/accounts/ocean")).unwrap();
        assert_eq!(letter.subject, "Ocean Honda: 1 of 4 leads in this week did not reach HubSpot");
        assert!(!letter.html.contains("<svg") && !letter.html.contains("<img") && !letter.html.contains("<script"));
        assert!(letter.html.contains("href=\"https://leads.example.com/accounts/ocean\""));
    }

    #[test]
    fn every_lead_of_a_week_is_in_one_part_and_nobody_chose_that_hubspot_was_not_connected() {
        let mut all = Figures::default();
        let lead = |outcome| Counted {
            outcome,
            is_refused: false,
            contact: None,
            has_email: Some(true),
            cause: None,
            took: None,
        };
        let gone = Some(Code::ConnectionDisconnected);
        let (created, updated) = (Some(ContactWrite::Created), Some(ContactWrite::Updated));
        for lead in [
            Counted { contact: created, ..lead(Outcome::Synced) },
            Counted { contact: created, ..lead(Outcome::SyncedWithWarnings) },
            Counted { contact: updated, ..lead(Outcome::Synced) },
            Counted { cause: gone, ..lead(Outcome::NeedsAttention) },
            Counted { cause: gone, ..lead(Outcome::Skipped) },
            Counted { cause: gone, ..lead(Outcome::Skipped) },
            Counted { cause: Some(Code::EventNotSelected), ..lead(Outcome::Skipped) },
            lead(Outcome::Cancelled),
            lead(Outcome::Removed),
        ] {
            all.add(&lead);
        }
        let parts: Vec<_> = flow(&all).iter().map(|part| (part.label, part.leads)).collect();
        let expected = [
            ("Created", 1),
            ("Updated", 1),
            ("With warnings", 1),
            ("Waiting", 1),
            ("HubSpot was not connected", 2),
            ("Not sent by choice", 2),
            ("Removed", 1),
        ];
        assert_eq!(parts, expected);
        assert_eq!(parts.iter().map(|(_, leads)| leads).sum::<u64>(), all.received);
    }

    #[test]
    fn a_week_is_compared_with_the_one_before() {
        for (now, before, text) in [
            (0, 0, "None in the week before either."),
            (3, 0, "None in the week before."),
            (3, 3, "As many as in the week before."),
            (4, 3, "1 lead more than in the week before."),
            (3, 5, "2 leads fewer than in the week before."),
        ] {
            assert_eq!(change(now, before), text);
        }
    }

    #[test]
    fn a_week_goes_from_midnight_to_midnight_where_the_dealership_is() {
        let new_york = super::super::moment::zone("America/New_York");
        let [before, from, until] = last_week(Timestamp::parse("2026-11-09T13:00:00Z").unwrap(), &new_york).unwrap();
        let texts = [before, from, until].map(|at| at.to_string());
        // The clocks changed on the first of November.
        assert_eq!(texts, ["2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-09T05:00:00Z"]);
    }
}
