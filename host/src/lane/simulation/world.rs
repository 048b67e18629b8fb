//! The world: what happens when. Here stands the order of lease, claim, call and settle as the deliver step has it; all
//! decisions are those of production, unless one is broken on purpose.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::ops::AddAssign;
use std::time::Duration;

use super::portal::{Answer, Portal};
use super::random::Random;
use super::record::{Call, Fate, Record, Violation};
use crate::budget::{Budget, Learned, WINDOW};
use crate::lane::{Grant, Lane, Outage, Place, Queue, Seen, band_after, longest_unserved, may_call};
use crate::model::delivery::{BAND_FIRST, BAND_RETRY};
use crate::model::id::DeliveryId;
use crate::model::lane::Settled;
use crate::model::time::Timestamp;
use crate::retry;

const NOON: i64 = 1_795_435_200_000;
/// A round makes at most a read, an upsert and a call for notes.
const CALLS_NEEDED: u32 = 3;
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// What a round leaves for later is due again after this.
const LATER: Duration = Duration::from_secs(5);
/// A record that is locked is tried again after this.
const LOCKED: Duration = Duration::from_secs(2);

/// A decision that is made wrongly, to see whether anybody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    SettleWithoutGuard,
    RenewWithoutGuard,
    /// Nobody looks at the lease between the commit and the call.
    CallAfterFreeze,
    LeaseWhileHeld,
    NobodyHeldBack,
    LatestServedFirst,
    RestForgotten,
    RestCostsAttempt,
    /// Neither the calls of the holder before count, nor what the headers say of them.
    CallsForgotten,
    RetryAtOnce,
    /// The next due time is that of what was left at the claim.
    DueFromMemory,
    OutageForgotten,
    WholeBatchProbes,
    /// A batch takes a lead and leaves an older retry of its person behind.
    OlderLeftBehind,
    /// A retry holds nobody back once it has failed again.
    OnlyFirstRetryHolds,
    /// A lead probes before an older one of its person.
    AnyoneProbes,
}

/// How hard life is.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    lanes: usize,
    workers: usize,
    persons: i64,
    batch: usize,
    /// Between two leads, over all lanes.
    lead_millis: f64,
    /// Between two dumps of many leads, outages of a portal, and ends of the process.
    dump_millis: f64,
    outage_millis: f64,
    crash_millis: f64,
    dump_leads: i64,
    /// Of all answers.
    faults: f64,
    /// Of all moves of a worker.
    freezes: f64,
    deaths: f64,
    skew_millis: i64,
}

impl Scenario {
    /// Another mixture for each seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let minutes = |minutes: i64| (minutes * 60_000) as f64;
        Self {
            lanes: random.pick(&[3, 20, 60]),
            workers: random.pick(&[2, 6, 16]),
            persons: random.pick(&[5, 50, 1_000]),
            batch: random.pick(&[3, 10]),
            lead_millis: random.pick(&[100.0, 500.0, 5_000.0, 60_000.0]),
            dump_millis: minutes(random.pick(&[10, 60])),
            outage_millis: minutes(random.pick(&[20, 120])),
            crash_millis: minutes(random.pick(&[15, 240])),
            dump_leads: random.pick(&[100, 600]),
            faults: random.pick(&[0.0, 0.01, 0.1]),
            freezes: random.pick(&[0.0005, 0.01]),
            deaths: random.pick(&[0.0, 0.002]),
            skew_millis: 0,
        }
    }

    /// A good day but for one account, which sends very much at once.
    pub(super) fn flood() -> Self {
        let never = f64::MAX / 1e6;
        Self {
            lanes: 20,
            workers: 4,
            persons: 100_000,
            batch: 10,
            lead_millis: 50.0,
            dump_millis: 60_000.0,
            outage_millis: never,
            crash_millis: never,
            dump_leads: 25_000,
            faults: 0.0,
            freezes: 0.0,
            deaths: 0.0,
            skew_millis: 0,
        }
    }

    /// The same with clocks that are up to so far from the right time.
    pub(super) fn with_clocks_apart(self, skew_millis: i64) -> Self {
        Self { skew_millis, ..self }
    }

    fn is_flood(&self) -> bool {
        self.dump_leads > 10_000
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) steps: u64,
    pub(super) leads: u64,
    pub(super) rounds: u64,
    pub(super) calls: u64,
    /// Settles that changed nothing, because another one held the lane by then.
    pub(super) late_settles: u64,
    pub(super) rests: u64,
    pub(super) outage_rests: u64,
    pub(super) retries: u64,
    /// Calls that were stored and not sent, because the worker had been frozen.
    pub(super) unsent: u64,
    pub(super) failed: u64,
    /// The longest time from arrival to end: in the largest lane, and in all others.
    pub(super) flooded_millis: i64,
    pub(super) others_millis: i64,
}

impl AddAssign for Ended {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.leads += other.leads;
        self.rounds += other.rounds;
        self.calls += other.calls;
        self.late_settles += other.late_settles;
        self.rests += other.rests;
        self.outage_rests += other.outage_rests;
        self.retries += other.retries;
        self.unsent += other.unsent;
        self.failed += other.failed;
        self.flooded_millis = self.flooded_millis.max(other.flooded_millis);
        self.others_millis = self.others_millis.max(other.others_millis);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Lead,
    Dump,
    Outage,
    /// The process dies.
    Crash,
    /// A lane may be available by now.
    Due(usize),
    /// A worker goes on; who died or finished meanwhile does not.
    Move(usize, u32, Move),
    /// A call comes to the portal: by which worker, in which of its lives.
    Reach(usize, u32, usize),
    /// A worker that died alone.
    Revive(usize),
    /// The process starts again, with all its workers.
    Restart,
}

/// The next thing that a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    Claim,
    StoreCall,
    SendCall,
    TakeAnswer(usize),
    Settle,
}

/// A lane with its rows.
#[derive(Debug)]
struct Row {
    lane: Lane,
    learned: Learned,
    queue: Queue<u64, u32>,
    calls: VecDeque<Timestamp>,
    portal: Portal,
    released_at: i64,
    /// For when an event is on its way that looks after it.
    looked_at: i64,
}

/// A delivery as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    person: u32,
    attempts: u32,
    first_at: Option<Timestamp>,
    /// Parts that are written.
    parts: usize,
}

#[derive(Debug)]
struct Worker {
    life: u32,
    skew: i64,
    alive: bool,
    round: Option<Round>,
}

#[derive(Debug)]
struct Round {
    lane: usize,
    grant: Grant,
    learned: Learned,
    claimed: Vec<Claimed>,
    budget: Option<Budget>,
    due_at_claim: Timestamp,
    call: Option<Call>,
    has_read: bool,
    stopped: bool,
    spent: bool,
    seen: Seen,
    rest_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Claimed {
    place: Place<u64>,
    stored: Stored,
    /// It failed, and is not to be tried again before that.
    failed: Option<Duration>,
}

pub(super) struct World<'s> {
    scenario: &'s Scenario,
    broken: Option<Broken>,
    random: Random,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    scheduled: u64,
    now: i64,
    is_down: bool,
    ending: bool,
    rows: Vec<Row>,
    weights: Vec<f64>,
    workers: Vec<Worker>,
    leads: Vec<Stored>,
    answers: Vec<(Call, Answer)>,
    calls: Vec<Call>,
    record: Record,
    ended: Ended,
}

impl<'s> World<'s> {
    pub(super) fn new(scenario: &'s Scenario, seed: u64, broken: Option<Broken>) -> Self {
        let mut random = Random::new(seed);
        let row = |number: usize, random: &mut Random| Row {
            lane: Lane::default(),
            learned: Learned::default(),
            queue: Queue::default(),
            calls: VecDeque::new(),
            portal: Portal::new(if number == 0 { 110 } else { random.pick(&[110, 190, 250]) }, scenario.faults),
            released_at: NOON,
            looked_at: i64::MAX,
        };
        let rows = (0..scenario.lanes).map(|number| row(number, &mut random)).collect();
        let mut sum = 0.0;
        let weights = (0..scenario.lanes).map(|number| {
            sum += 1.0 / (number + 1) as f64;
            sum
        });
        let weights = weights.collect();
        let skew = |number: usize| if number.is_multiple_of(2) { scenario.skew_millis } else { -scenario.skew_millis };
        let worker = |number| Worker { life: 0, skew: skew(number), alive: true, round: None };
        let workers = (0..scenario.workers).map(worker).collect();
        let mut world = Self {
            scenario,
            broken,
            random,
            events: BinaryHeap::new(),
            scheduled: 0,
            now: NOON,
            is_down: false,
            ending: false,
            rows,
            weights,
            workers,
            leads: Vec::new(),
            answers: Vec::new(),
            calls: Vec::new(),
            record: Record::new(scenario.lanes, scenario.skew_millis),
            ended: Ended::default(),
        };
        for event in [Event::Lead, Event::Dump, Event::Outage, Event::Crash] {
            world.again(event);
        }
        world
    }

    /// Lets leads arrive and troubles happen for so many steps, then ends the troubles and waits until all is done.
    pub(super) fn run(mut self, steps: u64) -> Result<Ended, Violation> {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = self.now.max(at);
            self.ended.steps += 1;
            (self.record.now, self.record.step) = (self.now, self.ended.steps);
            if self.ended.steps >= steps && !self.ending {
                self.ending = true;
                let now = self.now;
                self.rows.iter_mut().for_each(|row| row.portal.recover(now));
            }
            self.happen(event)?;
        }
        self.record.finish()?;
        self.ended.leads = self.record.count() as u64;
        self.ended.flooded_millis = self.record.longest(|lane| lane == 0);
        self.ended.others_millis = self.record.longest(|lane| lane != 0);
        Ok(self.ended)
    }

    fn at(&mut self, millis: i64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now.saturating_add(millis), self.scheduled, event)));
    }

    /// An event that comes back by chance.
    fn again(&mut self, event: Event) {
        let mean = match event {
            Event::Lead => self.scenario.lead_millis,
            Event::Dump => self.scenario.dump_millis,
            Event::Outage => self.scenario.outage_millis,
            Event::Crash => self.scenario.crash_millis,
            Event::Due(_) | Event::Move(..) | Event::Reach(..) | Event::Revive(_) | Event::Restart => return,
        };
        let wait = if self.scenario.is_flood() { mean as i64 } else { self.random.wait(mean) };
        self.at(wait, event);
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Lead | Event::Dump | Event::Outage | Event::Crash if self.ending => return Ok(()),
            Event::Lead => {
                let lane = self.lane_by_size();
                self.lead(lane);
                self.again(event);
            }
            Event::Dump => {
                let lane = if self.scenario.is_flood() { 0 } else { self.lane_by_size() };
                (0..self.scenario.dump_leads).for_each(|_| self.lead(lane));
                if !self.scenario.is_flood() {
                    self.again(event);
                }
            }
            Event::Outage => {
                let lane = self.lane_by_size();
                // Some last longer than the timetable.
                let minutes = if self.random.chance(0.05) { 6_000 } else { self.random.pick(&[1, 10, 60, 300]) };
                self.rows[lane].portal.go_out(self.now, minutes * 60_000);
                self.again(event);
            }
            Event::Crash if self.is_down => self.again(event),
            Event::Crash => {
                (0..self.workers.len()).for_each(|worker| self.die(worker));
                self.is_down = true;
                self.at(1_000, Event::Restart);
                self.again(event);
            }
            Event::Restart => {
                // Nobody else could hold a lease.
                self.is_down = false;
                for lane in 0..self.rows.len() {
                    self.rows[lane].lane.void();
                    self.look_after(lane);
                }
                (0..self.workers.len()).for_each(|worker| self.workers[worker].alive = true);
                return (0..self.workers.len()).try_for_each(|worker| self.lease(worker).map(drop));
            }
            Event::Revive(_) if self.is_down => {}
            Event::Revive(worker) => {
                self.workers[worker].alive = true;
                self.lease(worker)?;
            }
            Event::Due(lane) => self.due(lane)?,
            Event::Reach(call, life, worker) => self.reach(call, life, worker)?,
            Event::Move(worker, life, what) => {
                if self.workers[worker].life == life {
                    return self.make(worker, what);
                }
            }
        }
        Ok(())
    }

    fn lane_by_size(&mut self) -> usize {
        let at = self.random.unit() * self.weights.last().expect("there are lanes");
        self.weights.partition_point(|sum| *sum < at)
    }

    fn lead(&mut self, lane: usize) {
        let person = self.random.between(0, self.scenario.persons) as u32;
        let id = self.record.arrived(lane, person);
        self.leads.push(Stored { person, attempts: 0, first_at: None, parts: 0 });
        let kept = (self.broken != Some(Broken::NobodyHeldBack)).then_some(person);
        let row = &mut self.rows[lane];
        row.queue.put(Place { band: BAND_FIRST, due_at: Timestamp(self.now), id }, kept);
        row.lane.wake(Timestamp(self.now));
        self.look_after(lane);
    }

    /// Makes sure that somebody looks when the lane may be leased.
    fn look_after(&mut self, lane: usize) {
        let row = &mut self.rows[lane];
        let Some(at) = row.lane.available_at().map(|at| at.0.max(self.now)) else { return };
        if at < row.looked_at || row.looked_at < self.now {
            row.looked_at = at;
            self.at(at - self.now, Event::Due(lane));
        }
    }

    fn due(&mut self, lane: usize) -> Result<(), Violation> {
        let row = &mut self.rows[lane];
        if row.looked_at <= self.now {
            row.looked_at = i64::MAX;
        }
        if !row.lane.is_available(Timestamp(self.now)) {
            self.look_after(lane);
            return Ok(());
        }
        let Some(worker) = self.workers.iter().position(|worker| worker.alive && worker.round.is_none()) else {
            return Ok(()); // whoever comes free looks for itself
        };
        if !self.lease(worker)? {
            // The clock of this worker is behind.
            self.at(100, Event::Due(lane));
        }
        Ok(())
    }

    fn clock(&self, worker: usize) -> Timestamp {
        Timestamp(self.now + self.workers[worker].skew)
    }

    /// Leases the lane that comes next. Whether there was one.
    fn lease(&mut self, worker: usize) -> Result<bool, Violation> {
        if !self.workers[worker].alive || self.workers[worker].round.is_some() {
            return Ok(true);
        }
        let (now, owner) = (self.clock(worker), format!("{worker}-{}", self.workers[worker].life));
        let Some(number) = self.next_lane(now) else { return Ok(false) };
        let waiting = self.rows.iter().enumerate().filter(|(_, row)| row.lane.is_available(now)).map(|(other, row)| {
            let since = row.lane.available_at().map_or(i64::MAX, |at| at.0.max(row.released_at));
            (other, since)
        });
        let epoch = self.rows[number].lane.epoch + 1;
        self.record.leased(number, epoch, waiting)?;
        let row = &mut self.rows[number];
        let grant = row.lane.lease(&owner, now);
        let learned = row.learned;
        self.workers[worker].round = Some(Round {
            lane: number,
            grant,
            learned,
            claimed: Vec::new(),
            budget: None,
            due_at_claim: Timestamp::NEVER,
            call: None,
            has_read: false,
            stopped: false,
            spent: false,
            seen: Seen::default(),
            rest_until: None,
        });
        self.ended.rounds += 1;
        self.look_after(number);
        self.go_on(worker, 2, Move::Claim);
        Ok(true)
    }

    fn next_lane(&self, now: Timestamp) -> Option<usize> {
        let lanes = || self.rows.iter().map(|row| &row.lane);
        match self.broken {
            Some(Broken::LeaseWhileHeld) => {
                let free: Vec<_> = lanes()
                    .map(|lane| Lane { lease_until: lane.lease_until - Duration::from_secs(89), ..lane.clone() })
                    .collect();
                longest_unserved(free.iter(), 1, now).pop()
            }
            Some(Broken::LatestServedFirst) => longest_unserved(lanes(), usize::MAX, now).pop(),
            _ => longest_unserved(lanes(), 1, now).pop(),
        }
    }

    /// The worker makes its next move after a while, unless it freezes or dies.
    fn go_on(&mut self, worker: usize, millis: i64, what: Move) {
        if !self.ending && self.random.chance(self.scenario.deaths) {
            self.die(worker);
            let away = self.random.between(1_000, 60_000);
            self.at(away, Event::Revive(worker));
            return;
        }
        let frozen = !self.ending && self.random.chance(self.scenario.freezes);
        let frozen = if frozen { self.random.between(1_000, 300_000) } else { 0 };
        let life = self.workers[worker].life;
        self.at(millis + frozen, Event::Move(worker, life, what));
    }

    fn die(&mut self, worker: usize) {
        let dead = &mut self.workers[worker];
        dead.life += 1;
        dead.alive = false;
        if let Some(round) = dead.round.take() {
            self.record.hung_up(round.lane, round.grant.epoch);
        }
    }

    fn make(&mut self, worker: usize, what: Move) -> Result<(), Violation> {
        let Some(round) = self.workers[worker].round.take() else { return Ok(()) };
        match what {
            Move::Claim => self.claim(worker, round)?,
            Move::StoreCall => self.store_call(worker, round),
            Move::SendCall => self.send_call(worker, round)?,
            Move::TakeAnswer(number) => self.take_answer(worker, round, number),
            Move::Settle => self.settle(worker, round)?,
        }
        Ok(())
    }

    fn keep(&mut self, worker: usize, round: Round, millis: i64, next: Move) {
        self.workers[worker].round = Some(round);
        self.go_on(worker, millis, next);
    }

    fn claim(&mut self, worker: usize, mut round: Round) -> Result<(), Violation> {
        let now = self.clock(worker);
        let row = &self.rows[round.lane];
        let mut due = row.queue.due(self.scenario.batch, now);
        due.sort_by_key(|place| place.id);
        let person = |id: u64| Some(self.leads[id as usize].person);
        if self.broken == Some(Broken::OlderLeftBehind) {
            let newest: BTreeMap<_, _> = due.iter().map(|place| (person(place.id), place.id)).collect();
            due.retain(|place| place.band == BAND_FIRST || newest[&person(place.id)] == place.id);
        }
        if self.broken != Some(Broken::WholeBatchProbes) {
            let person = |id| person(id).filter(|_| self.broken != Some(Broken::AnyoneProbes));
            let known = due.into_iter().map(|place| (person(place.id), place)).collect();
            let outage = round.learned.outage;
            let probe = outage.probe(known, |(_, place)| place.band, |(person, _)| person.as_ref(), now);
            due = probe.into_iter().map(|(_, place)| place).collect();
        }
        if self.broken == Some(Broken::DueFromMemory) {
            let mut left = row.queue.clone();
            due.iter().for_each(|place| left.take(place));
            round.due_at_claim = left.next_due();
        }
        let recent = row.calls.iter().copied().filter(|at| *at > now - WINDOW);
        let recent = if self.broken == Some(Broken::CallsForgotten) { Vec::new() } else { recent.collect() };
        let mut budget = Budget::new(round.learned, recent, now);
        let wait = if due.is_empty() { Duration::ZERO } else { budget.wait(CALLS_NEEDED, now) };
        if wait > Duration::ZERO {
            return self.release(worker, &round, Some(now + wait));
        }
        let claimed = |place: Place<u64>| {
            let stored = self.leads[place.id as usize].clone();
            Claimed { place, stored, failed: None }
        };
        round.claimed = due.into_iter().map(claimed).collect();
        round.budget = Some(budget);
        self.keep(worker, round, 2, Move::StoreCall);
        Ok(())
    }

    /// What is called next, if anything: records that are there already get their notes.
    fn next_call(round: &mut Round) -> Option<Call> {
        let open = |part: usize| -> Vec<u64> {
            let open = round.claimed.iter().filter(|lead| lead.failed.is_none() && lead.stored.parts == part);
            open.map(|lead| lead.place.id).collect()
        };
        let (records, notes) = (open(0), open(1));
        let (writes, leads) = match () {
            () if round.stopped => return None,
            () if !records.is_empty() && !std::mem::replace(&mut round.has_read, true) => (None, records),
            () if !records.is_empty() => (Some(0), records),
            () if !notes.is_empty() => (Some(1), notes),
            () => return None,
        };
        let timeout = if writes.is_some() { WRITE_TIMEOUT } else { READ_TIMEOUT };
        let timeout_millis = timeout.as_millis() as i64;
        Some(Call { lane: round.lane, epoch: round.grant.epoch, writes, leads, timeout_millis })
    }

    fn store_call(&mut self, worker: usize, mut round: Round) {
        let now = self.clock(worker);
        let Some(call) = Self::next_call(&mut round) else {
            return self.keep(worker, round, 1, Move::Settle);
        };
        let budget = round.budget.as_mut().expect("made at the claim");
        if budget.room(now) == 0 {
            (round.stopped, round.spent) = (true, true);
            return self.keep(worker, round, 1, Move::Settle);
        }
        let row = &mut self.rows[round.lane];
        if self.broken == Some(Broken::RenewWithoutGuard) {
            round.grant.until = now + crate::lane::LEASE;
        } else if row.lane.renew(&mut round.grant, now) == Settled::LeaseLost {
            round.stopped = true;
            return self.keep(worker, round, 1, Move::Settle);
        }
        budget.spend(now);
        row.calls.push_back(now);
        while row.calls.front().is_some_and(|at| *at + WINDOW * 2 < now) {
            row.calls.pop_front();
        }
        round.call = Some(call);
        let lane = round.lane;
        self.keep(worker, round, 3, Move::SendCall);
        self.look_after(lane);
    }

    fn send_call(&mut self, worker: usize, mut round: Round) -> Result<(), Violation> {
        let now = self.clock(worker);
        let call = round.call.take().expect("stored before");
        let timeout = Duration::from_millis(call.timeout_millis as u64);
        if self.broken != Some(Broken::CallAfterFreeze) && !may_call(round.grant.until, timeout, now) {
            self.ended.unsent += 1;
            round.stopped = true;
            self.keep(worker, round, 1, Move::Settle);
            return Ok(());
        }
        self.record.sent(&call)?;
        self.ended.calls += 1;
        round.seen.calls += 1;
        self.calls.push(call);
        self.workers[worker].round = Some(round);
        let (travel, life) = (self.random.between(1, 20), self.workers[worker].life);
        self.at(travel, Event::Reach(self.calls.len() - 1, life, worker));
        Ok(())
    }

    fn reach(&mut self, call: usize, life: u32, worker: usize) -> Result<(), Violation> {
        let call = self.calls[call].clone();
        let person = self.leads[call.leads[0] as usize].person;
        let portal = &mut self.rows[call.lane].portal;
        let received = portal.receive(call.writes.is_some(), person, &mut self.random, self.now);
        self.record.received(&call, received.applied, received.above_limit)?;
        if self.workers[worker].life == life {
            let millis = received.millis.filter(|millis| *millis < call.timeout_millis - 20);
            let answer = if millis.is_some() { received.answer } else { Answer::Unserved };
            let millis = millis.unwrap_or(call.timeout_millis - 20);
            self.answers.push((call, answer));
            self.go_on(worker, millis, Move::TakeAnswer(self.answers.len() - 1));
        }
        Ok(())
    }

    fn take_answer(&mut self, worker: usize, mut round: Round, number: usize) {
        let now = self.clock(worker);
        let (call, answer) = self.answers[number].clone();
        self.record.answered(&call, answer);
        let is_sent = |lead: &&mut Claimed| call.leads.contains(&lead.place.id);
        round.seen.unserved = answer == Answer::Unserved;
        match answer {
            Answer::Done { max, remaining, locked } => {
                if self.broken != Some(Broken::CallsForgotten) {
                    round.budget.as_mut().expect("made at the claim").hear(max, remaining, now);
                }
                for lead in round.claimed.iter_mut().filter(is_sent) {
                    match call.writes {
                        _ if locked == Some(lead.stored.person) => lead.failed = Some(LOCKED),
                        Some(part) => (lead.stored.parts, round.seen.advanced) = (part + 1, true),
                        None => {}
                    }
                }
            }
            Answer::TooMany { retry_after_s } => {
                round.stopped = true;
                round.seen.rests = true;
                round.rest_until = Some(now + Duration::from_secs(retry_after_s));
            }
            Answer::Unserved => {
                round.stopped = true;
                round.claimed.iter_mut().filter(is_sent).for_each(|lead| lead.failed = Some(Duration::ZERO));
            }
        }
        self.keep(worker, round, 2, Move::StoreCall);
    }

    fn settle(&mut self, worker: usize, mut round: Round) -> Result<(), Violation> {
        let now = self.clock(worker);
        if !self.rows[round.lane].lane.is_held_by(&round.grant) && self.broken != Some(Broken::SettleWithoutGuard) {
            self.ended.late_settles += 1;
            self.lease(worker)?;
            return Ok(());
        }
        for lead in std::mem::take(&mut round.claimed) {
            self.settle_lead(&round, lead, now)?;
        }
        let outage = if self.broken == Some(Broken::OutageForgotten) {
            Outage::default()
        } else {
            round.learned.outage.after(round.seen.service(), now)
        };
        let away = outage.rest().filter(|_| round.seen.unserved);
        self.ended.outage_rests += u64::from(away.is_some());
        self.ended.rests += u64::from(round.rest_until.is_some());
        let learned = round.budget.as_ref().expect("made at the claim").learned();
        self.rows[round.lane].learned = Learned { outage, ..learned };
        self.record.settled(round.lane, round.grant.epoch, round.rest_until.map(|at| at.0))?;
        let rest = match away {
            Some(rest) => Some(now + rest),
            None if round.spent => Some(now + LATER),
            None => round.rest_until,
        };
        self.release(worker, &round, rest.filter(|_| self.broken != Some(Broken::RestForgotten)))
    }

    fn settle_lead(&mut self, round: &Round, lead: Claimed, now: Timestamp) -> Result<(), Violation> {
        let Claimed { place, mut stored, failed } = lead;
        let is_done = stored.parts == 2;
        let rests = round.rest_until.is_some();
        let spent = is_done || failed.is_some() || (rests && self.broken == Some(Broken::RestCostsAttempt));
        stored.attempts += u32::from(spent);
        let first_at = stored.first_at.unwrap_or(now);
        stored.first_at = if spent { Some(first_at) } else { stored.first_at };
        let due_at = match failed {
            _ if is_done => None,
            Some(_) if self.broken == Some(Broken::RetryAtOnce) => Some(now),
            Some(asked) => {
                let id = DeliveryId::stored(format!("dlv_{}", place.id));
                retry::due(&id, stored.attempts, first_at, asked, now)
            }
            // HubSpot does not answer, or asked for a rest: what was not sent keeps its place.
            None if round.seen.unserved || rests => Some(place.due_at),
            None => Some(now + LATER),
        };
        let fate = match due_at {
            Some(due_at) => Fate::Pending(due_at.0),
            None if is_done => Fate::Delivered,
            None => Fate::Failed,
        };
        self.ended.retries += u64::from(failed.is_some());
        self.ended.failed += u64::from(fate == Fate::Failed);
        self.record.settled_lead((place.id, stored.parts > 0), round.grant.epoch, stored.attempts, fate)?;
        let queue = &mut self.rows[round.lane].queue;
        match due_at {
            Some(due_at) if self.broken == Some(Broken::OnlyFirstRetryHolds) && stored.attempts > 1 => {
                queue.take(&place);
                queue.put(Place { band: BAND_RETRY, due_at, id: place.id }, None);
            }
            Some(due_at) => queue.put_back(&place, band_after(place.band, place.due_at, due_at, spent), due_at),
            None => queue.take(&place),
        }
        self.leads[place.id as usize] = stored;
        Ok(())
    }

    fn release(&mut self, worker: usize, round: &Round, rest_until: Option<Timestamp>) -> Result<(), Violation> {
        let row = &mut self.rows[round.lane];
        let due = if self.broken == Some(Broken::DueFromMemory) { round.due_at_claim } else { row.queue.next_due() };
        let mut grant = round.grant.clone();
        if self.broken == Some(Broken::SettleWithoutGuard) {
            (grant.owner, grant.epoch) = (row.lane.owner.clone().unwrap_or_default(), row.lane.epoch);
        }
        row.lane.release(&grant, rest_until, due);
        row.released_at = self.now;
        self.look_after(round.lane);
        self.lease(worker).map(drop)
    }
}
