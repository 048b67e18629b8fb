//! A job that fills in what leads went without, and how far it came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{AccountId, ConnectionId};
use super::time::Timestamp;
use crate::cause::Code;

/// One job. A connection has one at a time, and keeps the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fill {
    pub account_id: AccountId,
    pub connection_id: ConnectionId,
    pub state: FillState,
    /// When the next page is due.
    #[serde(skip)]
    pub next_at: Timestamp,
    #[serde(flatten)]
    pub progress: FillProgress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FillState {
    Running,
    /// Every record was looked at.
    Done,
    /// Somebody stopped it, or the connection ended. What is filled in stays.
    Cancelled,
}

/// How far a job came. No value of a lead is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FillProgress {
    pub begun_by: String,
    pub begun_at: Timestamp,
    /// Records that lacked something when it began.
    pub total: i64,
    /// Records that it did not come to yet.
    pub left: i64,
    /// Values that were filled in, and in how many records.
    pub values: i64,
    pub records: i64,
    /// Values that were left out, by the reason.
    pub left_out: BTreeMap<String, i64>,
    /// Why it waits for a while.
    pub waits: Option<Code>,
    /// When its last page ended.
    pub seen_at: Option<Timestamp>,
    /// Records up to here were looked at.
    pub place: String,
}

impl FillProgress {
    pub fn begin(by: &str, total: i64, now: Timestamp) -> Self {
        Self {
            begun_by: by.to_owned(),
            begun_at: now,
            total,
            left: total,
            values: 0,
            records: 0,
            left_out: BTreeMap::new(),
            waits: None,
            seen_at: None,
            place: String::new(),
        }
    }
}
