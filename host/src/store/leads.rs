//! The list of leads: filtered, searched and counted, newest first, at a cost that has a bound whatever is asked.
//!
//! What is rare is found through an index of its own, words through theirs; the keys that these give are intersected, a
//! range of ids at a time, and what is left is read and looked at once more. What no index tells apart is read as it
//! comes, up to a limit, and the page says how far that went.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::deliveries::{Row as DeliveryRow, columns, delivery};
use super::retention::{first_id_since, time_of};
use super::{Conn, Query, Result, Rows, Sql, Store, parse, query, sql, word, words};
use crate::cause::Code;
use crate::hours;
use crate::model::delivery::{ContactWrite, Delivery, DeliveryState};
use crate::model::event::{Event, EventState};
use crate::model::id::{AccountId, EventId, SourceId};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::words::{LeadTraits, TEST_WORD, Wanted, dealership_word, terms};

/// Leads of a page.
pub(crate) const PAGE_MAX: u32 = 200;
/// Leads that are read for a page: some 20 ms. Where that is not enough, the page says how far it looked.
const READ_MAX: usize = 2_000;
/// Leads that are read at once: first as many as a page has, while most of them do not fit more.
const READ_STEP: usize = 250;
/// Keys of one index that are read at once: first so many, then more and more.
const KEYS_FIRST: usize = 256;
const KEYS_STEP: usize = 5_000;
/// Keys that are read from all indexes for a page.
const KEYS_MAX: usize = 20_000;
/// Hours of words that are looked into at once: first so many, then more and more, a month at most; and of all accounts
/// together.
const HOURS_FIRST: i64 = 12;
const HOURS_STEP: i64 = 768;
const ACCOUNT_HOURS_STEP: i64 = 10_000;
/// More open work than this is no set to look through: then what is sent is all that is new.
const WORK_MAX: usize = 2_000;
/// Counts end here.
const COUNTED_MAX: i64 = 1_000;
/// Leads that are looked at to count those that simply went well.
const COUNT_READ_MAX: i64 = 1_500;
/// An event's id is made a moment before the event is stored, and its time of receipt is that of the commit.
const COMMIT_LAG: Duration = Duration::from_secs(60);

/// Which leads to list: those that fit everything that is named.
#[derive(Clone, Debug, Default)]
pub struct LeadFilter {
    /// None: of all accounts; what is older than bodies are kept is not among them.
    pub account: Option<AccountId>,
    pub outcome: Option<Outcome>,
    /// What was done to the contact.
    pub contact: Option<ContactWrite>,
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
        let most = usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX);
        let filter = LeadFilter { before: None, after: None, ..filter.clone() };
        let Some(search) = Search::of(&filter) else { return Ok(Vec::new()) };
        let found = self.db.read(move |conn| Box::pin(async move { search.find(conn, most).await })).await?;
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
        Ok(causes)
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
        let filter = LeadFilter { outcome: None, before: None, after: None, ..filter.clone() };
        let account = filter.account.clone().filter(|_| !filter.names_more_than_times());
        if let Some(account) = account {
            return self.db.read(move |conn| Box::pin(async move { count_each(conn, &account, &filter).await })).await;
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
        let Self { account: _, outcome, contact, cause, event_type, dealership, text, from: _, until: _, test, .. } =
            self;
        outcome.is_some()
            || contact.is_some()
            || cause.is_some()
            || event_type.is_some()
            || dealership.is_some()
            || text.as_ref().is_some_and(|text| !text.trim().is_empty())
            || test.is_some()
    }

    /// Whether a lead is one of those. What its text asks for is told by the words alone.
    fn takes(&self, lead: &LeadRow) -> bool {
        self.takes_what_became(lead) && self.takes_what_it_is(lead)
    }

    /// Whether a lead stands now where the filter wants it.
    fn takes_what_became(&self, lead: &LeadRow) -> bool {
        self.outcome.is_none_or(|outcome| outcome == lead.outcome())
            && self.contact.is_none_or(|contact| {
                matches!(lead.outcome(), Outcome::Synced | Outcome::SyncedWithWarnings)
                    && lead.delivery.as_ref().is_some_and(|delivery| delivery.contact == Some(contact))
            })
            && self.cause.is_none_or(|cause| lead.has_cause(cause))
    }

    /// Whether a lead has what the filter wants and no time changes.
    fn takes_what_it_is(&self, lead: &LeadRow) -> bool {
        let event = &lead.event;
        self.event_type.as_ref().is_none_or(|event_type| *event_type == event.event_type)
            && self.dealership.as_ref().is_none_or(|slug| Some(slug) == lead.dealership.as_ref())
            && self.from.is_none_or(|from| event.received_at >= from)
            && self.until.is_none_or(|until| event.received_at < until)
            && self.test.is_none_or(|test| test == lead.is_test)
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
        let Some(terms) = self.text.as_deref().and_then(terms) else { return true };
        let (event, body) = (&lead.event, lead.body.as_deref().unwrap_or_default());
        let traits = LeadTraits::of_body(&event.sender_id, &event.event_type, body).unwrap_or_default();
        let has = |wanted: &Wanted| traits.words.iter().any(|word| wanted.takes(word));
        !terms.is_empty() && terms.iter().all(|term| term.0.iter().any(has))
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

/// An event's id and its account.
type Key = (String, String);

/// One index that gives keys.
#[derive(Clone, Debug)]
enum Part {
    /// Events, or else deliveries, by a column.
    Events {
        by: &'static str,
        value: String,
    },
    Deliveries {
        by: &'static str,
        value: String,
    },
    /// Words that begin so.
    Words(Wanted),
    /// One whole word.
    Word(String),
    /// What is open.
    Work,
}

/// The union of some parts: a lead that matches is in one of them.
#[derive(Clone, Debug)]
struct Source {
    parts: Vec<Part>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It knows every lead.
    Whole,
    /// It forgets a lead with its body. What it tells is lost then, or is known from the lead itself.
    Text,
    Trait,
}

impl Kind {
    fn is_of_words(self) -> bool {
        matches!(self, Self::Text | Self::Trait)
    }
}

fn sources(filter: &LeadFilter) -> Option<Vec<Source>> {
    let events = |by, value: &str| Part::Events { by, value: value.to_owned() };
    let deliveries = |by, value: &str| Part::Deliveries { by, value: value.to_owned() };
    let outcome = match filter.outcome {
        Some(Outcome::SyncedWithWarnings) => vec![deliveries("mark", "warned")],
        Some(Outcome::Retrying) => vec![deliveries("mark", "retrying")],
        Some(Outcome::NeedsAttention) => vec![events("mark", "held"), deliveries("mark", "blocked")],
        Some(Outcome::Failed) => vec![events("mark", "refused"), deliveries("mark", "failed")],
        Some(Outcome::Skipped) => vec![events("mark", "skipped")],
        Some(Outcome::Removed) => vec![events("code", Code::ContactErased.as_str())],
        Some(Outcome::Cancelled) => vec![deliveries("mark", "cancelled")],
        Some(Outcome::Sending) => vec![Part::Work],
        Some(Outcome::Synced) | None => Vec::new(),
    };
    let cause = filter.cause.map_or_else(Vec::new, |code| {
        let mut parts = vec![events("code", code.as_str()), deliveries("code", code.as_str())];
        // Among those that went through without a value the others are too many to look through for nothing.
        parts.extend(is_of_a_value(code).then(|| deliveries("mark", "warned")));
        parts
    });
    let whole = [outcome, cause].into_iter().map(|parts| Source { parts, kind: Kind::Whole });
    let text = match filter.text.as_deref().map(terms) {
        Some(Some(terms)) if terms.is_empty() => return None,
        Some(Some(terms)) => terms,
        Some(None) | None => Vec::new(),
    };
    let text = text.into_iter().map(|term| {
        let parts = term.0.into_iter().map(Part::Words).collect();
        Source { parts, kind: Kind::Text }
    });
    let traits = filter.dealership.as_deref().map(dealership_word).into_iter();
    let traits = traits.chain(filter.test.filter(|test| *test).map(|_| TEST_WORD.to_owned()));
    let traits = traits.map(|word| Source { parts: vec![Part::Word(word)], kind: Kind::Trait });
    Some(whole.chain(text).chain(traits).filter(|source| !source.parts.is_empty()).collect())
}

/// Whether a value may be left out because of it.
fn is_of_a_value(code: Code) -> bool {
    let kind = code.as_str().split('.').next().unwrap_or_default();
    ["property", "option", "owner", "email", "lead"].contains(&kind)
}

/// Ids after the first and before the second.
#[derive(Clone, Debug)]
struct Range {
    after: String,
    before: String,
}

impl Range {
    fn is_empty(&self) -> bool {
        self.after >= self.before
    }
}

/// What an index gave of a range.
struct Keys {
    keys: BTreeSet<Key>,
    /// It has more behind this id, in the direction of the search.
    stopped_at: Option<String>,
}

/// What a search came to, in its direction.
#[derive(Default)]
struct Found {
    rows: Vec<LeadRow>,
    /// It was not looked behind this id.
    stopped_at: Option<String>,
    /// Because that would have taken too long.
    is_cut: bool,
}

/// A filter on its way through the ids.
struct Search {
    filter: LeadFilter,
    sources: Vec<Source>,
    range: Range,
    /// From newer to older.
    is_down: bool,
    keys_read: usize,
    keys_step: usize,
    hours_step: i64,
    /// Those whose words are looked into.
    accounts: Vec<String>,
}

impl Search {
    /// None where nothing can match.
    fn of(filter: &LeadFilter) -> Option<Self> {
        let first = EventId::earliest(filter.from.map_or(Timestamp(0), |from| from - COMMIT_LAG));
        let last = EventId::earliest(filter.until.map_or(Timestamp::NEVER, |until| until + COMMIT_LAG));
        let after = filter.after.clone().map_or(first.clone(), |after| after.max(first));
        let before = filter.before.clone().map_or(last.clone(), |before| before.min(last));
        Some(Self {
            sources: sources(filter)?,
            range: Range { after: after.to_string(), before: before.to_string() },
            is_down: filter.after.is_none() || filter.before.is_some(),
            accounts: filter.account.iter().map(AccountId::to_string).collect(),
            filter: filter.clone(),
            keys_read: 0,
            keys_step: KEYS_FIRST,
            hours_step: HOURS_FIRST,
        })
    }

    fn account(&self) -> Option<&str> {
        self.filter.account.as_ref().map(AccountId::as_str)
    }

    async fn page(self, conn: &mut Conn) -> Result<LeadPage> {
        let limit = self.filter.limit.clamp(1, PAGE_MAX) as usize;
        let (is_down, before, after) = (self.is_down, self.filter.before.clone(), self.filter.after.clone());
        let Found { mut rows, stopped_at, is_cut } = self.find(conn, limit).await?;
        with_bodies(conn, &mut rows).await?;
        let looked_until = stopped_at.as_deref().filter(|_| is_cut).and_then(time_of);
        let on = stopped_at.map(EventId::stored);
        if !is_down {
            rows.reverse();
        }
        // Behind where it came from there is what was there.
        let newest = rows.first().map(|row| row.event.id.clone());
        let oldest = rows.last().map(|row| row.event.id.clone());
        let (next, prev) = match is_down {
            true => (on, before.map(|before| newest.unwrap_or(before))),
            false => (after.map(|after| oldest.unwrap_or(after)), on),
        };
        Ok(LeadPage { rows, next, prev, looked_until })
    }

    /// Up to `limit` leads, in the direction of the search.
    async fn find(mut self, conn: &mut Conn, limit: usize) -> Result<Found> {
        if self.filter.account.is_none() && !self.sources.is_empty() {
            self.accounts = query(sql!("SELECT id FROM accounts")).fetch_all(&mut *conn).await?;
        }
        let mut rows: Vec<LeadRow> = Vec::new();
        let mut read_leads = 0;
        let mut step = limit + 1;
        while !self.range.is_empty() {
            if read_leads >= READ_MAX || self.keys_read >= KEYS_MAX {
                return Ok(Found { rows, stopped_at: Some(self.position().to_owned()), is_cut: true });
            }
            let Some((keys, position)) = self.candidates(conn, step).await? else { break };
            step = (step * 2).min(READ_STEP);
            self.keys_step = (self.keys_step * 4).min(KEYS_STEP);
            for keys in keys.chunks(READ_STEP.min(limit + 1)) {
                read_leads += keys.len();
                for lead in read(conn, keys).await? {
                    if !self.filter.takes(&lead) {
                        continue;
                    }
                    if rows.len() == limit {
                        let stopped_at = rows.last().map(|row| row.event.id.to_string());
                        return Ok(Found { rows, stopped_at, is_cut: false });
                    }
                    rows.push(lead);
                }
                if read_leads >= READ_MAX
                    && let Some((id, _)) = keys.last()
                {
                    return Ok(Found { rows, stopped_at: Some(id.clone()), is_cut: true });
                }
            }
            self.go_to(position);
        }
        Ok(Found { rows, stopped_at: None, is_cut: false })
    }

    /// Where it is on its way.
    fn position(&self) -> &str {
        if self.is_down { &self.range.before } else { &self.range.after }
    }

    fn go_to(&mut self, position: Option<String>) {
        let Range { after, before } = &mut self.range;
        match (position, self.is_down) {
            (None, true) => *before = after.clone(),
            (None, false) => *after = before.clone(),
            (Some(position), true) => *before = position,
            (Some(position), false) => *after = position,
        }
    }

    /// The next keys that may match, in order, and where to go on; nowhere when the range is done.
    async fn candidates(&mut self, conn: &mut Conn, step: usize) -> Result<Option<(Vec<Key>, Option<String>)>> {
        let Some((range, hours)) = self.next_range(conn).await? else { return Ok(None) };
        let is_all = (&range.after, &range.before) == (&self.range.after, &self.range.before);
        let mut sources: Vec<_> = self.sources.clone();
        if hours.is_none() {
            sources.retain(|source| !source.kind.is_of_words());
        }
        let mut keys: Option<BTreeSet<Key>> = None;
        let mut stopped_at: Option<String> = None;
        for source in &sources {
            let Some(found) = self.union(conn, source, &range, hours).await? else { continue };
            stopped_at = self.nearer(stopped_at, found.stopped_at);
            let both = match keys {
                None => found.keys,
                Some(keys) => keys.intersection(&found.keys).cloned().collect(),
            };
            let is_done = both.is_empty();
            keys = Some(both);
            if is_done {
                break;
            }
        }
        let keys = match keys {
            Some(keys) => keys,
            None => {
                let found = self.any(conn, &range, step).await?;
                stopped_at = found.stopped_at;
                found.keys
            }
        };
        let within =
            |key: &Key| stopped_at.as_ref().is_none_or(|end| if self.is_down { key.0 >= *end } else { key.0 <= *end });
        let mut keys: Vec<_> = keys.into_iter().filter(within).collect();
        if self.is_down {
            keys.reverse();
        }
        let end = if self.is_down { range.after } else { range.before };
        Ok(Some((keys, stopped_at.or((!is_all).then_some(end)))))
    }

    /// Of two places where indexes stopped the one that comes first.
    fn nearer(&self, one: Option<String>, other: Option<String>) -> Option<String> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if self.is_down { one.max(other) } else { one.min(other) }),
            (one, other) => one.or(other),
        }
    }

    /// The ids that are looked at next, and the hours of their words, the first and the last: whole hours where words or all
    /// accounts are asked for, more of them each time. Without hours no words are left there. None when all is done.
    async fn next_range(&mut self, conn: &mut Conn) -> Result<Option<(Range, Option<(i64, i64)>)>> {
        let of_words = self.sources.iter().any(|source| source.kind.is_of_words());
        let of_all = self.filter.account.is_none() && !self.sources.is_empty();
        if !of_words && !of_all {
            return Ok(Some((self.range.clone(), None)));
        }
        let Some((first, last)) = self.hours(conn).await? else { return Ok(self.beyond_words()) };
        let begin = |hour| EventId::earliest(hours::begin(hour)).to_string();
        if !self.is_down && self.range.after < begin(first) {
            // On the way up, what is too old for words comes first.
            let before = self.range.before.clone().min(begin(first));
            let range = Range { after: self.range.after.clone(), before: before.clone() };
            if !range.is_empty() && self.beyond_words().is_some() {
                return Ok(Some((range, None)));
            }
            self.go_to(Some(before));
        }
        let from = time_of(&self.range.after).map_or(first, hours::hour).max(first);
        let to = time_of(&self.range.before).map_or(last, |at| match self.range.before == begin(hours::hour(at)) {
            true => hours::hour(at) - 1,
            false => hours::hour(at),
        });
        let to = to.min(last);
        if from > to || self.range.is_empty() {
            return Ok(self.beyond_words().filter(|_| self.is_down));
        }
        let (step, most) = match self.filter.account {
            Some(_) => (self.hours_step, HOURS_STEP),
            None => (self.hours_step, (ACCOUNT_HOURS_STEP / self.accounts.len().max(1) as i64).clamp(1, HOURS_STEP)),
        };
        let step = step.min(most);
        self.hours_step = (step * 4).min(most);
        let (from, to) = if self.is_down { (from.max(to - step + 1), to) } else { (from, to.min(from + step - 1)) };
        let range = Range {
            after: self.range.after.clone().max(begin(from)),
            before: self.range.before.clone().min(begin(to + 1)),
        };
        Ok(Some((range, Some((from, to)))))
    }

    /// What is left, without words: a text finds nothing there, and everything else is known from the leads themselves. The
    /// list of all accounts ends here.
    fn beyond_words(&self) -> Option<(Range, Option<(i64, i64)>)> {
        let is_text = self.sources.iter().any(|source| source.kind == Kind::Text);
        (!is_text && self.filter.account.is_some()).then(|| (self.range.clone(), None))
    }

    /// The first and the last hour of what is searched.
    async fn hours(&self, conn: &mut Conn) -> Result<Option<(i64, i64)>> {
        let (first, last) = match self.account() {
            Some(account) => query(words::HOURS).bind(account).fetch_one::<(Option<i64>, Option<i64>)>(conn).await?,
            None => {
                let id = |order| {
                    query(Sql::same(format!("SELECT event_id FROM event_bodies ORDER BY event_id {order} LIMIT 1")))
                };
                let hour = |id: Option<String>| id.as_deref().and_then(time_of).map(hours::hour);
                let first: Option<String> = id("ASC").fetch_optional(&mut *conn).await?;
                (hour(first), hour(id("DESC").fetch_optional(conn).await?))
            }
        };
        Ok(first.zip(last))
    }

    /// What is in any part of a source; none where a part is no help.
    async fn union(
        &mut self,
        conn: &mut Conn,
        source: &Source,
        range: &Range,
        hours: Option<(i64, i64)>,
    ) -> Result<Option<Keys>> {
        let mut all = Keys { keys: BTreeSet::new(), stopped_at: None };
        for part in &source.parts {
            let Some(found) = self.part(conn, part, range, hours).await? else { return Ok(None) };
            self.keys_read += found.keys.len();
            all.stopped_at = self.nearer(all.stopped_at, found.stopped_at);
            all.keys.extend(found.keys);
        }
        Ok(Some(all))
    }

    async fn part(
        &self,
        conn: &mut Conn,
        part: &Part,
        range: &Range,
        hours: Option<(i64, i64)>,
    ) -> Result<Option<Keys>> {
        match part {
            Part::Events { by, value } => self.marked(conn, ("events", "id"), by, value, range).await.map(Some),
            Part::Deliveries { by, value } => {
                self.marked(conn, ("deliveries", "event_id"), by, value, range).await.map(Some)
            }
            Part::Words(wanted) => {
                self.words(conn, (&wanted.start, &wanted.last()), Some(wanted), range, hours).await.map(Some)
            }
            Part::Word(word) => self.words(conn, (word, word), None, range, hours).await.map(Some),
            Part::Work => self.work(conn, range).await,
        }
    }

    fn order(&self) -> &'static str {
        if self.is_down { "DESC" } else { "ASC" }
    }

    /// Where the rows of an account are, or those of all: its first words, with `$1` for the account.
    fn of_account(&self, table: &str, index: &str) -> Sql {
        let from = |indexed: &str| match self.account() {
            Some(_) => format!("FROM {table} AS x{indexed} WHERE x.account_id = $1"),
            None => {
                format!("FROM accounts AS a CROSS JOIN {table} AS x{indexed} WHERE x.account_id = a.id AND $1 IS NULL")
            }
        };
        Sql { sqlite: from(&format!(" INDEXED BY {index}")).into(), postgres: from("").into() }
    }

    /// Events, or the events of deliveries, by a mark or a code.
    async fn marked(
        &self,
        conn: &mut Conn,
        (table, id): (&str, &str),
        by: &str,
        value: &str,
        range: &Range,
    ) -> Result<Keys> {
        let from = self.of_account(table, &format!("{table}_by_{by}"));
        // No delivery is older than its event: that spares Postgres the partitions before.
        let rest = |since: &str| {
            format!(
                " AND x.{by} = $2 AND x.{by} IS NOT NULL AND x.{id} > $3 AND x.{id} < $4{since} ORDER BY x.{id} {} LIMIT $5",
                self.order()
            )
        };
        let head = format!("SELECT x.{id}, x.account_id ");
        let since = if id == "id" { "" } else { " AND x.id >= $6" };
        let sql = Sql {
            sqlite: format!("{head}{}{}", from.sqlite, rest("")).into(),
            postgres: format!("{head}{}{}", from.postgres, rest(since)).into(),
        };
        let marked = query(sql).bind(self.account()).bind(value).bind(&range.after).bind(&range.before);
        let marked = marked.bind(self.keys_step as i64);
        let marked = if since.is_empty() { marked } else { marked.bind(first_id_since("dlv", &range.after)) };
        Ok(keys(marked.fetch_all(conn).await?, self.keys_step))
    }

    /// Events that have a word between these two.
    async fn words(
        &self,
        conn: &mut Conn,
        (first, last): (&str, &str),
        wanted: Option<&Wanted>,
        range: &Range,
        hours: Option<(i64, i64)>,
    ) -> Result<Keys> {
        #[derive(Serialize)]
        struct Hour<'a> {
            account: &'a str,
            hour: i64,
        }
        let (from, to) = hours.unwrap_or((0, -1));
        let hours: Vec<_> =
            self.accounts.iter().flat_map(|account| (from..=to).map(move |hour| Hour { account, hour })).collect();
        let found = query(words::WORDS.and(&format!(" ORDER BY event_id {} LIMIT $6", self.order())));
        let found = found.bind(Rows::of(&hours)).bind(first).bind(last).bind(&range.after).bind(&range.before);
        let found: Vec<(String, String, String)> = found.bind(self.keys_step as i64).fetch_all(conn).await?;
        let stopped_at = (found.len() == self.keys_step).then(|| found.last().map(|(id, ..)| id.clone())).flatten();
        let takes = |word: &str| wanted.is_none_or(|wanted| wanted.takes(word));
        let keys = found.into_iter().filter(|(.., word)| takes(word)).map(|(id, account, _)| (id, account)).collect();
        Ok(Keys { keys, stopped_at })
    }

    /// The events of what is open; none where that is too much to look through.
    async fn work(&self, conn: &mut Conn, range: &Range) -> Result<Option<Keys>> {
        let of_one = if self.account().is_some() { "account_id = $1" } else { "$1 IS NULL" };
        let items: Vec<Key> = query(Sql::same(format!("SELECT item_id, account_id FROM work WHERE {of_one} LIMIT $2")))
            .bind(self.account())
            .bind(WORK_MAX as i64 + 1)
            .fetch_all(&mut *conn)
            .await?;
        if items.len() > WORK_MAX {
            return Ok(None);
        }
        let (mut keys, deliveries): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|(item, _)| item.starts_with("evt_"));
        let of_deliveries = query(sql!(
            "SELECT d.event_id, d.account_id FROM " rows("$1"; id text, account text) " AS j CROSS JOIN deliveries AS d
             WHERE d.account_id = j.account AND d.id = j.id"
        ));
        keys.extend(of_deliveries.bind(key_rows(&deliveries)).fetch_all::<Key>(conn).await?);
        keys.retain(|(id, _)| *id > range.after && *id < range.before);
        Ok(Some(Keys { keys: keys.into_iter().collect(), stopped_at: None }))
    }

    /// Events as they come. Bodies are in the order of the ids over all accounts, and events within one: neither is read
    /// whole. So the list of all accounts ends where the bodies do, and that of one account goes on.
    async fn any(&self, conn: &mut Conn, range: &Range, step: usize) -> Result<Keys> {
        let from = match self.account() {
            Some(_) => "SELECT id, account_id FROM events WHERE account_id = $1 AND id > $2 AND id < $3 ORDER BY id",
            None => {
                "SELECT event_id, account_id FROM event_bodies WHERE $1 IS NULL AND event_id > $2 AND event_id < $3 ORDER BY event_id"
            }
        };
        let any = query(Sql::same(format!("{from} {} LIMIT $4", self.order())));
        let any = any.bind(self.account()).bind(&range.after).bind(&range.before).bind(step as i64);
        Ok(keys(any.fetch_all(conn).await?, step))
    }
}

/// Keys as an index gave them, in the order of the search.
fn keys(rows: Vec<Key>, step: usize) -> Keys {
    let stopped_at = (rows.len() == step).then(|| rows.last().map(|(id, _)| id.clone())).flatten();
    Keys { keys: rows.into_iter().collect(), stopped_at }
}

fn key_rows(keys: &[Key]) -> Rows {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        account: &'a str,
    }
    Rows::of(&keys.iter().map(|(id, account)| Row { id, account }).collect::<Vec<_>>())
}

pub(super) const EVENTS: Sql = sql!(
    "SELECT e.account_id, e.id, e.source_id, e.sender_id, e.type, e.occurred_at, e.received_at, e.state, e.reason, e.dealership, e.is_test
     FROM " rows("$1"; id text, account text) " AS j CROSS JOIN events AS e
     WHERE e.account_id = j.account AND e.id = j.id" on(sqlite: "", postgres: " AND e.id >= $2 AND e.id <= $3")
);

// SQLite is told the index: it takes an account for ten rows, and would rather read all of its deliveries.
pub(super) const DELIVERIES: Sql = sql!(
    "SELECT " columns!() " FROM " rows("$1"; id text, account text) " AS j CROSS JOIN deliveries AS d"
    on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = j.account AND d.event_id = j.id" on(sqlite: "", postgres: " AND d.id >= $2")
);

type EventRow = (String, String, String, String, String, i64, i64, String, Option<String>, Option<String>, Option<i64>);

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
    let (account_id, id, source_id, sender_id, event_type, occurred_at, received_at, state, reason, dealership, test) =
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
    Ok(LeadRow { event, delivery, body: None, dealership, is_test: test == Some(1) })
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

/// How many leads of an account have each outcome.
async fn count_each(conn: &mut Conn, account: &AccountId, filter: &LeadFilter) -> Result<Vec<(Outcome, Count)>> {
    let after = EventId::earliest(filter.from.unwrap_or(Timestamp(0)));
    let before = EventId::earliest(filter.until.unwrap_or(Timestamp::NEVER));
    let within = |sql: Sql| query(sql).bind(account.as_str()).bind(after.as_str()).bind(before.as_str());
    let removed = within(ERASED).bind(COUNTED_MAX + 1).bind(Code::ContactErased.as_str());
    let removed = self::counted(removed, conn, COUNTED_MAX + 1).await?;
    let mut counts = Vec::new();
    for outcome in Outcome::ALL {
        let parts = match outcome {
            Outcome::Synced => vec![counted(within(SYNCED).bind(COUNT_READ_MAX), conn, COUNT_READ_MAX).await?],
            Outcome::SyncedWithWarnings => vec![of_deliveries(&within, conn, "warned").await?],
            Outcome::Sending => vec![counted(within(SENDING).bind(COUNTED_MAX + 1), conn, COUNTED_MAX + 1).await?],
            Outcome::Retrying => vec![of_deliveries(&within, conn, "retrying").await?],
            Outcome::NeedsAttention => {
                vec![of_events(&within, conn, "held").await?, of_deliveries(&within, conn, "blocked").await?]
            }
            Outcome::Failed => {
                vec![of_events(&within, conn, "refused").await?, of_deliveries(&within, conn, "failed").await?]
            }
            // Those that were removed are skipped, too, as far as the queue is concerned.
            Outcome::Skipped => vec![of_events(&within, conn, "skipped").await?.without(removed)],
            Outcome::Cancelled => vec![of_deliveries(&within, conn, "cancelled").await?],
            Outcome::Removed => vec![removed],
        };
        let leads: u64 = parts.iter().map(|part| part.leads).sum();
        let most = u64::try_from(COUNTED_MAX).unwrap_or(u64::MAX);
        let is_more = leads > most || parts.iter().any(|part| part.is_more);
        counts.push((outcome, Count { leads: leads.min(most), is_more }));
    }
    Ok(counts)
}

/// Counts and how many rows were looked at for it.
async fn counted(count: Query, conn: &mut Conn, most: i64) -> Result<Count> {
    let (leads, looked_at): (i64, i64) = count.fetch_one(conn).await?;
    Ok(Count { leads: u64::try_from(leads).unwrap_or(0), is_more: looked_at >= most })
}

async fn of_events(within: &impl Fn(Sql) -> Query, conn: &mut Conn, mark: &str) -> Result<Count> {
    counted(within(MARKED_EVENTS).bind(COUNTED_MAX + 1).bind(mark), conn, COUNTED_MAX + 1).await
}

async fn of_deliveries(within: &impl Fn(Sql) -> Query, conn: &mut Conn, mark: &str) -> Result<Count> {
    counted(within(MARKED_DELIVERIES).bind(COUNTED_MAX + 1).bind(mark), conn, COUNTED_MAX + 1).await
}

const MARKED_EVENTS: Sql = sql!(
    "SELECT count(*), count(*) FROM (SELECT x.id FROM events AS x" on(sqlite: " INDEXED BY events_by_mark", postgres: "")
    " WHERE x.account_id = $1 AND x.mark = $5 AND x.mark IS NOT NULL AND x.id > $2 AND x.id < $3 LIMIT $4) AS marked"
);

const ERASED: Sql = sql!(
    "SELECT count(*), count(*) FROM (SELECT x.id FROM events AS x" on(sqlite: " INDEXED BY events_by_code", postgres: "")
    " WHERE x.account_id = $1 AND x.code = $5 AND x.code IS NOT NULL AND x.id > $2 AND x.id < $3 LIMIT $4) AS erased"
);

/// The newest delivery of an event that is planned is the one that counts.
macro_rules! is_newest {
    ($delivery:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM deliveries AS n WHERE n.account_id = ",
            $delivery,
            ".account_id AND n.event_id = ",
            $delivery,
            ".event_id AND n.id > ",
            $delivery,
            ".id)"
        )
    };
}

const MARKED_DELIVERIES: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'planned' AND " is_newest!("m") " THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT x.account_id, x.event_id, x.id FROM deliveries AS x" on(sqlite: " INDEXED BY deliveries_by_mark", postgres: "")
    " WHERE x.account_id = $1 AND x.mark = $5 AND x.mark IS NOT NULL AND x.event_id > $2 AND x.event_id < $3 LIMIT $4) AS m
     CROSS JOIN events AS e WHERE e.account_id = m.account_id AND e.id = m.event_id"
);

const SENDING: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'received' AND e.id > $2 AND e.id < $3
       OR d.state = 'pending' AND d.attempts = 0 AND d.event_id > $2 AND d.event_id < $3 THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT w.account_id, w.item_id FROM work AS w WHERE w.account_id = $1 LIMIT $4) AS o
     LEFT JOIN events AS e ON e.account_id = o.account_id AND e.id = o.item_id
     LEFT JOIN deliveries AS d ON d.account_id = o.account_id AND d.id = o.item_id"
);

const SYNCED: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'planned' AND EXISTS (SELECT 1 FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = e.account_id AND d.event_id = e.id AND d.state = 'delivered' AND d.mark IS NULL AND " is_newest!("d") ") THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT x.account_id, x.id, x.state FROM events AS x
           WHERE x.account_id = $1 AND x.id > $2 AND x.id < $3 ORDER BY x.id DESC LIMIT $4) AS e"
);
