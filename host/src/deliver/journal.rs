//! The calls of one round: each is stored before it is sent, and its answer with the next one. Keeps to the portal's
//! rate budget, and gets another token when HubSpot no longer takes the one it has.

use std::sync::Arc;
use std::time::Duration;

use super::Clock;
use crate::budget::Budget;
use crate::cause::{Code, Problem};
use crate::connection::access::{self, Access};
use crate::crash::{self, Broken, crash_point};
use crate::hubspot::{BadProperty, HubSpot, Meaning, Portal, Reply, Request};
use crate::lane;
use crate::model::account::Connection;
use crate::model::id::CallId;
use crate::model::lane::{Lease, Settled};
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;
use crate::store::{AnsweredCall, CachedSchema, NewCall, Store};
use anyhow::Context as _;

/// A round that needs more calls than this stops and goes on later: other lanes have waited.
const CALLS_MAX: usize = 40;
/// What is known of a portal is believed for so long, when it costs a lead something.
const DOUBT: Duration = Duration::from_secs(60);
/// A property that is younger than this may not take values yet.
const YOUNG: Duration = Duration::from_secs(3);
/// How long a lane rests when HubSpot refuses a token that it has just given.
const FRESH_TOKEN_REFUSED: Duration = Duration::from_secs(60);

pub(super) struct Journal<'a> {
    store: &'a Store,
    hubspot: &'a HubSpot,
    pub(super) connection: &'a Connection,
    pub(super) portal: Portal,
    lease: Lease,
    pub(super) clock: &'a Clock,
    pub(super) budget: Budget,
    calls: Vec<CallId>,
    last_answer: Option<AnsweredCall>,
    /// Nothing more is called in this round: the lane was taken over, HubSpot asked it to rest, or does not answer.
    stopped: bool,
    /// Whether a call was left out for that.
    pub(super) cut: bool,
    /// The portal's limit was used up before the round was done.
    spent: bool,
    /// Why the latest call was not served, where HubSpot gave no answer or had a problem of its own.
    unserved: Option<Problem>,
    /// The token was renewed in this round already.
    renewed: bool,
    /// Why the portal can no longer be talked to.
    lost: Option<Access>,
    /// What is known of the portal, where it was read.
    pub(super) schema: Option<Arc<PortalSchema>>,
    schema_read_at: Timestamp,
    /// HubSpot's answers contradict what is known of the portal.
    pub(super) contradicted: bool,
}

/// What a round leaves when its calls are made.
pub(super) struct Closed {
    pub(super) lease: Lease,
    pub(super) budget: Budget,
    pub(super) calls: Vec<CallId>,
    /// The answer that is not stored yet.
    pub(super) last_answer: Option<AnsweredCall>,
    pub(super) cut: bool,
    /// The portal's limit was used up before the round was done.
    pub(super) spent: bool,
    /// Why the last call was not served, where HubSpot gave no answer or had a problem of its own.
    pub(super) unserved: Option<Problem>,
    pub(super) lost: Option<Access>,
    /// HubSpot's answers contradict what is known of the portal.
    pub(super) contradicted: bool,
}

impl Closed {
    /// Of a round that may not talk to the portal.
    pub(super) fn untouched(lease: Lease, budget: Budget, lost: Access) -> Self {
        let lost = Some(lost);
        Self {
            lease,
            budget,
            calls: Vec::new(),
            last_answer: None,
            cut: false,
            spent: false,
            unserved: None,
            lost,
            contradicted: false,
        }
    }
}

impl<'a> Journal<'a> {
    pub(super) fn new(
        (store, hubspot, clock): (&'a Store, &'a HubSpot, &'a Clock),
        connection: &'a Connection,
        portal: Portal,
        (lease, budget): (Lease, Budget),
        schema: Option<CachedSchema>,
    ) -> Self {
        Self {
            store,
            hubspot,
            connection,
            portal,
            lease,
            clock,
            budget,
            calls: Vec::new(),
            last_answer: None,
            stopped: false,
            cut: false,
            spent: false,
            unserved: None,
            renewed: false,
            lost: None,
            schema_read_at: schema.as_ref().map_or(Timestamp(0), |schema| schema.read_at),
            schema: schema.map(|cached| cached.schema),
            contradicted: false,
        }
    }

    /// The portal is known to refuse something. What is known may be old: it is read again, though not each time.
    pub(super) fn doubt_schema(&mut self) {
        self.contradicted |= (self.clock)().since(self.schema_read_at) >= DOUBT;
    }

    /// The portal's lifecycle stages in their order; none where nobody knows them.
    pub(super) fn lifecycle(&self) -> Vec<String> {
        if !self.connection.policy.lifecycle_guard {
            return vec![String::new()]; // no stage is in this list, so none is before another
        }
        let stages = self.schema.as_ref().map(|schema| schema.lifecycle_order());
        stages.map_or_else(Vec::new, |stages| stages.into_iter().map(str::to_owned).collect())
    }

    /// Whether HubSpot denies a property that it has just shown us: one that was created a moment ago.
    pub(super) fn has_just_seen(&self, object_type: &str, bad: &BadProperty) -> bool {
        let seen = self.schema.as_ref().and_then(|schema| schema.objects.get(object_type)?.get(&bad.name));
        bad.code == Code::PropertyMissing
            && seen.is_some_and(|known| !known.archived)
            && (self.clock)().since(self.schema_read_at) < YOUNG
    }

    /// Makes one call for these items. None: the round has to stop here, and what is left goes on in a later one.
    pub(super) async fn call(&mut self, request: &Request, items: &[String]) -> anyhow::Result<Option<Reply>> {
        let Some(reply) = self.send(request, items).await? else { return Ok(None) };
        if reply.status() != Some(401) {
            return Ok(Some(reply));
        }
        if !self.renewed {
            self.renewed = true;
            let now = (self.clock)();
            match access::renew(self.store, self.hubspot, &self.lease, self.connection, now).await? {
                Access::Open(portal) => {
                    self.portal = portal;
                    self.stopped = false;
                    match self.send(request, items).await? {
                        Some(reply) if reply.status() == Some(401) => {}
                        reply => return Ok(reply),
                    }
                }
                lost => self.lost = Some(lost),
            }
        }
        let refused = || Problem::new(Code::HubspotServerError, "HubSpot refuses a token that it has just given");
        self.lost.get_or_insert_with(|| Access::Rest { problem: refused(), pause: FRESH_TOKEN_REFUSED });
        (self.stopped, self.cut) = (true, true);
        Ok(None)
    }

    async fn send(&mut self, request: &Request, items: &[String]) -> anyhow::Result<Option<Reply>> {
        let now = (self.clock)();
        if self.stopped || self.calls.len() >= CALLS_MAX {
            self.cut = true;
            return Ok(None);
        }
        if self.budget.room(now) == 0 {
            (self.cut, self.spent) = (true, true);
            return Ok(None);
        }
        let id = CallId::new(now);
        let new = NewCall { id: id.clone(), operation: request.operation, request: request.stored(), items };
        let answered = self.last_answer.take();
        let follows_an_answer = answered.is_some();
        match self.store_call(answered, new, now).await.context("cannot store a call")? {
            Settled::Done => {}
            Settled::LeaseLost => {
                (self.stopped, self.cut) = (true, true);
                return Ok(None);
            }
        }
        if follows_an_answer {
            crash_point!("CP14");
        }
        crash_point!("CP9");
        self.budget.spend(now);
        if !lane::may_call(self.lease.until, request.timeout(), (self.clock)()) {
            // We were frozen since the call was stored: it is settled as one that was never sent.
            self.calls.push(id);
            (self.stopped, self.cut) = (true, true);
            return Ok(None);
        }
        let sent = std::time::Instant::now();
        let reply = self.hubspot.send(&self.portal, request).await;
        metrics::histogram!("leadline_hubspot_call_seconds").record(sent.elapsed().as_secs_f64());
        crash_point!("CP12");
        if let Some(rate) = reply.rate() {
            self.budget.hear(rate.max, rate.remaining, (self.clock)());
        }
        let status = reply.status().map_or_else(|| "none".to_owned(), |status| status.to_string());
        metrics::counter!("leadline_hubspot_calls_total", "operation" => request.operation, "status" => status)
            .increment(1);
        self.last_answer = Some(AnsweredCall {
            id: id.clone(),
            status: reply.status(),
            answer: reply.kept(),
            correlation_id: reply.correlation_id().map(str::to_owned),
        });
        self.calls.push(id);
        let meaning = reply.success().is_none().then(|| reply.meaning());
        self.stopped = meaning.as_ref().is_some_and(ends_round);
        self.unserved = meaning.as_ref().and_then(unserved).cloned();
        Ok(Some(reply))
    }

    async fn store_call(
        &mut self,
        answered: Option<AnsweredCall>,
        new: NewCall<'_>,
        now: Timestamp,
    ) -> anyhow::Result<Settled> {
        if crash::is_broken(Broken::NoIntent) {
            return Ok(Settled::Done);
        }
        Ok(self.store.next_call(&mut self.lease, answered, new, now).await?)
    }

    pub(super) fn close(self) -> Closed {
        let Self { lease, budget, calls, last_answer, cut, spent, unserved, lost, contradicted, .. } = self;
        Closed { lease, budget, calls, last_answer, cut, spent, unserved, lost, contradicted }
    }
}

/// Whether another call of this round would fare no better: HubSpot rests, or does not answer.
fn ends_round(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Pause { .. } => true,
        Meaning::Temporary { .. } => unserved(meaning).is_some(),
        Meaning::Blocked(problem) => problem.code == Code::AuthRevoked,
        Meaning::Refused(_)
        | Meaning::Properties(_)
        | Meaning::Conflict { .. }
        | Meaning::Duplicates { .. }
        | Meaning::Gone(_)
        | Meaning::Unclear(_) => false,
    }
}

/// Why HubSpot serves nobody, if that is what an answer means. A record that is locked is one record's trouble.
fn unserved(meaning: &Meaning) -> Option<&Problem> {
    match meaning {
        Meaning::Temporary { problem, .. } if problem.code != Code::HubspotLocked => Some(problem),
        _ => None,
    }
}
