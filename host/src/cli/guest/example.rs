//! The examples of a crate: an event, an account's settings, and what has to come of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::failure::{Failure, Result};
use super::super::file::{self, read_json};
use crate::cause::Code;
use crate::contract::actions::Action;
use crate::contract::events::Event;
use crate::diff::{Change, differences};
use crate::ingest::BODY_BYTES_MAX;
use crate::model::delivery::Dropped;
use crate::payload::Envelope;
use crate::plan::plan;
use crate::schema::Settings;
use crate::transform::{Loaded, Stop, TransformRun};

/// One folder of `examples/`.
pub(super) struct Example {
    pub(super) name: String,
    pub(super) input: Input,
    pub(super) expected: Expected,
    folder: PathBuf,
}

/// What a run is given.
pub(super) struct Input {
    pub(super) event: Event,
    /// Checked, with the defaults of the schema.
    pub(super) settings: String,
}

/// `expected.json`. What else stands in it is left as it is.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Expected {
    /// What the case shows, in a sentence.
    #[serde(default)]
    pub(super) shows: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
    #[serde(default)]
    pub(super) run: Option<Answer>,
}

/// What a component answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) dropped: Vec<Dropped>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Actions(Vec<Action>),
    Skip(String),
    Invalid(String),
    Failed { code: Code, detail: String },
}

/// The examples of a crate, by name.
pub(super) fn all(folder: &Path, schema: &Settings) -> Result<Vec<Example>> {
    let folder = folder.join("examples");
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}: {error}", folder.display()))
            .hint("an example is a folder in it with `event.json`, `settings.json` and `expected.json`")
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join("event.json").exists() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.into_iter().map(|folder| load(folder, schema)).collect()
}

fn load(folder: PathBuf, schema: &Settings) -> Result<Example> {
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let settings = folder.join("settings.json");
    let settings = settings.exists().then_some(settings.as_path());
    let input = input(&name, &folder.join("event.json"), settings, schema)?;
    let file = folder.join("expected.json");
    let expected = match file.exists() {
        true => serde_json::from_value(read_json(&file)?)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?,
        false => Expected::default(),
    };
    Ok(Example { name, input, expected, folder })
}

/// An event as it is posted, and an account's settings, made into what a run is given.
pub(super) fn input(id: &str, event: &Path, settings: Option<&Path>, schema: &Settings) -> Result<Input> {
    let body = file::read(event)?;
    let settings_value = settings.map_or_else(|| Ok(json!({})), read_json)?;
    let settings_value = schema.complete(settings_value).map_err(|violations| {
        let places: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let file = settings.map_or_else(String::new, |file| format!(" of {}", file.display()));
        Failure::problems(format!("the settings{file} do not fit the transformation: {}", places.join("; ")))
    })?;
    let event =
        read(id, &body).map_err(|problem| Failure::usage(format!("{} is no event: {problem}", event.display())))?;
    Ok(Input { event, settings: settings_value.to_string() })
}

/// The event in a body.
pub(super) fn read(id: &str, body: &[u8]) -> std::result::Result<Event, String> {
    if body.len() > BODY_BYTES_MAX {
        return Err(format!("it has {} bytes; a service takes at most {BODY_BYTES_MAX}", body.len()));
    }
    Ok(Envelope::read(body).map_err(|error| error.to_string())?.into_event(id))
}

impl Example {
    /// Writes what the component answers into `expected.json`.
    pub(super) fn update(&mut self, answer: Answer) -> Result<()> {
        self.expected.run = Some(answer);
        let text = serde_json::to_string_pretty(&self.expected).map_err(anyhow::Error::from)? + "\n";
        std::fs::write(self.folder.join("expected.json"), text)?;
        Ok(())
    }
}

impl Input {
    /// One run, and what a service would make of it.
    pub(super) fn run(&self, loaded: &Loaded) -> Result<(Answer, TransformRun)> {
        let run = loaded.run(&self.event, &self.settings);
        Ok((Answer::of(&run)?, run))
    }
}

impl Answer {
    /// What a service would make of a run.
    pub(super) fn of(run: &TransformRun) -> Result<Self> {
        let outcome = match &run.actions {
            Ok(actions) => match plan(actions.clone(), None) {
                Ok(_) => Outcome::Actions(actions.clone()),
                Err(invalid) => Outcome::Failed { code: Code::TransformOutputInvalid, detail: invalid.to_string() },
            },
            Err(Stop::Skip(reason)) => Outcome::Skip(reason.clone()),
            Err(Stop::Invalid(reason)) => Outcome::Invalid(reason.clone()),
            Err(Stop::Failed(failure)) => Outcome::Failed { code: failure.code, detail: failure.detail.clone() },
            Err(Stop::Ours(reason)) => return Err(Failure::temporary(reason.clone())),
        };
        Ok(Self { outcome, dropped: run.dropped.clone() })
    }

    /// In what `actual` differs from what was expected; empty exactly when both are equal.
    pub(super) fn differences(&self, actual: &Self) -> Vec<Change> {
        let mut changes = match (&self.outcome, &actual.outcome) {
            (Outcome::Actions(before), Outcome::Actions(after)) => differences(before, after),
            (before, after) if before == after => Vec::new(),
            (before, after) => vec![changed("answer", "outcome", Some(before.to_string()), Some(after.to_string()))],
        };
        let said = |dropped: &Dropped| format!("{}: {}", dropped.value, dropped.reason);
        for dropped in self.dropped.iter().filter(|dropped| !actual.dropped.contains(dropped)) {
            changes.push(changed("dropped", &dropped.field, Some(said(dropped)), None));
        }
        for dropped in actual.dropped.iter().filter(|dropped| !self.dropped.contains(dropped)) {
            changes.push(changed("dropped", &dropped.field, None, Some(said(dropped))));
        }
        if changes.is_empty() && self.dropped != actual.dropped {
            let names = |list: &[Dropped]| list.iter().map(|one| one.field.as_str()).collect::<Vec<_>>().join(", ");
            changes.push(changed("dropped", "order", Some(names(&self.dropped)), Some(names(&actual.dropped))));
        }
        changes
    }
}

fn changed(action: &str, part: &str, before: Option<String>, after: Option<String>) -> Change {
    Change { action: action.to_owned(), part: Some(part.to_owned()), before, after }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Actions(actions) if actions.is_empty() => f.write_str("no actions"),
            Self::Actions(actions) => {
                let labels: Vec<_> = actions.iter().map(Action::label).collect();
                f.write_str(&labels.join(", "))
            }
            Self::Skip(reason) => write!(f, "skipped: \"{reason}\""),
            Self::Invalid(reason) => write!(f, "refused: \"{reason}\""),
            Self::Failed { code, detail } => write!(f, "failed, {code}: {detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: Value) -> Answer {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_answer_reads_as_it_is_written() {
        let note = json!({"AddNote": {"about": [0], "at": 7, "body": "hi"}});
        for json in [
            json!({"actions": [note], "dropped": [{"field": "a", "value": "b", "reason": "c"}]}),
            json!({"skip": "nobody", "dropped": []}),
            json!({"invalid": "nonsense", "dropped": []}),
            json!({"failed": {"code": "transform.fuel", "detail": "too much"}, "dropped": []}),
        ] {
            assert_eq!(serde_json::to_value(answer(json.clone())).unwrap(), json);
        }
    }

    #[test]
    fn outcomes_and_dropped_values_are_compared_too() {
        let dropped = |value: &str| json!({"field": "email", "value": value, "reason": "no"});
        for (before, after, expected) in [
            (json!({"skip": "a"}), json!({"skip": "a"}), ""),
            (
                json!({"skip": "a"}),
                json!({"actions": []}),
                "  answer\n    - outcome                  skipped: \"a\"\n    + outcome                  no actions\n",
            ),
            (
                json!({"skip": "a", "dropped": [dropped("x")]}),
                json!({"skip": "a", "dropped": [dropped("y")]}),
                "  dropped\n    - email                    x: no\n    + email                    y: no\n",
            ),
        ] {
            let changes = answer(before.clone()).differences(&answer(after.clone()));
            assert_eq!(crate::diff::text(&changes), expected, "{before} {after}");
        }
        let [one, other] =
            [["x", "y"], ["y", "x"]].map(|order| answer(json!({"skip": "a", "dropped": order.map(dropped)})));
        assert_eq!(one.differences(&other).len(), 1, "another order is another answer");
    }
}
