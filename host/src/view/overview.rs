//! Overview: a verdict in one sentence, then the figures and pictures behind it.

pub mod series;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::moment::{count, span, things};
use crate::cause::Code;
use crate::hours::Figures;
use crate::model::account::PastBinding;
use crate::model::time::Timestamp;
use crate::picture::{self, Drawn, Tone, drawn};
use crate::store::HourOfLeads;

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

/// A lead should be in HubSpot by then.
const TARGET: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Figures and pictures of a time.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Overview {
    pub verdict: String,
    /// `good`, `warning`, `bad` or `none`.
    pub tone: &'static str,
    pub tiles: Vec<Tile>,
    /// Not every hour before this one is added up yet; none where all are.
    pub complete_from: Option<Timestamp>,
    #[serde(skip)]
    pub flow: Option<Drawn>,
    #[serde(skip)]
    pub deliveries: Option<Drawn>,
    #[serde(skip)]
    pub latency: Option<Drawn>,
    #[serde(skip)]
    pub causes: Option<Drawn>,
    #[serde(skip)]
    pub split: Option<Drawn>,
    /// By hour and weekday: of a week or longer.
    #[serde(skip)]
    pub hours: Option<Drawn>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Tile {
    pub label: &'static str,
    pub value: String,
    pub note: String,
    pub href: Option<String>,
}

/// What the overview is made of.
pub struct Seen<'a> {
    pub period: Period,
    pub hours: &'a [HourOfLeads],
    pub complete_from: Option<Timestamp>,
    /// Newest first.
    pub bindings: &'a [PastBinding],
    pub open_issues: usize,
    pub is_connected: bool,
    /// The address of the list of leads.
    pub logs: &'a str,
    /// Whose leads these are, as people call them.
    pub whose: String,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

impl Overview {
    pub fn of(seen: &Seen<'_>) -> Self {
        let mut all = Figures::default();
        seen.hours.iter().for_each(|hour| all.merge(&hour.figures));
        let (tone, verdict) = verdict(seen, &all);
        let has_leads = all.received > 0;
        Self {
            verdict,
            tone,
            tiles: tiles(seen, &all),
            complete_from: seen.complete_from,
            flow: has_leads.then(|| flow(seen, &all)),
            deliveries: has_leads.then(|| deliveries(seen)),
            latency: (all.took.count() > 0).then(|| latency(seen)),
            causes: (!all.causes.is_empty()).then(|| causes(seen, &all)),
            split: (all.delivered() > 0).then(|| split(seen, &all)),
            hours: (has_leads && seen.period.days >= 7).then(|| by_hour_and_weekday(seen)),
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn verdict(seen: &Seen<'_>, all: &Figures) -> (&'static str, String) {
    let leads = |number: u64| things(signed(number), "lead", "leads");
    let when = format!("in the last {}", seen.period.label);
    if !seen.is_connected {
        let kept = (all.received > 0).then(|| format!(" {} came {when} and are kept.", leads(all.received)));
        return ("bad", format!("HubSpot is not connected.{}", kept.unwrap_or_default()));
    }
    let lost = all.failed + all.refused;
    match all.received {
        0 => ("none", format!("No leads {when}.")),
        _ if lost > 0 => {
            ("bad", format!("{} of {} {when} did not reach HubSpot.", count(signed(lost)), leads(all.received)))
        }
        _ if all.waiting > 0 => ("warning", format!("{} for somebody to mend something.", wait(all.waiting))),
        _ if all.retrying > 0 => ("warning", format!("HubSpot had trouble: {} again by itself.", tried(all.retrying))),
        _ if seen.open_issues > 0 => {
            let issues = things(i64::try_from(seen.open_issues).unwrap_or(i64::MAX), "thing needs", "things need");
            ("warning", format!("{} {when} went through, but {issues} attention.", leads(all.received)))
        }
        _ if all.sending > 0 => {
            ("good", format!("All good: {} {when}, the last ones on their way.", leads(all.received)))
        }
        _ if all.skipped + all.cancelled > 0 => {
            ("good", format!("All good: {} {when}; {} by choice.", leads(all.received), skipped(all)))
        }
        _ => ("good", format!("All good: {} {when}, all in HubSpot.", leads(all.received))),
    }
}

fn wait(number: u64) -> String {
    things(signed(number), "lead waits", "leads wait")
}

fn tried(number: u64) -> String {
    things(signed(number), "lead is tried", "leads are tried")
}

fn skipped(all: &Figures) -> String {
    things(signed(all.skipped + all.cancelled), "was not sent", "were not sent")
}

fn tiles(seen: &Seen<'_>, all: &Figures) -> Vec<Tile> {
    let tile = |label, number: u64, note: String, filter: &str| Tile {
        label,
        value: count(signed(number)),
        note,
        href: Some(format!("{}{filter}", seen.logs)),
    };
    let share = |part: u64| match all.received {
        0 => String::new(),
        all => format!("{} %", (part * 100 + all / 2) / all),
    };
    let time =
        |share: f64| all.took.percentile(share).map(|took| span(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    vec![
        tile("Leads", all.received, String::new(), ""),
        tile("In HubSpot", all.delivered(), share(all.delivered()), "?outcome=synced"),
        Tile {
            label: "Time to HubSpot",
            value: time(0.5).unwrap_or_else(|| "–".to_owned()),
            note: time(0.95).map_or_else(String::new, |p95| format!("19 of 20 within {p95}")),
            href: None,
        },
        tile("Without e-mail", all.without_email, share(all.without_email), ""),
        tile("Waiting", all.open(), String::new(), "?outcome=needs_attention"),
    ]
}

fn flow(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::flow::{Flow, Loss, Stream};
    let link = |outcome: &str| Some(format!("{}?outcome={outcome}", seen.logs));
    let stream = |leads: u64, href| Stream { leads, href };
    let clean =
        |part: u64| part.saturating_sub(if all.delivered() > 0 { all.warnings * part / all.delivered() } else { 0 });
    let (created, updated) = (clean(all.created + all.saved), clean(all.updated));
    drawn(
        "flow",
        &Flow {
            period: format!("last {}", seen.period.label),
            created: stream(created, link("synced")),
            updated: stream(updated, link("synced")),
            warned: stream(all.delivered() - created - updated, link("synced_with_warnings")),
            waiting: Loss {
                before_plan: 0,
                after_plan: all.open(),
                href: link(if all.waiting > 0 { "needs_attention" } else { "sending" }),
            },
            failed: Loss { before_plan: all.refused, after_plan: all.failed, href: link("failed") },
            skipped: stream(all.skipped + all.cancelled + all.removed, link("skipped")),
            turned_away: stream(0, None),
        },
    )
}

/// The steps of the time axis: hours of a day, else days.
fn spans(seen: &Seen<'_>) -> Vec<(Timestamp, Timestamp, Figures)> {
    let step = if seen.period.days == 1 { HOUR } else { HOUR * 24 };
    let count = if seen.period.days == 1 { 24 } else { seen.period.days };
    let hour = HOUR.as_millis() as i64;
    let end = Timestamp((seen.now.0 / hour + 1) * hour);
    let begin = end - step * count;
    let mut spans: Vec<_> =
        (0..count).map(|index| (begin + step * index, begin + step * (index + 1), Figures::default())).collect();
    for one in seen.hours {
        let index = one.hour.since(begin).as_millis() / step.as_millis();
        if let Some((_, _, figures)) = usize::try_from(index).ok().and_then(|index| spans.get_mut(index))
            && one.hour >= begin
        {
            figures.merge(&one.figures);
        }
    }
    spans
}

fn deliveries(seen: &Seen<'_>) -> Drawn {
    use picture::deliveries::{Change, Deliveries, Outcomes, Span};
    let span = |(from, until, figures): (Timestamp, Timestamp, Figures)| Span {
        from,
        until,
        outcomes: Outcomes {
            synced: figures.delivered().saturating_sub(figures.warnings),
            warned: figures.warnings,
            waiting: figures.open(),
            failed: figures.failed + figures.refused,
            skipped: figures.skipped + figures.cancelled + figures.removed,
        },
        href: None,
    };
    let spans = spans(seen);
    let begin = spans.first().map_or(seen.now, |first| first.0);
    let change = |past: &PastBinding| Change {
        at: past.at,
        text: match past.restores {
            Some(_) => format!("back to {}", past.version),
            None => format!("{} enabled", past.version),
        },
        href: None,
    };
    let mut changes: Vec<_> = seen.bindings.iter().filter(|past| past.at >= begin).map(change).collect();
    changes.reverse();
    drawn("deliveries", &Deliveries { zone: seen.zone.clone(), spans: spans.into_iter().map(span).collect(), changes })
}

fn latency(seen: &Seen<'_>) -> Drawn {
    use picture::latency::{Latency, Point, Times};
    let point = |(at, _, figures): (Timestamp, Timestamp, Figures)| Point {
        at,
        times: figures.took.percentile(0.5).zip(figures.took.percentile(0.95)).map(|(p50, p95)| Times { p50, p95 }),
        href: None,
    };
    let points = spans(seen).into_iter().map(point).collect();
    drawn("latency", &Latency { zone: seen.zone.clone(), points, target: Some(TARGET) })
}

fn causes(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::causes::{Cause, Causes};
    let spans = spans(seen);
    let tone = |code: Code| match code {
        Code::AccountNotConnected | Code::EventNotSelected | Code::EventUnhandled => Tone::Skipped,
        _ if code.who() == "nobody has to" => Tone::Skipped,
        _ => Tone::Failed,
    };
    let mut causes: Vec<_> = all
        .causes
        .iter()
        .map(|(code, leads)| Cause {
            title: code.title().to_owned(),
            leads: *leads,
            trend: spans.iter().map(|(_, _, figures)| figures.causes.get(code).copied().unwrap_or(0)).collect(),
            tone: tone(*code),
            href: Some(format!("{}?cause={code}", seen.logs)),
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.leads));
    drawn("causes", &Causes { causes })
}

fn split(seen: &Seen<'_>, all: &Figures) -> Drawn {
    use picture::split::{Part, Split};
    let part = |name: &str, count, tone| Part { name: name.to_owned(), count, tone, href: Some(seen.logs.to_owned()) };
    let parts = vec![
        part("New contacts", all.created + all.saved, Tone::Synced),
        part("Updated contacts", all.updated, Tone::Accent),
        part("Without e-mail", all.without_email, Tone::Waiting),
    ];
    drawn("split", &Split { title: "New and known contacts".to_owned(), parts })
}

fn by_hour_and_weekday(seen: &Seen<'_>) -> Drawn {
    drawn("hours", &picture::hours::Hours { whose: seen.whose.clone(), leads: by_hour(seen) })
}

/// By weekday and by the hours of the account's own time, which is what people open by.
fn by_hour(seen: &Seen<'_>) -> [[u64; 24]; 7] {
    let mut leads = [[0_u64; 24]; 7];
    for hour in seen.hours {
        let Ok(at) = jiff::Timestamp::from_millisecond(hour.hour.0) else { continue };
        let local = at.to_zoned(seen.zone.clone());
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).expect("a week has seven days");
        let of_day = usize::try_from(local.hour()).expect("a day has 24 hours");
        leads[day][of_day] += hour.figures.received;
    }
    leads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(figures: Figures, is_connected: bool, open_issues: usize) -> (&'static str, String) {
        let hours = [HourOfLeads { hour: Timestamp(0), dealership: None, figures }];
        let seen = Seen {
            period: PERIODS[1],
            hours: &hours,
            complete_from: None,
            bindings: &[],
            open_issues,
            is_connected,
            logs: "/logs",
            whose: "Acme".to_owned(),
            zone: &TimeZone::UTC,
            now: Timestamp(3_600_000),
        };
        let overview = Overview::of(&seen);
        (overview.tone, overview.verdict)
    }

    #[test]
    fn the_verdict_says_the_worst_thing_first() {
        let figures = |received, created, failed, waiting, skipped| Figures {
            received,
            created,
            failed,
            waiting,
            skipped,
            ..Figures::default()
        };
        let rows = [
            (figures(0, 0, 0, 0, 0), true, 0, ("none", "No leads in the last 7 days.")),
            (figures(128, 128, 0, 0, 0), true, 0, ("good", "All good: 128 leads in the last 7 days, all in HubSpot.")),
            (figures(3, 2, 1, 0, 0), true, 0, ("bad", "1 of 3 leads in the last 7 days did not reach HubSpot.")),
            (figures(3, 2, 0, 1, 0), true, 0, ("warning", "1 lead waits for somebody to mend something.")),
            (
                figures(3, 2, 0, 0, 1),
                true,
                0,
                ("good", "All good: 3 leads in the last 7 days; 1 was not sent by choice."),
            ),
            (
                figures(3, 3, 0, 0, 0),
                true,
                1,
                ("warning", "3 leads in the last 7 days went through, but 1 thing needs attention."),
            ),
            (
                figures(2, 0, 0, 0, 2),
                false,
                0,
                ("bad", "HubSpot is not connected. 2 leads came in the last 7 days and are kept."),
            ),
        ];
        for (figures, is_connected, issues, (tone, verdict)) in rows {
            assert_eq!(seen(figures, is_connected, issues), (tone, verdict.to_owned()));
        }
    }
}
