//! The largest lead that a service takes: every field, each text as long as its schema allows, and a conversation that
//! fills the body.

use serde_json::json;

use crate::ingest::BODY_BYTES_MAX;

/// A remark is a few sentences. Many of them are more work than one long text.
const REMARK_BYTES: usize = 500;

/// The body of the event.
pub(super) fn body() -> String {
    let long = |chars: usize| "Wörter ".chars().cycle().take(chars).collect::<String>().trim_end().to_owned();
    let vehicle = json!({ "make": long(200), "model": long(200), "year": 2027, "trim": long(200) });
    let event = |notes: Vec<serde_json::Value>| {
        json!({
            "type": "lead.captured.v1",
            "timestamp": "2026-11-23T08:00:00Z",
            "data": {
                "id": "l".repeat(256),
                "name": long(1000),
                "email": format!("{}@{}.example.com", "a".repeat(60), "b".repeat(60)),
                "phone": "(305) 555-0187",
                "status": "new",
                "priority": "high",
                "origin": long(200),
                "vehicle": vehicle,
                "budget": { "text": long(1000), "min": 25_000, "max": 30_000, "currency": "USD" },
                "dealership": { "name": long(500), "slug": "s".repeat(200) },
                "consent": { "text": long(10_000), "at": "2026-11-23T07:59:20Z" },
                "notes": notes,
            }
        })
        .to_string()
    };
    // The newest first, which is the order that costs the most to put right.
    let remark = |index: usize| {
        let at = crate::model::time::Timestamp(1_795_420_800_000 - index as i64 * 1000);
        json!({ "at": at, "text": "x".repeat(REMARK_BYTES) })
    };
    let room = BODY_BYTES_MAX - event(vec![]).len();
    let each = remark(0).to_string().len() + 1;
    event((0..room / each).map(remark).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Envelope;
    use crate::schema::event_violations;

    #[test]
    fn the_largest_lead_is_as_large_as_a_lead_may_be() {
        let body = body();
        assert!(body.len() <= BODY_BYTES_MAX && body.len() > BODY_BYTES_MAX - 1000, "{} bytes", body.len());
        let envelope = Envelope::read(body.as_bytes()).unwrap();
        assert_eq!(event_violations(&envelope.event_type, &envelope.data), vec![]);
    }
}
