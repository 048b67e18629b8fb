//! Leads by the cause for which they wait or failed, with the trend of each. What to fix first?

use super::key::empty;
use super::scale::Scale;
use super::svg::{Anchor, Area, Svg, TEXT};
use super::text::{count, counted, leads, short, width};
use super::{Picture, Size, Table, Tone, sparkline};

/// A bar for each cause.
#[derive(Clone, Debug)]
pub struct Causes {
    /// In the order in which they are shown: the most leads first.
    pub causes: Vec<Cause>,
}

/// One cause.
#[derive(Clone, Debug)]
pub struct Cause {
    /// In words, such as "Property `budget_range` is missing".
    pub title: String,
    pub leads: u64,
    /// Leads in each of the last days, the oldest first.
    pub trend: Vec<u64>,
    /// Waiting or failed.
    pub tone: Tone,
    pub href: Option<String>,
}

const TITLE: &str = "Leads by cause";
/// What comes after is one sentence: the first few are what somebody fixes today.
const SHOWN_MAX: usize = 10;
const BAR: f64 = 12.0;
const TREND: f64 = 72.0;

impl Picture for Causes {
    fn svg(&self, ids: &str, size: Size) -> String {
        if self.causes.is_empty() {
            return empty(ids, size, TITLE, "Nothing waits and nothing failed");
        }
        let (shown, rest) = self.causes.split_at(self.causes.len().min(SHOWN_MAX));
        let most = shown.iter().map(|cause| cause.leads).max().unwrap_or(0).max(1);
        let figures = shown.iter().map(|cause| width(&short(cause.leads), TEXT) * 1.05).fold(0.0, f64::max) + 8.0;
        let names = size.pick(270.0, 0.0);
        let row = size.pick(30.0, 46.0);
        let trend = size.width() - TREND;
        let along = Scale::linear((0.0, most as f64), (0.0, trend - 16.0 - figures - names));

        let mut svg = Svg::new(ids, size);
        for (index, cause) in shown.iter().enumerate() {
            let top = index as f64 * row;
            // Beside the name where there is room, else below it.
            let bar = top + size.pick((row - BAR) / 2.0, 22.0);
            svg.mark(cause.href.as_deref(), &format!("{}: {}", cause.title, leads(cause.leads)), |svg| {
                let room = size.pick(names - 12.0, trend - 10.0);
                svg.label((0.0, size.pick(bar + BAR - 2.0, top + 14.0)), Anchor::Start, "", &cause.title, room);
                let long = along.at(cause.leads as f64).max(if cause.leads > 0 { 2.0 } else { 0.0 });
                svg.rect(Area::new(names, bar, long, BAR), 2.0, cause.tone);
                svg.text(names + long + 6.0, bar + BAR - 2.0, Anchor::Start, "p-strong", &short(cause.leads));
            });
            if !cause.trend.is_empty() {
                sparkline::draw(
                    &mut svg,
                    &cause.trend,
                    cause.tone,
                    (trend, bar - 4.0),
                    (size.width() - 4.0, bar + BAR + 2.0),
                );
            }
        }
        let mut bottom = shown.len() as f64 * row;
        if !rest.is_empty() {
            let others = rest.iter().fold(0_u64, |sum, cause| sum.saturating_add(cause.leads));
            let text = format!("and {}, {}", counted(rest.len() as u64, "more cause", "more causes"), leads(others));
            svg.text(0.0, bottom + 14.0, Anchor::Start, "p-quiet", &text);
            bottom += 20.0;
        }
        let words: Vec<_> = shown.iter().map(|cause| format!("{}: {}", cause.title, leads(cause.leads))).collect();
        svg.finish(bottom, TITLE, &words.join("; "))
    }

    fn table(&self) -> Table {
        let rows = self.causes.iter().map(|cause| {
            let trend: Vec<_> = cause.trend.iter().map(|leads| count(*leads)).collect();
            [cause.title.clone(), count(cause.leads), trend.join(" → ")]
        });
        Table::new(TITLE, ["Cause", "Leads", "Over time"], rows.collect::<Vec<_>>())
            .linked(self.causes.iter().map(|cause| &cause.href))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn cause(title: &str, leads: u64, trend: &[u64]) -> Cause {
        let href = Some("javascript:alert(1)".to_owned());
        Cause { title: title.to_owned(), leads, trend: trend.to_vec(), tone: Tone::Waiting, href }
    }

    #[test]
    fn any_causes_can_be_drawn() {
        inspect(&Causes { causes: vec![] });
        inspect(&Causes { causes: vec![cause("", 0, &[])] });
        inspect(&Causes {
            causes: vec![cause(&"<b>Zoë</b> & ".repeat(40), u64::MAX, &[1]), cause("x", 1, &[u64::MAX, 0])],
        });
        let many =
            Causes { causes: (0..400).map(|index| cause("HubSpot did not answer", 400 - index, &[1, 2])).collect() };
        inspect(&many);
        assert!(many.svg("g", Size::Wide).contains("and 390 more causes, 76,245 leads"));
        assert_eq!(many.table().rows.len(), 400);
        assert_eq!(many.table().links, vec![None; 400], "no script behind a link");
        assert_eq!(many.table().rows[0], ["HubSpot did not answer", "400", "1 → 2"]);
    }
}
