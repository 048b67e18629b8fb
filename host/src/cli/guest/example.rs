//! The examples of a crate: an event, an account's settings, and what has to come of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::failure::{Failure, Result};
use super::super::file::{self, read_json};
use crate::answer::Answer;
use crate::contract::events::Event;
use crate::ingest::BODY_BYTES_MAX;
use crate::payload::Envelope;
use crate::schema::Settings;
use crate::transform::{Loaded, TransformRun};

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
        Ok((run.answer().map_err(Failure::temporary)?, run))
    }
}
