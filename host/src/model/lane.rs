//! A lane: the queue of one account's plans, or of one connection's deliveries. Whoever holds its lease works on it.

use serde::{Deserialize, Serialize};

use super::id::AccountId;
use super::time::Timestamp;
use crate::budget::Learned;

/// What is done in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LaneKind {
    /// Received events of one account. The lane's id is the account's.
    Plan,
    /// Deliveries of one connection. The lane's id is the connection's.
    Deliver,
}

impl LaneKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Deliver => "deliver",
        }
    }
}

/// What somebody lets stand still until it is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// Every lane there is.
    All,
    /// Planning and delivering of one account.
    Account(AccountId),
    /// One lane of an account.
    Lane(AccountId, String),
}

impl utoipa::PartialSchema for PauseScope {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let pair = ArrayBuilder::new().items(text()).min_items(Some(2)).max_items(Some(2));
        let account = ObjectBuilder::new().property("account", text()).required("account");
        let lane = ObjectBuilder::new().property("lane", pair.description(Some("Account and lane."))).required("lane");
        OneOfBuilder::new().item(text().enum_values(Some(["all"]))).item(account).item(lane).into()
    }
}

impl utoipa::ToSchema for PauseScope {}

impl std::fmt::Display for PauseScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Account(account) => write!(f, "account {account}"),
            Self::Lane(_, lane) => write!(f, "lane {lane}"),
        }
    }
}

/// The right to work on a lane until a time. Everything that is settled names the epoch, so that a late worker
/// changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub account_id: AccountId,
    pub lane_id: String,
    pub owner: String,
    pub epoch: i64,
    pub until: Timestamp,
    /// Until when it was given at first. The lane is due then, unless somebody wakes it before.
    pub leased_until: Timestamp,
    /// Transactions with a smaller number may have found the lane due before it was leased, and commit their work later.
    /// 0 where there is one writer.
    pub horizon: i64,
    /// What earlier holders learned of the portal's limit.
    pub learned: Learned,
}

/// What a guarded write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// Another worker holds the lane by now; nothing was changed.
    LeaseLost,
}

/// What one round of a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Worked,
    Idle,
}
