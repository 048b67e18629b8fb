//! What a shopper asks for: an erasure, a durable job that becomes its own certificate, and a suppression.

use serde::{Deserialize, Serialize};

use super::id::{AccountId, ConnectionId, ErasureId, EventId, SuppressionId};
use super::portal::{COMPANY, CONTACT, DEAL, NOTE};
use super::time::Timestamp;

/// What kind of name a person is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SubjectKind)]
pub enum Kind {
    Email,
    Phone,
}

/// How far an erasure has come. Every phase may be done again from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The person is suppressed; rounds that began before are still to be stopped.
    Begun,
    /// Leads are looked through, the oldest first.
    Leads,
    /// What else may hold the person: refused requests, kept answers, samples, issues.
    Rest,
    /// HubSpot is asked to delete what we wrote.
    Hubspot,
    Done,
}

/// A person, by the account's hash of an address or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hashed {
    pub kind: Kind,
    pub hash: String,
}

/// How much was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = ErasureTally)]
pub struct Tally {
    /// Leads of which nothing is left but that there was one.
    pub leads: u64,
    /// Of these, those that still waited: they are not sent any more.
    pub stopped: u64,
    pub bodies: u64,
    pub plans: u64,
    pub runs: u64,
    pub logs: u64,
    pub attempts: u64,
    /// Calls to HubSpot whose request and answer were blanked. One call may have served other leads as well.
    pub calls: u64,
    /// Requests that were refused at the door.
    pub refused_requests: u64,
    /// Answers that were kept for a repeat of their request.
    pub kept_answers: u64,
    /// Samples of the account's own transformations.
    pub samples: u64,
    /// Sentences of open issues and of the history.
    pub sentences: u64,
}

impl Tally {
    /// Each figure with what it counts.
    pub fn lines(&self) -> [(u64, &'static str); 12] {
        [
            (self.leads, "leads, of which is left that there was one, and what became of it"),
            (self.stopped, "of these still waited, and are not sent any more"),
            (self.bodies, "events as they came"),
            (self.plans, "plans: what was to be written"),
            (self.runs, "runs that led to no plan"),
            (self.logs, "logs of runs"),
            (self.attempts, "attempts that did not go through"),
            (self.calls, "calls to HubSpot, in which the person was blanked"),
            (self.refused_requests, "requests that were refused at the door"),
            (self.kept_answers, "answers that were kept for a repeat"),
            (self.samples, "samples of transformations"),
            (self.sentences, "sentences of issues and of the history"),
        ]
    }
}

/// What HubSpot said of a record that we wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtHubspot {
    /// It is to be asked.
    Waiting,
    /// It deleted the contact, and what belongs to it, for good.
    Deleted,
    /// The contact was not there any more.
    Absent,
    /// It did not delete it; the words say why.
    Refused,
    /// It was not asked: nobody wanted that, or it is no contact, and only those have a privacy delete.
    Left,
}

/// A record in HubSpot that a lead of the person wrote or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ErasedRecord)]
pub struct WrittenRecord {
    pub connection_id: ConnectionId,
    /// Such as `0-1` for contacts; none where the plan is no longer kept that would tell.
    pub object_type: Option<String>,
    pub id: String,
    pub state: AtHubspot,
    /// When HubSpot said so.
    pub at: Option<Timestamp>,
    /// HubSpot's status and words, where it did not do it.
    pub answer: Option<String>,
}

/// One person's data that is removed. When it is done it is the certificate of that.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Erasure {
    pub id: ErasureId,
    pub account_id: AccountId,
    pub phase: Phase,
    /// The person, by hashes that nobody can compute without the account's key: no address, no number.
    pub subject: Vec<Hashed>,
    pub reason: String,
    pub made_by: String,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Whether HubSpot is asked for a privacy delete.
    pub at_hubspot: bool,
    pub removed: Tally,
    pub records: Vec<WrittenRecord>,
    /// The last event that it has looked at.
    #[serde(skip)]
    pub looked_at: EventId,
    /// Events up to this one are looked at.
    #[serde(skip)]
    pub last: EventId,
    #[serde(skip)]
    pub tries: u32,
    #[serde(skip)]
    pub next_at: Timestamp,
}

impl WrittenRecord {
    /// What it is, and its id, as people say it.
    pub fn name(&self) -> String {
        let kind = match self.object_type.as_deref() {
            Some(CONTACT) => "contact",
            Some(DEAL) => "deal",
            Some(NOTE) => "note",
            Some(COMPANY) => "company",
            Some(_) | None => "record",
        };
        format!("{kind} {}", self.id)
    }
}

impl Erasure {
    /// Whether everything is done that was asked for.
    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Done && !self.is_short()
    }

    /// Whether HubSpot was asked for something and has not done it.
    pub fn is_short(&self) -> bool {
        self.records.iter().any(|record| record.state == AtHubspot::Refused)
    }
}

/// Somebody whom no lead may be about any more.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Suppression {
    pub id: SuppressionId,
    pub account_id: AccountId,
    #[serde(flatten)]
    pub hashed: Hashed,
    pub reason: String,
    pub made_by: String,
    pub made_at: Timestamp,
    /// The erasure that it came with.
    pub erasure_id: Option<ErasureId>,
    pub lifted: Option<Lifted>,
}

/// Who lifted a suppression, and why.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Lifted {
    pub by: String,
    pub reason: String,
    pub at: Timestamp,
}
