//! The age of the oldest lead that waits, and the retries that are planned. Is a wave coming?

use std::time::Duration;

use jiff::tz::TimeZone;

use super::axis::{Plot, feet, gutter, rungs};
use super::latency::through;
use super::moment::{exact, ticks};
use super::scale::{Scale, steps, waits};
use super::svg::{Area, Svg};
use super::text::{count, counted, short, wait};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// What was, and what will be: two plots, side by side where there is room.
#[derive(Clone, Debug)]
pub struct Wave {
    pub zone: TimeZone,
    /// How old the oldest waiting lead was, in the order of time; zero where none waited.
    pub ages: Vec<(Timestamp, Duration)>,
    /// Retries by the hour in which they are due, in the order of time.
    pub planned: Vec<Hour>,
}

/// The retries that are due in one hour.
#[derive(Clone, Debug)]
pub struct Hour {
    pub from: Timestamp,
    pub retries: u64,
    pub href: Option<String>,
}

const TITLE: &str = "Age of the oldest waiting lead, and planned retries";
const HEIGHT: f64 = 110.0;
const HEAD: f64 = 24.0;
const HOUR: Duration = Duration::from_secs(3600);
/// The axis of ages reaches so far at least: whether nothing waits or a moment is the same to whoever looks.
const AGE_DRAWN_MIN: Duration = Duration::from_secs(60);

impl Wave {
    fn retries(&self) -> u64 {
        self.planned.iter().fold(0, |sum, hour| sum.saturating_add(hour.retries))
    }

    /// Draws the age within `left` and `right`, its head at `top`.
    fn age(&self, svg: &mut Svg, top: f64, (left, right): (f64, f64)) {
        let now = self.ages.last().map_or(Duration::ZERO, |(_, age)| *age);
        svg.pair(left, top + 12.0, "oldest waiting lead", &if now.is_zero() { "none".to_owned() } else { wait(now) });
        let most = self.ages.iter().map(|(_, age)| *age).max().unwrap_or_default();
        let levels = waits(most.max(AGE_DRAWN_MIN), 3);
        let texts: Vec<_> = levels.iter().map(|level| (*level as f64, wait(Duration::from_millis(*level)))).collect();
        let (plot, up) = plot(svg, top, (left, right), &texts);
        let (Some((first, _)), Some((last, _))) = (self.ages.first(), self.ages.last()) else { return };
        let along = Scale::linear((first.0 as f64, last.0 as f64), (plot.left, plot.right - 4.0));
        let place = |(at, age): &(Timestamp, Duration)| (along.at(at.0 as f64), up.at(age.as_secs_f64() * 1000.0));
        let points: Vec<_> = self.ages.iter().map(place).collect();
        let end = points[points.len() - 1];
        if points.len() > 1 {
            let area = through(&points).to(end.0, plot.bottom).to(points[0].0, plot.bottom).close();
            svg.group("p-band", |svg| svg.path(&area, Tone::Waiting.class()));
            svg.path(&through(&points), Tone::Waiting.stroke());
        }
        svg.circle(end.0, end.1, 3.0, Tone::Waiting.class());
        moments(svg, plot, (*first, *last), &along, &self.zone);
    }

    /// The same for the retries.
    fn hours(&self, svg: &mut Svg, top: f64, (left, right): (f64, f64)) {
        svg.pair(left, top + 12.0, "retries planned, by hour", &short(self.retries()));
        let levels = steps(self.planned.iter().map(|hour| hour.retries).max().unwrap_or(0), 3);
        let texts: Vec<_> = levels.iter().map(|level| (*level as f64, short(*level))).collect();
        let (plot, up) = plot(svg, top, (left, right), &texts);
        let (Some(first), Some(last)) = (self.planned.first(), self.planned.last()) else { return };
        let (from, until) = (first.from, last.from + HOUR);
        let along = Scale::linear((from.0 as f64, until.0 as f64), (plot.left, plot.right));
        for hour in self.planned.iter().filter(|hour| hour.retries > 0) {
            let [start, end] = [hour.from, hour.from + HOUR].map(|at| along.at(at.0 as f64));
            let tall = (plot.bottom - up.at(hour.retries as f64)).max(1.5);
            let tip = format!("{}: {}", exact(hour.from, &self.zone), counted(hour.retries, "retry", "retries"));
            svg.mark(hour.href.as_deref(), &tip, |svg| {
                let gap = if end - start > 4.0 { 1.5 } else { 0.3 };
                svg.rect(Area::new(start, plot.bottom - tall, (end - start - gap).max(0.8), tall), 1.0, Tone::Accent);
            });
        }
        moments(svg, plot, (from, until), &along, &self.zone);
    }
}

impl Picture for Wave {
    fn svg(&self, ids: &str, size: Size) -> String {
        let mut svg = Svg::new(ids, size);
        let one = HEAD + HEIGHT + 22.0;
        self.age(&mut svg, 0.0, size.pick((0.0, 345.0), (0.0, 360.0)));
        match size {
            Size::Wide => self.hours(&mut svg, 0.0, (375.0, 720.0)),
            Size::Compact => self.hours(&mut svg, one + 14.0, (0.0, 360.0)),
        }
        let oldest = match self.ages.last() {
            Some((_, age)) if !age.is_zero() => format!("The oldest waiting lead is {} old", wait(*age)),
            _ => "Nothing waits".to_owned(),
        };
        let words = format!("{oldest}; {} planned.", counted(self.retries(), "retry is", "retries are"));
        svg.finish(size.pick(one, 2.0 * one + 14.0), TITLE, &words)
    }

    fn table(&self) -> Table {
        let ages = self.ages.iter().map(|(at, age)| [exact(*at, &self.zone), wait(*age), String::new()]);
        let hours = self.planned.iter().filter(|hour| hour.retries > 0);
        let links = self.ages.iter().map(|_| &None).chain(hours.clone().map(|hour| &hour.href));
        let hours = hours.map(|hour| [exact(hour.from, &self.zone), String::new(), count(hour.retries)]);
        let head = ["Time", "Age of the oldest waiting lead", "Retries planned in this hour"];
        Table::new(TITLE, head, ages.chain(hours).collect::<Vec<_>>()).linked(links)
    }
}

fn plot(svg: &mut Svg, top: f64, (left, right): (f64, f64), texts: &[(f64, String)]) -> (Plot, Scale) {
    let left = left + gutter(texts.iter().map(|(_, text)| text.as_str()));
    let plot = Plot { left, top: top + HEAD, right, bottom: top + HEAD + HEIGHT };
    let up = Scale::linear((0.0, texts.last().map_or(1.0, |(level, _)| *level)), (plot.bottom, plot.top));
    rungs(svg, plot, &up, texts);
    (plot, up)
}

fn moments(svg: &mut Svg, plot: Plot, (from, until): (Timestamp, Timestamp), along: &Scale, zone: &TimeZone) {
    let moments = ticks(from, until, zone, 4);
    let edge = (plot.right + 10.0).min(svg.width());
    feet(svg, plot, edge, moments.into_iter().map(|(at, text)| (along.at(at.0 as f64), text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn wave(ages_s: &[u64], retries: &[u64]) -> Wave {
        let age = |(index, age): (usize, &u64)| (Timestamp(index as i64 * 600_000), Duration::from_secs(*age));
        let hour = |(index, retries): (usize, &u64)| Hour {
            from: Timestamp(index as i64 * 3_600_000),
            retries: *retries,
            href: Some("/queue?hour=<".to_owned()),
        };
        Wave {
            zone: TimeZone::UTC,
            ages: ages_s.iter().enumerate().map(age).collect(),
            planned: retries.iter().enumerate().map(hour).collect(),
        }
    }

    #[test]
    fn any_wave_can_be_drawn() {
        inspect(&wave(&[], &[]));
        inspect(&wave(&[0], &[0]));
        inspect(&wave(&[90], &[1]));
        inspect(&wave(&[0, 60, 7200, 30], &[0, 12, 400, 0, 3]));
        inspect(&wave(&[u64::MAX / 2000, 0], &[u64::MAX; 72]));
    }

    #[test]
    fn the_table_leaves_out_empty_hours() {
        let rows = wave(&[90], &[0, 4]).table().rows;
        assert_eq!(rows[0][1], "1.5 min");
        assert_eq!(rows[1], ["Thu 1 Jan 1970, 01:00 UTC", "", "4"]);
        assert_eq!(rows.len(), 2);
    }
}
