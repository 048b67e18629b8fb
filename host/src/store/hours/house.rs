//! The hours of all accounts together. What is stored of each of them is added up once more, when nothing is left to add up of
//! any, and stored under the house's id: so whoever looks at all of them reads a row an hour, however many accounts there are.

use std::collections::BTreeMap;

use super::super::{HOUSE, Query, Result, Sql, Store, parse, query, sql};
use super::{Depth, HourOfLeads, READ_MAX, Row, counted, leads_among, leads_of, newest};
use crate::hours::fields::FieldFigures;
use crate::hours::{Figures, begin, hour};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;

/// Hours that are kept: a week and a day.
const KEPT: i64 = 8 * 24;
/// Hours that are added up at once: of thousands of accounts some ten thousand rows.
const SUM_HOURS: i64 = 4;

/// Figures by the hour.
type Sums = BTreeMap<i64, Figures>;

const LEADS_OF_ALL: Sql = leads_among!(
    "SELECT x.* FROM accounts AS a CROSS JOIN events AS x
     WHERE x.account_id = a.id AND x.id >= $1 AND x.id < $2 AND coalesce(x.is_test, 0) = 0 LIMIT $3"
);

impl Store {
    /// The hours of all accounts together from a time until another, whole ones, the oldest first; and until when they are
    /// known. What is not stored yet is added up for whoever asks, as long as that is not too many leads. An hour that is
    /// stored is as it was when it was added up last. Nothing is said of fields.
    pub async fn hours_of_all(&self, from: Timestamp, until: Timestamp) -> Result<(Vec<HourOfLeads>, Timestamp)> {
        let (from, to) = (hour(from), hour(Timestamp(until.0 - 1)) + 1);
        let stored_to = self.house_filled_to().await?.clamp(from, to);
        let stored = query(sql!(
            "SELECT hour, figures FROM lead_hours WHERE account_id = $1 AND hour >= $2 AND hour < $3 AND dealership = ''"
        ));
        let stored: Vec<(i64, String)> = stored.bind(HOUSE).bind(from).bind(stored_to).fetch_all(&self.db).await?;
        let mut sums = Sums::new();
        for (hour, figures) in stored {
            sums.insert(hour, parse(&figures)?);
        }
        let leads = leads_of(LEADS_OF_ALL, (stored_to, to), READ_MAX + 1, Depth::Outcomes);
        let leads: Vec<Row> = leads.fetch_all(&self.db).await?;
        let newest = newest(&leads);
        if i64::try_from(newest.len()).unwrap_or(i64::MAX) > READ_MAX {
            return Ok((hours(sums), begin(stored_to)));
        }
        for lead in newest.into_values() {
            let at = hour(Timestamp(lead.1));
            if at >= stored_to && at < to {
                sums.entry(at).or_default().add(&counted(lead)?);
            }
        }
        Ok((hours(sums), begin(to)))
    }

    /// The next hours of all accounts together, up to before `over`, which each account has stored by now; says whether
    /// there were any. What is older than a week goes.
    pub(super) async fn fill_house(&self, over: i64) -> Result<bool> {
        let from = self.house_filled_to().await?.max(over - KEPT);
        if from >= over {
            return Ok(false);
        }
        let (house, to) = (AccountId::stored(HOUSE.to_owned()), (from + SUM_HOURS).min(over));
        self.keep_hours(&house, (from, to), &self.hours_of_accounts(from, to).await?).await?;
        let old = query(sql!("DELETE FROM lead_hours WHERE account_id = $1 AND hour < $2"));
        old.bind(HOUSE).bind(over - KEPT).execute(&self.db).await?;
        Ok(true)
    }

    /// What is stored of the accounts, from an hour until before another, added up by the hour.
    pub(super) async fn hours_of_accounts(&self, from: i64, to: i64) -> Result<Vec<HourOfLeads>> {
        let rows = query(sql!(
            "SELECT h.hour, h.figures FROM accounts AS a CROSS JOIN lead_hours AS h
             WHERE h.account_id = a.id AND h.hour >= $1 AND h.hour < $2 AND h.dealership = ''"
        ));
        let rows: Vec<(i64, String)> = rows.bind(from).bind(to).fetch_all(&self.db).await?;
        let mut sums = Sums::new();
        for (hour, figures) in rows {
            // Most of a row is of fields, whose names differ from account to account.
            let figures = Figures { fields: FieldFigures::default(), ..parse(&figures)? };
            sums.entry(hour).or_default().merge(&figures);
        }
        Ok(hours(sums))
    }

    async fn house_filled_to(&self) -> Result<i64> {
        let filled = query(sql!("SELECT filled_to FROM hours_filled WHERE account_id = $1")).bind(HOUSE);
        Ok(filled.fetch_optional::<i64>(&self.db).await?.unwrap_or(0))
    }
}

/// Marks an hour of all accounts where that of one of them was added up again, if it is one that is kept.
pub(super) fn changed(account: &AccountId, hour: i64) -> Option<Query> {
    let mark = query(sql!(
        "INSERT INTO hours_changed (account_id, hour, times)
         SELECT account_id, $2, 1 FROM hours_filled WHERE account_id = $1 AND filled_to <= $3
         ON CONFLICT (account_id, hour) DO UPDATE SET times = hours_changed.times + 1"
    ));
    (account.as_str() != HOUSE).then(|| mark.bind(HOUSE).bind(hour).bind(hour + KEPT))
}

fn hours(sums: Sums) -> Vec<HourOfLeads> {
    let hour = |(hour, figures)| HourOfLeads { hour: begin(hour), dealership: None, figures };
    sums.into_iter().map(hour).collect()
}
