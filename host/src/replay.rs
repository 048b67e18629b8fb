//! Replays: leads that are sent once more, as durable jobs. A page looks at events, the oldest first, and puts those
//! that it takes back into the queue; planning and delivery do the rest, as for any other lead.
//!
//! What already succeeded is not sent again unless that is asked for. Then it is a new delivery of a fresh plan: contact
//! and deal are found by their keys and written again, and the conversation stands on the timeline twice.
//!
//! What failed or was cancelled goes on with its stored plan, unless somebody asks for a fresh one. Then it is a new
//! delivery too, and nothing is there twice: contact and deal are found by their keys, and the note by its marker.

use std::time::Duration;

use crate::cause::{Code, Problem};
use crate::model::account::Account;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::event::{Event, EventState};
use crate::model::id::{EventId, ReplayId};
use crate::model::lane::Step;
use crate::model::replay::{
    Candidate, Change, Continued, EVENTS_MAX, Estimate, Fate, Filter, Manner, NAME_CHARS_MAX, Page, RATE_DEFAULT,
    RATE_MAX, Replay, ReplayState, Stopped, Tally, decide,
};
use crate::model::time::Timestamp;
use crate::model::word;
use crate::plan::key_hash;
use crate::store::{Scan, Store, StoreError};

/// What somebody wants to be replayed.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub filter: Filter,
    /// Whether what was delivered is to be sent once more.
    pub again: bool,
    /// Whether what failed or was cancelled is to be planned anew, instead of going on with its stored plan.
    pub afresh: bool,
    /// Leads a second; [`RATE_DEFAULT`] where nobody says.
    pub rate: Option<u32>,
    /// What to call it; empty where nobody says.
    pub name: String,
}

impl Wish {
    fn manner(&self) -> Manner {
        Manner { again: self.again, afresh: self.afresh }
    }
}

/// Why something cannot be replayed, or a replay not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the replay names no leads")]
    NoFilter,
    #[error("no lead has the words that the replay asks for")]
    Nobody,
    #[error("a replay does 1 to {RATE_MAX} leads a second, not {0}")]
    Rate(u32),
    #[error("the name of a replay has {NAME_CHARS_MAX} characters at most, not {0}")]
    Name(usize),
    #[error("no lead was received from {from} on and before {to}")]
    Range { from: Timestamp, to: Timestamp },
    #[error("{0} leads are named, and a replay names {EVENTS_MAX} at most")]
    TooMany(usize),
    #[error("the account `{account}` has no event `{event}`")]
    NoEvent { account: String, event: EventId },
    #[error("replay `{id}` is {state}")]
    State { id: ReplayId, state: String },
    #[error("{event} {state}, and cannot be tried again now")]
    Unfit { event: EventId, state: &'static str },
    #[error("{event} {state}, and cannot be called off")]
    Over { event: EventId, state: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReplayError {
    /// What to do about it; none where it is our own failure.
    pub fn fix(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoFilter => "Name an event, a state, a time range, a type, a cause, a dealership or a text.",
            Self::Nobody => "Look for it in the list of leads: what is older than bodies are kept has no words.",
            Self::Rate(_) => "Choose a rate between these.",
            Self::Name(_) => "Choose a shorter name.",
            Self::Range { .. } => "Let the range begin before it ends.",
            Self::TooMany(_) => "Name fewer, or all of a state, a time range, a type or a cause.",
            Self::NoEvent { .. } => "Look at the event's id, and whose it is.",
            Self::State { .. } => "Pause one that runs, resume one that is paused, cancel one that has not ended.",
            Self::Unfit { .. } => {
                "What waits goes on by itself; what went through is sent once more by a replay with `again`."
            }
            Self::Over { .. } => {
                "Only what waits is called off. What waits for another version goes nowhere, and what is in HubSpot is deleted there."
            }
            Self::Store(_) => return None,
        })
    }
}

/// What a replay would come to, without doing it.
///
/// # Errors
/// When the wish makes no sense, or the store fails.
pub async fn estimate(store: &Store, account: &Account, wish: &Wish, now: Timestamp) -> Result<Estimate, ReplayError> {
    let (wish, rate) = checked(store, account, wish, now).await?;
    let (tally, _) = look_through(store, account, &wish).await?;
    Ok(Estimate::of(tally, rate))
}

/// What a replay would come to, and which leads it takes: the first of them, one more than it can name.
async fn look_through(store: &Store, account: &Account, wish: &Wish) -> Result<(Tally, Vec<EventId>), ReplayError> {
    let (mut tally, mut taken) = (Tally::default(), Vec::new());
    let mut after = wish.filter.range().0;
    loop {
        let scan = store.scan_leads(&account.id, &wish.filter, &after).await?;
        for lead in scan.leads.iter().filter(|lead| wish.filter.takes(lead)) {
            tally.count(lead.standing, decide(lead, wish.manner()));
            if taken.len() <= EVENTS_MAX {
                taken.push(lead.event_id.clone());
            }
        }
        match scan.last {
            Some(last) if !scan.is_end => after = last,
            _ => return Ok((tally, taken)),
        }
    }
}

/// Makes a job of it, which runs from now on.
///
/// # Errors
/// As [`estimate`].
pub async fn create(store: &Store, account: &Account, wish: &Wish, now: Timestamp) -> Result<Replay, ReplayError> {
    let (wish, rate) = checked(store, account, wish, now).await?;
    let (tally, taken) = look_through(store, account, &wish).await?;
    let estimate = Estimate::of(tally, rate);
    let filter = match wish.filter.text {
        Some(_) => named(wish.filter, taken)?,
        None => wish.filter,
    };
    let replay = Replay {
        id: ReplayId::new(now),
        account_id: account.id.clone(),
        looked_at: filter.range().0,
        name: wish.name,
        filter,
        again: wish.again,
        afresh: wish.afresh,
        rate,
        state: ReplayState::Running,
        estimate,
        tally: Tally::default(),
        created_at: now,
        next_at: now,
        finished_at: None,
    };
    store.insert_replay(&replay).await?;
    Ok(replay)
}

/// The same filter by the leads that its text finds. A job outlives what it was asked for, and a text may be a person: so
/// it keeps ids, and no text.
fn named(filter: Filter, taken: Vec<EventId>) -> Result<Filter, ReplayError> {
    match taken.len() {
        0 => Err(ReplayError::Nobody),
        1..=EVENTS_MAX => Ok(Filter { event: None, events: taken, text: None, ..filter }),
        more => Err(ReplayError::TooMany(more)),
    }
}

/// What came of trying a lead again.
#[derive(Debug)]
pub enum Retried {
    /// Its delivery waited for the next attempt, which is due now.
    DueNow,
    /// It had ended, and is replayed.
    Replayed(Box<Replay>),
}

/// Tries one lead again, now.
///
/// # Errors
/// When it waits for something else than time, went through already, or the store fails.
pub async fn retry(store: &Store, event: &Event, now: Timestamp) -> Result<Retried, ReplayError> {
    let unfit = |state| ReplayError::Unfit { event: event.id.clone(), state };
    let deliveries = store.deliveries_of(&event.account_id, &event.id).await?;
    if event.reason.as_ref().is_some_and(|reason| reason.code == Code::ContactErased) {
        return Err(unfit("was removed on request"));
    }
    match (event.state, deliveries.last().map(|delivery| (delivery, delivery.state))) {
        (EventState::Received, _) => return Err(unfit("is not planned yet")),
        (EventState::Planned, Some((delivery, DeliveryState::Blocked))) if is_for_review(delivery) => {
            return match store.send_reviewed(delivery, now).await? {
                true => Ok(Retried::DueNow),
                false => Err(unfit("is on its way")),
            };
        }
        (EventState::Held, _) | (_, Some((_, DeliveryState::Blocked))) => return Err(unfit("waits for a cause")),
        (EventState::Planned, Some((_, DeliveryState::Delivered))) => return Err(unfit("went through")),
        (EventState::Planned, Some((delivery, DeliveryState::Pending))) => {
            return match store.hurry(delivery, now).await? {
                true => Ok(Retried::DueNow),
                false => Err(unfit("is on its way")),
            };
        }
        (EventState::Planned, Some((_, DeliveryState::Failed | DeliveryState::Cancelled)) | None)
        | (EventState::Skipped | EventState::Refused, _) => {}
    }
    let no_event = || ReplayError::NoEvent { account: event.account_id.to_string(), event: event.id.clone() };
    let account = store.account(event.account_id.as_str()).await?.ok_or_else(no_event)?;
    let filter = Filter { event: Some(event.id.clone()), ..Filter::default() };
    let wish = Wish { filter, ..Wish::default() };
    Ok(Retried::Replayed(Box::new(create(store, &account, &wish, now).await?)))
}

/// Whether a delivery waits for somebody to look at it.
fn is_for_review(delivery: &Delivery) -> bool {
    delivery.reason.as_ref().is_some_and(|reason| reason.code == Code::LeadForReview)
}

/// Calls one lead off that waits, for its time or for a cause. It can be replayed.
///
/// # Errors
/// When it does not wait, or the store fails.
pub async fn cancel(store: &Store, event: &Event, by: &str, now: Timestamp) -> Result<(), ReplayError> {
    let over = |state| ReplayError::Over { event: event.id.clone(), state };
    let newest = store.deliveries_of(&event.account_id, &event.id).await?.pop();
    match (event.state, newest.as_ref().map(|delivery| (delivery, delivery.state))) {
        (EventState::Planned, Some((delivery, DeliveryState::Pending | DeliveryState::Blocked))) => {
            let problem = Problem::new(Code::LeadCancelled, format!("called off by {by}"));
            match store.cancel_delivery(delivery, &problem, now).await? {
                true => Ok(()),
                false => Err(over("is on its way")),
            }
        }
        (EventState::Planned, Some((_, DeliveryState::Delivered))) => Err(over("went through")),
        (EventState::Received | EventState::Held, _) => Err(over("is not planned")),
        _ => Err(over("does not wait")),
    }
}

/// Pauses, resumes or cancels a replay.
///
/// # Errors
/// When it is in no state for that, or the store fails.
pub async fn change(store: &Store, replay: &Replay, change: Change, now: Timestamp) -> Result<(), ReplayError> {
    if store.change_replay(replay, change, now).await? {
        return Ok(());
    }
    let state = store.replay(replay.id.as_str()).await?.map_or(replay.state, |fresh| fresh.state);
    Err(ReplayError::State { id: replay.id.clone(), state: word(&state) })
}

/// Does the next page of the job that is due longest.
///
/// # Errors
/// When the store fails.
pub async fn next(store: &Store, now: Timestamp) -> anyhow::Result<Step> {
    let Some(replay) = store.work_on_replay(page, now).await? else {
        return Ok(Step::Idle);
    };
    if replay.state == ReplayState::Done {
        let (replayed, skipped) = (replay.tally.replayed(), replay.tally.skipped());
        tracing::info!(
            replay.id = %replay.id, account.id = %replay.account_id,
            "replay {} is done: {replayed} leads sent on their way, {skipped} skipped", replay.id
        );
    }
    Ok(Step::Worked)
}

/// The wish with everything said that it leaves open. A job ends: leads that come after it was made are none of its own.
async fn checked(store: &Store, account: &Account, wish: &Wish, now: Timestamp) -> Result<(Wish, u32), ReplayError> {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (dealership, text) = (said(&wish.filter.dealership), said(&wish.filter.text));
    let wish = &Wish { filter: Filter { dealership, text, ..wish.filter.clone() }, ..wish.clone() };
    if wish.filter.is_empty() {
        return Err(ReplayError::NoFilter);
    }
    let rate = wish.rate.unwrap_or(RATE_DEFAULT);
    if !(1..=RATE_MAX).contains(&rate) {
        return Err(ReplayError::Rate(rate));
    }
    let name = wish.name.trim();
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(ReplayError::Name(name.chars().count()));
    }
    if wish.filter.events.len() > EVENTS_MAX {
        return Err(ReplayError::TooMany(wish.filter.events.len()));
    }
    let are_named = wish.filter.event.is_some() || !wish.filter.events.is_empty();
    let to = match (are_named, wish.filter.to) {
        (true, to) => to,
        (false, to) => Some(to.unwrap_or(Timestamp::NEVER).min(now + Duration::from_millis(1))),
    };
    if let (Some(from), Some(to)) = (wish.filter.from, to)
        && from >= to
    {
        return Err(ReplayError::Range { from, to });
    }
    if let Some(event) = &wish.filter.event {
        let found = store.event(event).await?;
        if found.is_none_or(|found| found.event.account_id != account.id) {
            return Err(ReplayError::NoEvent { account: account.slug.clone(), event: event.clone() });
        }
    }
    let filter = Filter { to, ..wish.filter.clone() };
    Ok((Wish { filter, name: name.to_owned(), ..wish.clone() }, rate))
}

/// What a replay does with the leads that it looks at: as many as its rate allows for, in the order in which they came.
fn page(replay: Replay, scan: Scan, now: Timestamp) -> Page {
    let Scan { leads, last, is_end } = scan;
    let mut page = Page { planned: Vec::new(), continued: Vec::new(), skipped: Vec::new(), after: replay };
    let mut replayed = 0;
    for lead in leads {
        if replayed == page.after.rate {
            page.after.next_at = next_at(now, replayed, page.after.rate);
            return page;
        }
        page.after.looked_at = lead.event_id.clone();
        if page.after.filter.takes(&lead) {
            let fate = take(&mut page, lead);
            replayed += u32::from(!fate.is_skipped());
        }
    }
    page.after.looked_at = last.unwrap_or(page.after.looked_at);
    page.after.next_at = next_at(now, replayed, page.after.rate);
    if is_end {
        page.after.state = ReplayState::Done;
        page.after.finished_at = Some(now);
    }
    page
}

/// Decides about one lead, and puts it where that belongs.
fn take(page: &mut Page, lead: Candidate) -> Fate {
    let fate = decide(&lead, page.after.manner());
    page.after.tally.count(lead.standing, fate);
    match (fate, lead.stopped) {
        (Fate::Continued, Some(stopped)) => page.continued.push(go_on(stopped)),
        (Fate::Planned, _) => page.planned.push(lead.event_id),
        _ => page.skipped.push((lead.event_id, fate)),
    }
    fate
}

fn go_on(stopped: Stopped) -> Continued {
    Continued {
        id: stopped.id,
        connection_id: stopped.connection_id,
        key_hash: key_hash(&stopped.plan.actions),
        progress: stopped.progress.for_another_try(),
    }
}

/// When the page after one is due that sent so many leads on their way.
fn next_at(now: Timestamp, replayed: u32, rate: u32) -> Timestamp {
    now + Duration::from_millis(u64::from(replayed) * 1000 / u64::from(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_skipping_costs_no_time() {
        for (replayed, rate, wait_ms) in [(0, 20, 0), (20, 20, 1000), (5, 20, 250), (1, 500, 2), (1, 1, 1000)] {
            assert_eq!(next_at(Timestamp(0), replayed, rate), Timestamp(wait_ms), "{replayed} at {rate}");
        }
    }
}
