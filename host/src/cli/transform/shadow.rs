//! `leadline transform shadow`: a version beside the one in force on the account's last leads. Nothing is sent.

use super::super::Context;
use super::super::deed::Deed;
use super::super::failure::Result;
use super::{Signed, Target};
use crate::comparison::{ChangeCount, Example, Fuel, Report};
use crate::diff;
use crate::model::id::EventId;
use crate::model::time::clock;
use crate::shadow::{self, EVENTS_MAX, Seen};
use crate::transform::Quota;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Leads to try it on, the newest.
    #[arg(long, default_value_t = EVENTS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(EVENTS_MAX)))]
    events: u32,
    #[command(flatten)]
    signed: Signed,
}

impl Args {
    pub(super) fn deed(&self) -> Option<Deed> {
        self.target.deed("shadow-runs.create")
    }
}

pub(super) async fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let store = context.store().await?;
    let (connection, choice) = args.target.find(&store, context).await?;
    let run = shadow::begin(&store, &connection, &choice, args.events, &args.signed.sign().by, clock()).await?;
    let seen = shadow::carry_out(&store, &context.transformer()?, run, &choice, clock).await?;
    let quota = Quota::of(store.quota(connection.account_id.as_str()).await?);
    context.one(&seen.run, |_| text(&seen, quota))
}

fn text(seen: &Seen, quota: Quota) -> String {
    let Seen { run, examples } = seen;
    let Some(report) = &run.report else { return format!("{} · running", run.id) };
    let Report { events, changed, failed, same, .. } = report;
    let mut lines = vec![
        format!("{} · {} · {events} leads", run.id, run.version),
        format!("{changed} of {events} leads change, {same} stay the same, {failed} fail"),
    ];
    lines.extend(report.changes.iter().map(change));
    for moved in &report.outcomes {
        let named = names(&moved.events);
        lines.push(format!("  {:>5}  {} before, {} now  {named}", moved.leads, moved.before, moved.after));
    }
    for failure in &report.failures {
        lines.push(format!("  {:>5}  {}  {}", failure.leads, failure.code, names(&failure.events)));
    }
    let Fuel { p50, p99, max } = report.fuel;
    let share = p99 as f64 * 100.0 / quota.fuel as f64;
    lines.push(format!("fuel p50 {p50} · p99 {p99} · max {max} · p99 is {share:.1} % of the limit"));
    let Fuel { p50, p99, max } = report.fuel_before;
    lines.push(format!("     p50 {p50} · p99 {p99} · max {max} in the version in force"));
    if !examples.is_empty() {
        let example = |(event, changes): &Example| format!("{event}\n{}", diff::text(changes).trim_end());
        lines.extend(examples.iter().map(example));
    }
    lines.join("\n")
}

pub(super) fn change(ChangeCount { action, part, how, leads, events }: &ChangeCount) -> String {
    let what = part.as_ref().map_or_else(|| action.clone(), |part| format!("{action}.{part}"));
    format!("  {leads:>5}  {what}  {how}  {}", names(events))
}

fn names(events: &[EventId]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
