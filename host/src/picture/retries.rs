//! The timetable of retries on a scale by ratio, and how many leads wait for each of them. When do they come?

use std::cmp::Reverse;
use std::time::Duration;

use super::axis::Plot;
use super::svg::{Anchor, Area, SMALL, Svg};
use super::text::{count, counted, short, width};
use super::timetable::{along, foot, hours};
use super::{Picture, Size, Table, Tone};

/// The retries that may follow a first attempt.
#[derive(Clone, Debug)]
pub struct Retries {
    /// In the order of time.
    pub steps: Vec<Step>,
    /// After this nothing is tried. Counted from the first attempt.
    pub end: Duration,
    /// More leads wait than were counted.
    pub is_more: bool,
}

/// One retry.
#[derive(Clone, Debug)]
pub struct Step {
    /// Counted from the attempt before.
    pub wait: Duration,
    /// Counted from the first attempt, where nothing came in between.
    pub after: Duration,
    /// Leads whose next attempt it is.
    pub leads: u64,
}

/// Leads that wait, as they are drawn.
struct Bar {
    x: f64,
    top: f64,
    leads: u64,
}

const TITLE: &str = "When retries come, and how many leads wait for each";
const LINE: f64 = 100.0;
/// How high the highest bar is.
const TALL: f64 = 54.0;
/// How far the widest bar reaches to each side.
const BAR: f64 = 3.0;

impl Picture for Retries {
    fn svg(&self, ids: &str, size: Size) -> String {
        let end = self.end.max(Duration::from_secs(60));
        let (left, right) = (10.0, size.width() - 10.0);
        let along = along(end, (left, right));
        let radius = size.pick(5.0, 3.5);
        let most = self.steps.iter().map(|step| step.leads).max().unwrap_or(0).max(1);

        let mut svg = Svg::new(ids, size);
        svg.text(left, 13.0, Anchor::Start, "p-strong", &self.total());
        svg.line((left, LINE), (right, LINE), "p-ground");
        let mut bars = Vec::new();
        for (step, words) in self.steps.iter().zip(self.words()) {
            let x = along.at(step.after.as_secs_f64());
            svg.mark(None, &words, |svg| {
                if step.leads > 0 {
                    let tall = (step.leads as f64 / most as f64 * TALL).max(2.0);
                    let top = LINE - radius - 1.0 - tall;
                    svg.rect(Area::new(x - radius / 2.0, top, radius, tall), 1.0, Tone::Waiting);
                    bars.push(Bar { x, top, leads: step.leads });
                }
                svg.circle(x, LINE, radius - 0.5, "p-ghost");
            });
        }
        for (x, y, text) in labels(&bars, size.width()) {
            svg.text(x, y, Anchor::Middle, "p-figure", &text);
        }
        foot(&mut svg, Plot { left, top: 0.0, right, bottom: LINE + 10.0 }, &along, end);
        let waited_for = self.steps.iter().zip(self.words()).filter(|(step, _)| step.leads > 0);
        let words: Vec<_> = std::iter::once(self.total()).chain(waited_for.map(|(_, words)| words)).collect();
        svg.finish(LINE + 32.0, TITLE, &format!("{}.", words.join("; ")))
    }

    fn table(&self) -> Table {
        let row = |(index, step): (usize, &Step)| {
            let number = (index + 1).to_string();
            [number, waited(step.wait), hours(step.after), count(step.leads)]
        };
        let head = ["Retry", "After the attempt before", "After the first attempt", "Leads that wait for it"];
        Table::new(TITLE, head, self.steps.iter().enumerate().map(row).collect::<Vec<_>>())
    }
}

impl Retries {
    fn total(&self) -> String {
        let leads = self.steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.leads));
        let number = match leads {
            _ if self.is_more => format!("At least {}", short(leads)),
            0 => "No".to_owned(),
            _ => short(leads),
        };
        let is_one = leads == 1 || number == "No";
        format!("{number} {} for a retry", if is_one { "lead waits" } else { "leads wait" })
    }

    /// What is said of each step.
    fn words(&self) -> impl Iterator<Item = String> {
        self.steps.iter().enumerate().map(|(index, step)| {
            let leads = counted(step.leads, "lead waits", "leads wait");
            format!("retry {}, {} after the attempt before: {leads}", index + 1, waited(step.wait))
        })
    }
}

fn waited(wait: Duration) -> String {
    if wait.is_zero() { "at once".to_owned() } else { hours(wait) }
}

/// The numbers above the bars: the largest first, and none that would touch another one or the bar beside its own.
fn labels(bars: &[Bar], picture_width: f64) -> Vec<(f64, f64, String)> {
    let mut by_leads: Vec<_> = bars.iter().enumerate().collect();
    by_leads.sort_by_key(|(_, bar)| Reverse(bar.leads));
    let mut placed: Vec<(f64, f64, String)> = Vec::new();
    for (index, bar) in by_leads {
        let text = short(bar.leads);
        let own = half(&text);
        let middle = bar.x.clamp(own, (picture_width - own).max(own));
        let is_free = |x: f64, reach: f64| (x - middle).abs() >= own + reach;
        let is_beside_bars = bars.iter().enumerate().all(|(other, bar)| other == index || is_free(bar.x, BAR));
        if is_beside_bars && placed.iter().all(|(x, _, other)| is_free(*x, half(other))) {
            placed.push((middle, bar.top - 4.0, text));
        }
    }
    placed
}

/// How far a number reaches to each side.
fn half(text: &str) -> f64 {
    width(text, SMALL) / 2.0 + 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn retries(steps: &[(u64, u64, u64)], is_more: bool) -> Retries {
        let step = |(wait, after, leads): &(u64, u64, u64)| Step {
            wait: Duration::from_secs(*wait),
            after: Duration::from_secs(*after),
            leads: *leads,
        };
        Retries { steps: steps.iter().map(step).collect(), end: Duration::from_secs(72 * 3600), is_more }
    }

    #[test]
    fn any_number_of_waiting_leads_can_be_drawn() {
        inspect(&retries(&[], false));
        inspect(&retries(&[(0, 0, 0), (5, 5, 0), (300, 305, 0)], false));
        inspect(&retries(&[(0, 0, 3), (5, 5, 40), (300, 305, 1), (1800, 2105, 0)], false));
        let late = [(43_200, 142_505, 7), (43_200, 185_705, 120), (43_200, 228_905, 9000), (30_295, 259_200, 12)];
        inspect(&retries(&late, true));
        inspect(&retries(&[(0, 0, u64::MAX), (u64::MAX, u64::MAX, u64::MAX), (1, u64::MAX, 1)], true));
        inspect(&Retries { end: Duration::ZERO, ..retries(&[(0, 0, 1)], false) });
    }

    #[test]
    fn a_number_stands_above_its_bar_where_it_touches_nothing() {
        let bar = |x, leads| Bar { x, top: 50.0, leads };
        let shown = |bars: &[Bar]| labels(bars, 720.0).into_iter().map(|(x, _, text)| (x, text)).collect::<Vec<_>>();
        assert_eq!(shown(&[bar(100.0, 3), bar(200.0, 12)]), [(200.0, "12".to_owned()), (100.0, "3".to_owned())]);
        assert!(shown(&[bar(100.0, 3), bar(104.0, 12)]).is_empty(), "each would hide the other's bar");
        assert_eq!(shown(&[bar(100.0, 1234), bar(124.0, 1234)]).len(), 1, "two numbers side by side would touch");
        assert!(shown(&[bar(718.0, 12)])[0].0 < 714.0, "it stays within the picture");
    }

    #[test]
    fn it_is_said_how_many_wait_and_the_table_has_every_retry() {
        let some = retries(&[(0, 0, 2), (5, 5, 0), (43_200, 142_505, 1)], false);
        assert_eq!(some.total(), "3 leads wait for a retry");
        assert_eq!(Retries { is_more: true, ..some.clone() }.total(), "At least 3 leads wait for a retry");
        assert_eq!(retries(&[(0, 0, 0)], false).total(), "No lead waits for a retry");
        let rows = some.table().rows;
        assert_eq!(rows[0], ["1", "at once", "0 s", "2"]);
        assert_eq!(rows[2], ["3", "12 h", "39 h", "1"]);
    }
}
