//! What happened, kept by somebody who shares no code with the decisions, and what is wrong with it.

use std::collections::HashMap;
use std::fmt;

use super::portal::Answer;

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// Somebody settled after somebody else had taken the lane.
    LateSettle,
    /// Two holders of one lane called at the same time, or an earlier one after a later one.
    TwoHolders,
    /// An older lead of a person was written after a newer one.
    OutOfOrder,
    /// A lane was served twice while another one waited.
    Starved,
    CallWhileResting,
    /// An attempt was counted that was none, or the other way round.
    Attempts,
    AboveLimit,
    /// A retry, or the end of the retries, that is not in the timetable.
    Timetable,
    /// A lead never ended, ended twice, or ended well without being written.
    Lost,
    /// A portal that serves nobody was called again too soon.
    Storm,
    /// A portal that serves nobody was sent more than one lead.
    Burned,
}

#[derive(Debug)]
pub(super) struct Violation {
    pub(super) wrong: Wrong,
    at: i64,
    step: u64,
    detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} ms, step {}: {}", self.wrong, self.at, self.step, self.detail)
    }
}

/// The promise of the help page, in seconds, written down once more.
const WAITS_S: [i64; 11] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 43_200, 43_200, 43_200];
const END_MILLIS: i64 = 72 * 3600 * 1000;

/// What became of a lead in a settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Failed,
    /// Due again then.
    Pending(i64),
}

#[derive(Clone, Debug)]
struct Lead {
    lane: usize,
    person: u32,
    arrived_at: i64,
    attempts: u32,
    /// When the first attempt was settled.
    first_at: Option<i64>,
    not_before: i64,
    ended_at: Option<i64>,
    /// The lease under which it was sent last, and what the last answer was.
    sent_under: i64,
    answer: Option<Answer>,
    /// Record and note, as the portal holds them.
    applied: [bool; 2],
}

#[derive(Clone, Debug, Default)]
struct Lane {
    /// The newest lease.
    epoch: i64,
    leased_at: i64,
    rests_until: i64,
    /// The newest lease under which something was sent.
    sent_under: i64,
    /// Who waits for an answer, and until when at most.
    on_wire: Vec<(i64, i64)>,
    /// The newest lead of each person whose record is stored as written. Before that a lost answer may have the older
    /// ones of a batch written once more, and the newer ones after them.
    newest: HashMap<u32, u64>,
    last_answer: Option<Answer>,
    advanced: bool,
    failures: u32,
    failed_at: i64,
}

/// A call as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) lane: usize,
    pub(super) epoch: i64,
    /// None reads; else which part is written.
    pub(super) writes: Option<usize>,
    pub(super) leads: Vec<u64>,
    pub(super) timeout_millis: i64,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    leads: Vec<Lead>,
    lanes: Vec<Lane>,
    /// How far apart clocks may stand.
    skew: i64,
    pub(super) now: i64,
    pub(super) step: u64,
}

type Checked = Result<(), Violation>;

impl Record {
    pub(super) fn new(lanes: usize, skew: i64) -> Self {
        Self { lanes: vec![Lane::default(); lanes], skew, ..Self::default() }
    }

    fn check(&self, holds: bool, wrong: Wrong, detail: impl FnOnce() -> String) -> Checked {
        if holds { Ok(()) } else { Err(Violation { wrong, at: self.now, step: self.step, detail: detail() }) }
    }

    /// A lead came; its number.
    pub(super) fn arrived(&mut self, lane: usize, person: u32) -> u64 {
        self.leads.push(Lead {
            lane,
            person,
            arrived_at: self.now,
            attempts: 0,
            first_at: None,
            not_before: self.now,
            ended_at: None,
            sent_under: 0,
            answer: None,
            applied: [false; 2],
        });
        self.leads.len() as u64 - 1
    }

    /// A lane was leased, while the others have been waiting since the given times.
    pub(super) fn leased(&mut self, lane: usize, epoch: i64, others: impl Iterator<Item = (usize, i64)>) -> Checked {
        let before = self.lanes[lane].leased_at;
        if self.skew == 0 {
            for (other, since) in others {
                let served = self.lanes[other].leased_at;
                self.check(other == lane || since >= before || served >= before, Wrong::Starved, || {
                    format!("lane {lane} is served again since {before}, and lane {other} waits since {since}")
                })?;
            }
        }
        let known = &mut self.lanes[lane];
        (known.epoch, known.leased_at) = (epoch, self.now);
        (known.last_answer, known.advanced) = (None, false);
        Ok(())
    }

    pub(super) fn sent(&mut self, call: &Call) -> Checked {
        let (now, skew) = (self.now, 2 * self.skew);
        let lane = &self.lanes[call.lane];
        let alone = lane.on_wire.iter().all(|(epoch, until)| *epoch == call.epoch || *until <= now);
        self.check(alone && lane.sent_under <= call.epoch, Wrong::TwoHolders, || {
            format!("lane {} under lease {}, beside {:?}", call.lane, call.epoch, lane.on_wire)
        })?;
        self.check(now + skew >= lane.rests_until, Wrong::CallWhileResting, || {
            format!("lane {} rests until {}", call.lane, lane.rests_until)
        })?;
        if lane.failures >= 3 && now - lane.failed_at < 600_000 - skew {
            let rest = (5_000_i64 << (lane.failures - 3).min(10)).min(300_000);
            let detail = || format!("lane {} after {} failures: {call:?}", call.lane, lane.failures);
            self.check(now + skew >= lane.failed_at + rest, Wrong::Storm, detail)?;
            self.check(call.leads.len() == 1, Wrong::Burned, detail)?;
        }
        for lead in &call.leads {
            let known = &self.leads[*lead as usize];
            self.check(now + skew >= known.not_before, Wrong::Timetable, || {
                format!("lead {lead} is early: {known:?}")
            })?;
        }
        for lead in &call.leads {
            let known = &mut self.leads[*lead as usize];
            (known.sent_under, known.answer) = (call.epoch, None);
        }
        let lane = &mut self.lanes[call.lane];
        lane.sent_under = call.epoch;
        lane.on_wire.retain(|(epoch, _)| *epoch != call.epoch);
        lane.on_wire.push((call.epoch, now + call.timeout_millis));
        Ok(())
    }

    /// A call came to the portal.
    pub(super) fn received(&mut self, call: &Call, applied: bool, above_limit: bool) -> Checked {
        let lane = &self.lanes[call.lane];
        self.check(call.epoch >= lane.sent_under, Wrong::TwoHolders, || {
            format!("a call under lease {} came after one under {}", call.epoch, lane.sent_under)
        })?;
        // Calls of clocks that stand apart cannot be counted to the second.
        self.check(!above_limit || self.skew > 0, Wrong::AboveLimit, || format!("{call:?}"))?;
        let Some(part) = call.writes.filter(|_| applied) else { return Ok(()) };
        for lead in &call.leads {
            let person = self.leads[*lead as usize].person;
            self.leads[*lead as usize].applied[part] = true;
            if part > 0 {
                continue;
            }
            let newest = self.lanes[call.lane].newest.get(&person).copied().unwrap_or(0);
            self.check(newest <= *lead, Wrong::OutOfOrder, || {
                format!("lead {lead} of person {person} after lead {newest}: {call:?}")
            })?;
        }
        Ok(())
    }

    /// The caller has its answer.
    pub(super) fn answered(&mut self, call: &Call, answer: Answer) {
        let locked = match answer {
            Answer::Done { locked, .. } => locked,
            Answer::TooMany { .. } | Answer::Unserved => None,
        };
        for lead in &call.leads {
            let known = &mut self.leads[*lead as usize];
            // An answer that comes late says nothing of what a later holder sent.
            if known.sent_under == call.epoch {
                known.answer = Some(if locked == Some(known.person) { Answer::Unserved } else { answer });
            }
        }
        let lane = &mut self.lanes[call.lane];
        lane.on_wire.retain(|(epoch, _)| *epoch != call.epoch);
        if lane.epoch == call.epoch {
            lane.last_answer = Some(answer);
            let all_locked = call.leads.iter().all(|lead| Some(self.leads[*lead as usize].person) == locked);
            lane.advanced |= call.writes.is_some() && matches!(answer, Answer::Done { .. }) && !all_locked;
        }
    }

    /// The caller died: what was on its way is there in a moment, and nobody waits for the answer.
    pub(super) fn hung_up(&mut self, lane: usize, epoch: i64) {
        self.lanes[lane].on_wire.retain(|(other, _)| *other != epoch);
    }

    /// A settle of one lead took effect; `written` says whether its record is known to be there.
    pub(super) fn settled_lead(
        &mut self,
        (lead, written): (u64, bool),
        epoch: i64,
        attempts: u32,
        fate: Fate,
    ) -> Checked {
        let now = self.now;
        let known = &self.leads[lead as usize];
        self.check(epoch == self.lanes[known.lane].epoch, Wrong::LateSettle, || format!("lead {lead} under {epoch}"))?;
        self.check(known.ended_at.is_none(), Wrong::Lost, || format!("lead {lead} ended twice"))?;
        let failed = known.sent_under == epoch && known.answer == Some(Answer::Unserved);
        let spent = failed || fate == Fate::Delivered;
        self.check(attempts == known.attempts + u32::from(spent), Wrong::Attempts, || {
            format!("lead {lead} has {attempts} now: {known:?}")
        })?;
        let first_at = known.first_at.unwrap_or(now);
        match fate {
            Fate::Delivered => self.check(known.applied == [true; 2], Wrong::Lost, || format!("{lead}: {known:?}"))?,
            Fate::Failed => {
                let is_end = attempts == 13 || now + 2 * self.skew >= first_at + END_MILLIS;
                self.check(is_end, Wrong::Timetable, || format!("lead {lead} ends early: {known:?}"))?;
            }
            Fate::Pending(due) if spent => {
                let wait = WAITS_S.get(attempts as usize - 1).map_or(END_MILLIS, |wait| wait * 1000);
                let latest = (first_at + END_MILLIS).min(now + wait + wait / 10 + 2_000) + self.skew;
                let earliest = (first_at + END_MILLIS).min(now + wait - wait / 10) - self.skew;
                self.check((earliest - 2..=latest).contains(&due), Wrong::Timetable, || {
                    format!("lead {lead} is due at {due}: {known:?}")
                })?;
            }
            Fate::Pending(_) => {}
        }
        let known = &mut self.leads[lead as usize];
        known.attempts = attempts;
        let (lane, person) = (known.lane, known.person);
        if spent {
            known.first_at = Some(first_at);
        }
        match fate {
            Fate::Pending(due) => known.not_before = due,
            Fate::Delivered | Fate::Failed => known.ended_at = Some(now),
        }
        if written {
            let newest = self.lanes[lane].newest.entry(person).or_default();
            *newest = (*newest).max(lead);
        }
        Ok(())
    }

    /// A settle took effect, and HubSpot had asked for a rest until then.
    pub(super) fn settled(&mut self, lane: usize, epoch: i64, asked_until: Option<i64>) -> Checked {
        let now = self.now;
        let known = &mut self.lanes[lane];
        known.rests_until = known.rests_until.max(asked_until.unwrap_or(0));
        match known.last_answer {
            _ if known.advanced => known.failures = 0,
            Some(Answer::Unserved) => {
                known.failures = if now - known.failed_at < 600_000 { known.failures + 1 } else { 1 };
                known.failed_at = now;
            }
            Some(Answer::Done { .. }) => known.failures = 0,
            Some(Answer::TooMany { .. }) | None => {}
        }
        let newest = known.epoch;
        self.check(epoch == newest, Wrong::LateSettle, || format!("lane {lane} under {epoch}, held under {newest}"))
    }

    /// Nothing happens any more: every lead has its end.
    pub(super) fn finish(&self) -> Checked {
        let open = self.leads.iter().position(|lead| lead.ended_at.is_none());
        self.check(open.is_none(), Wrong::Lost, || {
            format!("lead {open:?} never ended: {:?}", open.map(|open| &self.leads[open]))
        })
    }

    pub(super) fn count(&self) -> usize {
        self.leads.len()
    }

    /// The longest time from arrival to end of the leads of some lanes.
    pub(super) fn longest(&self, lanes: impl Fn(usize) -> bool) -> i64 {
        let took = |lead: &Lead| Some(lead.ended_at? - lead.arrived_at);
        self.leads.iter().filter(|lead| lanes(lead.lane)).filter_map(took).max().unwrap_or(0)
    }
}
