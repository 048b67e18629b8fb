//! How many calls a portal allows, and the conditions under which it allows none.

use hubspot_sim::{Outage, Preset};
use serde_json::json;

use crate::support::{NOW, Portal};

const DETAILS: &str = "/account-info/V/details";

#[tokio::test]
async fn window_of_ten_seconds_rolls() {
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.rate_limit = Some(2));
    let first = portal.get(DETAILS).await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), "2");
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), "1");
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), "10000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily"), "");
    portal.get(DETAILS).await;
    let refused = portal.get(DETAILS).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(refused.body["errorType"], "RATE_LIMIT");
    assert!(refused.body["category"].is_null() && refused.header("retry-after").is_empty());
    portal.sim().set_clock(NOW + 10_000);
    assert_eq!(portal.get(DETAILS).await.status, 200);
}

#[tokio::test]
async fn retry_after_is_sent_when_asked_for() {
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| {
        knobs.rate_limit = Some(0);
        knobs.retry_after_s = Some(7);
    });
    assert_eq!(portal.get(DETAILS).await.header("retry-after"), "7");
}

#[tokio::test]
async fn daily_limit_ends_at_the_portals_midnight() {
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.daily_limit = Some(1));
    let first = portal.get(DETAILS).await;
    assert_eq!(first.header("x-hubspot-ratelimit-daily-remaining"), "0");
    let refused = portal.get(DETAILS).await;
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("DAILY")));
    portal.sim().set_clock(NOW + 21 * 3_600_000);
    assert_eq!(portal.get(DETAILS).await.status, 200);
}

#[tokio::test]
async fn portals_do_not_share_a_limit() {
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.rate_limit = Some(1));
    let other = portal.sim().add_portal(Preset::Bare, "other");
    assert_eq!(portal.get(DETAILS).await.status, 200);
    let url = format!("{}/account-info/2026-09/details", portal.sim().base_url());
    let reply = reqwest::Client::new().get(url).bearer_auth(other.access_token).send().await.unwrap();
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn migrating_portal_is_477_with_retry_after() {
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.migrating_retry_after_s = Some(3_600));
    let reply = portal.get(DETAILS).await;
    assert_eq!((reply.status, reply.header("retry-after")), (477, "3600"));
}

#[tokio::test]
async fn outage_lasts_from_and_to() {
    let portal = Portal::new(Preset::Bare).await;
    portal.sim().set_portal_knobs(portal.id(), |knobs| knobs.outage = Some(Outage { from_ms: NOW, to_ms: NOW + 10 }));
    assert_eq!(portal.get(DETAILS).await.status, 503);
    portal.sim().set_clock(NOW + 10);
    assert_eq!(portal.get(DETAILS).await.status, 200);
}

#[tokio::test]
async fn many_writes_lock_a_record_for_two_seconds() {
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.lock_after_writes = Some(2));
    let write = async || portal.upsert(&[("maya@example.com", json!({}))]).await;
    assert_eq!(write().await.status, 200);
    assert_eq!(write().await.status, 200);
    assert_eq!(write().await.status, 423);
    portal.sim().set_clock(NOW + 2_000);
    assert_eq!(write().await.status, 200);
}
