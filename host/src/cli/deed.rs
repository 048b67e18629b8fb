//! What a command changed, for the history: who at the terminal did what, beside what is done over HTTP. Actions have the
//! names that the API gives them.

use serde_json::{Value, json};

use super::{UNKNOWN, who};
use crate::account;
use crate::model::id::AuditId;
use crate::model::time::Timestamp;
use crate::store::{AuditEntry, Result, Store};

/// Something that a command does.
pub(super) struct Deed {
    action: &'static str,
    /// What it is done to.
    subject: String,
    /// A word that leads to the account: a slug, or the id of something of it. None where it is about the service.
    about: Option<String>,
}

/// What only operators do, as the actions begin: it is done in read-only mode too, and ends it.
const OF_OPERATORS: [&str; 4] = ["backup.", "keys.", "processes.", "read-only."];

impl Deed {
    /// Whether only operators do such a thing.
    pub(super) fn is_of_operators(&self) -> bool {
        OF_OPERATORS.iter().any(|begin| self.action.starts_with(begin))
    }

    /// Done to something that leads to its account itself.
    pub(super) fn to(action: &'static str, subject: &str) -> Option<Self> {
        Some(Self { action, subject: subject.to_owned(), about: Some(subject.to_owned()) })
    }

    /// Done to something of an account, or of the service where none is named.
    pub(super) fn of(action: &'static str, subject: &str, account: Option<&str>) -> Option<Self> {
        Some(Self { action, subject: subject.to_owned(), about: account.map(str::to_owned) })
    }

    /// Notes that it is done: by whose key was shown, else by the user at the keyboard.
    pub(super) async fn note(
        self,
        store: &Store,
        signer: Option<String>,
        change: Option<[Value; 2]>,
        now: Timestamp,
    ) -> Result<()> {
        let account_id = match &self.about {
            Some(word) => account::behind(store, word).await?,
            None => None,
        };
        let entry = AuditEntry {
            id: AuditId::new(now),
            account_id,
            at: now,
            actor: signer.unwrap_or_else(at_the_terminal),
            action: self.action.to_owned(),
            subject: self.subject,
            detail: detail(change),
        };
        store.note_action(&entry).await
    }
}

/// Who is at the keyboard, as far as the operating system says.
fn at_the_terminal() -> String {
    format!("{} at the terminal", if who() == UNKNOWN { "somebody".to_owned() } else { who() })
}

/// Whence, so that nobody takes it for a person of the same name in the dashboard; and what was set, before and after.
fn detail(change: Option<[Value; 2]>) -> Value {
    match change {
        Some([before, after]) => json!({ "by": "command line", "before": before, "after": after }),
        None => json!({ "by": "command line" }),
    }
}
