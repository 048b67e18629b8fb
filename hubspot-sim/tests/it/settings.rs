//! What settings forms read: pipelines, owners, account details.

use hubspot_sim::{Act, Preset};
use serde_json::json;

use crate::support::Portal;

#[tokio::test]
async fn pipelines_have_stages() {
    proves!("S39", simulated);
    let portal = Portal::new(Preset::Deals).await;
    let stage = Act::ArchiveStage { pipeline: "new-vehicles".to_owned(), stage: "lost".to_owned() };
    portal.sim().act(portal.id(), stage);
    let reply = portal.get("/crm/pipelines/V/0-3").await;
    assert_eq!((reply.first("/id"), reply.first("/label")), ("default".to_owned(), "Sales Pipeline".to_owned()));
    assert_eq!(reply.body["results"][0]["stages"][5]["metadata"], json!({"isClosed": "true", "probability": "1.0"}));
    let vehicles = &reply.body["results"][1];
    assert_eq!(vehicles["stages"][2]["id"], "test-drive");
    assert_eq!(vehicles["stages"][2]["writePermissions"], "CRM_PERMISSIONS_ENFORCEMENT");
    assert_eq!(vehicles["stages"][5]["archived"], true);
}

#[tokio::test]
async fn owners_come_in_pages_and_archived_ones_apart() {
    proves!("S39", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let first = portal.get("/crm/owners/V?limit=1&archived=false").await;
    assert_eq!((first.results(), first.first("/id")), (1, "910042".to_owned()));
    let after = first.body["paging"]["next"]["after"].as_str().unwrap();
    let second = portal.get(&format!("/crm/owners/V?limit=1&after={after}")).await;
    assert_eq!(second.first("/id"), "910043");
    assert!(second.body["paging"].is_null());
    assert_eq!(portal.get("/crm/owners/V?archived=true").await.first("/id"), "910044");
}

#[tokio::test]
async fn account_tells_about_itself() {
    proves!("S46", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let reply = portal.get("/account-info/V/details").await;
    assert_eq!(reply.body["portalId"], portal.id());
    assert_eq!(reply.body["timeZone"], "America/New_York");
    assert_eq!(reply.body["utcOffset"], "-05:00");
    assert_eq!(reply.body["utcOffsetMilliseconds"], -18_000_000);
    assert_eq!(format!("http://{}", reply.body["uiDomain"].as_str().unwrap()), portal.sim().base_url());
}
