//! The time from a lead to HubSpot. Is it fast?

use std::time::Duration;

use jiff::tz::TimeZone;

use super::axis::{Plot, feet, gutter, rungs};
use super::key::empty;
use super::moment::{day_and_clock, exact, ticks};
use super::scale::{Scale, waits, waits_by_ratio};
use super::svg::{Anchor, Path, Svg, TEXT};
use super::text::{wait, width};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// A band from the median to the 95th percentile.
#[derive(Clone, Debug)]
pub struct Latency {
    pub zone: TimeZone,
    /// In the order of time.
    pub points: Vec<Point>,
    /// What was promised.
    pub target: Option<Duration>,
}

/// How long the leads of one span of time took; none where there were no leads.
#[derive(Clone, Debug)]
pub struct Point {
    pub at: Timestamp,
    pub times: Option<Times>,
    pub href: Option<String>,
}

/// Half of the leads were there by `p50`, all but one in twenty by `p95`.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub p50: Duration,
    pub p95: Duration,
}

const TITLE: &str = "Time from lead to HubSpot";
const EMPTY: &str = "No leads were delivered in this time";
const HEIGHT: f64 = 150.0;
/// From this ratio of the longest to the shortest, an even scale would flatten everything but the longest.
const RATIO: f64 = 40.0;

impl Picture for Latency {
    fn svg(&self, ids: &str, size: Size) -> String {
        let known: Vec<_> = self.points.iter().filter_map(|point| Some((point, point.times?))).collect();
        let (Some((first, _)), Some((last, end))) = (known.first(), known.last()) else {
            return empty(ids, size, TITLE, EMPTY);
        };
        let all = || known.iter().flat_map(|(_, times)| [times.p50, times.p95]).chain(self.target);
        let longest = all().max().unwrap_or_default();
        let shortest = all().min().unwrap_or_default().max(Duration::from_millis(1));
        let is_log = longest.as_secs_f64() / shortest.as_secs_f64() > RATIO;
        let (levels, range) = if is_log {
            let range = (shortest.as_secs_f64() * 600.0, longest.as_secs_f64() * 1400.0);
            (waits_by_ratio(range.0, range.1), range)
        } else {
            let levels = waits(longest, 4);
            let top = *levels.last().unwrap_or(&1) as f64;
            (levels, (0.0, top))
        };
        let texts: Vec<_> =
            levels.iter().map(|millis| (*millis as f64, wait(Duration::from_millis(*millis)))).collect();

        let ends = [("p50", end.p50), ("p95", end.p95)].map(|(name, time)| format!("{name} {}", wait(time)));
        let room = ends.iter().map(|text| width(text, TEXT)).fold(0.0, f64::max) + 12.0;
        let left = gutter(texts.iter().map(|(_, text)| text.as_str()));
        let plot = Plot { left, top: 10.0, right: size.width() - room, bottom: 10.0 + HEIGHT };
        let up = if is_log {
            Scale::log(range, (plot.bottom, plot.top), range.0 / 10.0)
        } else {
            Scale::linear(range, (plot.bottom, plot.top))
        };
        let y = |time: Duration| up.at(time.as_secs_f64() * 1000.0);
        let along = Scale::linear((first.at.0 as f64, last.at.0 as f64), (plot.left + 3.0, plot.right - 4.0));
        let x = |point: &Point| along.at(point.at.0 as f64);

        let mut svg = Svg::new(ids, size);
        rungs(&mut svg, plot, &up, &texts);
        for stretch in self.points.split(|point| point.times.is_none()).filter(|stretch| !stretch.is_empty()) {
            let line = |pick: fn(Times) -> Duration| -> Vec<_> {
                stretch.iter().filter_map(|point| Some((x(point), y(pick(point.times?))))).collect()
            };
            let [low, high] = [line(|times| times.p50), line(|times| times.p95)];
            let outline: Vec<_> = high.iter().chain(low.iter().rev()).copied().collect();
            svg.group("p-band", |svg| svg.path(&through(&outline).close(), Tone::Accent.class()));
            svg.path(&through(&high), "p-line p-line-accent p-thin");
            svg.path(&through(&low), Tone::Accent.stroke());
            if let ([at], [(_, top)]) = (&low[..], &high[..]) {
                svg.line(*at, (at.0, *top), Tone::Accent.stroke());
                svg.circle(at.0, at.1, 3.0, Tone::Accent);
            }
        }
        if let Some(target) = self.target {
            let text = format!("target {}", wait(target));
            svg.line((plot.left, y(target)), (plot.right, y(target)), "p-limit");
            svg.text(plot.left + 4.0, y(target) - 6.0, Anchor::Start, "p-note", &text);
        }
        for (point, times) in &known {
            let tip = format!(
                "{}: half within {}, 95% within {}",
                day_and_clock(point.at, &self.zone),
                wait(times.p50),
                wait(times.p95)
            );
            svg.mark(point.href.as_deref(), &tip, |svg| svg.circle(x(point), y(times.p95), 5.0, "p-touch"));
        }
        let apart = (y(end.p50) + 4.0).max(y(end.p95) + 4.0 + 14.0).min(plot.bottom + 4.0);
        svg.text(plot.right + 6.0, apart, Anchor::Start, "p-strong", &ends[0]);
        svg.text(plot.right + 6.0, (y(end.p95) + 4.0).min(apart - 14.0), Anchor::Start, "p-quiet", &ends[1]);
        let moments = ticks(first.at, last.at, &self.zone, size.pick(7, 4));
        feet(&mut svg, plot, size.width(), moments.into_iter().map(|(at, text)| (along.at(at.0 as f64), text)));
        let promised = self.target.map_or(String::new(), |target| format!(" The target is {}.", wait(target)));
        let words = format!(
            "At the end, half of the leads were in HubSpot within {}, 95% within {}.{promised}",
            wait(end.p50),
            wait(end.p95)
        );
        svg.finish(plot.bottom + 22.0, TITLE, &words)
    }

    fn table(&self) -> Table {
        let rows = self.points.iter().map(|point| {
            let [p50, p95] = point.times.map_or([None; 2], |times| [Some(times.p50), Some(times.p95)]);
            let [p50, p95] = [p50, p95].map(|time| time.map_or("–".to_owned(), wait));
            [exact(point.at, &self.zone), p50, p95]
        });
        Table::new(TITLE, ["From", "Half within", "95% within"], rows.collect::<Vec<_>>())
            .linked(self.points.iter().map(|point| &point.href))
    }
}

/// A line through all points.
pub(super) fn through(points: &[(f64, f64)]) -> Path {
    let Some(((x, y), rest)) = points.split_first() else { return Path::default() };
    rest.iter().fold(Path::from(*x, *y), |path, (x, y)| path.to(*x, *y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn latency(millis: &[Option<(u64, u64)>], target_s: Option<u64>) -> Latency {
        let times = |(p50, p95): (u64, u64)| Times { p50: Duration::from_millis(p50), p95: Duration::from_millis(p95) };
        let point = |(index, pair): (usize, &Option<(u64, u64)>)| Point {
            at: Timestamp(index as i64 * 3_600_000),
            times: pair.map(times),
            href: None,
        };
        Latency {
            zone: TimeZone::UTC,
            points: millis.iter().enumerate().map(point).collect(),
            target: target_s.map(Duration::from_secs),
        }
    }

    #[test]
    fn any_time_can_be_drawn() {
        inspect(&latency(&[], Some(60)));
        inspect(&latency(&[None, None], None));
        inspect(&latency(&[Some((800, 2000))], Some(60)));
        inspect(&latency(&[Some((0, 0)), Some((0, 0))], None));
        inspect(&latency(&[Some((800, 2000)), None, Some((900, 2500)), Some((700, 90_000))], Some(5)));
        inspect(&latency(&[Some((1, u64::MAX)), Some((u64::MAX, u64::MAX))], Some(1)));
        inspect(&latency(&vec![Some((800, 2000)); 3000], Some(3)));
    }

    #[test]
    fn an_hour_without_leads_breaks_the_line() {
        let svg = latency(&[Some((1, 2)), None, Some((1, 2))], None).svg("g", Size::Wide);
        assert_eq!(svg.matches(r#"class="p-band""#).count(), 2);
        assert_eq!(latency(&[None], None).table().rows, [["Thu 1 Jan 1970, 00:00 UTC", "–", "–"]]);
    }
}
