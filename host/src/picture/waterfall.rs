//! One lead from its arrival to its end: waiting, guest, calls, retries. Why was this one slow?

use std::time::Duration;

use jiff::tz::TimeZone;

use super::key::empty;
use super::moment::to_the_second;
use super::scale::Scale;
use super::svg::{Anchor, Area, Path, Svg, TEXT};
use super::text::{counted, wait, width};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// A row for each thing that took time.
#[derive(Clone, Debug)]
pub struct Waterfall {
    pub zone: TimeZone,
    /// In the order in which they began.
    pub spans: Vec<Span>,
}

/// One thing that took time.
#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    pub kind: Kind,
    pub from: Timestamp,
    pub until: Timestamp,
    /// What came of it, such as "201" or "503, try 2".
    pub detail: String,
    pub href: Option<String>,
}

/// What took the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In a queue, or until the next try.
    Wait,
    Guest,
    Call,
    FailedCall,
}

impl Kind {
    fn tone(self) -> Tone {
        match self {
            Self::Wait => Tone::Waiting,
            Self::Guest => Tone::Accent,
            Self::Call => Tone::Synced,
            Self::FailedCall => Tone::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wait => "waiting",
            Self::Guest => "transformation",
            Self::Call => "call",
            Self::FailedCall => "failed call",
        }
    }
}

const TITLE: &str = "What took the time";
const ROW: f64 = 24.0;
const BAR: f64 = 10.0;

impl Waterfall {
    fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        let from = self.spans.iter().map(|span| span.from).min()?;
        Some((from, self.spans.iter().map(|span| span.until).max()?))
    }
}

impl Picture for Waterfall {
    fn svg(&self, ids: &str, size: Size) -> String {
        let Some((from, until)) = self.ends() else {
            return empty(ids, size, TITLE, "Nothing has happened yet");
        };
        let took: Vec<_> = self.spans.iter().map(|span| wait(span.until.since(span.from))).collect();
        let figures = took.iter().map(|text| width(text, TEXT) * 1.05).fold(30.0, f64::max) + 10.0;
        let (left, right) = (size.pick(210.0, 122.0), size.width() - figures);
        let time = Time::new(&self.spans, (left, right));
        let bottom = 6.0 + self.spans.len() as f64 * ROW;

        let mut svg = Svg::new(ids, size);
        svg.line((left, 0.0), (left, bottom), "p-grid");
        svg.line((right, 0.0), (right, bottom), "p-grid");
        for (index, (span, took)) in self.spans.iter().zip(&took).enumerate() {
            let middle = 6.0 + (index as f64 + 0.5) * ROW;
            let detail = if span.detail.is_empty() { String::new() } else { format!(", {}", span.detail) };
            let tip = format!("{}{detail}: {} after {}", span.name, took, wait(span.from.since(from)));
            svg.mark(span.href.as_deref(), &tip, |svg| {
                svg.label((0.0, middle + 4.0), Anchor::Start, "", &span.name, left - 12.0);
                let [start, end] = [span.from, span.until].map(|at| time.at(at));
                // What took no time is still there, and does not leave the plot.
                let start = start.min(right - 2.0);
                let long = (end - start).max(2.0);
                svg.rect(Area::new(start, middle - BAR / 2.0, long, BAR), 2.0, span.kind.tone());
                if time.shortens(span) && long > 12.0 {
                    torn(svg, start + long / 2.0, middle);
                }
                // What came of it stands behind the bar, else before it, else only where it is pointed at.
                let room = width(&span.detail, TEXT) + 8.0;
                if start + long + room < right {
                    svg.text(start + long + 6.0, middle + 4.0, Anchor::Start, "p-quiet", &span.detail);
                } else if start - room > left {
                    svg.text(start - 6.0, middle + 4.0, Anchor::End, "p-quiet", &span.detail);
                }
                svg.text(size.width(), middle + 4.0, Anchor::End, "p-strong", took);
            });
        }
        let all = wait(until.since(from));
        svg.line((left, bottom), (right, bottom), "p-ground");
        svg.text(left, bottom + 17.0, Anchor::Start, "p-tick", &to_the_second(from, &self.zone));
        svg.text(size.width(), bottom + 17.0, Anchor::End, "p-tick", &format!("{all} in all"));
        let failed = self.spans.iter().filter(|span| span.kind == Kind::FailedCall).count() as u64;
        let words = format!("{all} in {}, {} failed.", counted(self.spans.len() as u64, "step", "steps"), failed);
        svg.finish(bottom + 22.0, TITLE, &words)
    }

    fn table(&self) -> Table {
        let from = self.ends().map_or(Timestamp(0), |(from, _)| from);
        let rows = self.spans.iter().map(|span| {
            let [after, took] = [span.from.since(from), span.until.since(span.from)].map(wait);
            [span.name.clone(), span.kind.name().to_owned(), after, took, span.detail.clone()]
        });
        Table::new(TITLE, ["Step", "What", "After", "Took", "Outcome"], rows.collect::<Vec<_>>())
            .linked(self.spans.iter().map(|span| &span.href))
    }
}

/// Two slanted lines: here the bar is shorter than the time.
fn torn(svg: &mut Svg, x: f64, middle: f64) {
    let [top, bottom] = [middle - BAR / 2.0 - 1.0, middle + BAR / 2.0 + 1.0];
    let gap = Path::from(x - 4.0, bottom).to(x, top).to(x + 4.0, top).to(x, bottom).close();
    svg.path(&gap, "p-ground-area");
    svg.path(&Path::from(x - 4.0, bottom).to(x, top).jump(x, bottom).to(x + 4.0, top), "p-line p-line-soft p-thin");
}

/// Time on the axis. Where nothing but waiting goes on, a long time is shortened, or hours of it would hide the calls.
struct Time {
    /// Moments where something begins or ends, and how much of the axis is used by then.
    knots: Vec<(Timestamp, f64)>,
    /// The most that one wait has of the axis.
    cap: f64,
    scale: Scale,
}

impl Time {
    fn new(spans: &[Span], places: (f64, f64)) -> Self {
        let mut moments: Vec<_> = spans.iter().flat_map(|span| [span.from, span.until]).collect();
        moments.sort_unstable();
        moments.dedup();
        let stretches: Vec<_> = moments
            .windows(2)
            .map(|pair| {
                let is_busy = |span: &Span| span.kind != Kind::Wait && span.from <= pair[0] && span.until >= pair[1];
                (millis(pair[1].since(pair[0])), spans.iter().any(is_busy))
            })
            .collect();
        let busy: f64 = stretches.iter().filter(|(_, is_busy)| *is_busy).map(|(long, _)| long).sum();
        let cap = if busy > 0.0 { busy * 0.4 } else { f64::INFINITY };
        let mut used = 0.0;
        let mut knots: Vec<_> = moments.first().map(|first| (*first, 0.0)).into_iter().collect();
        for (moment, (long, is_busy)) in moments.iter().skip(1).zip(stretches) {
            used += if is_busy { long } else { long.min(cap) };
            knots.push((*moment, used));
        }
        Self { knots, cap, scale: Scale::linear((0.0, used), places) }
    }

    /// Where a moment stands that is one of the knots.
    fn at(&self, at: Timestamp) -> f64 {
        let index = self.knots.partition_point(|(moment, _)| *moment < at);
        self.scale.at(self.knots.get(index).map_or(0.0, |(_, used)| *used))
    }

    fn shortens(&self, span: &Span) -> bool {
        span.kind == Kind::Wait && millis(span.until.since(span.from)) > self.cap
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn waterfall(spans: &[(&str, Kind, i64, i64)]) -> Waterfall {
        let span = |(name, kind, from, until): &(&str, Kind, i64, i64)| Span {
            name: (*name).to_owned(),
            kind: *kind,
            from: Timestamp(*from),
            until: Timestamp(*until),
            detail: "503 <busy>".to_owned(),
            href: Some("#call".to_owned()),
        };
        Waterfall { zone: TimeZone::UTC, spans: spans.iter().map(span).collect() }
    }

    #[test]
    fn any_lead_can_be_drawn() {
        inspect(&waterfall(&[]));
        inspect(&waterfall(&[("queue", Kind::Wait, 5, 5)]));
        inspect(&waterfall(&[("queue", Kind::Wait, 0, 900)]));
        inspect(&waterfall(&[("queue", Kind::Wait, 0, i64::MAX), ("call", Kind::Call, 10, 20)]));
        inspect(&waterfall(&[("queue", Kind::Wait, 0, 10), ("<guest> ".repeat(30).as_str(), Kind::Guest, 9, 3)]));
        inspect(&waterfall(&[("call", Kind::FailedCall, 0, 100); 60]));
    }

    #[test]
    fn a_long_wait_does_not_hide_the_calls() {
        let hour = 3_600_000;
        let spans = [("a", Kind::Call, 0, 100), ("b", Kind::Wait, 100, hour), ("c", Kind::Call, hour, hour + 100)];
        let picture = waterfall(&spans);
        let time = Time::new(&picture.spans, (0.0, 280.0));
        let places = [0, 100, hour, hour + 100].map(|at| time.at(Timestamp(at)).round());
        assert_eq!(places, [0.0, 100.0, 180.0, 280.0]);
        assert_eq!(picture.spans.iter().map(|span| time.shortens(span)).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn the_table_counts_from_the_beginning() {
        let table = waterfall(&[("queue", Kind::Wait, 5000, 5900), ("call", Kind::FailedCall, 5900, 7100)]).table();
        assert_eq!(table.rows[1], ["call", "failed call", "900 ms", "1.2 s", "503 <busy>"]);
    }
}
