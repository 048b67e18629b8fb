//! Bars that are split, such as contacts into created and updated. Do we make duplicates?

use super::key::{Entry, empty, key};
use super::svg::{Anchor, Area, SMALL, Svg};
use super::text::{count, leads, percent, short, width};
use super::{Picture, Size, Table, Tone};

/// Wholes, and parts of each.
#[derive(Clone, Debug)]
pub struct Split {
    pub title: String,
    pub bars: Vec<Bar>,
}

/// Some leads, and parts of them. The rest of them stays pale.
#[derive(Clone, Debug)]
pub struct Bar {
    pub leads: u64,
    /// Which leads, such as `in HubSpot`.
    pub which: &'static str,
    pub parts: Vec<Part>,
}

/// One part of them.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    pub count: u64,
    pub tone: Tone,
    pub href: Option<String>,
}

/// Above a bar: what it is a bar of.
const HEAD: f64 = 20.0;
const BAR: f64 = 20.0;
const GAP: f64 = 8.0;
/// What is there can be seen, however little it is.
const LEAST: f64 = 3.0;

impl Bar {
    fn whole(&self) -> String {
        format!("{} {}", leads(self.leads), self.which)
    }

    fn shown(&self) -> Vec<&Part> {
        self.parts.iter().filter(|part| part.count > 0).collect()
    }

    fn share(&self, part: &Part) -> String {
        format!("{} · {}", short(part.count), percent(part.count, self.leads))
    }

    fn words(&self) -> String {
        let parts: Vec<_> = self.shown().iter().map(|part| format!("{} {}", part.name, self.share(part))).collect();
        format!("Of {}: {}", self.whole(), parts.join("; "))
    }

    /// Draws it from `top` on. Returns where it ends.
    fn draw(&self, svg: &mut Svg, top: f64) -> f64 {
        let (shown, room) = (self.shown(), svg.width());
        let sum = shown.iter().fold(0, |sum: u64, part| sum.saturating_add(part.count));
        let all = self.leads.max(sum) as f64;
        // All get their least, and share what is left.
        let to_share = (room - shown.len() as f64 * LEAST).max(0.0);
        svg.text(0.0, top + 12.0, Anchor::Start, "p-quiet", &self.whole());
        let top = top + HEAD;
        let mut left = 0.0;
        for part in &shown {
            let wide = LEAST + to_share * part.count as f64 / all;
            svg.mark(part.href.as_deref(), &format!("{} {}", part.name, self.share(part)), |svg| {
                svg.rect(Area::new(left, top, wide - 1.0, BAR), 2.0, part.tone);
                if part.tone.is_plain() && width(&part.name, SMALL) + 16.0 < wide {
                    svg.text(left + 8.0, top + BAR - 6.0, Anchor::Start, "p-on", &part.name);
                }
            });
            left += wide;
        }
        if sum < self.leads {
            svg.rect(Area::new(left, top, room - left, BAR), 2.0, "p-rest");
        }
        let entry = |part: &&Part| Entry {
            tone: part.tone,
            name: part.name.clone(),
            figure: self.share(part),
            href: part.href.clone(),
        };
        key(svg, (0.0, top + BAR + GAP), room, &shown.iter().map(entry).collect::<Vec<_>>())
    }
}

impl Picture for Split {
    fn svg(&self, ids: &str, size: Size) -> String {
        let bars: Vec<_> = self.bars.iter().filter(|bar| !bar.shown().is_empty()).collect();
        if bars.is_empty() {
            return empty(ids, size, &self.title, "Nothing to show yet");
        }
        let mut svg = Svg::new(ids, size);
        let bottom = bars.iter().fold(-GAP, |bottom, bar| bar.draw(&mut svg, bottom + GAP));
        let words: Vec<_> = bars.iter().map(|bar| bar.words()).collect();
        svg.finish(bottom, &self.title, &words.join(". "))
    }

    fn table(&self) -> Table {
        let row = |bar: &Bar, part: &Part| {
            [part.name.clone(), count(part.count), bar.whole(), percent(part.count, bar.leads)]
        };
        let rows = self.bars.iter().flat_map(|bar| bar.parts.iter().map(move |part| row(bar, part)));
        Table::new(&self.title, ["Part", "Number", "Of", "Share"], rows.collect::<Vec<_>>())
            .linked(self.bars.iter().flat_map(|bar| &bar.parts).map(|part| &part.href))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn bar(leads: u64, counts: &[u64]) -> Bar {
        let part = |count: &u64| Part {
            name: "<new>".to_owned(),
            count: *count,
            tone: Tone::Skipped,
            href: Some("?a&b".to_owned()),
        };
        Bar { leads, which: "in HubSpot", parts: counts.iter().map(part).collect() }
    }

    fn split(bars: &[(u64, &[u64])]) -> Split {
        let bars = bars.iter().map(|(leads, counts)| bar(*leads, counts)).collect();
        Split { title: "Contacts".to_owned(), bars }
    }

    #[test]
    fn any_split_can_be_drawn() {
        let all = u64::MAX;
        let splits: [&[(u64, &[u64])]; 5] = [
            &[],
            &[(0, &[]), (0, &[0, 0])],
            &[(1, &[1])],
            &[(5, &[1]), (9, &[0]), (all, &[1])],
            &[(all, &[1, all, 0]), (7, &[7; 30])],
        ];
        splits.into_iter().for_each(|bars| inspect(&split(bars)));
    }

    #[test]
    fn a_share_is_one_of_its_own_whole() {
        let split = split(&[(1000, &[1, 999, 0]), (4, &[1])]);
        let shares: Vec<_> = split.table().rows.into_iter().map(|row| row[2..].join(": ")).collect();
        let of = |share: &str| format!("1,000 leads in HubSpot: {share}");
        assert_eq!(shares, [of("<1%"), of(">99%"), of("0%"), "4 leads in HubSpot: 25%".to_owned()]);
        let drawn = split.svg("s", Size::Wide);
        assert!(drawn.contains("Of 4 leads in HubSpot: &lt;new&gt; 1 · 25%</desc>"), "{drawn}");
        assert_eq!(drawn.matches("p-rest").count(), 1, "three of four are in no part: {drawn}");
    }
}
