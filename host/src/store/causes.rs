//! Issues: one cause for an account and a subject, and what waits under it.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{Conn, Query, Result, Rows, Store, changes, json, lanes, query, sql};
use crate::cause::{Code, Problem};
use crate::model::account::Connection;
use crate::model::delivery::BAND_RETRY;
use crate::model::id::{AccountId, CauseId};
use crate::model::time::Timestamp;

/// Something that waits for a cause to be removed.
pub(super) struct Waiting<'a> {
    pub(super) account: &'a AccountId,
    pub(super) problem: &'a Problem,
    /// The event that is held, or the delivery that is blocked.
    pub(super) item: &'a str,
    /// Where it goes when the cause is gone.
    pub(super) lane: &'a str,
    /// Of the person it is about.
    pub(super) key_hash: Option<&'a str>,
}

/// Items that go back into the queue in one statement.
pub(super) const PAGE: u32 = 500;

/// Nothing waits under a cause, and no check of a connection says that it is still there.
macro_rules! nothing_stands {
    () => {
        "NOT EXISTS (SELECT 1 FROM held AS h WHERE h.account_id = causes.account_id AND h.cause_id = causes.id)
         AND NOT EXISTS (SELECT 1 FROM drift AS d WHERE d.account_id = causes.account_id AND d.code = causes.code AND d.subject = causes.subject)"
    };
}
pub(super) use nothing_stands;

/// Ends a statement that takes issues away, for [`close`].
macro_rules! closed {
    () => {
        " RETURNING account_id, id, problem, first_at, released"
    };
}
pub(super) use closed;

/// For how long an issue is remembered that is over, with what was said about it.
const REMEMBERED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Takes issues away by a statement that ends with [`closed!`], and remembers that they were there. Says how many.
pub(super) async fn close(tx: &mut Conn, closing: Query, now: Timestamp) -> Result<u64> {
    let over: Vec<(String, String, String, i64, i64)> = closing.fetch_all(&mut *tx).await?;
    let Some((account, ..)) = over.first() else { return Ok(0) };
    let forget = [
        sql!(
            "DELETE FROM cause_comments WHERE account_id = $1 AND cause_id IN
               (SELECT p.id FROM past_causes AS p WHERE p.account_id = $1 AND p.over_at < $2)"
        ),
        sql!("DELETE FROM past_causes WHERE account_id = $1 AND over_at < $2"),
    ];
    for statement in forget {
        query(statement).bind(account).bind((now - REMEMBERED).0).execute(&mut *tx).await?;
    }
    let row = |(account, id, problem, first_at, released): &(String, String, String, i64, i64)| json!({ "account": account, "id": id, "problem": problem, "first_at": first_at, "released": released });
    query(sql!(
        "INSERT INTO past_causes (account_id, id, problem, first_at, over_at, released)
         SELECT j.account, j.id, j.problem, j.first_at, $2, j.released
         FROM " rows("$1"; account text, id text, problem text, first_at bigint, released bigint) " AS j
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(Rows::of(&over.iter().map(row).collect::<Vec<_>>()))
    .bind(now.0)
    .execute(tx)
    .await?;
    Ok(over.len() as u64)
}

/// Counts, for the issues of these rows, what goes on because their cause is gone.
pub(super) fn count_released(rows: &Rows) -> Query {
    query(sql!(
        "UPDATE causes AS c SET released = c.released + j.items FROM
           (SELECT r.account, r.cause, count(*) AS items FROM " rows("$1"; account text, cause text) " AS r GROUP BY r.account, r.cause) AS j
         WHERE c.account_id = j.account AND c.id = j.cause"
    ))
    .bind(rows)
}

/// Which causes of an account are released.
struct Released<'a> {
    account: &'a AccountId,
    codes: &'a Rows,
    /// Only those about this.
    subject: Option<&'a str>,
    /// Only what waits to go into this lane.
    lane: Option<&'a str>,
    /// Whether the issue stays, because nobody knows yet whether its cause is gone.
    keeps_issue: bool,
}

impl Store {
    /// Puts everything that waits under these causes of an account back into the queue, in pages, and closes them.
    /// Returns how much that was.
    pub async fn release(&self, account: &AccountId, codes: &[Code], now: Timestamp) -> Result<u64> {
        let codes = Rows::of(codes);
        self.release_all(&Released { account, codes: &codes, subject: None, lane: None, keeps_issue: false }, now).await
    }

    /// The same for one issue, and for what waits to go to one connection.
    pub async fn release_issue(&self, connection: &Connection, problem: &Problem, now: Timestamp) -> Result<u64> {
        self.release_from(connection, problem, false, now).await
    }

    /// Puts what waits under an issue back into the queue for one try, since nothing else can tell whether its cause is
    /// gone. The issue stays; what fails again comes back to it.
    pub async fn try_issue(&self, connection: &Connection, problem: &Problem, now: Timestamp) -> Result<u64> {
        self.release_from(connection, problem, true, now).await
    }

    async fn release_from(
        &self,
        connection: &Connection,
        problem: &Problem,
        keeps_issue: bool,
        now: Timestamp,
    ) -> Result<u64> {
        let (codes, lane) = (Rows::of(&[problem.code]), Some(connection.id.as_str()));
        let subject = Some(problem.subject.as_deref().unwrap_or(""));
        let account = &connection.account_id;
        self.release_all(&Released { account, codes: &codes, subject, lane, keeps_issue }, now).await
    }

    async fn release_all(&self, released: &Released<'_>, now: Timestamp) -> Result<u64> {
        let mut count = 0;
        loop {
            let page = self.release_page(released, now).await?;
            count += page;
            if page < u64::from(PAGE) {
                return Ok(count);
            }
        }
    }

    async fn release_page(&self, released: &Released<'_>, now: Timestamp) -> Result<u64> {
        let waiting = query(sql!(
            "SELECT h.cause_id, h.item_id, h.lane_id, h.key_hash FROM causes AS c
             JOIN held AS h ON h.account_id = c.account_id AND h.cause_id = c.id
             WHERE c.account_id = $1 AND c.code IN " list("$2") "
               AND ($4 IS NULL OR c.subject = $4) AND ($5 IS NULL OR h.lane_id = $5) ORDER BY h.item_id LIMIT $3"
        ));
        let account = released.account.to_string();
        let waiting = waiting.bind(&account).bind(released.codes).bind(PAGE).bind(released.subject).bind(released.lane);
        let close = query(sql!(
            "DELETE FROM causes WHERE account_id = $1 AND code IN " list("$2") " AND ($3 IS NULL OR subject = $3) AND "
            nothing_stands!() closed!()
        ));
        let close = close.bind(&account).bind(released.codes).bind(released.subject);
        let keeps_issue = released.keeps_issue;
        let release = self.db.write(move |tx| {
            Box::pin(async move {
                let items: Vec<Held> = waiting.fetch_all(&mut *tx).await?;
                let rows = go_on(tx, &account, &items, now).await?;
                if !keeps_issue {
                    count_released(&rows).execute(&mut *tx).await?;
                    self::close(tx, close, now).await?;
                }
                Ok(items.len() as u64)
            })
        });
        release.await
    }
}

/// What waits under an issue: the issue, the item, the lane that it goes into, and the person whose order is kept.
pub(super) type Held = (String, String, String, Option<String>);

/// Lets held items of an account go on: they are due now. Returns them as rows, for [`count_released`].
pub(super) async fn go_on(tx: &mut Conn, account: &str, held: &[Held], now: Timestamp) -> Result<Rows> {
    let row = |(cause, item, lane, key): &Held| json!({ "account": account, "cause": cause, "item": item, "lane": lane, "key": key });
    let rows = Rows::of(&held.iter().map(row).collect::<Vec<_>>());
    // Lanes come first, as wherever both are changed: so nobody waits for one who waits for him.
    for statement in std::iter::once(lanes::wake(&rows, now)).chain(to_the_queue(&rows, now)) {
        statement.execute(&mut *tx).await?;
    }
    changes::mark(tx, &rows, now).await?;
    Ok(rows)
}

/// Puts held items back into the queue, but for what somebody called off meanwhile: so the deliveries come first. What
/// waited to be looked at was looked at.
fn to_the_queue(rows: &Rows, now: Timestamp) -> [Query; 3] {
    let work = query(sql!(
        "INSERT INTO work (account_id, lane_id, band, due_at, item_id, key_hash)
         SELECT j.account, j.lane, $3, $2, j.item, j.key FROM " rows("$1"; account text, lane text, item text, key text) " AS j
         WHERE NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = j.account AND d.id = j.item AND d.state = 'cancelled')
         ON CONFLICT DO NOTHING"
    ));
    let pending = query(sql!(
        "UPDATE deliveries AS d SET state = 'pending', due_at = $2, attempts = 0, first_at = NULL,
           outcome = CASE WHEN d.code = 'lead.for_review' THEN '{\"reviewed\":true,' || substr(d.outcome, 2) ELSE d.outcome END
         FROM " rows("$1"; account text, item text) " AS j
         WHERE d.account_id = j.account AND d.id = j.item AND d.state = 'blocked'"
    ));
    let held = query(sql!(
        "DELETE FROM held WHERE (account_id, cause_id, item_id) IN (SELECT j.account, j.cause, j.item FROM "
        rows("$1"; account text, cause text, item text) " AS j)"
    ));
    [pending.bind(rows).bind(now.0), work.bind(rows).bind(now.0).bind(BAND_RETRY), held.bind(rows)]
}

#[derive(Serialize)]
struct Row<'a> {
    account: &'a str,
    id: String,
    code: &'a str,
    subject: &'a str,
    problem: String,
    item: &'a str,
    lane: &'a str,
    key: Option<&'a str>,
}

/// Opens the issues that are not open yet, and puts each item under its own. None where nothing waits.
pub(super) fn hold(waiting: &[Waiting<'_>], now: Timestamp) -> Vec<Query> {
    if waiting.is_empty() {
        return Vec::new();
    }
    let rows: Vec<_> = waiting.iter().map(|waiting| row(waiting, now)).collect();
    // Once each, whoever waits under it: Postgres writes no row twice in one statement.
    let mut issues: Vec<&Row<'_>> = Vec::new();
    for row in &rows {
        if !issues.iter().any(|known| (known.code, known.subject) == (row.code, row.subject)) {
            issues.push(row);
        }
    }
    let held = query(sql!(
        "INSERT INTO held (account_id, cause_id, item_id, lane_id, key_hash)
         SELECT c.account_id, c.id, j.item, j.lane, j.key
         FROM " rows("$1"; account text, code text, subject text, item text, lane text, key text) " AS j
         JOIN causes AS c ON c.account_id = j.account AND c.code = j.code AND c.subject = j.subject
         WHERE true ON CONFLICT DO NOTHING"
    ));
    vec![open_all(&Rows::of(&issues), now), held.bind(Rows::of(&rows))]
}

fn row<'a>(waiting: &Waiting<'a>, now: Timestamp) -> Row<'a> {
    Row {
        account: waiting.account.as_str(),
        id: CauseId::new(now).as_str().to_owned(),
        code: waiting.problem.code.as_str(),
        subject: waiting.problem.subject.as_deref().unwrap_or(""),
        problem: json(waiting.problem),
        item: waiting.item,
        lane: waiting.lane,
        key: waiting.key_hash,
    }
}

/// Opens the issues of these rows that are not open yet.
fn open_all(rows: &Rows, now: Timestamp) -> Query {
    query(sql!(
        "INSERT INTO causes (account_id, id, code, subject, problem, first_at, last_at)
         SELECT j.account, j.id, j.code, j.subject, j.problem, $2, $2
         FROM " rows("$1"; account text, id text, code text, subject text, problem text) " AS j
         WHERE true ORDER BY j.account, j.code, j.subject
         ON CONFLICT (account_id, code, subject) DO UPDATE SET last_at = excluded.last_at"
    ))
    .bind(rows)
    .bind(now.0)
}

#[derive(Serialize)]
struct OpenRow<'a> {
    account: &'a str,
    id: String,
    code: &'a str,
    subject: &'a str,
    problem: String,
}

/// Opens issues under which nothing waits: something does not fit, and leads go on without it or have not met it yet.
pub(super) fn open(account: &AccountId, problems: &[Problem], now: Timestamp) -> Query {
    let mut rows: Vec<OpenRow<'_>> = Vec::new();
    for problem in problems {
        let (code, subject) = (problem.code.as_str(), problem.subject.as_deref().unwrap_or(""));
        if rows.iter().any(|known| (known.code, known.subject) == (code, subject)) {
            continue;
        }
        let id = CauseId::new(now).as_str().to_owned();
        rows.push(OpenRow { account: account.as_str(), id, code, subject, problem: json(problem) });
    }
    open_all(&Rows::of(&rows), now)
}
