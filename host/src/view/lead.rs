//! One lead: the five steps with their times, what was written where, what was tried and what is still to come.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::connection::record_address;
use super::logs::{tone, took};
use super::moment::{Moment, span};
use super::outcome::{Reader, Told, tell};
use super::person::Person;
use crate::contract::actions::Action;
use crate::model::account::Connection;
use crate::model::delivery::{DeliveryState, Progress};
use crate::model::event::EventState;
use crate::model::id::DeliveryId;
use crate::model::outcome::Outcome;
use crate::model::portal::{CONTACT, DEAL};
use crate::model::time::Timestamp;
use crate::picture::{Drawn, drawn, timetable, waterfall};
use crate::plan::Plan;
use crate::redact::redacted;
use crate::retry;
use crate::store::{ShownCall, ShownDelivery, ShownEvent};
use crate::words::is_test_address;

/// A lead with everything that became of it, for one page.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadView)]
pub struct Lead {
    pub event: String,
    #[serde(rename = "type")]
    pub event_type: String,
    #[serde(flatten)]
    pub told: Told,
    pub tone: &'static str,
    pub person: Option<Person>,
    /// Why it waits, failed or was skipped: HubSpot's or our own words, what to do, and who can.
    pub reason: Option<Reason>,
    pub received: Moment,
    pub occurred: Moment,
    pub sender_id: String,
    pub steps: Vec<Step>,
    pub fields: Vec<Field>,
    pub records: Vec<Record>,
    pub attempts: Vec<Attempt>,
    /// When it is tried next.
    pub next: Option<Moment>,
    pub calls: Vec<Call>,
    pub log: Vec<LogLine>,
    /// What the run of the transformation used.
    pub run: Option<String>,
    /// As it came; without the person for those who need not know. None once it was removed.
    pub body: Option<String>,
    /// It can be sent once more.
    pub can_replay: bool,
    /// It waits for its time, and need not.
    pub can_retry: bool,
    /// One of our own test leads.
    pub is_test: bool,
    #[serde(skip)]
    pub waterfall: Option<Drawn>,
    #[serde(skip)]
    pub timetable: Option<Drawn>,
}

/// Why, and what to do.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadReason)]
pub struct Reason {
    pub code: String,
    pub title: &'static str,
    pub detail: String,
    pub fix: &'static str,
    pub who: &'static str,
    /// HubSpot's id of the answer, for its support.
    pub correlation_id: Option<String>,
}

/// One of the five steps that every lead goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LeadStep)]
pub struct Step {
    pub title: &'static str,
    /// `done`, `now`, `bad` or empty.
    pub state: &'static str,
    pub icon: &'static str,
    pub note: String,
}

/// One property, and what became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadField)]
pub struct Field {
    pub record: &'static str,
    pub name: String,
    pub value: String,
    /// `good`, `warning` or `none`.
    pub tone: &'static str,
    pub fate: String,
}

/// A record in HubSpot.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadRecord)]
pub struct Record {
    pub label: &'static str,
    pub id: String,
    pub is_new: bool,
    pub address: Option<String>,
}

/// An attempt that did not finish it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadAttempt)]
pub struct Attempt {
    pub number: i64,
    pub at: Moment,
    pub words: String,
    pub next: Option<Moment>,
}

/// A request to HubSpot, with its answer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadCall)]
pub struct Call {
    pub operation: String,
    pub at: Moment,
    pub took: Option<String>,
    pub status: Option<i64>,
    pub is_good: bool,
    pub correlation_id: Option<String>,
    /// As JSON; never with a token.
    pub request: String,
    pub answer: String,
}

/// A line that the transformation logged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadLogLine)]
pub struct LogLine {
    pub version: String,
    pub level: &'static str,
    pub text: String,
}

/// A longer request or answer is cut: a batch holds a hundred leads.
const JSON_CHARS_MAX: usize = 8_000;

impl Lead {
    /// Everything of an event, for somebody who sees it masked or whole.
    pub fn of(shown: &ShownEvent, connection: Option<&Connection>, is_masked: bool, reader: &Reader) -> Self {
        let event = &shown.event;
        let newest = shown.deliveries.last();
        let delivery = newest.map(|newest| &newest.delivery);
        let plan = newest.and_then(|newest| newest.plan.as_ref());
        let told = tell(event, delivery, plan, false, reader);
        let time = |at: Timestamp| Moment::of(at, &reader.zone, reader.now);
        let problem = event.reason.as_ref().or(delivery.and_then(|delivery| delivery.reason.as_ref()));
        let body = shown.body.as_ref();
        let person = body.and_then(|body| Person::of(event, Some(&body.to_string())));
        Self {
            event: event.id.to_string(),
            event_type: event.event_type.clone(),
            tone: tone(told.outcome),
            person: if is_masked { person.map(Person::masked) } else { person },
            reason: problem.map(|problem| Reason {
                code: problem.code.to_string(),
                title: problem.code.title(),
                detail: problem.detail.clone(),
                fix: problem.code.fix(),
                who: problem.code.who(),
                correlation_id: problem.correlation_id.clone(),
            }),
            received: time(event.received_at),
            occurred: time(event.occurred_at),
            sender_id: event.sender_id.clone(),
            steps: steps(shown, told.outcome, reader),
            fields: newest.map(|newest| fields(newest, is_masked)).unwrap_or_default(),
            records: newest.map(|newest| records(newest, connection)).unwrap_or_default(),
            attempts: newest
                .iter()
                .flat_map(|newest| &newest.attempts)
                .map(|attempt| Attempt {
                    number: attempt.number,
                    at: time(attempt.at),
                    words: attempt.problem.detail.clone(),
                    next: attempt.next_at.map(time),
                })
                .collect(),
            next: delivery
                .filter(|delivery| delivery.state == DeliveryState::Pending)
                .and_then(|delivery| delivery.due_at)
                .filter(|due| *due > reader.now)
                .map(time),
            calls: newest.iter().flat_map(|newest| &newest.calls).map(|call| called(call, is_masked, reader)).collect(),
            log: shown
                .logs
                .iter()
                .flat_map(|log| {
                    log.lines.iter().map(|(level, text)| LogLine {
                        version: log.version.clone(),
                        level: level.label(),
                        text: if is_masked { "masked".to_owned() } else { text.clone() },
                    })
                })
                .collect(),
            run: newest.and_then(|newest| newest.run).map(|run| {
                format!(
                    "{} fuel, {} of memory, {} µs",
                    super::moment::count(i64::try_from(run.fuel).unwrap_or(i64::MAX)),
                    kib(run.memory_bytes),
                    run.micros
                )
            }),
            body: body.map(|body| pretty(&if is_masked { redacted(body) } else { body.clone() })),
            can_replay: matches!(
                told.outcome,
                Outcome::Failed | Outcome::Skipped | Outcome::Cancelled | Outcome::Synced | Outcome::SyncedWithWarnings
            ) && shown.body.is_some(),
            can_retry: told.outcome == Outcome::Retrying,
            is_test: body.and_then(|body| body["data"]["email"].as_str()).is_some_and(is_test_address),
            waterfall: drawn_waterfall(shown, reader),
            timetable: newest.and_then(|newest| drawn_timetable(newest, reader)),
            told,
        }
    }
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", super::moment::count(i64::try_from(bytes.div_ceil(1024)).unwrap_or(i64::MAX)))
}

/// Where a lead stands on the way that the help page describes.
fn steps(shown: &ShownEvent, outcome: Outcome, reader: &Reader) -> Vec<Step> {
    let event = &shown.event;
    let time = |at: Timestamp| Moment::of(at, &reader.zone, reader.now).text;
    let done = |title, note| Step { title, state: "done", icon: "✓", note };
    let transformed = match event.state {
        EventState::Planned => {
            let run = shown.deliveries.last().and_then(|newest| newest.run);
            done("Transformed", run.map_or_else(String::new, |run| format!("in {}", span(run.micros.div_ceil(1000)))))
        }
        EventState::Received => Step { title: "Transformed", state: "now", icon: "…", note: String::new() },
        EventState::Held => Step { title: "Transformed", state: "now", icon: "!", note: "waits".to_owned() },
        EventState::Refused => Step { title: "Transformed", state: "bad", icon: "✕", note: "refused".to_owned() },
        EventState::Skipped => {
            Step { title: "Transformed", state: "", icon: "–", note: "nothing to send".to_owned() }
        }
    };
    let delivery = shown.deliveries.last().map(|newest| &newest.delivery);
    let written = match (outcome, delivery) {
        (Outcome::Synced | Outcome::SyncedWithWarnings, Some(delivery)) => done(
            "In HubSpot",
            took(delivery, event.received_at).map_or_else(String::new, |took| format!("after {took}")),
        ),
        (Outcome::Failed | Outcome::Cancelled, Some(_)) => {
            Step { title: "In HubSpot", state: "bad", icon: "✕", note: outcome.label().to_owned() }
        }
        (Outcome::Sending | Outcome::Retrying | Outcome::NeedsAttention, Some(_)) => {
            Step { title: "In HubSpot", state: "now", icon: outcome.icon(), note: outcome.label().to_owned() }
        }
        _ => Step { title: "In HubSpot", state: "", icon: "", note: String::new() },
    };
    vec![
        done("Form submitted", time(event.occurred_at)),
        done("Lead created", time(event.occurred_at)),
        done("Received and stored", time(event.received_at)),
        transformed,
        written,
    ]
}

fn properties(action: &Action) -> Vec<(String, String)> {
    let listed = match action {
        Action::UpsertContact(contact) => &contact.properties,
        Action::UpsertDeal(deal) => &deal.properties,
        Action::UpsertObject(object) => &object.properties,
        Action::AddNote(note) => return vec![("note".to_owned(), note.body.clone())],
    };
    listed.iter().map(|property| (property.name.clone(), property.value.clone())).collect()
}

/// What was written, what was not and why.
fn fields(newest: &ShownDelivery, is_masked: bool) -> Vec<Field> {
    let progress = &newest.delivery.progress;
    let shown = |value: &str| if is_masked { "…".to_owned() } else { value.to_owned() };
    let actions = newest.plan.iter().flat_map(|plan: &Plan| &plan.actions).zip(&progress.actions);
    let mut fields: Vec<_> = actions
        .flat_map(|(action, one)| {
            let is_written = one.record.is_some();
            properties(action)
                .into_iter()
                .filter(|(name, _)| !progress.dropped.iter().any(|gone| gone.field == *name))
                .map(move |(name, value)| {
                    let (tone, fate) =
                        fate(progress, &name, is_written, one.refused.contains(&name), one.passed.contains(&name));
                    (action.label(), name, value, tone, fate)
                })
        })
        .map(|(record, name, value, tone, fate)| Field { record, value: shown(&value), name, tone, fate })
        .collect();
    fields.extend(progress.dropped.iter().map(|dropped| Field {
        record: "",
        name: dropped.field.clone(),
        value: shown(&dropped.value),
        tone: "warning",
        fate: format!("not written: {}", dropped.reason),
    }));
    fields
}

fn fate(
    progress: &Progress,
    name: &str,
    is_written: bool,
    is_refused: bool,
    is_passed: bool,
) -> (&'static str, String) {
    if let Some(stored) = progress.normalized.iter().find(|one| one.field == name) {
        return ("good", format!("stored as {}", stored.stored));
    }
    if progress.filled.iter().any(|one| one.field == name) {
        return ("good", "filled in later".to_owned());
    }
    match (is_written, is_refused, is_passed) {
        (_, true, _) => ("warning", "HubSpot refused it".to_owned()),
        (true, _, true) => ("none", "a newer lead's value stands".to_owned()),
        (true, ..) => ("good", String::new()),
        (false, ..) => ("none", String::new()),
    }
}

fn records(newest: &ShownDelivery, connection: Option<&Connection>) -> Vec<Record> {
    let actions = newest.plan.iter().flat_map(|plan: &Plan| &plan.actions);
    let record = |(action, progress): (&Action, &crate::model::delivery::ActionProgress)| {
        let record = progress.record.as_ref()?;
        let kind = match action {
            Action::UpsertContact(_) => Some(CONTACT),
            Action::UpsertDeal(_) => Some(DEAL),
            Action::AddNote(_) | Action::UpsertObject(_) => None,
        };
        let address = kind.zip(connection).map(|(kind, connection)| record_address(connection, kind, &record.id));
        Some(Record { label: action.label(), id: record.id.clone(), is_new: record.new, address })
    };
    actions.zip(&newest.delivery.progress.actions).filter_map(record).collect()
}

fn called(call: &ShownCall, is_masked: bool, reader: &Reader) -> Call {
    let json = |value: &Value| if is_masked { pretty(&redacted(value)) } else { pretty(value) };
    Call {
        operation: call.operation.clone(),
        at: Moment::of(call.started_at, &reader.zone, reader.now),
        took: call.ended_at.map(|ended| span(millis(ended.since(call.started_at)))),
        status: call.status,
        is_good: call.status.is_some_and(|status| (200..300).contains(&status)),
        correlation_id: call.correlation_id.clone(),
        request: json(&call.request),
        answer: call.answer.as_ref().map(json).unwrap_or_default(),
    }
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    match text.char_indices().nth(JSON_CHARS_MAX) {
        Some((end, _)) => format!("{}\n… cut here: {} characters in all", &text[..end], text.chars().count()),
        None => text,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Waiting, guest, calls: where the time went.
fn drawn_waterfall(shown: &ShownEvent, reader: &Reader) -> Option<Drawn> {
    use waterfall::{Kind, Span, Waterfall};
    let newest = shown.deliveries.last()?;
    if newest.calls.is_empty() {
        return None;
    }
    let received = shown.event.received_at;
    let planned = made_at(&newest.delivery.id).unwrap_or(received).max(received);
    let span = |name: &str, kind, from: Timestamp, until: Timestamp, detail: String| Span {
        name: name.to_owned(),
        kind,
        from,
        until: until.max(from),
        detail,
        href: None,
    };
    let mut spans = vec![span("Waiting", Kind::Wait, received, planned, "until it was planned".to_owned())];
    if let Some(run) = newest.run {
        let took = Duration::from_micros(run.micros);
        spans.push(span("Transformation", Kind::Guest, planned, planned + took, format!("{} µs", run.micros)));
    }
    let mut last = planned;
    for call in &newest.calls {
        if call.started_at.since(last) >= Duration::from_secs(1) {
            spans.push(span("Waiting", Kind::Wait, last, call.started_at, "until the next attempt".to_owned()));
        }
        let is_good = call.status.is_some_and(|status| (200..300).contains(&status));
        let ended = call.ended_at.unwrap_or(call.started_at);
        let kind = if is_good { Kind::Call } else { Kind::FailedCall };
        let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        spans.push(span(&call.operation, kind, call.started_at, ended, status));
        last = ended;
    }
    Some(drawn("waterfall", &Waterfall { zone: reader.zone.clone(), spans }))
}

/// When an id was made: ids are times.
fn made_at(id: &DeliveryId) -> Option<Timestamp> {
    i64::from_str_radix(id.as_str().get(4..16)?, 16).ok().map(Timestamp)
}

/// The attempts so far and the rest of the timetable.
fn drawn_timetable(newest: &ShownDelivery, reader: &Reader) -> Option<Drawn> {
    use timetable::{Timetable, Try};
    let delivery = &newest.delivery;
    let first = delivery.first_at?;
    if newest.attempts.is_empty() {
        return None;
    }
    let mut past: Vec<_> = newest
        .attempts
        .iter()
        .map(|attempt| Try {
            after: attempt.at.since(first),
            has_worked: false,
            text: attempt.problem.code.title().to_owned(),
            href: None,
        })
        .collect();
    if let (DeliveryState::Delivered, Some(done)) = (delivery.state, delivery.done_at) {
        past.push(Try { after: done.since(first), has_worked: true, text: "Delivered".to_owned(), href: None });
    }
    Some(drawn(
        "timetable",
        &Timetable {
            zone: reader.zone.clone(),
            first,
            now: reader.now.since(first),
            planned: planned(delivery.state, delivery.attempts, delivery.due_at.map(|due| due.since(first))),
            past,
            end: retry::END,
        },
    ))
}

/// What is still to come: the next attempt as it is due, the others as the timetable has them.
fn planned(state: DeliveryState, attempts: u32, next: Option<Duration>) -> Vec<Duration> {
    let (DeliveryState::Pending, Some(next)) = (state, next) else { return Vec::new() };
    let mut planned = vec![next];
    let mut at = next;
    for wait in retry::TIMETABLE.iter().skip(attempts as usize) {
        at += *wait;
        if at >= retry::END {
            break;
        }
        planned.push(at);
    }
    if at < retry::END {
        planned.push(retry::END);
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_timetable_follows_the_next_attempt() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let rest = planned(DeliveryState::Pending, 5, Some(hours(3)));
        assert_eq!(rest, [3, 8, 18, 28, 40, 52, 64, 72].map(hours));
        assert!(planned(DeliveryState::Delivered, 5, None).is_empty());
    }
}
