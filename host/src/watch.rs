//! What rules find in how an account stands, and whom that is news to. Pure: the facts and the time are arguments.
//!
//! A thing is told once, however many leads it concerns and however often it is looked at; that it is over is told once
//! too, and only to whom it was told before.

mod rules;

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::cause::{Code, Problem};
use crate::hours::Figures;
use crate::model::account::ConnectionState;
use crate::model::alert::{AlertRule, Clock, Watch};
use crate::model::id::AlertId;
use crate::model::time::Timestamp;

pub use rules::{findings, monday};

/// A thing is over when nobody has found it for so long: what comes and goes is one thing.
pub const SETTLED: Duration = Duration::from_secs(5 * 60);
/// Fewer leads say nothing about a share: one of one would be a hundred percent.
pub const FAILURES_LEADS_MIN: u64 = 5;
/// A rollback is news for so long, in case nobody could be told at once.
pub const ROLLBACK_IS_NEWS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A lead that fails is news for so long. After as long without another one of its cause, the next is news again.
pub const FAILURE_IS_NEWS: Duration = Duration::from_secs(24 * 60 * 60);
/// When the week is told of.
pub const WEEKLY_AT: Clock = Clock::at(8, 0);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How an account stands, as far as rules ask for it.
pub struct Facts {
    pub now: Timestamp,
    pub zone: TimeZone,
    /// None where HubSpot was never connected.
    pub connection: Option<(ConnectionState, Option<Problem>)>,
    pub issues: Vec<Open>,
    pub waiting: Vec<Waiting>,
    /// Leads that failed of late, the newest thousand.
    pub failed: Vec<FailedLead>,
    /// Of this hour and the one before.
    pub figures: Figures,
    /// Versions that were taken back by themselves of late.
    pub rolled_back: Vec<RolledBack>,
    /// When the newest lead came.
    pub last_lead: Option<Timestamp>,
}

/// An open issue.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: String,
    pub problem: Problem,
    pub since: Timestamp,
    pub held: i64,
    /// Somebody wants no more of it for now.
    pub is_muted: bool,
}

/// Leads that wait for the same reason; without a code, for their first turn.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub code: Option<Code>,
    pub leads: i64,
    /// Since when the first of them waits.
    pub since: Timestamp,
}

/// A lead that did not reach HubSpot, and is not tried again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLead {
    pub problem: Problem,
    pub at: Timestamp,
}

/// A version that was taken back.
#[derive(Clone, Debug)]
pub struct RolledBack {
    pub id: String,
    pub at: Timestamp,
    /// What is used again.
    pub version: String,
    pub reason: String,
}

/// One thing that a rule found, in the words in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AlertFinding)]
pub struct Finding {
    /// What it is about; the same thing is told once.
    pub subject: String,
    pub title: String,
    pub detail: String,
    /// What to do.
    pub fix: String,
    /// The screen of the account that helps, as the rest of its address.
    pub screen: String,
    pub since: Timestamp,
    /// It is there until somebody mends it; else it happened, and that is all.
    pub lasts: bool,
}

/// What was found, and whether it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub rule_id: AlertId,
    pub finding: Finding,
    pub found_at: Timestamp,
    pub told_at: Option<Timestamp>,
    /// Since when it is not found any more.
    pub gone_at: Option<Timestamp>,
}

/// What is to be kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Keep(Found),
    Forget { rule_id: AlertId, subject: String },
}

/// What was news, and is not there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Over {
    #[serde(flatten)]
    pub finding: Finding,
    /// Leads that waited for it and failed: for them it did not end well.
    pub failed: u64,
}

/// What one look at a rule came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// News.
    pub opened: Vec<Finding>,
    /// Was news, and is over.
    pub resolved: Vec<Over>,
    pub changes: Vec<Change>,
}

/// What of it is news, and what is over; in quiet hours nothing is told.
pub fn look(rule: &AlertRule, facts: &Facts, known: &[Found]) -> Looked {
    let now = facts.now;
    let is_quiet = rule.quiet.is_some_and(|quiet| quiet.is_at(now, &facts.zone));
    let mut looked = Looked::default();
    let found = findings(rule, facts);
    for finding in &found {
        let before = known.iter().find(|known| known.finding.subject == finding.subject);
        let told_before = before.and_then(|before| before.told_at);
        let tells = told_before.is_none() && !is_quiet && !is_muted(rule, finding, facts);
        if tells {
            looked.opened.push(finding.clone());
        }
        let is_back = before.is_some_and(|before| before.gone_at.is_some());
        if tells || is_back || before.is_none() {
            looked.changes.push(Change::Keep(Found {
                rule_id: rule.id.clone(),
                finding: finding.clone(),
                found_at: before.map_or(now, |before| before.found_at),
                told_at: told_before.or(tells.then_some(now)),
                gone_at: None,
            }));
        }
    }
    for known in known.iter().filter(|known| !found.iter().any(|found| found.subject == known.finding.subject)) {
        let forget = Change::Forget { rule_id: rule.id.clone(), subject: known.finding.subject.clone() };
        match known.gone_at {
            _ if known.told_at.is_none() || !known.finding.lasts => looked.changes.push(forget),
            None => looked.changes.push(Change::Keep(Found { gone_at: Some(now), ..known.clone() })),
            Some(gone) if now.since(gone) >= SETTLED && !is_quiet => {
                let failed = failed_since(rule, known, facts);
                looked.resolved.push(Over { finding: known.finding.clone(), failed });
                looked.changes.push(forget);
            }
            Some(_) => {}
        }
    }
    looked
}

/// Whether what was found is muted. It is told when that ends, if it is still there.
fn is_muted(rule: &AlertRule, finding: &Finding, facts: &Facts) -> bool {
    let is_muted_as_a_whole = |code: &str| {
        let mut of_code = facts.issues.iter().filter(|issue| issue.problem.code.as_str() == code).peekable();
        of_code.peek().is_some() && of_code.all(|issue| issue.is_muted)
    };
    match &rule.watches {
        Watch::Issue => facts.issues.iter().any(|issue| issue.id == finding.subject && issue.is_muted),
        Watch::LeadWaits { .. } => is_muted_as_a_whole(&finding.subject),
        Watch::Reconnect => {
            let code = facts.connection.as_ref().and_then(|(_, problem)| problem.as_ref()).map(|problem| problem.code);
            is_muted_as_a_whole(code.unwrap_or(Code::AuthRevoked).as_str())
        }
        Watch::Failed | Watch::Failures { .. } => false,
        Watch::RolledBack | Watch::Silence { .. } | Watch::Weekly => false,
    }
}

/// How many leads failed for what a finding was about, since somebody was told that they wait for it.
fn failed_since(rule: &AlertRule, known: &Found, facts: &Facts) -> u64 {
    let Watch::LeadWaits { .. } = rule.watches else { return 0 };
    let is_it = |lead: &&FailedLead| lead.at >= known.found_at && lead.problem.code.as_str() == known.finding.subject;
    facts.failed.iter().filter(is_it).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alert::{Channel, Quiet};
    use crate::model::id::AccountId;

    /// A Monday, noon.
    pub(super) const NOON: Timestamp = Timestamp(1_795_435_200_000);
    pub(super) const MINUTE: Duration = Duration::from_secs(60);

    pub(super) fn rule(watches: Watch) -> AlertRule {
        AlertRule {
            id: AlertId::stored("alr_1".to_owned()),
            account_id: AccountId::stored("acc_1".to_owned()),
            watches,
            channel: Channel::Mail { to: vec!["maya@example.com".to_owned()] },
            quiet: None,
            is_on: true,
            revision: 1,
            created_by: "maya@example.com".to_owned(),
            created_at: NOON - HOUR * 24 * 7,
            problem: None,
        }
    }

    pub(super) fn facts(now: Timestamp) -> Facts {
        Facts {
            now,
            zone: TimeZone::UTC,
            connection: None,
            issues: Vec::new(),
            waiting: Vec::new(),
            failed: Vec::new(),
            figures: Figures::default(),
            rolled_back: Vec::new(),
            last_lead: Some(now),
        }
    }

    pub(super) fn open(id: &str) -> Open {
        let problem = Problem::new(Code::PropertyMissing, "`budget_range` is missing").about("budget_range");
        Open { id: id.to_owned(), problem, since: NOON, held: 3, is_muted: false }
    }

    pub(super) fn says_of(rule: &AlertRule, facts: &Facts) -> Vec<String> {
        findings(rule, facts).into_iter().map(|finding| finding.title).collect()
    }

    fn lead_that_failed(code: Code, at: Timestamp) -> FailedLead {
        FailedLead { problem: Problem::new(code, "gave up after 13 attempts in 72 hours"), at }
    }

    #[test]
    fn leads_that_failed_are_one_thing_a_cause_and_news_again_after_a_day_without() {
        let rule = rule(Watch::Failed);
        let down = |at| lead_that_failed(Code::HubspotUnreachable, at);
        let failed = vec![down(NOON - HOUR), down(NOON), lead_that_failed(Code::EmailInvalid, NOON - HOUR * 25)];
        let facts_at = |now, failed: &[FailedLead]| Facts { failed: failed.to_vec(), ..facts(now) };
        let first = look(&rule, &facts_at(NOON, &failed), &[]);
        let [told] = &first.opened[..] else { panic!("{:?}", first.opened) };
        assert_eq!(told.title, "2 leads failed: HubSpot could not be reached");
        assert!(told.detail.starts_with("Gave up after 13 attempts in 72 hours. It was given up at 12:00"), "{told:?}");
        let Some(Change::Keep(found)) = first.changes.into_iter().next() else { panic!("it is kept") };
        let known = std::slice::from_ref(&found);
        let more: Vec<_> = failed.iter().cloned().chain([down(NOON + HOUR)]).collect();
        assert_eq!(look(&rule, &facts_at(NOON + HOUR, &more), known), Looked::default(), "one letter, not one a lead");
        let calm = look(&rule, &facts_at(NOON + HOUR * 25, &more), known);
        assert!(matches!(&calm.changes[..], [Change::Forget { .. }]) && calm.resolved.is_empty(), "it is never over");
        let young = AlertRule { created_at: NOON, ..rule };
        assert_eq!(says_of(&young, &facts_at(NOON, &failed)), ["A lead failed: HubSpot could not be reached"]);
    }

    #[test]
    fn leads_that_waited_and_failed_did_not_end_well() {
        let rule = rule(Watch::LeadWaits { minutes: 15 });
        let waits = Waiting { code: Some(Code::HubspotUnreachable), leads: 3, since: NOON - HOUR };
        let first = look(&rule, &Facts { waiting: vec![waits], ..facts(NOON) }, &[]);
        let Some(Change::Keep(found)) = first.changes.into_iter().next() else { panic!("it is kept") };
        let gone = Found { gone_at: Some(NOON + HOUR), ..found };
        let failed = [NOON - HOUR, NOON + HOUR].map(|at| lead_that_failed(Code::HubspotUnreachable, at));
        let other = lead_that_failed(Code::EmailInvalid, NOON + HOUR);
        for (failed, count) in [(vec![], 0), (failed.to_vec(), 1), (vec![other], 0)] {
            let looked = look(&rule, &Facts { failed, ..facts(NOON + HOUR * 2) }, std::slice::from_ref(&gone));
            assert_eq!(looked.resolved.iter().map(|over| over.failed).collect::<Vec<_>>(), [count]);
        }
    }

    /// What people were told, look by look: `+` for news, `-` for what is over.
    fn told(rule: &AlertRule, looks: &[(Timestamp, Vec<Open>)]) -> String {
        let mut known: Vec<Found> = Vec::new();
        let mut words = Vec::new();
        for (now, issues) in looks {
            let looked = look(rule, &Facts { issues: issues.clone(), ..facts(*now) }, &known);
            words.extend(looked.opened.iter().map(|one| format!("+{}", one.subject)));
            words.extend(looked.resolved.iter().map(|one| format!("-{}", one.finding.subject)));
            for change in looked.changes {
                let subject = match &change {
                    Change::Keep(found) => found.finding.subject.clone(),
                    Change::Forget { subject, .. } => subject.clone(),
                };
                known.retain(|known| known.finding.subject != subject);
                known.extend(match change {
                    Change::Keep(found) => Some(found),
                    Change::Forget { .. } => None,
                });
            }
            words.push("|".to_owned());
        }
        words.join("")
    }

    #[test]
    fn a_thing_is_told_once_and_that_it_is_over_once() {
        let at = |minutes: u32| NOON + MINUTE * minutes;
        let (one, two) = (open("a"), open("b"));
        let muted = Open { is_muted: true, ..one.clone() };
        let rows = [
            (vec![(0, vec![&one]), (1, vec![&one]), (2, vec![&one, &two])], "+a||+b|"),
            (vec![(0, vec![&one]), (1, vec![]), (5, vec![]), (6, vec![]), (7, vec![])], "+a|||-a||"),
            // What comes and goes is one thing.
            (vec![(0, vec![&one]), (1, vec![]), (2, vec![&one]), (3, vec![]), (7, vec![])], "+a|||||"),
            (vec![(0, vec![&one]), (1, vec![]), (6, vec![]), (7, vec![&one])], "+a||-a|+a|"),
            // Muted it is no news until that ends; one that was told is neither told again nor over.
            (vec![(0, vec![&muted]), (1, vec![&muted]), (2, vec![&one])], "||+a|"),
            (vec![(0, vec![&one]), (1, vec![&muted]), (9, vec![&muted]), (10, vec![&one])], "+a||||"),
            (vec![(0, vec![&muted]), (1, vec![]), (7, vec![])], "|||"),
        ];
        for (looks, expected) in rows {
            let looks: Vec<_> =
                looks.into_iter().map(|(at_, open)| (at(at_), open.into_iter().cloned().collect())).collect();
            assert_eq!(told(&rule(Watch::Issue), &looks), expected);
        }
    }

    #[test]
    fn in_quiet_hours_nobody_is_told_and_later_only_of_what_is_still_there() {
        let quiet = Quiet { from: Clock::at(12, 0), until: Clock::at(13, 0) };
        let rule = AlertRule { quiet: Some(quiet), ..rule(Watch::Issue) };
        let at = |minutes: u32| NOON + MINUTE * minutes;
        let (one, two) = (open("a"), open("b"));
        let both = vec![one.clone(), two];
        assert_eq!(told(&rule, &[(at(0), both), (at(30), vec![one.clone()]), (at(60), vec![one.clone()])]), "||+a|");
        // It was told before, and is over in the quiet.
        let before = NOON - MINUTE;
        assert_eq!(
            told(&rule, &[(before, vec![one]), (at(1), vec![]), (at(20), vec![]), (at(60), vec![])]),
            "+a|||-a|"
        );
    }

    #[test]
    fn what_happened_is_told_once_and_is_never_over() {
        let rule = rule(Watch::Weekly);
        let first = look(&rule, &facts(NOON), &[]);
        assert_eq!(first.opened.len(), 1);
        let Some(Change::Keep(found)) = first.changes.into_iter().next() else { panic!("it is kept") };
        assert_eq!(look(&rule, &facts(NOON + HOUR), std::slice::from_ref(&found)), Looked::default());
        let next = look(&rule, &facts(NOON + HOUR * 24 * 7), std::slice::from_ref(&found));
        assert_eq!((next.opened.len(), next.resolved.len()), (1, 0), "the next week, and the one before is forgotten");
        let young = AlertRule { created_at: NOON, ..rule };
        assert!(look(&young, &facts(NOON), &[]).opened.is_empty(), "it begins with the week after");
    }
}
