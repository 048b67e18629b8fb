//! How much of a portal's limit is used, by whom, and when HubSpot refused. Who uses it up?

use std::f64::consts::PI;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::axis::{Plot, feet};
use super::key::{Entry, key};
use super::moment::{exact, ticks};
use super::scale::Scale;
use super::svg::{Anchor, Path, Svg};
use super::text::{count, counted, percent, short, wait};
use super::{Picture, Size, Table, Tone};
use crate::model::time::Timestamp;

/// Half a circle for the limit, and a line of time for the refusals.
#[derive(Clone, Debug)]
pub struct Gauge {
    pub zone: TimeZone,
    /// Calls of ours in the window.
    pub ours: u64,
    /// Calls of others, as far as HubSpot tells.
    pub others: u64,
    pub limit: u64,
    /// For how long the limit is.
    pub window: Duration,
    /// Since when refusals are shown.
    pub from: Timestamp,
    pub until: Timestamp,
    /// When HubSpot answered 429.
    pub refused: Vec<Timestamp>,
    pub href: Option<String>,
}

const TITLE: &str = "Use of HubSpot's limit";
const RADIUS: f64 = 78.0;
const THICK: f64 = 16.0;
const CENTRE_Y: f64 = 88.0;

impl Gauge {
    fn used(&self) -> u64 {
        self.ours.saturating_add(self.others)
    }

    fn entries(&self) -> [Entry; 2] {
        let entry = |tone, name: &str, figure| Entry { tone, name: name.to_owned(), figure: short(figure), href: None };
        [entry(Tone::Accent, "our calls", self.ours), entry(Tone::Skipped, "other apps", self.others)]
    }
}

impl Picture for Gauge {
    fn svg(&self, ids: &str, size: Size) -> String {
        let centre = size.pick(110.0, 180.0);
        let share = |calls: u64| if self.limit == 0 { 0.0 } else { (calls as f64 / self.limit as f64).min(1.0) };
        let (ours, used) = (share(self.ours), share(self.used()));

        let mut svg = Svg::new(ids, size);
        svg.path(&ring(centre, 0.0, 1.0), "p-rest");
        if used > ours {
            svg.path(&ring(centre, ours, used), Tone::Skipped);
        }
        if ours > 0.0 {
            svg.path(&ring(centre, 0.0, ours), Tone::Accent);
        }
        svg.text(centre, CENTRE_Y - 18.0, Anchor::Middle, "p-big", &percent(self.used(), self.limit));
        let of = format!("{} of {}", short(self.used()), short(self.limit));
        svg.text(centre, CENTRE_Y, Anchor::Middle, "p-quiet", &of);

        // Beside the gauge where there is room, else below it.
        let (left, top) = size.pick((250.0, 10.0), (0.0, CENTRE_Y + 16.0));
        svg.text(left, top + 10.0, Anchor::Start, "p-quiet", &format!("Calls in {}", wait(self.window)));
        let below = key(&mut svg, (left, top + 20.0), size.width() - left, &self.entries());
        let plot = Plot { left, top: below + 20.0, right: size.width() - 2.0, bottom: below + 42.0 };
        let along = Scale::linear((self.from.0 as f64, self.until.0 as f64), (plot.left, plot.right));
        let refusals = match self.refused.len() {
            0 => "never refused with 429".to_owned(),
            number => format!("refused with 429, {}", counted(number as u64, "time", "times")),
        };
        svg.mark(self.href.as_deref(), &refusals, |svg| {
            svg.text(plot.left, plot.top - 4.0, Anchor::Start, "p-quiet", &refusals);
        });
        svg.line((plot.left, plot.bottom), (plot.right, plot.bottom), "p-ground");
        for at in &self.refused {
            let x = along.at(at.0 as f64);
            svg.mark(None, &format!("429, {}", exact(*at, &self.zone)), |svg| {
                svg.line((x, plot.top + 5.0), (x, plot.bottom), "p-line p-line-failed");
                svg.circle(x, plot.top + 5.0, 2.5, Tone::Failed.class());
            });
        }
        let moments = ticks(self.from, self.until, &self.zone, size.pick(5, 4));
        feet(&mut svg, plot, size.width(), moments.into_iter().map(|(at, text)| (along.at(at.0 as f64), text)));
        let words = format!(
            "{of} calls in {}: {} ours, {} of others; {refusals}.",
            wait(self.window),
            count(self.ours),
            count(self.others)
        );
        svg.finish((plot.bottom + 22.0).max(CENTRE_Y + 8.0), TITLE, &words)
    }

    fn table(&self) -> Table {
        let row = |name: &str, calls| [name.to_owned(), count(calls), percent(calls, self.limit)];
        let mut rows = vec![row("Our calls", self.ours), row("Other apps", self.others), row("Limit", self.limit)];
        rows.extend(self.refused.iter().map(|at| [exact(*at, &self.zone), "429".to_owned(), String::new()]));
        Table::new(&format!("{TITLE}, calls in {}", wait(self.window)), ["Who", "Calls", "Share"], rows)
    }
}

/// A part of the ring, from one share of the half circle to another.
fn ring(centre: f64, from: f64, to: f64) -> Path {
    let place = |share: f64, radius: f64| {
        let angle = PI * (1.0 - share);
        (centre + radius * angle.cos(), CENTRE_Y - radius * angle.sin())
    };
    let inner = RADIUS - THICK;
    let (x, y) = place(from, RADIUS);
    let (in_x, in_y) = place(to, inner);
    Path::from(x, y).arc(RADIUS, true, place(to, RADIUS)).to(in_x, in_y).arc(inner, false, place(from, inner)).close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn gauge(ours: u64, others: u64, limit: u64, refused: &[i64]) -> Gauge {
        Gauge {
            zone: TimeZone::UTC,
            ours,
            others,
            limit,
            window: Duration::from_secs(10),
            from: Timestamp(0),
            until: Timestamp(86_400_000),
            refused: refused.iter().copied().map(Timestamp).collect(),
            href: Some("/logs?code=429".to_owned()),
        }
    }

    #[test]
    fn any_use_can_be_drawn() {
        inspect(&gauge(0, 0, 0, &[]));
        inspect(&gauge(0, 0, 190, &[]));
        inspect(&gauge(63, 40, 190, &[7_200_000]));
        inspect(&gauge(190, 40, 190, &[0; 500]));
        inspect(&gauge(u64::MAX, u64::MAX, u64::MAX, &[i64::MIN, i64::MAX]));
        inspect(&Gauge { until: Timestamp(0), ..gauge(1, 1, 2, &[0]) });
    }

    #[test]
    fn the_table_has_the_refusals_too() {
        let rows = gauge(60, 30, 120, &[0]).table().rows;
        assert_eq!(rows[1], ["Other apps", "30", "25%"]);
        assert_eq!(rows[3], ["Thu 1 Jan 1970, 00:00 UTC", "429", ""]);
    }
}
