//! The kinds of rows that have a limit of their own: where they are, how old they are, and what still needs them.

use super::super::Sql;

/// Events that still wait.
const OPEN_EVENT: &str = "('received', 'held')";
/// Deliveries that still wait.
const OPEN_DELIVERY: &str = "('pending', 'blocked')";

/// A kind of rows that have a limit of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Bodies,
    /// By which a lead is found.
    Words,
    Logs,
    Runs,
    Plans,
    Attempts,
    /// What was sent in a call.
    Requests,
    /// What came back.
    Answers,
    Calls,
    Deliveries,
    Events,
    /// By which repeats are told.
    Keys,
    /// Requests that were refused at the door.
    Rejected,
    /// What became of uploads.
    Uploads,
    /// Figures of hours.
    Hours,
}

impl Kept {
    /// Deliveries before events, because an event stays as long as a delivery of it.
    pub const ALL: [Self; 15] = [
        Self::Bodies,
        Self::Words,
        Self::Logs,
        Self::Runs,
        Self::Plans,
        Self::Attempts,
        Self::Requests,
        Self::Answers,
        Self::Calls,
        Self::Deliveries,
        Self::Events,
        Self::Keys,
        Self::Rejected,
        Self::Uploads,
        Self::Hours,
    ];
    pub(super) const PARTITIONED: [Self; 11] = [
        Self::Bodies,
        Self::Words,
        Self::Logs,
        Self::Runs,
        Self::Plans,
        Self::Attempts,
        Self::Requests,
        Self::Answers,
        Self::Calls,
        Self::Deliveries,
        Self::Events,
    ];

    /// The table that holds it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Bodies => "event_bodies",
            Self::Words => "lead_words",
            Self::Logs => "run_logs",
            Self::Runs => "runs",
            Self::Plans => "plans",
            Self::Attempts => "attempts",
            Self::Requests => "call_requests",
            Self::Answers => "call_answers",
            Self::Calls => "calls",
            Self::Deliveries => "deliveries",
            Self::Events => "events",
            Self::Keys => "event_keys",
            Self::Rejected => "rejected",
            Self::Uploads => "uploads",
            Self::Hours => "lead_hours",
        }
    }

    /// The column whose id tells the age.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs => "event_id",
            Self::Plans | Self::Attempts => "delivery_id",
            Self::Requests | Self::Answers => "call_id",
            Self::Calls | Self::Deliveries | Self::Events | Self::Rejected | Self::Uploads => "id",
            Self::Keys => "seen_at",
            Self::Hours => "hour",
        }
    }

    /// What the ids in that column begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs | Self::Events | Self::Keys | Self::Hours => "evt",
            Self::Plans | Self::Attempts | Self::Deliveries => "dlv",
            Self::Requests | Self::Answers | Self::Calls => "cal",
            Self::Rejected => "rej",
            Self::Uploads => "upl",
        }
    }

    /// Days in one partition. What is kept for more than a year is cut into weeks: a statement that goes over all of it
    /// takes a lock on each partition and its indexes.
    pub(super) fn partition_days(self) -> i64 {
        match self {
            Self::Events | Self::Deliveries => 7,
            Self::Bodies
            | Self::Words
            | Self::Logs
            | Self::Runs
            | Self::Plans
            | Self::Attempts
            | Self::Requests
            | Self::Answers
            | Self::Calls
            | Self::Keys
            | Self::Rejected
            | Self::Uploads
            | Self::Hours => 1,
        }
    }

    /// Whether nothing needs the row `x` any more.
    fn is_free(self) -> String {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs => format!(
                "NOT EXISTS (SELECT 1 FROM events AS e WHERE e.account_id = x.account_id AND e.id = x.event_id AND e.state IN {OPEN_EVENT})"
            ),
            Self::Plans | Self::Attempts => format!(
                "NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = x.account_id AND d.id = x.delivery_id AND d.state IN {OPEN_DELIVERY})"
            ),
            Self::Requests | Self::Answers => {
                "NOT EXISTS (SELECT 1 FROM calls AS c WHERE c.account_id = x.account_id AND c.id = x.call_id AND c.settled = 0)".to_owned()
            }
            Self::Calls => "x.settled = 1".to_owned(),
            Self::Deliveries => format!(
                "x.state NOT IN {OPEN_DELIVERY} AND NOT EXISTS (SELECT 1 FROM dropped AS v WHERE v.delivery_id = x.id AND v.account_id = x.account_id)"
            ),
            Self::Events => format!(
                "x.state NOT IN {OPEN_EVENT} AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = x.account_id AND d.event_id = x.id)"
            ),
            Self::Keys | Self::Rejected | Self::Uploads | Self::Hours => "true".to_owned(),
        }
    }

    /// Whether something needs a row of a partition: `$1` and `$2` are its bounds.
    pub(super) fn is_needed(self, partition: &str) -> String {
        let open = "EXISTS (SELECT 1 FROM work WHERE item_id >= $1 AND item_id < $2)
             OR EXISTS (SELECT 1 FROM held WHERE item_id >= $1 AND item_id < $2)";
        match self {
            Self::Requests | Self::Answers => {
                "EXISTS (SELECT 1 FROM calls WHERE settled = 0 AND id >= $1 AND id < $2)".to_owned()
            }
            Self::Calls => {
                format!("EXISTS (SELECT 1 FROM {partition} WHERE settled = 0 AND id >= $1 AND id < $2)")
            }
            Self::Deliveries => {
                format!("{open} OR EXISTS (SELECT 1 FROM dropped WHERE delivery_id >= $1 AND delivery_id < $2)")
            }
            Self::Events => format!(
                "{open} OR EXISTS (SELECT 1 FROM accounts AS a CROSS JOIN deliveries AS d
                                   WHERE d.account_id = a.id AND d.event_id >= $1 AND d.event_id < $2)"
            ),
            Self::Bodies
            | Self::Words
            | Self::Logs
            | Self::Runs
            | Self::Plans
            | Self::Attempts
            | Self::Keys
            | Self::Rejected
            | Self::Uploads
            | Self::Hours => open.to_owned(),
        }
    }

    /// Removes a page of the rows of `table` before `$1`, oldest first; those whose key the account leads, account by
    /// account, so that each page is read by key.
    pub(super) fn page(self, table: &str) -> Sql {
        let (id, free) = (self.id(), self.is_free());
        Sql::same(match self {
            Self::Bodies | Self::Plans | Self::Requests | Self::Answers => format!(
                "DELETE FROM {table} WHERE ({id}, account_id) IN (
                   SELECT x.{id}, x.account_id FROM {table} AS x WHERE x.{id} < $1 AND {free} ORDER BY x.{id} LIMIT $2)"
            ),
            Self::Logs | Self::Runs | Self::Attempts | Self::Calls | Self::Deliveries | Self::Events => format!(
                "DELETE FROM {table} WHERE (account_id, {id}) IN (
                   SELECT x.account_id, x.{id} FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.{id} < $1 AND {free} LIMIT $2)"
            ),
            // By whole hours, so that each page is a range: some go a moment before their body, none after it.
            Self::Words => format!(
                "DELETE FROM {table} WHERE (account_id, hour, word, event_id) IN (
                   SELECT x.account_id, x.hour, x.word, x.event_id FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.hour <= $1 AND {free} LIMIT $2)"
            ),
            Self::Hours => format!(
                "DELETE FROM {table} WHERE (account_id, hour, dealership) IN (
                   SELECT x.account_id, x.hour, x.dealership FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.hour < $1 LIMIT $2)"
            ),
            Self::Keys => format!(
                "DELETE FROM {table} WHERE (account_id, source_id, sender_id) IN (
                   SELECT account_id, source_id, sender_id FROM {table} WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)"
            ),
            Self::Rejected => format!(
                "DELETE FROM {table} WHERE (source_id, id) IN (
                   SELECT source_id, id FROM {table} WHERE id < $1 ORDER BY id LIMIT $2)"
            ),
            // Few, and some of them belong to the house, which is no account.
            Self::Uploads => format!(
                "DELETE FROM {table} WHERE (account_id, id) IN (
                   SELECT account_id, id FROM {table} WHERE id < $1 ORDER BY id LIMIT $2)"
            ),
        })
    }
}
