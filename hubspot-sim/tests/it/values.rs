//! What a property takes, and what HubSpot makes of it.

use hubspot_sim::{Act, NewProperty, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal, fresh};

#[tokio::test]
async fn all_bad_properties_are_listed_at_once() {
    proves!("S16");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let bad = json!({"email": address, "no_such_property": "x", "lead_priority": "High", "notes_last_contacted": "2026-11-23"});
    let reply = portal.upsert(&[(&address, bad)]).await;
    let mut details = reply.details();
    details.sort_unstable();
    let expected = [
        ("INVALID_OPTION", "lead_priority"),
        ("PROPERTY_DOESNT_EXIST", "no_such_property"),
        ("READ_ONLY_VALUE", "notes_last_contacted"),
    ];
    assert_eq!(
        (reply.status, details),
        (400, expected.map(|(code, name)| (code.to_owned(), name.to_owned())).to_vec())
    );
    assert!(reply.body["message"].as_str().unwrap().starts_with("Property values were not valid: [{"));
}

#[tokio::test]
async fn archived_property_does_not_exist() {
    proves!("S16", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().archive_property(portal.id(), "0-1", "budget_range");
    let reply = portal.upsert(&[("maya@example.com", json!({"budget_range": "x"}))]).await;
    assert_eq!(reply.details()[0], ("PROPERTY_DOESNT_EXIST".to_owned(), "budget_range".to_owned()));
}

#[tokio::test]
async fn addresses_are_checked() {
    proves!("S19");
    let portal = Portal::any().await;
    for address in ["maya@lind", "maya@lind.invalid", "maya", "maya..lind@example.com"] {
        let reply = portal.upsert(&[(address, json!({"email": address}))]).await;
        assert_eq!(reply.details(), [("INVALID_EMAIL".to_owned(), "email".to_owned())], "{address}");
    }
}

#[tokio::test]
async fn domains_can_be_refused() {
    proves!("S19", simulated);
    let portal = Portal::new(Preset::Ready).await.knob(|knobs| knobs.refused_domains.push("example.com".to_owned()));
    assert_eq!(portal.upsert(&[("maya@example.com", json!({}))]).await.status, 400);
    assert_eq!(portal.upsert(&[("maya@example.org", json!({}))]).await.status, 200);
}

#[tokio::test]
async fn empty_text_clears_and_absence_keeps() {
    proves!("S17");
    let portal = Portal::any().await;
    let address = fresh("maya");
    let id = portal.contact(&address).await;
    portal.upsert(&[(&address, json!({"firstname": "Maya", "lastname": "Lind"}))]).await;
    portal.upsert(&[(&address, json!({"firstname": ""}))]).await;
    assert_eq!(portal.value(&id, "firstname").await, Value::Null);
    assert_eq!(portal.value(&id, "lastname").await, "Lind");
}

#[tokio::test]
async fn several_options_replace_or_add() {
    proves!("S17", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let options =
        NewProperty { field_type: "checkbox".to_owned(), ..NewProperty::choice("wishes", "Wishes", &["a", "b", "c"]) };
    portal.sim().add_property(portal.id(), "0-1", options);
    for (sent, status, stored) in [("a;b", 200, "a;b"), (";c", 200, "a;b;c"), (";x", 400, "a;b;c"), ("c", 200, "c")] {
        let reply = portal.upsert(&[("maya@example.com", json!({"wishes": sent}))]).await;
        assert_eq!(reply.status, status, "{sent}");
        assert_eq!(portal.value("61001", "wishes").await, stored, "{sent}");
    }
}

#[tokio::test]
async fn odd_dates_are_refused_or_put_right_by_version() {
    proves!("S4, S17");
    let properties = json!({"closedate": "2026-12-23T08:00:00+01:00"});
    let portal = Portal::any().await.version("2026-03");
    assert_eq!(portal.upsert(&[(&fresh("a"), properties.clone())]).await.status, 400);
    let portal = portal.version("2026-09");
    let reply = portal.upsert(&[(&fresh("b"), properties)]).await;
    assert_eq!(reply.first("/properties/closedate"), "2026-12-23T07:00:00Z");
    let warning = &reply.body["results"][0]["warnings"][0];
    assert_eq!(warning["category"], "PROPERTY_VALUE_NORMALIZED");
    assert_eq!(warning["context"]["propertyName"], "closedate");
    assert_eq!(warning["context"]["normalizedValue"], "2026-12-23T07:00:00Z");
}

#[tokio::test]
async fn contact_needs_an_address_or_a_name() {
    proves!("S18");
    let portal = Portal::any().await;
    for (properties, status) in [(json!({"phone": "+13055550187"}), 400), (json!({"firstname": "Maya"}), 201)] {
        let body = json!({"inputs": [{"properties": properties}]});
        assert_eq!(portal.post("/crm/objects/V/0-1/batch/create", body).await.status, status);
    }
}

#[tokio::test]
async fn required_fields_bind_creation_since_september_2026() {
    proves!("S4, S18", simulated);
    for (version, status) in [("2026-03", 200), ("2026-09", 400)] {
        let portal = Portal::new(Preset::Strict).await.version(version);
        let reply = portal.upsert(&[("maya@example.com", json!({"lead_priority": "high"}))]).await;
        assert_eq!(reply.status, status);
        let expected = [("MISSING_REQUIRED_PROPERTY", "region"), ("MISSING_CONDITIONAL_REQUIRED_PROPERTY", "phone")];
        let expected = expected.map(|(code, name)| (code.to_owned(), name.to_owned()));
        assert_eq!(reply.details(), if status == 400 { expected.to_vec() } else { vec![] });
    }
}

#[tokio::test]
async fn required_fields_do_not_bind_updates() {
    proves!("S18", simulated);
    let portal = Portal::new(Preset::Strict).await;
    portal.sim().create_record(portal.id(), "0-1", &[("email", "maya@example.com")]);
    assert_eq!(portal.upsert(&[("maya@example.com", json!({"firstname": "Maya"}))]).await.status, 200);
}

#[tokio::test]
async fn admins_rules_bind_every_write() {
    proves!("S16", simulated);
    let portal = Portal::new(Preset::Strict).await;
    let reply =
        portal.upsert(&[("maya@example.com", json!({"region": "north", "phone": "1".repeat(21), "zip": "331"}))]).await;
    let names: Vec<_> = reply.details().into_iter().map(|(_, name)| name).collect();
    assert_eq!((reply.status, names), (400, vec!["phone".to_owned(), "zip".to_owned()]));
}

#[tokio::test]
async fn lifecycle_goes_forward_only() {
    proves!("S21");
    for (before, sent, after) in [
        ("lead", "customer", "customer"),
        ("customer", "lead", "customer"),
        ("customer", "", ""),
        ("lead", "lead", "lead"),
    ] {
        let portal = Portal::any().await;
        let address = fresh("maya");
        let write = |stage: &str| json!({"lifecyclestage": stage});
        portal.upsert(&[(&address, write(before))]).await;
        let reply = portal.upsert(&[(&address, write(sent))]).await;
        assert_eq!(
            reply.body["results"][0]["properties"]["lifecyclestage"].as_str().unwrap_or(""),
            after,
            "{before} {sent}"
        );
    }
}

#[tokio::test]
async fn lifecycle_knob_and_people_move_it_back() {
    proves!("S21", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let write = |stage: &str| json!({"lifecyclestage": stage});
    let id = portal.upsert(&[("maya@example.com", write("customer"))]).await.first("/id");
    portal.sim().edit_record(portal.id(), "0-1", &id, &[("lifecyclestage", "opportunity")]);
    assert_eq!(portal.value(&id, "lifecyclestage").await, "opportunity");
    let portal = portal.knob(|knobs| knobs.lifecycle_set = true);
    portal.upsert(&[("maya@example.com", write("lead"))]).await;
    assert_eq!(portal.value(&id, "lifecyclestage").await, "lead");
}

#[tokio::test]
async fn custom_lifecycle_stages_have_their_place() {
    proves!("S21", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let stage = Act::AddOption {
        object_type: "0-1".to_owned(),
        property: "lifecyclestage".to_owned(),
        value: "4711".to_owned(),
        label: "Test driver".to_owned(),
    };
    portal.sim().act(portal.id(), stage);
    portal.upsert(&[("maya@example.com", json!({"lifecyclestage": "4711"}))]).await;
    let reply = portal.upsert(&[("maya@example.com", json!({"lifecyclestage": "customer"}))]).await;
    assert_eq!(reply.first("/properties/lifecyclestage"), "4711");
}

#[tokio::test]
async fn every_write_moves_the_modification_date() {
    proves!("S22", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.contact("maya@example.com").await;
    portal.sim().set_clock(NOW + 5_000);
    portal.upsert(&[("maya@example.com", json!({"email": "maya@example.com"}))]).await;
    assert_eq!(portal.value(&id, "lastmodifieddate").await, "2026-11-23T08:00:05Z");
    assert_eq!(portal.value(&id, "createdate").await, "2026-11-23T08:00:00Z");
    assert_eq!(portal.value(&id, "hs_object_source").await, "INTEGRATION");
    assert_eq!(portal.value(&id, "hs_object_id").await, id);
}

#[tokio::test]
async fn history_says_who_wrote_what() {
    proves!("S22", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let id = portal.upsert(&[("maya@example.com", json!({"firstname": "Maya"}))]).await.first("/id");
    portal.sim().edit_record(portal.id(), "0-1", &id, &[("firstname", "May")]);
    let reply = portal.get(&format!("/crm/objects/V/0-1/{id}?propertiesWithHistory=firstname")).await;
    let history = &reply.body["propertiesWithHistory"]["firstname"];
    assert_eq!((&history[0]["value"], &history[0]["sourceType"]), (&json!("May"), &json!("CRM_UI")));
    assert_eq!((&history[1]["value"], &history[1]["sourceType"]), (&json!("Maya"), &json!("INTEGRATION")));
}
