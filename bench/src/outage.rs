//! `outage`: HubSpot answers 503 for three days, in virtual time: the calls that are made meanwhile, the attempts that
//! leads spend, and the drain at the portals' limit. Beside the calls it shows what the timetable of each lead by itself
//! would have called, which is computed; beside the drain, what the limit allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use hubspot_sim::{Clock, Options, Outage, Preset, Simulator};
use leadline::app::App;
use leadline::hubspot::NOTE;
use leadline::model::account::Account;
use leadline::model::delivery::DeliveryState;
use leadline::model::id::SourceId;
use leadline::model::lane::{LaneKind, Step};
use leadline::model::time::Timestamp;
use leadline::retry::TIMETABLE;
use leadline::store::EventFilter;
use leadline::{connection, deliver, process};
use secrecy::SecretString;
use serde_json::json;

use crate::Choice;
use crate::figure::{Figure, percentile};
use crate::ingest::event_at;
use crate::place::{Database, Place};
use crate::service::{make_account, make_source};

const BENCH: &str = "outage";
const LASTS: Duration = Duration::from_secs(72 * 3600);
const PORTALS: usize = 3;
/// Leads of each portal, which come evenly over the outage.
const LEADS: usize = 20_000;
const HOUR: Duration = Duration::from_secs(3600);
/// Calls of ten seconds that leads may use: the portal's limit less what is kept for people's own questions.
const LANE_LIMIT: usize = 100;
const WINDOW_S: usize = 10;
/// Read, upsert and notes, for up to a hundred leads.
const CALLS_A_BATCH: usize = 3;
const BATCH: usize = 100;
/// A Monday at noon.
const NOON: Timestamp = Timestamp(1_795_435_200_000);
/// The timetable of every lead has ended by then.
const OVER: Duration = Duration::from_secs(80 * 3600);

/// The service, driven step by step, and its time.
struct World {
    app: App,
    simulator: Simulator,
    now: Arc<AtomicI64>,
    accounts: Vec<(Account, SourceId, i64)>,
    _place: Place,
}

pub(crate) async fn run(choice: &Choice) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for database in choice.databases_or(&[Database::Sqlite]) {
        for portals in choice.portals(&[PORTALS]) {
            figures.extend(measure(database, portals, choice.leads(LEADS)).await?);
        }
    }
    Ok(figures)
}

async fn measure(database: Database, portals: usize, leads: usize) -> anyhow::Result<Vec<Figure>> {
    let world = World::make(database, portals).await?;
    let (begins, ends) = (NOON + HOUR, NOON + HOUR + LASTS);
    world.run_through(begins, |_| false).await?;
    world.simulator.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: begins.0, to_ms: ends.0 }));
    let calls = world.simulator.call_count();
    let hours = LASTS.as_secs() as usize / 3600;
    let (mut came, mut computed) = (Vec::new(), 0);
    for hour in 0..hours {
        let at = world.now() + Duration::from_secs(1);
        world.set_clock(at);
        let share = leads * (hour + 1) / hours - leads * hour / hours;
        world.add_leads(came.len(), share).await?;
        came.extend(std::iter::repeat_n(at, share));
        computed += share * attempts_of_its_own(ends.since(at));
        world.run_through((at + HOUR).min(ends - Duration::from_millis(1)), |_| false).await?;
    }
    let during = world.simulator.call_count() - calls;
    let waiting: usize = (0..portals).map(|portal| leads - world.applied(portal)).sum();
    let attempts = world.attempts().await?;
    world.set_clock(ends);
    let calls = world.simulator.call_count();
    // Those that probed have spent attempts, and come back by their timetable.
    let fresh = attempts.iter().filter(|spent| **spent == 0).count();
    let all_but_probes = portals * leads - (attempts.len() - fresh);
    world.run_through(ends + OVER, |world| world.all_applied() >= all_but_probes).await?;
    let drained = world.now().since(ends).as_secs_f64();
    let drain_calls = world.simulator.call_count() - calls;
    world.run_through(ends + OVER, |world| world.all_applied() >= portals * leads).await?;
    let last = world.now().since(ends).as_secs_f64();
    let refused = world.simulator.calls().iter().filter(|call| call.status == 429).count();
    let failed = world.fates().await?.iter().filter(|state| **state != DeliveryState::Delivered).count();
    let figure = |what: &str, value: f64, unit| {
        let name = format!("{}, {portals} portals, {leads} leads each: {what}", database.name());
        Figure::alone(BENCH, name, value, unit)
    };
    let mut spent: Vec<f64> = attempts.iter().map(|spent| f64::from(*spent)).collect();
    Ok(vec![
        figure(
            "calls a portal in three days, beside each lead by its own timetable (computed)",
            during as f64 / portals as f64,
            "calls",
        )
        .beside(&[computed as f64]),
        figure("leads that waited at the end", waiting as f64, "leads"),
        figure("leads that had spent an attempt", (attempts.len() - fresh) as f64, "leads"),
        figure("most attempts of a lead", percentile(&mut spent, 1.0), "attempts"),
        figure("drain of all others, beside what the limit allows (computed)", drained, "virtual s")
            .beside(&[ideal(leads)]),
        figure("calls of the drain", drain_calls as f64 / portals as f64, "calls/portal"),
        figure("until the last lead, by its timetable", last, "virtual s"),
        figure("calls refused for the limit", refused as f64, "calls"),
        figure("leads that did not arrive", failed as f64, "leads"),
    ])
}

/// Attempts that a lead makes in such a time, were it not for the rest of its lane: jitter left out.
fn attempts_of_its_own(time: Duration) -> usize {
    let mut at = Duration::ZERO;
    1 + TIMETABLE
        .iter()
        .take_while(|wait| {
            at += **wait;
            at < time
        })
        .count()
}

/// Seconds that a portal's limit asks for: the first window's calls go out at once.
fn ideal(leads: usize) -> f64 {
    let calls = leads.div_ceil(BATCH) * CALLS_A_BATCH;
    ((calls.div_ceil(LANE_LIMIT) - 1) * WINDOW_S) as f64
}

impl World {
    async fn make(database: Database, portals: usize) -> anyhow::Result<Self> {
        let place = Place::make(database, 0)?;
        let options = Options { clock: Clock::Standing(NOON.0), calls_kept: 100_000, ..Options::default() };
        let simulator = Simulator::start(options).await?;
        let now = Arc::new(AtomicI64::new(NOON.0));
        let read = now.clone();
        let clock = Arc::new(move || Timestamp(read.load(Ordering::SeqCst)));
        let app = App::connect_at(&place.config(simulator.base_url()), clock).await?;
        let mut accounts = Vec::new();
        for number in 0..portals {
            let account = make_account(&app.store, &format!("dealer-{number}")).await?;
            let portal = simulator.add_portal(Preset::Ready, &account.slug);
            let token = SecretString::from(portal.access_token);
            let made = connection::connect(&app.store, &account, portal.id, &token, NOON).await?;
            let settings = json!({ "country": "US" });
            connection::use_transformation(&app.store, &account, &made, "default", settings, NOON).await?;
            let (source, _) = make_source(&app.store, &account).await?;
            accounts.push((account, source, portal.id));
        }
        Ok(Self { app, simulator, now, accounts, _place: place })
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn set_clock(&self, to: Timestamp) {
        self.now.store(to.0, Ordering::SeqCst);
        self.simulator.set_clock(to.0);
    }

    /// So many leads for each account.
    async fn add_leads(&self, first: usize, count: usize) -> anyhow::Result<()> {
        for (account, source, _) in &self.accounts {
            let events: Vec<_> =
                (first..first + count).map(|number| event_at(account, source, number, self.now())).collect();
            self.app.store.insert_events(&events, self.now()).await?;
        }
        Ok(())
    }

    /// Works through the queue and moves the clock to whatever is due next, until `end` or until it is enough.
    async fn run_through(&self, end: Timestamp, is_enough: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        loop {
            let App { store, transformer, hubspot, clock, .. } = &self.app;
            while process::plan_next(store, transformer, BENCH, clock).await? == Step::Worked {}
            while deliver::deliver_next(store, hubspot, BENCH, clock).await? == Step::Worked {}
            if is_enough(self) {
                return Ok(());
            }
            match store.next_due(LaneKind::Deliver, self.now()).await? {
                Some(due) if due <= end => self.set_clock(due.max(self.now() + Duration::from_millis(1))),
                _ => break,
            }
        }
        self.set_clock(end);
        Ok(())
    }

    fn applied(&self, account: usize) -> usize {
        self.simulator.record_count(self.accounts[account].2, NOTE)
    }

    fn all_applied(&self) -> usize {
        (0..self.accounts.len()).map(|account| self.applied(account)).sum()
    }

    async fn events(&self) -> anyhow::Result<Vec<leadline::model::event::Event>> {
        let filter = EventFilter { limit: u32::MAX, ..EventFilter::default() };
        Ok(self.app.store.events(&filter).await?)
    }

    /// Attempts that each lead has spent.
    async fn attempts(&self) -> anyhow::Result<Vec<u32>> {
        let mut attempts = Vec::new();
        for event in self.events().await? {
            let deliveries = self.app.store.deliveries_of(&event.account_id, &event.id).await?;
            attempts.push(deliveries.last().with_context(|| format!("{} has no delivery", event.id))?.attempts);
        }
        Ok(attempts)
    }

    /// Where each lead stands.
    async fn fates(&self) -> anyhow::Result<Vec<DeliveryState>> {
        let state = |event: leadline::model::event::Event| event.delivery.context("an event has no delivery");
        self.events().await?.into_iter().map(state).collect()
    }
}
