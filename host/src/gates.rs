//! What has to hold before a version is enabled. Pure: from evidence to gates, each open or closed, with why and what to do.

use serde::Serialize;

use crate::comparison::{Fuel, Report};
use crate::schema::Violation;

/// A run may use so much of its fuel in the worst hundredth of the leads, in percent of the limit: room for a longer chat
/// than any so far.
pub const FUEL_SHARE_MAX: u64 = 60;

/// What is known of a version, for the connection that is to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Such as `deals@4`.
    pub version: String,
    /// It came with Leadline, and was tried there.
    pub is_stock: bool,
    pub examples: Examples,
    /// The newest shadow run with the settings that are to be used.
    pub shadow: Option<Report>,
    /// Fuel that one run may use.
    pub fuel_max: u64,
    /// Where the settings name something that the portal does not have.
    pub settings: Vec<Violation>,
    /// What HubSpot did not permit, each as a sentence.
    pub missing_scopes: Vec<String>,
    /// What is wrong with the properties that it writes, each as a sentence.
    pub properties: Vec<String>,
}

/// How a version did on the examples that it was tried on at its upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examples {
    /// None was of a type that it handles, with settings that it takes.
    None,
    /// `own`: they came with it, and it answers as their author expects.
    Green { count: u64, own: bool },
    /// The names of those on which it failed, or answered otherwise than expected.
    Red { names: Vec<String>, own: bool },
}

/// One thing that has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Such as `fuel`.
    pub name: &'static str,
    pub open: bool,
    /// Why it is open or closed, in a sentence.
    pub why: String,
    /// What opens it; empty where it is open.
    pub fix: String,
}

impl Gate {
    /// Whether other settings can close it, whatever else is known of the version.
    pub fn is_about_settings(&self) -> bool {
        matches!(self.name, "settings" | "shadow" | "failures")
    }
}

fn open(name: &'static str, why: impl Into<String>) -> Gate {
    Gate { name, open: true, why: why.into(), fix: String::new() }
}

fn closed(name: &'static str, why: impl Into<String>, fix: impl Into<String>) -> Gate {
    Gate { name, open: false, why: why.into(), fix: fix.into() }
}

/// Every gate, in the order in which people open them.
pub fn gates(evidence: &Evidence) -> Vec<Gate> {
    vec![
        examples(&evidence.examples),
        settings(&evidence.settings),
        scopes(&evidence.missing_scopes),
        properties(&evidence.properties),
        shadow(evidence),
        failures(evidence),
        fuel(evidence),
    ]
}

/// The names of the gates that are closed.
pub fn closed_names(gates: &[Gate]) -> Vec<&'static str> {
    gates.iter().filter(|gate| !gate.open).map(|gate| gate.name).collect()
}

fn examples(examples: &Examples) -> Gate {
    match examples {
        Examples::None => open("examples", "it was tried on none"),
        Examples::Green { count, own: false } => {
            open("examples", format!("it was tried on {count} and failed on none"))
        }
        Examples::Green { count, own: true } => {
            open("examples", format!("it answers the {count} that came with it as they expect"))
        }
        Examples::Red { names, own: false } => closed(
            "examples",
            format!("it fails on {}", names.join(", ")),
            "Correct it and upload it again; `leadline guest run` shows the failure.",
        ),
        Examples::Red { names, own: true } => closed(
            "examples",
            format!("it fails, or answers otherwise than expected, on {}, which came with it", names.join(", ")),
            "Correct it and upload it again; `leadline guest test` shows the difference.",
        ),
    }
}

fn settings(violations: &[Violation]) -> Gate {
    match violations {
        [] => open("settings", "they fit the version and the portal"),
        all => {
            let places: Vec<_> = all.iter().map(ToString::to_string).collect();
            closed("settings", places.join("; "), "Correct the settings.")
        }
    }
}

fn scopes(missing: &[String]) -> Gate {
    match missing {
        [] => open("permissions", "HubSpot granted what it needs"),
        all => closed("permissions", all.join(" "), "Re-authorize: `leadline connection reconnect`."),
    }
}

fn properties(troubles: &[String]) -> Gate {
    match troubles {
        [] => open("properties", "the portal has what it writes"),
        all => closed(
            "properties",
            all.join(" "),
            "Create them in HubSpot. Or enable it despite this, and let them be created at once: `leadline property create`.",
        ),
    }
}

fn shadow(Evidence { version, is_stock, shadow, .. }: &Evidence) -> Gate {
    match shadow {
        Some(Report { events: 0, .. }) => open("shadow", "there are no leads yet to compare it on"),
        Some(Report { events, changed, .. }) => open("shadow", format!("{changed} of {events} leads change")),
        None if *is_stock => open("shadow", "a version of the house needs none"),
        None => closed(
            "shadow",
            "it did not run yet beside the version in force, with these settings",
            format!("Run `leadline transform shadow {version}`."),
        ),
    }
}

fn failures(Evidence { shadow, .. }: &Evidence) -> Gate {
    match shadow {
        Some(Report { failed, events, failures, .. }) if *failed > 0 => {
            let codes = failures.iter().map(|failure| format!("{} on {}", failure.code, failure.leads));
            let events_named = failures.iter().flat_map(|failure| &failure.events).map(ToString::to_string);
            closed(
                "failures",
                format!("it failed on {failed} of {events} leads: {}", codes.collect::<Vec<_>>().join(", ")),
                format!("Correct it; it failed on {}.", events_named.collect::<Vec<_>>().join(", ")),
            )
        }
        Some(Report { events, .. }) => open("failures", format!("none on {events} leads")),
        None => open("failures", "none is known"),
    }
}

fn fuel(Evidence { shadow, fuel_max, .. }: &Evidence) -> Gate {
    let Some(Report { fuel: Fuel { p99, .. }, .. }) = shadow else { return open("fuel", "not measured") };
    let share = p99.saturating_mul(100) / (*fuel_max).max(1);
    let why = format!("99 of 100 leads use at most {p99} of {fuel_max} units of fuel, {share} % of the limit");
    // Compared exactly: 60 % and a little is too much.
    if p99.saturating_mul(100) > fuel_max.saturating_mul(FUEL_SHARE_MAX) {
        return closed(
            "fuel",
            why,
            format!("Let it do less work: at most {FUEL_SHARE_MAX} % leaves room for longer conversations."),
        );
    }
    open("fuel", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;
    use crate::comparison::FailureCount;

    fn evidence() -> Evidence {
        Evidence {
            version: "deals@4".to_owned(),
            is_stock: false,
            examples: Examples::Green { count: 3, own: false },
            shadow: Some(Report { events: 500, same: 463, changed: 37, ..Report::default() }),
            fuel_max: 1_000,
            settings: Vec::new(),
            missing_scopes: Vec::new(),
            properties: Vec::new(),
        }
    }

    fn with_fuel(p99: u64) -> Evidence {
        let report = Report { events: 10, fuel: Fuel { p99, ..Fuel::default() }, ..Report::default() };
        Evidence { shadow: Some(report), ..evidence() }
    }

    #[test]
    fn each_gate_closes_for_its_own_reason_and_for_no_other() {
        let failed = Report {
            events: 10,
            failed: 2,
            failures: vec![FailureCount { code: Code::TransformTrap, leads: 2, events: Vec::new() }],
            ..Report::default()
        };
        let violation = Violation { pointer: "/stage".to_owned(), detail: "HubSpot has no stage `x`".to_owned() };
        let red = |own| {
            let examples = Examples::Red { names: vec!["no-email".to_owned()], own };
            Evidence { examples, ..evidence() }
        };
        let rows: [(Evidence, &[&str]); 14] = [
            (evidence(), &[]),
            (Evidence { examples: Examples::None, ..evidence() }, &[]),
            (red(false), &["examples"]),
            (red(true), &["examples"]),
            (Evidence { shadow: None, ..evidence() }, &["shadow"]),
            (Evidence { shadow: None, is_stock: true, ..evidence() }, &[]),
            (Evidence { shadow: Some(Report::default()), ..evidence() }, &[]),
            (Evidence { shadow: Some(failed.clone()), ..evidence() }, &["failures"]),
            // Of the house or not: what failed here failed.
            (Evidence { shadow: Some(failed), is_stock: true, ..evidence() }, &["failures"]),
            (with_fuel(600), &[]),
            (with_fuel(601), &["fuel"]),
            (Evidence { settings: vec![violation], ..evidence() }, &["settings"]),
            (Evidence { missing_scopes: vec!["Deals are off.".to_owned()], ..evidence() }, &["permissions"]),
            (Evidence { properties: vec!["`x` is missing.".to_owned()], ..evidence() }, &["properties"]),
        ];
        for (evidence, expected) in rows {
            let gates = gates(&evidence);
            assert_eq!(closed_names(&gates), expected, "{evidence:#?}");
            assert!(gates.iter().all(|gate| gate.open == gate.fix.is_empty() && !gate.why.is_empty()), "{gates:#?}");
        }
    }
}
