//! What shoppers ask for: to know what is kept of them, to have it, to be forgotten, and not to be written again. An erasure
//! is a durable job in small pages, each of which may be done again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::connection::session::{self, NoSession};
use crate::deliver::Clock;
use crate::hubspot::{HubSpot, Meaning, erase_contact};
use crate::model::account::Account;
use crate::model::delivery::Delivery;
use crate::model::erasure::{AtHubspot, Erasure, Hashed, Phase, Suppression, Tally, WrittenRecord};
use crate::model::event::Event;
use crate::model::id::{AccountId, ErasureId, EventId};
use crate::model::lane::Step;
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::plan::Plan;
use crate::store::{self, Elsewhere, Erased, ShownEvent, Store, StoreError};
use crate::subject::{Identity, NoSubject, Subject};

/// An event's id is made a moment before the event is stored, on a clock that may be a little ahead. What comes in between
/// is suppressed in any case.
const COMMIT_LAG: Duration = Duration::from_secs(60);
/// How often HubSpot is asked for one record, while it cannot say: with the waits in between that is most of a day.
const TRIES_MAX: u32 = 16;
/// Between two of these, at first and at most.
const TRY_AGAIN_MIN: Duration = Duration::from_secs(30);
const TRY_AGAIN_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// Of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Who takes lanes from rounds that began before somebody was suppressed.
const OWNER: &str = "erasure";

/// What is outside of the service's reach, said wherever something was erased or exported.
pub const NOT_COVERED: [&str; 3] = [
    "Backups of the database: they hold what they held, until they are thrown away.",
    "What HubSpot has of the person, but for the contacts for which it was asked for a privacy delete.",
    "The sender of the leads, and whatever else it told about them.",
];

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    #[error(transparent)]
    NoSubject(#[from] NoSubject),
    #[error("what was typed to confirm is not the address or the number of the person")]
    NotConfirmed,
    #[error("no reason is given")]
    NoReason,
    #[error("the reason names the person, and a reason is kept")]
    TellingReason,
    #[error("a reason has {REASON_CHARS_MAX} characters at most")]
    LongReason,
    #[error("suppression `{0}` was lifted before")]
    Lifted(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PrivacyError {
    /// What to do about it; none where it is our own failure.
    pub fn fix(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoSubject(NoSubject::TooMany) => "Ask for fewer at once.",
            Self::NoSubject(_) => "Name the whole e-mail address, or the phone number with its area code.",
            Self::NotConfirmed => "Type the address or the number once more, as the confirmation.",
            Self::NoReason => "Say why, such as the number of the request.",
            Self::TellingReason => "Say why without an address or a number.",
            Self::LongReason => "Say it more shortly.",
            Self::Lifted(_) => "Look at the list; a new suppression can be made.",
            Self::Store(_) => return None,
        })
    }
}

/// How far one search goes.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Leads that are shown: each takes a few reads, and nobody reads more at once.
    pub found: usize,
    /// Leads that are looked through: some seconds.
    pub looked: usize,
}

impl Caps {
    pub const USUAL: Self = Self { found: 200, looked: 200_000 };
    /// Everything is found.
    const NONE: Self = Self { found: usize::MAX, looked: usize::MAX };
}

/// Where a search ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SearchCut)]
pub struct Cut {
    /// There may be more than these.
    pub more_than: u64,
    /// Leads that came up to then were looked through.
    pub looked_until: Timestamp,
    /// The last of them: behind it the search goes on.
    pub after: EventId,
}

impl Cut {
    /// What that means, and what to do.
    pub fn text(&self) -> String {
        format!(
            "There may be more than {}: only leads up to {}, {}, were looked through. Search on behind that one, or name the person more exactly. An erasure and an export find all of them.",
            self.more_than, self.looked_until, self.after
        )
    }
}

/// What is kept of a person in one account, and where it went.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Holdings {
    /// The oldest first.
    pub leads: Vec<HeldLead>,
    /// Where the search ended before it had looked through everything; none where these are all.
    pub cut: Option<Cut>,
    pub elsewhere: Elsewhere,
    /// Addresses and numbers, as they are written, that these leads name beside those that were asked for: of the same person, most likely.
    pub also_known_by: Vec<String>,
    /// Whether one of the addresses and numbers that were asked for is suppressed.
    pub is_suppressed: bool,
}

impl Holdings {
    pub fn is_nothing(&self) -> bool {
        self.leads.is_empty() && self.cut.is_none() && self.elsewhere == Elsewhere::default()
    }
}

/// A lead of the person.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct HeldLead {
    pub event_id: EventId,
    pub event_type: String,
    pub received_at: Timestamp,
    /// What became of it, as in the logs.
    pub outcome: String,
    pub name: Option<String>,
    /// Whether what it said is still kept.
    pub has_body: bool,
    pub deliveries: u64,
    pub attempts: u64,
    pub calls: u64,
    pub log_lines: u64,
    /// Where it went.
    pub records: Vec<WrittenRecord>,
}

impl HeldLead {
    /// What is kept of it, in words.
    pub fn kept(&self) -> String {
        let some = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let body = if self.has_body { "what they said" } else { "that there was one" };
        let parts = [
            Some(body.to_owned()),
            some(self.deliveries, "delivery", "deliveries"),
            some(self.attempts, "failed attempt", "failed attempts"),
            some(self.calls, "call", "calls"),
            some(self.log_lines, "log line", "log lines"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Finds what is kept of a person: leads behind one, as far as the caps let it, and all the rest.
///
/// # Errors
/// The store's.
pub async fn find(
    store: &Store,
    account: &Account,
    subject: &Subject,
    (behind, caps): (Option<EventId>, Caps),
    now: Timestamp,
) -> store::Result<Holdings> {
    let mut leads = Vec::new();
    let mut others = BTreeMap::new();
    let (events, cut) = first_events_of(store, &account.id, subject, (behind, caps), now).await?;
    for event in events {
        let Some(shown) = store.event(&event).await? else { continue };
        others.extend(named_in(&shown));
        leads.push(held(&shown));
    }
    others.retain(|other, _| subject.identities().all(|known| known != other));
    let also_known_by = others.into_values().collect();
    let elsewhere = store.elsewhere(&account.id, subject).await?;
    let theirs = suppressions_of(store, account, subject, now).await?;
    let is_suppressed = theirs.iter().any(|one| one.lifted.is_none());
    Ok(Holdings { leads, cut, elsewhere, also_known_by, is_suppressed })
}

/// Everything that is kept of a person, as one document for them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ShopperExport)]
pub struct Export {
    /// The slug.
    pub account: String,
    pub dealership: String,
    pub made_at: Timestamp,
    /// By what they were looked for.
    pub person: Vec<Identity>,
    /// The oldest first.
    pub leads: Vec<ExportedLead>,
    pub elsewhere: Elsewhere,
    pub suppressions: Vec<Suppression>,
    /// What is outside of the service's reach.
    pub not_included: Vec<String>,
}

/// A lead with all that came of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedLead {
    pub event: Event,
    /// None once retention removed it.
    pub body: Option<Value>,
    pub log: Vec<store::RunLog>,
    pub runs: Vec<store::PastRun>,
    pub deliveries: Vec<ExportedDelivery>,
}

/// One delivery of an exported lead.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedDelivery {
    pub delivery: Delivery,
    pub plan: Option<Plan>,
    pub attempts: Vec<store::Attempt>,
    pub calls: Vec<ExportedCall>,
    /// Where it went.
    pub records: Vec<WrittenRecord>,
}

/// A call, with what it sent of this person only.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedCall {
    pub operation: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub status: Option<i64>,
    /// As HubSpot was sent it.
    pub sent: Vec<Value>,
    pub correlation_id: Option<String>,
}

/// Everything that is kept of a person, as one document.
///
/// # Errors
/// The store's.
pub async fn export(store: &Store, account: &Account, subject: &Subject, now: Timestamp) -> store::Result<Export> {
    let mut leads = Vec::new();
    for event in events_of(store, &account.id, subject, now).await? {
        let Some(shown) = store.event(&event).await? else { continue };
        let runs = store.runs_of(&shown.event).await?;
        let deliveries = deliveries(&shown, subject);
        leads.push(ExportedLead { event: shown.event, body: shown.body, log: shown.logs, runs, deliveries });
    }
    let theirs = suppressions_of(store, account, subject, now).await?;
    Ok(Export {
        account: account.slug.clone(),
        dealership: account.name.clone(),
        made_at: now,
        person: subject.identities().cloned().collect(),
        leads,
        elsewhere: store.elsewhere(&account.id, subject).await?,
        suppressions: theirs,
        not_included: NOT_COVERED.map(str::to_owned).to_vec(),
    })
}

/// Deliveries with their plans, and of the calls what was sent for this person only.
fn deliveries(shown: &ShownEvent, subject: &Subject) -> Vec<ExportedDelivery> {
    let of = |of: &store::ShownDelivery| {
        let call = |call: &store::ShownCall| ExportedCall {
            operation: call.operation.clone(),
            started_at: call.started_at,
            ended_at: call.ended_at,
            status: call.status,
            sent: store::own_inputs(&call.request, &of.delivery.id, subject),
            correlation_id: call.correlation_id.clone(),
        };
        ExportedDelivery {
            records: store::written(of.delivery.connection_id.as_str(), &of.delivery.progress, of.plan.as_ref(), false),
            calls: of.calls.iter().map(call).collect(),
            delivery: of.delivery.clone(),
            plan: of.plan.clone(),
            attempts: of.attempts.clone(),
        }
    };
    shown.deliveries.iter().map(of).collect()
}

/// The first leads of a person behind one, the oldest first, and where the search ended.
async fn first_events_of(
    store: &Store,
    account: &AccountId,
    subject: &Subject,
    (behind, caps): (Option<EventId>, Caps),
    now: Timestamp,
) -> store::Result<(Vec<EventId>, Option<Cut>)> {
    let last = EventId::earliest(now + COMMIT_LAG);
    let mut after = behind.unwrap_or_else(|| EventId::earliest(Timestamp(0)));
    let (mut found, mut looked) = (Vec::new(), 0);
    loop {
        let swept = store.leads_about(account, (&after, &last), subject).await?;
        found.extend(swept.found);
        looked += swept.looked;
        let is_end = swept.is_end || swept.last.is_none();
        after = swept.last.unwrap_or(after);
        if found.len() > caps.found {
            found.truncate(caps.found);
            after = found.last().cloned().unwrap_or(after);
        } else if is_end {
            return Ok((found, None));
        } else if looked < caps.looked {
            continue;
        }
        let looked_until = store::time_of(after.as_str()).unwrap_or(now);
        let cut = Cut { more_than: found.len() as u64, looked_until, after };
        return Ok((found, Some(cut)));
    }
}

/// The events of an account that are about a person, the oldest first.
async fn events_of(
    store: &Store,
    account: &AccountId,
    subject: &Subject,
    now: Timestamp,
) -> store::Result<Vec<EventId>> {
    Ok(first_events_of(store, account, subject, (None, Caps::NONE), now).await?.0)
}

fn held(shown: &ShownEvent) -> HeldLead {
    let newest = shown.deliveries.last().map(|newest| &newest.delivery);
    let sum = |count: fn(&store::ShownDelivery) -> usize| shown.deliveries.iter().map(count).sum::<usize>() as u64;
    let records = shown.deliveries.iter().flat_map(|of| {
        store::written(of.delivery.connection_id.as_str(), &of.delivery.progress, of.plan.as_ref(), false)
    });
    let mut written: Vec<WrittenRecord> = Vec::new();
    for record in records {
        if !written.contains(&record) {
            written.push(record);
        }
    }
    HeldLead {
        event_id: shown.event.id.clone(),
        event_type: shown.event.event_type.clone(),
        received_at: shown.event.received_at,
        outcome: Outcome::of(&shown.event, newest, false).word().to_owned(),
        name: shown.body.as_ref().and_then(|body| body["data"]["name"].as_str()).map(str::to_owned),
        has_body: shown.body.is_some(),
        deliveries: shown.deliveries.len() as u64,
        attempts: sum(|of| of.attempts.len()),
        calls: sum(|of| of.calls.len()),
        log_lines: shown.logs.iter().map(|log| log.lines.len() as u64).sum(),
        records: written,
    }
}

/// By what a lead says that it can be reached, and how it writes that.
fn named_in(shown: &ShownEvent) -> Vec<(Identity, String)> {
    let named = |name: &str, of: fn(&str) -> Option<Identity>| {
        let text = shown.body.as_ref()?["data"][name].as_str()?;
        Some((of(text)?, text.trim().to_owned()))
    };
    [named("email", Identity::email), named("phone", Identity::phone)].into_iter().flatten().collect()
}

/// The suppressions of a person, the newest first, with those that were lifted.
///
/// # Errors
/// The store's.
pub async fn suppressions_of(
    store: &Store,
    account: &Account,
    subject: &Subject,
    now: Timestamp,
) -> store::Result<Vec<Suppression>> {
    let hashes = hashed(store, &account.id, subject, now).await?;
    let all = store.suppressions(Some(&account.id), u32::MAX).await?;
    Ok(all.into_iter().filter(|one| hashes.contains(&one.hashed)).collect())
}

/// A person, by the hashes of an account.
async fn hashed(store: &Store, account: &AccountId, subject: &Subject, now: Timestamp) -> store::Result<Vec<Hashed>> {
    let key = store.subject_key(account, now).await?;
    Ok(subject.identities().map(|identity| Hashed { kind: identity.kind(), hash: key.hash(identity) }).collect())
}

/// A reason as it is kept.
fn checked<'a>(reason: &'a str, subject: Option<&Subject>) -> Result<&'a str, PrivacyError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(PrivacyError::NoReason);
    }
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(PrivacyError::LongReason);
    }
    if subject.is_some_and(|subject| subject.is_in(reason)) {
        return Err(PrivacyError::TellingReason);
    }
    Ok(reason)
}

/// What somebody wants to be erased.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    pub subject: Subject,
    /// The address or the number, typed once more.
    pub confirm: &'a str,
    pub reason: &'a str,
    pub by: &'a str,
    /// Whether HubSpot is asked for a privacy delete of the contacts that were written.
    pub at_hubspot: bool,
}

/// Begins an erasure: from this commit on nobody plans or writes a lead of the person, and the job does the rest.
///
/// # Errors
/// [`PrivacyError`].
pub async fn erase(store: &Store, account: &Account, wish: &Wish<'_>, now: Timestamp) -> Result<Erasure, PrivacyError> {
    if !wish.subject.is_confirmed_by(wish.confirm) {
        return Err(PrivacyError::NotConfirmed);
    }
    let reason = checked(wish.reason, Some(&wish.subject))?;
    let erasure = Erasure {
        id: ErasureId::new(now),
        account_id: account.id.clone(),
        phase: Phase::Begun,
        subject: hashed(store, &account.id, &wish.subject, now).await?,
        reason: reason.to_owned(),
        made_by: wish.by.to_owned(),
        created_at: now,
        finished_at: None,
        at_hubspot: wish.at_hubspot,
        removed: Tally::default(),
        records: Vec::new(),
        looked_at: EventId::earliest(Timestamp(0)),
        last: EventId::earliest(now + COMMIT_LAG),
        tries: 0,
        next_at: now,
    };
    store.insert_erasure(&erasure, &wish.subject).await?;
    Ok(erasure)
}

/// Does the next page of the erasure that is due longest.
///
/// # Errors
/// When the store fails. Whatever HubSpot does is never an error.
pub async fn next(store: &Store, hubspot: &HubSpot, clock: &Clock) -> anyhow::Result<Step> {
    let Some(erasure) = store.due_erasure(clock()).await? else { return Ok(Step::Idle) };
    go_on(store, hubspot, erasure, clock).await?;
    Ok(Step::Worked)
}

/// Does the next page of an erasure. What another process did meanwhile stays done.
///
/// # Errors
/// When the store fails.
pub async fn go_on(store: &Store, hubspot: &HubSpot, before: Erasure, clock: &Clock) -> anyhow::Result<()> {
    let erased = match before.phase {
        Phase::Begun => {
            stop_rounds(store, &before.account_id, clock()).await?;
            store.go_on_erasing(&before, Erasure { phase: Phase::Leads, ..before.clone() }).await?
        }
        Phase::Leads | Phase::Rest => {
            let Some(subject) = store.subject_of(&before).await? else { return Ok(()) };
            match before.phase {
                Phase::Leads => erase_page(store, &before, &subject, clock()).await?,
                _ => {
                    let after = after_rest(before.clone(), clock());
                    store.erase_elsewhere(&before, after, &subject).await?
                }
            }
        }
        Phase::Hubspot => {
            let after = ask_hubspot(store, hubspot, before.clone(), clock).await?;
            store.go_on_erasing(&before, after).await?
        }
        Phase::Done => return Ok(()),
    };
    if let Erased::Done(after) = erased
        && after.phase == Phase::Done
    {
        let Erasure { id, account_id, removed, .. } = *after;
        tracing::info!(account.id = %account_id, "erasure {id} is done: {} leads are removed", removed.leads);
    }
    Ok(())
}

/// Ends the rounds that began before the person was suppressed: what they settle later changes nothing, and whoever takes
/// the lanes from now on knows.
async fn stop_rounds(store: &Store, account: &AccountId, now: Timestamp) -> store::Result<()> {
    let connections = store.connections(Some(account)).await?;
    let lanes = connections.iter().map(|connection| connection.id.as_str()).chain([account.as_str()]);
    for lane in lanes {
        if let Some(lease) = store.seize_lane(account, lane, OWNER, now).await? {
            store.give_back(&lease).await?;
        }
    }
    Ok(())
}

async fn erase_page(store: &Store, before: &Erasure, subject: &Subject, now: Timestamp) -> store::Result<Erased> {
    let swept = store.leads_about(&before.account_id, (&before.looked_at, &before.last), subject).await?;
    let after = Erasure {
        phase: if swept.is_end { Phase::Rest } else { Phase::Leads },
        looked_at: swept.last.unwrap_or_else(|| before.looked_at.clone()),
        ..before.clone()
    };
    store.erase_leads(before, &swept.found, after, subject, now).await
}

/// Where a job goes when nothing of the person is kept any more.
fn after_rest(erasure: Erasure, now: Timestamp) -> Erasure {
    match erasure.records.iter().any(|record| record.state == AtHubspot::Waiting) {
        true => Erasure { phase: Phase::Hubspot, ..erasure },
        false => Erasure { phase: Phase::Done, finished_at: Some(now), ..erasure },
    }
}

/// Asks HubSpot to delete the next contact.
async fn ask_hubspot(store: &Store, hubspot: &HubSpot, mut erasure: Erasure, clock: &Clock) -> anyhow::Result<Erasure> {
    let next = erasure.records.iter_mut().find(|record| record.state == AtHubspot::Waiting);
    let Some(record) = next else { return Ok(after_rest(erasure, clock())) };
    match delete_contact(store, hubspot, record, clock).await? {
        Said::Final(state, words) => {
            (record.state, record.at, record.answer) = (state, Some(clock()), words);
            erasure.tries = 0;
        }
        Said::NotNow(words) if erasure.tries + 1 >= TRIES_MAX => {
            (record.state, record.at, record.answer) = (AtHubspot::Refused, Some(clock()), Some(words));
            erasure.tries = 0;
        }
        Said::NotNow(words) => {
            record.answer = Some(words);
            erasure.tries += 1;
            let wait = TRY_AGAIN_MIN * 2_u32.pow((erasure.tries - 1).min(10));
            erasure.next_at = clock() + wait.min(TRY_AGAIN_MAX);
            return Ok(erasure);
        }
    }
    erasure.next_at = clock();
    Ok(after_rest(erasure, clock()))
}

/// What HubSpot said about one contact.
enum Said {
    Final(AtHubspot, Option<String>),
    NotNow(String),
}

async fn delete_contact(
    store: &Store,
    hubspot: &HubSpot,
    record: &WrittenRecord,
    clock: &Clock,
) -> anyhow::Result<Said> {
    let refused = |problem: &crate::cause::Problem| {
        Said::Final(AtHubspot::Refused, Some(format!("{}: {}", problem.code.title(), problem.detail)))
    };
    let Some(connection) = store.connection(record.connection_id.as_str()).await? else {
        return Ok(Said::Final(AtHubspot::Refused, Some("the connection is no longer there".to_owned())));
    };
    let session = match session::open(store, hubspot, &connection, &**clock).await {
        Ok(session) => session,
        Err(NoSession::Blocked(problem)) => return Ok(refused(&problem)),
        Err(NoSession::Away(problem)) => return Ok(Said::NotNow(problem.detail)),
        Err(NoSession::Store(error)) => return Err(error),
    };
    let reply = session.send(&erase_contact(&session.portal, &record.id)).await;
    if reply.success().is_some() {
        return Ok(Said::Final(AtHubspot::Deleted, None));
    }
    if reply.status() == Some(404) {
        return Ok(Said::Final(AtHubspot::Absent, None));
    }
    Ok(match reply.meaning() {
        Meaning::Temporary { problem, .. } | Meaning::Pause { problem, .. } => Said::NotNow(problem.detail),
        Meaning::Blocked(problem)
        | Meaning::Gone(problem)
        | Meaning::Refused(problem)
        | Meaning::Conflict { problem, .. }
        | Meaning::Duplicates { problem, .. }
        | Meaning::Unclear(problem) => refused(&problem),
        Meaning::Properties(_) => Said::Final(AtHubspot::Refused, Some("HubSpot refused it".to_owned())),
    })
}

/// Asks HubSpot once more for what it refused: somebody may have mended it. Where it did everything, or is still being
/// asked, nothing changes.
///
/// # Errors
/// The store's.
pub async fn ask_again(store: &Store, erasure: Erasure, now: Timestamp) -> store::Result<Erasure> {
    if erasure.phase != Phase::Done || !erasure.is_short() {
        return Ok(erasure);
    }
    let mut after = Erasure { phase: Phase::Hubspot, finished_at: None, next_at: now, tries: 0, ..erasure.clone() };
    for record in after.records.iter_mut().filter(|record| record.state == AtHubspot::Refused) {
        record.state = AtHubspot::Waiting;
    }
    match store.go_on_erasing(&erasure, after).await? {
        Erased::Done(after) => Ok(*after),
        Erased::Overtaken => Ok(erasure),
    }
}

/// Sees to it that no lead of a person is written any more. What is kept stays; values that were to be filled in later are
/// not. Says how many addresses and numbers were not suppressed before.
///
/// # Errors
/// [`PrivacyError`].
pub async fn suppress(
    store: &Store,
    account: &Account,
    subject: &Subject,
    (reason, by): (&str, &str),
    now: Timestamp,
) -> Result<u64, PrivacyError> {
    let reason = checked(reason, Some(subject))?;
    let hashes = hashed(store, &account.id, subject, now).await?;
    let new = store.suppress(&account.id, &hashes, (reason, by), now).await?;
    let events = events_of(store, &account.id, subject, now).await?;
    store.forget_dropped(&account.id, &events).await?;
    Ok(new)
}

/// Lifts a suppression: leads that come from now on are written again.
///
/// # Errors
/// [`PrivacyError`].
pub async fn lift(
    store: &Store,
    suppression: &Suppression,
    (reason, by): (&str, &str),
    now: Timestamp,
) -> Result<(), PrivacyError> {
    let reason = checked(reason, None)?;
    match store.lift(suppression, (reason, by), now).await? {
        true => Ok(()),
        false => Err(PrivacyError::Lifted(suppression.id.to_string())),
    }
}
