//! The circuit breaker of a binding: when its transformation fails too often, its events go back to the version before, or
//! wait, instead of burning one run each. Pure; the store keeps what it counts.

use std::time::Duration;

use crate::cause::Code;
use crate::model::time::Timestamp;

/// The last runs that count. Few, so that a version that breaks is noticed after some leads and not after some hundreds.
pub const RUNS: usize = 20;
/// Failures among them that are too many: one odd lead, or three, are held by themselves and stop nobody.
pub const FAILURES_MAX: usize = 5;
/// A binding is young for so long: what fails then failed because of it.
pub const YOUNG: Duration = Duration::from_secs(30 * 60);
/// And until it has run so often, where an account has few leads.
pub const YOUNG_RUNS: i64 = 100;

/// What a transformation fails with. Refusals are an answer, and our own trouble is not its fault.
pub const FAILURES: [Code; 9] = [
    Code::TransformTrap,
    Code::TransformPanic,
    Code::TransformStack,
    Code::TransformFuel,
    Code::TransformTimeout,
    Code::TransformMemory,
    Code::TransformLogFlood,
    Code::TransformOutputTooLarge,
    Code::TransformOutputInvalid,
];

/// How the last runs of a binding went, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent(String);

impl Recent {
    const WELL: char = '.';
    const FAILED: char = 'x';

    /// As the store holds it.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One more run; the oldest is forgotten when there are too many.
    pub fn add(&mut self, failed: bool) {
        if self.0.len() >= RUNS {
            self.0.remove(0);
        }
        self.0.push(if failed { Self::FAILED } else { Self::WELL });
    }

    pub fn failures(&self) -> usize {
        self.0.chars().filter(|run| *run == Self::FAILED).count()
    }

    pub fn runs(&self) -> usize {
        self.0.len()
    }
}

/// What is known of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub recent: Recent,
    /// Runs since it was enabled.
    pub runs: i64,
    pub enabled_at: Timestamp,
    /// A person enabled it. What a rollback made is not rolled back any further.
    pub is_chosen: bool,
    pub is_open: bool,
}

/// What there is to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// Its own breaker is open: its events waited when the new version came.
    Broken,
    Works,
}

/// What becomes of a binding after its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Goes,
    /// Its events wait until somebody enables another version.
    Opens,
    /// Its events go through the version before.
    GoesBack,
}

/// Counts the runs of a round, and says what becomes of the binding.
pub fn judge(health: &mut Health, outcomes: &[bool], before: Before, now: Timestamp) -> Verdict {
    let mut is_too_much = false;
    for failed in outcomes {
        health.recent.add(*failed);
        // Looked at after each: how many runs a round happened to have changes nothing.
        is_too_much |= *failed && health.recent.failures() >= FAILURES_MAX;
    }
    let is_young = is_young(health, now);
    health.runs = health.runs.saturating_add(i64::try_from(outcomes.len()).unwrap_or(i64::MAX));
    match before {
        _ if !is_too_much || health.is_open => Verdict::Goes,
        Before::Works if is_young && health.is_chosen => Verdict::GoesBack,
        Before::Works | Before::Nothing | Before::Broken => Verdict::Opens,
    }
}

/// Whether nobody has to count any more: it is not young, and nothing failed of late.
pub fn is_settled(health: &Health, before: Before, now: Timestamp) -> bool {
    let is_watched = before == Before::Works && health.is_chosen && is_young(health, now);
    !is_watched && !health.is_open && health.recent.failures() == 0
}

fn is_young(health: &Health, now: Timestamp) -> bool {
    now.since(health.enabled_at) <= YOUNG || health.runs < YOUNG_RUNS
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn health(recent: &str) -> Health {
        let recent = Recent::stored(recent.to_owned());
        Health { recent, runs: 0, enabled_at: NOON, is_chosen: true, is_open: false }
    }

    fn outcomes(text: &str) -> Vec<bool> {
        text.chars().map(|run| run == 'x').collect()
    }

    #[test]
    fn five_failures_in_the_last_twenty_runs_are_too_many() {
        use Before::{Broken, Nothing, Works};
        use Verdict::{Goes, GoesBack, Opens};
        let rows = [
            // Known, new, what is before, and what comes of it.
            ("", "", Works, Goes),
            ("", ".", Works, Goes),
            ("", "xxxx", Works, Goes),
            ("", "xxxxx", Works, GoesBack),
            ("", "xxxxx", Nothing, Opens),
            ("", "xxxxx", Broken, Opens),
            ("xxxx", "x", Works, GoesBack),
            ("xxxx", "....", Works, Goes),
            // The oldest four are forgotten by then.
            ("xxxx................", "x", Works, Goes),
            ("xxxx...............", "x", Works, GoesBack),
            ("x...x...x...x.......", ".x", Works, Goes),
            (".x...x...x...x......", "x", Works, GoesBack),
            // Too many in the middle of a round are too many, whatever followed.
            ("", "xxxxx....................", Works, GoesBack),
            ("", "x....x....x....x....x....", Works, Goes),
        ];
        for (recent, new, before, expected) in rows {
            let mut known = health(recent);
            assert_eq!(judge(&mut known, &outcomes(new), before, NOON), expected, "{recent:?} {new:?} {before:?}");
            assert!(known.recent.runs() <= RUNS);
        }
    }

    #[test]
    fn a_binding_goes_back_by_itself_only_while_it_is_young_and_once() {
        use Verdict::{Goes, GoesBack, Opens};
        let minutes = |minutes: u64| NOON + Duration::from_secs(60 * minutes);
        let rows = [
            (health(""), 0, GoesBack),
            (health(""), 30, GoesBack),
            // A quiet account: half an hour is over before anybody came.
            (Health { runs: 99, ..health("") }, 24 * 60, GoesBack),
            (Health { runs: 100, ..health("") }, 31, Opens),
            (Health { runs: 5_000, ..health("") }, 29, GoesBack),
            (Health { is_chosen: false, ..health("") }, 0, Opens),
            (Health { is_open: true, ..health("") }, 0, Goes),
        ];
        for (known, after, expected) in rows {
            let verdict = judge(&mut known.clone(), &[true; 5], Before::Works, minutes(after));
            assert_eq!(verdict, expected, "{known:?} after {after} minutes");
        }
    }

    #[test]
    fn nobody_counts_what_is_old_and_well() {
        let later = NOON + YOUNG + Duration::from_secs(1);
        let old = Health { runs: 100, ..health("....................") };
        let rows = [
            (old.clone(), Before::Works, later, true),
            (old.clone(), Before::Works, NOON, false),
            (old.clone(), Before::Nothing, NOON, true),
            (Health { runs: 99, ..old.clone() }, Before::Works, later, false),
            (Health { recent: Recent::stored("x.".to_owned()), ..old.clone() }, Before::Works, later, false),
            (Health { is_open: true, ..old }, Before::Works, later, false),
        ];
        for (health, before, now, expected) in rows {
            assert_eq!(is_settled(&health, before, now), expected, "{health:?} {before:?}");
        }
    }

    #[test]
    fn what_counts_as_a_failure_is_what_the_transformation_did() {
        let failures = Code::ALL.iter().filter(|code| FAILURES.contains(code)).count();
        assert_eq!(failures, FAILURES.len());
        for code in [Code::TransformRefused, Code::TransformSkipped, Code::OurFault, Code::IngestSchema] {
            assert!(!FAILURES.contains(&code), "{code}");
        }
    }
}
