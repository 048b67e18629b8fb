//! How many calls a portal allows, and the conditions under which it allows none.

use std::time::{Duration, Instant};

use hubspot_sim::{Outage, Plan, Preset};
use serde_json::json;

use crate::support::{NOW, Portal};

const DETAILS: &str = "/account-info/V/details";

#[tokio::test]
async fn window_of_ten_seconds_rolls() {
    proves!("S14", simulated);
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
async fn window_has_an_exact_edge() {
    proves!("S14", simulated);
    let portal = Portal::new(Preset::Bare).await;
    for left in (0..110).rev() {
        assert_eq!(portal.get(DETAILS).await.header("x-hubspot-ratelimit-remaining"), left.to_string());
    }
    for (after, status, left) in [(0, 429, "0"), (9_999, 429, "0"), (10_000, 200, "108"), (19_999, 200, "108")] {
        portal.sim().set_clock(NOW + after);
        let reply = portal.get(DETAILS).await;
        assert_eq!((reply.status, reply.header("x-hubspot-ratelimit-remaining")), (status, left), "{after}");
    }
}

#[tokio::test]
async fn retry_after_is_sent_when_asked_for() {
    proves!("S15", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| {
        knobs.rate_limit = Some(0);
        knobs.retry_after_s = Some(7);
    });
    assert_eq!(portal.get(DETAILS).await.header("retry-after"), "7");
}

#[tokio::test]
async fn daily_limit_ends_at_the_portals_midnight() {
    proves!("S14", simulated);
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
    proves!("S1, S14", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.rate_limit = Some(1));
    let other = portal.sim().add_portal(Preset::Bare, "other");
    assert_eq!(portal.get(DETAILS).await.status, 200);
    let url = format!("{}/account-info/2026-09/details", portal.sim().base_url());
    let reply = reqwest::Client::new().get(url).bearer_auth(other.access_token).send().await.unwrap();
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn migrating_portal_is_477_with_retry_after() {
    proves!("S41", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.migrating_retry_after_s = Some(3_600));
    let reply = portal.get(DETAILS).await;
    assert_eq!((reply.status, reply.header("retry-after")), (477, "3600"));
}

#[tokio::test]
async fn outage_lasts_from_and_to() {
    proves!("S41", simulated);
    let portal = Portal::new(Preset::Bare).await;
    portal.sim().set_portal_knobs(portal.id(), |knobs| knobs.outage = Some(Outage { from_ms: NOW, to_ms: NOW + 10 }));
    assert_eq!(portal.get(DETAILS).await.status, 503);
    portal.sim().set_clock(NOW + 10);
    assert_eq!(portal.get(DETAILS).await.status, 200);
}

#[tokio::test]
async fn many_writes_lock_a_record_for_two_seconds() {
    proves!("S41", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.lock_after_writes = Some(2));
    let write = async || portal.upsert(&[("maya@example.com", json!({}))]).await;
    assert_eq!(write().await.status, 200);
    assert_eq!(write().await.status, 200);
    assert_eq!(write().await.status, 423);
    portal.sim().set_clock(NOW + 2_000);
    assert_eq!(write().await.status, 200);
}

#[tokio::test]
async fn batch_is_one_call() {
    proves!("S14", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.rate_limit = Some(9));
    let addresses: Vec<_> = (0..100).map(|at| format!("c{at}@example.com")).collect();
    let contacts: Vec<_> = addresses.iter().map(|address| (address.as_str(), json!({}))).collect();
    assert_eq!(portal.upsert(&contacts).await.header("x-hubspot-ratelimit-remaining"), "8");
}

#[tokio::test]
async fn refused_calls_count_unless_a_knob_says_no() {
    proves!("S14", simulated);
    for (count, status) in [(true, 429), (false, 200)] {
        let portal = Portal::new(Preset::Bare).await.knob(|knobs| {
            knobs.rate_limit = Some(1);
            knobs.refused_calls_count = count;
        });
        portal.get(DETAILS).await;
        portal.sim().set_clock(NOW + 9_000);
        assert_eq!(portal.get(DETAILS).await.status, 429);
        portal.sim().set_clock(NOW + 10_000);
        assert_eq!(portal.get(DETAILS).await.status, status);
    }
}

#[tokio::test]
async fn plan_decides_the_limits() {
    proves!("S14", simulated);
    for (plan, window, day) in [
        (Plan::Marketplace, "110", ""),
        (Plan::Starter, "100", "250000"),
        (Plan::Professional, "190", "625000"),
        (Plan::Enterprise, "190", "1000000"),
    ] {
        let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.follow(plan));
        let reply = portal.get(DETAILS).await;
        let shown = (reply.header("x-hubspot-ratelimit-max"), reply.header("x-hubspot-ratelimit-daily"));
        assert_eq!(shown, (window, day), "{plan:?}");
    }
}

#[tokio::test]
async fn share_of_the_answers_is_slow() {
    proves!("S41", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| {
        knobs.slow_share = 0.3;
        knobs.slow_ms = 100;
    });
    let mut slow = 0;
    for _ in 0..20 {
        let begun = Instant::now();
        portal.get(DETAILS).await;
        slow += u32::from(begun.elapsed() >= Duration::from_millis(100));
    }
    assert!((1..20).contains(&slow), "{slow}");
}

#[tokio::test]
async fn used_up_day_refuses_every_call() {
    proves!("S41", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.daily_limit = Some(0));
    assert_eq!(portal.get(DETAILS).await.body["policyName"], "DAILY");
}
