//! One lead: the five steps with their times, what was written where, what was tried and what is still to come.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::connection::{contacts_address, record_address};
use super::logs::{Row, tone, took};
use super::moment::{Moment, span};
use super::outcome::{Reader, Told, tell, with_reason};
use super::person::Person;
pub use super::receipt::Field;
use super::receipt::fields;
use crate::cause::{Code, Problem};
use crate::contract::actions::Action;
use crate::model::access::Sight;
use crate::model::account::Connection;
use crate::model::delivery::DeliveryState;
use crate::model::event::EventState;
use crate::model::id::{DeliveryId, EventId};
use crate::model::outcome::Outcome;
use crate::model::portal::{CONTACT, DEAL};
use crate::model::time::Timestamp;
use crate::picture::{Drawn, drawn, timetable, waterfall};
use crate::plan::Plan;
use crate::redact::redacted;
use crate::retry;
use crate::store::{AuditEntry, LeadRow, ShownCall, ShownDelivery, ShownEvent};
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
    /// The version that planned it, such as `deals@3`.
    pub version: Option<String>,
    /// What was done with it, by the service and by people, the oldest first.
    pub history: Vec<Past>,
    /// Other leads that may be of the same person, the newest first: no e-mail address recognises their contacts either,
    /// and they have the same phone number.
    pub duplicates: Vec<Row>,
    /// Where in HubSpot such contacts are merged.
    pub contacts_address: Option<String>,
    /// Until when its details are kept; none once they are removed.
    pub kept_until: Option<Moment>,
    /// The leads of the account that came before and after it.
    pub older: Option<EventId>,
    pub newer: Option<EventId>,
    /// As it came; without the person for those who need not know. None once it was removed.
    pub body: Option<String>,
    /// It can be sent once more.
    pub can_replay: bool,
    /// It waits for its time, or for somebody to look at it, and need not.
    pub can_retry: bool,
    /// It waits for somebody to look at it: whoever tries it again has done that.
    pub is_for_review: bool,
    /// It waits, and need not be sent.
    pub can_cancel: bool,
    /// Its contact may be a second one of the same person.
    pub may_be_duplicate: bool,
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
    /// When it was done, as far as that is known.
    pub at: Option<Moment>,
    /// How long it took, or how it stands.
    pub note: String,
    /// Where the page says more of it.
    pub href: Option<&'static str>,
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

/// Something that was done with a lead.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadPast)]
pub struct Past {
    pub at: Moment,
    pub words: String,
    /// A person or a program; none where the service did it by itself.
    pub by: Option<String>,
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
    /// The same request for a terminal, with a variable for the token; none where a shopper is masked.
    pub curl: Option<String>,
}

/// A line that the transformation logged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LeadLogLine)]
pub struct LogLine {
    pub version: String,
    pub level: &'static str,
    pub text: String,
}

/// What is known of a lead beside its event and its deliveries.
#[derive(Default)]
pub struct Beside {
    /// The version that planned it.
    pub version: Option<String>,
    /// What people and programs did with it.
    pub entries: Vec<AuditEntry>,
    pub duplicates: Vec<LeadRow>,
    /// For how long its details are kept.
    pub keep_days: Duration,
    pub older: Option<EventId>,
    pub newer: Option<EventId>,
}

/// Whether a lead waits that may still be called off.
pub fn is_cancellable(event: EventState, delivery: DeliveryState) -> bool {
    event == EventState::Planned && matches!(delivery, DeliveryState::Pending | DeliveryState::Blocked)
}

/// Where HubSpot's API is, for whoever repeats a call by hand.
const API: &str = "https://api.hubapi.com";
/// A longer request or answer is cut: a batch holds a hundred leads.
const JSON_CHARS_MAX: usize = 8_000;

impl Lead {
    /// Whether a deal was made of it.
    pub fn made_a_deal(&self) -> bool {
        self.records.iter().any(|record| record.label == "deal" && record.is_new)
    }

    /// Everything of an event, with what is known of it beside, for somebody who sees it masked or whole.
    pub fn of(
        shown: &ShownEvent,
        beside: Beside,
        connection: Option<&Connection>,
        sight: Sight,
        reader: &Reader,
    ) -> Self {
        let Beside { version, entries, duplicates, keep_days, older, newer } = beside;
        let event = &shown.event;
        let newest = shown.deliveries.last();
        let delivery = newest.map(|newest| &newest.delivery);
        let plan = newest.and_then(|newest| newest.plan.as_ref());
        let told = tell(event, delivery, plan, false, reader);
        let time = |at: Timestamp| Moment::of(at, &reader.zone, reader.now);
        let problem = event.reason.as_ref().or(delivery.and_then(|delivery| delivery.reason.as_ref()));
        let body = shown.body.as_ref();
        let person = body.and_then(|body| Person::of(event, Some(&body.to_string())));
        let is_for_review = told.outcome == Outcome::NeedsAttention
            && problem.is_some_and(|problem| problem.code == Code::LeadForReview);
        Self {
            event: event.id.to_string(),
            event_type: event.event_type.clone(),
            tone: tone(told.outcome),
            person: person.map(|person| sight.shown(person, Person::masked)),
            reason: problem.map(Reason::of),
            received: time(event.received_at),
            occurred: time(event.occurred_at),
            sender_id: event.sender_id.clone(),
            steps: steps(shown, told.outcome, version.as_deref(), reader),
            fields: newest.map(|newest| fields(newest, sight)).unwrap_or_default(),
            history: history(shown, entries, reader),
            duplicates: duplicates.iter().map(|lead| Row::of(lead, connection, sight, reader)).collect(),
            contacts_address: connection.map(contacts_address),
            kept_until: body.map(|_| time(event.received_at + keep_days)),
            older,
            newer,
            version,
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
            calls: newest.iter().flat_map(|newest| &newest.calls).map(|call| called(call, sight, reader)).collect(),
            log: shown
                .logs
                .iter()
                .flat_map(|log| {
                    log.lines.iter().map(|(level, text)| LogLine {
                        version: log.version.clone(),
                        level: level.label(),
                        text: sight.shown(text.clone(), |_| "masked".to_owned()),
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
            body: body.map(|body| pretty(&sight.shown(body.clone(), |body| redacted(&body)))),
            can_replay: matches!(
                told.outcome,
                Outcome::Failed | Outcome::Skipped | Outcome::Cancelled | Outcome::Synced | Outcome::SyncedWithWarnings
            ) && shown.body.is_some(),
            can_retry: told.outcome == Outcome::Retrying || is_for_review,
            is_for_review,
            can_cancel: delivery.is_some_and(|delivery| is_cancellable(event.state, delivery.state)),
            may_be_duplicate: delivery.is_some_and(|delivery| delivery.may_be_duplicate),
            is_test: body.and_then(|body| body["data"]["email"].as_str()).is_some_and(is_test_address),
            waterfall: drawn_waterfall(shown, reader),
            timetable: newest.and_then(|newest| drawn_timetable(newest, reader)),
            told,
        }
    }
}

impl Lead {
    /// What HubSpot answered last, where it took the lead and the call is still kept.
    pub fn answer(&self) -> Option<String> {
        let last = self.calls.iter().rev().find(|call| call.is_good);
        last.filter(|_| self.told.outcome.is_in_hubspot())?.status_words()
    }

    /// Whether more was done with it than to plan and deliver it once, which the timeline says.
    pub fn is_eventful(&self) -> bool {
        self.history.len() > 3 || self.history.iter().any(|past| past.by.is_some())
    }
}

impl Call {
    /// The status of its answer.
    pub fn status_words(&self) -> Option<String> {
        self.status.map(|status| if status == 200 { "200 OK".to_owned() } else { status.to_string() })
    }
}

impl Reason {
    pub(super) fn of(problem: &Problem) -> Self {
        Self {
            code: problem.code.to_string(),
            title: problem.code.title(),
            detail: problem.detail.clone(),
            fix: problem.code.fix(),
            who: problem.code.who(),
            correlation_id: problem.correlation_id.clone(),
        }
    }
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", super::moment::count(i64::try_from(bytes.div_ceil(1024)).unwrap_or(i64::MAX)))
}

/// Where a lead stands on the way that the help page describes.
fn steps(shown: &ShownEvent, outcome: Outcome, version: Option<&str>, reader: &Reader) -> Vec<Step> {
    let event = &shown.event;
    let time = |at: Timestamp| Some(Moment::of(at, &reader.zone, reader.now));
    let step = |title, (state, icon): (&'static str, &'static str), at: Option<Moment>, note: String| Step {
        title,
        state,
        icon,
        at,
        note,
        href: None,
    };
    let (done, now, bad, none) = (("done", "✓"), ("now", "…"), ("bad", "✕"), ("", "–"));
    let newest = shown.deliveries.last();
    let planned_at = newest.and_then(|newest| made_at(&newest.delivery.id)).map(|at| at.max(event.received_at));
    let transformed = match event.state {
        EventState::Planned => step("Transformed", done, planned_at.and_then(time), ran(newest, version)),
        EventState::Received => step("Transformed", now, None, String::new()),
        EventState::Held => step("Transformed", ("now", "!"), None, "waits".to_owned()),
        EventState::Refused => step("Transformed", bad, None, "refused".to_owned()),
        EventState::Skipped => step("Transformed", none, None, "nothing to send".to_owned()),
    };
    let delivery = newest.map(|newest| &newest.delivery);
    let after = |delivery| took(delivery, event.received_at).map_or_else(String::new, |took| format!("after {took}"));
    let written = match (outcome, delivery) {
        (Outcome::Synced | Outcome::SyncedWithWarnings, Some(delivery)) => {
            step("In HubSpot", done, delivery.done_at.and_then(time), after(delivery))
        }
        (Outcome::Failed | Outcome::Cancelled, Some(delivery)) => {
            step("In HubSpot", bad, delivery.done_at.and_then(time), outcome.label().to_owned())
        }
        (Outcome::Sending | Outcome::Retrying | Outcome::NeedsAttention, Some(_)) => {
            step("In HubSpot", ("now", outcome.icon()), None, outcome.label().to_owned())
        }
        _ => step("In HubSpot", ("", ""), None, String::new()),
    };
    let arrived = event.received_at.since(event.occurred_at);
    vec![
        step("Form submitted", done, time(event.occurred_at), String::new()),
        // No event carries a time of its own for it.
        step("Lead created", done, None, "the widget does not say when".to_owned()),
        Step {
            href: Some("#event"),
            ..step("Received and stored", done, time(event.received_at), format!("after {}", span(millis(arrived))))
        },
        Step { href: newest.map(|_| "#fields"), ..transformed },
        Step { href: newest.filter(|newest| !newest.calls.is_empty()).map(|_| "#calls"), ..written },
    ]
}

/// Which version planned it, and how long that took.
fn ran(newest: Option<&ShownDelivery>, version: Option<&str>) -> String {
    let took = newest.and_then(|newest| newest.run).map(|run| span(run.micros.div_ceil(1000)));
    match (version, took) {
        (Some(version), Some(took)) => format!("by {version} in {took}"),
        (Some(version), None) => format!("by {version}"),
        (None, Some(took)) => format!("in {took}"),
        (None, None) => String::new(),
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

fn called(call: &ShownCall, sight: Sight, reader: &Reader) -> Call {
    let json = |value: &Value| pretty(&sight.shown(value.clone(), |value| redacted(&value)));
    Call {
        operation: call.operation.clone(),
        at: Moment::of(call.started_at, &reader.zone, reader.now),
        took: call.ended_at.map(|ended| span(millis(ended.since(call.started_at)))),
        status: call.status,
        is_good: call.status.is_some_and(|status| (200..300).contains(&status)),
        correlation_id: call.correlation_id.clone(),
        request: json(&call.request),
        answer: call.answer.as_ref().map(json).unwrap_or_default(),
        curl: sight.shown(curl(&call.request), |_| None),
    }
}

/// A request as a terminal sends it. What is quoted ends a word nowhere.
fn curl(request: &Value) -> Option<String> {
    let (method, path) = (request["method"].as_str()?, request["path"].as_str()?);
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut line =
        format!("curl -X {method} -H \"Authorization: Bearer $HUBSPOT_TOKEN\" {}", quoted(&format!("{API}{path}")));
    if !request["body"].is_null() {
        line += &format!(" -H 'Content-Type: application/json' -d {}", quoted(&request["body"].to_string()));
    }
    Some(line)
}

/// What the service did with a lead, and what people did, in one order.
fn history(shown: &ShownEvent, entries: Vec<AuditEntry>, reader: &Reader) -> Vec<Past> {
    let mut past: Vec<(Timestamp, String, Option<String>)> =
        vec![(shown.event.received_at, "Received".to_owned(), None)];
    for (index, newest) in shown.deliveries.iter().enumerate() {
        let delivery = &newest.delivery;
        let planned = if index == 0 { "Planned" } else { "Planned afresh" };
        past.extend(made_at(&delivery.id).map(|at| (at.max(shown.event.received_at), planned.to_owned(), None)));
        let ended = match delivery.state {
            DeliveryState::Delivered => "Delivered".to_owned(),
            DeliveryState::Failed => with_reason("Failed", delivery.reason.as_ref()),
            DeliveryState::Cancelled => with_reason("Cancelled", delivery.reason.as_ref()),
            DeliveryState::Pending | DeliveryState::Blocked => continue,
        };
        past.extend(delivery.done_at.map(|at| (at, ended, None)));
    }
    past.extend(entries.into_iter().map(|entry| (entry.at, done(&entry.action), Some(entry.actor))));
    past.sort_by_key(|(at, ..)| *at);
    let told = |(at, words, by)| Past { at: Moment::of(at, &reader.zone, reader.now), words, by };
    past.into_iter().map(told).collect()
}

/// What somebody did, by the name of the action, which begins with where he did it.
fn done(action: &str) -> String {
    match action.rsplit('.').next().unwrap_or_default() {
        "retry" => "Tried again".to_owned(),
        "replay" => "Sent once more".to_owned(),
        "cancel" => "Called off".to_owned(),
        "read-back" => "Read back from HubSpot".to_owned(),
        "delete-test-contact" => "Test contact deleted".to_owned(),
        "reveal" => "Shopper revealed".to_owned(),
        _ if action.contains("test-contact") => "Test contact deleted".to_owned(),
        _ => action.to_owned(),
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

fn drawn_waterfall(shown: &ShownEvent, reader: &Reader) -> Option<Drawn> {
    shown.deliveries.last().filter(|newest| !newest.calls.is_empty())?;
    let (zone, spans) = (reader.zone.clone(), waterfall_of(shown));
    Some(drawn("waterfall", &waterfall::Waterfall { zone, spans }))
}

/// Waiting, guest, calls: where the time of the newest delivery went.
pub(super) fn waterfall_of(shown: &ShownEvent) -> Vec<waterfall::Span> {
    use waterfall::{Kind, Span};
    let Some(newest) = shown.deliveries.last() else { return Vec::new() };
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
    spans
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
