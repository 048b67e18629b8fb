//! What a command changed, for the history: who at the terminal did what, beside what is done over HTTP. Actions have the
//! names that the API gives them.

use serde_json::{Value, json};

use super::{UNKNOWN, who};
use crate::model::id::{AccountId, AuditId, EventId};
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

impl Deed {
    /// Done to something that leads to its account itself.
    pub(super) fn to(action: &'static str, subject: &str) -> Option<Self> {
        Some(Self { action, subject: subject.to_owned(), about: Some(subject.to_owned()) })
    }

    /// Done to something of an account, or of the service where none is named.
    pub(super) fn of(action: &'static str, subject: &str, account: Option<&str>) -> Option<Self> {
        Some(Self { action, subject: subject.to_owned(), about: account.map(str::to_owned) })
    }

    /// Notes that it is done.
    pub(super) async fn note(self, store: &Store, now: Timestamp) -> Result<()> {
        let account_id = match &self.about {
            Some(word) => account_of(store, word).await?,
            None => None,
        };
        let entry = AuditEntry {
            id: AuditId::new(now),
            account_id,
            at: now,
            actor: format!("{} at the terminal", if who() == UNKNOWN { "somebody".to_owned() } else { who() }),
            action: self.action.to_owned(),
            subject: self.subject,
            detail: detail(),
        };
        store.note_action(&entry).await
    }
}

/// Whence, so that nobody takes it for a person of the same name in the dashboard.
fn detail() -> Value {
    json!({ "by": "command line" })
}

/// The account that a word leads to; none where what it named is gone by now.
async fn account_of(store: &Store, word: &str) -> Result<Option<AccountId>> {
    let account = match word.split_once('_').map(|(prefix, _)| prefix) {
        Some("con") => store.connection(word).await?.map(|connection| connection.account_id),
        Some("evt") => match word.parse::<EventId>() {
            Ok(id) => store.find_event(&id).await?.map(|event| event.account_id),
            Err(_) => None,
        },
        Some("alr") => store.alert_rule(word).await?.map(|rule| rule.account_id),
        Some("era") => store.erasure(word).await?.map(|erasure| erasure.account_id),
        Some("rpl") => store.replay(word).await?.map(|replay| replay.account_id),
        Some("src") => {
            let sources = store.sources(None).await?;
            sources.into_iter().find(|source| source.id.as_str() == word).map(|source| source.account_id)
        }
        _ => None,
    };
    match account {
        Some(account) => Ok(Some(account)),
        None => Ok(store.account(word).await?.map(|account| account.id)),
    }
}
