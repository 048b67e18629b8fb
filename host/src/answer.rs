//! What a component answers to one event, as a file expects it and as a run gives it. Pure.

use serde::{Deserialize, Serialize};

use crate::cause::Code;
use crate::contract::actions::Action;
use crate::diff::{Change, differences};
use crate::model::delivery::Dropped;

/// What a component answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(default)]
    pub dropped: Vec<Dropped>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Actions(Vec<Action>),
    Skip(String),
    Invalid(String),
    Failed { code: Code, detail: String },
}

impl Answer {
    /// In what `actual` differs from what was expected; empty exactly when both are equal.
    pub fn differences(&self, actual: &Self) -> Vec<Change> {
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
    use serde_json::{Value, json};

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
