//! A portal: counts the calls of the last ten seconds, and has bad days.

use std::collections::VecDeque;

use super::random::Random;
use crate::budget::WINDOW;

/// Calls of people in one window, which the budget leaves room for.
const OTHERS_MAX: usize = 4;

/// What a portal says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done {
        max: u32,
        remaining: u32,
        locked: Option<u32>,
    },
    TooMany {
        retry_after_s: u64,
    },
    /// A 5xx, or none at all.
    Unserved,
}

/// What a call came to at the portal.
pub(super) struct Received {
    pub(super) answer: Answer,
    /// Whether it took effect, whatever the answer.
    pub(super) applied: bool,
    /// When the answer is there, after the call arrived; one that never comes ends with the client's timeout.
    pub(super) millis: Option<i64>,
    pub(super) above_limit: bool,
}

#[derive(Debug)]
pub(super) struct Portal {
    max: usize,
    window: VecDeque<(i64, bool)>,
    /// Nothing works until then.
    out_until: i64,
    faults: f64,
}

impl Portal {
    pub(super) fn new(max: usize, faults: f64) -> Self {
        Self { max, window: VecDeque::new(), out_until: 0, faults }
    }

    /// Nothing works for so long.
    pub(super) fn go_out(&mut self, now: i64, millis: i64) {
        self.out_until = self.out_until.max(now + millis);
    }

    /// From now on everything works.
    pub(super) fn recover(&mut self, now: i64) {
        self.out_until = self.out_until.min(now);
        self.faults = 0.0;
    }

    pub(super) fn receive(&mut self, writes: bool, person: u32, random: &mut Random, now: i64) -> Received {
        let window = WINDOW.as_millis() as i64;
        while self.window.front().is_some_and(|(at, _)| *at <= now - window) {
            self.window.pop_front();
        }
        let people = self.window.iter().filter(|(_, ours)| !ours).count();
        if people < OTHERS_MAX && random.chance(0.03) {
            self.window.push_back((now, false));
        }
        self.window.push_back((now, true));
        let above_limit = self.window.len() > self.max;
        let remaining = self.max.saturating_sub(self.window.len()) as u32;
        let slow = if random.chance(self.faults) { random.between(500, 20_000) } else { 0 };
        let quick = random.between(5, 60) + slow;
        let done = Answer::Done { max: self.max as u32, remaining, locked: None };
        let received = |answer, applied, millis| Received { answer, applied, millis, above_limit };
        if now < self.out_until {
            return received(Answer::Unserved, false, if random.chance(0.9) { Some(quick) } else { None });
        }
        if !random.chance(self.faults) {
            return received(done, writes, Some(quick));
        }
        match random.between(0, 6) {
            0 => received(Answer::TooMany { retry_after_s: random.between(1, 120) as u64 }, false, Some(quick)),
            1 => received(Answer::Unserved, false, Some(quick)),
            2 => received(Answer::Unserved, writes, Some(quick)),
            3 => received(Answer::Unserved, writes, None),
            _ if writes => {
                let locked = Some(person);
                received(Answer::Done { max: self.max as u32, remaining, locked }, true, Some(quick))
            }
            _ => received(done, false, Some(quick)),
        }
    }
}
