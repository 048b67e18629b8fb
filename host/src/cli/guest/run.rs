//! `leadline guest run`: one event through the component, with everything that is to be seen of it.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::{grouped, printable};
use super::Component;
use super::example;
use crate::answer::{Answer, Outcome};
use crate::cause::Code;
use crate::contract::actions::Action;
use crate::contract::log::Level;
use crate::model::delivery::Dropped;
use crate::plan::plan;
use crate::transform::{MEMORY_BYTES_MAX, RUN_FUEL, TransformRun};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
    /// JSON file of the event, as it is posted: `{"type", "timestamp", "data"}`.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// JSON file of an account's settings. Defaults of the schema are filled in.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// What is printed.
#[derive(Serialize)]
struct Shown {
    outcome: &'static str,
    actions: Option<Vec<Action>>,
    reason: Option<String>,
    code: Option<Code>,
    dropped: Vec<Dropped>,
    logs: Vec<(Level, String)>,
    fuel: u64,
    memory_bytes: u64,
    micros: u64,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let checked = args.component.load()?;
    let id = args.input.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let input = example::input(&id, &args.input, args.settings.as_deref(), &checked.settings)?;
    let (answer, run) = input.run(&checked.loaded)?;
    let failure = failure(&answer.outcome);
    let shown = shown(answer, run);
    if context.json {
        context.json(&json!({ "data": shown }))?;
    } else {
        write!(context.out, "{}", printable(&text(&shown)))?;
    }
    failure.map_or(Ok(()), Err)
}

/// How the command ends.
fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Actions(_) | Outcome::Skip(_) => None,
        Outcome::Invalid(reason) => {
            Some(Failure::problems(format!("the transformation refused the event: \"{reason}\"")))
        }
        Outcome::Failed { code, detail } => {
            let text = format!("the transformation failed: {detail}");
            let failure = match code {
                Code::TransformTrap | Code::TransformPanic | Code::TransformOutputInvalid => Failure::failed(text),
                _ => Failure::over_limit(text),
            };
            Some(failure.hint(format!("`leadline guest explain {code}` says what it means")))
        }
    }
}

fn shown(answer: Answer, run: TransformRun) -> Shown {
    let (outcome, actions, reason, code) = match answer.outcome {
        // What is empty would clear a property; the plan does without.
        Outcome::Actions(actions) => ("planned", plan(actions, None).ok().map(|plan| plan.actions), None, None),
        Outcome::Skip(reason) => ("skipped", None, Some(reason), None),
        Outcome::Invalid(reason) => ("refused", None, Some(reason), Some(Code::TransformRefused)),
        Outcome::Failed { code, detail } => ("failed", None, Some(detail), Some(code)),
    };
    let TransformRun { logs, dropped, fuel, memory_bytes, micros, .. } = run;
    Shown { outcome, actions, reason, code, dropped, logs, fuel, memory_bytes, micros }
}

fn text(shown: &Shown) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes everything");
    match (&shown.actions, &shown.reason) {
        (Some(actions), _) => {
            for (index, action) in actions.iter().enumerate() {
                line(format!("{index}  {}", headline(action)));
                for property in action.properties() {
                    let policy = property.policy.label();
                    line(format!("     {:<28} {:<60} {policy}", property.name, property.value));
                }
            }
        }
        (None, Some(reason)) => line(format!("{}: {reason}", shown.outcome)),
        (None, None) => line(shown.outcome.to_owned()),
    }
    for dropped in &shown.dropped {
        line(format!("dropped {} = {}: {}", dropped.field, dropped.value, dropped.reason));
    }
    for (level, message) in &shown.logs {
        line(format!("{}  {message}", level.label()));
    }
    let share = |used: u64, limit: u64| used as f64 * 100.0 / limit as f64;
    line(format!(
        "fuel {} of {} ({:.1} %) · memory {:.1} of {} MiB ({:.1} %) · {} µs",
        grouped(shown.fuel),
        grouped(RUN_FUEL),
        share(shown.fuel, RUN_FUEL),
        shown.memory_bytes as f64 / 1_048_576.0,
        MEMORY_BYTES_MAX / 1_048_576,
        share(shown.memory_bytes, MEMORY_BYTES_MAX as u64),
        shown.micros,
    ));
    text
}

fn headline(action: &Action) -> String {
    let refers = |targets: &[u32]| targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match action {
        Action::UpsertContact(contact) => {
            let (name, value) = contact.key.parts();
            format!("contact by {name} = {value}")
        }
        Action::UpsertDeal(deal) => format!(
            "deal \"{}\" in {} / {}, by {} = {}, of {}",
            deal.name,
            deal.pipeline,
            deal.stage,
            deal.key.name,
            deal.key.value,
            refers(&deal.contacts)
        ),
        Action::AddNote(note) => {
            format!("note about {}:\n     {}", refers(&note.about), note.body.replace('\n', "\n     "))
        }
        Action::UpsertObject(object) => {
            let (name, value) = object.key.parts();
            format!("object {} by {name} = {value}, of {}", object.object_type, refers(&object.associated_with))
        }
    }
}
