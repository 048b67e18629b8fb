//! Admins' rules for the values of a property.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// A rule as a saved state and HubSpot's own lists have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wording {
    kind: String,
    argument: String,
}

/// An admin's rule for the values of a property.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Wording", into = "Wording")]
pub(crate) struct Rule {
    pub(crate) kind: String,
    pub(crate) argument: String,
    /// Compiled once, for rules that are patterns.
    pattern: Option<Regex>,
}

impl From<Rule> for Wording {
    fn from(rule: Rule) -> Self {
        Self { kind: rule.kind, argument: rule.argument }
    }
}

impl TryFrom<Wording> for Rule {
    type Error = String;

    fn try_from(wording: Wording) -> Result<Self, String> {
        let Wording { kind, argument } = wording;
        Self::new(&kind, &argument).ok_or_else(|| format!("there is no rule {kind} with {argument}"))
    }
}

impl Rule {
    /// `None` when the kind is not one that the simulator knows, or its argument makes no sense.
    pub(crate) fn new(kind: &str, argument: &str) -> Option<Self> {
        let pattern = match kind {
            "REGEX" => Some(Regex::new(argument).ok()?),
            "ALPHANUMERIC" => None,
            "MIN_LENGTH" | "MAX_LENGTH" | "MIN_NUMBER" | "MAX_NUMBER" => {
                argument.parse::<f64>().ok()?;
                None
            }
            _ => return None,
        };
        Some(Self { kind: kind.to_owned(), argument: argument.to_owned(), pattern })
    }

    pub(crate) fn allows(&self, value: &str) -> bool {
        let argument = || self.argument.parse::<f64>().unwrap_or_default();
        let length = || value.chars().count() as f64;
        let number = || value.parse::<f64>().unwrap_or_default();
        match self.kind.as_str() {
            "MIN_LENGTH" => length() >= argument(),
            "MAX_LENGTH" => length() <= argument(),
            "MIN_NUMBER" => number() >= argument(),
            "MAX_NUMBER" => number() <= argument(),
            "ALPHANUMERIC" => value.chars().all(char::is_alphanumeric),
            _ => self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn rules_judge_values() {
        for (kind, argument, good, bad) in [
            ("MAX_LENGTH", "3", "abc", "abcd"),
            ("MIN_LENGTH", "3", "abc", "ab"),
            ("MAX_NUMBER", "10", "10", "11"),
            ("MIN_NUMBER", "10", "10", "9.5"),
            ("ALPHANUMERIC", "", "ab1", "ab-1"),
            ("REGEX", "^[0-9]{5}$", "33101", "3310"),
        ] {
            let rule = Rule::new(kind, argument).unwrap();
            assert!(rule.allows(good), "{kind} {good}");
            assert!(!rule.allows(bad), "{kind} {bad}");
        }
        assert!(Rule::new("REGEX", "(").is_none());
        assert!(Rule::new("MOOD", "good").is_none());
    }
}
