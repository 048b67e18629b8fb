//! Who may work in a lane and until when, which lane and which of its work come first, and how it goes on after a
//! round. Pure: times are arguments. The store makes the moves of [`Lane`] and [`Queue`] in SQL, for speed, and a test
//! makes both side by side.

mod queue;
#[cfg(test)]
mod simulation;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::delivery::{BAND_FIRST, BAND_RETRY};
use crate::model::lane::Settled;
use crate::model::time::Timestamp;

pub use queue::{Place, Queue, batch, in_turn};

/// How long a lease lasts. It outlives the longest call, which is 60 s for a write.
pub const LEASE: Duration = Duration::from_secs(90);
/// A lease that was given or renewed this long ago is renewed before the next call. What is left of a younger one
/// outlives the longest call too, and to renew it for every call would lock the lane's row each time.
const RENEW_AFTER: Duration = Duration::from_secs(10);
/// Leads gather for so many times as long as a round took: then at most a quarter of the time goes into rounds.
const GATHER_FOR: u32 = 3;
/// The shortest time to gather: nobody looks for what falls due more often.
const GATHER_MIN: Duration = Duration::from_millis(25);
/// The longest: HubSpot takes as long for the calls of a round.
const GATHER_MAX: Duration = Duration::from_millis(250);
/// What a call may need beyond its timeout: the moment until it is sent, and clocks that stand apart.
const CALL_MARGIN: Duration = Duration::from_secs(5);
/// Of five places in a batch, this many go to first attempts while both bands have work: neither starves.
const FIRST_SHARE: (usize, usize) = (4, 5);

/// After so many batches in a row that HubSpot did not serve, the lane rests: more would only use up attempts.
const FAILURES_MAX: u32 = 3;
/// The first rest; each further failure doubles it.
const REST_MIN: Duration = Duration::from_secs(5);
/// The longest rest: leads go on within this time after HubSpot is back.
const REST_MAX: Duration = Duration::from_secs(5 * 60);
/// A failure that is older than this is not in a row with the next one. A lead that fails alone, hour after hour, would
/// otherwise keep the lane from the new ones.
const IN_A_ROW: Duration = Duration::from_secs(10 * 60);

/// One queue and who works on it. Whoever holds the lease names owner and epoch in everything that is settled, so that a
/// late worker changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub owner: Option<String>,
    pub epoch: i64,
    pub lease_until: Timestamp,
    /// When it was leased last: the longest unserved comes first.
    pub served_at: Timestamp,
    /// When its open work or its care is due; far away when there is none.
    pub next_due: Timestamp,
    /// When its portal is to be looked after, work or none.
    pub care_due: Timestamp,
    /// It rests until then.
    pub paused_until: Timestamp,
    /// Somebody paused it: nobody leases it until it is resumed. Whoever holds it goes on.
    pub is_paused: bool,
}

/// The right to work in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub owner: String,
    pub epoch: i64,
    pub until: Timestamp,
    /// Until when it was given at first.
    pub leased_until: Timestamp,
}

impl Default for Lane {
    fn default() -> Self {
        let long_ago = Timestamp(0);
        Self {
            owner: None,
            epoch: 0,
            lease_until: long_ago,
            served_at: long_ago,
            next_due: Timestamp::NEVER,
            care_due: Timestamp::NEVER,
            paused_until: long_ago,
            is_paused: false,
        }
    }
}

impl Lane {
    /// From when on somebody may lease it; none while it has nothing to do, or is paused.
    pub fn available_at(&self) -> Option<Timestamp> {
        let at = self.next_due.max(self.paused_until).max(self.lease_until);
        (self.next_due < Timestamp::NEVER && !self.is_paused).then_some(at)
    }

    /// Whether it may be leased: it has work due, does not rest, and nobody holds it.
    pub fn is_available(&self, now: Timestamp) -> bool {
        self.available_at().is_some_and(|at| at <= now)
    }

    /// Gives a lane that is available to somebody. It is due again when the lease ends, should its holder die; whoever
    /// wakes it before moves that, and the release sees it.
    pub fn lease(&mut self, owner: &str, now: Timestamp) -> Grant {
        self.served_at = now;
        let grant = self.seize(owner, now);
        self.next_due = grant.until;
        grant
    }

    /// Gives a lane that nobody holds to somebody who does not do its work, though it rests.
    pub fn hold(&mut self, owner: &str, now: Timestamp) -> Option<Grant> {
        (self.lease_until <= now).then(|| self.seize(owner, now))
    }

    /// Gives a lane to somebody, whoever holds it.
    pub fn seize(&mut self, owner: &str, now: Timestamp) -> Grant {
        self.owner = Some(owner.to_owned());
        self.epoch += 1;
        self.lease_until = now + LEASE;
        Grant { owner: owner.to_owned(), epoch: self.epoch, until: self.lease_until, leased_until: self.lease_until }
    }

    /// Whether nobody took the lane since.
    pub fn is_held_by(&self, grant: &Grant) -> bool {
        self.owner.as_ref() == Some(&grant.owner) && self.epoch == grant.epoch
    }

    /// Makes the lease last from now on, where it is not young; done before each call.
    pub fn renew(&mut self, grant: &mut Grant, now: Timestamp) -> Settled {
        if !self.is_held_by(grant) {
            return Settled::LeaseLost;
        }
        if needs_renewal(grant.until, now) {
            self.lease_until = now + LEASE;
            grant.until = self.lease_until;
        }
        Settled::Done
    }

    /// Gives the lane back. `rest_until` lengthens a rest, and never shortens one; `work_due` is when its open work is
    /// due, as the settle leaves it. A lane that was woken meanwhile is due when that says.
    pub fn release(&mut self, grant: &Grant, rest_until: Option<Timestamp>, work_due: Timestamp) -> Settled {
        if !self.is_held_by(grant) {
            return Settled::LeaseLost;
        }
        self.owner = None;
        self.lease_until = Timestamp(0);
        self.paused_until = self.paused_until.max(rest_until.unwrap_or(self.paused_until));
        let woken = if self.next_due == grant.leased_until { Timestamp::NEVER } else { self.next_due };
        self.next_due = self.care_due.min(work_due).min(woken);
        Settled::Done
    }

    /// Ends a lease whose holder is dead.
    pub fn void(&mut self) {
        if self.lease_until > Timestamp(0) {
            self.owner = None;
            self.epoch += 1;
            self.lease_until = Timestamp(0);
            self.next_due = Timestamp(0);
        }
    }

    /// Says that there is work at `due`.
    pub fn wake(&mut self, due: Timestamp) {
        self.next_due = self.next_due.min(due);
    }
}

/// The lanes to lease next, by position: of those that are available, the longest unserved.
pub fn longest_unserved<'a>(lanes: impl Iterator<Item = &'a Lane>, count: usize, now: Timestamp) -> Vec<usize> {
    let mut available: Vec<_> = lanes
        .enumerate()
        .filter(|(_, lane)| lane.is_available(now))
        .map(|(index, lane)| (lane.served_at, index))
        .collect();
    available.sort_unstable();
    available.into_iter().map(|(_, index)| index).take(count).collect()
}

/// Whether a lease is to be renewed before the next call.
pub fn needs_renewal(lease_until: Timestamp, now: Timestamp) -> bool {
    lease_until < now + (LEASE - RENEW_AFTER)
}

/// How long a lane rests after a round that took so long and left nothing, so that the next one begins with more than
/// the first lead that comes: where many processes are, somebody is always free to take that alone. A round of one lead
/// means that few come, and nobody waits.
pub fn gathering(leads: usize, took: Duration) -> Duration {
    match leads {
        0 | 1 => Duration::ZERO,
        _ if took.is_zero() => Duration::ZERO,
        _ => (took * GATHER_FOR).clamp(GATHER_MIN, GATHER_MAX),
    }
}

/// Whether a call that may take as long as `timeout` may still start under a lease: until it has ended, nobody else may
/// come to hold the lane. A worker that was frozen finds out here.
pub fn may_call(lease_until: Timestamp, timeout: Duration, now: Timestamp) -> bool {
    lease_until.since(now) >= timeout + CALL_MARGIN
}

/// How many first attempts and how many retries a batch of `limit` takes, of as many as are due: 4 : 1, and one fills
/// what the other leaves.
pub fn share(limit: usize, firsts: usize, retries: usize) -> (usize, usize) {
    let firsts = firsts.min((limit * FIRST_SHARE.0 / FIRST_SHARE.1).max(limit.saturating_sub(retries)));
    (firsts, retries.min(limit - firsts))
}

/// The band in which an item goes on that is due again at `due`. What only waited for its lane keeps its place; what
/// comes back later, or spent an attempt, holds back the newer leads of its person.
pub fn band_after(band: i64, due_before: Timestamp, due: Timestamp, spent: bool) -> i64 {
    if spent || due != due_before { BAND_RETRY } else { band }
}

/// What a round learned of a portal's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Something of the batch came further, or HubSpot at least said why not.
    Served,
    /// Nothing came further, because HubSpot gave no answer or had a problem of its own.
    Failed,
    /// No call was made, or HubSpot asked for a rest.
    Unknown,
}

/// What happened in the calls of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub calls: usize,
    /// Something was written, found or tied.
    pub advanced: bool,
    /// HubSpot asked for a rest.
    pub rests: bool,
    /// The last call got no answer, or one that says that HubSpot has a problem of its own.
    pub unserved: bool,
}

impl Seen {
    pub fn service(self) -> Service {
        match self {
            Self { advanced: true, .. } => Service::Served,
            Self { unserved: true, .. } => Service::Failed,
            Self { calls: 0, .. } | Self { rests: true, .. } => Service::Unknown,
            Self { .. } => Service::Served,
        }
    }
}

/// Batches in a row that a portal did not serve. Stored with the lane, so that whoever holds it next goes on counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outage {
    pub failures: u32,
    /// When the last of them failed, in milliseconds.
    pub failed_at: i64,
}

impl Outage {
    pub fn is_none(&self) -> bool {
        self.failures == 0
    }

    /// What is known after a round.
    #[must_use]
    pub fn after(self, service: Service, now: Timestamp) -> Self {
        match service {
            Service::Served => Self::default(),
            Service::Failed => Self { failures: self.in_a_row(now) + 1, failed_at: now.0 },
            Service::Unknown => self,
        }
    }

    /// How long the lane rests after its latest failure; none while it may be a hiccup.
    pub fn rest(self) -> Option<Duration> {
        let doublings = self.failures.checked_sub(FAILURES_MAX)?;
        Some(REST_MIN.saturating_mul(2_u32.saturating_pow(doublings)).min(REST_MAX))
    }

    /// What is sent of a batch. While a portal does not serve, one lead finds out whether it is back, and all others keep
    /// their place and their attempts. First attempts and retries take turns: leads that HubSpot never serves would keep
    /// the lane closed if only retries were tried, and an outage would begin the timetable of many leads if only first
    /// attempts were. The batch is in the order of the events: an item is never sent before one of the same person.
    pub fn probe<T, K: PartialEq + ?Sized>(
        self,
        mut batch: Vec<T>,
        band: impl Fn(&T) -> i64,
        person: impl Fn(&T) -> Option<&K>,
        now: Timestamp,
    ) -> Vec<T> {
        if self.in_a_row(now) < FAILURES_MAX || batch.is_empty() {
            return batch;
        }
        let wanted = if self.failures.is_multiple_of(2) { BAND_RETRY } else { BAND_FIRST };
        let is_oldest = |(at, item): &(usize, &T)| {
            person(item).is_none_or(|person_of| batch[..*at].iter().all(|older| person(older) != Some(person_of)))
        };
        let mut oldest = batch.iter().enumerate().filter(is_oldest);
        let chosen = oldest.find(|(_, item)| band(item) == wanted).map_or(0, |(at, _)| at);
        vec![batch.swap_remove(chosen)]
    }

    fn in_a_row(self, now: Timestamp) -> u32 {
        if now.since(Timestamp(self.failed_at)) < IN_A_ROW { self.failures } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn due_lane() -> Lane {
        Lane { next_due: NOON, ..Lane::default() }
    }

    #[test]
    fn a_lane_is_leased_when_it_has_work_does_not_rest_and_nobody_holds_it() {
        let rows = [
            (due_lane(), true),
            (Lane::default(), false),
            (Lane { next_due: NOON + seconds(1), ..Lane::default() }, false),
            (Lane { paused_until: NOON + seconds(1), ..due_lane() }, false),
            (Lane { is_paused: true, ..due_lane() }, false),
            (Lane { lease_until: NOON + seconds(1), ..due_lane() }, false),
            (Lane { lease_until: NOON, owner: Some("late".to_owned()), ..due_lane() }, true),
        ];
        for (lane, expected) in rows {
            assert_eq!(lane.is_available(NOON), expected, "{lane:?}");
        }
    }

    #[test]
    fn whoever_lost_the_lease_changes_nothing() {
        let mut lane = due_lane();
        let mut late = lane.lease("first", NOON);
        let next = lane.lease("second", NOON + LEASE);
        let before = lane.clone();
        assert_eq!(lane.renew(&mut late, NOON + LEASE), Settled::LeaseLost);
        assert_eq!(lane.release(&late, Some(NOON + seconds(999)), NOON), Settled::LeaseLost);
        assert_eq!(lane, before);
        assert_eq!(lane.release(&next, None, Timestamp::NEVER), Settled::Done);
        assert_eq!(lane.available_at(), None);
    }

    #[test]
    fn a_lease_is_renewed_when_it_is_no_longer_young_and_always_outlives_the_longest_call() {
        for late_by in 0..=LEASE.as_secs() {
            let mut lane = due_lane();
            let mut grant = lane.lease("one", NOON);
            let now = NOON + seconds(late_by);
            assert_eq!(lane.renew(&mut grant, now), Settled::Done);
            let expected = if late_by <= 10 { NOON + LEASE } else { now + LEASE };
            assert_eq!((grant.until, lane.lease_until), (expected, expected), "{late_by}");
            assert!(may_call(grant.until, seconds(60), now), "{late_by}");
        }
    }

    #[test]
    fn leads_gather_after_a_round_of_several_for_as_long_as_it_was_and_not_for_ever() {
        let millis = Duration::from_millis;
        for (leads, took, expected) in
            [(0, 50, 0), (1, 50, 0), (2, 0, 0), (2, 1, 25), (2, 20, 60), (99, 60, 180), (99, 900, 250)]
        {
            assert_eq!(gathering(leads, millis(took)), millis(expected), "{leads} {took}");
        }
    }

    #[test]
    fn the_same_owner_under_an_older_lease_is_late_too() {
        let mut lane = due_lane();
        let late = lane.lease("one", NOON);
        lane.void();
        lane.lease("one", NOON);
        assert_eq!(lane.release(&late, None, NOON), Settled::LeaseLost);
    }

    #[test]
    fn a_rest_is_only_ever_lengthened() {
        let mut lane = due_lane();
        let grant = lane.lease("one", NOON);
        lane.release(&grant, Some(NOON + seconds(60)), NOON);
        for (rest, expected) in [(None, 60), (Some(5), 60), (Some(70), 70)] {
            let grant = lane.hold("one", NOON).unwrap();
            lane.release(&grant, rest.map(|rest| NOON + seconds(rest)), NOON);
            assert_eq!(lane.paused_until, NOON + seconds(expected));
        }
    }

    #[test]
    fn a_call_starts_only_if_the_lease_outlives_it() {
        let until = NOON + LEASE;
        for (timeout, late_by, expected) in
            [(60, 25, true), (60, 26, false), (30, 55, true), (30, 56, false), (1, 999, false)]
        {
            let now = NOON + seconds(late_by);
            assert_eq!(may_call(until, seconds(timeout), now), expected, "{timeout} {late_by}");
        }
    }

    #[test]
    fn one_band_fills_what_the_other_leaves() {
        let rows = [
            ((100, 100, 100), (80, 20)),
            ((100, 100, 0), (100, 0)),
            ((100, 0, 100), (0, 100)),
            ((100, 90, 5), (90, 5)),
            ((100, 100, 5), (95, 5)),
            ((100, 30, 100), (30, 70)),
            ((1, 1, 1), (0, 1)),
            ((1, 1, 0), (1, 0)),
            ((0, 5, 5), (0, 0)),
        ];
        for ((limit, firsts, retries), expected) in rows {
            assert_eq!(share(limit, firsts, retries), expected, "{limit} {firsts} {retries}");
        }
    }

    #[test]
    fn three_failures_in_a_row_rest_the_lane_five_seconds_doubling_to_five_minutes() {
        let (mut outage, mut now, mut rests) = (Outage::default(), NOON, Vec::new());
        for _ in 0..12 {
            outage = outage.after(Service::Failed, now);
            let rest = outage.rest().unwrap_or_default();
            rests.push(rest.as_secs());
            now = now + rest;
        }
        assert_eq!(rests, [0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
        assert_eq!(outage.after(Service::Unknown, now), outage);
        assert!(outage.after(Service::Served, now).is_none());
        assert_eq!(Outage { failures: u32::MAX - 1, ..outage }.after(Service::Failed, now).rest(), Some(REST_MAX));
    }

    #[test]
    fn a_batch_failed_when_nothing_came_further_for_a_problem_of_hubspots() {
        let call = Seen { calls: 1, ..Seen::default() };
        let rows = [
            (Seen::default(), Service::Unknown),
            (call, Service::Served),
            (Seen { rests: true, ..call }, Service::Unknown),
            (Seen { unserved: true, ..call }, Service::Failed),
            (Seen { unserved: true, advanced: true, ..call }, Service::Served),
        ];
        for (seen, expected) in rows {
            assert_eq!(seen.service(), expected, "{seen:?}");
        }
    }

    #[test]
    fn failures_hours_apart_are_not_in_a_row() {
        let mut outage = Outage::default();
        for hour in 0..10 {
            outage = outage.after(Service::Failed, NOON + seconds(hour * 3600));
            assert_eq!(outage.failures, 1);
        }
    }

    #[test]
    fn while_a_portal_is_away_one_lead_tries_and_the_bands_take_turns() {
        let probe =
            |outage: Outage, batch: &[i64], now| outage.probe(batch.to_vec(), |band| *band, |_| None::<&u8>, now);
        let batch = vec![BAND_FIRST, BAND_FIRST, BAND_RETRY];
        let mut outage = Outage::default();
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push(probe(outage, &batch, NOON));
            outage = outage.after(Service::Failed, NOON);
        }
        let (first, retry) = (vec![BAND_FIRST], vec![BAND_RETRY]);
        assert_eq!(sent, [batch.clone(), batch.clone(), batch.clone(), first.clone(), retry, first]);
        assert_eq!(probe(outage, &[BAND_FIRST, BAND_FIRST], NOON), [BAND_FIRST], "whatever there is");
        assert_eq!(probe(outage, &batch, NOON + IN_A_ROW), batch);
    }

    #[test]
    fn no_lead_probes_before_an_older_one_of_its_person() {
        let batch = vec![(BAND_RETRY, "ana"), (BAND_FIRST, "ana"), (BAND_FIRST, "bob")];
        let probe = |batch: &[(i64, &'static str)]| {
            let outage = Outage { failures: FAILURES_MAX, failed_at: NOON.0 };
            outage.probe(batch.to_vec(), |item| item.0, |item| Some(item.1), NOON)
        };
        assert_eq!(probe(&batch), [(BAND_FIRST, "bob")], "it is the turn of a first attempt");
        assert_eq!(probe(&batch[..2]), [(BAND_RETRY, "ana")], "there is none that may go");
    }
}
