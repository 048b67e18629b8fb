//! What the colours mean, with the numbers that belong to them; and what is drawn where there is nothing to draw.

use super::svg::{Anchor, Area, Svg, TEXT};
use super::text::width;
use super::{Size, Tone};

/// One entry.
pub(super) struct Entry {
    pub tone: Tone,
    pub name: String,
    /// Stands out after the name.
    pub figure: String,
    pub href: Option<String>,
}

const LINE: f64 = 20.0;
const SWATCH: f64 = 10.0;

/// Writes the entries in lines of `room`, from `top`. Returns where they end.
pub(super) fn key(svg: &mut Svg, (left, top): (f64, f64), room: f64, entries: &[Entry]) -> f64 {
    let mut x = left;
    let mut y = top;
    for entry in entries {
        let wide = SWATCH + 6.0 + pair_width(&entry.name, &entry.figure);
        if x > left && x + wide > left + room {
            x = left;
            y += LINE;
        }
        let tip = format!("{} {}", entry.name, entry.figure);
        svg.mark(entry.href.as_deref(), tip.trim_end(), |svg| {
            svg.rect(Area::new(x, y + 3.0, SWATCH, SWATCH), 2.0, entry.tone);
            svg.pair(x + SWATCH + 6.0, y + 12.0, &entry.name, &entry.figure);
        });
        x += wide + 18.0;
    }
    y + LINE
}

fn pair_width(name: &str, figure: &str) -> f64 {
    // Figures are written a little wider.
    width(name, TEXT) + 5.0 + width(figure, TEXT) * 1.05
}

/// A key whose swatches are shapes of 14 units, drawn by `draw`. Returns where it ends.
pub(super) fn shapes<T>(
    svg: &mut Svg,
    room: f64,
    entries: impl IntoIterator<Item = (T, &'static str, String)>,
    draw: impl Fn(&mut Svg, (f64, f64), T),
) -> f64 {
    let (mut x, mut y) = (0.0, 0.0);
    for (what, name, figure) in entries {
        let wide = 20.0 + pair_width(name, &figure);
        if x > 0.0 && x + wide > room {
            x = 0.0;
            y += LINE;
        }
        draw(svg, (x, y), what);
        svg.pair(x + 20.0, y + 13.0, name, &figure);
        x += wide + 18.0;
    }
    y + LINE
}

/// The picture of nothing: a frame, and a sentence that says so.
pub(super) fn empty(ids: &str, size: Size, title: &str, sentence: &str) -> String {
    let mut svg = Svg::new(ids, size);
    svg.rect(Area::new(0.5, 0.5, size.width() - 1.0, 95.0), 6.0, "p-frame");
    svg.label((size.width() / 2.0, 52.0), Anchor::Middle, "p-quiet", sentence, size.width() - 24.0);
    svg.finish(96.0, title, sentence)
}
