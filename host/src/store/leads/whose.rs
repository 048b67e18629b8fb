//! Whose a lead is, by the id that its sender gave it, where nobody said of which account.

use super::super::{Result, Store, query, sql};
use super::LeadRow;
use super::search::{ACCOUNT_HOURS_STEP, hours_of_all, words_of};
use crate::hours::begin;
use crate::model::id::{AccountId, EventId};
use crate::payload::{self, Envelope};
use crate::words::id_word;

/// Hours that are looked into, those of all accounts together. Each is on a page of its own in a large database: a fraction
/// of a second where they are in memory, some seconds from a disk. It reaches a month back with seventy accounts, and less
/// far with more.
const ACCOUNT_HOURS_MAX: i64 = 50_000;
/// Leads with the word that are looked at in each step: mostly there is one.
const LOOKED_AT: i64 = 20;

impl Store {
    /// The account of the newest lead that its sender knows by this id, as long as bodies are kept. Every word begins with
    /// its account and its hour, so each of these is asked, the newest hours first.
    pub async fn account_of_lead(&self, id: &str) -> Result<Option<AccountId>> {
        if !may_be_an_id(id) {
            return Ok(None);
        }
        let accounts: Vec<String> = query(sql!("SELECT id FROM accounts")).fetch_all(&self.db).await?;
        let hours = self.db.read(|conn| Box::pin(async move { hours_of_all(conn).await })).await?;
        let (Some(oldest), Some(newest)) = hours else { return Ok(None) };
        let each = |hours: i64| (hours / i64::try_from(accounts.len()).unwrap_or(i64::MAX).max(1)).max(1);
        let oldest = oldest.max(newest + 1 - each(ACCOUNT_HOURS_MAX));
        let word = id_word(id);
        let mut to = newest;
        while to >= oldest {
            let from = oldest.max(to + 1 - each(ACCOUNT_HOURS_STEP));
            let found = words_of(&accounts, (from, to), (&word, &word), "DESC");
            let found = found.bind(EventId::earliest(begin(from)).as_str());
            let found = found.bind(EventId::earliest(begin(to + 1)).as_str()).bind(LOOKED_AT);
            for (event, account, _) in found.fetch_all::<(String, String, String)>(&self.db).await? {
                let account = AccountId::stored(account);
                let leads = self.leads_of(&account, &[EventId::stored(event)]).await?;
                if leads.iter().any(|lead| is_known_by(lead, id)) {
                    return Ok(Some(account));
                }
            }
            to = from - 1;
        }
        Ok(None)
    }
}

/// Names and addresses are words of leads as well. Nobody is looked up by these here, and whoever looks for an account by
/// its name waits for nothing.
fn may_be_an_id(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit()) && !text.contains('@') && !text.contains(char::is_whitespace)
}

/// Whether it is the id of the lead, and not a word that reads alike.
fn is_known_by(lead: &LeadRow, id: &str) -> bool {
    let envelope = lead.body.as_deref().and_then(|body| Envelope::read(body.as_bytes()).ok());
    let own = envelope.and_then(|envelope| payload::lead_id(envelope.into_event(&lead.event.sender_id).payload));
    own.is_some_and(|own| own.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address_are_no_ids() {
        for (text, expected) in [
            ("lead_7", true),
            ("36f8b0d4-11aa", true),
            ("4711", true),
            ("Maya", false),
            ("ocean honda 2", false),
            ("maya1@example.com", false),
            ("", false),
        ] {
            assert_eq!(may_be_an_id(text), expected, "{text}");
        }
    }
}
