//! The deliver step: lease a lane, take a batch, call HubSpot, settle. Facts about HubSpot are in `hubspot`, SQL is
//! in `store`; here is only the order in which things happen.

mod check;
mod journal;
mod link;
mod names;
mod note;
mod passed;
mod round;
mod upsert;

use std::time::Duration;

use crate::budget::{Budget, Learned};
use crate::cause::Code;
use crate::connection::access::{self, Access};
use crate::connection::care::{self, Cared};
use crate::connection::session::Session;
use crate::crash::crash_point;
use crate::hubspot::{BATCH_MAX, HubSpot, Meaning, Pause};
use crate::lane;
use crate::model::account::Connection;
use crate::model::delivery::{Claimed, DeliveryState, Outcome};
use crate::model::lane::{Settled, Step};
use crate::model::time::Timestamp;
use crate::store::{LaneState, Settlement, Store, TakenDeliveries};

use journal::{Closed, Journal};
use round::{Cut, Round};

/// Says what time it is. Given by the edge: the wall clock in production, a standing one in tests.
pub type Clock = std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Carries out the next batch of the lane that waited longest.
///
/// # Errors
/// When the store fails. Whatever HubSpot does is never an error.
pub async fn deliver_next(store: &Store, hubspot: &HubSpot, owner: &str, clock: &Clock) -> anyhow::Result<Step> {
    let began = clock();
    let Some(taken) = store.take_deliveries(owner, BATCH_MAX, began).await? else {
        return Ok(Step::Idle);
    };
    crash_point!("CP8");
    let TakenDeliveries { lease, claimed, recent_calls, open_calls, connection, token, mut schema, may_be_suppressed } =
        taken;
    let emptied = claimed.len() < BATCH_MAX;
    let outage = lease.learned.outage;
    let claimed = outage.probe(claimed, |claimed| claimed.band, |claimed| claimed.key_hash.as_deref(), clock());
    let mut budget = Budget::new(lease.learned, recent_calls, clock());
    let wait = if claimed.is_empty() { Duration::ZERO } else { budget.wait(calls_needed(&claimed), clock()) };
    if wait > Duration::ZERO {
        let lane = LaneState { paused_until: Some(clock() + wait), ..LaneState::default() };
        store.settle(&lease, Settlement::resting(lane), clock()).await?;
        return Ok(Step::Worked);
    }
    let claimed = names::apply(&connection.policy, claimed);
    let claimed = passed::look_back(store, &lease, claimed).await?;
    let mut round = Round::begin(claimed, clock());
    // The last door: what was planned a moment before somebody asked to be forgotten, and what is replayed by its old plan.
    if may_be_suppressed && let Some(suppressed) = store.suppressed(&lease.account_id).await? {
        round.remove(|plan| suppressed.is_in_plan(plan));
    }
    if connection.policy.hold_without_email {
        round.hold_for_review();
    }
    let recalled = round.recall(&open_calls, clock());
    let mut closed = match access::open(store, hubspot, &lease, &connection, token, clock()).await? {
        Access::Open(portal) => {
            if care::is_due(schema.as_ref(), !round.claimed.is_empty(), clock()) {
                let session = Session::new(hubspot.clone(), portal.clone(), connection.clone());
                if let Cared::NotNow(Meaning::Pause { problem, pause }) =
                    care::look_after(store, &session, clock()).await?
                {
                    round.rest(problem, pause);
                }
                schema = store.schema(&connection).await?;
            }
            let mut journal = Journal::new((store, hubspot, clock), &connection, portal, (lease, budget), schema);
            carry_out(&mut round, &mut journal).await?;
            journal.close()
        }
        lost => {
            care::put_off(store, &connection, clock()).await?;
            Closed::untouched(lease, budget, lost)
        }
    };
    match closed.lost.take() {
        Some(Access::Blocked(problem)) => round.block_all(&problem),
        Some(Access::Rest { problem, pause }) => round.rest(problem, Pause::For(pause)),
        Some(Access::Open(_)) | None if closed.cut => {
            round.cut(if closed.unserved.is_some() { Cut::InPlace } else { Cut::Later });
        }
        Some(Access::Open(_)) | None => {}
    }

    let now = clock();
    let gathers = emptied && !store.is_for_one_process();
    let gathering = if gathers { lane::gathering(round.claimed.len(), now.since(began)) } else { Duration::ZERO };
    let lane = lane_after(&round, &mut closed, &connection, gathering, now);
    let outcomes = round.outcomes(now);
    closed.calls.extend(recalled);
    let settlement = Settlement {
        claimed: &round.claimed,
        outcomes: &outcomes,
        calls: &closed.calls,
        last_answer: closed.last_answer,
        lane,
    };
    let lane = &closed.lease.lane_id;
    if let (Some(until), Some(pause)) = (settlement.lane.paused_until, &settlement.lane.pause) {
        tracing::warn!(lane.id = %lane, code = %pause.code, "lane {lane} rests until {until}: {}", pause.code.title());
    }
    match store.settle(&closed.lease, settlement, now).await? {
        Settled::Done => outcomes.iter().for_each(|outcome| record(outcome, lane)),
        Settled::LeaseLost => {
            tracing::warn!(lane.id = %lane, "lane {lane} is no longer ours: it was taken over, or its lease was lost with the database; whoever holds it goes on")
        }
    }
    if closed.contradicted {
        store.mark_schema_stale(&connection, now).await?;
    }
    if outcomes.iter().any(|outcome| outcome.state == DeliveryState::Blocked) {
        care::expect_a_change(store, &connection, now).await?;
    }
    Ok(Step::Worked)
}

/// How the lane goes on after a round, and what the next holder should know.
fn lane_after(
    round: &Round,
    closed: &mut Closed,
    connection: &Connection,
    gathering: Duration,
    now: Timestamp,
) -> LaneState {
    let service = round.service(closed.calls.len(), closed.unserved.is_some());
    let outage = closed.lease.learned.outage.after(service, now);
    let lane = match (outage.rest(), &closed.unserved) {
        (Some(rest), Some(problem)) => {
            LaneState { paused_until: Some(now + rest), pause: Some(problem.clone()), ..LaneState::default() }
        }
        _ => round.lane(connection, closed.spent, now),
    };
    // Known already, so that nobody leases the lane to find out: the next round needs about as many calls.
    let pace = closed.budget.wait(u32::try_from(closed.calls.len()).unwrap_or(u32::MAX), now);
    let moment = pace.max(gathering);
    let lane = match lane.paused_until {
        None if moment > Duration::ZERO => LaneState { paused_until: Some(now + moment), ..lane },
        _ => lane,
    };
    let learned = Learned { outage, ..closed.budget.learned() };
    LaneState { learned: Some(learned).filter(|learned| *learned != closed.lease.learned), ..lane }
}

/// The calls that a round is sure to make: a read and an upsert for each kind of record, and one call each for links
/// and notes.
fn calls_needed(claimed: &[Claimed]) -> u32 {
    let actions = || claimed.iter().flat_map(|claimed| &claimed.plan.actions);
    let mut groups: Vec<_> =
        actions().filter_map(|action| Some((round::object_type(action), action.key()?.0))).collect();
    groups.sort_unstable();
    groups.dedup();
    let links = actions().any(|action| action.key().is_some() && !action.refers_to().is_empty());
    let notes = actions().any(|action| action.key().is_none());
    u32::try_from(groups.len() * 2).unwrap_or(u32::MAX) + u32::from(links) + u32::from(notes)
}

/// One round in HubSpot: people first, then what belongs to them, then what ties it together.
async fn carry_out(round: &mut Round, journal: &mut Journal<'_>) -> anyhow::Result<()> {
    upsert::contacts(round, journal).await?;
    upsert::deals_and_objects(round, journal).await?;
    link::link(round, journal).await?;
    note::find_unsure(round, journal).await?;
    note::create(round, journal).await?;
    // For notes about records that a note cannot name while it is created.
    link::link(round, journal).await
}

fn record(outcome: &Outcome, lane: &str) {
    let id = &outcome.delivery_id;
    let state = match outcome.state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Blocked => "blocked",
        DeliveryState::Failed => "failed",
        DeliveryState::Cancelled => "cancelled",
    };
    metrics::counter!("leadline_deliveries_settled_total", "state" => state).increment(1);
    match &outcome.reason {
        // Nobody but the operator can do something about these.
        Some(problem) if matches!(problem.code, Code::OurFault | Code::HubspotNoEffect | Code::AppConfig) => {
            tracing::error!(
                delivery.id = %id, lane.id = %lane, attempt.number = outcome.attempts, code = %problem.code,
                correlation.id = problem.correlation_id, "delivery {id} is {state}: {}", problem.code.title()
            );
        }
        Some(problem) => tracing::warn!(
            delivery.id = %id, lane.id = %lane, attempt.number = outcome.attempts, code = %problem.code,
            "delivery {id} is {state}: {}", problem.code.title()
        ),
        None => tracing::debug!(delivery.id = %id, lane.id = %lane, "delivery {id} is {state}"),
    }
}
