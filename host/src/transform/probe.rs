//! Trying out a version before anybody may enable it: whether it fits into a sandbox, what it says of itself, and what
//! it makes of examples. Everything runs twice, each time in a fresh store, and has to give the same.

mod manifest;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::manifest::settings;
use super::check::{UploadError, words};
use super::engine::Loaded;
use super::limits::{MEMORIES_MAX, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use super::run::{Stop, TransformRun};
use crate::cause::Code;
use crate::contract::events::Event;
use crate::contract::manifest::Manifest;
use crate::plan::plan;
use crate::schema::Settings;

const PAGE_BYTES: u64 = 65_536;
/// What a sentence shows of an answer.
const SHOWN_CHARS_MAX: usize = 200;

/// An event to try a version on.
#[derive(Clone, Debug)]
pub struct Example {
    pub name: String,
    pub event: Event,
    pub settings: Value,
    /// `{"actions": …}`, `{"skip": …}` or `{"invalid": …}`; none where any answer will do: a failure is noted then, and
    /// settings that the version does not take are no mistake.
    pub expected: Option<Value>,
}

/// What is known of a version that passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    pub manifest: Manifest,
    /// Fuel of `describe`, starting included.
    pub describe_fuel: u64,
    pub runs: Vec<Figures>,
    /// Examples whose settings are not for this version.
    pub left_out: Vec<String>,
}

/// What one example used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub example: String,
    /// What the answer was: `actions`, `skip`, `invalid`, or `failed`.
    pub answer: String,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    pub fuel: u64,
    pub memory_bytes: u64,
    /// Of the answer as JSON.
    pub output_bytes: usize,
    pub micros: u64,
}

/// Why a version was not tried to the end.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// For whoever built it.
    #[error(transparent)]
    Refused(#[from] UploadError),
    /// Nobody's fault but ours; a repeat may help.
    #[error("{0}")]
    Ours(String),
}

/// Tries out a version under the limits of any run, on the examples that are chosen for what it says of itself.
///
/// # Errors
/// [`ProbeError`]: for whoever built it, or for us.
pub fn probe(
    loaded: &Loaded,
    examples: impl FnOnce(&Manifest, &Settings) -> Vec<Example>,
) -> Result<Probed, ProbeError> {
    fit(loaded)?;
    let (manifest, describe_fuel) = describe(loaded)?;
    let schema = settings(&manifest)?;
    let examples = examples(&manifest, &schema);
    let mut probed = Probed { manifest, describe_fuel, runs: Vec::new(), left_out: Vec::new() };
    for example in &examples {
        match complete(&schema, example)? {
            Some(settings) => probed.runs.push(try_on(loaded, example, &settings)?),
            None => probed.left_out.push(example.name.clone()),
        }
    }
    Ok(probed)
}

/// Whether a sandbox has room for what it asks for at the start.
fn fit(loaded: &Loaded) -> Result<(), UploadError> {
    let needed = loaded.pre.instance_pre().component().resources_required();
    let needed = needed
        .ok_or_else(|| UploadError::Instances { what: "modules that somebody else brings".to_owned(), most: 0 })?;
    for (number, what, most) in
        [(needed.num_memories, "memories", MEMORIES_MAX), (needed.num_tables, "tables", TABLES_MAX)]
    {
        if number > most {
            return Err(UploadError::Instances { what: format!("{number} {what}"), most });
        }
    }
    let bytes = needed.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE_BYTES);
    if bytes > MEMORY_BYTES_MAX as u64 {
        return Err(UploadError::Resources { bytes });
    }
    let elements = needed.max_initial_table_size.unwrap_or(0);
    if elements > TABLE_ELEMENTS_MAX as u64 {
        let most = u32::try_from(TABLE_ELEMENTS_MAX).expect("the limit is small");
        return Err(UploadError::Instances { what: format!("a table of {elements} elements"), most });
    }
    Ok(())
}

fn describe(loaded: &Loaded) -> Result<(Manifest, u64), UploadError> {
    let (manifest, fuel) = loaded.describe_metered()?;
    let (again, fuel_again) = loaded.describe_metered()?;
    let input = || "question to `describe`".to_owned();
    if manifest != again {
        let difference = difference(&json!(manifest), &json!(again));
        return Err(UploadError::Nondeterministic { input: input(), difference });
    }
    same_fuel(fuel, fuel_again, input)?;
    Ok((manifest, fuel))
}

fn same_fuel(first: u64, second: u64, input: impl FnOnce() -> String) -> Result<(), UploadError> {
    if first == second {
        return Ok(());
    }
    Err(UploadError::Nondeterministic { input: input(), difference: format!("fuel {first}, then {second}") })
}

/// The settings of an example as the version takes them.
fn complete(schema: &Settings, example: &Example) -> Result<Option<String>, UploadError> {
    match (schema.complete(example.settings.clone()), &example.expected) {
        (Ok(settings), _) => Ok(Some(settings.to_string())),
        (Err(_), None) => Ok(None),
        (Err(broken), Some(_)) => {
            let first = broken.first().map_or_else(String::new, ToString::to_string);
            Err(failed(example, format!("its settings are not those of this version: {first}")))
        }
    }
}

fn try_on(loaded: &Loaded, example: &Example, settings: &str) -> Result<Figures, ProbeError> {
    let first = Answered::of(loaded.run(&example.event, settings), example)?;
    let second = Answered::of(loaded.run(&example.event, settings), example)?;
    let input = || format!("event of example `{}`", example.name);
    // A matter of the clock, which no other run has to repeat.
    if first.timed_out || second.timed_out {
        return Ok(first.figures);
    }
    if first.all() != second.all() {
        let difference = difference(&first.all(), &second.all());
        return Err(UploadError::Nondeterministic { input: input(), difference }.into());
    }
    same_fuel(first.figures.fuel, second.figures.fuel, input)?;
    match &example.expected {
        Some(expected) if *expected != first.answer => {
            let difference = difference(expected, &first.answer);
            Err(failed(example, format!("it answers otherwise than expected: {difference}")).into())
        }
        _ => Ok(first.figures),
    }
}

fn failed(example: &Example, problem: String) -> UploadError {
    UploadError::Example { name: words(&example.name), problem }
}

/// What a failure is called among the answers.
const FAILED: &str = "failed";

/// A run that came to an answer.
struct Answered {
    answer: Value,
    /// What it said beside the answer.
    said: Value,
    figures: Figures,
    timed_out: bool,
}

impl Answered {
    fn of(run: TransformRun, example: &Example) -> Result<Self, ProbeError> {
        let timed_out = matches!(&run.actions, Err(Stop::Failed(failure)) if failure.code == Code::TransformTimeout);
        let (kind, answer) = match run.actions {
            Ok(actions) => match plan(actions.clone(), None) {
                Ok(_) => ("actions", json!(actions)),
                // What would make no plan would hold every event.
                Err(invalid) => (FAILED, json!(invalid.to_string())),
            },
            Err(Stop::Skip(reason)) => ("skip", json!(reason)),
            Err(Stop::Invalid(reason)) => ("invalid", json!(reason)),
            Err(Stop::Failed(failure)) => (FAILED, json!(failure.detail)),
            Err(Stop::Ours(reason)) => return Err(ProbeError::Ours(reason)),
        };
        let failure = (kind == FAILED).then(|| answer.as_str().unwrap_or_default().to_owned());
        if let (Some(failure), Some(_)) = (&failure, &example.expected) {
            return Err(failed(example, failure.clone()).into());
        }
        let answer = json!({ kind: answer });
        let said = json!({ "logs": run.logs, "dropped": run.dropped, "memory_bytes": run.memory_bytes });
        let figures = Figures {
            example: example.name.clone(),
            answer: kind.to_owned(),
            failure,
            fuel: run.fuel,
            memory_bytes: run.memory_bytes,
            output_bytes: answer.to_string().len(),
            micros: run.micros,
        };
        Ok(Self { answer, said, figures, timed_out })
    }

    fn all(&self) -> Value {
        json!({ "answer": self.answer, "said": self.said })
    }
}

/// The first place where two answers differ, and what stands there in each.
fn difference(first: &Value, second: &Value) -> String {
    fn look(first: &Value, second: &Value, at: &str) -> Option<String> {
        match (first, second) {
            _ if first == second => None,
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
                .iter()
                .zip(right)
                .enumerate()
                .find_map(|(i, (left, right))| look(left, right, &format!("{at}/{i}"))),
            (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
                left.iter().find_map(|(name, left)| look(left, &right[name], &format!("{at}/{name}")))
            }
            _ => {
                let shown = |value: &Value| words(&crate::text::cut(&value.to_string(), SHOWN_CHARS_MAX));
                Some(format!("at {} {}, then {}", if at.is_empty() { "/" } else { at }, shown(first), shown(second)))
            }
        }
    }
    look(first, second, "").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        let rows = [
            (json!({"actions": [1, 2]}), json!({"actions": [1, 3]}), "at /actions/1 2, then 3"),
            (json!({"actions": [1]}), json!({"actions": [1, 3]}), "at /actions [1], then [1,3]"),
            (json!({"actions": []}), json!({"skip": "no"}), r#"at / {"actions":[]}, then {"skip":"no"}"#),
        ];
        for (first, second, expected) in rows {
            assert_eq!(difference(&first, &second), expected);
        }
    }
}
