//! Charts as SVG, drawn from plain data: pure, and the same bytes each time. Each picture has a table as its twin.
//!
//! There is no script and no inline style in them: colours, patterns and fonts come from `assets/picture.css` by class.
//! All lengths are units of the view box, so a picture scales with its place.

mod axis;
mod key;
mod moment;
mod scale;
mod svg;
mod text;
mod tone;

pub mod boxes;
pub mod causes;
pub mod deliveries;
pub mod dots;
pub mod fields;
pub mod flow;
pub mod gallery;
pub mod gauge;
pub mod hours;
pub mod latency;
pub mod retries;
pub mod sparkline;
pub mod split;
pub mod squares;
pub mod timetable;
pub mod waterfall;
pub mod wave;

#[cfg(test)]
mod inspect;

pub use gallery::gallery;
pub use tone::Tone;

/// The rules that give the pictures their colours. A page may define its own colours before; see there.
pub const STYLE: &str = include_str!("../assets/picture.css");

/// What all pictures can do.
pub trait Picture {
    /// The picture. Every id in it begins with `ids`, which is unique on its page.
    ///
    /// Its role is that of an image; with links in it, that of a group, since nobody could reach a link within an image.
    fn svg(&self, ids: &str, size: Size) -> String;

    /// The same as words and numbers.
    fn table(&self) -> Table;

    /// Whether it is so small that it looks the same in both sizes.
    fn is_small(&self) -> bool {
        false
    }
}

/// A picture in both sizes, with its twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    pub wide: String,
    /// None where the picture is small: then the wide one is for all.
    pub compact: Option<String>,
    pub table: Table,
}

/// Draws all of a picture; the ids of both sizes differ.
pub fn drawn(ids: &str, picture: &dyn Picture) -> Drawn {
    Drawn {
        wide: picture.svg(&format!("{ids}-w"), Size::Wide),
        compact: (!picture.is_small()).then(|| picture.svg(&format!("{ids}-c"), Size::Compact)),
        table: picture.table(),
    }
}

/// For which width a picture is drawn. A page holds both, and the style shows the one that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// From a tablet upwards.
    Wide,
    /// For a phone: from 320 px.
    Compact,
}

impl Size {
    /// The width of the view box: near the pixels that the picture will have, so that its texts keep their size.
    fn width(self) -> f64 {
        match self {
            Self::Wide => 720.0,
            Self::Compact => 360.0,
        }
    }

    /// One value for each size.
    fn pick<T>(self, wide: T, compact: T) -> T {
        match self {
            Self::Wide => wide,
            Self::Compact => compact,
        }
    }

    fn class(self) -> &'static str {
        self.pick("p-wide", "p-compact")
    }
}

/// What a picture shows, as text. Whoever writes it into a page escapes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    /// Each as long as the head; the first cell names the row.
    pub rows: Vec<Vec<String>>,
    /// Where each row leads, as in the picture: one for each row, or none at all.
    pub links: Vec<Option<String>>,
}

impl Table {
    fn new<const N: usize>(caption: &str, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        Self {
            caption: caption.to_owned(),
            head: head.map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(Vec::from).collect(),
            links: Vec::new(),
        }
    }

    /// The rows, each with where it leads.
    pub fn lines(&self) -> impl Iterator<Item = (&Vec<String>, Option<&String>)> {
        self.rows.iter().enumerate().map(|(index, row)| (row, self.links.get(index).and_then(Option::as_ref)))
    }

    /// With where the rows lead, in their order.
    fn linked<'a>(mut self, links: impl IntoIterator<Item = &'a Option<String>>) -> Self {
        let harmless = |link: &'a Option<String>| link.clone().filter(|href| svg::is_harmless(href));
        self.links = links.into_iter().map(harmless).collect();
        self
    }
}
