//! What support is told of a page: ids and codes by which it is found again, and nothing of a person.

use crate::cause::Code;
use crate::model::account::{Account, Connection};
use crate::model::id::EventId;
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;

/// What is known of the page that somebody asks about.
#[derive(Debug)]
pub struct Seen<'a> {
    pub at: Timestamp,
    /// The name of its guide, or of the help page itself.
    pub screen: &'a str,
    pub account: Option<&'a Account>,
    pub connection: Option<&'a Connection>,
    /// The lead, what became of it, and why.
    pub lead: Option<(EventId, Outcome, Option<Code>)>,
    /// The codes of the account's open issues.
    pub issues: Vec<Code>,
}

/// The text that is shown and copied, a line for each fact.
pub fn code(seen: &Seen<'_>) -> String {
    let mut lines = vec![format!("leadline {}", env!("CARGO_PKG_VERSION")), format!("at {}", seen.at)];
    lines.push(format!("screen {}", seen.screen));
    lines.extend(seen.account.map(|account| format!("account {}", account.id)));
    if let Some(connection) = seen.connection {
        lines.push(format!("connection {}, portal {}", connection.id, connection.portal_id));
    }
    if let Some((event, outcome, cause)) = &seen.lead {
        let cause = cause.map(|cause| format!(", {cause}")).unwrap_or_default();
        lines.push(format!("lead {event}, {}{cause}", outcome.word()));
    }
    let mut issues: Vec<_> = seen.issues.iter().map(|code| code.as_str()).collect();
    issues.dedup();
    if !issues.is_empty() {
        lines.push(format!("issues {}", issues.join(", ")));
    }
    lines.join("\n")
}
