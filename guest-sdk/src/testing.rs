//! For native tests: what a transformation logged and dropped, events to feed it, and its actions as
//! text that a test can compare as a whole.
//!
//! ```
//! use guest_sdk::{log, testing};
//!
//! let ((), record) = testing::capture(|| log::dropped("lead_priority", "urgent", "no such option"));
//! assert_eq!(record.to_string(), "dropped lead_priority = urgent: no such option\n");
//! ```
//!
//! In a component the host keeps the record, and capturing answers an empty one.

use std::cell::RefCell;
use std::fmt::{self, Write};

use crate::bindings::leadline::transform::actions::{MatchKey, Property};
use crate::log::Level;
use crate::{Action, Event, Lead, Payload, WritePolicy};

/// What one run told the people who read about it, in order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Record(pub Vec<Entry>);

/// One entry of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A line of the log.
    Line(Level, String),
    /// A value that no action carries.
    Dropped {
        /// The CRM property it was meant for.
        field: String,
        /// As it came.
        value: String,
        /// A sentence for the dealership.
        reason: String,
    },
}

thread_local! {
    static RECORD: RefCell<Record> = const { RefCell::new(Record(Vec::new())) };
}

/// Runs `run` and answers what it logged and dropped on this thread.
pub fn capture<T>(run: impl FnOnce() -> T) -> (T, Record) {
    RECORD.take();
    let answer = run();
    (answer, RECORD.take())
}

/// An event that carries this lead, at 2026-11-23T08:00:00Z.
pub fn lead_event(lead: Lead) -> Event {
    Event {
        id: "evt-test".into(),
        event_type: crate::manifest::LEAD_CAPTURED.into(),
        occurred_at: 1_795_420_800_000,
        payload: Payload::LeadCaptured(lead),
        extra: Vec::new(),
    }
}

/// A lead that says nothing but its id; fill in what the test is about with `..testing::lead("…")`.
pub fn lead(id: &str) -> Lead {
    Lead {
        id: id.into(),
        name: None,
        email: None,
        phone: None,
        status: None,
        priority: None,
        origin: None,
        vehicle: None,
        budget: None,
        notes: Vec::new(),
        dealership: None,
        consent: None,
    }
}

/// Actions as indented text: one block an action, one line a property, the policy in brackets.
pub fn render(actions: &[Action]) -> String {
    let mut text = String::new();
    for (index, action) in actions.iter().enumerate() {
        render_action(&mut text, index, action).expect("writing to a String does not fail");
    }
    text
}

fn render_action(text: &mut String, index: usize, action: &Action) -> fmt::Result {
    match action {
        Action::UpsertContact(contact) => {
            writeln!(text, "{index} contact by {}", key(&contact.key))?;
            render_properties(text, &contact.properties)
        }
        Action::UpsertDeal(deal) => {
            writeln!(text, "{index} deal by {} = {}", deal.key.name, deal.key.value)?;
            writeln!(text, "  named {}", deal.name)?;
            writeln!(text, "  in {} / {}", deal.pipeline, deal.stage)?;
            writeln!(text, "  of {:?}", deal.contacts)?;
            render_properties(text, &deal.properties)
        }
        Action::AddNote(note) => {
            writeln!(text, "{index} note about {:?} at {}", note.about, note.at)?;
            note.body.lines().try_for_each(|line| writeln!(text, "  | {line}"))
        }
        Action::UpsertObject(object) => {
            writeln!(text, "{index} {} by {}", object.object_type, key(&object.key))?;
            writeln!(text, "  of {:?}", object.associated_with)?;
            render_properties(text, &object.properties)
        }
    }
}

fn render_properties(text: &mut String, properties: &[Property]) -> fmt::Result {
    properties.iter().try_for_each(|property| {
        let policy = match property.policy {
            WritePolicy::Always => "always",
            WritePolicy::OnCreate => "on-create",
            WritePolicy::IfEmpty => "if-empty",
        };
        writeln!(text, "  {} = {} [{policy}]", property.name, property.value)
    })
}

fn key(key: &MatchKey) -> String {
    match key {
        MatchKey::Email(address) => format!("email = {address}"),
        MatchKey::Unique(property) => format!("{} = {}", property.name, property.value),
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|entry| match entry {
            Entry::Line(level, message) => {
                let level = match level {
                    Level::Debug => "debug",
                    Level::Info => "info",
                    Level::Warn => "warn",
                    Level::Error => "error",
                };
                writeln!(f, "{level} {message}")
            }
            Entry::Dropped { field, value, reason } => {
                writeln!(f, "dropped {field} = {value}: {reason}")
            }
        })
    }
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn record_line(level: Level, message: &str) {
    record(Entry::Line(level, message.into()));
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn record_dropped(field: &str, value: &str, reason: &str) {
    record(Entry::Dropped { field: field.into(), value: value.into(), reason: reason.into() });
}

#[cfg(not(target_family = "wasm"))]
fn record(entry: Entry) {
    RECORD.with_borrow_mut(|record| record.0.push(entry));
}
