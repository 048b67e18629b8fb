//! Search: what it takes, what it finds, and when.

use hubspot_sim::{FindingKind, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal};

const SEARCH: &str = "/crm/objects/V/0-1/search";

fn filter(filter: Value) -> Value {
    json!({"filterGroups": [{"filters": [filter]}], "properties": ["email"]})
}

fn equal(property: &str, value: &str) -> Value {
    json!({"propertyName": property, "operator": "EQ", "value": value})
}

/// Two contacts, old enough to be found.
async fn scene() -> Portal {
    let portal = Portal::new(Preset::Ready).await;
    portal
        .upsert(&[
            ("maya@example.com", json!({"firstname": "Maya", "lead_priority": "high"})),
            ("noah@example.com", json!({"firstname": "Noah"})),
        ])
        .await;
    portal.sim().set_clock(NOW + 10_000);
    portal
}

#[tokio::test]
async fn search_lags_behind() {
    proves!("S33", simulated);
    for (lag, after, found) in [(10_000, 9_999, 0), (10_000, 10_000, 1), (0, 0, 1)] {
        let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.search_lag_ms = lag);
        portal.contact("maya@example.com").await;
        portal.sim().set_clock(NOW + after);
        let reply = portal.post(SEARCH, filter(equal("email", "maya@example.com"))).await;
        assert_eq!((reply.status, &reply.body["total"]), (200, &json!(found)), "{lag} {after}");
    }
}

#[tokio::test]
async fn search_knows_old_values_for_a_while() {
    proves!("S33", simulated);
    let portal = scene().await;
    portal.upsert(&[("maya@example.com", json!({"firstname": "May"}))]).await;
    for (now, name) in [(NOW + 19_999, "Maya"), (NOW + 20_000, "May")] {
        portal.sim().set_clock(now);
        assert_eq!(portal.post(SEARCH, filter(equal("firstname", name))).await.results(), 1, "{name}");
    }
}

#[tokio::test]
async fn note_is_in_search_later_than_in_reads() {
    proves!("S35", simulated);
    let portal = scene().await;
    let contact = portal.value("61001", "hs_object_id").await;
    let id = portal.note(contact.as_str().unwrap(), "Hi").await.first("/id");
    assert_eq!(portal.get(&format!("/crm/objects/V/0-46/{id}")).await.status, 200);
    let wanted = filter(json!({"propertyName": "hs_note_body", "operator": "HAS_PROPERTY"}));
    for (now, found) in [(NOW + 10_000, 0), (NOW + 20_000, 1)] {
        portal.sim().set_clock(now);
        assert_eq!(portal.post("/crm/objects/V/0-46/search", wanted.clone()).await.results(), found);
    }
}

#[tokio::test]
async fn few_operators_are_known_with_their_rules_of_case() {
    proves!("S33", simulated);
    let by = |name: &str, operator: &str, value: Value| {
        let field = if value.is_array() { "values" } else { "value" };
        let mut filter = json!({"propertyName": name, "operator": operator});
        if !value.is_null() {
            filter[field] = value;
        }
        filter
    };
    for (filtered, status, found) in [
        (by("firstname", "EQ", json!("MAYA")), 200, 1),
        (by("firstname", "NEQ", json!("maya")), 200, 1),
        (by("firstname", "IN", json!(["maya", "noah"])), 200, 2),
        (by("firstname", "IN", json!(["Maya"])), 400, 0),
        (by("firstname", "NOT_IN", json!(["maya"])), 200, 1),
        (by("lead_priority", "EQ", json!("high")), 200, 1),
        (by("lead_priority", "EQ", json!("HIGH")), 200, 0),
        (by("lead_priority", "HAS_PROPERTY", Value::Null), 200, 1),
        (by("lead_priority", "NOT_HAS_PROPERTY", Value::Null), 200, 1),
        (by("lead_priority", "HAS_PROPERTY", json!("high")), 400, 0),
        (by("firstname", "EQ", Value::Null), 400, 0),
        (by("firstname", "CONTAINS_TOKEN", json!("m*")), 400, 0),
        (by("firstname", "BETWEEN", json!("a")), 400, 0),
        (by("no_such_property", "EQ", json!("a")), 400, 0),
    ] {
        let reply = scene().await.post(SEARCH, filter(filtered.clone())).await;
        assert_eq!((reply.status, reply.results()), (status, found), "{filtered}: {}", reply.text);
    }
}

#[tokio::test]
async fn search_has_sizes() {
    proves!("S33", simulated);
    let one = equal("firstname", "maya");
    let groups = |groups: usize, filters: usize| json!({"filterGroups": vec![json!({"filters": vec![one.clone(); filters]}); groups], "properties": ["email"]});
    let with = |name: &str, value: Value| {
        let mut body = groups(1, 1);
        body[name] = value;
        body
    };
    for (body, status) in [
        (groups(5, 6), 200),
        (groups(6, 1), 400),
        (groups(1, 7), 400),
        (groups(0, 0), 400),
        (with("limit", json!(200)), 200),
        (with("limit", json!(201)), 400),
        (with("after", json!("9990")), 200),
        (with("after", json!("9991")), 400),
        (with("query", json!("maya")), 400),
        (with("properties", json!(["x".repeat(3_000)])), 400),
    ] {
        assert_eq!(scene().await.post(SEARCH, body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn search_comes_in_pages() {
    proves!("S33", simulated);
    let portal = scene().await;
    let mut body = filter(json!({"propertyName": "email", "operator": "HAS_PROPERTY"}));
    body["limit"] = json!(1);
    let first = portal.post(SEARCH, body.clone()).await;
    assert_eq!((first.results(), &first.body["total"]), (1, &json!(2)));
    body["after"] = first.body["paging"]["next"]["after"].clone();
    let second = portal.post(SEARCH, body).await;
    assert_ne!(second.first("/id"), first.first("/id"));
    assert!(second.body["paging"].is_null());
}

#[tokio::test]
async fn search_has_5_calls_in_a_second_of_its_own() {
    proves!("S15", simulated);
    let portal = scene().await.knob(|knobs| knobs.rate_limit = Some(1));
    let search = async || portal.post(SEARCH, filter(equal("firstname", "maya"))).await;
    for _ in 0..5 {
        let reply = search().await;
        assert_eq!((reply.status, reply.header("x-hubspot-ratelimit-max")), (200, ""));
    }
    let refused = search().await;
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(refused.header("x-hubspot-ratelimit-max"), "");
    // Searches use up nothing of the other window, nor does it hold them up.
    for status in [200, 429] {
        assert_eq!(portal.get("/account-info/V/details").await.status, status);
    }
    portal.sim().set_clock(NOW + 11_000);
    assert_eq!(search().await.status, 200);
}

#[tokio::test]
async fn search_is_a_finding() {
    proves!("S44", simulated);
    let portal = scene().await;
    portal.post(SEARCH, filter(equal("firstname", "maya"))).await;
    assert_eq!(portal.finding_kinds(), [FindingKind::SearchUsed]);
}
