//! The list of leads: filtered, searched and counted, newest first, at a cost that has a bound whatever is asked.
//!
//! What is rare is found through an index of its own, words through theirs; the keys that these give are intersected, a
//! range of ids at a time, and what is left is read and looked at once more. What no index tells apart is read as it
//! comes, up to a limit, and the page says how far that went.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::deliveries::{Row as DeliveryRow, columns, delivery};
use super::retention::first_id_since;
use super::{Conn, Result, Rows, Sql, Store, parse, query, sql, word};
use crate::cause::Code;
use crate::model::delivery::{ContactWrite, Delivery, DeliveryState};
use crate::model::event::{Event, EventState};
use crate::model::id::{AccountId, EventId, SourceId};
use crate::model::outcome::{Group, Outcome};
use crate::model::time::Timestamp;
use crate::words::{LeadTraits, is_meant};

mod count;
mod search;
mod whose;

use count::{BESIDE, count_each};
#[cfg(test)]
pub(super) use search::WORK_OF_ONE;
use search::{Found, Search};

/// Leads of a page.
pub(crate) const PAGE_MAX: u32 = 200;
/// Leads that are read at once: first as many as a page has, while most of them do not fit more.
const READ_STEP: usize = 250;
/// Counts end here.
const COUNTED_MAX: i64 = 1_000;

/// Which leads to list: those that fit everything that is named.
#[derive(Clone, Debug, Default)]
pub struct LeadFilter {
    /// None: of all accounts; what is older than bodies are kept is not among them.
    pub account: Option<AccountId>,
    pub outcome: Option<Outcome>,
    /// One of several outcomes.
    pub group: Option<Group>,
    /// In HubSpot, and this was done to the contact; none within: no contact was written.
    pub contact: Option<Option<ContactWrite>>,
    /// Why it waits, failed, was skipped, or what is missing of it in HubSpot.
    pub cause: Option<Code>,
    pub event_type: Option<String>,
    /// By its slug.
    pub dealership: Option<String>,
    /// As [`crate::words::terms`] reads it.
    pub text: Option<String>,
    /// Received then or later.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Only our own test leads, or none of them.
    pub test: Option<bool>,
    /// Only those whose contact may be a second one of the same person.
    pub duplicate: bool,
    /// Only leads with an e-mail address, or without one. What was not planned yet, and what is about no lead, is neither.
    pub has_email: Option<bool>,
    /// Only leads older than this one.
    pub before: Option<EventId>,
    /// Only leads newer than this one: those next to it, for going back and for following along. Whoever follows asks
    /// from a few seconds earlier and leaves out what is there: a commit that took long comes behind a later one.
    pub after: Option<EventId>,
    /// 200 at most.
    pub limit: u32,
}

/// A lead with what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct LeadRow {
    pub event: Event,
    /// The newest one.
    pub delivery: Option<Delivery>,
    /// As received; none once retention removed it.
    pub body: Option<String>,
    pub dealership: Option<String>,
    pub is_test: bool,
    /// None where nobody has looked, or where it is about no lead.
    pub has_email: Option<bool>,
}

impl LeadRow {
    pub fn outcome(&self) -> Outcome {
        Outcome::of(&self.event, self.delivery.as_ref(), false)
    }
}

/// A page of leads, the newest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LeadPage {
    pub rows: Vec<LeadRow>,
    /// Where older leads go on: the `before` of the next page. None where there are no others.
    pub next: Option<EventId>,
    /// Where newer leads go on: the `after` of the page before. None where this is the newest page.
    pub prev: Option<EventId>,
    /// The page is not full, and older leads (with `after`: newer ones) than from this time were not looked at: the cursor
    /// goes on there.
    pub looked_until: Option<Timestamp>,
}

/// How many leads have a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CauseCount {
    pub code: Code,
    pub count: Count,
    /// When the newest of them was received.
    pub newest_at: Timestamp,
}

/// How a lead stands to the list of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    In,
    /// It is not in it now, and may have been.
    Out,
    Never,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LeadCount)]
pub struct Count {
    pub leads: u64,
    /// There may be more than these.
    pub is_more: bool,
}

impl Count {
    fn without(self, others: Self) -> Self {
        Self { leads: self.leads.saturating_sub(others.leads), is_more: self.is_more }
    }
}

impl Store {
    /// A page of the leads that match.
    pub async fn leads(&self, filter: &LeadFilter) -> Result<LeadPage> {
        let Some(search) = Search::of(filter) else { return Ok(LeadPage::default()) };
        self.db.read(move |conn| Box::pin(async move { search.page(conn).await })).await
    }

    /// Why leads that match are where they are, the most frequent cause first, among the newest thousand that match. Leads
    /// without a cause are in none of them.
    pub async fn lead_causes(&self, filter: &LeadFilter) -> Result<Vec<CauseCount>> {
        Ok(self.leads_by_cause(filter, 0).await?.into_iter().map(|(cause, _)| cause).collect())
    }

    /// The same, each with the newest of its leads: they are among those that are read to count, so that only their bodies
    /// are read besides, all at once.
    pub async fn leads_by_cause(
        &self,
        filter: &LeadFilter,
        leads_of_each: usize,
    ) -> Result<Vec<(CauseCount, Vec<LeadRow>)>> {
        let most = usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX);
        let filter = LeadFilter { before: None, after: None, ..filter.clone() };
        let Some(search) = Search::of(&filter) else { return Ok(Vec::new()) };
        let read = self.db.read(move |conn| {
            Box::pin(async move {
                let found = search.find(conn, most).await?;
                let causes = count_causes(&found);
                let mut newest = newest_of_each(found.rows, leads_of_each);
                with_bodies(conn, &mut newest).await?;
                Ok((causes, newest))
            })
        });
        let (causes, newest) = read.await?;
        let with_leads = |cause: CauseCount| {
            let has_it = newest.iter().filter(|lead| lead.has_cause(cause.code));
            let leads: Vec<_> = has_it.take(leads_of_each).cloned().collect();
            (cause, leads)
        };
        Ok(causes.into_iter().map(with_leads).collect())
    }

    /// The causes that leads of an account have had since a time, and those of its open issues: whoever chooses one finds some.
    pub async fn causes_since(&self, account: &AccountId, since: Timestamp) -> Result<Vec<Code>> {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let first = EventId::earliest(since);
        let met = query(CAUSES).bind(account.as_str()).bind(Rows::of(&codes)).bind(first.as_str());
        let met = met.bind(first_id_since("dlv", first.as_str())).fetch_all::<String>(&self.db);
        let (met, issues) = tokio::try_join!(met, self.issues(Some(account)))?;
        let stands = |code: &&Code| {
            met.iter().any(|met| met == code.as_str()) || issues.iter().any(|issue| issue.problem.code == **code)
        };
        Ok(Code::ALL.iter().filter(stands).copied().collect())
    }

    /// These leads of an account, as far as they are there.
    pub async fn leads_of(&self, account: &AccountId, events: &[EventId]) -> Result<Vec<LeadRow>> {
        let keys: Vec<Key> = events.iter().map(|event| (event.to_string(), account.to_string())).collect();
        let leads = self.db.read(move |conn| {
            Box::pin(async move {
                let mut leads = Vec::with_capacity(keys.len());
                for keys in keys.chunks(READ_STEP) {
                    leads.extend(read(conn, keys).await?);
                }
                with_bodies(conn, &mut leads).await?;
                Ok(leads)
            })
        });
        leads.await
    }

    /// How many leads of each outcome match, whatever outcome the filter names. Where nothing but an account and times are
    /// named, each is counted up to a thousand; else the newest thousand matches are.
    pub async fn lead_counts(&self, filter: &LeadFilter) -> Result<Vec<(Outcome, Count)>> {
        let filter = LeadFilter { outcome: None, group: None, before: None, after: None, ..filter.clone() };
        let account = filter.account.clone().filter(|_| !filter.names_more_than_times());
        if let Some(account) = account {
            let count = |outcomes: &'static [Outcome]| {
                let (account, filter) = (account.clone(), filter.clone());
                self.db.read(move |conn| Box::pin(async move { count_each(conn, &account, &filter, outcomes).await }))
            };
            let [first, second] = BESIDE.map(count);
            let (first, second) = tokio::try_join!(first, second)?;
            return Ok([first, second].concat());
        }
        let most = usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX);
        let found = match Search::of(&filter) {
            Some(search) => self.db.read(move |conn| Box::pin(async move { search.find(conn, most).await })).await?,
            None => Found::default(),
        };
        let of = |outcome: Outcome| found.rows.iter().filter(|row| row.outcome() == outcome).count() as u64;
        let count = |outcome: Outcome| (outcome, Count { leads: of(outcome), is_more: found.stopped_at.is_some() });
        Ok(Outcome::ALL.map(count).to_vec())
    }
}

impl LeadFilter {
    /// Whether it names more than an account and times.
    fn names_more_than_times(&self) -> bool {
        let Self { outcome, group, contact, cause, event_type, dealership, text, test, duplicate, .. } = self;
        *duplicate
            || outcome.is_some()
            || group.is_some()
            || contact.is_some()
            || cause.is_some()
            || event_type.is_some()
            || dealership.is_some()
            || text.as_ref().is_some_and(|text| !text.trim().is_empty())
            || test.is_some()
            || self.has_email.is_some()
    }

    /// Whether every lead that is newer than one that it took is among those, whatever it is.
    pub fn takes_all_newer(&self) -> bool {
        !self.names_more_than_times() && self.until.is_none()
    }

    /// Whether leads of this outcome are among those.
    pub fn wants(&self, outcome: Outcome) -> bool {
        self.outcome.is_none_or(|wanted| wanted == outcome) && self.group.is_none_or(|group| group.holds(outcome))
    }

    /// Whether a lead is one of those. What its text asks for is told by the words alone.
    fn takes(&self, lead: &LeadRow) -> bool {
        self.takes_what_became(lead) && self.takes_what_it_is(lead)
    }

    /// Whether a lead stands now where the filter wants it.
    fn takes_what_became(&self, lead: &LeadRow) -> bool {
        self.wants(lead.outcome())
            && self.contact.is_none_or(|contact| {
                lead.outcome().is_in_hubspot()
                    && lead.delivery.as_ref().is_some_and(|delivery| delivery.contact == contact)
            })
            && self.cause.is_none_or(|cause| lead.has_cause(cause))
            && (!self.duplicate || lead.delivery.as_ref().is_some_and(|delivery| delivery.may_be_duplicate))
    }

    /// Whether a lead has what the filter wants and no time changes.
    fn takes_what_it_is(&self, lead: &LeadRow) -> bool {
        let event = &lead.event;
        self.event_type.as_ref().is_none_or(|event_type| *event_type == event.event_type)
            && self.dealership.as_ref().is_none_or(|slug| Some(slug) == lead.dealership.as_ref())
            && self.from.is_none_or(|from| event.received_at >= from)
            && self.until.is_none_or(|until| event.received_at < until)
            && self.test.is_none_or(|test| test == lead.is_test)
            && self.has_email.is_none_or(|has| lead.has_email == Some(has))
    }

    /// Whether a lead to which something happened is in the list of this filter, and whether it may have been before.
    pub fn fits(&self, lead: &LeadRow) -> Fit {
        match (self.takes_what_it_is(lead) && self.finds_in(lead), self.takes_what_became(lead)) {
            (true, true) => Fit::In,
            (true, false) => Fit::Out,
            (false, _) => Fit::Never,
        }
    }

    /// Whether the words of a lead are those that the text asks for. One whose body is gone is not found by words.
    fn finds_in(&self, lead: &LeadRow) -> bool {
        let Some(text) = self.text.as_deref() else { return true };
        let (event, body) = (&lead.event, lead.body.as_deref().unwrap_or_default());
        let traits = LeadTraits::of_body(&event.sender_id, &event.event_type, body).unwrap_or_default();
        is_meant(text, &traits.words)
    }
}

impl LeadRow {
    fn has_cause(&self, cause: Code) -> bool {
        self.causes().contains(&cause)
    }

    /// Why it is where it is; of one that was delivered, why something is missing.
    fn causes(&self) -> BTreeSet<Code> {
        match (&self.event.reason, &self.delivery) {
            (Some(reason), _) => [reason.code].into(),
            (None, Some(delivery)) if self.event.state == EventState::Planned => match delivery.state {
                DeliveryState::Delivered => {
                    delivery.progress.dropped.iter().filter_map(|dropped| dropped.code).collect()
                }
                DeliveryState::Pending if delivery.attempts == 0 => BTreeSet::new(),
                DeliveryState::Pending | DeliveryState::Blocked | DeliveryState::Failed => {
                    delivery.reason.iter().map(|reason| reason.code).collect()
                }
                DeliveryState::Cancelled => BTreeSet::new(),
            },
            (None, _) => BTreeSet::new(),
        }
    }
}

/// How many of the leads that were found have each cause, the most frequent first.
fn count_causes(found: &Found) -> Vec<CauseCount> {
    let is_more = found.stopped_at.is_some();
    let mut causes: BTreeMap<Code, CauseCount> = BTreeMap::new();
    for lead in &found.rows {
        for code in lead.causes() {
            let newest_at = lead.event.received_at;
            let none = CauseCount { code, count: Count { leads: 0, is_more }, newest_at };
            causes.entry(code).or_insert(none).count.leads += 1;
        }
    }
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.count.leads));
    causes
}

/// The first leads of each cause, so many of it: each lead once, in their order.
fn newest_of_each(leads: Vec<LeadRow>, most: usize) -> Vec<LeadRow> {
    let mut met: BTreeMap<Code, usize> = BTreeMap::new();
    let mut newest = Vec::new();
    for lead in leads {
        let mut is_wanted = false;
        for code in lead.causes() {
            let met = met.entry(code).or_default();
            is_wanted |= *met < most;
            *met += 1;
        }
        if is_wanted {
            newest.push(lead);
        }
    }
    newest
}

const CAUSES: Sql = sql!(
    "SELECT j.value FROM " list("$2") " AS j
     WHERE EXISTS (SELECT 1 FROM events AS x" on(sqlite: " INDEXED BY events_by_code", postgres: "")
    " WHERE x.account_id = $1 AND x.code = j.value AND x.code IS NOT NULL AND x.id >= $3)
        OR EXISTS (SELECT 1 FROM deliveries AS x" on(sqlite: " INDEXED BY deliveries_by_code", postgres: "")
    " WHERE x.account_id = $1 AND x.code = j.value AND x.code IS NOT NULL AND x.event_id >= $3"
    on(sqlite: "", postgres: " AND x.id >= $4") ")"
);

/// An event's id and its account.
type Key = (String, String);

fn key_rows(keys: &[Key]) -> Rows {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        account: &'a str,
    }
    Rows::of(&keys.iter().map(|(id, account)| Row { id, account }).collect::<Vec<_>>())
}

pub(super) const EVENTS: Sql = sql!(
    "SELECT e.account_id, e.id, e.source_id, e.sender_id, e.type, e.occurred_at, e.received_at, e.state, e.reason, e.dealership, e.is_test, e.has_email
     FROM " rows("$1"; id text, account text) " AS j CROSS JOIN events AS e
     WHERE e.account_id = j.account AND e.id = j.id" on(sqlite: "", postgres: " AND e.id >= $2 AND e.id <= $3")
);

// SQLite is told the index: it takes an account for ten rows, and would rather read all of its deliveries.
pub(super) const DELIVERIES: Sql = sql!(
    "SELECT " columns!() " FROM " rows("$1"; id text, account text) " AS j CROSS JOIN deliveries AS d"
    on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = j.account AND d.event_id = j.id" on(sqlite: "", postgres: " AND d.id >= $2")
);

type EventRow = (
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

/// The leads of these keys, in their order.
async fn read(conn: &mut Conn, keys: &[Key]) -> Result<Vec<LeadRow>> {
    let ids = || keys.iter().map(|(id, _)| id.as_str());
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(Vec::new()) };
    let rows = key_rows(keys);
    let events: Vec<EventRow> = query(EVENTS).bind(&rows).bind(first).bind(last).fetch_all(&mut *conn).await?;
    let deliveries = query(DELIVERIES).bind(&rows).bind(first_id_since("dlv", first));
    let mut newest: HashMap<EventId, Delivery> = HashMap::new();
    for row in deliveries.fetch_all::<DeliveryRow>(conn).await? {
        let delivery = delivery(row)?;
        let is_newer = newest.get(&delivery.event_id).is_none_or(|known| known.id < delivery.id);
        if is_newer {
            newest.insert(delivery.event_id.clone(), delivery);
        }
    }
    let mut leads = HashMap::with_capacity(events.len());
    for row in events {
        let lead = lead(row, &mut newest)?;
        leads.insert(lead.event.id.to_string(), lead);
    }
    Ok(keys.iter().filter_map(|(id, _)| leads.remove(id)).collect())
}

fn lead(row: EventRow, newest: &mut HashMap<EventId, Delivery>) -> Result<LeadRow> {
    let (account_id, id, source_id, sender_id, event_type, occurred_at, received_at, state, reason, whose, test, email) =
        row;
    let (id, state) = (EventId::stored(id), word(&state)?);
    let delivery = newest.remove(&id);
    let event = Event {
        account_id: AccountId::stored(account_id),
        source_id: SourceId::stored(source_id),
        sender_id,
        event_type,
        occurred_at: Timestamp(occurred_at),
        received_at: Timestamp(received_at),
        state,
        reason: reason.as_deref().map(parse).transpose()?,
        delivery: delivery.as_ref().filter(|_| state == EventState::Planned).map(|delivery| delivery.state),
        id,
    };
    let has_email = email.map(|has| has == 1);
    Ok(LeadRow { event, delivery, body: None, dealership: whose, is_test: test == Some(1), has_email })
}

async fn with_bodies(conn: &mut Conn, rows: &mut [LeadRow]) -> Result<()> {
    let key = |row: &LeadRow| (row.event.id.to_string(), row.event.account_id.to_string());
    let keys: Vec<_> = rows.iter().map(key).collect();
    let ids = || keys.iter().map(|(id, _)| id.as_str());
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(()) };
    let bodies = query(sql!(
        "SELECT b.event_id, b.body FROM " rows("$1"; id text, account text) " AS j CROSS JOIN event_bodies AS b
         WHERE b.event_id = j.id AND b.account_id = j.account" on(sqlite: "", postgres: " AND b.event_id >= $2 AND b.event_id <= $3")
    ));
    let bodies: Vec<(String, String)> = bodies.bind(key_rows(&keys)).bind(first).bind(last).fetch_all(conn).await?;
    let mut bodies: HashMap<_, _> = bodies.into_iter().collect();
    for row in rows {
        row.body = bodies.remove(row.event.id.as_str());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Problem;

    /// A lead that ended at once, for this reason.
    fn lead(id: &str, code: Code) -> LeadRow {
        let event = Event {
            id: EventId::stored(id.to_owned()),
            account_id: AccountId::stored("acc_1".to_owned()),
            source_id: SourceId::stored("src_1".to_owned()),
            sender_id: "msg_1".to_owned(),
            event_type: "lead.captured.v1".to_owned(),
            occurred_at: Timestamp(0),
            received_at: Timestamp(0),
            state: EventState::Skipped,
            reason: Some(Problem::new(code, "")),
            delivery: None,
        };
        LeadRow { event, delivery: None, body: None, dealership: None, is_test: false, has_email: None }
    }

    #[test]
    fn of_each_cause_the_first_leads_are_kept_in_their_order() {
        let (unhandled, refused) = (Code::EventUnhandled, Code::TransformRefused);
        let leads = [("e5", unhandled), ("e4", unhandled), ("e3", refused), ("e2", unhandled), ("e1", refused)];
        for (most, kept) in [(0, ""), (1, "e5 e3"), (2, "e5 e4 e3 e1"), (9, "e5 e4 e3 e2 e1")] {
            let newest = newest_of_each(leads.iter().map(|(id, code)| lead(id, *code)).collect(), most);
            let ids: Vec<_> = newest.iter().map(|lead| lead.event.id.as_str()).collect();
            assert_eq!(ids.join(" "), kept, "{most}");
        }
    }
}
