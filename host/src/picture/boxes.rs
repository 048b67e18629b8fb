//! What runs of each version took of fuel, memory or time, against the limit. Will it hit one?

use std::time::Duration;

use super::axis::{Plot, feet};
use super::key::empty;
use super::scale::{Scale, steps, waits};
use super::svg::{Anchor, Area, Svg};
use super::text::{bytes, count, percent, short, wait, width};
use super::{Picture, Size, Table, Tone};

/// A row for each version.
#[derive(Clone, Debug)]
pub struct Boxes {
    pub title: String,
    pub unit: Unit,
    pub limit: Option<u64>,
    pub rows: Vec<Row>,
}

/// The runs of one version, from the least to the most.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub least: u64,
    /// A quarter of the runs took no more.
    pub low: u64,
    pub median: u64,
    /// A quarter of the runs took no less.
    pub high: u64,
    pub most: u64,
    pub href: Option<String>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Fuel,
    Bytes,
    Micros,
}

impl Unit {
    fn text(self, value: u64) -> String {
        match self {
            Self::Fuel => short(value),
            Self::Bytes => bytes(value),
            Self::Micros => wait(Duration::from_micros(value)),
        }
    }

    /// Round values from zero to at least `max`.
    fn levels(self, max: u64, about: u64) -> Vec<u64> {
        match self {
            Self::Fuel => steps(max, about),
            Self::Bytes => binary(max, about),
            Self::Micros => {
                waits(Duration::from_micros(max), about).into_iter().map(|millis| millis.saturating_mul(1000)).collect()
            }
        }
    }
}

/// Bytes in steps that are a power of two.
fn binary(max: u64, about: u64) -> Vec<u64> {
    let step = max.div_ceil(about.max(1)).max(1).checked_next_power_of_two().unwrap_or(1 << 63);
    (0..=max.div_ceil(step).max(1)).map(|index| step.saturating_mul(index)).collect()
}

const ROW: f64 = 34.0;
const BOX: f64 = 14.0;
const TOP: f64 = 22.0;

impl Boxes {
    fn share(&self, row: &Row) -> String {
        self.limit.map_or(String::new(), |limit| percent(row.most, limit))
    }

    fn words(&self, row: &Row) -> String {
        let of = if self.limit.is_some() { format!(" ({} of the limit)", self.share(row)) } else { String::new() };
        format!("{}: half within {}, at most {}{of}", row.name, self.unit.text(row.median), self.unit.text(row.most))
    }
}

impl Picture for Boxes {
    fn svg(&self, ids: &str, size: Size) -> String {
        if self.rows.is_empty() {
            return empty(ids, size, &self.title, "No runs yet");
        }
        let most = self.rows.iter().map(|row| row.most).chain(self.limit).max().unwrap_or(0);
        let levels = self.unit.levels(most, size.pick(5, 3));
        let left = size.pick(130.0, 84.0);
        let plot = Plot { left, top: TOP, right: size.width() - 56.0, bottom: TOP + self.rows.len() as f64 * ROW };
        let along = Scale::linear((0.0, *levels.last().unwrap_or(&1) as f64), (plot.left, plot.right));
        let x = |value: u64| along.at(value as f64);

        let mut svg = Svg::new(ids, size);
        for level in &levels {
            svg.line((x(*level), plot.top), (x(*level), plot.bottom), if *level == 0 { "p-ground" } else { "p-grid" });
        }
        if let Some(limit) = self.limit {
            let text = format!("limit {}", self.unit.text(limit));
            svg.line((x(limit), plot.top - 6.0), (x(limit), plot.bottom), "p-limit");
            let half = width(&text, 11.0) / 2.0;
            svg.text(x(limit).clamp(half, size.width() - half), plot.top - 10.0, Anchor::Middle, "p-note", &text);
        }
        for (index, row) in self.rows.iter().enumerate() {
            let middle = plot.top + (index as f64 + 0.5) * ROW;
            let is_over = self.limit.is_some_and(|limit| row.most >= limit);
            let (tone, line) = if is_over { (Tone::Failed, Tone::Failed) } else { (Tone::Accent, Tone::Accent) };
            svg.mark(row.href.as_deref(), &self.words(row), |svg| {
                svg.label((0.0, middle + 4.0), Anchor::Start, "", &row.name, left - 12.0);
                svg.line((x(row.least), middle), (x(row.most), middle), line.stroke());
                for end in [row.least, row.most] {
                    svg.line((x(end), middle - 4.0), (x(end), middle + 4.0), line.stroke());
                }
                let wide = (x(row.high) - x(row.low)).max(3.0);
                let area = Area::new(x(row.low), middle - BOX / 2.0, wide, BOX);
                svg.rect(area, 2.0, "p-ground-area");
                svg.group("p-box", |svg| svg.rect(area, 2.0, tone));
                svg.line((x(row.median), middle - BOX / 2.0), (x(row.median), middle + BOX / 2.0), "p-median");
                let figure = if self.limit.is_some() { self.share(row) } else { self.unit.text(row.most) };
                svg.text(size.width(), middle + 4.0, Anchor::End, "p-strong", &figure);
            });
        }
        feet(&mut svg, plot, size.width(), levels.iter().map(|level| (x(*level), self.unit.text(*level))));
        let words: Vec<_> = self.rows.iter().map(|row| self.words(row)).collect();
        svg.finish(plot.bottom + 22.0, &self.title, &words.join("; "))
    }

    fn table(&self) -> Table {
        let rows = self.rows.iter().map(|row| {
            let [least, low, median, high, most] =
                [row.least, row.low, row.median, row.high, row.most].map(|value| match self.unit {
                    Unit::Fuel => count(value),
                    unit => unit.text(value),
                });
            [row.name.clone(), least, low, median, high, most, self.share(row)]
        });
        let head = ["Version", "Least", "Lower quarter", "Half", "Upper quarter", "Most", "Most, of the limit"];
        Table::new(&self.title, head, rows.collect::<Vec<_>>()).linked(self.rows.iter().map(|row| &row.href))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn boxes(unit: Unit, limit: Option<u64>, rows: &[[u64; 5]]) -> Boxes {
        let row = |[least, low, median, high, most]: &[u64; 5]| Row {
            name: "deals@<7>".to_owned(),
            least: *least,
            low: *low,
            median: *median,
            high: *high,
            most: *most,
            href: Some("/transformations/deals".to_owned()),
        };
        Boxes { title: "Fuel of a run".to_owned(), unit, limit, rows: rows.iter().map(row).collect() }
    }

    #[test]
    fn any_runs_can_be_drawn() {
        for unit in [Unit::Fuel, Unit::Bytes, Unit::Micros] {
            inspect(&boxes(unit, Some(20_000_000), &[]));
            inspect(&boxes(unit, None, &[[0; 5]]));
            inspect(&boxes(unit, Some(0), &[[1; 5]]));
            inspect(&boxes(unit, Some(20_000_000), &[[1, 5, 90, 4_000, 20_000_000]; 9]));
            inspect(&boxes(unit, Some(u64::MAX), &[[0, 1, 2, 3, u64::MAX]]));
        }
    }

    #[test]
    fn levels_are_round_in_their_unit() {
        let texts = |unit: Unit, max| {
            unit.levels(max, 4).into_iter().map(|level| unit.text(level)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(texts(Unit::Fuel, 20_000_000), "0 5 M 10 M 15 M 20 M");
        assert_eq!(texts(Unit::Bytes, 32 << 20), "0 B 8 MiB 16 MiB 24 MiB 32 MiB");
        assert_eq!(texts(Unit::Micros, 250_000), "0 s 100 ms 200 ms 300 ms");
    }
}
