//! One bar that is split, such as contacts into created, updated, and those without an e-mail. Do we make duplicates?

use super::key::{Entry, empty, key};
use super::svg::{Anchor, Area, SMALL, Svg};
use super::text::{count, percent, short, width};
use super::{Picture, Size, Table, Tone};

/// What a whole is made of.
#[derive(Clone, Debug)]
pub struct Split {
    pub title: String,
    pub parts: Vec<Part>,
}

/// One part of it.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    pub count: u64,
    pub tone: Tone,
    pub href: Option<String>,
}

const BAR: f64 = 20.0;
/// What is there can be seen, however little it is.
const LEAST: f64 = 3.0;

impl Split {
    fn whole(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.count))
    }

    fn share(&self, part: &Part) -> String {
        format!("{} · {}", short(part.count), percent(part.count, self.whole()))
    }
}

impl Picture for Split {
    fn svg(&self, ids: &str, size: Size) -> String {
        let whole = self.whole();
        if whole == 0 {
            return empty(ids, size, &self.title, "Nothing to show yet");
        }
        let shown: Vec<_> = self.parts.iter().filter(|part| part.count > 0).collect();
        // All get their least, and share the rest.
        let rest = (size.width() - shown.len() as f64 * LEAST).max(0.0);
        let mut svg = Svg::new(ids, size);
        let mut left = 0.0;
        for part in &shown {
            let wide = LEAST + rest * part.count as f64 / whole as f64;
            svg.mark(part.href.as_deref(), &format!("{} {}", part.name, self.share(part)), |svg| {
                svg.rect(Area::new(left, 0.0, wide - 1.0, BAR), 2.0, part.tone);
                if part.tone.is_plain() && width(&part.name, SMALL) + 16.0 < wide {
                    svg.text(left + 8.0, BAR - 6.0, Anchor::Start, "p-on", &part.name);
                }
            });
            left += wide;
        }
        let entry = |part: &&Part| Entry {
            tone: part.tone,
            name: part.name.clone(),
            figure: self.share(part),
            href: part.href.clone(),
        };
        let bottom = key(&mut svg, (0.0, BAR + 8.0), size.width(), &shown.iter().map(entry).collect::<Vec<_>>());
        let words: Vec<_> = shown.iter().map(|part| format!("{} {}", part.name, self.share(part))).collect();
        svg.finish(bottom, &self.title, &words.join("; "))
    }

    fn table(&self) -> Table {
        let rows =
            self.parts.iter().map(|part| [part.name.clone(), count(part.count), percent(part.count, self.whole())]);
        Table::new(&self.title, ["Part", "Number", "Share"], rows.collect::<Vec<_>>())
            .linked(self.parts.iter().map(|part| &part.href))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn split(counts: &[u64]) -> Split {
        let part = |count: &u64| Part {
            name: "<new>".to_owned(),
            count: *count,
            tone: Tone::Skipped,
            href: Some("?a&b".to_owned()),
        };
        Split { title: "Contacts".to_owned(), parts: counts.iter().map(part).collect() }
    }

    #[test]
    fn any_split_can_be_drawn() {
        for counts in [&[][..], &[0, 0], &[1], &[1, u64::MAX, 0], &[7; 30]] {
            inspect(&split(counts));
        }
        let rows = split(&[1, 999, 0]).table().rows;
        assert_eq!(rows.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["<1%", ">99%", "0%"]);
    }
}
