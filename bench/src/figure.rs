//! One measured figure, and the table of them.

use serde::Serialize;

/// A figure with its baseline from the same run.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) bench: &'static str,
    pub(crate) figure: String,
    /// The median of the runs.
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is compared with, in the same unit: the median of its runs.
    pub(crate) baseline: Option<f64>,
    /// Value over baseline.
    pub(crate) ratio: Option<f64>,
    /// What was added to each sync of the disk.
    pub(crate) sync_delay_micros: u64,
    /// The value of each run, lowest first.
    pub(crate) runs: Vec<f64>,
    pub(crate) baseline_runs: Vec<f64>,
}

impl Figure {
    /// Of several runs.
    pub(crate) fn of(bench: &'static str, figure: impl Into<String>, runs: &[f64], unit: &'static str) -> Self {
        let mut runs = runs.to_vec();
        Self {
            bench,
            figure: figure.into(),
            value: median(&mut runs),
            unit,
            baseline: None,
            ratio: None,
            sync_delay_micros: 0,
            runs,
            baseline_runs: Vec::new(),
        }
    }

    /// Of which there is one.
    pub(crate) fn alone(bench: &'static str, figure: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self::of(bench, figure, &[value], unit)
    }

    pub(crate) fn beside(mut self, baseline: &[f64]) -> Self {
        self.baseline_runs = baseline.to_vec();
        let baseline = median(&mut self.baseline_runs);
        Self { baseline: Some(baseline), ratio: Some(self.value / baseline), ..self }
    }

    pub(crate) fn delayed(self, sync_delay_micros: u64) -> Self {
        Self { sync_delay_micros, ..self }
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

/// A table for people. Where a sync was made slower, the same figure has a column for it.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut delays: Vec<_> = figures.iter().map(|figure| figure.sync_delay_micros).collect();
    delays.sort_unstable();
    delays.dedup();
    let headings = delays.iter().flat_map(|delay| {
        let value = match delay {
            0 => "Value (lowest–highest)".to_owned(),
            _ => format!("+{} ms a sync", *delay as f64 / 1e3),
        };
        [value, "Baseline".to_owned(), "Ratio".to_owned()]
    });
    let headings: Vec<String> = ["Bench", "Figure", "Unit"].into_iter().map(str::to_owned).chain(headings).collect();
    let mut table = leadline::cli::output::table(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    let mut named: Vec<(&str, &str, &str)> = Vec::new();
    for figure in figures {
        let name = (figure.bench, figure.figure.as_str(), figure.unit);
        if !named.contains(&name) {
            named.push(name);
        }
    }
    for (bench, name, unit) in named {
        let cells = delays.iter().flat_map(|delay| {
            let is_this = |figure: &&Figure| {
                (figure.bench, figure.figure.as_str(), figure.sync_delay_micros) == (bench, name, *delay)
            };
            figures.iter().find(is_this).map_or_else(|| [const { String::new() }; 3], cells)
        });
        table.add_row([bench.to_owned(), name.to_owned(), unit.to_owned()].into_iter().chain(cells));
    }
    for column in 3..headings.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table.to_string()
}

fn cells(figure: &Figure) -> [String; 3] {
    let dash = || "–".to_owned();
    let value = match &figure.runs[..] {
        [lowest, .., highest] => format!("{} ({}–{})", number(figure.value), number(*lowest), number(*highest)),
        _ => number(figure.value),
    };
    [value, figure.baseline.map_or_else(dash, number), figure.ratio.map_or_else(dash, number)]
}

fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
