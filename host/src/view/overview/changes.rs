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

/// What people do that may show in what became of the leads, as the history names it: the API and the terminal have the
/// same names, pages have their own. Versions and their settings are told by the bindings.
const ACTIONS: [(&str, &str); 19] = [
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::id::AuditId;

    fn told(action: &str, detail: Value) -> Option<String> {
        let entry = AuditEntry {
            id: AuditId::new(Timestamp(1)),
            account_id: None,
            at: Timestamp(1),
            actor: "ana".to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            detail,
        };
        of_history(&[entry]).pop().map(|change| change.text)
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
    }
}
