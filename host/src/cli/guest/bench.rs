//! `leadline guest bench`: what a component uses of each limit, with its examples and with the largest lead there can be.

mod largest;

use serde::Serialize;
use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::{grouped, printable, table};
use super::Component;
use super::example::{self, Input};
use crate::answer::Outcome;
use crate::contract::actions::Action;
use crate::transform::{LIFTED_BYTES_MAX, LOG_BYTES_MAX, Loaded, MEMORY_BYTES_MAX, RUN_FUEL, TransformRun};

/// Runs of each case that are timed. Fuel and memory are the same each time; time is not.
const RUNS: usize = 200;
/// Above this share of a limit an honest lead may reach it one day.
const SHARE_WARNED: f64 = 0.6;
/// What the largest lead is called among the examples.
pub(super) const LARGEST: &str = "(largest lead)";

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
}

/// One case.
#[derive(Serialize)]
struct Measured {
    case: String,
    outcome: String,
    fuel: Share,
    memory_bytes: Share,
    output_bytes: Share,
    log_bytes: Share,
    micros_median: u64,
    micros_p95: u64,
    warnings: Vec<String>,
}

/// How much of a limit was used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) used: u64,
    pub(super) limit: u64,
}

impl Share {
    pub(super) fn share(self) -> f64 {
        self.used as f64 / self.limit as f64
    }
}

/// The limits that a run is held to, with what it used of each.
pub(super) fn shares(run: &TransformRun) -> [(&'static str, Share); 4] {
    let log = run.logs.iter().map(|(_, line)| line.len() as u64).sum();
    [
        ("fuel", Share { used: run.fuel, limit: RUN_FUEL }),
        ("memory", Share { used: run.memory_bytes, limit: MEMORY_BYTES_MAX as u64 }),
        (
            "output",
            Share { used: run.actions.as_ref().map_or(0, |actions| lifted(actions)), limit: LIFTED_BYTES_MAX as u64 },
        ),
        ("log", Share { used: log, limit: LOG_BYTES_MAX as u64 }),
    ]
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let checked = args.component.load()?;
    let examples = example::all(&args.component.dir, &checked.settings)?;
    let settings = examples.first().map(|example| example.input.settings.clone()).ok_or_else(|| {
        Failure::usage("there is no example to take settings from".to_owned())
            .hint("an example is a folder in `examples` with `event.json` and `settings.json`")
    })?;
    let mut cases: Vec<_> = examples.into_iter().map(|example| (example.name, example.input)).collect();
    cases.push((LARGEST.to_owned(), largest(settings)?));
    let measured: Vec<_> =
        cases.into_iter().map(|(case, input)| measure(case, &input, &checked.loaded)).collect::<Result<_>>()?;
    if context.json {
        return context.json(&json!({ "data": measured, "next": null }));
    }
    let mut rows = table(&["case", "outcome", "fuel", "memory", "output", "log", "median", "p95"]);
    for one in &measured {
        let share = |share: Share| format!("{} ({:.1} %)", grouped(share.used), share.share() * 100.0);
        rows.add_row([
            printable(&one.case),
            printable(&one.outcome),
            share(one.fuel),
            share(one.memory_bytes),
            share(one.output_bytes),
            share(one.log_bytes),
            format!("{} µs", one.micros_median),
            format!("{} µs", one.micros_p95),
        ]);
    }
    writeln!(context.out, "{rows}")?;
    for one in &measured {
        for warning in &one.warnings {
            writeln!(context.out, "warning: {}: {warning}", printable(&one.case))?;
        }
    }
    Ok(())
}

/// The largest lead that a service would take, with an account's settings.
pub(super) fn largest(settings: String) -> Result<Input> {
    let event = example::read("largest", largest::body().as_bytes());
    let event = event.map_err(|problem| Failure::failed(format!("the largest lead is no event: {problem}")))?;
    Ok(Input { event, settings })
}

fn measure(case: String, input: &Input, loaded: &Loaded) -> Result<Measured> {
    let (answer, run) = input.run(loaded)?;
    let mut micros: Vec<u64> = (0..RUNS).map(|_| loaded.run(&input.event, &input.settings).micros).collect();
    micros.sort_unstable();
    let shares = shares(&run);
    let mut warnings = warnings(&shares);
    let outcome = match &answer.outcome {
        Outcome::Actions(actions) => format!("{} actions", actions.len()),
        Outcome::Skip(_) => "skipped".to_owned(),
        Outcome::Invalid(_) => "refused".to_owned(),
        Outcome::Failed { code, detail } => {
            warnings.push(format!("{detail}; a service would hold the lead"));
            code.to_string()
        }
    };
    let [fuel, memory_bytes, output_bytes, log_bytes] = shares.map(|(_, share)| share);
    Ok(Measured {
        case,
        outcome,
        fuel,
        memory_bytes,
        output_bytes,
        log_bytes,
        micros_median: micros[RUNS / 2],
        micros_p95: micros[RUNS * 95 / 100],
        warnings,
    })
}

fn warnings(shares: &[(&str, Share)]) -> Vec<String> {
    shares
        .iter()
        .filter(|(_, share)| share.share() > SHARE_WARNED)
        .map(|(what, share)| format!("{:.0} % of the limit of {what}", share.share() * 100.0))
        .collect()
}

/// What the engine counts of a list of actions while it takes them over: each list by its elements, each text by its
/// bytes.
fn lifted(actions: &[Action]) -> u64 {
    let list = |elements: usize, bytes: usize| elements * bytes;
    let one = |action: &Action| {
        let properties = action.properties().iter().map(|property| property.name.len() + property.value.len());
        let key = action.key().map_or(0, |(name, value)| name.len() + value.len());
        let own = match action {
            Action::UpsertContact(_) => 0,
            Action::UpsertDeal(deal) => deal.name.len() + deal.pipeline.len() + deal.stage.len(),
            Action::AddNote(note) => note.body.len(),
            Action::UpsertObject(object) => object.object_type.len(),
        };
        let size = std::mem::size_of::<crate::contract::actions::Property>();
        key + own
            + properties.sum::<usize>()
            + list(action.properties().len(), size)
            + list(action.refers_to().len(), std::mem::size_of::<u32>())
    };
    (list(actions.len(), std::mem::size_of::<Action>()) + actions.iter().map(one).sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_six_tenths_of_a_limit_is_warned_about() {
        let share = |used| [("fuel", Share { used, limit: 100 })];
        assert_eq!(warnings(&share(60)), Vec::<String>::new());
        assert_eq!(warnings(&share(61)), ["61 % of the limit of fuel"]);
    }
}
