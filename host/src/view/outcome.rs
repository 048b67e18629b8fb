//! The outcome of a lead in the words that people read: a label, an icon, a sentence, and what is in HubSpot already.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cause::{Code, Problem};
use crate::model::delivery::{ContactWrite, Delivery};
use crate::model::event::{Event, EventState};
use crate::model::time::Timestamp;
use crate::plan::Plan;
use crate::retry;

pub use crate::model::outcome::{Group, Outcome};

impl Group {
    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::InHubspot => "In HubSpot",
            Self::NotInHubspot => "Not in HubSpot",
            Self::Open => "Open: on the way or waiting",
            Self::NotSent => "Not sent: skipped, cancelled or removed",
        }
    }
}

impl Outcome {
    pub fn label(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::SyncedWithWarnings => "Synced with warnings",
            Self::Sending => "Sending",
            Self::Retrying => "Retrying",
            Self::NeedsAttention => "Needs attention",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::Cancelled => "Cancelled",
            Self::Removed => "Removed",
        }
    }

    /// What it means, for somebody who meets it for the first time.
    pub fn words(self) -> &'static str {
        match self {
            Self::Synced => "Everything is in HubSpot: the contact was created, or an existing one was updated.",
            Self::SyncedWithWarnings => "It is in HubSpot, but for some values. The lead names each of them, and why.",
            Self::Sending => "It is on its way, and nothing went wrong so far.",
            Self::Retrying => "An attempt failed. The next one comes by itself; the row says when.",
            Self::NeedsAttention => "It waits for somebody to do something, and goes on by itself then.",
            Self::Failed => "It did not go through, and is not tried again by itself. It can be replayed.",
            Self::Skipped => "There was nothing to send, or nowhere to send it to. The reason stands in the row.",
            Self::Cancelled => "Somebody gave it up, such as when HubSpot was disconnected. It can be replayed.",
            Self::Removed => "What it said was removed. What became of it is kept.",
        }
    }

    /// A sign beside the label, never instead of it.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Synced => "✓",
            Self::SyncedWithWarnings => "✓!",
            Self::Sending => "◔",
            Self::Retrying => "↻",
            Self::NeedsAttention => "!",
            Self::Failed => "✕",
            Self::Skipped => "–",
            Self::Cancelled => "⊘",
            Self::Removed => "⌀",
        }
    }
}

/// When and where a page is read: times on it depend on both.
#[derive(Clone, Debug)]
pub struct Reader {
    pub now: Timestamp,
    pub zone: TimeZone,
}

/// What a row says about a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Told {
    pub outcome: Outcome,
    pub label: &'static str,
    pub icon: &'static str,
    /// What became of it, in a sentence.
    pub sentence: String,
    /// What is in HubSpot already while the rest waits, or what is missing there.
    pub more: Option<String>,
}

/// What became of an event with its newest delivery, and with its plan where that is at hand: then what waits is named.
pub fn tell(event: &Event, delivery: Option<&Delivery>, plan: Option<&Plan>, erased: bool, reader: &Reader) -> Told {
    let outcome = Outcome::of(event, delivery, erased);
    // An event that is not planned has a delivery only from before.
    let reason = match (&event.reason, delivery) {
        (Some(reason), _) => Some(reason),
        (None, delivery) => delivery.and_then(|delivery| delivery.reason.as_ref()),
    };
    let delivery = delivery.filter(|_| event.state == EventState::Planned);
    let contact = delivery.and_then(|delivery| delivery.contact);
    let (icon, sentence) = match outcome {
        Outcome::Synced if contact == Some(ContactWrite::Updated) => ("✓↻", "Updated existing contact".to_owned()),
        Outcome::Synced => (outcome.icon(), created(contact).to_owned()),
        Outcome::SyncedWithWarnings => (outcome.icon(), warnings(contact, delivery)),
        Outcome::Sending => (outcome.icon(), sending(delivery, reader)),
        Outcome::Retrying => (outcome.icon(), retrying(delivery, reason, reader)),
        Outcome::NeedsAttention => (outcome.icon(), reason.map_or_else(|| "Waiting".to_owned(), waiting)),
        Outcome::Failed => (outcome.icon(), with_reason("Not synced", reason)),
        Outcome::Skipped => (outcome.icon(), with_reason("Not sent", reason)),
        Outcome::Cancelled => (outcome.icon(), cancelled(delivery, reader)),
        Outcome::Removed => (outcome.icon(), "Removed on request".to_owned()),
    };
    let more = match outcome {
        Outcome::Synced | Outcome::Skipped | Outcome::Removed => None,
        Outcome::SyncedWithWarnings => delivery.map(not_written),
        _ => delivery.and_then(|delivery| already(delivery, plan)),
    };
    Told { outcome, label: outcome.label(), icon, sentence, more }
}

fn created(contact: Option<ContactWrite>) -> &'static str {
    match contact {
        Some(ContactWrite::Created) => "Created in HubSpot",
        Some(ContactWrite::Updated) | None => "Saved in HubSpot",
    }
}

fn warnings(contact: Option<ContactWrite>, delivery: Option<&Delivery>) -> String {
    let saved = if contact.is_some() { "Contact saved" } else { "Saved in HubSpot" };
    let fields = delivery.map_or(0, |delivery| delivery.progress.dropped.len());
    format!("{saved}. {} not written", counted(fields, "field", "fields"))
}

fn not_written(delivery: &Delivery) -> String {
    let fields: Vec<_> = delivery.progress.dropped.iter().map(|dropped| dropped.field.as_str()).collect();
    format!("Not written: {}", fields.join(", "))
}

/// A delivery that never failed waits at most for its lane, which says why.
fn sending(delivery: Option<&Delivery>, reader: &Reader) -> String {
    let waits = delivery.and_then(|delivery| Some((delivery.reason.as_ref()?, delivery.due_at?)));
    match waits.filter(|(_, due)| *due > reader.now) {
        Some((reason, due)) => format!("{}. Goes on {}", reason.code.title(), next(due, reader)),
        None => "Sending…".to_owned(),
    }
}

fn retrying(delivery: Option<&Delivery>, reason: Option<&Problem>, reader: &Reader) -> String {
    let why = reason.map_or("It did not go through", |reason| reason.code.title());
    let Some((delivery, due)) = delivery.and_then(|delivery| Some((delivery, delivery.due_at?))) else {
        return why.to_owned();
    };
    // The first attempt is no retry.
    format!("{why}. Next try {}, {} of {}", next(due, reader), delivery.attempts, retry::ATTEMPTS_MAX - 1)
}

/// Who is waited for, and for what.
fn waiting(reason: &Problem) -> String {
    let who = match reason.code.who() {
        "the dealership" => "you",
        "the dealership's HubSpot admin" if for_you(reason.code) => "you",
        // Whoever reads it can ask.
        "support" => "you",
        "the dealership's HubSpot admin" => "your HubSpot admin",
        who => who,
    };
    let fix = reason.code.fix().split([';', '.']).next().unwrap_or_default();
    let mut letters = fix.chars();
    let fix: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    // The subject of anything that is not mended in HubSpot is an id.
    match reason.subject.as_deref().filter(|_| reason.code.hubspot_path().is_some()) {
        Some(subject) if !subject.is_empty() => format!("Waiting for {who}: {fix} ({subject})"),
        _ => format!("Waiting for {who}: {fix}"),
    }
}

/// Whether the button for it is on our own pages, so that whoever reads them can begin.
fn for_you(code: Code) -> bool {
    matches!(code, Code::AuthRevoked | Code::AuthMissingScope | Code::AuthAppUninstalled)
}

pub(super) fn with_reason(what: &str, reason: Option<&Problem>) -> String {
    reason.map_or_else(|| what.to_owned(), |reason| format!("{what}. {}", reason.code.title()))
}

fn cancelled(delivery: Option<&Delivery>, reader: &Reader) -> String {
    let reason = delivery.and_then(|delivery| delivery.reason.as_ref());
    let by_hand = reason.filter(|reason| reason.code == Code::LeadCancelled);
    // Where nobody called it off, the connection ended.
    let why = by_hand.map_or("when HubSpot was disconnected", |reason| &reason.detail);
    match delivery.and_then(|delivery| delivery.done_at) {
        Some(at) => format!("Cancelled {}, {why}", moment(at, reader)),
        None => format!("Cancelled {why}"),
    }
}

/// What is in HubSpot while the rest is not.
fn already(delivery: &Delivery, plan: Option<&Plan>) -> Option<String> {
    let written = |action: usize| delivery.progress.actions[action].record.is_some();
    let Some(plan) = plan.filter(|plan| plan.actions.len() == delivery.progress.actions.len()) else {
        return delivery.contact.map(|_| "The contact is in HubSpot already".to_owned());
    };
    let named = |wanted: bool| -> Vec<_> {
        let actions = plan.actions.iter().enumerate();
        actions.filter(|(action, _)| written(*action) == wanted).map(|(_, action)| action.label()).collect()
    };
    let (done, open) = (named(true), named(false));
    (!done.is_empty()).then(|| match open[..] {
        [] => format!("In HubSpot already: {}", done.join(", ")),
        _ => format!("In HubSpot already: {}. Not yet: {}", done.join(", "), open.join(", ")),
    })
}

/// `14:32 (in 4 min)`.
fn next(due: Timestamp, reader: &Reader) -> String {
    if due <= reader.now {
        return "now".to_owned();
    }
    format!("{} (in {})", moment(due, reader), roughly(due.since(reader.now)))
}

/// A time of day; with the date where that is another day.
pub fn moment(at: Timestamp, reader: &Reader) -> String {
    let local =
        |at: Timestamp| jiff::Timestamp::from_millisecond(at.0).ok().map(|moment| moment.to_zoned(reader.zone.clone()));
    let (Some(at), Some(now)) = (local(at), local(reader.now)) else { return at.to_string() };
    let format = match () {
        () if at.date() == now.date() => "%H:%M",
        () if at.year() == now.year() => "%-d %b %H:%M",
        () => "%-d %b %Y %H:%M",
    };
    at.strftime(format).to_string()
}

/// A duration in its largest unit, rounded down.
pub fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::actions::{Action, Contact, MatchKey, Note};
    use crate::model::delivery::{ActionProgress, DeliveryState, Dropped, Progress, Record};
    use crate::model::id::{AccountId, ConnectionId, DeliveryId, EventId, SourceId, VersionId};
    use crate::model::word;

    /// 12:00 in UTC, 13:00 in Berlin.
    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn reader() -> Reader {
        Reader { now: NOON, zone: TimeZone::get("Europe/Berlin").unwrap() }
    }

    fn event(state: EventState, reason: Option<Problem>) -> Event {
        Event {
            id: EventId::new(NOON),
            account_id: AccountId::new(NOON),
            source_id: SourceId::new(NOON),
            sender_id: String::new(),
            event_type: "lead.captured.v1".to_owned(),
            occurred_at: NOON,
            received_at: NOON,
            state,
            reason,
            delivery: None,
        }
    }

    fn delivery(state: DeliveryState) -> Delivery {
        Delivery {
            id: DeliveryId::new(NOON),
            account_id: AccountId::new(NOON),
            event_id: EventId::new(NOON),
            connection_id: ConnectionId::new(NOON),
            version_id: VersionId::new(NOON),
            state,
            reason: None,
            progress: Progress::default(),
            contact: None,
            attempts: 0,
            first_at: None,
            due_at: None,
            done_at: None,
            may_be_duplicate: false,
        }
    }

    fn dropped(fields: &[&str]) -> Progress {
        let dropped = |field: &&str| Dropped {
            field: (*field).to_owned(),
            value: String::new(),
            reason: String::new(),
            code: Some(Code::PropertyMissing),
        };
        Progress { dropped: fields.iter().map(dropped).collect(), ..Progress::default() }
    }

    fn check(event: &Event, delivery: Option<&Delivery>, expected: &str) {
        let told = tell(event, delivery, None, false, &reader());
        let more = told.more.map_or_else(String::new, |more| format!(" | {more}"));
        assert_eq!(format!("{} {}: {}{more}", told.icon, told.label, told.sentence), expected);
    }

    #[test]
    fn an_event_without_a_delivery_says_why() {
        let problem = |code| Some(Problem::new(code, "detail"));
        let rows = [
            (EventState::Received, None, "◔ Sending: Sending…"),
            (EventState::Planned, None, "⌀ Removed: Removed on request"),
            (
                EventState::Skipped,
                problem(Code::AccountNotConnected),
                "– Skipped: Not sent. No HubSpot account is connected",
            ),
            (
                EventState::Refused,
                problem(Code::TransformRefused),
                "✕ Failed: Not synced. The transformation refused the event",
            ),
            (
                EventState::Held,
                problem(Code::ConnectionDisconnected),
                "! Needs attention: Waiting for you: connect HubSpot again",
            ),
            (
                EventState::Held,
                problem(Code::TransformTrap),
                "! Needs attention: Waiting for the author of the transformation: enable another version",
            ),
        ];
        for (state, reason, expected) in rows {
            check(&event(state, reason), None, expected);
        }
    }

    #[test]
    fn a_delivery_says_how_far_it_has_come() {
        let planned = event(EventState::Planned, None);
        let unreachable = Some(Problem::new(Code::HubspotUnreachable, "timeout"));
        let due = |seconds: u64| Some(NOON + Duration::from_secs(seconds));
        let base = delivery;
        use ContactWrite::{Created, Updated};
        use DeliveryState::{Blocked, Cancelled, Delivered, Failed, Pending};
        let rows = [
            (Delivery { contact: Some(Created), ..base(Delivered) }, "✓ Synced: Created in HubSpot"),
            (Delivery { contact: Some(Updated), ..base(Delivered) }, "✓↻ Synced: Updated existing contact"),
            (base(Delivered), "✓ Synced: Saved in HubSpot"),
            (
                Delivery { contact: Some(Updated), progress: dropped(&["budget_range", "color"]), ..base(Delivered) },
                "✓! Synced with warnings: Contact saved. 2 fields not written | Not written: budget_range, color",
            ),
            (
                Delivery { contact: Some(Created), progress: dropped(&["color"]), ..base(Delivered) },
                "✓! Synced with warnings: Contact saved. 1 field not written | Not written: color",
            ),
            (Delivery { due_at: due(0), ..base(Pending) }, "◔ Sending: Sending…"),
            (
                Delivery { due_at: due(10), reason: Some(Problem::new(Code::HubspotRateLimited, "")), ..base(Pending) },
                "◔ Sending: HubSpot asked us to slow down. Goes on 13:00 (in 10 s)",
            ),
            (
                Delivery { due_at: due(270), attempts: 3, reason: unreachable.clone(), ..base(Pending) },
                "↻ Retrying: HubSpot could not be reached. Next try 13:04 (in 4 min), 3 of 12",
            ),
            (
                Delivery { due_at: due(0), attempts: 1, reason: unreachable.clone(), ..base(Pending) },
                "↻ Retrying: HubSpot could not be reached. Next try now, 1 of 12",
            ),
            (
                Delivery { due_at: due(12 * 3600), attempts: 9, reason: unreachable.clone(), ..base(Pending) },
                "↻ Retrying: HubSpot could not be reached. Next try 24 Nov 01:00 (in 12 h), 9 of 12",
            ),
            (
                Delivery {
                    contact: Some(Created),
                    reason: Some(Problem::new(Code::StageMissing, "").about("won")),
                    ..base(Blocked)
                },
                "! Needs attention: Waiting for you: ask support to choose another stage (won) | The contact is in HubSpot already",
            ),
            (
                Delivery { reason: Some(Problem::new(Code::AuthRevoked, "")), ..base(Blocked) },
                "! Needs attention: Waiting for you: reconnect HubSpot",
            ),
            (Delivery { reason: unreachable, ..base(Failed) }, "✕ Failed: Not synced. HubSpot could not be reached"),
            (
                Delivery { done_at: Some(NOON - Duration::from_secs(400 * 86_400)), ..base(Cancelled) },
                "⊘ Cancelled: Cancelled 19 Oct 2025 14:00, when HubSpot was disconnected",
            ),
        ];
        for (delivery, expected) in rows {
            check(&planned, Some(&delivery), expected);
        }
    }

    #[test]
    fn a_deal_that_waits_beside_a_written_contact_is_seen() {
        let contact =
            Action::UpsertContact(Contact { key: MatchKey::Email("a@example.com".to_owned()), properties: Vec::new() });
        let note = Action::AddNote(Note { about: vec![0], at: 0, body: String::new() });
        let plan = Plan { actions: vec![contact, note], lead_id: None };
        let written = ActionProgress { record: Some(Record { id: "1".to_owned(), new: true }), ..Default::default() };
        let progress = Progress { actions: vec![written, ActionProgress::default()], ..Progress::default() };
        let blocked = Delivery { progress, ..delivery(DeliveryState::Blocked) };
        let told = tell(&event(EventState::Planned, None), Some(&blocked), Some(&plan), false, &reader());
        assert_eq!(told.more.as_deref(), Some("In HubSpot already: contact. Not yet: note"));
        assert_eq!(ContactWrite::of(&plan, &blocked.progress), Some(ContactWrite::Created));
    }

    #[test]
    fn what_is_erased_or_sent_again_does_not_go_by_its_old_delivery() {
        let done = delivery(DeliveryState::Delivered);
        for (state, erased, expected) in [
            (EventState::Planned, true, Outcome::Removed),
            (EventState::Planned, false, Outcome::Synced),
            (EventState::Received, false, Outcome::Sending),
            (EventState::Skipped, false, Outcome::Skipped),
        ] {
            assert_eq!(Outcome::of(&event(state, None), Some(&done), erased), expected);
        }
    }

    #[test]
    fn each_outcome_has_a_word_a_label_and_an_icon_of_its_own() {
        for (index, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(word(outcome), outcome.word());
            for other in &Outcome::ALL[..index] {
                assert!(outcome.label() != other.label() && outcome.icon() != other.icon());
            }
        }
    }
}
