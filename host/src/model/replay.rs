//! A replay: a durable job that sends leads once more, and what it does with each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::{DeliveryState, Progress};
use super::event::EventState;
use super::id::{AccountId, ConnectionId, DeliveryId, EventId, ReplayId};
use super::time::Timestamp;
use crate::cause::Code;
use crate::plan::Plan;

/// Leads a second, where nobody asks for another rate: a small part of what a portal takes, so that new leads notice
/// nothing.
pub const RATE_DEFAULT: u32 = 20;
/// Leads a second at most: those of one commit. It is more than a portal takes.
pub const RATE_MAX: u32 = 500;
/// Late leads of an account that are due, retries and replayed ones, while a replay still sends more on their way: five
/// full batches, so that no portal waits for a replay, and no retry waits long behind one.
pub const LATE_WAITING_MAX: i64 = 500;
/// Skipped leads that are remembered with their reason; all of them are counted.
pub const SKIPPED_KEPT_MAX: u64 = 1000;
/// Characters of a name at most: it stands in a list.
pub const NAME_CHARS_MAX: usize = 60;
/// An event's id is made a moment before the event is stored, and its time of receipt is that of the commit.
const COMMIT_LAG: Duration = Duration::from_secs(60);

/// Where a lead stands: its event, or its newest delivery once it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Received,
    Skipped,
    Held,
    Refused,
    Pending,
    Blocked,
    Delivered,
    Failed,
    Cancelled,
}

impl Standing {
    pub const ALL: [Self; 9] = [
        Self::Received,
        Self::Skipped,
        Self::Held,
        Self::Refused,
        Self::Pending,
        Self::Blocked,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Of an event and its newest delivery; none for a planned event without one, which never is.
    pub fn of(event: EventState, delivery: Option<DeliveryState>) -> Option<Self> {
        Some(match (event, delivery) {
            (EventState::Received, _) => Self::Received,
            (EventState::Skipped, _) => Self::Skipped,
            (EventState::Held, _) => Self::Held,
            (EventState::Refused, _) => Self::Refused,
            (EventState::Planned, Some(DeliveryState::Pending)) => Self::Pending,
            (EventState::Planned, Some(DeliveryState::Blocked)) => Self::Blocked,
            (EventState::Planned, Some(DeliveryState::Delivered)) => Self::Delivered,
            (EventState::Planned, Some(DeliveryState::Failed)) => Self::Failed,
            (EventState::Planned, Some(DeliveryState::Cancelled)) => Self::Cancelled,
            (EventState::Planned, None) => return None,
        })
    }
}

/// Which leads of an account are replayed: those that fit everything that is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = LeadFilter)]
pub struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// These, of 1,000 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Standing>,
    /// Received then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Received before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Why the lead did not go through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Code>,
    /// Of this dealership, by its slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dealership: Option<String>,
    /// Words of its name, its e-mail address, its phone number or its lead id. A lead whose body is gone has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Filter {
    /// Whether it names nothing at all, and would take every lead that there is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a lead is one of those.
    pub fn takes(&self, lead: &Candidate) -> bool {
        self.event.as_ref().is_none_or(|event| *event == lead.event_id)
            && (self.events.is_empty() || self.events.contains(&lead.event_id))
            && self.state.is_none_or(|state| state == lead.standing)
            && self.from.is_none_or(|from| lead.received_at >= from)
            && self.to.is_none_or(|to| lead.received_at < to)
            && self.event_type.as_ref().is_none_or(|event_type| *event_type == lead.event_type)
            && self.cause.is_none_or(|cause| lead.code == Some(cause))
            && self.dealership.as_ref().is_none_or(|slug| Some(slug) == lead.dealership.as_ref())
            && self.text.as_ref().is_none_or(|_| lead.has_text)
    }

    /// The ids between which every lead is that it takes: after the first, up to the last. A few others are there too.
    pub fn range(&self) -> (EventId, EventId) {
        let just_before = |event: &EventId| EventId::stored(event.as_str()[..event.as_str().len() - 1].to_owned());
        if let Some(event) = &self.event {
            return (just_before(event), event.clone());
        }
        if let (Some(first), Some(last)) = (self.events.iter().min(), self.events.iter().max()) {
            return (just_before(first), last.clone());
        }
        let first = self.from.map_or(Timestamp(0), |from| from - COMMIT_LAG);
        let last = self.to.map_or(Timestamp::NEVER, |to| to + COMMIT_LAG);
        (EventId::earliest(first), EventId::earliest(last))
    }
}

/// Leads that a replay can name one by one.
pub const EVENTS_MAX: usize = 1_000;

/// A lead that a replay looks at.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub event_id: EventId,
    pub event_type: String,
    pub received_at: Timestamp,
    /// By its slug.
    pub dealership: Option<String>,
    /// Its words are those that the replay's filter asks for; false where it asks for none.
    pub has_text: bool,
    pub standing: Standing,
    /// Why it stands there.
    pub code: Option<Code>,
    /// It waits under a cause. A held event that does not is in the queue already.
    pub is_held: bool,
    /// Whether the body is still there, without which nothing can be planned.
    pub has_body: bool,
    /// A delivery of it was carried out, be it the newest or an earlier one.
    pub was_delivered: bool,
    /// Its newest delivery, where that was given up.
    pub stopped: Option<Stopped>,
}

/// A delivery that failed or was cancelled, with what it needs to go on.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub id: DeliveryId,
    pub connection_id: ConnectionId,
    pub plan: Plan,
    pub progress: Progress,
}

/// What a replay does with a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes through its transformation again. Where it was delivered before, that is a new delivery: contact and
    /// deal are found by their keys and written again, the note is written a second time, under a marker of its own.
    Planned,
    /// Its stored plan goes on from where it stopped; what is done already is not sent again.
    Continued,
    /// Skipped: it is on its way, or goes on by itself when its cause is gone.
    Waits,
    /// Skipped: it went through, and nobody asked for it to be sent again.
    Delivered,
    /// Skipped: its body or its plan is no longer kept.
    Expired,
    /// Skipped: its data was removed because the shopper asked for that.
    Removed,
}

impl Fate {
    /// What people are told of a lead with this fate.
    pub fn text(self) -> &'static str {
        match self {
            Self::Planned => "goes through its transformation again",
            Self::Continued => "goes on from where it stopped",
            Self::Waits => "skipped: it waits already and goes on by itself",
            Self::Delivered => "skipped: it was delivered, and is sent again only where that is asked for",
            Self::Expired => "skipped: what it needs is no longer kept",
            Self::Removed => "skipped: its data was removed on request",
        }
    }

    pub fn is_skipped(self) -> bool {
        match self {
            Self::Planned | Self::Continued => false,
            Self::Waits | Self::Delivered | Self::Expired | Self::Removed => true,
        }
    }
}

/// How far a replay goes with leads that a plan was made for already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What was delivered is sent once more.
    pub again: bool,
    /// What failed or was cancelled is planned anew, by what is in use now, instead of going on with its stored plan.
    pub afresh: bool,
}

/// What to do with a lead.
pub fn decide(lead: &Candidate, manner: Manner) -> Fate {
    let Manner { again, afresh } = manner;
    match lead.standing {
        Standing::Received | Standing::Pending | Standing::Blocked => Fate::Waits,
        Standing::Held if !lead.is_held => Fate::Waits,
        _ if lead.code == Some(Code::ContactErased) && !lead.has_body => Fate::Removed,
        Standing::Failed | Standing::Cancelled if !afresh && lead.stopped.is_none() => Fate::Expired,
        Standing::Failed | Standing::Cancelled if !afresh => Fate::Continued,
        _ if lead.was_delivered && !again => Fate::Delivered,
        _ if !lead.has_body => Fate::Expired,
        Standing::Held
        | Standing::Skipped
        | Standing::Refused
        | Standing::Delivered
        | Standing::Failed
        | Standing::Cancelled => Fate::Planned,
    }
}

/// How many leads came to what, by where they stood before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(as = ReplayTally, value_type = BTreeMap<String, BTreeMap<String, u64>>)]
pub struct Tally(pub BTreeMap<Standing, BTreeMap<Fate, u64>>);

impl Tally {
    pub fn count(&mut self, standing: Standing, fate: Fate) {
        *self.0.entry(standing).or_default().entry(fate).or_default() += 1;
    }

    /// Leads that were sent on their way.
    pub fn replayed(&self) -> u64 {
        self.sum(|fate| !fate.is_skipped())
    }

    /// Leads that were left alone.
    pub fn skipped(&self) -> u64 {
        self.sum(Fate::is_skipped)
    }

    fn sum(&self, counts: impl Fn(Fate) -> bool) -> u64 {
        self.0.values().flatten().filter(|(fate, _)| counts(**fate)).map(|(_, count)| count).sum()
    }
}

/// What a replay comes to if nothing changes before it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Estimate {
    pub replayed: u64,
    pub skipped: u64,
    /// How long it takes at its rate.
    pub seconds: u64,
    pub tally: Tally,
}

impl Estimate {
    pub fn of(tally: Tally, rate: u32) -> Self {
        let replayed = tally.replayed();
        Self { replayed, skipped: tally.skipped(), seconds: replayed.div_ceil(u64::from(rate.max(1))), tally }
    }
}

/// Where a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    Running,
    Paused,
    /// Every lead that it is about was looked at.
    Done,
    /// Somebody ended it. What it sent on its way goes on.
    Cancelled,
}

/// What a person can do with a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Cancel,
}

impl Change {
    /// In which states it can be done.
    pub fn from(self) -> &'static [ReplayState] {
        match self {
            Self::Pause => &[ReplayState::Running],
            Self::Resume => &[ReplayState::Paused],
            Self::Cancel => &[ReplayState::Running, ReplayState::Paused],
        }
    }

    pub fn to(self) -> ReplayState {
        match self {
            Self::Pause => ReplayState::Paused,
            Self::Resume => ReplayState::Running,
            Self::Cancel => ReplayState::Cancelled,
        }
    }
}

/// A job that sends leads once more.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Replay {
    pub id: ReplayId,
    pub account_id: AccountId,
    /// What somebody calls it; empty where nobody gave it a name.
    pub name: String,
    pub filter: Filter,
    /// Whether what was delivered is sent once more.
    pub again: bool,
    /// Whether what failed or was cancelled is planned anew, instead of going on with its stored plan.
    pub afresh: bool,
    /// Leads a second.
    pub rate: u32,
    pub state: ReplayState,
    pub estimate: Estimate,
    /// What came of the leads so far.
    pub tally: Tally,
    /// The last event that it has looked at.
    pub looked_at: EventId,
    pub created_at: Timestamp,
    /// Of its next page.
    pub next_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl Replay {
    pub fn manner(&self) -> Manner {
        Manner { again: self.again, afresh: self.afresh }
    }
}

/// What a replay does next, in one commit.
#[derive(Debug)]
pub struct Page {
    /// Events that are planned again.
    pub planned: Vec<EventId>,
    pub continued: Vec<Continued>,
    /// To be remembered with their reason.
    pub skipped: Vec<(EventId, Fate)>,
    /// The job after it.
    pub after: Replay,
}

/// A delivery that goes on.
#[derive(Debug)]
pub struct Continued {
    pub id: DeliveryId,
    pub connection_id: ConnectionId,
    /// Of the person it is about: the queue forgot it when the delivery ended.
    pub key_hash: Option<String>,
    pub progress: Progress,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(standing: Standing) -> Candidate {
        Candidate {
            event_id: EventId::stored("evt_1".into()),
            event_type: "lead.captured.v1".into(),
            received_at: Timestamp(1000),
            dealership: Some("ocean".into()),
            has_text: true,
            standing,
            code: None,
            is_held: standing == Standing::Held,
            has_body: true,
            was_delivered: standing == Standing::Delivered,
            stopped: matches!(standing, Standing::Failed | Standing::Cancelled).then(|| Stopped {
                id: DeliveryId::stored("dlv_1".into()),
                connection_id: ConnectionId::stored("con_1".into()),
                plan: Plan { actions: vec![], lead_id: None },
                progress: Progress::default(),
            }),
        }
    }

    const ONCE: Manner = Manner { again: false, afresh: false };
    const AGAIN: Manner = Manner { again: true, afresh: false };
    const AFRESH: Manner = Manner { again: false, afresh: true };

    #[test]
    fn every_standing_has_its_fate_and_what_was_delivered_is_sent_again_only_when_asked() {
        for (standing, fate, fate_again) in [
            (Standing::Received, Fate::Waits, Fate::Waits),
            (Standing::Skipped, Fate::Planned, Fate::Planned),
            (Standing::Held, Fate::Planned, Fate::Planned),
            (Standing::Refused, Fate::Planned, Fate::Planned),
            (Standing::Pending, Fate::Waits, Fate::Waits),
            (Standing::Blocked, Fate::Waits, Fate::Waits),
            (Standing::Delivered, Fate::Delivered, Fate::Planned),
            (Standing::Failed, Fate::Continued, Fate::Continued),
            (Standing::Cancelled, Fate::Continued, Fate::Continued),
        ] {
            let lead = candidate(standing);
            assert_eq!((decide(&lead, ONCE), decide(&lead, AGAIN)), (fate, fate_again), "{standing:?}");
        }
    }

    #[test]
    fn what_failed_or_was_cancelled_is_planned_afresh_only_when_asked_and_as_long_as_it_can_be() {
        for standing in Standing::ALL {
            let lead = candidate(standing);
            let (usual, afresh) = (decide(&lead, ONCE), decide(&lead, AFRESH));
            let expected = if usual == Fate::Continued { Fate::Planned } else { usual };
            assert_eq!(afresh, expected, "{standing:?}");
        }
        for standing in [Standing::Failed, Standing::Cancelled] {
            let bodiless = Candidate { has_body: false, ..candidate(standing) };
            assert_eq!(decide(&bodiless, AFRESH), Fate::Expired, "{standing:?}");
            let planless = Candidate { stopped: None, ..candidate(standing) };
            assert_eq!(decide(&planless, AFRESH), Fate::Planned, "{standing:?}");
            // It went through once; what failed is its second sending.
            let sent_before = Candidate { was_delivered: true, ..candidate(standing) };
            let both = Manner { again: true, afresh: true };
            assert_eq!((decide(&sent_before, AFRESH), decide(&sent_before, both)), (Fate::Delivered, Fate::Planned));
        }
    }

    #[test]
    fn what_happened_to_a_lead_before_counts_too() {
        let released = Candidate { is_held: false, ..candidate(Standing::Held) };
        assert_eq!(decide(&released, AGAIN), Fate::Waits);
        // It was sent again, and the second time its transformation had nothing to send.
        let delivered_once = Candidate { was_delivered: true, ..candidate(Standing::Skipped) };
        assert_eq!((decide(&delivered_once, ONCE), decide(&delivered_once, AGAIN)), (Fate::Delivered, Fate::Planned));
        for standing in [Standing::Skipped, Standing::Held, Standing::Refused, Standing::Delivered] {
            let bodiless = Candidate { has_body: false, ..candidate(standing) };
            assert_eq!(decide(&bodiless, AGAIN), Fate::Expired, "{standing:?}");
        }
        for standing in [Standing::Failed, Standing::Cancelled] {
            let planless = Candidate { stopped: None, ..candidate(standing) };
            assert_eq!(decide(&planless, AGAIN), Fate::Expired, "{standing:?}");
        }
    }

    #[test]
    fn a_filter_takes_what_fits_everything_that_it_names() {
        let lead = Candidate { code: Some(Code::HubspotRefused), ..candidate(Standing::Failed) };
        let none = Filter::default;
        for (filter, takes) in [
            (none(), true),
            (Filter { state: Some(Standing::Failed), cause: Some(Code::HubspotRefused), ..none() }, true),
            (Filter { state: Some(Standing::Skipped), ..none() }, false),
            (Filter { cause: Some(Code::RecordGone), ..none() }, false),
            (Filter { event: Some(EventId::stored("evt_2".into())), ..none() }, false),
            (Filter { event_type: Some("carousel.clicked.v1".into()), ..none() }, false),
            (Filter { from: Some(Timestamp(1000)), to: Some(Timestamp(1001)), ..none() }, true),
            (Filter { from: Some(Timestamp(1001)), ..none() }, false),
            (Filter { to: Some(Timestamp(1000)), ..none() }, false),
            (Filter { dealership: Some("ocean".into()), text: Some("ana".into()), ..none() }, true),
            (Filter { dealership: Some("north".into()), ..none() }, false),
        ] {
            assert_eq!(filter.takes(&lead), takes, "{filter:?}");
        }
    }

    #[test]
    fn the_range_of_a_filter_holds_every_lead_that_it_takes() {
        let at = Timestamp(1_795_435_200_000);
        let id = EventId::new(at);
        let second = Duration::from_secs(1);
        for filter in [
            Filter { from: Some(at), ..Filter::default() },
            Filter { to: Some(at + second), ..Filter::default() },
            // The id was made a moment before the event was stored.
            Filter { from: Some(at + second), to: Some(at + second + second), ..Filter::default() },
            Filter { event: Some(id.clone()), ..Filter::default() },
        ] {
            let (first, last) = filter.range();
            assert!(first < id && id <= last, "{filter:?}");
        }
        let later = Filter { from: Some(at + 2 * COMMIT_LAG), ..Filter::default() };
        assert!(later.range().0 > id);
    }
}
