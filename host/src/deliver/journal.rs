//! The calls of one round: each is stored before it is sent, and its answer with the next one.

use anyhow::Context as _;
use serde_json::json;

use super::Clock;
use crate::cause::Code;
use crate::hubspot::{HubSpot, Meaning, Portal, Reply, Request};
use crate::model::id::CallId;
use crate::model::lane::{Lease, Settled};
use crate::store::{AnsweredCall, NewCall, Store};

/// A round that needs more calls than this stops and goes on later: other lanes have waited.
const CALLS_MAX: usize = 40;

pub(super) struct Journal<'a> {
    store: &'a Store,
    hubspot: &'a HubSpot,
    pub(super) portal: &'a Portal,
    lease: Lease,
    clock: &'a Clock,
    calls: Vec<CallId>,
    last_answer: Option<AnsweredCall>,
    /// Nothing more is called in this round: the lane was taken over, HubSpot asked it to rest, or does not answer.
    stopped: bool,
    /// Whether a call was left out for that.
    pub(super) cut: bool,
}

impl<'a> Journal<'a> {
    pub(super) fn new(
        store: &'a Store,
        hubspot: &'a HubSpot,
        portal: &'a Portal,
        lease: Lease,
        clock: &'a Clock,
    ) -> Self {
        Self { store, hubspot, portal, lease, clock, calls: Vec::new(), last_answer: None, stopped: false, cut: false }
    }

    /// Makes one call for these items. None: the round has to stop here, and what is left goes on in a later one.
    pub(super) async fn call(&mut self, request: &Request, items: &[String]) -> anyhow::Result<Option<Reply>> {
        if self.stopped || self.calls.len() >= CALLS_MAX {
            self.cut = true;
            return Ok(None);
        }
        let now = (self.clock)();
        let new = NewCall {
            id: CallId::new(now),
            operation: request.operation,
            request: json!({ "method": request.method.as_str(), "path": request.path, "body": request.body }),
            items,
        };
        let answered = self.last_answer.take();
        match self.store.next_call(&mut self.lease, answered, &new, now).await.context("cannot store a call")? {
            Settled::Done => {}
            Settled::LeaseLost => {
                self.stopped = true;
                return Ok(None);
            }
        }
        let reply = self.hubspot.send(self.portal, request).await;
        let status = reply.status().map_or_else(|| "none".to_owned(), |status| status.to_string());
        metrics::counter!("leadline_hubspot_calls_total", "operation" => request.operation, "status" => status)
            .increment(1);
        self.last_answer = Some(AnsweredCall {
            id: new.id.clone(),
            status: reply.status(),
            answer: reply.kept(),
            correlation_id: reply.correlation_id().map(str::to_owned),
        });
        self.calls.push(new.id);
        self.stopped = reply.success().is_none() && ends_round(&reply.meaning());
        Ok(Some(reply))
    }

    /// The lease, the calls that were made, and the answer that is not stored yet.
    pub(super) fn close(self) -> (Lease, Vec<CallId>, Option<AnsweredCall>) {
        (self.lease, self.calls, self.last_answer)
    }
}

/// Whether another call of this round would fare no better: HubSpot rests, or does not answer.
fn ends_round(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Pause { .. } => true,
        Meaning::Temporary { problem, .. } => problem.code != Code::HubspotLocked,
        Meaning::Blocked(problem) => problem.code == Code::AuthRevoked,
        Meaning::Refused(_) | Meaning::Properties(_) | Meaning::Unclear(_) => false,
    }
}
