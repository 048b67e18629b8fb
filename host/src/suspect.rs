//! What was changed shortly before an issue began, and may have caused it. Pure: a guess, and none where nothing fits.

use std::time::Duration;

use serde::Serialize;

use crate::cause::Code;
use crate::model::account::PastBinding;
use crate::model::time::Timestamp;
use crate::store::AuditEntry;
use crate::view::moment::span;

/// A change that lies further back did not cause it: by then somebody else would have met it.
pub const SUSPECTED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What a change ends, ends at once: a check of the portal may come a little later.
const ENDED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What kind of thing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A version was enabled, or other settings of it.
    Binding,
    /// HubSpot was connected, perhaps to another portal or with other permissions.
    Connected,
    Paused,
    Disconnected,
    /// What a run may use.
    Limits,
    /// What signs events.
    Source,
}

/// Something that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: Kind,
    pub at: Timestamp,
    /// As the end of a sentence: `deals@7 was enabled`.
    pub what: String,
    pub by: String,
}

/// A change that may have caused an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SuspectedChange)]
pub struct Suspected {
    pub at: Timestamp,
    /// Such as `2 min after deals@7 was enabled`.
    pub text: String,
    /// Who changed it.
    pub by: String,
}

/// The newest change before an issue that can have to do with its cause.
pub fn suspect(code: Code, first_at: Timestamp, changes: &[Change]) -> Option<Suspected> {
    let fits = |change: &&Change| {
        change.at <= first_at && first_at.since(change.at) <= SUSPECTED_FOR && is_behind(change.kind, code)
    };
    let change = changes.iter().filter(fits).max_by_key(|change| change.at)?;
    let millis = u64::try_from(first_at.since(change.at).as_millis()).unwrap_or(u64::MAX);
    let text = match millis {
        0..1_000 => format!("right after {}", change.what),
        _ => format!("{} after {}", span(millis), change.what),
    };
    Some(Suspected { at: change.at, text, by: change.by.clone() })
}

/// Something was done about an issue, or it had ended, and it is here all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = FixInVain)]
pub struct InVain {
    pub at: Timestamp,
    /// Such as `deals@8 was enabled, and it was met again 3 min later`.
    pub text: String,
    /// Who tried it; empty where nobody is known.
    pub by: String,
}

/// What did not help against an issue that was met first and last at these times: a change since it began, after which it was
/// met again; else one by which an issue of the same cause and subject had ended at `over_at`.
pub fn in_vain(
    code: Code,
    (first_at, last_at): (Timestamp, Timestamp),
    over_at: Option<Timestamp>,
    changes: &[Change],
) -> Option<InVain> {
    let fits = |change: &&Change| is_behind(change.kind, code);
    let told = |at: Timestamp, what: &str, again: Timestamp, how: &str, by: &str| {
        let later = span(u64::try_from(again.since(at).as_millis()).unwrap_or(u64::MAX));
        InVain { at, text: format!("{what}, and it {how} {later} later"), by: by.to_owned() }
    };
    let since = |change: &&Change| change.at > first_at && change.at < last_at;
    if let Some(change) = changes.iter().filter(fits).filter(since).max_by_key(|change| change.at) {
        return Some(told(change.at, &change.what, last_at, "was met again", &change.by));
    }
    let over_at = over_at.filter(|over| *over <= first_at && first_at.since(*over) <= SUSPECTED_FOR)?;
    let ended = |change: &&Change| change.at <= over_at && over_at.since(change.at) <= ENDED_WITHIN;
    Some(match changes.iter().filter(fits).filter(ended).max_by_key(|change| change.at) {
        Some(change) => told(over_at, &change.what, first_at, "came back", &change.by),
        None => told(over_at, "it had ended", first_at, "came back", ""),
    })
}

/// Whether a change of this kind can be behind a cause.
fn is_behind(kind: Kind, code: Code) -> bool {
    let group = code.as_str().split('.').next().unwrap_or_default();
    match kind {
        Kind::Binding => {
            let reads = ["transform", "property", "option", "pipeline", "stage", "owner", "email", "contact"];
            reads.contains(&group) || matches!(code, Code::AuthMissingScope | Code::HubspotRefused)
        }
        Kind::Connected => {
            let of_portal = ["auth", "property", "option", "pipeline", "stage", "owner", "app"];
            of_portal.contains(&group) || code == Code::HubspotRefused
        }
        Kind::Paused => code == Code::ConnectionPaused,
        Kind::Disconnected => code == Code::ConnectionDisconnected,
        Kind::Limits => matches!(
            code,
            Code::TransformFuel | Code::TransformTimeout | Code::TransformMemory | Code::TransformBreaker
        ),
        Kind::Source => group == "ingest",
    }
}

/// What bindings tell: a version that was enabled or taken back, or one whose settings or share were changed. The newest
/// comes first, as in the history.
pub fn of_bindings(history: &[PastBinding]) -> Vec<Change> {
    let change = |(index, binding): (usize, &PastBinding)| {
        let before = history[index + 1..].iter().find(|other| other.event_type == binding.event_type);
        let version = &binding.version;
        let what = match before {
            _ if binding.restores.is_some() => format!("{version} was rolled back to"),
            Some(before) if before.version_id == binding.version_id && before.settings != binding.settings => {
                format!("the settings of {version} were changed")
            }
            Some(before) if before.version_id == binding.version_id => format!("the share of {version} was changed"),
            Some(_) | None => format!("{version} was enabled"),
        };
        Change { kind: Kind::Binding, at: binding.at, what, by: binding.by.clone() }
    };
    history.iter().enumerate().map(change).collect()
}

/// What the history of people tells; what cannot be behind an issue is not among it.
pub fn of_history(entries: &[AuditEntry]) -> Vec<Change> {
    let change = |entry: &AuditEntry| {
        let (of, deed) = entry.action.rsplit_once('.')?;
        let of_connection = ["accounts", "connections", "accounts.connectors"].contains(&of);
        let of_source = ["sources", "accounts.settings.sources"].contains(&of);
        let (kind, what) = match deed {
            "connect" if of_connection => (Kind::Connected, "HubSpot was connected"),
            "pause" if of_connection || of == "lanes" => (Kind::Paused, "it was paused"),
            "disconnect" if of_connection => (Kind::Disconnected, "HubSpot was disconnected"),
            "set" if of.ends_with("quota") => (Kind::Limits, "the limits of the account were set"),
            "set" if of_source => (Kind::Source, "the source was set"),
            "rotate" if of_source => (Kind::Source, "the secret of the source was rotated"),
            _ => return None,
        };
        Some(Change { kind, at: entry.at, what: what.to_owned(), by: entry.actor.clone() })
    };
    entries.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::id::{AuditId, BindingId, VersionId};
    use crate::model::share::Share;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn change(kind: Kind, minutes_before: u32, what: &str) -> Change {
        Change { kind, at: NOON - MINUTE * minutes_before, what: what.to_owned(), by: "tom".to_owned() }
    }

    #[test]
    fn the_newest_change_before_it_is_suspected_where_it_can_be_behind_it() {
        use Kind::{Binding, Connected, Limits, Paused};
        let (v7, v8) = (change(Binding, 2, "deals@7 was enabled"), change(Binding, 90, "deals@6 was enabled"));
        let connected = change(Connected, 5, "HubSpot was connected");
        let later = Change { at: NOON + MINUTE, ..v7.clone() };
        let long_ago = change(Binding, 24 * 60 + 1, "deals@5 was enabled");
        let rows: [(Code, Vec<Change>, Option<&str>); 11] = [
            (Code::TransformTrap, vec![v8.clone(), v7.clone()], Some("2 min after deals@7 was enabled")),
            (Code::TransformTrap, vec![v8.clone()], Some("2 h after deals@6 was enabled")),
            (Code::TransformTrap, vec![later], None),
            (Code::TransformTrap, vec![long_ago], None),
            (Code::TransformTrap, vec![connected.clone()], None),
            (Code::PropertyMissing, vec![connected.clone(), v8], Some("5 min after HubSpot was connected")),
            (Code::AuthRevoked, vec![connected, v7.clone()], Some("5 min after HubSpot was connected")),
            (Code::AuthRevoked, vec![v7.clone()], None),
            (Code::ConnectionPaused, vec![change(Paused, 0, "it was paused"), v7], Some("right after it was paused")),
            (
                Code::TransformFuel,
                vec![change(Limits, 3, "the limits were set")],
                Some("3 min after the limits were set"),
            ),
            (Code::HubspotUnreachable, vec![change(Paused, 3, "it was paused")], None),
        ];
        for (code, changes, expected) in rows {
            let found = suspect(code, NOON, &changes).map(|suspected| suspected.text);
            assert_eq!(found.as_deref(), expected, "{code} {changes:?}");
        }
    }

    #[test]
    fn a_fix_that_did_not_help_is_named() {
        let at = |minutes: i64| Timestamp(NOON.0 + minutes * 60_000);
        let enabled = |minutes| Change {
            kind: Kind::Binding,
            at: at(minutes),
            what: "deals@8 was enabled".to_owned(),
            by: "tom".to_owned(),
        };
        let again = "deals@8 was enabled, and it was met again 2 min later";
        let back = "deals@8 was enabled, and it came back 3 min later";
        for (last, over, changes, expected) in [
            (10, None, vec![enabled(8)], Some(again)),
            (10, None, vec![enabled(10)], None),
            (10, None, vec![enabled(-8)], None),
            (0, Some(-3), vec![enabled(-4)], Some(back)),
            (0, Some(-3), vec![], Some("it had ended, and it came back 3 min later")),
            (0, Some(-3), vec![enabled(-30)], Some("it had ended, and it came back 3 min later")),
            (0, Some(-2 * 24 * 60), vec![], None),
            (0, Some(5), vec![], None),
        ] {
            let told = in_vain(Code::TransformTrap, (NOON, at(last)), over.map(at), &changes);
            assert_eq!(told.map(|told| told.text).as_deref(), expected, "{last} {over:?} {changes:?}");
        }
    }

    fn binding(number: i64, version: &str, settings: Value, restores: bool) -> PastBinding {
        PastBinding {
            id: BindingId::stored(format!("bnd_{number}")),
            event_type: "lead.captured.v1".to_owned(),
            version_id: VersionId::stored(format!("tfv_{version}")),
            version: version.to_owned(),
            settings,
            share: Share::ALL,
            at: NOON,
            by: "tom".to_owned(),
            reason: String::new(),
            restores: restores.then(|| BindingId::stored("bnd_1".to_owned())),
            before: None,
            in_force: false,
            is_deleted: false,
        }
    }

    #[test]
    fn bindings_and_the_history_are_told_as_changes() {
        let history = [
            binding(4, "deals@6", json!({}), true),
            binding(3, "deals@7", json!({ "a": 1 }), false),
            binding(2, "deals@7", json!({}), false),
            binding(1, "deals@6", json!({}), false),
        ];
        let told: Vec<_> = of_bindings(&history).into_iter().map(|change| change.what).collect();
        assert_eq!(
            told,
            [
                "deals@6 was rolled back to",
                "the settings of deals@7 were changed",
                "deals@7 was enabled",
                "deals@6 was enabled"
            ]
        );
        let entry = |action: &str| AuditEntry {
            id: AuditId::stored("aud_1".to_owned()),
            account_id: None,
            at: NOON,
            actor: "tom".to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            detail: Value::Null,
        };
        let actions = [
            "accounts.connect",
            "accounts.connectors.pause",
            "views.create",
            "accounts.quota.set",
            "sources.rotate",
            "accounts.settings.sources.set",
        ];
        let kinds: Vec<_> = of_history(&actions.map(entry)).into_iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Kind::Connected, Kind::Paused, Kind::Limits, Kind::Source, Kind::Source]);
    }
}
