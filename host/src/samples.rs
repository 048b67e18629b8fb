//! Samples: events that a version is tried on. Those of `examples/` are built into the binary: what the demo posts, the
//! tests run, and every upload without samples of its own is tried on. An author's come with the upload.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::payload::Envelope;
use crate::text::cut;

/// Samples of one version: more than any author has kept, and a second of one core at most.
pub const SAMPLES_MAX: usize = 50;
/// The files of all of them: eight of the largest leads, or many hundreds of usual ones.
pub const SAMPLES_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A name, which is that of a folder.
const NAME_CHARS_MAX: usize = 64;
/// What a sample is made of.
pub const FILES: [&str; 3] = ["event.json", "settings.json", "expected.json"];

#[derive(rust_embed::RustEmbed)]
#[folder = "../examples"]
#[include = "*/*.json"]
#[exclude = "guests/*"]
struct Stock;

/// An event as a source posts it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The name of its folder.
    pub name: String,
    pub body: Vec<u8>,
    /// Of the account that it is posted to.
    pub settings: Value,
    /// What its author expects; none where any answer will do.
    pub expected: Option<Answer>,
}

/// What is wrong with the samples that somebody sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    #[error("there are more than {SAMPLES_MAX} samples")]
    Many,
    #[error("the samples have more than {} KiB together", SAMPLES_BYTES_MAX / 1024)]
    Large,
    #[error("`{0}` is no file of a sample; those are `NAME/event.json`, `NAME/settings.json` and `NAME/expected.json`")]
    File(String),
    #[error("the sample `{name}` {problem}")]
    Sample { name: String, problem: String },
}

/// The files of an author's samples, as they come: one folder a sample.
#[derive(Debug, Default)]
pub struct Files {
    bytes: usize,
    samples: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

impl Files {
    /// What may still come.
    pub fn bytes_left(&self) -> usize {
        SAMPLES_BYTES_MAX - self.bytes
    }

    /// Takes a file, such as `no-email/event.json`.
    ///
    /// # Errors
    /// When it is none of a sample, or there are too many by now.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), SampleError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = |name: &str| {
            (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.')
        };
        let parts = path.split_once('/').filter(|(name, file)| is_name(name) && FILES.contains(file));
        let Some((name, file)) = parts else { return Err(SampleError::File(cut(path, NAME_CHARS_MAX))) };
        if bytes.len() > self.bytes_left() {
            return Err(SampleError::Large);
        }
        self.bytes += bytes.len();
        self.samples.entry(name.to_owned()).or_default().insert(file.to_owned(), bytes);
        if self.samples.len() > SAMPLES_MAX { Err(SampleError::Many) } else { Ok(()) }
    }

    /// The samples, by name.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(self) -> Result<Vec<Sample>, SampleError> {
        self.samples.into_iter().map(|(name, files)| sample(name, files)).collect()
    }
}

fn sample(name: String, mut files: BTreeMap<String, Vec<u8>>) -> Result<Sample, SampleError> {
    let wrong = |problem: String| SampleError::Sample { name: name.clone(), problem };
    let json = |file: &str| {
        let value = files.get(file).map(|bytes| serde_json::from_slice::<Value>(bytes));
        value.transpose().map_err(|error| wrong(format!("has a {file} that is not JSON: {error}")))
    };
    let settings = json("settings.json")?.unwrap_or_else(|| json!({}));
    // What else stands in the file is for people.
    let run = json("expected.json")?.map(|mut file| file["run"].take()).filter(|run| !run.is_null());
    let expected = run.map(serde_json::from_value).transpose();
    let expected =
        expected.map_err(|error| wrong(format!("has an expected.json whose `run` is no answer: {error}")))?;
    let body = files.remove("event.json").ok_or_else(|| wrong("has no event.json".to_owned()))?;
    Envelope::read(&body).map_err(|error| wrong(format!("has an event.json that is no event: {error}")))?;
    Ok(Sample { name, body, settings, expected })
}

/// The names of the cases, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<_> = Stock::iter().filter_map(|file| Some(file.split_once('/')?.0.to_owned())).collect();
    names.sort();
    names.dedup();
    names
}

/// A file of a case.
pub fn file(name: &str, file: &str) -> Option<Vec<u8>> {
    Stock::get(&format!("{name}/{file}")).map(|file| file.data.into_owned())
}

/// The event of every case. Which version answers it how is not said here: any answer will do.
pub fn events() -> Vec<Sample> {
    let event = |name: String| {
        let settings = file(&name, "settings.json").and_then(|text| serde_json::from_slice(&text).ok());
        file(&name, "event.json").map(|body| Sample {
            name,
            body,
            settings: settings.unwrap_or_else(|| json!({})),
            expected: None,
        })
    };
    names().into_iter().filter_map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"type":"lead.captured.v1","timestamp":"2026-11-23T08:00:00Z","data":{}}"#;

    fn read(files: &[(&str, &str)]) -> Result<Vec<Sample>, String> {
        let mut all = Files::default();
        for (path, text) in files {
            all.add(path, text.as_bytes().to_vec()).map_err(|error| error.to_string())?;
        }
        all.read().map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_is_a_sample_and_only_its_event_has_to_be_there() {
        let expected = r#"{"shows": "nobody", "run": {"skip": "no", "dropped": []}}"#;
        let files = [
            ("b/event.json", EVENT),
            ("a/event.json", EVENT),
            ("a/settings.json", r#"{"country":"US"}"#),
            ("a/expected.json", expected),
        ];
        let samples = read(&files).unwrap();
        let [first, second] = &samples[..] else { panic!("{samples:?}") };
        assert_eq!((first.name.as_str(), &first.settings), ("a", &json!({"country": "US"})));
        assert_eq!(json!(first.expected), json!({"skip": "no", "dropped": []}));
        assert_eq!((second.name.as_str(), second.expected.is_none(), &second.settings), ("b", true, &json!({})));
        assert_eq!(
            read(&[("a/event.json", EVENT), ("a/expected.json", r#"{"run": null}"#)]).unwrap()[0].expected,
            None
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_name() {
        let large = " ".repeat(SAMPLES_BYTES_MAX);
        for (files, expected) in [
            (vec![("a/portal.json", "{}")], "`a/portal.json` is no file of a sample"),
            (vec![("../event.json/event.json", EVENT)], "`../event.json/event.json` is no file of a sample"),
            (vec![("a/settings.json", "{}")], "the sample `a` has no event.json"),
            (vec![("a/event.json", "{}")], "the sample `a` has an event.json that is no event: "),
            (
                vec![("a/event.json", EVENT), ("a/settings.json", "{")],
                "the sample `a` has a settings.json that is not JSON",
            ),
            (
                vec![("a/event.json", EVENT), ("a/expected.json", r#"{"run": {"maybe": 1}}"#)],
                "the sample `a` has an expected.json whose `run` is no answer",
            ),
            (vec![("a/event.json", EVENT), ("b/event.json", &large)], "the samples have more than 2048 KiB together"),
        ] {
            let found = read(&files).unwrap_err();
            assert!(found.starts_with(expected), "{found}, instead of {expected}");
        }
        let names: Vec<_> = (0..=SAMPLES_MAX).map(|number| format!("s{number}/event.json")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), EVENT)).collect();
        assert_eq!(read(&many).unwrap_err(), "there are more than 50 samples");
        assert_eq!(read(&many[1..]).unwrap().len(), SAMPLES_MAX);
    }
}
