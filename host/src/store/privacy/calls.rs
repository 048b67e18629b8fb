//! The calls that served a person's leads, without the person.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::{Conn, Result, Rows, Store, query, sql};
use crate::model::delivery::Delivery;
use crate::model::id::{AccountId, DeliveryId, EventId};
use crate::subject::{REMOVED, Subject};

impl Store {
    /// The calls that served these leads, as they are kept when the person is taken out of them.
    pub(super) async fn calls_about(
        &self,
        account: &AccountId,
        events: &[EventId],
        subject: &Subject,
    ) -> Result<Vec<BlankCall>> {
        let mut blank = HashMap::new();
        for event in events {
            let deliveries = self.deliveries_of(account, event).await?;
            for delivery in &deliveries {
                for call in self.calls_of(delivery).await? {
                    // One call may serve two leads of the person.
                    let known = blank.remove(&call.id).map_or(call.request, |known: BlankCall| known.request);
                    let request = without(known, delivery, subject);
                    let row = BlankCall { id: call.id.clone(), request, is_answered: call.answer.is_some() };
                    blank.insert(call.id, row);
                }
            }
        }
        Ok(blank.into_values().collect())
    }
}

/// A call without the person.
pub(super) struct BlankCall {
    id: crate::model::id::CallId,
    request: Value,
    is_answered: bool,
}

/// A stored request without the inputs that a delivery stands behind, or that name the person. Where inputs do not tell
/// whose they are, none is left.
fn without(mut request: Value, delivery: &Delivery, subject: &Subject) -> Value {
    let trace = format!("{}/", delivery.id);
    let is_theirs = |input: &Value| {
        let traced = input["objectWriteTraceId"].as_str().is_none_or(|own| own.starts_with(&trace));
        traced || subject.is_in_value(input)
    };
    let removed = || json!({ "removed": REMOVED });
    if let Some(inputs) = request["body"]["inputs"].as_array_mut() {
        inputs.iter_mut().filter(|input| is_theirs(input)).for_each(|input| *input = removed());
    } else if !request["body"].is_null() {
        request["body"] = removed();
    }
    request
}

/// The inputs of a stored request that a delivery stands behind, or that name the person: nobody else's.
pub(crate) fn own_inputs(request: &Value, delivery: &DeliveryId, subject: &Subject) -> Vec<Value> {
    let trace = format!("{delivery}/");
    let is_theirs = |input: &&Value| {
        input["objectWriteTraceId"].as_str().is_some_and(|own| own.starts_with(&trace)) || subject.is_in_value(input)
    };
    request["body"]["inputs"].as_array().into_iter().flatten().filter(is_theirs).cloned().collect()
}

pub(super) async fn blank_calls(tx: &mut Conn, calls: &[BlankCall]) -> Result<u64> {
    let request = |call: &BlankCall| json!({ "id": call.id, "request": call.request.to_string() });
    let requests = Rows::of(&calls.iter().map(request).collect::<Vec<_>>());
    query(sql!(
        "UPDATE call_requests AS q SET request = j.request FROM " rows("$1"; id text, request text) " AS j WHERE q.call_id = j.id"
    ))
    .bind(requests)
    .execute(&mut *tx)
    .await?;
    // An answer is cut, so that nobody can tell in it whose is what.
    let answered: Vec<_> = calls.iter().filter(|call| call.is_answered).map(|call| call.id.as_str()).collect();
    query(sql!("UPDATE call_answers SET answer = $2 WHERE call_id IN " list("$1")))
        .bind(Rows::of(&answered))
        .bind(json!({ "body": REMOVED }).to_string())
        .execute(tx)
        .await?;
    Ok(calls.len() as u64)
}
