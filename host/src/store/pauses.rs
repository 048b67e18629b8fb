//! Pauses: lanes that nobody leases until somebody resumes them. Whoever holds a lease goes on to the end of the round,
//! so nothing is cut off. And what an operator sees of the lanes.

use serde::Serialize;

use super::{Result, Sql, Store, StoreError, parse, query, sql, word};
use crate::cause::Problem;
use crate::model::id::AccountId;
use crate::model::lane::{LaneKind, PauseScope};
use crate::model::time::Timestamp;

/// Lanes that one list shows, those that are due first: enough to see what is wrong.
const LISTED_MAX: u32 = 500;
/// Open work of a lane is counted so far, so that a list never reads a long queue.
pub const COUNTED_MAX: i64 = 1_000;

/// Nobody paused the lane of a row of `lanes`, nor its account, nor everything. Without lists that hold a column: SQLite
/// makes a table of each, for every row.
macro_rules! not_paused {
    () => {
        "NOT EXISTS (SELECT 1 FROM pauses AS s WHERE s.account_id = '')
         AND NOT EXISTS (SELECT 1 FROM pauses AS s WHERE s.account_id = lanes.account_id AND (s.lane_id = '' OR s.lane_id = lanes.id))"
    };
}
pub(super) use not_paused;

/// A lane, as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Lane)]
pub struct ShownLane {
    pub id: String,
    pub kind: LaneKind,
    pub account_id: AccountId,
    /// The account's slug.
    pub account: String,
    /// First attempts and retries that are open, and how many of both are due; [`COUNTED_MAX`] + 1 stands for more.
    pub firsts: i64,
    pub retries: i64,
    pub due: i64,
    /// Who works on it, and until when at most.
    pub held: Option<(String, Timestamp)>,
    /// Until when it rests, and why where people should know.
    pub rest: Option<(Timestamp, Option<Problem>)>,
    /// Since when it stands still because somebody said so: of the widest of its pauses.
    pub paused_since: Option<Timestamp>,
}

impl ShownLane {
    /// Whether something waits in it, somebody works on it, or it stands still.
    pub fn is_of_note(&self) -> bool {
        self.firsts + self.retries > 0 || self.held.is_some() || self.paused_since.is_some()
    }
}

/// What a lane does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum LaneDoing {
    /// Somebody said that it stands still.
    Paused,
    AtWork,
    /// Until a time, such as the one that HubSpot asked for.
    Rests,
    Waits,
}

impl LaneDoing {
    pub const ALL: [Self; 4] = [Self::Paused, Self::AtWork, Self::Rests, Self::Waits];

    pub fn title(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::AtWork => "at work",
            Self::Rests => "rests",
            Self::Waits => "waits",
        }
    }
}

/// Which lanes are looked for.
#[derive(Clone, Debug, Default)]
pub struct LaneFilter {
    pub account: Option<AccountId>,
    pub state: Option<LaneDoing>,
    /// Only those in which something waits, on which somebody works, or which stand still.
    pub of_note: bool,
}

impl PauseScope {
    /// Account and lane as `pauses` has them.
    fn key(&self) -> (&str, &str) {
        match self {
            Self::All => ("", ""),
            Self::Account(account) => (account.as_str(), ""),
            Self::Lane(account, lane) => (account.as_str(), lane),
        }
    }

    fn stored(account: String, lane: String) -> Self {
        match (account.as_str(), lane.as_str()) {
            ("", _) => Self::All,
            (_, "") => Self::Account(AccountId::stored(account)),
            _ => Self::Lane(AccountId::stored(account), lane),
        }
    }
}

/// One more than is counted says that there are more.
macro_rules! counted {
    ($condition:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT 1 FROM work AS w WHERE w.account_id = l.account_id AND w.lane_id = l.id AND ", $condition, " LIMIT $3) AS c)"
        )
    };
}

pub(super) const LANES: Sql = sql!(
    "SELECT l.id, l.kind, l.account_id, a.slug, " counted!("w.band = 0") ", " counted!("w.band = 1") ",
       " counted!("w.band = 0 AND w.due_at <= $2") " + " counted!("w.band = 1 AND w.due_at <= $2") ",
       l.owner, l.lease_until, l.paused_until, l.pause,
       (SELECT min(s.since) FROM pauses AS s WHERE s.account_id IN ('', l.account_id) AND s.lane_id IN ('', l.id))
     FROM (SELECT * FROM lanes WHERE ($1 IS NULL OR account_id = $1)
             AND ($6 = '' OR $6 = CASE WHEN NOT (" not_paused!() ") THEN 'paused'
               WHEN owner IS NOT NULL AND lease_until > $2 THEN 'at_work' WHEN paused_until > $2 THEN 'rests' ELSE 'waits' END)
             AND ($7 = 0 OR owner IS NOT NULL AND lease_until > $2 OR NOT (" not_paused!() ")
               OR EXISTS (SELECT 1 FROM work AS w WHERE w.account_id = lanes.account_id AND w.lane_id = lanes.id))
           ORDER BY next_due, account_id, id LIMIT $4 OFFSET $5) AS l
     JOIN accounts AS a ON a.id = l.account_id ORDER BY l.next_due, l.account_id, l.id"
);

impl Store {
    /// Pauses lanes from now on. False: exactly that was paused already.
    pub async fn pause(&self, scope: &PauseScope, now: Timestamp) -> Result<bool> {
        let (account, lane) = scope.key();
        let pause =
            query(sql!("INSERT INTO pauses (account_id, lane_id, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"));
        Ok(pause.bind(account).bind(lane).bind(now.0).execute(&self.db).await? > 0)
    }

    /// Ends a pause; wider and narrower ones stay. False: exactly that was not paused.
    pub async fn resume(&self, scope: &PauseScope) -> Result<bool> {
        let (account, lane) = scope.key();
        let resume = query(sql!("DELETE FROM pauses WHERE account_id = $1 AND lane_id = $2"));
        Ok(resume.bind(account).bind(lane).execute(&self.db).await? > 0)
    }

    /// Every pause, the widest first, with its begin.
    pub async fn pauses(&self) -> Result<Vec<(PauseScope, Timestamp)>> {
        let rows: Vec<(String, String, i64)> =
            query(sql!("SELECT account_id, lane_id, since FROM pauses ORDER BY account_id, lane_id"))
                .fetch_all(&self.db)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(account, lane, since)| (PauseScope::stored(account, lane), Timestamp(since)))
            .collect())
    }

    /// The account and lane of a lane's id.
    pub async fn lane(&self, id: &str) -> Result<Option<PauseScope>> {
        let account: Option<String> =
            query(sql!("SELECT account_id FROM lanes WHERE id = $1")).bind(id).fetch_optional(&self.db).await?;
        Ok(account.map(|account| PauseScope::Lane(AccountId::stored(account), id.to_owned())))
    }

    /// The lanes of an account, or of all, those that are due first.
    pub async fn lanes(&self, account: Option<&AccountId>, now: Timestamp) -> Result<Vec<ShownLane>> {
        let filter = LaneFilter { account: account.cloned(), ..LaneFilter::default() };
        self.lanes_that_fit(&filter, (0, LISTED_MAX), now).await
    }

    /// The lanes that fit, those that are due first: so many, behind so many.
    pub async fn lanes_that_fit(
        &self,
        filter: &LaneFilter,
        (skip, limit): (u32, u32),
        now: Timestamp,
    ) -> Result<Vec<ShownLane>> {
        type Row =
            (String, String, String, String, i64, i64, i64, Option<String>, i64, i64, Option<String>, Option<i64>);
        let rows: Vec<Row> = query(LANES)
            .bind(filter.account.as_ref().map(AccountId::as_str))
            .bind(now.0)
            .bind(COUNTED_MAX + 1)
            .bind(limit)
            .bind(skip)
            .bind(filter.state.as_ref().map(crate::model::word).unwrap_or_default())
            .bind(i64::from(filter.of_note))
            .fetch_all(&self.db)
            .await?;
        let lane = |row: Row| {
            let (id, kind, account_id, account, firsts, retries, due, owner, until, rest, why, since) = row;
            let (until, rest) = (Timestamp(until), Timestamp(rest));
            Ok::<_, StoreError>(ShownLane {
                id,
                kind: word(&kind)?,
                account_id: AccountId::stored(account_id),
                account,
                firsts,
                retries,
                due,
                held: owner.filter(|_| until > now).map(|owner| (owner, until)),
                rest: if rest > now { Some((rest, why.as_deref().map(parse).transpose()?)) } else { None },
                paused_since: since.map(Timestamp),
            })
        };
        rows.into_iter().map(lane).collect()
    }
}
