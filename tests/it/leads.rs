//! The list of leads and the figures of hours, against a naive reading of everything that is stored, after histories that
//! a seed decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadline::cause::{Code, Problem};
use leadline::connection;
use leadline::contract::actions::{Action, Contact, MatchKey};
use leadline::hours::{Counted, Figures, begin, hour};
use leadline::model::account::{Account, Connection};
use leadline::model::delivery::{
    ActionProgress, Claimed, ContactWrite, Delivery, Dropped, Outcome as Round, Progress, Record,
};
use leadline::model::event::{Event, EventState, NewEvent, Unplanned};
use leadline::model::id::{EventId, SourceId, VersionId};
use leadline::model::lane::Step;
use leadline::model::outcome::{Group, Outcome};
use leadline::model::replay::Filter;
use leadline::model::time::Timestamp;
use leadline::plan::Plan;
use leadline::replay::{self, Wish};
use leadline::store::{
    CreateAccount, Dealerships, Decision, EventFilter, Kept, LaneState, LeadFilter, LeadPage, PlannedEvent,
    PlannedLane, Removed, RunFigures, Settlement, Store,
};
use leadline::words::{LeadTraits, terms};
use secrecy::SecretString;
use serde_json::json;

use crate::support::{NOON, open_store};

const HOUR: Duration = Duration::from_secs(3600);
const NAMES: [&str; 6] = ["Zoë Ångström", "Maya Lind", "Máire O'Brien", "李 小明", "Jean-Luc Picard", "🚗 Maya"];
const DEALERSHIPS: [Option<&str>; 3] = [Some("ocean-honda"), Some("ocean"), None];

struct Tenant {
    account: Account,
    connection: Connection,
    source: SourceId,
}

/// A store with a history.
struct Scene {
    store: Store,
    tenants: Vec<Tenant>,
    now: Timestamp,
    random: u64,
    sent: u64,
    _folder: tempfile::TempDir,
}

/// A lead as it is told naively.
struct Naive {
    event: Event,
    delivery: Option<Delivery>,
    traits: Option<LeadTraits>,
}

impl Naive {
    fn outcome(&self) -> Outcome {
        Outcome::of(&self.event, self.delivery.as_ref(), false)
    }

    fn cause(&self) -> Option<Code> {
        let own = self.event.reason.as_ref().map(|reason| reason.code);
        own.or_else(|| {
            let delivery = self.delivery.as_ref().filter(|_| self.event.state == EventState::Planned)?;
            let has_one = [Outcome::Retrying, Outcome::NeedsAttention, Outcome::Failed].contains(&self.outcome());
            delivery.reason.as_ref().filter(|_| has_one).map(|reason| reason.code)
        })
    }
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_store(&folder).await;
        store.make_partitions(&[NOON, NOON + HOUR * 24]).await.unwrap();
        let mut tenants = Vec::new();
        for slug in ["acme", "other"] {
            let CreateAccount::Created(account) = store.create_account(slug, slug, NOON).await.unwrap() else {
                panic!()
            };
            let token = SecretString::from("pat-na1-of-these-tests");
            let portal = 100 + tenants.len() as i64;
            let connection = connection::connect(&store, &account, portal, &token, NOON).await.unwrap();
            tenants.push(Tenant { account, connection, source: SourceId::new(NOON) });
        }
        Self { store, tenants, now: NOON, random: seed, sent: 0, _folder: folder }
    }

    /// SplitMix64.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    async fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.sent += 1;
            self.now = self.now + Duration::from_millis(self.below(90_000));
            let (number, tenant) = (self.sent, self.below(4).min(1) as usize);
            let dealership = DEALERSHIPS[self.below(3) as usize];
            let email = match self.below(10) {
                0 => None,
                1 => Some(format!("leadline-test+{number}@example.com")),
                _ => Some(format!("person{}@example.com", self.below(20))),
            };
            let data = json!({
                "id": format!("lead_{number}"), "name": NAMES[self.below(6) as usize], "email": email,
                "phone": format!("+1 305 555 01{:02}", self.below(30)),
                "dealership": dealership.map(|slug| json!({ "name": slug, "slug": slug })),
            });
            let event_type = if self.below(8) == 0 { "session.initiated.v1" } else { "lead.captured.v1" };
            let of = &self.tenants[tenant];
            let event = NewEvent {
                id: EventId::new(self.now),
                account_id: of.account.id.clone(),
                source_id: of.source.clone(),
                sender_id: format!("msg_{number}"),
                event_type: event_type.to_owned(),
                occurred_at: self.now,
                body: json!({ "type": event_type, "data": data }).to_string(),
                body_hash: number.to_string(),
            };
            self.store.insert_events(&[event], self.now).await.unwrap();
        }
    }

    async fn plan(&mut self) {
        for taken in self.store.take_events("test", 5, 40, self.now).await.unwrap() {
            let tenant = self.tenants.iter().position(|of| of.account.id == taken.lease.account_id).unwrap();
            let connection_id = self.tenants[tenant].connection.id.clone();
            let mut planned = Vec::new();
            for event in taken.events {
                let contact =
                    Action::UpsertContact(Contact { key: MatchKey::Email(String::new()), properties: Vec::new() });
                let plan = Plan { actions: vec![contact], lead_id: None };
                let decision = match self.below(12) {
                    0 => Decision::Not(Unplanned::Skipped(Problem::new(Code::EventUnhandled, "no"))),
                    1 => Decision::Not(Unplanned::Refused(Problem::new(Code::TransformRefused, "no"))),
                    2 => Decision::Not(Unplanned::Held(Problem::new(Code::TransformTrap, "no").about("tfv_1"))),
                    _ => Decision::Planned {
                        connection_id: connection_id.clone(),
                        version_id: VersionId::new(self.now),
                        progress: Progress { resent: event.is_resent, ..Progress::begin(&plan, Vec::new()) },
                        plan,
                        key_hash: None,
                        figures: RunFigures::default(),
                    },
                };
                let lead = LeadTraits::of_body(&event.sender_id, &event.event_type, &event.body);
                planned.push(PlannedEvent { event, decision, lead, ran: None, log: None });
            }
            self.store.store_plans(&[PlannedLane { lease: taken.lease, planned, rest: None }], self.now).await.unwrap();
        }
    }

    async fn deliver(&mut self) {
        while let Some(taken) = self.store.take_deliveries("test", 40, self.now).await.unwrap() {
            let mut outcomes = Vec::new();
            for claimed in &taken.claimed {
                outcomes.push(self.outcome(claimed));
            }
            let round = Settlement {
                claimed: &taken.claimed,
                outcomes: &outcomes,
                ..Settlement::resting(LaneState::default())
            };
            self.store.settle(&taken.lease, round, self.now).await.unwrap();
            if taken.claimed.is_empty() {
                return;
            }
        }
    }

    fn outcome(&mut self, claimed: &Claimed) -> Round {
        let now = self.now;
        let mut progress = claimed.progress.clone();
        let away = Problem::new(Code::HubspotUnreachable, "away");
        if self.below(3) > 0 {
            let record = Some(Record { id: claimed.id.to_string(), new: self.below(2) == 0 });
            progress.actions = vec![ActionProgress { record, ..ActionProgress::default() }];
        }
        match self.below(10) {
            0 => Round::retry(claimed, progress, away, now + Duration::from_secs(300), now),
            1 => Round::blocked(claimed, progress, Problem::new(Code::StageMissing, "gone").about("won")),
            2 => Round::failed(claimed, progress, away, now),
            3 => {
                let (field, value, reason) = ("color".to_owned(), "\"dropped\":[".to_owned(), "no".to_owned());
                progress.dropped = vec![Dropped { field, value, reason, code: Some(Code::PropertyMissing) }];
                Round::delivered(claimed, progress, now)
            }
            4 => Round::waiting(claimed, progress, Some(away), now + Duration::from_secs(60)),
            _ => Round::delivered(claimed, progress, now),
        }
    }

    /// Something that changes what is old.
    async fn stir(&mut self) {
        let (tenant, way) = (self.below(2) as usize, self.below(60));
        let of = &self.tenants[tenant];
        match way {
            0..15 => {
                let codes = [Code::StageMissing, Code::TransformTrap];
                self.store.release(&of.account.id, &codes, self.now).await.unwrap();
            }
            15..20 => {
                self.store.cancel_waiting(&of.connection, self.now).await.unwrap();
            }
            _ => {
                let from = Timestamp(self.now.0 - way as i64 * 300_000);
                let filter = Filter { from: Some(from), to: Some(from + HOUR), ..Filter::default() };
                let wish = Wish { filter, again: way.is_multiple_of(5), ..Wish::default() };
                let made = replay::create(&self.store, &of.account, &wish, self.now).await;
                // There may be none to send again.
                let Ok(made) = made else { return };
                while self.store.replay(made.id.as_str()).await.unwrap().unwrap().finished_at.is_none() {
                    if replay::next(&self.store, self.now).await.unwrap() == Step::Idle {
                        self.now = self.now + Duration::from_secs(60);
                        self.plan().await;
                        self.deliver().await;
                    }
                }
            }
        }
    }

    async fn go_on(&mut self, steps: u64) {
        for _ in 0..steps {
            self.now = self.now + Duration::from_secs(self.below(900));
            match self.below(10) {
                0..4 => {
                    let count = self.below(12);
                    self.send(count).await;
                }
                4..7 => self.plan().await,
                7..9 => self.deliver().await,
                _ => self.stir().await,
            }
            // Some words are merged, and some are still where the plans left them.
            self.store.merge_words(self.sent as u32 % 7).await.unwrap();
        }
    }

    /// Every lead that there is, the newest first. Each is planned, so that what is told of it is known.
    async fn everything(&mut self) -> Vec<Naive> {
        let filter = EventFilter { state: Some(EventState::Received), limit: 1, ..EventFilter::default() };
        while !self.store.events(&filter).await.unwrap().is_empty() {
            self.plan().await;
        }
        let filter = EventFilter { limit: 100_000, ..EventFilter::default() };
        let mut all = Vec::new();
        for event in self.store.events(&filter).await.unwrap() {
            let delivery = self.store.deliveries_of(&event.account_id, &event.id).await.unwrap().pop();
            let body = self.store.body(&event).await.unwrap().unwrap();
            let traits = LeadTraits::of_body(&event.sender_id, &event.event_type, &body);
            all.push(Naive { event, delivery, traits });
        }
        all
    }

    /// Every page of a filter, older and older, and back again; and the whole of it.
    async fn walk(&self, filter: &LeadFilter) -> Vec<String> {
        let mut older: Vec<String> = Vec::new();
        let mut before = None;
        let mut last = None;
        for _ in 0..10_000 {
            let page = self.store.leads(&LeadFilter { before: before.clone(), ..filter.clone() }).await.unwrap();
            assert!(page.rows.len() <= filter.limit as usize);
            older.extend(ids(&page));
            last = page.rows.last().map(|row| row.event.id.clone()).or(last);
            match page.next {
                Some(next) => before = Some(next),
                None => {
                    before = None;
                    break;
                }
            }
        }
        assert_eq!(before, None, "{filter:?} comes to an end");
        let mut newer: Vec<String> = Vec::new();
        let mut after = Some(EventId::earliest(Timestamp(0)));
        while let Some(start) = after {
            let page = self.store.leads(&LeadFilter { after: Some(start), ..filter.clone() }).await.unwrap();
            newer.extend(ids(&page).into_iter().rev());
            after = page.prev;
        }
        newer.reverse();
        assert_eq!(older, newer, "{filter:?}: the way back is the way there");
        older
    }
}

fn ids(page: &LeadPage) -> Vec<String> {
    page.rows.iter().map(|row| row.event.id.to_string()).collect()
}

/// Whether a lead is one of those, told from nothing but itself.
fn takes(filter: &LeadFilter, lead: &Naive) -> bool {
    let delivered = [Outcome::Synced, Outcome::SyncedWithWarnings].contains(&lead.outcome());
    let delivery = lead.delivery.as_ref();
    let dropped = delivery.iter().flat_map(|delivery| &delivery.progress.dropped);
    let causes: BTreeSet<_> = match delivered {
        true => dropped.filter_map(|dropped| dropped.code).collect(),
        false => lead.cause().into_iter().collect(),
    };
    let words = || lead.traits.iter().flat_map(|traits| &traits.words);
    let is_test = lead.traits.as_ref().is_some_and(|traits| traits.is_test);
    filter.account.as_ref().is_none_or(|account| *account == lead.event.account_id)
        && filter.outcome.is_none_or(|outcome| outcome == lead.outcome())
        && filter.group.is_none_or(|group| group.holds(lead.outcome()))
        && filter.has_email.is_none_or(|has| lead.traits.as_ref().map(|traits| traits.has_email) == Some(has))
        && filter.contact.is_none_or(|contact| delivered && delivery.unwrap().contact == contact)
        && filter.cause.is_none_or(|cause| causes.contains(&cause))
        && filter.event_type.as_ref().is_none_or(|wanted| *wanted == lead.event.event_type)
        && filter
            .dealership
            .as_ref()
            .is_none_or(|slug| lead.traits.as_ref().and_then(|traits| traits.dealership.as_ref()) == Some(slug))
        && filter.test.is_none_or(|test| test == is_test)
        && filter.from.is_none_or(|from| lead.event.received_at >= from)
        && filter.until.is_none_or(|until| lead.event.received_at < until)
        && filter.text.as_deref().and_then(terms).is_none_or(|terms| {
            let has = |wanted: &leadline::words::Wanted| words().any(|word| wanted.takes(word));
            !terms.is_empty() && terms.iter().all(|term| term.0.iter().any(has))
        })
}

fn filters(scene: &Scene) -> Vec<LeadFilter> {
    let none = LeadFilter { limit: 7, ..LeadFilter::default() };
    let mut all = vec![none.clone()];
    all.extend(Outcome::ALL.map(|outcome| LeadFilter { outcome: Some(outcome), ..none.clone() }));
    for cause in
        [Code::EventUnhandled, Code::TransformTrap, Code::HubspotUnreachable, Code::StageMissing, Code::PropertyMissing]
    {
        all.push(LeadFilter { cause: Some(cause), ..none.clone() });
    }
    let texts = [
        "maya",
        "may lind",
        "angstrom zoe",
        "person1",
        "person12@example.com",
        "5550112",
        "+1 (305) 555-0107",
        "lead_1",
        "obrien",
        "李",
        "%_'\"",
        "🚗",
        "m",
        "maya 🚗",
        "@test",
        "' OR 1=1 --",
    ];
    all.extend(texts.map(|text| LeadFilter { text: Some(text.to_owned()), ..none.clone() }));
    all.extend(Group::ALL.map(|group| LeadFilter { group: Some(group), ..none.clone() }));
    all.push(LeadFilter {
        group: Some(Group::NotInHubspot),
        cause: Some(Code::PropertyMissing),
        test: Some(false),
        ..none.clone()
    });
    all.extend([true, false].map(|has| LeadFilter { has_email: Some(has), ..none.clone() }));
    let contacts = [Some(ContactWrite::Created), Some(ContactWrite::Updated), None];
    all.extend(contacts.map(|contact| LeadFilter { contact: Some(contact), ..none.clone() }));
    all.push(LeadFilter { contact: Some(None), outcome: Some(Outcome::SyncedWithWarnings), ..none.clone() });
    all.push(LeadFilter { contact: Some(None), dealership: Some("ocean".to_owned()), ..none.clone() });
    all.push(LeadFilter { event_type: Some("session.initiated.v1".to_owned()), ..none.clone() });
    all.push(LeadFilter { dealership: Some("ocean".to_owned()), ..none.clone() });
    all.push(LeadFilter { test: Some(true), ..none.clone() });
    all.push(LeadFilter { test: Some(false), ..none.clone() });
    let (from, until) = (Some(NOON + HOUR), Some(NOON + HOUR * 3));
    all.push(LeadFilter { from, until, ..none.clone() });
    all.push(LeadFilter { from, outcome: Some(Outcome::Failed), text: Some("maya".to_owned()), ..none.clone() });
    all.push(LeadFilter {
        until,
        test: Some(false),
        dealership: Some("ocean-honda".to_owned()),
        outcome: Some(Outcome::Synced),
        ..none
    });
    let accounts = [None, Some(scene.tenants[0].account.id.clone()), Some(scene.tenants[1].account.id.clone())];
    let of_account = |filter: &LeadFilter| accounts.clone().map(|account| LeadFilter { account, ..filter.clone() });
    all.iter().flat_map(of_account).collect()
}

/// The seeds of a run; `LEADLINE_SIM_SEED=7` repeats one.
fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let chosen = std::env::var("LEADLINE_SIM_SEED").ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    chosen.map_or(usual, |seed| seed..seed + 1)
}

#[tokio::test]
async fn every_filter_finds_what_fits_it_and_nothing_else_there_and_back() {
    let mut outcomes = BTreeSet::new();
    for seed in seeds(1..3) {
        let mut scene = Scene::new(seed).await;
        scene.go_on(150).await;
        // Whatever the history was, something is cancelled, and something has just failed for the first time.
        scene.store.cancel_waiting(&scene.tenants[1].connection, scene.now).await.unwrap();
        scene.send(60).await;
        for _ in 0..3 {
            scene.plan().await;
        }
        scene.deliver().await;
        let all = scene.everything().await;
        assert!(all.len() > 60, "{}", all.len());
        outcomes.extend(all.iter().map(Naive::outcome));
        for filter in filters(&scene) {
            let fits = all.iter().filter(|lead| takes(&filter, lead));
            let expected: Vec<_> = fits.map(|lead| lead.event.id.to_string()).collect();
            assert_eq!(scene.walk(&filter).await, expected, "seed {seed}: {filter:?}");
            let mut counted = BTreeMap::new();
            let whatever = LeadFilter { outcome: None, group: None, ..filter.clone() };
            for lead in all.iter().filter(|lead| takes(&whatever, lead)) {
                *counted.entry(lead.outcome()).or_insert(0) += 1;
            }
            for (outcome, count) in scene.store.lead_counts(&filter).await.unwrap() {
                let expected = (counted.get(&outcome).copied().unwrap_or(0), false);
                assert_eq!((count.leads, count.is_more), expected, "seed {seed}: {outcome:?} of {filter:?}");
            }
        }
    }
    assert!(outcomes.len() >= 7, "every outcome but an erasure comes about: {outcomes:?}");
}

#[tokio::test]
async fn paging_leaves_no_gap_and_repeats_nothing_while_new_leads_come_in() {
    let mut scene = Scene::new(3).await;
    scene.go_on(60).await;
    let filter = LeadFilter { account: Some(scene.tenants[1].account.id.clone()), limit: 5, ..LeadFilter::default() };
    let expected = scene.walk(&filter).await;
    let first = scene.store.leads(&filter).await.unwrap();
    assert_eq!(first.prev, None, "nothing is newer than the newest page");
    let (mut seen, mut next) = (ids(&first), first.next);
    let mut pages = vec![first.rows];
    while let Some(before) = next {
        scene.send(3).await;
        let page = scene.store.leads(&LeadFilter { before: Some(before), ..filter.clone() }).await.unwrap();
        seen.extend(ids(&page));
        next = page.next.clone();
        // From each page the way back leads to the one before.
        let back = LeadFilter { after: page.prev.clone(), ..filter.clone() };
        let before = scene.store.leads(&back).await.unwrap();
        let of = |rows: &[leadline::store::LeadRow]| rows.iter().map(|row| row.event.id.clone()).collect::<Vec<_>>();
        assert_eq!(of(&before.rows), of(pages.last().unwrap()));
        pages.push(page.rows);
    }
    assert_eq!(seen, expected);
    // Whoever follows along sees each new lead once.
    let newest = expected[0].clone();
    let follow = LeadFilter { after: Some(EventId::stored(newest.clone())), limit: 200, ..filter.clone() };
    let new = ids(&scene.store.leads(&follow).await.unwrap());
    let all = scene.walk(&filter).await;
    assert!(!new.is_empty());
    assert_eq!(new, all[..new.len()]);
    assert_eq!(all[new.len()], newest);
}

#[tokio::test]
async fn words_go_with_the_bodies_and_what_is_told_of_a_lead_stays() {
    let mut scene = Scene::new(5).await;
    scene.go_on(60).await;
    // Everything ends, so that retention finds it free.
    for tenant in 0..2 {
        let of = &scene.tenants[tenant];
        scene.store.release(&of.account.id, Code::ALL, scene.now).await.unwrap();
    }
    while scene.everything().await.iter().any(|lead| lead.outcome().is_open()) {
        scene.now = scene.now + HOUR;
        scene.plan().await;
        scene.deliver().await;
        for of in &scene.tenants {
            scene.store.release(&of.account.id, Code::ALL, scene.now).await.unwrap();
        }
    }
    let account = Some(scene.tenants[1].account.id.clone());
    let by_text =
        LeadFilter { account: account.clone(), text: Some("maya".to_owned()), limit: 50, ..LeadFilter::default() };
    let by_dealership =
        LeadFilter { account, dealership: Some("ocean".to_owned()), limit: 50, ..LeadFilter::default() };
    let (text, dealership) = (scene.walk(&by_text).await, scene.walk(&by_dealership).await);
    assert!(!text.is_empty() && !dealership.is_empty());
    while scene.store.merge_words(10).await.unwrap() == 10 {}
    assert_eq!(scene.walk(&by_text).await, text, "merged words find what they found before");
    for kept in [Kept::Bodies, Kept::Words] {
        while scene.store.remove_before(kept, scene.now + HOUR * 24 * 8).await.unwrap() != Removed::Nothing {}
    }
    assert_eq!(scene.walk(&by_text).await, Vec::<String>::new());
    assert_eq!(scene.walk(&by_dealership).await, dealership, "the dealership is known from the lead");
    let page = scene.store.leads(&by_dealership).await.unwrap();
    assert!(page.rows.iter().all(|row| row.body.is_none()));
}

#[tokio::test]
async fn a_lead_leads_to_its_account_by_its_own_id_and_by_nothing_else_that_it_says() {
    let mut scene = Scene::new(7).await;
    scene.go_on(60).await;
    let all = scene.everything().await;
    let mut owners = BTreeSet::new();
    for lead in all.iter().filter(|lead| lead.traits.is_some()) {
        let body = scene.store.body(&lead.event).await.unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let id = body["data"]["id"].as_str().unwrap();
        for word in [id.to_owned(), id.to_uppercase()] {
            let found = scene.store.account_of_lead(&word).await.unwrap();
            assert_eq!(found.as_ref(), Some(&lead.event.account_id), "{word}");
        }
        owners.insert(lead.event.account_id.clone());
        for said in ["email", "phone", "name"] {
            let said = body["data"][said].as_str().unwrap_or("nobody1");
            assert_eq!(scene.store.account_of_lead(said).await.unwrap(), None, "{said}");
        }
    }
    assert_eq!(owners.len(), 2, "of both accounts");
    for nobodys in ["lead_", "lead_0", "maya", ""] {
        assert_eq!(scene.store.account_of_lead(nobodys).await.unwrap(), None, "{nobodys}");
    }
}

/// The figures of an account, added up from nothing but what is stored of each lead.
fn recount(all: &[Naive], account: &Account) -> BTreeMap<(i64, String), Figures> {
    let mut hours: BTreeMap<(i64, String), Figures> = BTreeMap::new();
    for lead in all.iter().filter(|lead| lead.event.account_id == account.id) {
        if lead.traits.as_ref().is_some_and(|traits| traits.is_test) {
            continue;
        }
        let delivered = [Outcome::Synced, Outcome::SyncedWithWarnings].contains(&lead.outcome());
        let delivery = lead.delivery.as_ref().filter(|_| delivered);
        let dealership = lead.traits.as_ref().and_then(|traits| traits.dealership.clone()).unwrap_or_default();
        hours.entry((hour(lead.event.received_at), dealership)).or_default().add(&Counted {
            outcome: lead.outcome(),
            is_refused: lead.event.state == EventState::Refused,
            contact: delivery.and_then(|delivery| delivery.contact),
            has_email: lead.traits.as_ref().map(|traits| traits.has_email),
            cause: lead.cause(),
            took: delivery.and_then(|delivery| delivery.done_at).map(|at| at.since(lead.event.received_at)),
        });
    }
    hours
}

#[tokio::test]
async fn the_figures_of_hours_are_those_of_their_leads_whatever_changes_later() {
    for seed in seeds(11..13) {
        let mut scene = Scene::new(seed).await;
        for round in 0..6 {
            scene.go_on(25).await;
            // Now and then nobody adds up.
            if round % 3 != 2 {
                while scene.store.fill_hours(scene.now).await.unwrap() {}
            }
            let all = scene.everything().await;
            for of in &scene.tenants {
                let expected = recount(&all, &of.account);
                let told = |whose| {
                    let (store, account, until) = (scene.store.clone(), of.account.id.clone(), scene.now + HOUR);
                    async move { store.lead_hours(&account, &whose, NOON, until).await.unwrap() }
                };
                let each = told(Dealerships::Each).await;
                assert_eq!(each.complete_from, None);
                let each = each.hours.into_iter().map(|of| ((hour(of.hour), of.dealership.unwrap()), of.figures));
                assert_eq!(each.collect::<BTreeMap<_, _>>(), expected, "seed {seed}, round {round}");
                let one = told(Dealerships::One("ocean".to_owned())).await.hours;
                assert_eq!(one.len(), expected.keys().filter(|(_, dealership)| dealership == "ocean").count());
                let mut sums: BTreeMap<i64, Figures> = BTreeMap::new();
                for ((hour, _), figures) in &expected {
                    sums.entry(*hour).or_default().merge(figures);
                }
                let together = told(Dealerships::Together).await.hours;
                let together = together.into_iter().map(|of| (hour(of.hour), of.figures)).collect::<BTreeMap<_, _>>();
                assert_eq!(together, sums, "seed {seed}, round {round}");
                let without_contact = LeadFilter {
                    account: Some(of.account.id.clone()),
                    contact: Some(None),
                    test: Some(false),
                    limit: 50,
                    ..LeadFilter::default()
                };
                let counted: u64 = together.values().map(|figures| figures.saved).sum();
                let listed = scene.walk(&without_contact).await.len() as u64;
                assert_eq!(listed, counted, "seed {seed}, round {round}");
            }
        }
        let all = scene.everything().await;
        let account = &scene.tenants[1].account;
        let expected = recount(&all, account);
        let (from, until) = (begin(hour(NOON) + 1), begin(hour(NOON) + 4));
        let part = scene.store.lead_hours(&account.id, &Dealerships::Each, from, until).await.unwrap();
        let within = expected.keys().filter(|(at, _)| (hour(from)..hour(until)).contains(at)).count();
        assert_eq!(part.hours.len(), within);
    }
}
