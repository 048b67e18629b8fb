//! Trying out a version before anybody may enable it: whether it fits into a sandbox, what it says of itself, and what
//! it makes of examples. Everything runs twice, each time in a fresh store, and has to give the same.

mod manifest;

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::manifest::settings;
use super::check::{UploadError, lap, words};
use super::engine::Loaded;
use super::limits::{MEMORIES_MAX, MEMORY_BYTES_MAX, Quota, TABLE_ELEMENTS_MAX, TABLES_MAX};
use super::run::TransformRun;
use crate::answer::{Answer, Outcome};
use crate::cause::Code;
use crate::contract::events::Event;
use crate::contract::manifest::Manifest;
use crate::diff::Change;
use crate::model::account::QuotaClass;
use crate::schema::Settings;
use crate::text::cut;

const PAGE_BYTES: u64 = 65_536;
/// What a sentence shows of an answer.
const SHOWN_CHARS_MAX: usize = 200;
/// Differences that are kept of one sample: an author sees by then what is wrong.
const DIFFERENCES_MAX: usize = 20;

/// An event to try a version on.
#[derive(Clone, Debug)]
pub struct Example {
    pub name: String,
    pub event: Event,
    pub settings: Value,
    /// What its author expects; none where any answer will do.
    pub expected: Option<Answer>,
    pub whose: Whose,
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SamplesOf)]
pub enum Whose {
    /// With Leadline. Not every version takes its settings.
    #[default]
    Stock,
    /// With the version, which has to take it.
    Own,
}

/// What is known of a version that passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    pub manifest: Manifest,
    pub tried: Tried,
}

/// What a version did when it was tried: the evidence that stays with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = SampleRuns)]
pub struct Tried {
    /// Fuel of `describe`, starting included.
    pub describe_fuel: u64,
    /// What looking for room in a sandbox took, and `describe` both times, in microseconds.
    pub sandbox_micros: u64,
    pub describe_micros: u64,
    /// Of the account that it was uploaded for: the limits were those of this class.
    pub quota: QuotaClass,
    pub samples: Whose,
    pub runs: Vec<Figures>,
    /// Samples of Leadline whose settings are not for this version.
    pub left_out: Vec<String>,
    /// How long the whole check took, compiling included; nothing where nobody measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_millis: Option<u64>,
}

impl Tried {
    /// The names of the samples that it failed on, or answered otherwise than expected.
    pub fn red(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().filter(|run| !run.is_green()).map(|run| run.example.as_str())
    }
}

/// What one example used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SampleRun)]
pub struct Figures {
    pub example: String,
    /// What the answer was: `actions`, `skip`, `invalid`, or `failed`.
    pub answer: String,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// In what the answer differs from the one that its author expects; the first of them, where there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Change>,
    pub fuel: u64,
    pub memory_bytes: u64,
    /// Of the answer as JSON.
    pub output_bytes: usize,
    pub micros: u64,
}

impl Figures {
    pub fn is_green(&self) -> bool {
        self.failure.is_none() && self.differences.is_empty()
    }

    /// Of a sample that the version cannot be run on.
    fn not_run(example: &Example, why: String) -> Self {
        let (example, answer) = (example.name.clone(), FAILED.to_owned());
        let differences = Vec::new();
        Self { example, answer, failure: Some(why), differences, fuel: 0, memory_bytes: 0, output_bytes: 0, micros: 0 }
    }
}

/// Why a version was not tried to the end.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// For whoever built it.
    #[error(transparent)]
    Refused(#[from] UploadError),
    /// Nobody's fault but ours: every place of the pool is taken, most likely. A repeat may help.
    #[error("{0}")]
    Ours(String),
}

/// Tries out a version under the limits of a run of the account, on the examples that are chosen for what it says of
/// itself.
///
/// # Errors
/// [`ProbeError`]: for whoever built it, or for us.
pub fn probe(
    loaded: &Loaded,
    class: QuotaClass,
    samples: Whose,
    examples: impl FnOnce(&Manifest, &Settings) -> Vec<Example>,
) -> Result<Probed, ProbeError> {
    let quota = Quota::of(class);
    let mut began = Instant::now();
    fit(loaded)?;
    let sandbox_micros = lap(&mut began);
    let (manifest, describe_fuel) = describe(loaded, quota)?;
    let describe_micros = lap(&mut began);
    let schema = settings(&manifest)?;
    let mut tried = Tried { describe_fuel, sandbox_micros, describe_micros, quota: class, samples, ..Tried::default() };
    for example in examples(&manifest, &schema) {
        match (complete(&manifest, &schema, &example), example.whose) {
            (Ok(settings), _) => tried.runs.push(try_on(loaded, quota, &example, &settings)?),
            (Err(_), Whose::Stock) => tried.left_out.push(example.name),
            (Err(why), Whose::Own) => tried.runs.push(Figures::not_run(&example, why)),
        }
    }
    Ok(Probed { manifest, tried })
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

fn describe(loaded: &Loaded, quota: Quota) -> Result<(Manifest, u64), ProbeError> {
    let (manifest, fuel) = loaded.describe_within(quota)?;
    let (again, fuel_again) = loaded.describe_within(quota)?;
    let input = || "question to `describe`".to_owned();
    if manifest != again {
        let difference = difference(&json!(manifest), &json!(again));
        return Err(UploadError::Nondeterministic { input: input(), difference }.into());
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

/// The settings of an example as the version takes them, or why it does not take the example.
fn complete(manifest: &Manifest, schema: &Settings, example: &Example) -> Result<String, String> {
    let event_type = &example.event.event_type;
    if !manifest.event_types.contains(event_type) {
        return Err(format!("it does not handle events of type `{}`", words(event_type)));
    }
    let completed = schema.complete(example.settings.clone());
    completed.map(|settings| settings.to_string()).map_err(|broken| {
        let first = broken.first().map_or_else(String::new, ToString::to_string);
        format!("its settings are not those of this version: {}", words(&first))
    })
}

fn try_on(loaded: &Loaded, quota: Quota, example: &Example, settings: &str) -> Result<Figures, ProbeError> {
    let once = || Answered::of(loaded.run_within(quota, &example.event, settings), example);
    let (first, second) = (once()?, once()?);
    let input = || format!("event of example `{}`", words(&example.name));
    // A matter of the clock, which no other run has to repeat.
    if first.timed_out || second.timed_out {
        return Ok(first.figures);
    }
    if first.all() != second.all() {
        let difference = difference(&first.all(), &second.all());
        return Err(UploadError::Nondeterministic { input: input(), difference }.into());
    }
    same_fuel(first.figures.fuel, second.figures.fuel, input)?;
    Ok(first.figures)
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
        let given = run.answer().map_err(ProbeError::Ours)?;
        let expected = example.expected.as_ref();
        let differences = expected.map_or_else(Vec::new, |expected| expected.differences(&given));
        let (kind, answer, failure) = match given.outcome {
            Outcome::Actions(actions) => ("actions", json!(actions), None),
            Outcome::Skip(reason) => ("skip", json!(reason), None),
            Outcome::Invalid(reason) => ("invalid", json!(reason), None),
            Outcome::Failed { code, detail } => (FAILED, json!(detail), Some((code, detail))),
        };
        let timed_out = matches!(failure, Some((Code::TransformTimeout, _)));
        let answer = json!({ kind: answer });
        let said = json!({ "logs": run.logs, "dropped": given.dropped, "memory_bytes": run.memory_bytes });
        let figures = Figures {
            example: example.name.clone(),
            answer: kind.to_owned(),
            // Nobody has to expect a failure.
            failure: failure.map(|(_, detail)| detail),
            differences: differences.into_iter().take(DIFFERENCES_MAX).map(shown).collect(),
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

/// A difference as it is kept: values of the guest, each one harmless line.
fn shown(change: Change) -> Change {
    let line = |text: String| words(&cut(&text, SHOWN_CHARS_MAX));
    let Change { action, part, before, after } = change;
    Change { action: line(action), part: part.map(line), before: before.map(line), after: after.map(line) }
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
                let shown = |value: &Value| words(&cut(&value.to_string(), SHOWN_CHARS_MAX));
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
