//! How a connection stands beside its state: what is left to send before it ends, when something went through last, and
//! which leads came while nobody was connected. One view for page, API and command line.

use serde::Serialize;

use crate::cause::Code;
use crate::model::account::{Account, Connection, ConnectionState};
use crate::model::id::AccountId;
use crate::model::replay::Standing as LeadStanding;
use crate::model::time::Timestamp;
use crate::model::word;
use crate::store::{self, Store};

/// Why leads were skipped for want of a connection. Nobody chose that.
pub const UNCONNECTED: [Code; 2] = [Code::ConnectionDisconnected, Code::AccountNotConnected];

/// When leads came that have one of these causes, as the end of a sentence.
pub fn when(cause: Code) -> &'static str {
    match cause {
        Code::AccountNotConnected => "before HubSpot was connected",
        _ => "while HubSpot was disconnected",
    }
}

/// A connection, and what is known of it beside its state.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ConnectionStanding)]
pub struct Standing {
    #[serde(flatten)]
    pub connection: Connection,
    /// Leads that are sent before it ends; none where it does not end, or not in this way.
    pub left_to_send: Option<i64>,
    /// When a lead went through last, of the newest ones.
    pub last_delivered_at: Option<Timestamp>,
    /// Leads that came while the account was not connected.
    pub unsent: Vec<Unsent>,
}

/// Leads that came while an account was not connected, and whose bodies are still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = UnsentLeads)]
pub struct Unsent {
    pub cause: Code,
    pub leads: i64,
    /// There may be more than these.
    pub is_more: bool,
}

impl Unsent {
    /// The filter of a replay that sends them, as addresses have it.
    pub fn query(&self) -> String {
        format!("state={}&cause={}", word(&LeadStanding::Skipped), self.cause)
    }

    /// How many, and why, for people.
    pub fn words(&self) -> String {
        let more = if self.is_more { "more than " } else { "" };
        let leads = if self.leads == 1 && !self.is_more { "lead" } else { "leads" };
        format!("{more}{} {leads} came {}", self.leads, when(self.cause))
    }

    /// The command that says what sending them would come to.
    pub fn command(&self, account: &Account) -> String {
        format!("leadline replay create --account {} --state skipped --cause {} --dry-run", account.slug, self.cause)
    }
}

/// Finds out how a connection stands.
///
/// # Errors
/// The store's.
pub async fn standing(store: &Store, connection: &Connection) -> store::Result<Standing> {
    let is_live = connection.state != ConnectionState::Disconnected;
    let left_to_send = match connection.sends_last_since().filter(|_| is_live) {
        Some(_) => Some(store.left_to_send(connection).await?),
        None => None,
    };
    Ok(Standing {
        left_to_send,
        last_delivered_at: store.last_delivered_at(connection).await?,
        unsent: if is_live { unsent(store, &connection.account_id).await? } else { Vec::new() },
        connection: connection.clone(),
    })
}

/// The leads of an account that came while it was not connected.
///
/// # Errors
/// The store's.
pub async fn unsent(store: &Store, account: &AccountId) -> store::Result<Vec<Unsent>> {
    let mut all = Vec::new();
    for cause in UNCONNECTED {
        let (leads, is_more) = store.skipped_for(account, cause).await?;
        if leads > 0 {
            all.push(Unsent { cause, leads, is_more });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_that_came_in_vain_are_told_in_a_sentence() {
        for (cause, leads, is_more, words) in [
            (Code::ConnectionDisconnected, 1, false, "1 lead came while HubSpot was disconnected"),
            (Code::AccountNotConnected, 12, false, "12 leads came before HubSpot was connected"),
            (Code::ConnectionDisconnected, 1000, true, "more than 1000 leads came while HubSpot was disconnected"),
        ] {
            let unsent = Unsent { cause, leads, is_more };
            assert_eq!(unsent.words(), words);
            assert_eq!(unsent.query(), format!("state=skipped&cause={cause}"));
        }
    }
}
