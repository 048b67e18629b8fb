//! Leads that somebody chose in the list, to be tried or sent once more: some of them, or all that match.

use crate::model::account::Account;
use crate::model::delivery::Delivery;
use crate::model::id::EventId;
use crate::model::outcome::Outcome;
use crate::model::replay::{EVENTS_MAX, Filter, Manner, Replay};
use crate::model::time::Timestamp;
use crate::replay::{self, ReplayError, Wish};
use crate::store::{LeadFilter, LeadRow, Result, Store};

/// Pages that are read for a choice: where few leads match, each has looked at thousands.
const PAGES_MAX: usize = 50;

/// Which leads somebody means.
#[derive(Clone, Debug)]
pub enum Choice {
    These(Vec<EventId>),
    /// The newest that match, as many as a replay can name.
    Matching(Box<LeadFilter>),
}

/// The leads of a choice.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Those that a replay can send.
    pub events: Vec<EventId>,
    /// Deliveries that wait for their next try: there is nothing to replay, and they may be tried now.
    pub waiting: Vec<Delivery>,
    /// More match than these.
    pub is_cut: bool,
}

/// What came of sending them.
#[derive(Debug)]
pub struct Sent {
    /// Deliveries that are tried now.
    pub tried: usize,
    /// None where all of them waited.
    pub replay: Option<Replay>,
}

impl Chosen {
    pub fn len(&self) -> usize {
        self.events.len() + self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a replay of them is asked to do.
    pub fn wish(&self, manner: Manner) -> Wish {
        let filter = Filter { events: self.events.clone(), ..Filter::default() };
        Wish { filter, again: manner.again, afresh: manner.afresh, ..Wish::default() }
    }

    fn add(&mut self, lead: LeadRow) {
        match (lead.outcome(), lead.delivery) {
            (Outcome::Retrying, Some(delivery)) => self.waiting.push(delivery),
            _ => self.events.push(lead.event.id),
        }
    }
}

/// Finds the leads of a choice, as far as they are the account's.
pub async fn find(store: &Store, account: &Account, choice: Choice) -> Result<Chosen> {
    let mut chosen = Chosen::default();
    let mut filter = match choice {
        Choice::These(mut events) => {
            chosen.is_cut = events.len() > EVENTS_MAX;
            events.truncate(EVENTS_MAX);
            store.leads_of(&account.id, &events).await?.into_iter().for_each(|lead| chosen.add(lead));
            return Ok(chosen);
        }
        Choice::Matching(filter) => LeadFilter { account: Some(account.id.clone()), limit: 200, ..*filter },
    };
    filter.after = None;
    for _ in 0..PAGES_MAX {
        let page = store.leads(&filter).await?;
        for lead in page.rows {
            if chosen.len() == EVENTS_MAX {
                chosen.is_cut = true;
                return Ok(chosen);
            }
            chosen.add(lead);
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return Ok(chosen),
        }
    }
    chosen.is_cut = true;
    Ok(chosen)
}

/// Tries those now that wait for their next try, and replays the others.
///
/// # Errors
/// As [`replay::create`].
pub async fn send(
    store: &Store,
    account: &Account,
    chosen: &Chosen,
    manner: Manner,
    now: Timestamp,
) -> std::result::Result<Sent, ReplayError> {
    let mut sent = Sent { tried: 0, replay: None };
    for delivery in &chosen.waiting {
        sent.tried += usize::from(store.hurry(delivery, now).await?);
    }
    if !chosen.events.is_empty() || chosen.waiting.is_empty() {
        sent.replay = Some(replay::create(store, account, &chosen.wish(manner), now).await?);
    }
    Ok(sent)
}
