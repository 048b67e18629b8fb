//! The deliver step: lease a lane, take a batch, call HubSpot, settle. Facts about HubSpot are in `hubspot`, SQL is
//! in `store`; here is only the order in which things happen.

mod journal;
mod link;
mod note;
mod round;
mod upsert;

use anyhow::Context as _;

use crate::connection::access::{self, Access};
use crate::connection::care;
use crate::connection::session::Session;
use crate::hubspot::{BATCH_MAX, HubSpot};
use crate::model::delivery::{DeliveryState, Outcome};
use crate::model::lane::{LaneKind, Settled, Step};
use crate::model::time::Timestamp;
use crate::store::{Settlement, Store};

use journal::Journal;
use round::Round;

/// Says what time it is. Given by the edge: the wall clock in production, a standing one in tests.
pub type Clock = std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Carries out the next batch of the lane that waited longest.
///
/// # Errors
/// When the store fails. Whatever HubSpot does is never an error.
pub async fn deliver_next(store: &Store, hubspot: &HubSpot, owner: &str, clock: &Clock) -> anyhow::Result<Step> {
    let Some(lease) = store.lease_lanes(LaneKind::Deliver, owner, 1, clock()).await?.pop() else {
        return Ok(Step::Idle);
    };
    let claimed = store.due_deliveries(&lease, BATCH_MAX, clock()).await?;
    let left_behind = store.open_calls(&lease).await?;
    let found = store.connection_with_token(&lease.account_id, &lease.lane_id).await?;
    let (connection, token) = found.with_context(|| format!("lane {} has no connection", lease.lane_id))?;

    let mut round = Round::begin(claimed);
    let recalled = round.recall(&left_behind, clock());
    let (lease, mut calls, last_answer) =
        match access::open(store, hubspot, &lease, &connection, token, clock()).await? {
            Access::Open(portal) => {
                if care::is_due(&connection, clock()) {
                    let session = Session::new(hubspot.clone(), portal.clone(), connection.clone());
                    care::look_after(store, &session, clock()).await?;
                }
                let mut journal = Journal::new(store, hubspot, &portal, lease, clock);
                carry_out(&mut round, &mut journal).await?;
                if journal.cut {
                    round.cut();
                }
                journal.close()
            }
            Access::Blocked(problem) => {
                round.block_all(&problem);
                (lease, Vec::new(), None)
            }
            Access::Rest { problem, pause } => {
                round.rest(problem, pause);
                (lease, Vec::new(), None)
            }
        };
    let now = clock();
    let outcomes = round.outcomes(now);
    calls.extend(recalled);
    let settlement = Settlement {
        claimed: &round.claimed,
        outcomes: &outcomes,
        calls: &calls,
        last_answer,
        paused_until: round.paused_until(now),
    };
    match store.settle(&lease, settlement, now).await? {
        Settled::Done => outcomes.iter().for_each(|outcome| record(outcome, &lease.lane_id)),
        Settled::LeaseLost => {
            tracing::warn!(lane.id = %lease.lane_id, "lane {} was taken over; its new holder goes on", lease.lane_id)
        }
    }
    Ok(Step::Worked)
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
        Some(problem) => tracing::warn!(
            delivery.id = %id, lane.id = %lane, attempt.number = outcome.attempts, code = %problem.code,
            "delivery {id} is {state}: {}", problem.code.title()
        ),
        None => tracing::debug!(delivery.id = %id, lane.id = %lane, "delivery {id} is {state}"),
    }
}
