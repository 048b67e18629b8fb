//! The check of an upload, step by step, as people and programs see it: what passed, what was refused and what to do about
//! it, and what was not reached any more. The upload and `guest check` share this list.

use serde::Serialize;
use serde_json::Value;

use super::moment::{grouped, span, things};
use crate::model::account::Version;
use crate::transform::{Figures, Took, Tried, UploadError};

/// One step of the check, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CheckStepName)]
pub enum Step {
    /// Each file has a name of its own.
    Hash,
    Size,
    /// A component, or a core module that can be made into one.
    Component,
    /// What it uses, and how much of it.
    Contents,
    Imports,
    Contract,
    Compile,
    /// A sandbox has room for what it asks for at the start.
    Sandbox,
    Describe,
    Example,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::Hash,
        Self::Size,
        Self::Component,
        Self::Contents,
        Self::Imports,
        Self::Contract,
        Self::Compile,
        Self::Sandbox,
        Self::Describe,
        Self::Example,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Hash => "Hash",
            Self::Size => "Size",
            Self::Component => "Component",
            Self::Contents => "What it uses",
            Self::Imports => "Imports",
            Self::Contract => "Contract version",
            Self::Compile => "Compile",
            Self::Sandbox => "Sandbox",
            Self::Describe => "Describe",
            Self::Example => "First example",
        }
    }

    /// The step that refuses with this; none where nothing was looked at.
    fn that_refuses(error: &UploadError) -> Option<Self> {
        Some(match error {
            UploadError::TooLarge { .. } => Self::Size,
            UploadError::NotWasm { .. } | UploadError::Precompiled | UploadError::NoContract { .. } => Self::Component,
            UploadError::Invalid { .. } | UploadError::Feature { .. } | UploadError::TooComplex { .. } => {
                Self::Contents
            }
            UploadError::Import { .. } => Self::Imports,
            UploadError::Contract { .. } => Self::Contract,
            UploadError::CompileTime
            | UploadError::CompileMemory
            | UploadError::CompileCrashed
            | UploadError::NotCompiled { .. } => Self::Compile,
            UploadError::Resources { .. } | UploadError::Instances { .. } | UploadError::Start { .. } => Self::Sandbox,
            UploadError::Describe { .. } => Self::Describe,
            UploadError::Sample { .. } | UploadError::Nondeterministic { .. } => Self::Example,
            UploadError::Busy | UploadError::Quota { .. } => return None,
        })
    }
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CheckStepOutcome)]
pub enum Came {
    Passed,
    Refused,
    /// The version is there, and did not do what it should.
    Failed,
    NotReached,
}

/// A step as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = CheckStep)]
pub struct ShownStep {
    pub step: Step,
    pub came: Came,
    /// What was found; of the one that refuses, why.
    pub detail: String,
    /// What to do, where it was refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<&'static str>,
    /// How long it took; none where nobody measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micros: Option<u64>,
}

impl ShownStep {
    fn passed(step: Step, detail: String) -> Self {
        Self { step, came: Came::Passed, detail, fix: None, micros: None }
    }

    /// How long it took, for people; empty where nobody measured it.
    pub fn took(&self) -> String {
        match self.micros {
            None => String::new(),
            Some(micros @ 0..1_000) => format!("{micros} µs"),
            Some(micros) => span(micros / 1_000),
        }
    }
}

/// The steps that led to a version. None where it is older than the check.
pub fn of_version(version: &Version) -> Vec<ShownStep> {
    let (about, manifest) = (&version.about, &version.manifest);
    let Some(component_bytes) = about["component_bytes"].as_u64() else { return Vec::new() };
    let tried: Tried = serde_json::from_value(version.figures.clone()).unwrap_or_default();
    let sent = about["upload_bytes"].as_u64().unwrap_or(component_bytes);
    let names = |value: &Value| {
        let names: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let counts = &about["counts"];
    let took: Took = serde_json::from_value(about["took"].clone()).unwrap_or_default();
    let first = tried.runs.first();
    let micros = |step| match step {
        Step::Hash | Step::Size => None,
        Step::Component => Some(took.component),
        Step::Contents => Some(took.contents),
        Step::Imports => Some(took.imports),
        Step::Contract => Some(took.contract),
        Step::Compile => Some(took.compile),
        Step::Sandbox => Some(tried.sandbox_micros),
        Step::Describe => Some(tried.describe_micros),
        Step::Example => first.map(|run| run.micros),
    };
    let detail = |step| match step {
        Step::Hash => version.hash.clone(),
        Step::Size => format!("{} bytes", grouped(sent)),
        Step::Component if about["hash"] == about["component_hash"] => "a component".to_owned(),
        Step::Component => format!("made of a core module, {} bytes", grouped(component_bytes)),
        Step::Contents => {
            let functions = things(counts["functions"].as_i64().unwrap_or(0), "function", "functions");
            let modules = things(counts["modules"].as_i64().unwrap_or(0), "module", "modules");
            format!("{functions} in {modules}")
        }
        Step::Imports => names(&about["imports"]),
        Step::Contract => version.contract.clone(),
        Step::Compile => "in a process of its own".to_owned(),
        Step::Sandbox => {
            format!("{} bytes of memory at the start", grouped(counts["memory_bytes"].as_u64().unwrap_or(0)))
        }
        Step::Describe => format!(
            "{}: {}, {} fuel",
            manifest["name"].as_str().unwrap_or_default(),
            names(&manifest["event_types"]),
            grouped(tried.describe_fuel)
        ),
        Step::Example => match first {
            Some(Figures { example, failure: Some(failure), .. }) => format!("{example}: {failure}"),
            Some(run) if !run.is_green() => format!("{}: it answers otherwise than expected", run.example),
            Some(run) => format!("{}: {}, {} fuel", run.example, run.answer, grouped(run.fuel)),
            None => "there is none for its events".to_owned(),
        },
    };
    let shown = |step| {
        let passed =
            ShownStep { micros: micros(step).filter(|micros| *micros > 0), ..ShownStep::passed(step, detail(step)) };
        match step {
            Step::Example if first.is_some_and(|run| !run.is_green()) => ShownStep {
                came: Came::Failed,
                fix: Some("Correct it, and upload it again as the next version."),
                ..passed
            },
            _ => passed,
        }
    };
    Step::ALL.into_iter().map(shown).collect()
}

/// The steps that led to a refusal. None where nothing was looked at.
pub fn of_refusal(error: &UploadError, bytes: usize, hash: &str) -> Vec<ShownStep> {
    let Some(refused) = Step::that_refuses(error) else { return Vec::new() };
    let shown = |step: Step| match step.cmp(&refused) {
        std::cmp::Ordering::Less => {
            let detail = match step {
                Step::Hash => hash.to_owned(),
                Step::Size => format!("{} bytes", grouped(bytes as u64)),
                _ => String::new(),
            };
            ShownStep::passed(step, detail)
        }
        std::cmp::Ordering::Equal => {
            ShownStep { came: Came::Refused, fix: Some(error.fix()), ..ShownStep::passed(step, error.to_string()) }
        }
        std::cmp::Ordering::Greater => ShownStep { came: Came::NotReached, ..ShownStep::passed(step, String::new()) },
    };
    Step::ALL.into_iter().map(shown).collect()
}

/// The same for a terminal, a line a step; those that were not reached stand in one.
pub fn lines(steps: &[ShownStep]) -> Vec<String> {
    let line = |shown: &ShownStep| {
        let sign = match shown.came {
            Came::Passed => "passed ",
            Came::Refused => "refused",
            Came::Failed => "failed ",
            Came::NotReached => return None,
        };
        Some(format!("  {sign}  {:<16}  {}", shown.step.title(), shown.detail).trim_end().to_owned())
    };
    let rest: Vec<_> = steps.iter().filter(|shown| shown.came == Came::NotReached).collect();
    let rest = rest.iter().map(|shown| shown.step.title().to_lowercase()).collect::<Vec<_>>().join(", ");
    let rest = (!rest.is_empty()).then(|| format!("  not reached: {rest}"));
    steps.iter().filter_map(line).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::id::{TransformationId, VersionId};
    use crate::model::time::Timestamp;

    #[test]
    fn a_refusal_stands_in_its_place() {
        let error = UploadError::Import { import: "wasi:sockets/tcp".into(), reason: "There is no network.".into() };
        let steps = of_refusal(&error, 2_048, "abc");
        let told: Vec<_> = steps.iter().map(|step| step.came).collect();
        assert_eq!(told[..4], [Came::Passed; 4]);
        assert_eq!((told[4], &told[5..]), (Came::Refused, &[Came::NotReached; 5][..]));
        let lines = lines(&steps);
        assert_eq!(lines[1], "  passed   Size              2,048 bytes");
        assert!(lines[4].starts_with("  refused  Imports") && lines[4].contains("wasi:sockets/tcp"), "{lines:#?}");
        assert_eq!(lines[5], "  not reached: contract version, compile, sandbox, describe, first example");
        assert_eq!(of_refusal(&UploadError::Busy, 1, "abc"), []);
    }

    #[test]
    fn a_step_says_how_long_it_took_and_the_first_example_that_it_failed() {
        let run = |failure: Option<&str>| {
            json!({ "example": "plain-lead", "answer": "failed", "failure": failure, "fuel": 7, "memory_bytes": 1,
                "output_bytes": 1, "micros": 1_500 })
        };
        for (failure, came, detail) in [
            (Some("it trapped"), Came::Failed, "plain-lead: it trapped"),
            (None, Came::Passed, "plain-lead: failed, 7 fuel"),
        ] {
            let version = Version {
                id: VersionId::stored("tfv_1".to_owned()),
                transformation_id: TransformationId::stored("trn_1".to_owned()),
                name: "deals".to_owned(),
                number: 1,
                hash: "abc".to_owned(),
                contract: "c".to_owned(),
                manifest: json!({}),
                about: json!({ "component_bytes": 9, "took": { "compile": 2_300_000, "imports": 40 } }),
                figures: json!({ "runs": [run(failure)] }),
                note: String::new(),
                created_by: String::new(),
                created_at: Timestamp(0),
            };
            let steps = of_version(&version);
            let last = steps.last().unwrap();
            assert_eq!((last.came, last.detail.as_str(), last.fix.is_some()), (came, detail, came == Came::Failed));
            let took: Vec<_> = steps.iter().map(ShownStep::took).collect();
            assert_eq!(took, ["", "", "", "", "40 µs", "", "2.3 s", "", "", "1 ms"]);
        }
    }
}
