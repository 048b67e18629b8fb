//! `leadline guest test`: every example against the built component, in the engine of the service.

mod junit;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::super::Context;
use super::super::failure::{Failure, Result};
use super::super::output::{grouped, printable};
use super::example::{self, Example};
use super::project::{Limits, Project};
use super::{Component, check::Checked};
use crate::answer::Outcome;
use crate::diff::{Change, text};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    component: Component,
    /// Take over what the component answers as what is expected. Read the difference before you commit it.
    #[arg(long)]
    update: bool,
    /// Write the outcome as JUnit XML too, for a CI server.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What became of one example.
#[derive(Serialize)]
struct Tested {
    example: String,
    shows: String,
    state: State,
    changes: Vec<Change>,
    /// What is wrong beside the differences.
    problems: Vec<String>,
    fuel: u64,
    memory_bytes: u64,
    micros: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Passed,
    Updated,
    Failed,
}

pub(super) fn run(args: Args, context: &mut Context<'_>) -> Result<()> {
    let checked = args.component.load()?;
    let limits = match args.component.dir.join("Cargo.toml").exists() {
        true => Project::read(&args.component.dir)?.limits,
        false => Limits::default(),
    };
    let tested = test(&checked, &args.component.dir, limits, args.update)?;
    if let Some(file) = &args.junit {
        std::fs::write(file, junit::xml(&checked.manifest.name, &tested))
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?;
    }
    show(&tested, context)
}

/// The examples of a crate, as `dev` runs them at every save.
pub(super) fn run_on(checked: &Checked, project: &Project, context: &mut Context<'_>) -> Result<()> {
    show(&test(checked, &project.folder, project.limits, false)?, context)
}

fn test(checked: &Checked, folder: &std::path::Path, limits: Limits, update: bool) -> Result<Vec<Tested>> {
    let examples = example::all(folder, &checked.settings)?;
    if examples.is_empty() {
        return Err(Failure::usage(format!("there is no example in {}", folder.join("examples").display()))
            .hint("an example is a folder with `event.json`, `settings.json` and `expected.json`"));
    }
    examples.into_iter().map(|example| one(checked, example, limits, update)).collect()
}

fn one(checked: &Checked, mut example: Example, limits: Limits, update: bool) -> Result<Tested> {
    let (answer, run) = example.input.run(&checked.loaded)?;
    let changes = example.expected.run.as_ref().map_or_else(Vec::new, |expected| expected.differences(&answer));
    let mut problems = over(limits, run.fuel, run.memory_bytes);
    let failed = matches!(answer.outcome, Outcome::Failed { .. });
    if failed && example.expected.run.is_none() {
        problems.push(format!("the component {}", answer.outcome));
    }
    let differs = !changes.is_empty() || example.expected.run.is_none();
    let updated = update && differs && !failed;
    if updated {
        example.update(answer)?;
    } else if example.expected.run.is_none() && !failed {
        problems.push("nothing is expected yet; `--update` writes down what the component answers".to_owned());
    }
    let state = match (problems.is_empty(), updated, differs) {
        (true, true, _) => State::Updated,
        (true, false, false) => State::Passed,
        _ => State::Failed,
    };
    Ok(Tested {
        example: example.name,
        shows: example.expected.shows,
        state,
        changes,
        problems,
        fuel: run.fuel,
        memory_bytes: run.memory_bytes,
        micros: run.micros,
    })
}

/// What `leadline.toml` does not allow.
fn over(limits: Limits, fuel: u64, memory_bytes: u64) -> Vec<String> {
    [("fuel", fuel, limits.fuel), ("bytes of memory", memory_bytes, limits.memory_bytes)]
        .iter()
        .filter(|(_, used, limit)| used > limit)
        .map(|(what, used, limit)| {
            format!("it used {} {what}; leadline.toml allows {}", grouped(*used), grouped(*limit))
        })
        .collect()
}

fn show(tested: &[Tested], context: &mut Context<'_>) -> Result<()> {
    let count = |state| tested.iter().filter(|tested| tested.state == state).count();
    let failed = count(State::Failed);
    if context.json {
        context.json(&json!({ "data": tested, "next": null }))?;
    } else {
        for one in tested {
            write!(context.out, "{}", printable(&lines(one)))?;
        }
        let updated =
            if count(State::Updated) == 0 { String::new() } else { format!(", {} updated", count(State::Updated)) };
        writeln!(context.out, "{} passed{updated}, {failed} failed", count(State::Passed))?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::problems(format!("{failed} of {} examples failed", tested.len()))
            .hint("`-` is what was expected, `+` what the component answers; `--update` takes over the latter")),
    }
}

fn lines(tested: &Tested) -> String {
    let state = match tested.state {
        State::Passed => "ok",
        State::Updated => "updated",
        State::Failed => "FAILED",
    };
    let mut lines = format!("{state:<8} {:<24} {:>12} fuel  {}\n", tested.example, grouped(tested.fuel), tested.shows);
    for problem in &tested.problems {
        lines.push_str(&format!("  {problem}\n"));
    }
    lines + &text(&tested.changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_limit_is_held_to_the_unit() {
        let limits = Limits { fuel: 1000, memory_bytes: 65_536 };
        assert_eq!(over(limits, 1000, 65_536), Vec::<String>::new());
        assert_eq!(over(limits, 1001, 65_536), ["it used 1,001 fuel; leadline.toml allows 1,000"]);
        assert_eq!(over(limits, 1001, 131_072).len(), 2);
    }

    #[test]
    fn a_ci_server_can_read_the_outcome() {
        let tested = |example: &str, state, problems: &[&str]| Tested {
            example: example.to_owned(),
            shows: String::new(),
            state,
            changes: vec![],
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
            fuel: 1,
            memory_bytes: 1,
            micros: 1_500,
        };
        let xml = junit::xml(
            "acme",
            &[tested("full-lead", State::Passed, &[]), tested("a&b", State::Failed, &["it said \"<no>\"\u{1b}"])],
        );
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="acme" tests="2" failures="1" time="0.003000">
    <testcase classname="acme" name="full-lead" time="0.001500"/>
    <testcase classname="acme" name="a&amp;b" time="0.001500">
      <failure message="it differs from what is expected">  it said &quot;&lt;no&gt;&quot;�
</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(xml, expected);
    }
}
