//! Properties: made, refused, archived and brought back.

use hubspot_sim::{Act, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal};

const CONTACTS: &str = "/crm/properties/V/0-1";

/// A property that HubSpot takes, with these fields in place of its own.
fn property(changes: Value) -> Value {
    let mut property = json!({
        "name": "trade_in", "label": "Trade-in", "groupName": "leadline", "type": "string", "fieldType": "text"});
    property.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    property
}

fn option(value: &str) -> Value {
    json!({"label": value, "value": value, "displayOrder": 0, "hidden": false})
}

#[tokio::test]
async fn default_properties_are_listed() {
    proves!("S7, S38");
    let portal = Portal::any().await;
    let reply = portal.get(CONTACTS).await;
    let properties = reply.body["results"].as_array().unwrap();
    let find = |name: &str| properties.iter().find(|property| property["name"] == name).unwrap();
    assert_eq!(find("notes_last_contacted")["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(find("email")["modificationMetadata"]["readOnlyValue"], false);
    assert_eq!(find("leadline_lead_id")["hasUniqueValue"], true);
    let stages = find("lifecyclestage")["options"].as_array().unwrap();
    assert_eq!((stages.len() >= 8, &stages[1]["value"]), (true, &json!("lead")));
}

#[tokio::test]
async fn new_property_needs_every_field_in_order() {
    proves!("S38", simulated);
    for (changes, status) in [
        (json!({}), 201),
        (json!({"name": "Trade In"}), 400),
        (json!({"name": "1st"}), 400),
        (json!({"label": ""}), 400),
        (json!({"groupName": "no_such_group"}), 400),
        (json!({"type": "text"}), 400),
        (json!({"fieldType": "number"}), 400),
        (json!({"type": "enumeration", "fieldType": "select"}), 400),
        (json!({"type": "enumeration", "fieldType": "select", "options": [option("a")]}), 201),
        (json!({"type": "enumeration", "fieldType": "select", "options": [{"label": "a", "value": "a"}]}), 400),
        (json!({"type": "enumeration", "fieldType": "select", "options": [option("a"), option("a")]}), 400),
        (json!({"type": "date", "fieldType": "date"}), 201),
        (json!({"type": "date", "fieldType": "date", "hasUniqueValue": true}), 400),
        (json!({"hasUniqueValue": true}), 201),
        (json!({"colour": "red"}), 400),
    ] {
        let portal = Portal::new(Preset::Ready).await;
        let reply = portal.post(CONTACTS, property(changes.clone())).await;
        assert_eq!(reply.status, status, "{changes}: {}", reply.text);
    }
}

#[tokio::test]
async fn missing_field_is_refused() {
    proves!("S38");
    for field in ["name", "label", "groupName", "type", "fieldType"] {
        let portal = Portal::any().await;
        let mut body = property(json!({}));
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(portal.post(CONTACTS, body).await.status, 400, "{field}");
    }
}

#[tokio::test]
async fn taken_name_is_409() {
    proves!("S38");
    let portal = Portal::any().await;
    let reply = portal.post(CONTACTS, property(json!({"name": "vehicle_of_interest"}))).await;
    assert_eq!((reply.status, &reply.body["category"]), (409, &json!("OBJECT_ALREADY_EXISTS")));
    assert_eq!(reply.body["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
}

#[tokio::test]
async fn archived_name_brings_the_old_definition_back() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.sim().archive_property(portal.id(), "0-1", "lead_priority");
    assert_eq!(portal.get("/crm/properties/V/0-1/lead_priority").await.status, 404);
    assert_eq!(portal.get("/crm/properties/V/0-1?archived=true").await.results(), 1);
    let reply = portal.post(CONTACTS, property(json!({"name": "lead_priority"}))).await;
    assert_eq!((reply.status, &reply.body["type"]), (201, &json!("enumeration")));
}

#[tokio::test]
async fn new_property_is_usable_after_a_moment() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Ready).await;
    portal.post(CONTACTS, property(json!({}))).await;
    assert_eq!(portal.get("/crm/properties/V/0-1/trade_in").await.status, 200);
    let contact = [("maya@example.com", json!({"trade_in": "2019 Corolla"}))];
    assert_eq!(portal.upsert(&contact).await.details()[0].0, "PROPERTY_DOESNT_EXIST");
    portal.sim().set_clock(NOW + 500);
    assert_eq!(portal.upsert(&contact).await.status, 200);
}

#[tokio::test]
async fn options_are_replaced_as_a_whole() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Ready).await;
    let body = json!({"options": [option("urgent")]});
    let reply = portal.call("PATCH", "/crm/properties/V/0-1/lead_priority", body).await;
    assert_eq!((reply.status, reply.body["options"].as_array().unwrap().len()), (200, 1));
    assert_eq!(portal.upsert(&[("maya@example.com", json!({"lead_priority": "high"}))]).await.status, 400);
}

#[tokio::test]
async fn uniqueness_cannot_change() {
    proves!("S38");
    let portal = Portal::any().await;
    let body = json!({"hasUniqueValue": true});
    assert_eq!(portal.call("PATCH", "/crm/properties/V/0-1/budget_range", body).await.status, 400);
}

#[tokio::test]
async fn object_has_10_unique_properties() {
    proves!("S20", simulated);
    let portal = Portal::new(Preset::Ready).await;
    for at in 0..10 {
        let reply = portal.post(CONTACTS, property(json!({"name": format!("key_{at}"), "hasUniqueValue": true}))).await;
        assert_eq!(reply.status, if at < 9 { 201 } else { 400 }, "{at}");
    }
}

#[tokio::test]
async fn groups_are_made_once() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Bare).await;
    let group = json!({"name": "leadline", "label": "Leadline"});
    for status in [201, 409] {
        assert_eq!(portal.post("/crm/properties/V/0-1/groups", group.clone()).await.status, status);
    }
    assert_eq!(portal.get("/crm/properties/V/0-1/groups").await.results(), 2);
}

#[tokio::test]
async fn value_rules_are_listed() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Strict).await;
    let rule = Act::AddRule {
        object_type: "0-1".to_owned(),
        property: "city".to_owned(),
        rule: "MIN_LENGTH".to_owned(),
        argument: "2".to_owned(),
    };
    portal.sim().act(portal.id(), rule);
    let reply = portal.get("/crm/property-validations/V/0-1").await;
    assert_eq!(
        reply.body["results"][0],
        json!({
        "propertyName": "city", "propertyValidationRules": [{"ruleType": "MIN_LENGTH", "ruleArguments": ["2"]}]})
    );
    assert_eq!(reply.results(), 3);
}

#[tokio::test]
async fn object_has_1000_properties_of_its_own() {
    proves!("S38", simulated);
    let portal = Portal::new(Preset::Bare).await.knob(|knobs| knobs.rate_limit = None);
    for at in 0..1_000 {
        let name = format!("own_{at}");
        portal.sim().add_property(portal.id(), "0-1", hubspot_sim::NewProperty::text(&name, &name));
    }
    assert_eq!(portal.post(CONTACTS, property(json!({}))).await.status, 400);
}
