//! The calls that came in lately, kept in a ring for inspection.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One call, with its answer. Tokens are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Counts from 1 over all portals.
    pub number: u64,
    pub at: i64,
    pub portal: Option<i64>,
    pub method: String,
    /// With the query.
    pub path: String,
    pub body: String,
    /// 0 when the connection ended without an answer.
    pub status: u16,
    pub answer: String,
    pub correlation_id: String,
    /// The call reached the portal, so it may have changed something.
    pub applied: bool,
    /// A fault decided what its sender got.
    pub faulted: bool,
}

/// A call as the ring keeps it: bodies are shared with the connection, not copied.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) portal: Option<i64>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) status: u16,
    pub(crate) answer: Bytes,
    pub(crate) correlation_id: String,
    pub(crate) applied: bool,
    pub(crate) faulted: bool,
}

#[derive(Debug)]
pub(crate) struct CallLog {
    kept: usize,
    ring: VecDeque<Logged>,
    /// Also those that are not kept.
    pub(crate) total: u64,
}

impl CallLog {
    pub(crate) fn new(kept: usize) -> Self {
        Self { kept, ring: VecDeque::new(), total: 0 }
    }

    pub(crate) fn add(&mut self, call: Logged) {
        self.total += 1;
        if self.kept == 0 {
            return;
        }
        if self.ring.len() == self.kept {
            self.ring.pop_front();
        }
        self.ring.push_back(call);
    }

    /// Puts saved calls in the place of those that are here.
    pub(crate) fn replace(&mut self, calls: Vec<Call>, total: u64) {
        self.ring.clear();
        let skipped = calls.len().saturating_sub(self.kept);
        self.ring.extend(calls.into_iter().skip(skipped).map(Logged::from));
        self.total = total;
    }

    /// Those after this number, oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<Call> {
        self.ring.iter().filter(|call| call.number > number).map(Logged::view).collect()
    }
}

impl From<Call> for Logged {
    fn from(call: Call) -> Self {
        Self {
            number: call.number,
            at: call.at,
            portal: call.portal,
            method: call.method,
            path: call.path,
            body: call.body.into(),
            status: call.status,
            answer: call.answer.into(),
            correlation_id: call.correlation_id,
            applied: call.applied,
            faulted: call.faulted,
        }
    }
}

impl Logged {
    fn view(&self) -> Call {
        Call {
            number: self.number,
            at: self.at,
            portal: self.portal,
            method: self.method.clone(),
            path: self.path.clone(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            status: self.status,
            answer: String::from_utf8_lossy(&self.answer).into_owned(),
            correlation_id: self.correlation_id.clone(),
            applied: self.applied,
            faulted: self.faulted,
        }
    }
}
