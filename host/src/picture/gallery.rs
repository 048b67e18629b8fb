//! All pictures with made-up data: for the page that shows how things look, and for whoever changes one of them.

use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::boxes::{Boxes, Row, Unit};
use super::causes::{Cause, Causes};
use super::deliveries::{Change, Deliveries, Outcomes, Span};
use super::dots::{Dot, Dots, Verdict};
use super::fields::{Cell, Field, Fields};
use super::flow::{Flow, Loss, Stream};
use super::gauge::Gauge;
use super::hours::Hours;
use super::latency::{Latency, Point, Times};
use super::retries::{Retries, Step};
use super::sparkline::Sparkline;
use super::split::{Bar, Part, Split};
use super::squares::{Health, Square, Squares};
use super::timetable::{Timetable, Try};
use super::waterfall::{self, Kind, Waterfall};
use super::wave::{self, Wave};
use super::{Drawn, Picture, Tone, drawn};
use crate::model::time::Timestamp;

/// Tuesday, 24 November 2026, 14:30 UTC.
const NOW: Timestamp = Timestamp(1_795_530_600_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Each picture with its name, in the order of the questions that they answer.
pub fn gallery() -> Vec<(&'static str, Drawn)> {
    let pictures: [(&str, &dyn Picture); 17] = [
        ("Flow", &flow()),
        ("Deliveries", &deliveries()),
        ("Latency", &latency()),
        ("Causes", &causes()),
        ("Fields", &fields()),
        ("Waterfall", &waterfall()),
        ("Timetable", &timetable()),
        ("Retries", &retries()),
        ("Hours", &hours()),
        ("Split", &split()),
        ("Dots", &dots()),
        ("Boxes", &boxes()),
        ("Gauge", &gauge()),
        ("Wave", &wave()),
        ("Sparkline", &sparkline()),
        ("Squares", &squares()),
        ("Nothing", &Causes { causes: Vec::new() }),
    ];
    let draw =
        |(index, (name, picture)): (usize, (_, &dyn Picture))| (name, drawn(&format!("g{}", index + 1), picture));
    pictures.into_iter().enumerate().map(draw).collect()
}

/// A number below `below` that looks like chance and is always the same.
fn dice(seed: i64, below: u64) -> u64 {
    let mixed = (seed as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 32)) % below
}

/// How busy an hour is, from 0 to 10: people shop in the afternoon.
fn busy(hour: i64) -> u64 {
    const BY_HOUR: [u64; 24] = [1, 0, 0, 0, 0, 0, 1, 2, 4, 6, 7, 8, 9, 8, 8, 9, 10, 9, 8, 7, 5, 4, 3, 2];
    BY_HOUR[usize::try_from(hour.rem_euclid(24)).expect("a day has 24 hours")]
}

fn logs(query: &str) -> Option<String> {
    Some(format!("/logs?{query}"))
}

fn flow() -> Flow {
    let stream = |leads, outcome: &str| Stream { leads, href: logs(&format!("outcome={outcome}")) };
    Flow {
        period: "in the last 7 days".to_owned(),
        synced: vec![("Created", stream(812, "created")), ("Updated", stream(274, "updated"))],
        warned: stream(38, "warnings"),
        waiting: Loss { before_plan: 6, after_plan: 31, href: logs("outcome=attention") },
        failed: Loss { before_plan: 4, after_plan: 9, href: logs("outcome=failed") },
        skipped: stream(96, "skipped"),
        cancelled: stream(5, "cancelled"),
        removed: stream(2, "removed"),
        turned_away: Stream { leads: 3, href: None },
    }
}

fn deliveries() -> Deliveries {
    let from = NOW.0 - NOW.0.rem_euclid(HOUR) - 47 * HOUR;
    let span = |index: i64| {
        let at = from + index * HOUR;
        let leads = busy(at / HOUR) * 3 + dice(index, 4);
        let bad = if (26..32).contains(&index) { leads / 3 } else { 0 };
        let waiting = if index > 40 { leads / 8 } else { 0 };
        let warned = if index % 5 == 0 { leads / 6 } else { 0 };
        let skipped = leads / 9;
        Span {
            from: Timestamp(at),
            until: Timestamp(at + HOUR),
            outcomes: Outcomes {
                synced: leads - bad - waiting - warned - skipped,
                warned,
                waiting,
                failed: bad,
                skipped,
            },
            href: logs(&format!("hour={index}")),
        }
    };
    let change = |hour, text: &str| Change { at: Timestamp(from + hour * HOUR), text: text.to_owned(), href: None };
    Deliveries {
        zone: TimeZone::UTC,
        spans: (0..48).map(span).collect(),
        changes: vec![change(26, "v7 enabled"), change(32, "back to v6"), change(33, "reconnected")],
    }
}

fn latency() -> Latency {
    let point = |index: i64| {
        let slow = if (30..38).contains(&index) { 30 } else { 1 };
        let p50 = 900 + dice(index, 500);
        let times = Times {
            p50: Duration::from_millis(p50),
            p95: Duration::from_millis((p50 * 2 + 800 + dice(index + 99, 2500)) * slow),
        };
        Point {
            at: Timestamp(NOW.0 - (47 - index) * HOUR),
            times: (!(9..12).contains(&index)).then_some(times),
            href: None,
        }
    };
    Latency { zone: TimeZone::UTC, points: (0..48).map(point).collect(), target: Some(Duration::from_secs(60)) }
}

fn causes() -> Causes {
    let cause = |title: &str, leads, trend: [u64; 7], tone| Cause {
        title: title.to_owned(),
        leads,
        trend: trend.to_vec(),
        tone,
        href: logs("group=cause"),
    };
    let causes = vec![
        cause("Property budget_range is missing", 212, [0, 0, 4, 40, 52, 61, 55], Tone::Waiting),
        cause("HubSpot did not answer", 64, [2, 50, 9, 1, 0, 2, 0], Tone::Failed),
        cause(
            "Stage “Test drive” is gone from the pipeline “New cars, Berlin and Potsdam”",
            41,
            [5, 6, 6, 7, 5, 6, 6],
            Tone::Waiting,
        ),
        cause("No e-mail and no phone", 17, [3, 2, 3, 2, 2, 3, 2], Tone::Failed),
        cause("The transformation stopped: fuel", 2, [0, 0, 0, 0, 0, 0, 2], Tone::Failed),
    ];
    Causes { causes }
}

fn fields() -> Fields {
    let names: [(&str, u64, u64); 9] = [
        ("email", 88, 0),
        ("phone", 71, 0),
        ("firstname", 97, 0),
        ("lastname", 93, 0),
        ("vehicle_of_interest", 82, 0),
        ("budget_range", 44, 60),
        ("lead_priority", 100, 0),
        ("lead_origin_channel", 99, 12),
        ("trade_in", 3, 0),
    ];
    let days: Vec<_> = (11..=24).map(|day| date(2026, 11, day)).collect();
    let field = |(name, share, lost): (&str, u64, u64)| {
        let cell = |day: usize| {
            // Sundays are closed.
            let leads = if day % 7 == 4 { 0 } else { 30 + dice(day as i64, 25) };
            let valued = (leads * share / 100 + dice(day as i64 + share as i64, 5)).min(leads);
            let lost = if day > 8 { valued * lost / 100 } else { 0 };
            Cell { leads, valued, written: valued - lost }
        };
        Field {
            name: name.to_owned(),
            cells: (0..days.len()).map(cell).collect(),
            href: logs(&format!("field={name}")),
        }
    };
    Fields { fields: names.map(field).to_vec(), days }
}

fn waterfall() -> Waterfall {
    let mut at = NOW.0;
    let steps: [(&str, Kind, i64, &str); 9] = [
        ("in the queue", Kind::Wait, 38, ""),
        ("contact@1", Kind::Guest, 3, "4 actions"),
        ("in the queue", Kind::Wait, 55, ""),
        ("read contact", Kind::Call, 142, "200"),
        ("upsert contact", Kind::FailedCall, 1210, "503"),
        ("until the next try", Kind::Wait, 5120, ""),
        ("upsert contact", Kind::Call, 236, "201"),
        ("create deal", Kind::Call, 311, "201"),
        ("create note", Kind::Call, 184, "201"),
    ];
    let span = |(name, kind, millis, detail): (&str, Kind, i64, &str)| {
        let from = Timestamp(at);
        at += millis;
        waterfall::Span {
            name: name.to_owned(),
            kind,
            from,
            until: Timestamp(at),
            detail: detail.to_owned(),
            href: matches!(kind, Kind::Call | Kind::FailedCall).then(|| "#calls".to_owned()),
        }
    };
    Waterfall { zone: TimeZone::UTC, spans: steps.map(span).to_vec() }
}

fn timetable() -> Timetable {
    let attempt = |after| Try {
        after: Duration::from_secs(after),
        has_worked: false,
        text: "503 Service Unavailable".to_owned(),
        href: Some("#calls".to_owned()),
    };
    let planned = [2_105, 9_305, 27_305, 63_305, 99_305, 142_505, 185_705, 228_905, 259_200];
    Timetable {
        zone: TimeZone::UTC,
        first: NOW,
        now: Duration::from_secs(1_860),
        past: [0, 0, 5, 305].map(attempt).to_vec(),
        planned: planned.map(Duration::from_secs).to_vec(),
        end: Duration::from_secs(72 * 3600),
    }
}

fn retries() -> Retries {
    let steps = [
        (0, 0, 4),
        (5, 5, 0),
        (300, 305, 38),
        (1800, 2_105, 61),
        (7200, 9_305, 212),
        (18_000, 27_305, 0),
        (36_000, 63_305, 17),
        (36_000, 99_305, 0),
        (43_200, 142_505, 0),
        (43_200, 185_705, 3),
        (43_200, 228_905, 0),
        (30_295, 259_200, 9),
    ];
    let step =
        |(wait, after, leads)| Step { wait: Duration::from_secs(wait), after: Duration::from_secs(after), leads };
    Retries { steps: steps.map(step).to_vec(), end: Duration::from_secs(72 * 3600), is_more: false }
}

fn hours() -> Hours {
    let leads = |day: usize| {
        std::array::from_fn(|hour| {
            let open = if day == 6 { 1 } else { 3 };
            busy(hour as i64) * open + dice((day * 24 + hour) as i64, 3 * busy(hour as i64) + 1)
        })
    };
    Hours { whose: "Northside Motors".to_owned(), leads: std::array::from_fn(leads), links: Default::default() }
}

fn split() -> Split {
    let part = |name: &str, count, tone| Part { name: name.to_owned(), count, tone, href: logs("group=match") };
    let contacts = vec![part("new contacts", 812, Tone::Synced), part("updated", 274, Tone::Accent)];
    let bars = vec![
        Bar { leads: 1086, which: "in HubSpot", parts: contacts },
        Bar { leads: 1273, which: "received", parts: vec![part("without e-mail", 38, Tone::Skipped)] },
    ];
    Split { title: "Contacts in HubSpot".to_owned(), bars }
}

fn dots() -> Dots {
    let dot = |index: i64| {
        let verdict = match dice(index, 50) {
            0 => Verdict::Failed,
            1..=5 => Verdict::Changed,
            _ => Verdict::Same,
        };
        Dot { name: format!("lead {}", 4000 + index), verdict, href: Some(format!("/leads/{}", 4000 + index)) }
    };
    Dots { leads: (0..200).map(dot).collect() }
}

fn boxes() -> Boxes {
    let row = |name: &str, [least, low, median, high, most]: [u64; 5]| Row {
        name: name.to_owned(),
        least,
        low,
        median,
        high,
        most,
        href: Some("/transformations/deals".to_owned()),
    };
    let rows = vec![
        row("deals@6", [900_000, 1_400_000, 1_900_000, 2_600_000, 6_100_000]),
        row("deals@7", [1_100_000, 3_800_000, 5_200_000, 8_900_000, 20_000_000]),
        row("deals@8", [800_000, 1_200_000, 1_500_000, 2_200_000, 4_800_000]),
    ];
    Boxes { title: "Fuel of a run, by version".to_owned(), unit: Unit::Fuel, limit: Some(20_000_000), rows }
}

fn gauge() -> Gauge {
    let refused = [31, 32, 33, 190, 610, 611, 1302].map(|minutes| Timestamp(NOW.0 - minutes * MINUTE));
    Gauge {
        zone: TimeZone::UTC,
        ours: 63,
        others: 41,
        limit: 190,
        window: Duration::from_secs(10),
        from: Timestamp(NOW.0 - 24 * HOUR),
        until: NOW,
        refused: refused.to_vec(),
        href: logs("code=429"),
    }
}

fn wave() -> Wave {
    let age = |step: i64| {
        let seconds = if step < 90 { dice(step, 4) } else { (step - 90) as u64 * 600 };
        (Timestamp(NOW.0 - (143 - step) * 10 * MINUTE), Duration::from_secs(if step > 136 { 1900 } else { seconds }))
    };
    let from = NOW.0 - NOW.0.rem_euclid(HOUR);
    let hour = |index: i64| wave::Hour {
        from: Timestamp(from + index * HOUR),
        retries: [140, 95, 310, 40, 0, 188, 20, 0, 0, 4, 240, 120][usize::try_from(index % 12).expect("it is small")]
            * 3
            / (1 + index as u64 / 12),
        href: Some(format!("/queue?hour={index}")),
    };
    Wave { zone: TimeZone::UTC, ages: (0..144).map(age).collect(), planned: (0..72).map(hour).collect() }
}

fn sparkline() -> Sparkline {
    let values = (0..30).map(|day| if day > 24 { 9 + dice(day, 12) } else { dice(day, 4) }).collect();
    Sparkline { title: "Failed leads a day".to_owned(), values, tone: Tone::Failed }
}

fn squares() -> Squares {
    let square = |index: i64| {
        let health = match index {
            0..3 => Health::Failing,
            3..11 => Health::Waiting,
            11..128 => Health::Well,
            _ => Health::Quiet,
        };
        Square {
            name: format!("Dealership {}", 100 + dice(index, 900)),
            health,
            href: Some(format!("/accounts/{index}")),
        }
    };
    Squares { accounts: (0..140).map(square).collect() }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::picture::STYLE;
    use crate::picture::inspect::inspect;

    #[test]
    fn everything_in_the_gallery_is_sound() {
        let all: [&dyn Picture; 16] = [
            &flow(),
            &deliveries(),
            &latency(),
            &causes(),
            &fields(),
            &waterfall(),
            &timetable(),
            &retries(),
            &hours(),
            &split(),
            &dots(),
            &boxes(),
            &gauge(),
            &wave(),
            &sparkline(),
            &squares(),
        ];
        all.into_iter().for_each(inspect);
    }

    /// Leaves a page to look at in `target/tmp/pictures.html`: light above, dark below.
    #[test]
    fn the_gallery_can_be_looked_at() {
        let mut body = String::new();
        for theme in ["light", "dark"] {
            write!(body, "<section class={theme}>").unwrap();
            for (name, Drawn { wide, compact, table }) in gallery() {
                // In one page twice, so the second has other ids.
                let [wide, compact] =
                    [wide, compact.unwrap_or_default()].map(|svg| if theme == "dark" { renamed(&svg) } else { svg });
                let head: String = table.head.iter().map(|text| format!("<th>{text}")).collect();
                let row = |row: &Vec<String>| row.iter().map(|text| format!("<td>{text}")).collect::<String>();
                let rows: String = table.rows.iter().map(|cells| format!("<tr>{}", row(cells))).collect();
                write!(body, "<figure><figcaption>{name}</figcaption>{wide}{compact}").unwrap();
                write!(
                    body,
                    "<details><summary>as a table</summary><table><tr>{head}{rows}</table></details></figure>"
                )
                .unwrap();
            }
            body += "</section>";
        }
        let page = "body{margin:0;font:14px system-ui,sans-serif} section{padding:16px 20px;background:var(--surface);color:var(--ink)} \
                    figure{margin:0 auto 36px;max-width:760px} figcaption{font-weight:600;margin-bottom:12px} details{margin-top:8px;opacity:.7} \
                    .light{--surface:#fff;--ink:#1b232e} .dark{--surface:#12171d;--ink:#e4e9f0;--ink-soft:#98a3b2;--line:#2a323c;\
                    --synced:#57b98a;--waiting:#dfab4c;--failed:#ee7d74;--skipped:#7b8695;--accent:#83a7f5}";
        let html = format!(
            "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>{STYLE}{page}</style>{body}"
        );
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("pictures.html"), html).unwrap();
    }

    fn renamed(svg: &str) -> String {
        svg.replace("id=\"g", "id=\"dark-g").replace("url(#g", "url(#dark-g").replace("by=\"g", "by=\"dark-g")
    }
}
