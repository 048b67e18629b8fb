//! What a version did on its samples, as people read it.

use super::moment::grouped;
use crate::diff;
use crate::transform::{Figures, Quota, Tried, Whose};

const MIB: f64 = 1_048_576.0;

/// A line of counts and of what was used at most, and below it each sample that is not green, with why.
pub fn lines(tried: &Tried) -> Vec<String> {
    let mut lines = Vec::new();
    if !tried.left_out.is_empty() {
        lines.push(format!("  not tried   on {} samples, whose settings it does not take", tried.left_out.len()));
    }
    if tried.runs.is_empty() {
        return lines;
    }
    let quota = Quota::of(tried.quota);
    let most = |used: fn(&Figures) -> u64| tried.runs.iter().map(used).max().unwrap_or(0);
    lines.push(format!(
        "  tried on    {} samples {}, {} green; at most {} of {} fuel and {:.1} of {} MiB",
        tried.runs.len(),
        match tried.samples {
            Whose::Own => "that came with it",
            Whose::Stock => "of this service",
        },
        tried.runs.iter().filter(|run| run.is_green()).count(),
        grouped(most(|run| run.fuel)),
        grouped(quota.fuel),
        most(|run| run.memory_bytes) as f64 / MIB,
        quota.memory_bytes >> 20,
    ));
    for run in tried.runs.iter().filter(|run| !run.is_green()) {
        let why = run.failure.as_deref().unwrap_or("it answers otherwise than expected");
        lines.push(format!("  red         {}: {why}", run.example));
        lines.extend(diff::text(&run.differences).lines().map(|line| format!("            {line}")));
    }
    lines
}
