//! `leadline event runs`: what each version made of an event.

use super::super::Context;
use super::super::failure::Result;
use super::{REMOVED, event_id, found};
use crate::contract::Action;
use crate::store::{PastRun, RunOutcome};

pub(super) async fn run(event: &str, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let event = found(&store, &event_id(event)?).await?;
    let runs = store.runs_of(&event).await?;
    context.one(&runs, |runs| match runs[..] {
        [] => format!("No run of {} is kept: it went to no transformation, or {REMOVED}.", event.id),
        _ => runs.iter().map(text).collect::<Vec<_>>().join("\n"),
    })
}

/// A run, in a few lines.
pub(super) fn text(run: &PastRun) -> String {
    let mut lines = vec![format!(
        "{} · {} · {} · {}\n  fuel {} · memory {:.1} MiB · {} µs · component {}",
        run.id,
        run.at,
        run.version,
        run.outcome.word(),
        run.figures.fuel,
        run.figures.memory_bytes as f64 / 1_048_576.0,
        run.figures.micros,
        &run.hash[..run.hash.len().min(12)],
    )];
    lines.extend(run.settings.as_ref().map(|settings| format!("  settings {settings}")));
    match &run.outcome {
        RunOutcome::Stopped(problem) => lines.push(format!("  {}: {}", problem.code, problem.detail)),
        RunOutcome::Planned(_) => {
            let actions = run.outcome.plan().map_or_else(Vec::new, |plan| plan.actions);
            lines.push(format!("  {}", actions.iter().map(Action::label).collect::<Vec<_>>().join(", ")));
        }
    }
    lines.extend(
        run.dropped
            .iter()
            .map(|dropped| format!("  dropped {} = {}: {}", dropped.field, dropped.value, dropped.reason)),
    );
    lines.extend(run.lines.iter().map(|(level, line)| format!("  {}  {line}", level.label())));
    lines.join("\n")
}
