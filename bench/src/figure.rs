//! One measured figure, and the table of them.

use serde::Serialize;

/// A figure with its baseline from the same run.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) bench: &'static str,
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is compared with, in the same unit.
    pub(crate) baseline: Option<f64>,
    /// Value over baseline.
    pub(crate) ratio: Option<f64>,
}

impl Figure {
    pub(crate) fn alone(bench: &'static str, figure: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { bench, figure: figure.into(), value, unit, baseline: None, ratio: None }
    }

    pub(crate) fn beside(self, baseline: f64) -> Self {
        Self { baseline: Some(baseline), ratio: Some(self.value / baseline), ..self }
    }
}

/// The middle of several runs.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this share of all is not above.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

pub(crate) fn table(figures: &[Figure]) -> String {
    let mut table = leadline::cli::output::table(&["Bench", "Figure", "Value", "Unit", "Baseline", "Ratio"]);
    let number = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let dash = || "–".to_owned();
    for figure in figures {
        table.add_row([
            figure.bench.to_owned(),
            figure.figure.clone(),
            number(figure.value),
            figure.unit.to_owned(),
            figure.baseline.map_or_else(dash, number),
            figure.ratio.map_or_else(dash, number),
        ]);
    }
    for column in [2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table.to_string()
}
