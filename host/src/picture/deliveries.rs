//! Deliveries over time by outcome, with what changed meanwhile. When did it start?

use jiff::tz::TimeZone;

use super::axis::{Plot, feet, gutter, rungs};
use super::key::{Entry, empty, key};
use super::moment::{day_and_clock, exact, ticks};
use super::scale::{Scale, steps};
use super::svg::{Anchor, Area, SMALL, Svg};
use super::text::{count, fit, short, width};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// A bar for each span of time, and a line for each change.
#[derive(Clone, Debug)]
pub struct Deliveries {
    pub zone: TimeZone,
    /// In the order of time, without a gap.
    pub spans: Vec<Span>,
    /// In the order of time.
    pub changes: Vec<Change>,
}

/// The leads that came in one span of time.
#[derive(Clone, Debug)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
    pub outcomes: Outcomes,
    pub href: Option<String>,
}

/// How many leads have which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    pub synced: u64,
    pub warned: u64,
    pub waiting: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// Something that may be the reason, such as "v7 enabled".
#[derive(Clone, Debug)]
pub struct Change {
    pub at: Timestamp,
    pub text: String,
    pub href: Option<String>,
}

const NAMES: [&str; 5] = ["Synced", "With warnings", "Waiting", "Failed", "Skipped"];
const TONES: [Tone; 5] = [Tone::Synced, Tone::Warned, Tone::Waiting, Tone::Failed, Tone::Skipped];
const TITLE: &str = "Leads over time by outcome";
const EMPTY: &str = "No leads in this time";
const HEIGHT: f64 = 150.0;
/// Lines of text above the bars for changes; what has no room there is a line that speaks when it is pointed at.
const ROWS: usize = 3;
const ROW: f64 = 16.0;

impl Outcomes {
    fn counts(&self) -> [u64; 5] {
        [self.synced, self.warned, self.waiting, self.failed, self.skipped]
    }

    fn total(&self) -> u64 {
        self.counts().into_iter().fold(0, u64::saturating_add)
    }
}

impl Change {
    /// As much of its text as one change may take.
    fn shown(&self) -> String {
        fit(&self.text, 150.0, SMALL)
    }
}

impl Deliveries {
    fn totals(&self) -> [u64; 5] {
        self.spans.iter().fold([0; 5], |totals, span| {
            let counts = span.outcomes.counts();
            std::array::from_fn(|index| totals[index].saturating_add(counts[index]))
        })
    }
}

impl Picture for Deliveries {
    fn svg(&self, ids: &str, size: Size) -> String {
        let (Some(first), Some(last)) = (self.spans.first(), self.spans.last()) else {
            return empty(ids, size, TITLE, EMPTY);
        };
        let tallest = self.spans.iter().map(|span| span.outcomes.total()).max().unwrap_or(0);
        if tallest == 0 && self.changes.is_empty() {
            return empty(ids, size, TITLE, EMPTY);
        }
        let mut svg = Svg::new(ids, size);
        let totals = self.totals();
        let shown: Vec<_> = (0..5).filter(|index| totals[*index] > 0).collect();
        let entries: Vec<_> = shown.iter().map(|index| entry(*index, totals[*index])).collect();
        let below_key = if entries.is_empty() { 0.0 } else { key(&mut svg, (0.0, 0.0), size.width(), &entries) };

        let levels = steps(tallest, 4);
        let texts: Vec<_> = levels.iter().map(|level| (*level as f64, short(*level))).collect();
        let left = gutter(texts.iter().map(|(_, text)| text.as_str()));
        let along = Scale::linear((first.from.0 as f64, last.until.0 as f64), (left, size.width() - 2.0));
        let placed = place(&self.changes, &along, left, size.width());
        let rows = placed.iter().filter_map(|label| label.map(|label| label.row + 1)).max().unwrap_or(0);
        let top = below_key + 10.0 + rows as f64 * ROW;
        let plot = Plot { left, top, right: size.width(), bottom: top + HEIGHT };
        let up = Scale::linear((0.0, *levels.last().unwrap_or(&1) as f64), (plot.bottom, plot.top));
        rungs(&mut svg, plot, &up, &texts);
        for span in &self.spans {
            let [start, end] = [span.from, span.until].map(|at| along.at(at.0 as f64));
            let gap = if end - start > 6.0 { 2.0 } else { 0.4 };
            bar(&mut svg, span, (start, (end - start - gap).max(0.8)), &up, &self.zone);
        }
        for (change, label) in self.changes.iter().zip(placed) {
            let x = along.at(change.at.0 as f64);
            svg.mark(change.href.as_deref(), &format!("{}, {}", change.text, exact(change.at, &self.zone)), |svg| {
                let start = label.map_or(plot.top - 4.0, |label| below_key + 6.0 + label.row as f64 * ROW);
                svg.line((x, start), (x, plot.bottom), "p-change");
                if let Some(Label { row, anchor, .. }) = label {
                    let x = if anchor == Anchor::End { x - 5.0 } else { x + 5.0 };
                    svg.text(x, below_key + 15.0 + row as f64 * ROW, anchor, "p-note", &change.shown());
                }
            });
        }
        let about = size.pick(8, 4);
        let moments = ticks(first.from, last.until, &self.zone, about);
        feet(&mut svg, plot, size.width(), moments.into_iter().map(|(at, text)| (along.at(at.0 as f64), text)));
        let parts = shown.iter().map(|index| format!("{} {}", count(totals[*index]), NAMES[*index].to_lowercase()));
        let changes = self.changes.iter().map(|change| format!("{}: {}", exact(change.at, &self.zone), change.text));
        let words = parts.chain(changes).collect::<Vec<_>>().join("; ");
        svg.finish(plot.bottom + 22.0, TITLE, &words)
    }

    fn table(&self) -> Table {
        let rows = self.spans.iter().map(|span| {
            let [synced, warned, waiting, failed, skipped] = span.outcomes.counts().map(count);
            let changes = self.changes.iter().filter(|change| change.at >= span.from && change.at < span.until);
            let changes = changes.map(|change| change.text.as_str()).collect::<Vec<_>>().join("; ");
            [exact(span.from, &self.zone), synced, warned, waiting, failed, skipped, changes]
        });
        let [synced, warned, waiting, failed, skipped] = NAMES;
        Table::new(TITLE, ["From", synced, warned, waiting, failed, skipped, "What changed"], rows.collect::<Vec<_>>())
            .linked(self.spans.iter().map(|span| &span.href))
    }
}

fn entry(index: usize, total: u64) -> Entry {
    Entry { tone: TONES[index], name: NAMES[index].to_owned(), figure: short(total), href: None }
}

/// One bar. What is there can be seen, however little it is beside the rest.
fn bar(svg: &mut Svg, span: &Span, (left, wide): (f64, f64), up: &Scale, zone: &TimeZone) {
    if span.outcomes.total() == 0 {
        return;
    }
    let counts = span.outcomes.counts();
    let parts = (0..5).filter(|index| counts[*index] > 0);
    let said: Vec<_> =
        parts.clone().map(|index| format!("{} {}", count(counts[index]), NAMES[index].to_lowercase())).collect();
    let tip = format!("{}: {}", day_and_clock(span.from, zone), said.join(", "));
    svg.mark(span.href.as_deref(), &tip, |svg| {
        let mut bottom = up.at(0.0);
        let height = |index: usize| (up.at(0.0) - up.at(counts[index] as f64)).max(1.5);
        let squeeze = (HEIGHT / parts.clone().map(height).sum::<f64>()).min(1.0);
        for index in parts {
            let height = height(index) * squeeze;
            bottom -= height;
            // Two parts are set apart by the ground between them, not by a line around them.
            let seam = if height > 4.0 { 0.8 } else { 0.0 };
            svg.rect(
                Area::new(left, bottom + seam, wide, height - seam),
                if wide > 5.0 { 2.0 } else { 0.0 },
                TONES[index],
            );
        }
    });
}

/// Where the text of a change stands.
#[derive(Clone, Copy, Debug)]
struct Label {
    row: usize,
    anchor: Anchor,
    line: f64,
    start: f64,
    end: f64,
}

/// Gives each change a text that touches no other text and no other line, or none. Whoever comes first has the choice, so
/// both directions are tried.
fn place(changes: &[Change], along: &Scale, left: f64, right: f64) -> Vec<Option<Label>> {
    let forward = greedy(changes.iter(), along, left, right);
    let mut backward = greedy(changes.iter().rev(), along, left, right);
    backward.reverse();
    let shown = |labels: &[Option<Label>]| labels.iter().flatten().count();
    if shown(&forward) > shown(&backward) { forward } else { backward }
}

fn greedy<'a>(changes: impl Iterator<Item = &'a Change>, along: &Scale, left: f64, right: f64) -> Vec<Option<Label>> {
    let mut placed: Vec<Label> = Vec::new();
    let label = |change: &Change| {
        let line = along.at(change.at.0 as f64);
        let wide = width(&change.shown(), SMALL) + 10.0;
        let label = (0..ROWS)
            .flat_map(|row| {
                [
                    Label { row, anchor: Anchor::Start, line, start: line, end: line + wide },
                    Label { row, anchor: Anchor::End, line, start: line - wide, end: line },
                ]
            })
            .find(|label| {
                label.start >= left - 1.0 && label.end <= right && !placed.iter().any(|other| touch(label, other))
            });
        placed.extend(label);
        label
    };
    changes.map(label).collect()
}

fn touch(one: &Label, other: &Label) -> bool {
    // A line goes from its own text downward, so it crosses what stands in its row or in a lower one.
    let crosses = |line: &Label, text: &Label| line.row <= text.row && line.line > text.start && line.line < text.end;
    let same_place = one.row == other.row && one.start < other.end && other.start < one.end;
    same_place || crosses(one, other) || crosses(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    const HOUR: i64 = 3_600_000;

    fn deliveries(count: i64, outcomes: Outcomes, changes: &[(i64, &str)]) -> Deliveries {
        let span = |index| Span {
            from: Timestamp(index * HOUR),
            until: Timestamp((index + 1) * HOUR),
            outcomes,
            href: Some("/logs?hour=1&x=<".to_owned()),
        };
        let change =
            |(hour, text): &(i64, &str)| Change { at: Timestamp(hour * HOUR), text: (*text).to_owned(), href: None };
        Deliveries {
            zone: TimeZone::UTC,
            spans: (0..count).map(span).collect(),
            changes: changes.iter().map(change).collect(),
        }
    }

    #[test]
    fn any_time_can_be_drawn() {
        let few = Outcomes { synced: 9, failed: 1, ..Outcomes::default() };
        let huge = Outcomes { synced: u64::MAX, warned: 1, waiting: u64::MAX, failed: 1, skipped: u64::MAX };
        let crowd =
            [(1, "v7 enabled"), (1, "paused"), (2, "reconnected"), (2, "<script>"), (3, "v8 enabled"), (3, "x")];
        inspect(&deliveries(0, few, &[]));
        inspect(&deliveries(3, Outcomes::default(), &[]));
        inspect(&deliveries(3, Outcomes::default(), &[(1, "v7 enabled")]));
        inspect(&deliveries(1, few, &[]));
        inspect(&deliveries(48, few, &crowd));
        inspect(&deliveries(2000, huge, &crowd));
        inspect(&deliveries(24, few, &[(23, &"a very long text ".repeat(20))]));
    }

    #[test]
    fn texts_of_changes_keep_clear_of_each_other() {
        let along = Scale::linear((0.0, 10.0 * HOUR as f64), (0.0, 700.0));
        let crowd = [(1, "v7 enabled"), (1, "paused"), (2, "reconnected"), (9, "v8 enabled"), (10, "v9 enabled")];
        let labels = place(&deliveries(0, Outcomes::default(), &crowd).changes, &along, 0.0, 700.0);
        let shown: Vec<_> = labels.iter().map(|label| label.map(|label| (label.row, label.anchor))).collect();
        let [start, end] = [Anchor::Start, Anchor::End];
        assert_eq!(shown, [Some((0, end)), Some((0, start)), Some((0, start)), Some((1, end)), Some((0, end))]);
        let all: Vec<_> = labels.into_iter().flatten().collect();
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].iter().any(|other| touch(one, other)), "{one:?}");
        }
    }

    #[test]
    fn the_table_has_each_span_with_its_changes() {
        let table = deliveries(2, Outcomes { synced: 1200, ..Outcomes::default() }, &[(1, "v7 enabled")]).table();
        assert_eq!(table.rows[1], ["Thu 1 Jan 1970, 01:00 UTC", "1,200", "0", "0", "0", "0", "v7 enabled"]);
    }
}
