//! The state of one round: how far each action has come, and why it did not come further. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::budget;
use crate::cause::{Code, Problem};
use crate::contract::actions::Action;
use crate::hubspot::{Meaning, Pause};
use crate::lane::{Seen, Service};
use crate::model::account::Connection;
use crate::model::delivery::{Claimed, Dropped, Normalized, Outcome, Progress, Record};
use crate::model::id::CallId;
use crate::model::time::Timestamp;
use crate::plan::Plan;
use crate::retry;
use crate::store::{self, LaneState, OpenCall};

pub(super) use crate::plan::object_type;

/// What a round leaves for later is due again after this.
const LATER: Duration = Duration::from_secs(5);
/// A note that may have been written is looked for after this: HubSpot needs a moment to show it.
pub(super) const DOUBT: Duration = Duration::from_secs(5);

/// Delivery and action, by position.
pub(super) type Owner = (usize, usize);

/// Why an action did not come further in this round.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Temporary { problem: Problem, asked: Duration },
    Blocked(Problem),
    Refused(Problem),
}

/// What becomes of what a round did not try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It goes on a little later, so that other lanes come on.
    Later,
    /// It keeps its place: HubSpot serves nobody, and how long the lane rests for that is decided for all of it.
    InPlace,
}

pub(super) struct Round {
    pub(super) claimed: Vec<Claimed>,
    pub(super) progress: Vec<Progress>,
    verdicts: Vec<Vec<Option<Verdict>>>,
    /// It is about somebody who must not be written: nothing of it is tried.
    removed: Vec<bool>,
    /// The delivery goes on then: a note of it may still become visible, or a record of it is made again.
    not_before: Vec<Option<Timestamp>>,
    pause: Option<(Problem, Pause)>,
    /// The round ended before everything was tried.
    cut: Option<Cut>,
    /// Something was written, found or tied.
    advanced: bool,
    /// A contact got another key in this round.
    pub(super) rekeyed: bool,
    began: Timestamp,
}

impl Round {
    pub(super) fn begin(claimed: Vec<Claimed>, now: Timestamp) -> Self {
        let progress: Vec<_> = claimed.iter().map(|claimed| claimed.progress.clone()).collect();
        let verdicts = progress.iter().map(|progress| vec![None; progress.actions.len()]).collect();
        let not_before = vec![None; claimed.len()];
        let removed = vec![false; claimed.len()];
        let (pause, cut) = (None, None);
        Self {
            claimed,
            progress,
            verdicts,
            removed,
            not_before,
            pause,
            cut,
            advanced: false,
            rekeyed: false,
            began: now,
        }
    }

    /// Leaves alone whatever is about somebody who must not be written.
    pub(super) fn remove(&mut self, is_theirs: impl Fn(&Plan) -> bool) {
        self.removed = self.claimed.iter().map(|claimed| is_theirs(&claimed.plan)).collect();
    }

    /// Lets what is new and recognised by no e-mail address wait, until somebody looked at it.
    pub(super) fn hold_for_review(&mut self) {
        const WHY: &str = "it has no e-mail address, and the account looks at such leads before they are sent";
        let is_new = |progress: &Progress| {
            !progress.reviewed && !progress.resent && progress.actions.iter().all(|action| action.record.is_none())
        };
        for delivery in 0..self.claimed.len() {
            let is_without = self.claimed[delivery].plan.contact_without_email().is_some();
            if is_without && is_new(&self.progress[delivery]) {
                let problem = Problem::new(Code::LeadForReview, WHY);
                let actions = 0..self.progress[delivery].actions.len();
                actions.for_each(|action| self.stop((delivery, action), Verdict::Blocked(problem.clone())));
            }
        }
    }

    /// Takes in the calls that an earlier holder of the lane left behind: its writes may have taken effect. Returns the
    /// calls that need not be remembered any longer. A note of a delivery that this round does not serve keeps its call
    /// open, so that a later round looks for it.
    pub(super) fn recall(&mut self, calls: &[OpenCall], now: Timestamp) -> Vec<CallId> {
        let mut answered = Vec::new();
        for call in calls {
            // Everything else is safe to repeat.
            let creates_notes = call.operation == "notes.create";
            let owners: Vec<_> = call.items.iter().map(|trace| self.owner(trace)).collect();
            for (delivery, action) in owners.iter().flatten().filter(|_| creates_notes) {
                self.progress[*delivery].actions[*action].unsure = true;
                if call.started_at + DOUBT > now {
                    self.not_before[*delivery] = self.not_before[*delivery].max(Some(call.started_at + DOUBT));
                }
            }
            if !creates_notes || owners.iter().all(Option::is_some) {
                answered.push(call.id.clone());
            }
        }
        self.hold_back_newer();
        answered
    }

    /// Where an older lead of a person waits, the newer ones of the same person wait too.
    fn hold_back_newer(&mut self) {
        for older in 0..self.claimed.len() {
            let (Some(until), Some(key)) = (self.not_before[older], self.claimed[older].key_hash.clone()) else {
                continue;
            };
            for newer in older + 1..self.claimed.len() {
                if self.claimed[newer].key_hash.as_deref() == Some(&*key) {
                    self.not_before[newer] = self.not_before[newer].max(Some(until));
                }
            }
        }
    }

    fn owner(&self, trace: &str) -> Option<Owner> {
        let (id, action) = trace.split_once('/')?;
        let delivery = self.claimed.iter().position(|claimed| claimed.id.as_str() == id)?;
        let action = action.parse().ok()?;
        (action < self.progress[delivery].actions.len()).then_some((delivery, action))
    }

    pub(super) fn trace(&self, (delivery, action): Owner) -> String {
        format!("{}/{action}", self.claimed[delivery].id)
    }

    /// The actions that are not finished and that nothing stopped in this round, in the order of the events.
    pub(super) fn open(&self) -> impl Iterator<Item = (Owner, &Action)> {
        let stopped = self.pause.is_some();
        self.claimed
            .iter()
            .enumerate()
            .filter(move |(delivery, _)| !stopped && !self.removed[*delivery] && self.not_before[*delivery].is_none())
            .flat_map(move |(delivery, claimed)| {
                let open = move |action: &usize| {
                    !self.progress[delivery].is_done(&claimed.plan, *action)
                        && self.verdicts[delivery][*action].is_none()
                };
                (0..claimed.plan.actions.len())
                    .filter(open)
                    .map(move |action| ((delivery, action), &claimed.plan.actions[action]))
            })
    }

    /// The record of an action, where it has one by now.
    pub(super) fn record(&self, (delivery, action): Owner) -> Option<&Record> {
        self.progress[delivery].actions[action].record.as_ref()
    }

    /// Type and id of the record of an action, where it has one by now.
    pub(super) fn typed_record(&self, owner: Owner) -> Option<(String, String)> {
        let object_type = object_type(&self.claimed[owner.0].plan.actions[owner.1]);
        Some((object_type.to_owned(), self.record(owner)?.id.clone()))
    }

    pub(super) fn written(&mut self, (delivery, action): Owner, record: Record) {
        self.advanced = true;
        let progress = &mut self.progress[delivery].actions[action];
        progress.record = Some(record);
        progress.unsure = false;
        progress.problem = None;
    }

    pub(super) fn linked(&mut self, (delivery, action): Owner, target: u32) {
        self.advanced = true;
        let linked = &mut self.progress[delivery].actions[action].linked;
        if !linked.contains(&target) {
            linked.push(target);
        }
    }

    /// Notes that HubSpot refuses a value of an action: it is not sent again.
    pub(super) fn drop_value(&mut self, (delivery, action): Owner, dropped: Dropped) {
        let progress = &mut self.progress[delivery];
        if !progress.actions[action].refused.contains(&dropped.field) {
            progress.actions[action].refused.push(dropped.field.clone());
        }
        progress.drop_value(dropped);
    }

    /// Notes that a value was left out in this round, for what is known of the portal. Another round may know better.
    pub(super) fn leave_out(&mut self, (delivery, _): Owner, dropped: Dropped) {
        self.progress[delivery].drop_value(dropped);
    }

    /// Takes back what was noted about values that were written after all.
    pub(super) fn wrote(&mut self, (delivery, _): Owner, properties: &BTreeMap<String, String>) {
        let is_written = |dropped: &Dropped| match dropped.code {
            None => false,
            // A newer lead in the same batch writes the property too.
            Some(Code::LeadPassed) => properties.get(&dropped.field) == Some(&dropped.value),
            Some(_) => properties.contains_key(&dropped.field),
        };
        self.progress[delivery].dropped.retain(|dropped| !is_written(dropped));
    }

    /// Notes that HubSpot stored a value in another form.
    pub(super) fn normalized(&mut self, delivery: usize, normalized: Normalized) {
        let known = &mut self.progress[delivery].normalized;
        if !known.contains(&normalized) {
            known.push(normalized);
        }
    }

    /// From now on another key recognises the record of an action.
    pub(super) fn rekey(&mut self, (delivery, action): Owner, key: (String, String)) {
        self.progress[delivery].actions[action].key = Some(key);
        self.rekeyed = true;
    }

    /// Whether the record of an action was locked when it was last written.
    pub(super) fn was_locked(&self, (delivery, action): Owner) -> bool {
        let problem = &self.progress[delivery].actions[action].problem;
        problem.as_ref().is_some_and(|problem| problem.code == Code::HubspotLocked)
    }

    /// A record of an action, or one that it refers to, is gone: they are found or made again by their keys, in a later
    /// round and once. False: that was done already.
    pub(super) fn make_again(&mut self, (delivery, action): Owner) -> bool {
        let progress = &mut self.progress[delivery];
        if std::mem::replace(&mut progress.actions[action].made_again, true) {
            return false;
        }
        let planned = &self.claimed[delivery].plan.actions[action];
        let mut gone: Vec<_> = planned.refers_to().iter().map(|target| *target as usize).collect();
        if planned.key().is_some() {
            gone.push(action); // a note is never made again: it has no key that would find it
        }
        for &index in &gone {
            progress.actions[index].record = None;
            progress.actions[index].linked.clear();
        }
        // Whatever was tied to the old records is tied to the new ones.
        for action in &mut progress.actions {
            action.linked.retain(|target| !gone.contains(&(*target as usize)));
        }
        self.not_before[delivery] = Some(self.began);
        true
    }

    pub(super) fn unsure(&mut self, (delivery, action): Owner, unsure: bool) {
        self.progress[delivery].actions[action].unsure = unsure;
    }

    pub(super) fn stop(&mut self, (delivery, action): Owner, verdict: Verdict) {
        let problem = match &verdict {
            Verdict::Temporary { problem, .. } | Verdict::Blocked(problem) | Verdict::Refused(problem) => problem,
        };
        self.progress[delivery].actions[action].problem = Some(problem.clone());
        self.verdicts[delivery][action] = Some(verdict);
    }

    /// Says that the round ends before everything was tried.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    /// What the round says of the portal's health. `unserved`: its last call failed, and not for what was sent.
    pub(super) fn service(&self, calls: usize, unserved: bool) -> Service {
        Seen { calls, advanced: self.advanced, rests: self.pause.is_some(), unserved }.service()
    }

    /// Whether an action of the delivery was neither finished nor stopped, although what it refers to is there.
    fn has_open(&self, delivery: usize) -> bool {
        let claimed = &self.claimed[delivery];
        (0..claimed.plan.actions.len()).any(|action| {
            let open =
                !self.progress[delivery].is_done(&claimed.plan, action) && self.verdicts[delivery][action].is_none();
            let targets = claimed.plan.actions[action].refers_to();
            open && (targets.is_empty()
                || targets.iter().any(|target| self.record((delivery, *target as usize)).is_some()))
        })
    }

    /// Applies what an answer means to every action that it was for. A pause stops the whole round.
    pub(super) fn stop_all(&mut self, owners: &[Owner], meaning: &Meaning) {
        let verdict = match meaning.clone() {
            Meaning::Pause { problem, pause } => {
                self.pause = Some((problem, pause));
                return;
            }
            Meaning::Temporary { problem, asked } => Verdict::Temporary { problem, asked },
            Meaning::Blocked(problem) => Verdict::Blocked(problem),
            Meaning::Gone(problem) => Verdict::Refused(Problem { code: Code::RecordGone, ..problem }),
            Meaning::Refused(problem)
            | Meaning::Conflict { problem, .. }
            | Meaning::Duplicates { problem, .. }
            | Meaning::Unclear(problem) => Verdict::Refused(problem),
            Meaning::Properties(bad) => {
                let first = bad.into_iter().next();
                Verdict::Refused(first.map_or_else(
                    || unreachable!("a refusal of properties names one"),
                    |bad| {
                        Problem::new(bad.code, format!("HubSpot refuses `{}`: {}", bad.name, bad.message))
                            .about(bad.name)
                    },
                ))
            }
        };
        for &owner in owners {
            self.stop(owner, verdict.clone());
        }
    }

    /// The whole lane waits; nobody spends an attempt.
    pub(super) fn rest(&mut self, problem: Problem, pause: Pause) {
        self.pause = Some((problem, pause));
    }

    pub(super) fn block_all(&mut self, problem: &Problem) {
        let open: Vec<_> = self.open().map(|(owner, _)| owner).collect();
        self.stop_all(&open, &Meaning::Blocked(problem.clone()));
    }

    /// How the lane goes on: it rests where HubSpot asked for that, or where its limit was `spent` before the round was
    /// done, so that the next one finds room.
    pub(super) fn lane(&self, connection: &Connection, spent: bool, now: Timestamp) -> LaneState {
        let Some((problem, pause)) = &self.pause else {
            return LaneState { paused_until: spent.then(|| now + LATER), ..LaneState::default() };
        };
        let paused_until = match pause {
            Pause::For(pause) => now + *pause,
            Pause::UntilMidnight => {
                let zone = connection.portal.as_ref().map_or("", |portal| &portal.time_zone);
                budget::next_day(zone, connection.id.as_str(), now)
            }
        };
        LaneState { paused_until: Some(paused_until), pause: Some(problem.clone()), learned: None }
    }

    /// What the round came to for each delivery.
    pub(super) fn outcomes(&self, now: Timestamp) -> Vec<Outcome> {
        (0..self.claimed.len()).map(|delivery| self.outcome(delivery, now)).collect()
    }

    fn outcome(&self, delivery: usize, now: Timestamp) -> Outcome {
        let claimed = &self.claimed[delivery];
        if self.removed[delivery] {
            return Outcome::erased(claimed, store::erased(), now);
        }
        let progress = self.progress[delivery].clone();
        let all_done = (0..claimed.plan.actions.len()).all(|action| progress.is_done(&claimed.plan, action));
        if all_done {
            return Outcome::delivered(claimed, progress, now);
        }
        if let Some(at) = self.not_before[delivery] {
            // A record is made again, or a note looked for: whatever else there is to say, it is said after that.
            return Outcome::waiting(claimed, progress, None, at);
        }
        // What can be tried again comes first: it may bring the rest along. Then what somebody can mend.
        let verdicts = || self.verdicts[delivery].iter().flatten();
        let temporary = verdicts().filter_map(|verdict| match verdict {
            Verdict::Temporary { problem, asked } => Some((problem, *asked)),
            _ => None,
        });
        if let Some((problem, asked)) = temporary.max_by_key(|(_, asked)| *asked) {
            let first_at = claimed.first_at.unwrap_or(now);
            return match retry::due(&claimed.id, claimed.attempts + 1, first_at, asked, now) {
                Some(due_at) => Outcome::retry(claimed, progress, problem.clone(), due_at, now),
                None => Outcome::failed(claimed, progress, gave_up(problem, claimed.attempts + 1), now),
            };
        }
        if let Some((problem, _)) = &self.pause {
            // The lane rests, so the place in it is kept.
            return Outcome::waiting(claimed, progress, Some(problem.clone()), claimed.due_at);
        }
        if let Some(cut) = self.cut.filter(|_| self.has_open(delivery)) {
            // Something was not even tried, such as a note: that comes before any last word.
            let due_at = match cut {
                Cut::Later => now + LATER,
                Cut::InPlace => claimed.due_at,
            };
            return Outcome::waiting(claimed, progress, None, due_at);
        }
        let blocked = verdicts().find_map(|verdict| match verdict {
            Verdict::Blocked(problem) => Some(problem),
            _ => None,
        });
        if let Some(problem) = blocked {
            return Outcome::blocked(claimed, progress, problem.clone());
        }
        let refused = verdicts().find_map(|verdict| match verdict {
            Verdict::Refused(problem) => Some(problem),
            _ => None,
        });
        match refused {
            Some(problem) => Outcome::failed(claimed, progress, problem.clone(), now),
            None => Outcome::waiting(claimed, progress, None, now + LATER),
        }
    }
}

fn gave_up(problem: &Problem, attempts: u32) -> Problem {
    Problem {
        detail: format!("gave up after {attempts} attempts in 72 hours; the last one: {}", problem.detail),
        ..problem.clone()
    }
}
