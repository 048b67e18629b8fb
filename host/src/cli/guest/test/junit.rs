//! The outcome of a test as JUnit XML, which every CI server reads.

use std::fmt::Write as _;

use super::super::super::output::printable;
use super::{State, Tested};
use crate::diff::text;

/// One suite, one case an example.
pub(super) fn xml(suite: &str, tested: &[Tested]) -> String {
    let suite = escaped(suite);
    let seconds = |micros: u64| format!("{:.6}", micros as f64 / 1e6);
    let failures = tested.iter().filter(|tested| tested.state == State::Failed).count();
    let time = seconds(tested.iter().map(|tested| tested.micros).sum());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\" time=\"{time}\">\n",
        tested.len()
    );
    for one in tested {
        let case = format!(
            "    <testcase classname=\"{suite}\" name=\"{}\" time=\"{}\"",
            escaped(&one.example),
            seconds(one.micros)
        );
        let written = match one.state {
            State::Passed | State::Updated => writeln!(xml, "{case}/>"),
            State::Failed => {
                let problems: String = one.problems.iter().map(|problem| format!("  {problem}\n")).collect();
                let words = escaped(&(problems + &text(&one.changes)));
                writeln!(
                    xml,
                    "{case}>\n      <failure message=\"it differs from what is expected\">{words}</failure>\n    </testcase>"
                )
            }
        };
        written.expect("a String takes everything");
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// XML has no way to write a control character.
fn escaped(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
