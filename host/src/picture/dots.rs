//! A dot for each real lead on which a version was tried beside the one in force. Is it safe?

use super::key::{empty, shapes};
use super::svg::{Anchor, Area, Path, Svg};
use super::text::{count, leads, percent};
use super::{Picture, Size, Table, Tone};

/// What came of a trial, lead by lead.
#[derive(Clone, Debug)]
pub struct Dots {
    pub leads: Vec<Dot>,
}

/// One lead.
#[derive(Clone, Debug)]
pub struct Dot {
    /// By what people know it, such as its id.
    pub name: String,
    pub verdict: Verdict,
    pub href: Option<String>,
}

/// How the answers of both versions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Changed,
    Failed,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Same, Self::Changed, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

const TITLE: &str = "What would change, lead by lead";
const STEP: f64 = 18.0;
/// More than anybody tries, and more than anybody looks at.
const SHOWN_MAX: usize = 1000;

impl Dots {
    fn number(&self, verdict: Verdict) -> u64 {
        self.leads.iter().filter(|dot| dot.verdict == verdict).count() as u64
    }
}

impl Picture for Dots {
    fn svg(&self, ids: &str, size: Size) -> String {
        if self.leads.is_empty() {
            return empty(ids, size, TITLE, "Not tried on any lead yet");
        }
        let mut svg = Svg::new(ids, size);
        let entries = Verdict::ALL.map(|verdict| (verdict, verdict.name(), count(self.number(verdict))));
        let top =
            shapes(&mut svg, size.width(), entries, |svg, (x, y), verdict| draw(svg, (x + 7.0, y + 9.0), verdict))
                + 14.0;
        let columns = (size.width() / STEP) as usize;
        let shown = &self.leads[..self.leads.len().min(SHOWN_MAX)];
        for (index, dot) in shown.iter().enumerate() {
            let place = ((index % columns) as f64 * STEP + 8.0, top + (index / columns) as f64 * STEP);
            svg.mark(dot.href.as_deref(), &format!("{}: {}", dot.name, dot.verdict.name()), |svg| {
                draw(svg, place, dot.verdict)
            });
        }
        let mut bottom = top - 4.0 + shown.len().div_ceil(columns) as f64 * STEP;
        if shown.len() < self.leads.len() {
            let more = format!("and {} more", leads((self.leads.len() - shown.len()) as u64));
            svg.text(0.0, bottom + 10.0, Anchor::Start, "p-quiet", &more);
            bottom += 18.0;
        }
        let parts = Verdict::ALL.map(|verdict| format!("{} {}", count(self.number(verdict)), verdict.name()));
        svg.finish(bottom, TITLE, &format!("{}: {}.", leads(self.leads.len() as u64), parts.join(", ")))
    }

    fn table(&self) -> Table {
        let all = self.leads.len() as u64;
        let sums = Verdict::ALL.map(|verdict| {
            let number = self.number(verdict);
            [format!("All {}", verdict.name()), format!("{} · {}", count(number), percent(number, all))]
        });
        // Nobody reads on about what is the same.
        let other = self.leads.iter().filter(|dot| dot.verdict != Verdict::Same);
        let links = [&None; 3].into_iter().chain(other.clone().map(|dot| &dot.href));
        let rows = other.map(|dot| [dot.name.clone(), dot.verdict.name().to_owned()]);
        Table::new(TITLE, ["Lead", "Verdict"], sums.into_iter().chain(rows).collect::<Vec<_>>()).linked(links)
    }
}

/// A dot, a diamond, a cross.
fn draw(svg: &mut Svg, (x, y): (f64, f64), verdict: Verdict) {
    // All are as easy to point at.
    svg.rect(Area::new(x - 8.0, y - 8.0, 16.0, 16.0), 0.0, "p-touch");
    match verdict {
        Verdict::Same => svg.circle(x, y, 3.5, "p-same"),
        Verdict::Changed => {
            let diamond = Path::from(x, y - 6.0).to(x + 6.0, y).to(x, y + 6.0).to(x - 6.0, y).close();
            svg.path(&diamond, Tone::Waiting.class());
        }
        Verdict::Failed => {
            let cross = Path::from(x - 4.5, y - 4.5).to(x + 4.5, y + 4.5).jump(x + 4.5, y - 4.5).to(x - 4.5, y + 4.5);
            svg.path(&cross, "p-line p-line-failed p-thick");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn dots(number: usize) -> Dots {
        let dot = |index: usize| Dot {
            name: format!("<lead {index}>"),
            verdict: Verdict::ALL[index % 3],
            href: Some(format!("/leads/{index}")),
        };
        Dots { leads: (0..number).map(dot).collect() }
    }

    #[test]
    fn any_trial_can_be_drawn() {
        for number in [0, 1, 50, 500, 5000] {
            inspect(&dots(number));
        }
        assert!(dots(1001).svg("g", Size::Wide).contains("and 1 lead more"));
    }

    #[test]
    fn the_table_names_what_is_not_the_same() {
        let rows = dots(3).table().rows;
        assert_eq!(rows[0], ["All same", "1 · 33%"]);
        assert_eq!(rows[3..], [["<lead 1>", "changed"], ["<lead 2>", "failed"]]);
    }
}
