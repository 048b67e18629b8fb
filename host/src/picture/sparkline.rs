//! A small line for a row of a list. Which row deserves a click?

use super::latency::through;
use super::scale::Scale;
use super::svg::Svg;
use super::text::{count, counted};
use super::{Picture, Size, Table, Tone};

/// A line without an axis; its last value has a dot.
#[derive(Clone, Debug)]
pub struct Sparkline {
    /// What is counted, such as "Failed leads a day".
    pub title: String,
    /// The oldest first.
    pub values: Vec<u64>,
    pub tone: Tone,
}

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;

impl Picture for Sparkline {
    fn svg(&self, ids: &str, _size: Size) -> String {
        let mut svg = Svg::small(ids, WIDTH);
        draw(&mut svg, &self.values, self.tone, (1.0, 3.0), (WIDTH - 4.0, HEIGHT - 3.0));
        let values = &self.values;
        let words = match (values.last(), values.iter().min(), values.iter().max()) {
            (Some(last), Some(least), Some(most)) => {
                let [last, least, most] = [last, least, most].map(|value| count(*value));
                let figures = counted(values.len() as u64, "figure", "figures");
                format!("{last} at the end, {least} at least, {most} at most, of {figures}.")
            }
            _ => "Nothing yet.".to_owned(),
        };
        svg.finish(HEIGHT, &self.title, &words)
    }

    fn table(&self) -> Table {
        let rows = self.values.iter().enumerate().map(|(index, value)| [(index + 1).to_string(), count(*value)]);
        Table::new(&self.title, ["Step", "Number"], rows.collect::<Vec<_>>())
    }

    fn is_small(&self) -> bool {
        true
    }
}

/// The line alone, between two corners; zero is the ground.
pub(super) fn draw(svg: &mut Svg, values: &[u64], tone: Tone, (left, top): (f64, f64), (right, bottom): (f64, f64)) {
    svg.line((left, bottom), (right, bottom), "p-grid");
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let up = Scale::linear((0.0, most as f64), (bottom, top));
    let along = Scale::linear((0.0, values.len().saturating_sub(1) as f64), (left, right));
    let places = values.iter().enumerate().map(|(index, value)| (along.at(index as f64), up.at(*value as f64)));
    let mut points: Vec<_> = places.collect();
    // One value has no line: its dot stands at the end.
    if let [(x, _)] = &mut points[..] {
        *x = right;
    }
    if points.len() > 1 {
        svg.path(&through(&points), tone.stroke());
    }
    if let Some((x, y)) = points.last() {
        svg.circle(*x, *y, 2.5, tone.class());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::inspect::inspect;

    fn sparkline(values: Vec<u64>) -> Sparkline {
        Sparkline { title: "Failed <leads> a day".to_owned(), values, tone: Tone::Failed }
    }

    #[test]
    fn any_values_can_be_drawn() {
        for values in [vec![], vec![3], vec![0, 0, 0], vec![u64::MAX, 0, 1], (0..5000).collect()] {
            inspect(&sparkline(values));
        }
    }

    #[test]
    fn the_line_ends_in_a_dot() {
        assert_eq!(
            sparkline(vec![0, 2, 1]).svg("s1", Size::Wide),
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" class="picture p-small" viewBox="0 0 96 24" font-size="12" "#,
                r#"role="img" aria-labelledby="s1-title" aria-describedby="s1-desc">"#,
                r#"<title id="s1-title">Failed &lt;leads&gt; a day</title><desc id="s1-desc">1 at the end, 0 at least, 2 at most, of 3 figures.</desc>"#,
                r#"<line x1="1" y1="21" x2="92" y2="21" class="p-grid"/>"#,
                r#"<path d="M1 21L46.5 3L92 12" class="p-line p-line-failed"/>"#,
                r#"<circle cx="92" cy="12" r="2.5" class="p-failed"/></svg>"#
            )
        );
    }
}
