//! What changed while leads came, as marks in the picture of deliveries: when did it start, and who did something then?

use super::Seen;
use crate::model::account::PastBinding;
use crate::model::time::Timestamp;
use crate::picture::deliveries::Change;
use crate::store::AuditEntry;

const CONNECTED: &str = "HubSpot connected";
const DISCONNECTED: &str = "disconnected";
const STAYS: &str = "stays connected";
const PAUSED: &str = "paused";
const RESUMED: &str = "resumed";
const EVENT_TYPES: &str = "event types changed";
const SETTINGS: &str = "settings changed";
const ALL_PAUSED: &str = "everything paused";
const ALL_RESUMED: &str = "everything resumed";
const READ_ONLY: &str = "read-only";
const READ_ONLY_OVER: &str = "no longer read-only";

/// What people do that may show in what became of the leads, as the history names it: the API and the terminal have the
/// same names, pages have their own. Versions and their settings are told by the bindings.
const ACTIONS: [(&str, &str); 20] = [
    ("connections.connect", CONNECTED),
    ("connections.disconnect", DISCONNECTED),
    ("accounts.connectors.disconnect", DISCONNECTED),
    ("connections.stay", STAYS),
    ("accounts.connectors.stay", STAYS),
    ("accounts.pause", PAUSED),
    ("connections.pause", PAUSED),
    ("lanes.pause", PAUSED),
    ("accounts.connectors.pause", PAUSED),
    ("accounts.resume", RESUMED),
    ("connections.resume", RESUMED),
    ("lanes.resume", RESUMED),
    ("accounts.connectors.resume", RESUMED),
    ("connections.event-types.set", EVENT_TYPES),
    ("accounts.event-types", EVENT_TYPES),
    ("connections.policy.set", SETTINGS),
    ("accounts.connectors.policy", SETTINGS),
    ("accounts.fields.use", SETTINGS),
    ("accounts.quota.set", SETTINGS),
    ("guests.quota", SETTINGS),
];

/// Forms that pause and resume: which of both somebody did stands in their field `pause`.
const PAUSE_OR_RESUME: [&str; 2] = ["queue.account", "queue.pause"];

/// The actions of the history that stand in the picture.
pub fn actions_of_note() -> Vec<&'static str> {
    ACTIONS.iter().map(|(action, _)| *action).chain(PAUSE_OR_RESUME).collect()
}

/// What changed from a time until another, in the order of time.
pub(super) fn meanwhile(seen: &Seen<'_>, (begin, end): (Timestamp, Timestamp)) -> Vec<Change> {
    let mut changes: Vec<_> = of_bindings(seen.bindings).into_iter().chain(of_history(seen.history)).collect();
    let is_told = |at: Timestamp| {
        changes.iter().any(|change: &Change| change.text == CONNECTED && change.at.0.abs_diff(at.0) < 60_000)
    };
    let first = seen.connected_at.filter(|at| !is_told(*at));
    changes.extend(first.map(|at| change(at, CONNECTED)));
    between(changes, (begin, end))
}

/// What was done to the service as a whole from a time until another, in the order of time.
pub(in crate::view) fn of_service(history: &[AuditEntry], time: (Timestamp, Timestamp)) -> Vec<Change> {
    let told = history.iter().filter_map(|entry| Some(change(entry.at, words_of_service(entry)?)));
    between(told.collect(), time)
}

fn between(mut changes: Vec<Change>, (begin, end): (Timestamp, Timestamp)) -> Vec<Change> {
    changes.retain(|change| change.at >= begin && change.at < end);
    changes.sort_by_key(|change| change.at);
    changes
}

fn change(at: Timestamp, text: &str) -> Change {
    Change { at, text: text.to_owned(), href: None }
}

/// Which versions were enabled, and whose settings were changed. The newest comes first.
fn of_bindings(history: &[PastBinding]) -> Vec<Change> {
    let told = |(index, past): (usize, &PastBinding)| {
        let before = history[index + 1..].iter().find(|other| other.event_type == past.event_type);
        let is_same = before.is_some_and(|before| before.version_id == past.version_id);
        let text = match past.restores {
            Some(_) => format!("back to {}", past.version),
            None if is_same => format!("settings of {}", past.version),
            None => format!("{} enabled", past.version),
        };
        change(past.at, &text)
    };
    history.iter().enumerate().map(told).collect()
}

/// What people did.
fn of_history(entries: &[AuditEntry]) -> Vec<Change> {
    entries.iter().filter_map(|entry| Some(change(entry.at, words(entry)?))).collect()
}

/// What somebody did, in a word or two; none where it is not of note, or was only looked at.
fn words(entry: &AuditEntry) -> Option<&'static str> {
    if entry.detail["dry_run"] == true {
        return None;
    }
    if PAUSE_OR_RESUME.contains(&entry.action.as_str()) {
        return Some(if entry.detail["pause"] == "yes" { PAUSED } else { RESUMED });
    }
    ACTIONS.iter().find(|(action, _)| *action == entry.action).map(|(_, words)| *words)
}

/// The same of what was done to everybody: of a form, which of both somebody did stands in its field.
fn words_of_service(entry: &AuditEntry) -> Option<&'static str> {
    let says = |field: &str, word: &str| entry.detail[field] == word;
    match entry.action.as_str() {
        "lanes.pause" => Some(ALL_PAUSED),
        "lanes.resume" => Some(ALL_RESUMED),
        "queue.pause" => Some(if says("pause", "yes") { ALL_PAUSED } else { ALL_RESUMED }),
        "read-only.set" => Some(READ_ONLY),
        "read-only.delete" => Some(READ_ONLY_OVER),
        "system.read-only" => Some(if says("mode", "on") { READ_ONLY } else { READ_ONLY_OVER }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::id::AuditId;
    use crate::operate::fleet::DEEDS;

    fn entry(action: &str, detail: Value) -> AuditEntry {
        AuditEntry {
            id: AuditId::new(Timestamp(1)),
            account_id: None,
            at: Timestamp(1),
            actor: "ana".to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            detail,
        }
    }

    fn told(action: &str, detail: Value) -> Option<String> {
        of_history(&[entry(action, detail)]).pop().map(|change| change.text)
    }

    #[test]
    fn what_people_did_stands_beside_the_leads() {
        for (action, text) in [
            ("connections.connect", Some("HubSpot connected")),
            // A link was made, or somebody was sent to HubSpot.
            ("accounts.connect", None),
            ("accounts.connectors.connect", None),
            ("accounts.connectors.disconnect", Some("disconnected")),
            ("connections.pause", Some("paused")),
            ("accounts.resume", Some("resumed")),
            ("connections.event-types.set", Some("event types changed")),
            ("accounts.event-types", Some("event types changed")),
            ("accounts.event-types.tell-me", None),
            ("connections.policy.set", Some("settings changed")),
            ("accounts.connectors.policy", Some("settings changed")),
            ("replays.pause", None),
            ("sign-in-links.create", None),
        ] {
            assert_eq!(told(action, Value::Null).as_deref(), text, "{action}");
        }
    }

    #[test]
    fn one_form_pauses_and_resumes_and_what_was_only_looked_at_changed_nothing() {
        for (action, detail, text) in [
            ("queue.account", json!({ "account": "acme", "pause": "yes" }), Some("paused")),
            ("queue.account", json!({ "account": "acme", "pause": "no" }), Some("resumed")),
            ("queue.pause", json!({ "pause": "yes" }), Some("paused")),
            ("accounts.quota.set", json!({ "quota": "large" }), Some("settings changed")),
            ("accounts.quota.set", json!({ "quota": "large", "dry_run": true }), None),
        ] {
            assert_eq!(told(action, detail.clone()).as_deref(), text, "{action} {detail}");
        }
    }

    #[test]
    fn what_is_read_for_the_picture_is_all_that_it_tells() {
        for action in actions_of_note() {
            assert!(told(action, Value::Null).is_some(), "{action}");
        }
        for action in DEEDS {
            assert!(words_of_service(&entry(action, Value::Null)).is_some(), "{action}");
        }
    }

    #[test]
    fn what_was_done_to_everybody_is_told_of_its_time_and_in_order() {
        let done = |at, action: &str, detail| AuditEntry { at: Timestamp(at), ..entry(action, detail) };
        let history = [
            done(40, "system.read-only", json!({ "mode": "off" })),
            done(30, "system.read-only", json!({ "mode": "on", "reason": "moving" })),
            done(20, "lanes.resume", Value::Null),
            done(15, "keys.rotate", Value::Null),
            done(10, "queue.pause", json!({ "pause": "yes" })),
            done(9, "queue.pause", json!({ "pause": "no" })),
        ];
        let changes = of_service(&history, (Timestamp(10), Timestamp(40)));
        let told: Vec<_> = changes.iter().map(|change| (change.at.0, change.text.as_str())).collect();
        assert_eq!(told, [(10, "everything paused"), (20, "everything resumed"), (30, "read-only")]);
    }
}
