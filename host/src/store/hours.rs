//! Figures of each account and hour. An hour that is over is added up once and stored; what changes one of its leads later
//! marks it, and it is added up again. Test leads are left out.
//!
//! What an hour says of fields is read off the plans of its leads, so it is counted where nobody waits, and else only for
//! whoever asks for it.

mod fill;
mod house;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::retention::{first_id_since, time_of};
use super::{Conn, Query, Result, Rows, Sql, Store, StoreError, parse, query, sql, word};
use crate::cause::Code;
use crate::hours::fields::{FieldFigures, fields_of_lead};
use crate::hours::{Counted, Figures, begin, hour};
use crate::model::event::EventState;
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::{Outcome, Way};
use crate::model::time::Timestamp;

/// A change of an hour that has been over so long marks it. Less than [`fill::OVER`] by more than any round takes.
const MARKED: Duration = Duration::from_secs(30 * 60);
/// Leads that are added up for somebody who waits: some 50 ms.
const READ_MAX: i64 = 10_000;
/// Dealerships that are told by name: of more nobody would choose in a list.
const DEALERSHIPS_MAX: usize = 200;
/// Plans that are read at once: some megabytes.
const PLANS_AT_ONCE: usize = 500;
/// Between the time of an event's id and that of its commit there is no more.
const COMMIT_LAG: Duration = Duration::from_secs(60);

/// Of which dealerships of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dealerships {
    /// Of all in one.
    Together,
    /// Of each by itself.
    Each,
    /// Of the one of this slug; empty for leads that name none.
    One(String),
}

/// Whether plans are read for what the figures say of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Outcomes,
    Fields,
}

/// What became of the leads of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HourOfLeads {
    /// When it begins.
    pub hour: Timestamp,
    /// The slug of whose leads these are, empty for leads that name none; none: those of all together.
    pub dealership: Option<String>,
    pub figures: Figures,
}

/// How a row says whose figures it has: nothing for those of all, a sign and the slug for those of one.
fn key(dealership: Option<&str>) -> String {
    dealership.map_or_else(String::new, |slug| format!("={slug}"))
}

impl Dealerships {
    fn takes(&self, dealership: Option<&str>) -> bool {
        match self {
            Self::Together => dealership.is_none(),
            Self::Each => dealership.is_some(),
            Self::One(slug) => dealership == Some(slug),
        }
    }
}

/// The hours of a time, oldest first. One without leads is not among them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HoursOfLeads {
    pub hours: Vec<HourOfLeads>,
    /// Not every hour before this one is added up yet.
    pub complete_from: Option<Timestamp>,
    /// Leads that were read for it.
    #[serde(skip)]
    read: i64,
}

impl Store {
    /// The hours of an account from a time until another, whole ones. Nothing is said of fields.
    pub async fn lead_hours(
        &self,
        account: &AccountId,
        of: &Dealerships,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<HoursOfLeads> {
        let mut read = self.hours_of(account, of, (from, until), Depth::Outcomes).await?;
        read.hours.iter_mut().for_each(|hour| hour.figures.fields = FieldFigures::default());
        Ok(read)
    }

    /// The same with the fields of the leads: of hours that are not stored yet their plans are read.
    pub async fn field_hours(
        &self,
        account: &AccountId,
        of: &Dealerships,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<HoursOfLeads> {
        self.hours_of(account, of, (from, until), Depth::Fields).await
    }

    async fn hours_of(
        &self,
        account: &AccountId,
        of: &Dealerships,
        (from, until): (Timestamp, Timestamp),
        depth: Depth,
    ) -> Result<HoursOfLeads> {
        let (account, of) = (account.clone(), of.clone());
        let (from, to) = (hour(from), hour(Timestamp(until.0 - 1)) + 1);
        let mut read = self
            .db
            .read(move |conn| {
                Box::pin(async move {
                    let mut read = range(conn, &account, &of, (from, to), depth).await?;
                    read.hours.retain(|hour| of.takes(hour.dealership.as_deref()));
                    Ok(read)
                })
            })
            .await?;
        read.hours.sort_by(|a, b| (a.hour, &a.dealership).cmp(&(b.hour, &b.dealership)));
        Ok(read)
    }

    /// The slugs of the dealerships of which an account had leads since a time, in the order of the alphabet.
    pub async fn dealerships(&self, account: &AccountId, since: Timestamp) -> Result<Vec<String>> {
        let filled: Option<i64> = query(sql!("SELECT filled_to FROM hours_filled WHERE account_id = $1"))
            .bind(account.as_str())
            .fetch_optional(&self.db)
            .await?;
        let added_up = query(sql!(
            "SELECT DISTINCT dealership FROM lead_hours WHERE account_id = $1 AND hour >= $2 AND dealership > '='"
        ));
        let keys: Vec<String> = added_up.bind(account.as_str()).bind(hour(since)).fetch_all(&self.db).await?;
        // What is not added up yet is looked at itself.
        let first = EventId::earliest(begin(filled.unwrap_or(0).max(hour(since))) - COMMIT_LAG);
        let newest = query(sql!(
            "SELECT DISTINCT x.dealership FROM (
               SELECT e.dealership FROM events AS e WHERE e.account_id = $1 AND e.id >= $2 ORDER BY e.id DESC LIMIT $3) AS x
             WHERE x.dealership <> ''"
        ));
        let newest = newest.bind(account.as_str()).bind(first.as_str()).bind(READ_MAX);
        let newest: Vec<String> = newest.fetch_all(&self.db).await?;
        let slugs: BTreeSet<_> =
            keys.iter().filter_map(|key| key.strip_prefix('=')).map(str::to_owned).chain(newest).collect();
        Ok(slugs.into_iter().take(DEALERSHIPS_MAX).collect())
    }

    /// The hours of some accounts since a time, as far as they are added up: for lists, which need not know the last ones.
    pub async fn filled_hours(&self, accounts: &[AccountId], from: Timestamp) -> Result<Vec<(AccountId, HourOfLeads)>> {
        let ids: Vec<_> = accounts.iter().map(AccountId::as_str).collect();
        let rows: Vec<(String, i64, String)> = query(sql!(
            "SELECT account_id, hour, figures FROM lead_hours WHERE account_id IN " list("$1") " AND hour >= $2 AND dealership = ''"
        ))
        .bind(Rows::of(&ids))
        .bind(hour(from))
        .fetch_all(&self.db)
        .await?;
        let of = |(account, number, figures): (String, i64, String)| {
            let hour = HourOfLeads { hour: begin(number), dealership: None, figures: parse(&figures)? };
            Ok((AccountId::stored(account), hour))
        };
        rows.into_iter().map(of).collect()
    }
}

/// The hours of an account, from the first to before the last: stored ones, and what is not stored of them added up, the
/// newest first.
async fn range(
    conn: &mut Conn,
    account: &AccountId,
    of: &Dealerships,
    (from, to): (i64, i64),
    depth: Depth,
) -> Result<HoursOfLeads> {
    let within = |sql: Sql| query(sql).bind(account.as_str()).bind(from).bind(to);
    let filled: Option<i64> = query(sql!("SELECT filled_to FROM hours_filled WHERE account_id = $1"))
        .bind(account.as_str())
        .fetch_optional(&mut *conn)
        .await?;
    let filled = filled.unwrap_or(0).clamp(from, to);
    // What changed is read before what is stored: an hour that is added up again in between is merely added up twice.
    let changed = within(sql!(
        "SELECT hour FROM hours_changed WHERE account_id = $1 AND hour >= $2 AND hour < $3 ORDER BY hour DESC"
    ));
    let changed: Vec<i64> = changed.fetch_all(&mut *conn).await?;
    let one = match of {
        Dealerships::Together => Some(key(None)),
        Dealerships::One(slug) => Some(key(Some(slug))),
        Dealerships::Each => None,
    };
    let stored = within(sql!(
        "SELECT hour, dealership, figures FROM lead_hours
         WHERE account_id = $1 AND hour >= $2 AND hour < $3 AND ($4 IS NULL OR dealership = $4)"
    ));
    let mut hours = Vec::new();
    for (hour, key, figures) in stored.bind(one).fetch_all::<(i64, String, String)>(&mut *conn).await? {
        if hour < filled && !changed.contains(&hour) {
            let dealership = key.strip_prefix('=').map(str::to_owned);
            hours.push(HourOfLeads { hour: begin(hour), dealership, figures: parse(&figures)? });
        }
    }
    let counted = count(conn, account, (filled, to), READ_MAX, depth).await?;
    let mut complete_from = counted.complete_from;
    let mut left = READ_MAX - counted.read;
    hours.extend(counted.hours);
    for changed in changed.into_iter().filter(|hour| *hour < filled) {
        if left <= 0 {
            complete_from = complete_from.max(Some(begin(changed + 1)));
            break;
        }
        let counted = count(conn, account, (changed, changed + 1), READ_MAX, depth).await?;
        left -= counted.read;
        complete_from = complete_from.max(counted.complete_from);
        hours.extend(counted.hours);
    }
    Ok(HoursOfLeads { hours, complete_from, read: 0 })
}

/// What is counted of the leads among some events, the newest first.
macro_rules! leads_among {
    ($events:literal) => {
        sql!(
            "SELECT e.id, e.received_at, e.state, e.code, e.dealership, e.has_email, d.id, d.state, d.attempts, d.mark, d.code, d.contact, d.done_at,
               CASE WHEN $5 = 1 AND d.mark = 'warned' THEN d.outcome END
             FROM (" $events ") AS e
             LEFT JOIN deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
            " ON d.account_id = e.account_id AND d.event_id = e.id" on(sqlite: "", postgres: " AND d.id >= $4")
            " WHERE coalesce(e.is_test, 0) = 0 ORDER BY e.id DESC"
        )
    };
}
pub(super) use leads_among;

const LEADS: Sql = leads_among!(
    "SELECT * FROM events AS x WHERE x.account_id = $6 AND x.id >= $1 AND x.id < $2 ORDER BY x.id DESC LIMIT $3"
);

type Row = (
    String,
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
);

/// Figures by hour and dealership; those of none are of all together.
type Hours<'a> = BTreeMap<(i64, Option<&'a str>), Figures>;

/// Adds up hours, from the first to before the last; where that are too many leads, only the newest of these hours.
async fn count(
    conn: &mut Conn,
    account: &AccountId,
    (from, to): (i64, i64),
    most: i64,
    depth: Depth,
) -> Result<HoursOfLeads> {
    if from >= to {
        return Ok(HoursOfLeads::default());
    }
    let leads = leads_of(LEADS, (from, to), most, depth).bind(account.as_str());
    let leads: Vec<Row> = leads.fetch_all(&mut *conn).await?;
    let newest = newest(&leads);
    let read = i64::try_from(newest.len()).unwrap_or(i64::MAX);
    let oldest = leads.last().and_then(|lead| time_of(&lead.0));
    let complete = oldest.filter(|_| read >= most).map(|oldest| hour(oldest + COMMIT_LAG) + 1);
    let mut hours = Hours::new();
    let mut delivered = HashMap::new();
    for lead in newest.into_values() {
        let at = hour(Timestamp(lead.1));
        if at >= complete.unwrap_or(from) && at >= from && at < to {
            let (dealership, counted) = (lead.4.as_deref().unwrap_or_default(), counted(lead)?);
            for of in [None, Some(dealership)] {
                hours.entry((at, of)).or_default().add(&counted);
            }
            if let Some(delivery) =
                lead.6.as_deref().filter(|_| depth == Depth::Fields && is_delivered(counted.outcome))
            {
                delivered.insert(delivery, (at, dealership, lead.13.as_deref()));
            }
        }
    }
    add_fields(conn, account, &delivered, &mut hours).await?;
    let of_leads = |((hour, dealership), mut figures): ((i64, Option<&str>), Figures)| {
        figures.fields.cut();
        HourOfLeads { hour: begin(hour), dealership: dealership.map(str::to_owned), figures }
    };
    let complete_from = complete.filter(|complete| *complete > from).map(begin);
    Ok(HoursOfLeads { hours: hours.into_iter().map(of_leads).collect(), complete_from, read })
}

/// Asks for the leads of some hours, from the first to before the last, by a statement of [`leads_among`].
fn leads_of(statement: Sql, (from, to): (i64, i64), most: i64, depth: Depth) -> Query {
    let first = EventId::earliest(begin(from) - COMMIT_LAG);
    query(statement)
        .bind(first.as_str())
        .bind(EventId::earliest(begin(to) + COMMIT_LAG).as_str())
        .bind(most)
        .bind(first_id_since("dlv", first.as_str()))
        .bind(i64::from(depth == Depth::Fields))
}

/// Each lead once: of several deliveries of an event the newest counts.
fn newest(leads: &[Row]) -> HashMap<&str, &Row> {
    let mut newest: HashMap<&str, &Row> = HashMap::with_capacity(leads.len());
    for lead in leads {
        let known = newest.entry(&lead.0).or_insert(lead);
        if known.6 < lead.6 {
            *known = lead;
        }
    }
    newest
}

/// Adds what delivered leads had values for, by hour and dealership, with the progress of those that went short. Plans are
/// long, so not many are in memory at a time.
async fn add_fields<'a>(
    conn: &mut Conn,
    account: &AccountId,
    delivered: &HashMap<&'a str, (i64, &'a str, Option<&'a str>)>,
    hours: &mut Hours<'a>,
) -> Result<()> {
    let ids: Vec<_> = delivered.keys().copied().collect();
    for some in ids.chunks(PLANS_AT_ONCE) {
        let plans: Vec<(String, String)> =
            query(sql!("SELECT delivery_id, plan FROM plans WHERE account_id = $1 AND delivery_id IN " list("$2")))
                .bind(account.as_str())
                .bind(Rows::of(some))
                .fetch_all(&mut *conn)
                .await?;
        for (delivery, plan) in &plans {
            let Some((at, dealership, progress)) = delivered.get(delivery.as_str()) else { continue };
            let fields = fields_of_lead(plan, *progress).map_err(StoreError::decode)?;
            for of in [None, Some(*dealership)] {
                hours.entry((*at, of)).or_default().fields.add(&fields);
            }
        }
    }
    Ok(())
}

fn is_delivered(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Synced | Outcome::SyncedWithWarnings)
}

fn counted(lead: &Row) -> Result<Counted> {
    let (_, received_at, state, event_code, _, has_email, _, delivery, attempts, mark, code, contact, done_at, ..) =
        lead;
    let state: EventState = word(state)?;
    let delivery = delivery.as_deref().filter(|_| state == EventState::Planned);
    let way = delivery.map(|delivery| {
        let attempts = u32::try_from(attempts.unwrap_or(0)).map_err(StoreError::decode)?;
        Ok::<_, StoreError>(Way { state: word(delivery)?, attempts, is_short: mark.as_deref() == Some("warned") })
    });
    let way = way.transpose()?;
    let outcome = Outcome::decide(state, way, event_code.as_deref() == Some(Code::ContactErased.as_str()));
    let cause = event_code.as_ref().or(code.as_ref().filter(|_| way.is_some()));
    let is_delivered = is_delivered(outcome);
    let done_at = done_at.filter(|_| is_delivered).map(Timestamp);
    Ok(Counted {
        outcome,
        is_refused: state == EventState::Refused,
        contact: contact.as_deref().filter(|_| is_delivered).map(word).transpose()?,
        has_email: has_email.map(|has| has == 1),
        cause: cause.map(|code| code.parse::<Code>()).transpose().map_err(StoreError::decode)?,
        took: done_at.map(|done| done.since(Timestamp(*received_at))),
    })
}

/// Marks the hours of these events that may be stored by now; mostly none is.
pub(super) fn changed(events: &[(&AccountId, &EventId)], now: Timestamp) -> Option<Query> {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Row<'a> {
        account: &'a str,
        hour: i64,
    }
    let marked = hour(now - MARKED);
    let mut rows = Vec::new();
    for (account, event) in events {
        let Some(at) = time_of(event.as_str()) else { continue };
        // The commit may have been in the hour after.
        for hour in [hour(at), hour(at + COMMIT_LAG)] {
            if hour < marked {
                rows.push(Row { account: account.as_str(), hour });
            }
        }
    }
    // In one order, so that two of these never wait for each other.
    rows.sort();
    rows.dedup();
    let mark = || {
        query(sql!(
            "INSERT INTO hours_changed (account_id, hour, times)
             SELECT j.account, j.hour, 1 FROM " rows("$1"; account text, hour bigint) " AS j
             WHERE true ON CONFLICT (account_id, hour) DO UPDATE SET times = hours_changed.times + 1"
        ))
        .bind(Rows::of(&rows))
    };
    (!rows.is_empty()).then(mark)
}

/// Marks the hours of items, events or deliveries, that may be stored by now.
pub(super) fn changed_by(items: &Rows, now: Timestamp) -> [Query; 2] {
    let end = begin(hour(now - MARKED));
    let of_events = query(sql!(
        "INSERT INTO hours_changed (account_id, hour, times)
         SELECT DISTINCT e.account_id, e.received_at / 3600000, 1 FROM " rows("$1"; account text, item text) " AS j CROSS JOIN events AS e
         WHERE e.account_id = j.account AND e.id = j.item AND e.received_at < $2 ORDER BY 1, 2
         ON CONFLICT (account_id, hour) DO UPDATE SET times = hours_changed.times + 1"
    ));
    let of_deliveries = query(sql!(
        "INSERT INTO hours_changed (account_id, hour, times)
         SELECT DISTINCT e.account_id, e.received_at / 3600000, 1 FROM " rows("$1"; account text, item text) " AS j
         CROSS JOIN deliveries AS d CROSS JOIN events AS e
         WHERE d.account_id = j.account AND d.id = j.item AND e.account_id = d.account_id AND e.id = d.event_id AND e.received_at < $2
         ORDER BY 1, 2 ON CONFLICT (account_id, hour) DO UPDATE SET times = hours_changed.times + 1"
    ));
    [of_events.bind(items).bind(end.0), of_deliveries.bind(items).bind(end.0)]
}
