//! Two versions side by side on many leads, counted. Pure. It is kept as evidence, so it names events, and no value of any.

use serde::{Deserialize, Serialize};

use crate::breaker::FAILURES;
use crate::cause::{Code, Problem};
use crate::diff::{Change, differences};
use crate::model::id::EventId;
use crate::plan::Plan;

/// Events that are named for each thing that was found.
const NAMED_MAX: usize = 3;
/// Leads that are shown with their values to whoever asked.
const SHOWN_MAX: usize = 5;

/// How a version beside the one in force did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Comparison)]
pub struct Report {
    /// Leads that both ran.
    pub events: u64,
    pub same: u64,
    pub changed: u64,
    /// Leads on which the new version failed.
    pub failed: u64,
    /// By action and property, most frequent first.
    pub changes: Vec<ChangeCount>,
    /// Leads that went another way altogether.
    pub outcomes: Vec<OutcomeCount>,
    pub failures: Vec<FailureCount>,
    pub fuel: Fuel,
    /// Of the version in force.
    pub fuel_before: Fuel,
}

/// In how many leads a property differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangeCount {
    pub action: String,
    /// A property or a field of the contract; none where the whole action is new or gone.
    pub part: Option<String>,
    /// `changed`, `new` or `gone`.
    pub how: String,
    pub leads: u64,
    pub events: Vec<EventId>,
}

/// How many leads went from one outcome to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomeCount {
    pub before: String,
    pub after: String,
    pub leads: u64,
    pub events: Vec<EventId>,
}

/// How many leads it failed on, by code. What it said may be about a person, and is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FailureCount {
    pub code: Code,
    pub leads: u64,
    pub events: Vec<EventId>,
}

/// Fuel of the runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fuel {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Fuel {
    /// By the nearest rank: each figure is one that was seen.
    pub fn of(mut runs: Vec<u64>) -> Self {
        runs.sort_unstable();
        let rank = |percent: usize| {
            let rank = (runs.len() * percent).div_ceil(100).max(1) - 1;
            runs.get(rank).copied().unwrap_or(0)
        };
        Self { p50: rank(50), p99: rank(99), max: runs.last().copied().unwrap_or(0) }
    }
}

/// What one version makes of a lead.
#[derive(Debug)]
pub enum Side {
    Planned(Plan, u64),
    /// It gave no actions, and used so much fuel.
    Ended(Problem, u64),
    /// No version ran.
    Stopped(Problem),
}

impl Side {
    fn fuel(&self) -> Option<u64> {
        match self {
            Self::Planned(_, fuel) | Self::Ended(_, fuel) => Some(*fuel),
            Self::Stopped(_) => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Planned(..) => "planned",
            Self::Ended(problem, _) | Self::Stopped(problem) => match problem.code {
                Code::TransformRefused => "refused",
                code if is_failure(code) => "failed",
                _ => "skipped",
            },
        }
    }
}

fn is_failure(code: Code) -> bool {
    FAILURES.contains(&code) || code == Code::OurFault
}

/// A lead with everything in which the two versions differ. It has values of a person, and is never kept.
pub type Example = (EventId, Vec<Change>);

/// Counts as the leads come.
#[derive(Debug, Default)]
pub struct Tally {
    report: Report,
    fuel: Vec<u64>,
    fuel_before: Vec<u64>,
    examples: Vec<Example>,
}

impl Tally {
    /// One more lead.
    pub fn add(&mut self, event: &EventId, before: Side, after: Side) {
        self.report.events += 1;
        self.fuel.extend(after.fuel());
        self.fuel_before.extend(before.fuel());
        if let Side::Ended(problem, _) = &after
            && is_failure(problem.code)
        {
            self.report.failed += 1;
            self.fail(event, problem.code);
            return;
        }
        match (&before, &after) {
            (Side::Planned(before, _), Side::Planned(after, _)) => {
                let changes = differences(&before.actions, &after.actions);
                if changes.is_empty() {
                    self.report.same += 1;
                    return;
                }
                self.report.changed += 1;
                self.change(event, changes);
            }
            _ if before.word() == after.word() => self.report.same += 1,
            _ => {
                self.report.changed += 1;
                self.moved(event, before.word(), after.word());
            }
        }
    }

    fn fail(&mut self, event: &EventId, code: Code) {
        let failures = &mut self.report.failures;
        match failures.iter_mut().find(|known| known.code == code) {
            Some(known) => count(&mut known.leads, &mut known.events, event),
            None => failures.push(FailureCount { code, leads: 1, events: vec![event.clone()] }),
        }
    }

    fn change(&mut self, event: &EventId, changes: Vec<Change>) {
        let whole: Vec<_> =
            changes.iter().filter(|change| change.part.is_none()).map(|change| &change.action).collect();
        for change in &changes {
            // Of an action that came or went, that is enough.
            if change.part.is_some() && whole.contains(&&change.action) {
                continue;
            }
            let how = match (&change.before, &change.after) {
                (None, _) => "new",
                (_, None) => "gone",
                (Some(_), Some(_)) => "changed",
            };
            let is_it = |known: &&mut ChangeCount| {
                known.action == change.action && known.part == change.part && known.how == how
            };
            match self.report.changes.iter_mut().find(is_it) {
                Some(known) => count(&mut known.leads, &mut known.events, event),
                None => self.report.changes.push(ChangeCount {
                    action: change.action.clone(),
                    part: change.part.clone(),
                    how: how.to_owned(),
                    leads: 1,
                    events: vec![event.clone()],
                }),
            }
        }
        if self.examples.len() < SHOWN_MAX {
            self.examples.push((event.clone(), changes));
        }
    }

    fn moved(&mut self, event: &EventId, before: &str, after: &str) {
        let outcomes = &mut self.report.outcomes;
        match outcomes.iter_mut().find(|known| known.before == before && known.after == after) {
            Some(known) => count(&mut known.leads, &mut known.events, event),
            None => outcomes.push(OutcomeCount {
                before: before.to_owned(),
                after: after.to_owned(),
                leads: 1,
                events: vec![event.clone()],
            }),
        }
    }

    /// What was counted, and the first leads that change, with their values.
    pub fn done(mut self) -> (Report, Vec<Example>) {
        self.report.changes.sort_by_key(|change| std::cmp::Reverse(change.leads));
        self.report.fuel = Fuel::of(self.fuel);
        self.report.fuel_before = Fuel::of(self.fuel_before);
        (self.report, self.examples)
    }
}

fn count(leads: &mut u64, events: &mut Vec<EventId>, event: &EventId) {
    *leads += 1;
    if events.len() < NAMED_MAX {
        events.push(event.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Action, Contact, MatchKey, Property, WritePolicy};

    fn planned(phone: &str, fuel: u64) -> Side {
        let property = Property { name: "phone".to_owned(), value: phone.to_owned(), policy: WritePolicy::Always };
        let key = MatchKey::Email("a@example.com".to_owned());
        let contact = Action::UpsertContact(Contact { key, properties: vec![property] });
        Side::Planned(Plan { actions: vec![contact], lead_id: None }, fuel)
    }

    fn ended(code: Code) -> Side {
        Side::Ended(Problem::new(code, "x"), 9)
    }

    #[test]
    fn leads_are_the_same_changed_or_failed() {
        let mut tally = Tally::default();
        let event = |number: usize| EventId::stored(format!("evt_{number}"));
        let pairs = [
            (planned("1", 10), planned("1", 20)),
            (planned("1", 10), planned("2", 30)),
            (planned("1", 10), planned("3", 30)),
            (ended(Code::TransformSkipped), ended(Code::TransformSkipped)),
            (ended(Code::TransformSkipped), planned("1", 40)),
            (Side::Stopped(Problem::new(Code::EventUnhandled, "x")), planned("1", 40)),
            (planned("1", 10), ended(Code::TransformTrap)),
            (ended(Code::TransformTrap), ended(Code::TransformTrap)),
        ];
        for (number, (before, after)) in pairs.into_iter().enumerate() {
            tally.add(&event(number), before, after);
        }
        let (report, examples) = tally.done();
        assert_eq!((report.events, report.same, report.changed, report.failed), (8, 2, 4, 2));
        let changes: Vec<_> =
            report.changes.iter().map(|one| (one.part.as_deref(), one.how.as_str(), one.leads)).collect();
        assert_eq!(changes, [(Some("phone"), "changed", 2)]);
        assert_eq!(report.changes[0].events, [event(1), event(2)]);
        let outcomes: Vec<_> =
            report.outcomes.iter().map(|one| (one.before.as_str(), one.after.as_str(), one.leads)).collect();
        assert_eq!(outcomes, [("skipped", "planned", 2)]);
        assert_eq!((report.failures.len(), report.failures[0].leads), (1, 2));
        assert_eq!((examples.len(), examples[0].1[0].after.as_deref()), (2, Some("2")));
        let kept = serde_json::to_string(&report).unwrap();
        assert!(!kept.contains("a@example.com"), "what is kept names nobody: {kept}");
    }

    #[test]
    fn fuel_figures_are_ones_that_were_seen() {
        for (runs, expected) in [
            (vec![], (0, 0, 0)),
            (vec![7], (7, 7, 7)),
            ((1..=100).collect(), (50, 99, 100)),
            ((1..=10).rev().collect(), (5, 10, 10)),
        ] {
            let fuel = Fuel::of(runs);
            assert_eq!((fuel.p50, fuel.p99, fuel.max), expected);
        }
    }
}
