//! The words that leads are found by, until retention takes them with the bodies.

use serde::Serialize;

use super::retention::time_of;
use super::{PlannedLane, Query, Rows, query, sql};
use crate::hours::hour;
use crate::model::time::Timestamp;

#[derive(Serialize)]
struct Row<'a> {
    account: &'a str,
    hour: i64,
    word: &'a str,
    event: &'a str,
}

/// Keeps the words of the leads that were planned. One that is planned again has them.
pub(super) fn keep(lanes: &[&PlannedLane]) -> Option<Query> {
    let mut rows = Vec::new();
    for lane in lanes {
        for planned in &lane.planned {
            let event = planned.event.id.as_str();
            let hour = hour(time_of(event).unwrap_or(Timestamp(0)));
            let words = planned.lead.iter().flat_map(|lead| &lead.words);
            rows.extend(words.map(|word| Row { account: lane.lease.account_id.as_str(), hour, word, event }));
        }
    }
    // In the order of the key, so that neighbours in the tree are written one after the other.
    rows.sort_by_key(|row| (row.account, row.hour, row.word));
    let keep = || {
        query(sql!(
            "INSERT INTO lead_words (account_id, hour, word, event_id)
             SELECT j.account, j.hour, j.word, j.event FROM " rows("$1"; account text, hour bigint, word text, event text) " AS j
             WHERE true ON CONFLICT DO NOTHING"
        ))
        .bind(Rows::of(&rows))
    };
    (!rows.is_empty()).then(keep)
}
