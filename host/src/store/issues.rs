//! Issues as people see them: what stands in the way, since when, and how many leads it concerns.

use serde::Serialize;

use super::causes::{self, nothing_stands};
use super::{Result, Rows, Sql, Store, parse, query, sql};
use crate::cause::Problem;
use crate::model::account::Connection;
use crate::model::id::{AccountId, CauseId};
use crate::model::time::Timestamp;

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
}

type Row = (String, String, String, i64, i64, i64, i64, i64);

const SELECT: &str = "SELECT c.account_id, c.id, c.problem, c.first_at, c.last_at,
      (SELECT count(*) FROM held AS h WHERE h.account_id = c.account_id AND h.cause_id = c.id),
      (SELECT count(DISTINCT x.delivery_id) FROM dropped AS x WHERE x.account_id = c.account_id AND x.code = c.code AND x.subject = c.subject),
      (SELECT count(*) FROM drift AS d WHERE d.account_id = c.account_id AND d.code = c.code AND d.subject = c.subject)
    FROM causes AS c ";

fn issue((account_id, id, problem, first_at, last_at, held, dropped, stands): Row) -> Result<Issue> {
    Ok(Issue {
        id: CauseId::stored(id),
        account_id: AccountId::stored(account_id),
        problem: parse(&problem)?,
        first_at: Timestamp(first_at),
        last_at: Timestamp(last_at),
        held,
        dropped,
        stands: stands != 0,
    })
}

impl Store {
    /// The open issues of an account, or of all; the oldest first.
    pub async fn issues(&self, account: Option<&AccountId>) -> Result<Vec<Issue>> {
        let text = format!("{SELECT} WHERE $1 IS NULL OR c.account_id = $1 ORDER BY c.account_id, c.id");
        let rows: Vec<Row> = query(Sql::same(text)).bind(account.map(AccountId::as_str)).fetch_all(&self.db).await?;
        rows.into_iter().map(issue).collect()
    }

    /// How many issues of an account are open. Cheap: what waits under them is not looked at.
    pub async fn open_issues(&self, account: &AccountId) -> Result<usize> {
        let count = query(sql!("SELECT count(*) FROM causes WHERE account_id = $1")).bind(account.as_str());
        Ok(usize::try_from(count.fetch_one::<i64>(&self.db).await?).unwrap_or(0))
    }

    /// One issue, while it is open.
    pub async fn issue(&self, id: &str) -> Result<Option<Issue>> {
        let text = format!("{SELECT} WHERE c.id = $1");
        let row: Option<Row> = query(Sql::same(text)).bind(id).fetch_optional(&self.db).await?;
        row.map(issue).transpose()
    }

    /// Opens an issue under which nothing waits yet. One that is open stays, and was met again.
    pub async fn open_issue(&self, account: &AccountId, problem: &Problem, now: Timestamp) -> Result<()> {
        causes::open(account, std::slice::from_ref(problem), now).execute(&self.db).await.map(drop)
    }

    /// Closes an issue, unless something waits under it or a check still finds it. Says whether it did.
    pub async fn close_issue(&self, issue: &Issue) -> Result<bool> {
        let closed = query(sql!("DELETE FROM causes WHERE account_id = $1 AND id = $2 AND " nothing_stands!()))
            .bind(issue.account_id.as_str())
            .bind(issue.id.as_str())
            .execute(&self.db)
            .await?;
        Ok(closed > 0)
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
                query(sql!(
                    "DELETE FROM causes WHERE account_id = $1 AND (code, subject) IN (SELECT j.code, j.subject FROM "
                    rows("$2"; code text, subject text) " AS j) AND " nothing_stands!()
                ))
                .bind(&account)
                .bind(Rows::of(&gone.collect::<Vec<_>>()))
                .execute(tx)
                .await
                .map(drop)
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
