//! Issues as people see them: what stands in the way, since when, how many leads it concerns, and what people say and do
//! about it while it is open.

use serde::Serialize;

use super::causes::{self, closed, nothing_stands};
use super::retention::time_of;
use super::{Result, Rows, Sql, Store, parse, query, sql};
use crate::cause::Problem;
use crate::model::account::Connection;
use crate::model::id::{AccountId, CauseId};
use crate::model::time::Timestamp;

/// Leads of an account that are counted by the hour: beyond that a picture says "many" anyway.
const COUNTED_MAX: i64 = 10_000;

/// One issue of an account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Issue {
    pub id: CauseId,
    pub account_id: AccountId,
    pub problem: Problem,
    pub first_at: Timestamp,
    /// When it was met last, by a lead or by a check.
    pub last_at: Timestamp,
    /// Events and deliveries that wait until it is gone.
    pub held: i64,
    /// Leads that went through without a value, which can still be filled in.
    pub dropped: i64,
    /// The last check of a connection found it: it is there whether or not a lead meets it.
    pub stands: bool,
    /// Who has seen it and sees to it; none while nobody does.
    pub acknowledged: Option<Acknowledged>,
    /// Who wants no more of it for now; none where it is told of and counted.
    pub muted: Option<Muted>,
}

/// Somebody has seen an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Acknowledged {
    pub by: String,
    pub at: Timestamp,
}

/// Somebody wants no more of an issue for now: it is told to nobody and not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Muted {
    pub by: String,
    pub at: Timestamp,
    /// When that ends; none: when it concerns more leads than `leads`.
    pub until: Option<Timestamp>,
    /// Leads that it concerned when it was muted.
    pub leads: i64,
}

impl Issue {
    /// Leads that wait, and leads that went without.
    pub fn leads(&self) -> i64 {
        self.held + self.dropped
    }

    /// Whether it is muted now: each mute ends by itself.
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.muted.as_ref().is_some_and(|muted| match muted.until {
            Some(until) => now < until,
            None => self.leads() <= muted.leads,
        })
    }
}

/// What somebody said about an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = IssueComment)]
pub struct Comment {
    #[serde(skip)]
    pub issue_id: CauseId,
    pub by: String,
    pub at: Timestamp,
    pub text: String,
}

/// An issue that is over.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PastIssue {
    pub id: CauseId,
    pub account_id: AccountId,
    pub problem: Problem,
    pub first_at: Timestamp,
    pub over_at: Timestamp,
    /// Leads that waited and went on by themselves when it was mended.
    pub released: i64,
}

type Row = (
    String,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    i64,
);

/// How many wait under an issue, and how many went without.
macro_rules! concerned {
    (held) => {
        "(SELECT count(*) FROM held AS h WHERE h.account_id = c.account_id AND h.cause_id = c.id)"
    };
    (dropped) => {
        "(SELECT count(DISTINCT x.delivery_id) FROM dropped AS x WHERE x.account_id = c.account_id AND x.code = c.code AND x.subject = c.subject)"
    };
}

/// Whether an issue `c` is told of and counted at the time of the parameter: 1, or 0 where it is muted. Cheap: only of a muted
/// one is looked at what waits under it.
macro_rules! is_told {
    ($now:literal) => {
        concat!(
            "CASE WHEN c.muted_by IS NULL THEN 1
               WHEN c.muted_until IS NOT NULL THEN CASE WHEN c.muted_until > ",
            $now,
            " THEN 0 ELSE 1 END WHEN ",
            concerned!(held),
            " + ",
            concerned!(dropped),
            " > c.muted_leads THEN 1 ELSE 0 END"
        )
    };
}
pub(super) use {concerned, is_told};

const SELECT: &str = concat!(
    "SELECT c.account_id, c.id, c.problem, c.first_at, c.last_at, ",
    concerned!(held),
    ", ",
    concerned!(dropped),
    ", (SELECT count(*) FROM drift AS d WHERE d.account_id = c.account_id AND d.code = c.code AND d.subject = c.subject),
      c.seen_by, c.seen_at, c.muted_by, c.muted_at, c.muted_until, c.muted_leads
    FROM causes AS c "
);

fn issue(row: Row) -> Result<Issue> {
    let (account_id, id, problem, first_at, last_at, held, dropped, stands, ..) = row;
    let (.., seen_by, seen_at, muted_by, muted_at, until, leads) = row;
    Ok(Issue {
        id: CauseId::stored(id),
        account_id: AccountId::stored(account_id),
        problem: parse(&problem)?,
        first_at: Timestamp(first_at),
        last_at: Timestamp(last_at),
        held,
        dropped,
        stands: stands != 0,
        acknowledged: seen_by.zip(seen_at).map(|(by, at)| Acknowledged { by, at: Timestamp(at) }),
        muted: muted_by.zip(muted_at).map(|(by, at)| Muted {
            by,
            at: Timestamp(at),
            until: until.map(Timestamp),
            leads,
        }),
    })
}

impl Store {
    /// The open issues of an account, or of all; the oldest first.
    pub async fn issues(&self, account: Option<&AccountId>) -> Result<Vec<Issue>> {
        let text = format!("{SELECT} WHERE $1 IS NULL OR c.account_id = $1 ORDER BY c.account_id, c.id");
        let rows: Vec<Row> = query(Sql::same(text)).bind(account.map(AccountId::as_str)).fetch_all(&self.db).await?;
        rows.into_iter().map(issue).collect()
    }

    /// How many issues of an account are open and not muted.
    pub async fn open_issues(&self, account: &AccountId, now: Timestamp) -> Result<usize> {
        let count = query(sql!(
            "SELECT count(*) FROM causes AS c WHERE c.account_id = $1 AND " is_told!("$2") " = 1"
        ));
        let count = count.bind(account.as_str()).bind(now.0);
        Ok(usize::try_from(count.fetch_one::<i64>(&self.db).await?).unwrap_or(0))
    }

    /// One issue, while it is open.
    pub async fn issue(&self, id: &str) -> Result<Option<Issue>> {
        let text = format!("{SELECT} WHERE c.id = $1");
        let row: Option<Row> = query(Sql::same(text)).bind(id).fetch_optional(&self.db).await?;
        row.map(issue).transpose()
    }

    /// Issues of an account, or of all, that are over; those that ended last come first.
    pub async fn past_issues(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<PastIssue>> {
        self.past_issues_where("$1 IS NULL OR account_id = $1", account.map(AccountId::as_str), limit).await
    }

    /// One issue that is over, while it is remembered.
    pub async fn past_issue(&self, id: &str) -> Result<Option<PastIssue>> {
        Ok(self.past_issues_where("id = $1", Some(id), 1).await?.pop())
    }

    async fn past_issues_where(&self, which: &str, text: Option<&str>, limit: u32) -> Result<Vec<PastIssue>> {
        type Row = (String, String, String, i64, i64, i64);
        let rows: Vec<Row> = query(Sql::same(format!(
            "SELECT account_id, id, problem, first_at, over_at, released FROM past_causes
             WHERE {which} ORDER BY over_at DESC, id DESC LIMIT $2"
        )))
        .bind(text)
        .bind(limit)
        .fetch_all(&self.db)
        .await?;
        let past = |(account_id, id, problem, first_at, over_at, released): Row| {
            Ok(PastIssue {
                id: CauseId::stored(id),
                account_id: AccountId::stored(account_id),
                problem: parse(&problem)?,
                first_at: Timestamp(first_at),
                over_at: Timestamp(over_at),
                released,
            })
        };
        rows.into_iter().map(past).collect()
    }

    /// Somebody has seen an issue; none: nobody sees to it any more. Says whether it was still open.
    pub async fn acknowledge_issue(&self, issue: &Issue, seen: Option<&Acknowledged>) -> Result<bool> {
        let set = query(sql!("UPDATE causes SET seen_by = $3, seen_at = $4 WHERE account_id = $1 AND id = $2"));
        let set = set.bind(issue.account_id.as_str()).bind(issue.id.as_str());
        let set = set.bind(seen.map(|seen| seen.by.as_str())).bind(seen.map(|seen| seen.at.0));
        Ok(set.execute(&self.db).await? > 0)
    }

    /// Mutes an issue; none: it is told of and counted again. Says whether it was still open.
    pub async fn mute_issue(&self, issue: &Issue, muted: Option<&Muted>) -> Result<bool> {
        let set = query(sql!(
            "UPDATE causes SET muted_by = $3, muted_at = $4, muted_until = $5, muted_leads = $6 WHERE account_id = $1 AND id = $2"
        ));
        let set = set.bind(issue.account_id.as_str()).bind(issue.id.as_str());
        let set = set.bind(muted.map(|muted| muted.by.as_str())).bind(muted.map(|muted| muted.at.0));
        let set = set.bind(muted.and_then(|muted| muted.until).map(|until| until.0));
        Ok(set.bind(muted.map_or(0, |muted| muted.leads)).execute(&self.db).await? > 0)
    }

    /// Keeps what somebody says about an issue, unless that is as much already as may be said.
    pub async fn comment_on_issue(&self, account: &AccountId, comment: &Comment, comments_max: u32) -> Result<bool> {
        let insert = query(sql!(
            "INSERT INTO cause_comments (account_id, cause_id, number, at, by_whom, words)
             SELECT $1, $2, coalesce(max(k.number), 0) + 1, $3, $4, $5 FROM cause_comments AS k
             WHERE k.account_id = $1 AND k.cause_id = $2 HAVING count(*) < $6"
        ));
        let insert = insert.bind(account.as_str()).bind(comment.issue_id.as_str()).bind(comment.at.0);
        let insert = insert.bind(&comment.by).bind(&comment.text).bind(comments_max);
        Ok(insert.execute(&self.db).await? > 0)
    }

    /// What was said about some issues, the oldest first.
    pub async fn issue_comments(&self, issues: &[&CauseId]) -> Result<Vec<Comment>> {
        let ids: Vec<_> = issues.iter().map(|id| id.as_str()).collect();
        let rows: Vec<(String, String, i64, String)> = query(sql!(
            "SELECT cause_id, by_whom, at, words FROM cause_comments WHERE cause_id IN " list("$1") " ORDER BY cause_id, number"
        ))
        .bind(Rows::of(&ids))
        .fetch_all(&self.db)
        .await?;
        let comment = |(issue, by, at, text)| Comment { issue_id: CauseId::stored(issue), by, at: Timestamp(at), text };
        Ok(rows.into_iter().map(comment).collect())
    }

    /// When the leads came that issues of an account, or of all, concern, as far as they came after `from`: what waits,
    /// and what went without.
    pub async fn concerned_by_issues(
        &self,
        account: Option<&AccountId>,
        from: Timestamp,
    ) -> Result<Vec<(CauseId, Timestamp)>> {
        // The time stands in each id, behind a prefix of four.
        let found = query(sql!(
            "SELECT c.id, h.item_id FROM causes AS c JOIN held AS h ON h.account_id = c.account_id AND h.cause_id = c.id
               WHERE ($1 IS NULL OR c.account_id = $1) AND substr(h.item_id, 5, 12) >= $2
             UNION SELECT c.id, x.delivery_id FROM causes AS c
               JOIN dropped AS x ON x.account_id = c.account_id AND x.code = c.code AND x.subject = c.subject
               WHERE ($1 IS NULL OR c.account_id = $1) AND substr(x.delivery_id, 5, 12) >= $2
             LIMIT $3"
        ));
        let found =
            found.bind(account.map(AccountId::as_str)).bind(format!("{:012x}", from.0.max(0))).bind(COUNTED_MAX);
        let rows: Vec<(String, String)> = found.fetch_all(&self.db).await?;
        let at = |(issue, item): (String, String)| Some((CauseId::stored(issue), time_of(&item)?));
        Ok(rows.into_iter().filter_map(at).collect())
    }

    /// Opens an issue under which nothing waits yet. One that is open stays, and was met again.
    pub async fn open_issue(&self, account: &AccountId, problem: &Problem, now: Timestamp) -> Result<()> {
        causes::open(account, std::slice::from_ref(problem), now).execute(&self.db).await.map(drop)
    }

    /// Closes an issue, unless something waits under it or a check still finds it. Says whether it did.
    pub async fn close_issue(&self, issue: &Issue, now: Timestamp) -> Result<bool> {
        let close =
            query(sql!("DELETE FROM causes WHERE account_id = $1 AND id = $2 AND " nothing_stands!() closed!()))
                .bind(issue.account_id.as_str())
                .bind(issue.id.as_str());
        let closed = self.db.write(move |tx| Box::pin(async move { causes::close(tx, close, now).await }));
        Ok(closed.await? > 0)
    }

    /// Takes in what a check of a connection found: each problem is an issue, and those that an earlier check found
    /// and this one did not are closed, unless something waits under them.
    pub async fn set_drift(&self, connection: &Connection, problems: &[Problem], now: Timestamp) -> Result<()> {
        let found = |problem: &Problem| Found {
            code: problem.code.as_str().to_owned(),
            subject: problem.subject.clone().unwrap_or_default(),
        };
        let found = Rows::of(&problems.iter().map(found).collect::<Vec<_>>());
        let (account, connection) = (connection.account_id.to_string(), connection.id.to_string());
        let open = causes::open(&AccountId::stored(account.clone()), problems, now);
        let set = self.db.write(move |tx| {
            Box::pin(async move {
                let gone: Vec<(String, String)> = query(sql!(
                    "DELETE FROM drift WHERE account_id = $1 AND connection_id = $2
                     AND (code, subject) NOT IN (SELECT j.code, j.subject FROM " rows("$3"; code text, subject text) " AS j) RETURNING code, subject"
                ))
                .bind(&account)
                .bind(&connection)
                .bind(&found)
                .fetch_all(&mut *tx)
                .await?;
                let drift = query(sql!(
                    "INSERT INTO drift (account_id, connection_id, code, subject)
                     SELECT $1, $2, j.code, j.subject FROM " rows("$3"; code text, subject text) " AS j WHERE true ON CONFLICT DO NOTHING"
                ));
                drift.bind(&account).bind(&connection).bind(&found).execute(&mut *tx).await?;
                open.execute(&mut *tx).await?;
                let gone = gone.into_iter().map(|(code, subject)| Found { code, subject });
                let close = query(sql!(
                    "DELETE FROM causes WHERE account_id = $1 AND (code, subject) IN (SELECT j.code, j.subject FROM "
                    rows("$2"; code text, subject text) " AS j) AND " nothing_stands!() closed!()
                ));
                let close = close.bind(&account).bind(Rows::of(&gone.collect::<Vec<_>>()));
                causes::close(tx, close, now).await.map(drop)
            })
        });
        set.await
    }
}

/// A cause and what it is about, as a row of a batch statement.
#[derive(Serialize)]
struct Found {
    code: String,
    subject: String,
}
