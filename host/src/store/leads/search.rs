//! The way of a filter through the ids: which indexes give keys for it, in which ranges, and what is read of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::super::retention::{first_id_since, time_of};
use super::super::{Conn, Query, Result, Rows, Sql, query, sql, words};
use super::{Key, LeadFilter, LeadPage, LeadRow, PAGE_MAX, READ_STEP, read, with_bodies};
use crate::cause::Code;
use crate::hours;
use crate::model::delivery::ContactWrite;
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::{Group, Outcome};
use crate::model::time::Timestamp;
use crate::words::{TEST_WORD, Wanted, dealership_word, terms};

/// Leads that are read for a page: some 20 ms. Where that is not enough, the page says how far it looked.
const READ_MAX: usize = 2_000;
/// Keys of one index that are read at once: first so many, then more and more.
const KEYS_FIRST: usize = 256;
const KEYS_STEP: usize = 5_000;
/// Keys that are read from all indexes for a page.
const KEYS_MAX: usize = 20_000;
/// Hours of words that are looked into at once: first so many, then more and more, a month at most; and of all accounts
/// together.
const HOURS_FIRST: i64 = 12;
const HOURS_STEP: i64 = 768;
pub(super) const ACCOUNT_HOURS_STEP: i64 = 10_000;
/// More open work than this is no set to look through: then what is sent is all that is new.
const WORK_MAX: usize = 4_000;
/// An event's id is made a moment before the event is stored, and its time of receipt is that of the commit.
const COMMIT_LAG: Duration = Duration::from_secs(60);

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
    let group = match filter.group {
        Some(Group::Open) => {
            vec![deliveries("mark", "retrying"), events("mark", "held"), deliveries("mark", "blocked"), Part::Work]
        }
        // Those that were removed are skipped, too, as far as the queue is concerned.
        Some(Group::NotSent) => vec![events("mark", "skipped"), deliveries("mark", "cancelled")],
        Some(Group::InHubspot | Group::NotInHubspot) | None => Vec::new(),
    };
    let duplicate = filter.duplicate.then(|| deliveries("duplicate", "possible")).into_iter().collect();
    let contact = match filter.contact {
        Some(None) => vec![deliveries("lacks", "contact")],
        // Nearly every lead has one of both.
        Some(Some(ContactWrite::Created | ContactWrite::Updated)) | None => Vec::new(),
    };
    let whole = [outcome, group, cause, duplicate, contact];
    let whole = whole.into_iter().map(|parts| Source { parts, kind: Kind::Whole });
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
    let traits = traits.map(|word| {
        // What was removed lost its words, and still has its traits.
        let parts = vec![Part::Word(word), events("code", Code::ContactErased.as_str())];
        Source { parts, kind: Kind::Trait }
    });
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
pub(super) struct Found {
    pub(super) rows: Vec<LeadRow>,
    /// It was not looked behind this id.
    pub(super) stopped_at: Option<String>,
    /// Because that would have taken too long.
    is_cut: bool,
}

/// A filter on its way through the ids.
pub(super) struct Search {
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
    pub(super) fn of(filter: &LeadFilter) -> Option<Self> {
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

    pub(super) async fn page(self, conn: &mut Conn) -> Result<LeadPage> {
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
    pub(super) async fn find(mut self, conn: &mut Conn, limit: usize) -> Result<Found> {
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
            None => hours_of_all(conn).await?,
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
        let found = words_of(&self.accounts, hours.unwrap_or((0, -1)), (first, last), self.order());
        let found = found.bind(&range.after).bind(&range.before).bind(self.keys_step as i64);
        let found: Vec<(String, String, String)> = found.fetch_all(conn).await?;
        let stopped_at = (found.len() == self.keys_step).then(|| found.last().map(|(id, ..)| id.clone())).flatten();
        let takes = |word: &str| wanted.is_none_or(|wanted| wanted.takes(word));
        let keys = found.into_iter().filter(|(.., word)| takes(word)).map(|(id, account, _)| (id, account)).collect();
        Ok(Keys { keys, stopped_at })
    }

    /// The events of what is open and was not tried yet: what was has a mark. None where that is too much to look through.
    async fn work(&self, conn: &mut Conn, range: &Range) -> Result<Option<Keys>> {
        let items = query(if self.account().is_some() { WORK_OF_ONE } else { WORK_OF_ALL }).bind(self.account());
        let items: Vec<(Option<String>, String)> = items.bind(WORK_MAX as i64 + 1).fetch_all(conn).await?;
        if items.len() > WORK_MAX {
            return Ok(None);
        }
        let keys = items.into_iter().filter_map(|(event, account)| Some((event?, account)));
        let keys = keys.filter(|(event, _)| *event > range.after && *event < range.before).collect();
        Ok(Some(Keys { keys, stopped_at: None }))
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

/// The words from the first to the last in these hours of accounts, with the event and the account of each. It is still to
/// be given the ids that they are between, and how many are read at most.
pub(super) fn words_of(
    accounts: &[String],
    (from, to): (i64, i64),
    (first, last): (&str, &str),
    order: &'static str,
) -> Query {
    #[derive(Serialize)]
    struct Hour<'a> {
        account: &'a str,
        hour: i64,
    }
    let hours: Vec<_> =
        accounts.iter().flat_map(|account| (from..=to).map(move |hour| Hour { account, hour })).collect();
    let found = query(words::WORDS.and(&format!(" ORDER BY event_id {order} LIMIT $6")));
    found.bind(Rows::of(&hours)).bind(first).bind(last)
}

/// The first and the last hour of which there are bodies, of whatever account.
pub(super) async fn hours_of_all(conn: &mut Conn) -> Result<(Option<i64>, Option<i64>)> {
    let id = |order| query(Sql::same(format!("SELECT event_id FROM event_bodies ORDER BY event_id {order} LIMIT 1")));
    let hour = |id: Option<String>| id.as_deref().and_then(time_of).map(hours::hour);
    let first: Option<String> = id("ASC").fetch_optional(&mut *conn).await?;
    Ok((hour(first), hour(id("DESC").fetch_optional(conn).await?)))
}

/// The event of each open item of the first `$2`; null where it was tried already.
macro_rules! work_of {
    ($whose:literal) => {
        sql!(
            "SELECT CASE WHEN o.item_id LIKE 'evt%' THEN o.item_id ELSE d.event_id END, o.account_id
             FROM (SELECT w.item_id, w.account_id FROM work AS w WHERE " $whose " LIMIT $2) AS o
             LEFT JOIN deliveries AS d ON d.account_id = o.account_id AND d.id = o.item_id AND d.attempts = 0"
        )
    };
}

pub(in crate::store) const WORK_OF_ONE: Sql = work_of!("w.account_id = $1");
const WORK_OF_ALL: Sql = work_of!("$1 IS NULL");

/// Keys as an index gave them, in the order of the search.
fn keys(rows: Vec<Key>, step: usize) -> Keys {
    let stopped_at = (rows.len() == step).then(|| rows.last().map(|(id, _)| id.clone())).flatten();
    Keys { keys: rows.into_iter().collect(), stopped_at }
}
