//! Faults: what a caller sees, and what has happened all the same.

use hubspot_sim::{End, Fault, Preset};
use serde_json::{Value, json};

use crate::support::Portal;

const UPSERT: &str = "/crm/objects/V/0-1/batch/upsert";

fn contact() -> Value {
    json!({"inputs": [{"id": "maya@example.com", "idProperty": "email", "properties": {}}]})
}

/// The status that the caller sees, 0 for none, and the contacts there are then.
async fn outcome(fault: Fault) -> (u16, usize) {
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().add_fault(fault);
    let reply = portal.try_call("POST", UPSERT, &contact()).await;
    (reply.map_or(0, |reply| reply.status), portal.sim().record_count(portal.id(), "0-1"))
}

#[tokio::test]
async fn faults_end_a_call_with_or_without_effect() {
    proves!("S40", simulated);
    let hang = |mut fault: Fault| {
        fault.then.hang_ms = Some(10);
        fault
    };
    for (name, fault, expected) in [
        ("status", Fault::status(503), (503, 0)),
        ("status, applied", Fault::status(502).applied(), (502, 1)),
        ("unusual status", Fault::status(524).applied(), (524, 1)),
        ("close", Fault::end(End::Close), (0, 0)),
        ("close, applied", Fault::end(End::Close).applied(), (0, 1)),
        ("timeout", hang(Fault::end(End::Timeout)), (0, 0)),
        ("timeout, applied", hang(Fault::end(End::Timeout).applied()), (0, 1)),
        ("half", Fault::end(End::Half), (0, 1)),
        ("page", Fault::end(End::Html), (502, 0)),
        ("empty", Fault::end(End::Empty), (200, 0)),
        ("delay", Fault::end(End::Answer), (200, 1)),
        ("another path", Fault::status(500).on_path("/batch/read"), (200, 1)),
    ] {
        assert_eq!(outcome(fault).await, expected, "{name}");
    }
}

#[tokio::test]
async fn scripted_status_has_its_headers_and_body() {
    proves!("S40", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let mut fault = Fault::status(423).with_header("Retry-After", "3");
    fault.then.body = Some("{\"status\":\"error\",\"message\":\"locked\"}".to_owned());
    portal.sim().add_fault(fault);
    let reply = portal.post(UPSERT, contact()).await;
    assert_eq!((reply.status, reply.header("retry-after"), &reply.body["message"]), (423, "3", &json!("locked")));
}

#[tokio::test]
async fn scripted_429_looks_like_a_true_one() {
    proves!("S40", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().add_fault(Fault::status(429));
    assert_eq!(portal.post(UPSERT, contact()).await.body["policyName"], "TEN_SECONDLY_ROLLING");
}

#[tokio::test]
async fn fault_can_wait_for_a_text_in_the_body() {
    proves!("S40", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let mut fault = Fault::status(500).times(1);
    fault.on.body = Some("noah@".to_owned());
    portal.sim().add_fault(fault);
    assert_eq!(portal.upsert(&[("maya@example.com", json!({}))]).await.status, 200);
    assert_eq!(portal.upsert(&[("noah@example.com", json!({}))]).await.status, 500);
    assert_eq!(portal.upsert(&[("noah@example.com", json!({}))]).await.status, 200);
}

#[tokio::test]
async fn share_of_calls_is_drawn_by_the_seed() {
    proves!("S40", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let mut fault = Fault::status(500);
    fault.on.share = Some(0.3);
    portal.sim().add_fault(fault);
    let mut failed = 0;
    for _ in 0..100 {
        failed += u16::from(portal.get("/crm/owners/V").await.status == 500);
    }
    assert!((15..45).contains(&failed), "{failed}");
}
