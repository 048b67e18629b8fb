//! `leadline guest explain`: what a code means; or where the fuel of a run goes, how much room is left, and what a
//! service would do with its outcome.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::{grouped, printable};
use super::Component;
use super::bench::{self, Share, shares};
use super::example;
use crate::answer::Outcome;
use crate::cause::Code;
use crate::transform::Stack;

/// Places at which a run is stopped. Each costs a run.
const SAMPLES: u64 = 400;
/// Functions that are shown.
const FUNCTIONS_MAX: usize = 12;
/// What is less is not shown.
const PERCENT_MIN: f64 = 1.0;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A code, such as `transform.fuel`. Without one a run is explained.
    #[arg(conflicts_with_all = ["example", "largest", "file"])]
    code: Option<String>,
    /// The example to run. [default: the one that uses the most fuel]
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// Run the largest lead that a service would take instead.
    #[arg(long, conflicts_with = "example")]
    largest: bool,
    /// The component, or a core module that carries the contract. Without it the crate is built.
    #[arg(long, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
    /// Folder of the crate, with its examples.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: std::path::PathBuf,
}

/// What is said of a run.
#[derive(Serialize)]
struct Explained {
    case: String,
    outcome: String,
    limits: Vec<Used>,
    functions: Vec<Spot>,
    /// What a service would do with the outcome.
    then: String,
}

#[derive(Serialize)]
struct Used {
    limit: &'static str,
    used: u64,
    of: u64,
    left: u64,
}

/// A function, and its share of the fuel in percent.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Spot {
    function: String,
    /// Its own.
    own: f64,
    /// With what it calls.
    with_calls: f64,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    if let Some(code) = &args.code {
        return super::super::explain::article(code, context);
    }
    let checked = Component { file: args.file, dir: args.dir.clone() }.load()?;
    let mut cases = Vec::new();
    for example in example::all(&args.dir, &checked.settings)? {
        cases.push((example.name, example.input));
    }
    if args.largest {
        let settings = cases.first().map_or_else(|| "{}".to_owned(), |(_, input)| input.settings.clone());
        cases = vec![(bench::LARGEST.to_owned(), bench::largest(settings)?)];
    }
    if let Some(name) = &args.example {
        let names: Vec<_> = cases.iter().map(|(known, _)| known.clone()).collect();
        cases.retain(|(known, _)| known == name);
        if cases.is_empty() {
            return Err(Failure::not_found(format!("there is no example `{name}`"))
                .hint(format!("these are there: {}", names.join(", "))));
        }
    }
    let mut ran = Vec::new();
    for (case, input) in cases {
        let (answer, run) = input.run(&checked.loaded)?;
        ran.push((run.fuel, case, input, answer, run));
    }
    let (_, case, input, answer, run) = ran
        .into_iter()
        .max_by_key(|(fuel, ..)| *fuel)
        .ok_or_else(|| Failure::usage("there is no example to explain".to_owned()))?;
    let used = |(limit, Share { used, limit: of }): (&'static str, Share)| Used {
        limit,
        used,
        of,
        left: of.saturating_sub(used),
    };
    let explained = Explained {
        case,
        outcome: answer.outcome.to_string(),
        limits: shares(&run).into_iter().map(used).collect(),
        functions: spots(&checked.loaded.profile(&input.event, &input.settings, SAMPLES)),
        then: then(&answer.outcome),
    };
    if context.json {
        return context.json(&json!({ "data": explained }));
    }
    write!(context.out, "{}", printable(&text(&explained)))?;
    Ok(())
}

/// What a service would do.
fn then(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Actions(actions) if actions.is_empty() => "the event is skipped: there is nothing to send".to_owned(),
        Outcome::Actions(_) => "the actions are stored as the plan of the event, and carried out in HubSpot".to_owned(),
        Outcome::Skip(_) => "the event is skipped with this reason, and can be replayed".to_owned(),
        Outcome::Invalid(_) => format!("the event is refused with this reason. {}", Code::TransformRefused.fix()),
        Outcome::Failed { code, .. } => {
            format!("the event waits under this version with the cause `{code}`, and spends no attempt. {}", code.fix())
        }
    }
}

/// The functions in which the run was stopped most often, and those that called them.
fn spots(stacks: &[Stack]) -> Vec<Spot> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for stack in stacks {
        for (depth, function) in stack.iter().enumerate() {
            // A function that calls itself is there once.
            if !stack[..depth].contains(function) {
                let count = counts.entry(function).or_default();
                count.0 += usize::from(depth == 0);
                count.1 += 1;
            }
        }
    }
    let percent = |count: usize| count as f64 * 100.0 / stacks.len() as f64;
    let mut spots: Vec<_> = counts
        .into_iter()
        .map(|(function, (own, all))| Spot {
            function: function.to_owned(),
            own: percent(own),
            with_calls: percent(all),
        })
        .collect();
    spots.sort_by(|one, other| other.own.total_cmp(&one.own).then(other.with_calls.total_cmp(&one.with_calls)));
    spots.truncate(FUNCTIONS_MAX);
    spots.retain(|spot| spot.with_calls >= PERCENT_MIN);
    spots
}

fn text(explained: &Explained) -> String {
    let mut lines = vec![
        format!("{}: {}", explained.case, explained.outcome),
        String::new(),
        format!("{:<8} {:>12} {:>12} {:>8} {:>12}", "limit", "used", "of", "share", "left"),
    ];
    for Used { limit, used, of, left } in &explained.limits {
        let share = Share { used: *used, limit: *of }.share() * 100.0;
        lines.push(format!(
            "{limit:<8} {:>12} {:>12} {share:>6.1} % {:>12}",
            grouped(*used),
            grouped(*of),
            grouped(*left)
        ));
    }
    lines.extend([
        String::new(),
        format!("{:>6}  {:>6}  where the fuel goes: alone, and with what is called", "alone", "with"),
    ]);
    for spot in &explained.functions {
        lines.push(format!("{:>4.0} %  {:>4.0} %  {}", spot.own, spot.with_calls, spot.function));
    }
    lines.extend([String::new(), format!("in a service: {}", explained.then), String::new()]);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_counted_once_a_stop_and_first_by_its_own_share() {
        let stacks: Vec<Stack> =
            [&["leaf", "middle", "root"][..], &["leaf", "leaf", "root"], &["middle", "root"], &["root"]]
                .iter()
                .map(|stack| stack.iter().map(|&name| name.to_owned()).collect())
                .collect();
        let shown: Vec<_> = spots(&stacks).into_iter().map(|spot| (spot.function, spot.own, spot.with_calls)).collect();
        let expected = [("leaf", 50.0, 50.0), ("root", 25.0, 100.0), ("middle", 25.0, 50.0)];
        assert_eq!(shown, expected.map(|(name, own, all)| (name.to_owned(), own, all)));
        assert_eq!(spots(&[]), vec![]);
    }
}
