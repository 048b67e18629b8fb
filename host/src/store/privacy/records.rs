//! The records at HubSpot that leads wrote, noted before what tells them is gone.

use super::super::{Conn, Result, Rows, parse, query, sql};
use crate::model;
use crate::model::delivery::Progress;
use crate::model::erasure::{AtHubspot, Erasure, WrittenRecord};
use crate::model::id::EventId;
use crate::plan::{Plan, object_type};

/// Notes which records these leads wrote, before that is forgotten.
pub(super) async fn note_records(tx: &mut Conn, erasure: &mut Erasure, found: &[EventId]) -> Result<()> {
    let ids: Vec<_> = found.iter().map(EventId::as_str).collect();
    let rows: Vec<(String, String, Option<String>)> = query(sql!(
        "SELECT d.connection_id, d.outcome, p.plan FROM deliveries AS k CROSS JOIN deliveries AS d
         LEFT JOIN plans AS p ON p.delivery_id = d.id AND p.account_id = d.account_id
         WHERE k.account_id = $1 AND k.event_id IN " list("$2") " AND d.account_id = k.account_id AND d.id = k.id ORDER BY d.id"
    ))
    .bind(erasure.account_id.as_str())
    .bind(Rows::of(&ids))
    .fetch_all(tx)
    .await?;
    for (connection, outcome, plan) in rows {
        let (progress, plan): (Progress, Option<Plan>) = (parse(&outcome)?, plan.as_deref().map(parse).transpose()?);
        for record in written(&connection, &progress, plan.as_ref(), erasure.at_hubspot) {
            let same = |known: &WrittenRecord| {
                known.connection_id == record.connection_id
                    && known.id == record.id
                    && known.object_type == record.object_type
            };
            if !erasure.records.iter().any(same) {
                erasure.records.push(record);
            }
        }
    }
    Ok(())
}

/// The records that a delivery wrote. Only of contacts does HubSpot know a privacy delete, and only where the plan is
/// there is it certain that a record is one.
pub(crate) fn written(
    connection: &str,
    progress: &Progress,
    plan: Option<&Plan>,
    at_hubspot: bool,
) -> Vec<WrittenRecord> {
    let record = |(index, action): (usize, &crate::model::delivery::ActionProgress)| {
        let object_type = plan.and_then(|plan| plan.actions.get(index)).map(|action| object_type(action).to_owned());
        let is_contact = object_type.as_deref() == Some(model::portal::CONTACT);
        Some(WrittenRecord {
            connection_id: crate::model::id::ConnectionId::stored(connection.to_owned()),
            object_type,
            id: action.record.as_ref()?.id.clone(),
            state: if at_hubspot && is_contact { AtHubspot::Waiting } else { AtHubspot::Left },
            at: None,
            answer: None,
        })
    };
    progress.actions.iter().enumerate().filter_map(record).collect()
}
