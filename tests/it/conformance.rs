//! The store moves lanes and work in SQL, for speed; what it has to come to is written down in the pure lane. Both are
//! driven by the same random operations, and have to answer the same after each.

use std::collections::BTreeMap;
use std::time::Duration;

use leadline::cause::{Code, Problem};
use leadline::lane::{Grant, LEASE, Lane, Outage, Place, Queue, band_after};
use leadline::model::account::{Account, Connection};
use leadline::model::delivery::{BAND_FIRST, BAND_RETRY, Claimed, DeliveryState, Outcome, Progress};
use leadline::model::event::{Accepted, NewEvent, Unplanned};
use leadline::model::id::{CallId, EventId, SourceId, VersionId};
use leadline::model::lane::{LaneKind, Lease, PauseScope, Settled};
use leadline::model::time::Timestamp;
use leadline::plan::Plan;
use leadline::store::{
    AnsweredCall, CreateAccount, Decision, LaneState, NewCall, PlannedEvent, PlannedLane, ReceivedEvent, RunFigures,
    Settlement, Store,
};
use leadline::{budget, connection, retry};
use secrecy::SecretString;

use crate::support::{NOON, open_store};

/// Accounts, each with one portal: enough to compete, and few enough to meet in every state.
const ACCOUNTS: usize = 2;
const PERSONS: u64 = 3;
/// Smaller than a real batch, so that bands have to share it.
const BATCH: usize = 10;

#[tokio::test]
async fn the_store_agrees_with_the_pure_lane() {
    for seed in seeds(1..5) {
        let folder = tempfile::tempdir().unwrap();
        let store = open_store(&folder).await;
        conforms(store, seed, 400).await;
    }
}

/// The seeds of a run; `LEADLINE_SIM_SEED=7` repeats one.
fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let chosen = std::env::var("LEADLINE_SIM_SEED").ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    chosen.map_or(usual, |seed| seed..seed + 1)
}

/// Drives a store and the pure lanes side by side. The store has to be empty; any database will do.
pub(crate) async fn conforms(store: Store, seed: u64, steps: usize) {
    let mut pair = Pair::new(store, seed).await;
    for step in 0..steps {
        pair.step = step;
        pair.now = pair.now + Duration::from_millis(pair.below(20_000) + 1);
        match pair.below(100) {
            0..15 => pair.take_events().await,
            15..35 => pair.plan().await,
            35..75 => pair.deliver().await,
            75..80 => pair.release_issues().await,
            80..84 => pair.hold_or_seize().await,
            84..88 => pair.call_for_care().await,
            88 => pair.restart().await,
            89..91 => pair.pause_or_resume().await,
            _ => pair.late_worker().await,
        }
        pair.compare().await;
    }
}

/// What is expected of one lane.
#[derive(Default)]
struct Expected {
    lane: Lane,
    queue: Queue<String, String>,
    learned: budget::Learned,
    pause: Option<Problem>,
    /// Id, start, and whether a settle took it in.
    calls: Vec<(CallId, Timestamp, bool)>,
}

/// A delivery as it should be stored.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    lane: usize,
    event: EventId,
    state: DeliveryState,
    attempts: u32,
    first_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    key: Option<String>,
}

struct Tenant {
    account: Account,
    connection: Connection,
    source: SourceId,
    plans: Expected,
    deliveries: Expected,
}

/// Somebody who holds a lease, or held one.
struct Holder {
    tenant: usize,
    lease: Lease,
    grant: Grant,
    claimed: Vec<Claimed>,
    called: Vec<CallId>,
}

struct Pair {
    store: Store,
    seed: u64,
    step: usize,
    random: u64,
    now: Timestamp,
    tenants: Vec<Tenant>,
    deliveries: BTreeMap<String, Stored>,
    /// Body and id of each sender's id.
    senders: BTreeMap<(usize, String), (String, EventId)>,
    late: Vec<Holder>,
    pauses: Vec<PauseScope>,
}

impl Pair {
    async fn new(store: Store, seed: u64) -> Self {
        let mut tenants = Vec::new();
        for number in 0..ACCOUNTS {
            let slug = format!("account-{number}");
            let CreateAccount::Created(account) = store.create_account(&slug, &slug, NOON).await.unwrap() else {
                panic!("the store is not empty: it has {slug} already");
            };
            let token = SecretString::from("pat-na1-of-these-tests");
            let connection = connection::connect(&store, &account, 100 + number as i64, &token, NOON).await.unwrap();
            let mut tenant = Tenant {
                source: SourceId::new(NOON),
                account,
                connection,
                plans: Expected::default(),
                deliveries: Expected::default(),
            };
            // Its portal is to be read at once.
            tenant.deliveries.lane.care_due = NOON;
            tenant.deliveries.lane.wake(NOON);
            tenants.push(tenant);
        }
        let (deliveries, senders) = (BTreeMap::new(), BTreeMap::new());
        Self {
            store,
            seed,
            step: 0,
            random: seed,
            now: NOON,
            tenants,
            deliveries,
            senders,
            late: Vec::new(),
            pauses: Vec::new(),
        }
    }

    /// SplitMix64.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn place(&self) -> String {
        format!("seed {}, step {} (LEADLINE_SIM_SEED={} repeats it)", self.seed, self.step, self.seed)
    }

    fn expected(&mut self, kind: LaneKind, tenant: usize) -> &mut Expected {
        let tenant = &mut self.tenants[tenant];
        match kind {
            LaneKind::Plan => &mut tenant.plans,
            LaneKind::Deliver => &mut tenant.deliveries,
        }
    }

    async fn take_events(&mut self) {
        let mut group = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..=self.below(12) {
            let tenant = self.below(ACCOUNTS as u64) as usize;
            let (sender, body) = (format!("msg_{}", self.below(400)), format!("{{\"body\":{}}}", self.below(2)));
            let id = EventId::new(self.now);
            let known = self.senders.get(&(tenant, sender.clone())).cloned();
            expected.push(match known {
                None => Accepted::New(id.clone()),
                Some((first, event)) if first == body => Accepted::Duplicate(event),
                Some((_, event)) => Accepted::IdReused(event),
            });
            let row = &mut self.tenants[tenant];
            row.plans.lane.wake(self.now);
            if let Some(Accepted::New(_)) = expected.last() {
                let place = Place { band: BAND_FIRST, due_at: self.now, id: id.as_str().to_owned() };
                row.plans.queue.put(place, None);
                self.senders.insert((tenant, sender.clone()), (body.clone(), id.clone()));
            }
            group.push(NewEvent {
                id,
                account_id: row.account.id.clone(),
                source_id: row.source.clone(),
                sender_id: sender,
                event_type: "lead.captured.v1".to_owned(),
                occurred_at: self.now,
                body_hash: format!("hash of {body}"),
                body,
            });
        }
        assert_eq!(self.store.insert_events(&group, self.now).await.unwrap(), expected, "{}", self.place());
    }

    /// Leases up to `count` lanes, and checks that they are the right ones.
    async fn lease(&mut self, kind: LaneKind, count: usize) -> Vec<Holder> {
        let owner = format!("worker-{}", self.below(3));
        let now = self.now;
        let leases = self.store.lease_lanes(kind, &owner, count as u32, now).await.unwrap();
        let available = |pair: &mut Self, tenant| pair.expected(kind, tenant).lane.is_available(now);
        let mut free: Vec<_> = (0..ACCOUNTS).filter(|tenant| available(self, *tenant)).collect();
        assert_eq!(leases.len(), free.len().min(count), "{}: how many {kind:?} lanes are leased", self.place());
        let mut holders = Vec::new();
        for lease in leases {
            let tenant = self.tenants.iter().position(|tenant| {
                [tenant.account.id.as_str(), tenant.connection.id.as_str()].contains(&lease.lane_id.as_str())
            });
            let tenant = tenant.unwrap();
            assert!(free.contains(&tenant), "{}: {lease:?} was not to be leased", self.place());
            free.retain(|other| *other != tenant);
            holders.push((tenant, lease));
        }
        // Nobody who was left out has waited longer than one who was not.
        let served = |pair: &mut Self, tenant| pair.expected(kind, tenant).lane.served_at;
        let latest = holders.iter().map(|(tenant, _)| served(self, *tenant)).max();
        for left_out in free {
            assert!(latest <= Some(served(self, left_out)), "{}: {kind:?} lane {left_out} comes first", self.place());
        }
        let mut granted = Vec::new();
        for (tenant, lease) in holders {
            let expected = self.expected(kind, tenant);
            let grant = expected.lane.lease(&owner, now);
            let learned = expected.learned;
            let answer = (lease.owner.clone(), lease.epoch, lease.until, lease.learned);
            assert_eq!(answer, (grant.owner.clone(), grant.epoch, grant.until, learned), "{}", self.place());
            granted.push(Holder { tenant, lease, grant, claimed: Vec::new(), called: Vec::new() });
        }
        granted
    }

    async fn plan(&mut self) {
        let count = self.below(3) as usize + 1;
        for holder in self.lease(LaneKind::Plan, count).await {
            let received = self.store.received_events(&holder.lease, BATCH as u32, self.now).await.unwrap();
            let ids: Vec<_> = received.iter().map(|event| event.id.as_str().to_owned()).collect();
            let due = self.tenants[holder.tenant].plans.queue.due(BATCH, self.now);
            let due: Vec<_> = due.into_iter().map(|place| place.id).collect();
            assert_eq!(ids, due, "{}: the events to plan", self.place());
            if self.below(4) == 0 {
                self.late.push(holder); // it freezes, and plans the same events later once more
                continue;
            }
            self.store_plans(holder, received).await;
        }
    }

    async fn store_plans(&mut self, holder: Holder, received: Vec<ReceivedEvent>) {
        let connection = self.tenants[holder.tenant].connection.id.clone();
        let mut planned = Vec::new();
        for event in received {
            let skipped = Problem::new(Code::EventUnhandled, "nothing handles it");
            // Nearly every lead is about somebody.
            let person = Some(self.below(8 * PERSONS)).filter(|drawn| *drawn > 0);
            let person = person.map(|drawn| format!("p{}", drawn % PERSONS));
            let decision = match self.below(5) {
                0 => Decision::Not(Unplanned::Skipped(skipped)),
                _ => Decision::Planned {
                    connection_id: connection.clone(),
                    version_id: VersionId::new(self.now),
                    plan: Plan { actions: Vec::new(), lead_id: None },
                    progress: Progress::default(),
                    key_hash: person,
                    figures: RunFigures::default(),
                },
            };
            planned.push(PlannedEvent { event, decision, lead: None, ran: None, log: None });
        }
        let now = self.now;
        let rest = Some(now + Duration::from_secs(self.below(100))).filter(|_| self.below(2) == 0);
        let lane = [PlannedLane { lease: holder.lease.clone(), planned, rest }];
        let settled = self.store.store_plans(&lane, now).await.unwrap().settled.remove(0);
        let [PlannedLane { planned, .. }] = lane;
        let expected = &mut self.tenants[holder.tenant].plans;
        let is_held = expected.lane.is_held_by(&holder.grant);
        if is_held {
            for event in &planned {
                let id = event.event.id.as_str().to_owned();
                expected.queue.take(&Place { band: event.event.band, due_at: Timestamp(event.event.due_at), id });
            }
        }
        let due = expected.queue.next_due();
        let answer = expected.lane.release(&holder.grant, rest, due);
        assert_eq!(settled, answer, "{}: store_plans", self.place());
        for event in planned.iter().filter(|_| is_held) {
            if let Decision::Planned { key_hash, .. } = &event.decision {
                self.learn_delivery(holder.tenant, &event.event.id, key_hash.clone()).await;
            }
        }
    }

    /// A delivery was stored just now, under an id that only the store knows.
    async fn learn_delivery(&mut self, tenant: usize, event: &EventId, key: Option<String>) {
        let row = &mut self.tenants[tenant];
        let stored = self.store.deliveries_of(&row.account.id, event).await.unwrap();
        assert_eq!(stored.len(), 1, "seed {}: one delivery for {event}", self.seed);
        let id = stored[0].id.as_str().to_owned();
        row.deliveries.lane.wake(self.now);
        row.deliveries.queue.put(Place { band: BAND_FIRST, due_at: self.now, id: id.clone() }, key.clone());
        let (event, state) = (event.clone(), DeliveryState::Pending);
        let due_at = Some(self.now);
        self.deliveries.insert(id, Stored { lane: tenant, event, state, attempts: 0, first_at: None, due_at, key });
    }

    async fn deliver(&mut self) {
        let count = self.below(2) as usize + 1;
        for mut holder in self.lease(LaneKind::Deliver, count).await {
            self.claim(&mut holder).await;
            if self.tenants[holder.tenant].deliveries.lane.care_due <= self.now {
                self.care(holder.tenant).await;
            }
            for _ in 0..self.below(3) {
                self.call(&mut holder).await;
            }
            if self.below(5) == 0 {
                self.late.push(holder); // it freezes
            } else {
                self.settle(holder).await;
            }
        }
    }

    async fn claim(&mut self, holder: &mut Holder) {
        let limit = [1, BATCH, 100][self.below(3) as usize];
        holder.claimed = self.store.due_deliveries(&holder.lease, limit, self.now).await.unwrap();
        let mut claimed: Vec<_> = holder
            .claimed
            .iter()
            .map(|claimed| Place { band: claimed.band, due_at: claimed.due_at, id: claimed.id.as_str().to_owned() })
            .collect();
        let mut due = self.tenants[holder.tenant].deliveries.queue.due(limit, self.now);
        claimed.sort();
        due.sort();
        assert_eq!(claimed, due, "{}: what a batch of {limit} takes", self.place());
        let in_order = holder.claimed.is_sorted_by_key(|claimed| claimed.event_id.clone());
        assert!(in_order, "{}: a batch is in the order of its events", self.place());
        for claimed in &holder.claimed {
            let stored = &self.deliveries[claimed.id.as_str()];
            let told = (claimed.attempts, claimed.first_at, claimed.key_hash.clone());
            assert_eq!(told, (stored.attempts, stored.first_at, stored.key.clone()), "{}", self.place());
        }
    }

    async fn call(&mut self, holder: &mut Holder) {
        self.now = self.now + Duration::from_millis(self.below(40_000));
        let (now, id) = (self.now, CallId::new(self.now));
        let new = NewCall { id: id.clone(), operation: "test", request: "{}".to_owned(), items: &[] };
        let answered = holder.called.last().map(|id| AnsweredCall {
            id: id.clone(),
            status: Some(200),
            answer: serde_json::Value::Null,
            correlation_id: None,
        });
        let settled = self.store.next_call(&mut holder.lease, answered, new, now).await.unwrap();
        let expected = &mut self.tenants[holder.tenant].deliveries;
        let answer = expected.lane.renew(&mut holder.grant, now);
        if answer == Settled::Done {
            expected.calls.push((id.clone(), now, false));
            holder.called.push(id);
        }
        assert_eq!((settled, holder.lease.until), (answer, holder.grant.until), "{}: next_call", self.place());
    }

    async fn settle(&mut self, holder: Holder) {
        let now = self.now;
        // Every other batch has one fate, as when HubSpot is away.
        let common = Some(self.below(8)).filter(|_| self.step.is_multiple_of(2));
        let mut outcomes = Vec::new();
        for claimed in &holder.claimed {
            let drawn = self.below(8);
            outcomes.push(outcome(claimed, common.unwrap_or(drawn), now));
        }
        let pause = Problem::new(Code::HubspotRateLimited, format!("at {now}"));
        let rest = Some(Duration::from_secs(self.below(200))).filter(|rest| rest.as_secs() > 60);
        let lane = LaneState {
            paused_until: rest.map(|rest| now + rest),
            pause: rest.map(|_| pause).filter(|_| self.below(2) == 0),
            learned: Some(budget::Learned {
                max: self.below(200) as u32 + 1,
                outage: Outage { failures: self.below(4) as u32 + 1, failed_at: now.0 },
                ..budget::Learned::default()
            })
            .filter(|_| self.below(2) == 0),
        };
        let settlement = Settlement {
            claimed: &holder.claimed,
            outcomes: &outcomes,
            calls: &holder.called,
            last_answer: None,
            lane: lane.clone(),
        };
        let settled = self.store.settle(&holder.lease, settlement, now).await.unwrap();
        let expected = &mut self.tenants[holder.tenant].deliveries;
        if expected.lane.is_held_by(&holder.grant) {
            for (claimed, outcome) in holder.claimed.iter().zip(&outcomes) {
                let id = claimed.id.as_str().to_owned();
                let stored = self.deliveries.get_mut(&id).unwrap();
                let place = Place { band: claimed.band, due_at: claimed.due_at, id };
                match outcome.due_at {
                    Some(due_at) => {
                        let spent = outcome.attempts > claimed.attempts;
                        let band = band_after(claimed.band, claimed.due_at, due_at, spent);
                        expected.queue.put_back(&place, band, due_at);
                    }
                    None => expected.queue.take(&place),
                }
                (stored.state, stored.attempts) = (outcome.state, outcome.attempts);
                (stored.first_at, stored.due_at) = (outcome.first_at, outcome.due_at);
            }
            if lane.paused_until > Some(expected.lane.paused_until) {
                expected.pause = lane.pause;
            }
            expected.learned = lane.learned.unwrap_or(expected.learned);
            expected.calls.iter_mut().for_each(|(id, _, settled)| *settled |= holder.called.contains(id));
        }
        let due = expected.queue.next_due();
        let answer = expected.lane.release(&holder.grant, lane.paused_until, due);
        assert_eq!(settled, answer, "{}: settle", self.place());
    }

    /// The cause of whatever is blocked in one account is gone.
    async fn release_issues(&mut self) {
        let tenant = self.below(ACCOUNTS as u64) as usize;
        let (now, account) = (self.now, self.tenants[tenant].account.id.clone());
        let released = self.store.release(&account, &[Code::StageMissing], now).await.unwrap();
        let row = &mut self.tenants[tenant].deliveries;
        let is_blocked = |stored: &Stored| stored.lane == tenant && stored.state == DeliveryState::Blocked;
        let mut count = 0;
        for (id, stored) in self.deliveries.iter_mut().filter(|(_, stored)| is_blocked(stored)) {
            row.queue.put(Place { band: BAND_RETRY, due_at: now, id: id.clone() }, stored.key.clone());
            row.lane.wake(now);
            (stored.state, stored.attempts) = (DeliveryState::Pending, 0);
            (stored.first_at, stored.due_at) = (None, Some(now));
            count += 1;
        }
        assert_eq!(released, count, "{}: released", self.place());
    }

    async fn hold_or_seize(&mut self) {
        let tenant = self.below(ACCOUNTS as u64) as usize;
        let (now, row) = (self.now, &self.tenants[tenant]);
        let (account, lane) = (row.account.id.clone(), row.connection.id.as_str().to_owned());
        let seizes = self.below(3) == 0;
        let (lease, grant) = if seizes {
            let lease = self.store.seize_lane(&account, &lane, "person", now).await.unwrap();
            (lease, Some(self.tenants[tenant].deliveries.lane.seize("person", now)))
        } else {
            let lease = self.store.hold_lane(&account, &lane, "person", now).await.unwrap();
            (lease, self.tenants[tenant].deliveries.lane.hold("person", now))
        };
        let told = lease.as_ref().map(|lease| (lease.epoch, lease.until));
        assert_eq!(told, grant.as_ref().map(|grant| (grant.epoch, grant.until)), "{}: hold or seize", self.place());
        let (Some(lease), Some(grant)) = (lease, grant) else { return };
        if self.below(4) > 0 {
            self.store.give_back(&lease).await.unwrap();
            let expected = &mut self.tenants[tenant].deliveries;
            let due = expected.queue.next_due();
            expected.lane.release(&grant, None, due);
        }
    }

    async fn call_for_care(&mut self) {
        let tenant = self.below(ACCOUNTS as u64) as usize;
        let at = self.now + Duration::from_secs(self.below(3_600));
        let row = &mut self.tenants[tenant];
        self.store.call_for_care(&row.connection, at).await.unwrap();
        let lane = &mut row.deliveries.lane;
        lane.care_due = lane.care_due.min(at);
        lane.wake(at);
    }

    /// Somebody looked after the portal. The next look is far away, so that work alone decides when the lane is due.
    async fn care(&mut self, tenant: usize) {
        let next = self.now + Duration::from_secs(self.below(24 * 3_600));
        let row = &mut self.tenants[tenant];
        self.store.cared(&row.connection, next, None).await.unwrap();
        row.deliveries.lane.care_due = next;
        row.deliveries.lane.wake(next);
    }

    /// Somebody pauses a lane, an account or everything, or resumes it.
    async fn pause_or_resume(&mut self) {
        let tenant = self.below(ACCOUNTS as u64) as usize;
        let row = &self.tenants[tenant];
        let (account, lane) = (row.account.id.clone(), row.connection.id.to_string());
        let scope = match self.below(3) {
            0 => PauseScope::All,
            1 => PauseScope::Account(account),
            _ => PauseScope::Lane(account, lane),
        };
        let was_paused = self.pauses.contains(&scope);
        if was_paused {
            assert!(self.store.resume(&scope).await.unwrap(), "{}: resume", self.place());
            self.pauses.retain(|other| *other != scope);
        } else {
            assert!(self.store.pause(&scope, self.now).await.unwrap(), "{}: pause", self.place());
            self.pauses.push(scope);
        }
        for tenant in &mut self.tenants {
            let account = &tenant.account.id;
            let is_whole =
                [PauseScope::All, PauseScope::Account(account.clone())].iter().any(|scope| self.pauses.contains(scope));
            let lane = PauseScope::Lane(account.clone(), tenant.connection.id.to_string());
            tenant.plans.lane.is_paused = is_whole;
            tenant.deliveries.lane.is_paused = is_whole || self.pauses.contains(&lane);
        }
    }

    /// The process ends and starts again.
    async fn restart(&mut self) {
        self.store.void_leases().await.unwrap();
        for tenant in &mut self.tenants {
            tenant.plans.lane.void();
            tenant.deliveries.lane.void();
        }
    }

    /// Somebody who froze goes on, whether the lane is still his or not.
    async fn late_worker(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let chosen = self.below(self.late.len() as u64) as usize;
        let mut holder = self.late.remove(chosen);
        let row = &self.tenants[holder.tenant];
        if holder.lease.lane_id == row.account.id.as_str() {
            let received = self.store.received_events(&holder.lease, BATCH as u32, self.now).await.unwrap();
            return self.store_plans(holder, received).await;
        }
        if self.below(2) == 0 {
            self.call(&mut holder).await;
        }
        self.settle(holder).await;
    }

    /// Everything that can be read, on both sides.
    async fn compare(&mut self) {
        let (now, place) = (self.now, self.place());
        for kind in [LaneKind::Plan, LaneKind::Deliver] {
            let lanes = (0..ACCOUNTS).map(|tenant| self.expected(kind, tenant).lane.available_at());
            let expected = lanes.collect::<Vec<_>>().into_iter().flatten().min().map(|at| at.max(now));
            assert_eq!(self.store.next_due(kind, now).await.unwrap(), expected, "{place}: next_due of {kind:?}");
            let end = now + Duration::from_secs(1);
            let near = |lane: &Lane| lane.available_at().filter(|_| lane.next_due < end);
            let lanes = (0..ACCOUNTS).map(|tenant| near(&self.expected(kind, tenant).lane));
            let expected = lanes.collect::<Vec<_>>().into_iter().flatten().min().map(|at| at.max(now));
            let told = self.store.next_due_before(kind, now, end).await.unwrap();
            assert_eq!(told, expected, "{place}: next_due_before of {kind:?}");
        }
        for row in &self.tenants {
            let lease = Lease {
                account_id: row.account.id.clone(),
                lane_id: row.connection.id.as_str().to_owned(),
                owner: String::new(),
                epoch: 0,
                until: now + LEASE,
                leased_until: now + LEASE,
                horizon: 0,
                learned: budget::Learned::default(),
            };
            let since = now - budget::WINDOW;
            let mut recent = self.store.recent_calls(&lease, since).await.unwrap();
            recent.sort_unstable();
            let calls = &row.deliveries.calls;
            let expected: Vec<_> = calls.iter().map(|(_, at, _)| *at).filter(|at| *at > since).collect();
            assert_eq!(recent, expected, "{place}: recent calls");
            let mut open: Vec<_> =
                self.store.open_calls(&lease).await.unwrap().into_iter().map(|call| call.id).collect();
            open.sort();
            let expected: Vec<_> = calls.iter().filter(|(.., settled)| !settled).map(|(id, ..)| id.clone()).collect();
            assert_eq!(open, expected, "{place}: open calls");
            let rest = self.store.rest_of(&row.connection, now).await.unwrap();
            let until = row.deliveries.lane.paused_until;
            let expected = row.deliveries.pause.clone().filter(|_| until > now).map(|pause| (until, pause));
            assert_eq!(rest, expected, "{place}: rest");
        }
        // One of all deliveries a step; the claims look at the others.
        let chosen = self.below(self.deliveries.len().max(1) as u64) as usize;
        if let Some((id, stored)) = self.deliveries.iter().nth(chosen) {
            let account = &self.tenants[stored.lane].account.id;
            let found = self.store.deliveries_of(account, &stored.event).await.unwrap().remove(0);
            assert_eq!(found.id.as_str(), id, "{place}");
            let told = (found.state, found.attempts, found.first_at, found.due_at);
            assert_eq!(told, (stored.state, stored.attempts, stored.first_at, stored.due_at), "{place}: {id}");
        }
    }
}

/// One of eight ways in which a round may end for a delivery.
fn outcome(claimed: &Claimed, way: u64, now: Timestamp) -> Outcome {
    let progress = claimed.progress.clone();
    let problem = Problem::new(Code::HubspotServerError, "HubSpot answered 503");
    let first_at = claimed.first_at.unwrap_or(now);
    match way {
        0 => Outcome::waiting(claimed, progress, None, claimed.due_at),
        1 => Outcome::waiting(claimed, progress, Some(problem), now + Duration::from_secs(5)),
        2 => Outcome::blocked(claimed, progress, Problem::new(Code::StageMissing, "no such stage").about("won")),
        3 => Outcome::failed(claimed, progress, problem, now),
        4..6 => match retry::due(&claimed.id, claimed.attempts + 1, first_at, Duration::ZERO, now) {
            Some(due_at) => Outcome::retry(claimed, progress, problem, due_at, now),
            None => Outcome::failed(claimed, progress, problem, now),
        },
        _ => Outcome::delivered(claimed, progress, now),
    }
}
