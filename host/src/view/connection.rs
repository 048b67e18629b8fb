//! A connection as people see it: a chip in words, colour and icon, and what is to be done about it.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::budget::WINDOW;
use crate::cause::Code;
use crate::model::account::{Connection, ConnectionState};
use crate::model::portal::CONTACT;
use crate::model::time::Timestamp;
use crate::picture::gauge::Gauge;
use crate::picture::{Drawn, drawn};
use crate::store::LimitUse;

/// A short state, told by colour, icon and words at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chip {
    /// `good`, `warning`, `bad` or `none`: its colour.
    pub tone: &'static str,
    pub icon: &'static str,
    pub label: &'static str,
}

impl Chip {
    pub const fn new(tone: &'static str, icon: &'static str, label: &'static str) -> Self {
        Self { tone, icon, label }
    }
}

/// The chip of an account's connection; none where the account was never connected.
pub fn chip(connection: Option<&Connection>, has_open_issues: bool) -> Chip {
    let Some(connection) = connection else { return Chip::new("none", "○", "Not connected") };
    match connection.state {
        state if state != ConnectionState::Disconnected && connection.ends_at.is_some() => {
            Chip::new("none", "◔", "Disconnecting")
        }
        ConnectionState::Disconnected => Chip::new("none", "○", "Not connected"),
        ConnectionState::Paused => Chip::new("none", "⏸", "Paused"),
        ConnectionState::ReconnectRequired => Chip::new("bad", "✕", "Reconnect required"),
        ConnectionState::Connected => match &connection.problem {
            Some(problem) if matches!(problem.code, Code::AuthRevoked | Code::AuthAppUninstalled) => {
                Chip::new("bad", "✕", "Reconnect required")
            }
            Some(_) => Chip::new("warning", "!", "Needs attention"),
            None if has_open_issues => Chip::new("warning", "!", "Needs attention"),
            None => Chip::new("good", "✓", "Connected"),
        },
    }
}

/// The address of HubSpot's own pages for a portal.
pub fn portal_address(connection: &Connection, path: &str) -> String {
    let domain = connection.portal.as_ref().map(|portal| portal.ui_domain.as_str()).filter(|domain| is_hubspot(domain));
    format!("https://{}/{path}", domain.unwrap_or("app.hubspot.com"))
}

/// Only a host of HubSpot's is linked to: the name comes from an answer.
fn is_hubspot(domain: &str) -> bool {
    domain.ends_with(".hubspot.com") && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The address of a record in a portal.
pub fn record_address(connection: &Connection, object_type_id: &str, record: &str) -> String {
    let record: String = record.chars().filter(char::is_ascii_alphanumeric).collect();
    portal_address(connection, &format!("contacts/{}/record/{object_type_id}/{record}", connection.portal_id))
}

/// Where the contacts of a portal are listed, and merged.
pub fn contacts_address(connection: &Connection) -> String {
    portal_address(connection, &format!("contacts/{}/objects/{CONTACT}/views/all/list", connection.portal_id))
}

/// The limit of a portal is looked back at for so long.
pub const LIMIT_LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

/// How much of a portal's limit is used, by whom, and when HubSpot refused.
pub fn limit_gauge(used: &LimitUse, zone: &TimeZone, now: Timestamp) -> Drawn {
    let heard_at = Timestamp(used.learned.heard_at);
    let is_fresh = now >= heard_at && now < heard_at + WINDOW;
    drawn(
        "limit",
        &Gauge {
            zone: zone.clone(),
            ours: used.ours,
            others: if is_fresh { u64::from(used.learned.others) } else { 0 },
            limit: u64::from(used.learned.max),
            window: WINDOW,
            from: used.refusals_since.unwrap_or(now - LIMIT_LOOK_BACK),
            until: now,
            refused: used.refused_at.clone(),
            href: None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_hubspot_are_linked_to() {
        for (domain, ours) in [
            ("app.hubspot.com", true),
            ("app-eu1.hubspot.com", true),
            ("hubspot.com.evil.example", false),
            ("evil.example/.hubspot.com", false),
            ("", false),
        ] {
            assert_eq!(is_hubspot(domain), ours, "{domain}");
        }
    }
}
