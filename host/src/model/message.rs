//! A message to somebody outside: a letter, or a request to a program.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{AccountId, AlertId, MessageId};
use super::time::Timestamp;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageKind)]
pub enum Kind {
    /// Somebody wants to sign in. Whether he may is found out when it is sent.
    SignIn,
    /// Somebody was let in.
    Invitation,
    /// A rule found something.
    Alert,
    /// What a rule found is over.
    Resolved,
    /// Somebody wants to see whether messages arrive.
    Test,
    /// What came of a week's leads.
    Digest,
    /// A dealership asked the house for something.
    Wish,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Mail,
    Webhook,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    Waiting,
    Sent,
    Failed,
    /// There was nobody to send it to.
    Dropped,
}

/// A message, as it waits, or as it was sent.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Message {
    pub id: MessageId,
    /// None for what belongs to no account.
    pub account_id: Option<AccountId>,
    pub kind: Kind,
    pub way: Way,
    /// An address of mail, or of a webhook.
    pub recipient: String,
    /// The rule that it comes from.
    pub rule_id: Option<AlertId>,
    pub subject: String,
    /// What it is made of.
    #[serde(skip)]
    pub content: Value,
    pub state: MessageState,
    /// Those that began.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// After that nobody wants it any more.
    pub ends_at: Timestamp,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    pub created_at: Timestamp,
    pub done_at: Option<Timestamp>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    Sent,
    /// Another attempt may do better.
    Later(String),
    /// No attempt will.
    Never(String),
    /// There is nobody to send it to.
    Nobody(String),
}
