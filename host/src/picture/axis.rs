//! Hairlines and what stands beside them.

use super::scale::Scale;
use super::svg::{Anchor, SMALL, Svg};
use super::text::width;

/// Where values are drawn.
#[derive(Clone, Copy)]
pub(super) struct Plot {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// How much room the texts beside a plot need.
pub(super) fn gutter<'a>(texts: impl IntoIterator<Item = &'a str>) -> f64 {
    texts.into_iter().map(|text| width(text, SMALL)).fold(0.0, f64::max) + 8.0
}

/// A level line for each value, its text on the left; the lowest line is the ground.
pub(super) fn rungs(svg: &mut Svg, plot: Plot, scale: &Scale, values: &[(f64, String)]) {
    svg.line((plot.left, plot.bottom), (plot.right, plot.bottom), "p-ground");
    for (value, text) in values {
        let y = scale.at(*value);
        if y < plot.bottom - 1.0 {
            svg.line((plot.left, y), (plot.right, y), "p-grid");
        }
        svg.text(plot.left - 6.0, y + 4.0, Anchor::End, "p-tick", text);
    }
}

/// Texts under a plot, each at its place, leaving out what would touch the one before or leave the picture.
pub(super) fn feet(svg: &mut Svg, plot: Plot, picture_width: f64, places: impl IntoIterator<Item = (f64, String)>) {
    let mut taken = f64::NEG_INFINITY;
    for (x, text) in places {
        let half = width(&text, SMALL) / 2.0;
        let middle = x.clamp(half, (picture_width - half).max(half));
        if middle - half < taken + 8.0 || (middle - x).abs() > half {
            continue;
        }
        taken = middle + half;
        svg.line((x, plot.bottom), (x, plot.bottom + 4.0), "p-ground");
        svg.text(middle, plot.bottom + 17.0, Anchor::Middle, "p-tick", &text);
    }
}
