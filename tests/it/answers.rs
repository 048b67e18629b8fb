//! What each of HubSpot's answers comes to, for the people who read it. One row an answer; what takes a scene of its own
//! has a test of its own.

use std::time::Duration;

use hubspot_sim::{Act, End, Fault, FindingKind, NewProperty, Preset};
use leadline::model::account::{ContactWrite, Policy};
use leadline::model::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{Dealer, NOON, TestApp, lead};

const CONTACT: &str = "0-1";
const DEAL: &str = "0-3";
const NOTE: &str = "0-46";
/// What HubSpot is asked to refuse in these scenes costs it some errors; a real portal would see few.
const SCENE: &[FindingKind] = &[FindingKind::TooManyErrors];

/// A refusal of one property, as HubSpot words it.
fn refuses(code: &str, property: &str) -> Value {
    let detail = json!([{ "isValid": false, "error": code, "name": property, "message": "no" }]);
    json!({ "status": "error", "category": "VALIDATION_ERROR", "message": format!("Property values were not valid: {detail}") })
}

fn answer(status: u16, body: &Value) -> Fault {
    let mut fault = Fault::status(status).on_path("0-1/batch/upsert");
    fault.then.body = Some(body.to_string());
    fault
}

async fn deals(app: &TestApp) -> Dealer {
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    app.dealer("acme", Preset::Deals, "deals", settings).await
}

fn paths(app: &TestApp) -> Vec<String> {
    app.hubspot.calls().into_iter().map(|call| format!("{} {}", call.method, call.path)).collect()
}

#[tokio::test]
async fn each_answer_to_a_write_comes_to_what_the_table_says() {
    let scopes = json!({ "status": "error", "category": "MISSING_SCOPES", "errors": [{ "context": { "requiredGranularScopes": ["crm.objects.contacts.write"] } }] });
    let limit = |policy: &str| json!({ "status": "error", "errorType": "RATE_LIMIT", "policyName": policy });
    let rows = [
        (400, refuses("PROPERTY_DOESNT_EXIST", "lead_priority"), "delivered, 1 attempts"),
        (400, refuses("INVALID_OPTION", "lead_priority"), "delivered, 1 attempts"),
        (400, refuses("READ_ONLY_VALUE", "lead_priority"), "delivered, 1 attempts"),
        (400, refuses("INVALID_LONG", "phone"), "delivered, 1 attempts"),
        (400, refuses("CONFLICTING_UNIQUE_VALUE", "phone"), "delivered, 1 attempts"),
        (400, refuses("INVALID_EMAIL", "email"), "delivered, 1 attempts"),
        (
            400,
            refuses("MISSING_REQUIRED_PROPERTY", "city"),
            "blocked, 0 attempts (property.required): HubSpot requires `city`",
        ),
        (
            400,
            json!({ "status": "error", "message": "You need Edit Associations" }),
            "blocked, 0 attempts (auth.permission)",
        ),
        (400, json!({ "status": "error", "message": "no" }), "failed, 1 attempts (hubspot.refused): no"),
        (
            403,
            scopes,
            "blocked, 0 attempts (auth.missing_scope): HubSpot asks for the permission `crm.objects.contacts.write`",
        ),
        (403, json!({}), "blocked, 0 attempts (auth.permission)"),
        (404, json!({}), "pending, 1 attempts, due at 2026-11-23T12:00:00Z (leadline.fault)"),
        (404, json!({ "category": "OBJECT_NOT_FOUND" }), "pending, 0 attempts, due at 2026-11-23T12:00:00Z"),
        (409, json!({ "category": "CONFLICT", "message": "no" }), "failed, 1 attempts (contact.conflict)"),
        (414, json!({}), "pending, 1 attempts, due at 2026-11-23T12:00:00Z (leadline.fault)"),
        (423, json!({}), "pending, 1 attempts, due at 2026-11-23T12:00:02Z (hubspot.locked)"),
        (429, limit("TEN_SECONDLY_ROLLING"), "pending, 0 attempts, due at 2026-11-23T12:00:00Z (hubspot.rate_limited)"),
        (429, limit("DAILY"), "pending, 0 attempts, due at 2026-11-23T12:00:00Z (hubspot.rate_limited)"),
        (477, json!({}), "pending, 0 attempts, due at 2026-11-23T12:00:00Z (hubspot.migrating)"),
        (500, json!({}), "pending, 1 attempts, due at 2026-11-23T12:00:00Z (hubspot.server_error)"),
        (522, json!({}), "pending, 1 attempts, due at 2026-11-23T12:00:00Z (hubspot.unreachable)"),
    ];
    for (status, body, expected) in rows {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.hubspot.add_fault(answer(status, &body).times(1));
        let event = app.send_lead(&dealer, "ana").await;
        app.plan().await;
        app.deliver_once().await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with(expected), "{status} {body}\n{fate}");
        app.finish_after(SCENE).await;
    }
}

#[tokio::test]
async fn a_strict_account_waits_where_others_go_on_without_the_value() {
    let rows = [
        ("PROPERTY_DOESNT_EXIST", "blocked, 0 attempts (property.missing)"),
        ("INVALID_OPTION", "blocked, 0 attempts (option.unknown)"),
        ("READ_ONLY_VALUE", "blocked, 0 attempts (property.read_only)"),
        ("INVALID_FORMAT", "failed, 1 attempts (property.rule)"),
        ("INVALID_INTEGER", "failed, 1 attempts (property.wrong_type)"),
    ];
    for (code, expected) in rows {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.set_policy(&dealer, Policy { strict: true, ..Policy::default() }).await;
        app.hubspot.add_fault(answer(400, &refuses(code, "lead_priority")).times(1));
        let event = app.send_lead(&dealer, "ana").await;
        app.run_until_idle().await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with(expected) && fate.contains("`lead_priority`"), "{code}\n{fate}");
        assert!(app.lead(&event).await.dropped.is_empty());
        app.finish_after(SCENE).await;
    }
}

#[tokio::test]
async fn an_address_that_hubspot_refuses_goes_into_the_note_and_the_lead_goes_through() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.refused_domains = vec!["refused.example.com".to_owned()]);
    let mut data = lead("ana");
    data["email"] = json!("ana@refused.example.com");
    let event = app.send(&dealer, "msg_1", data.clone()).await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let contact = app.hubspot.records(dealer.portal(), CONTACT).pop().unwrap();
    assert_eq!(contact.properties.get("leadline_lead_id").map(String::as_str), Some("lead_ana"));
    assert!(!contact.properties.contains_key("email"), "{contact:#?}");
    let note = app.hubspot.records(dealer.portal(), NOTE).pop().unwrap();
    assert!(note.properties["hs_note_body"].contains("ana@refused.example.com"), "{note:#?}");
    // The same lead again is the same contact.
    app.send(&dealer, "msg_2", data).await;
    app.run_until_idle().await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn without_a_property_for_lead_ids_a_refused_address_fails_the_lead() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    app.hubspot.set_knobs(|knobs| knobs.refused_domains = vec!["refused.example.com".to_owned()]);
    let mut data = lead("ana");
    data["email"] = json!("ana@refused.example.com");
    let event = app.send(&dealer, "msg_1", data).await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("failed, 1 attempts (email.invalid)"), "{fate}");
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn a_conflict_is_written_into_the_contact_that_holds_the_address() {
    for in_context in [true, false] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        let person = [("email", "ana@example.com"), ("firstname", "Anna"), ("phone", "")];
        let id = app.hubspot.create_record(dealer.portal(), CONTACT, &person[..2]);
        let conflict = match in_context {
            true => json!({ "category": "CONFLICT", "message": "no", "context": { "existingId": [&id] } }),
            false => json!({ "category": "CONFLICT", "message": format!("Contact already exists. Existing ID: {id}") }),
        };
        // Somebody made the contact a moment ago: the read does not show it yet.
        let nobody = json!({ "status": "COMPLETE", "results": [] });
        let mut unseen = Fault::status(200).on_path("0-1/batch/read").times(1);
        unseen.then.body = Some(nobody.to_string());
        app.hubspot.add_fault(unseen);
        let mut of_ana = answer(409, &conflict);
        of_ana.on.body = Some("ana@".to_owned());
        app.hubspot.add_fault(of_ana);
        let events = [app.send_lead(&dealer, "bob").await, app.send_lead(&dealer, "ana").await];
        app.run_until_idle().await;
        for event in &events {
            assert_eq!(app.fate(event).await, "delivered, 1 attempts");
        }
        assert_eq!(app.lead(&events[1]).await.outcome, "updated");
        let contact = app.hubspot.records(dealer.portal(), CONTACT).into_iter().find(|record| record.id == id).unwrap();
        assert_eq!(contact.properties["vehicle_of_interest"], "2027 Honda CR-V");
        assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 2);
        let patched = paths(&app).iter().filter(|path| path.starts_with("PATCH")).count();
        assert_eq!(patched, 1);
        app.finish_after(SCENE).await;
    }
}

#[tokio::test]
async fn inputs_that_are_one_record_to_hubspot_are_sent_apart() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let twins = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "Duplicate IDs found in batch input",
        "context": { "ids": ["person1@example.com", "person2@example.com"] } });
    app.hubspot.add_fault(answer(400, &twins).times(1));
    let mut events = Vec::new();
    for number in 0..5 {
        events.push(app.send_lead(&dealer, &format!("person{number}")).await);
    }
    app.run_until_idle().await;
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    let upserts = paths(&app).iter().filter(|path| path.ends_with("0-1/batch/upsert")).count();
    assert_eq!(upserts, 4, "all together, the other three together, and each of the two alone");
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn a_contact_that_was_deleted_while_we_wrote_is_made_again_once() {
    let app = TestApp::start().await;
    let dealer = deals(&app).await;
    app.hubspot.add_fault(Fault::status(503).on_path("batch/associate").times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.plan().await;
    app.deliver_once().await;
    let first = app.hubspot.records(dealer.portal(), CONTACT).pop().unwrap().id;
    app.hubspot.archive_record(dealer.portal(), CONTACT, &first);
    app.run_through(NOON + Duration::from_secs(60)).await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("delivered"), "{fate}");
    let lead = app.lead(&event).await;
    let (contact, deal, note) = (lead.contact.unwrap().id, lead.deal.unwrap().id, lead.note.unwrap().id);
    assert_ne!(contact, first);
    assert_eq!(app.hubspot.associations(dealer.portal(), DEAL, &deal, CONTACT), std::slice::from_ref(&contact));
    assert_eq!(app.hubspot.associations(dealer.portal(), NOTE, &note, CONTACT), [contact]);
    assert_eq!(
        (app.hubspot.record_count(dealer.portal(), DEAL), app.hubspot.record_count(dealer.portal(), NOTE)),
        (1, 1)
    );
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn a_missing_right_to_link_holds_the_link_only() {
    let app = TestApp::start().await;
    let dealer = deals(&app).await;
    app.hubspot.set_knobs(|knobs| knobs.edit_associations = false);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("blocked, 0 attempts (auth.permission)"), "{fate}");
    let lead = app.lead(&event).await;
    assert!(lead.contact.is_some() && lead.deal.is_some(), "{lead:?}");
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_locked_record_is_tried_again_alone() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let mut locked = Fault::status(423).on_path("0-1/batch/upsert").times(3);
    locked.on.body = Some("person1@".to_owned());
    app.hubspot.add_fault(locked);
    let mut events = Vec::new();
    for number in 0..3 {
        events.push(app.send_lead(&dealer, &format!("person{number}")).await);
    }
    app.run_through(NOON + Duration::from_secs(60)).await;
    for event in &events {
        let fate = app.fate(event).await;
        assert!(fate.starts_with("delivered"), "{fate}");
    }
    let last = app.hubspot.calls().into_iter().rfind(|call| call.path.ends_with("0-1/batch/upsert")).unwrap();
    let body: Value = serde_json::from_str(&last.body).unwrap();
    let inputs = body["inputs"].as_array().map_or(0, Vec::len);
    assert_eq!(inputs, 1, "{}", last.body);
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn the_days_limit_waits_for_the_portals_midnight() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.daily_limit = Some(0));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("pending, 0 attempts") && fate.contains("hubspot.rate_limited"), "{fate}");
    app.hubspot.set_knobs(|knobs| knobs.daily_limit = None);
    let calls = app.hubspot.call_count();
    // The zone is not known yet, so the day ends in UTC.
    app.run_through(Timestamp::parse("2026-11-23T23:59:59Z").unwrap()).await;
    assert_eq!(app.hubspot.call_count(), calls, "nobody asks before midnight");
    app.run_through(Timestamp::parse("2026-11-24T00:06:00Z").unwrap()).await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn a_merged_contact_is_remembered_by_the_id_that_it_has_now() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let winner = app.hubspot.create_record(dealer.portal(), CONTACT, &[("email", "anna@example.com")]);
    let loser = app.hubspot.create_record(dealer.portal(), CONTACT, &[("email", "ana@example.com")]);
    app.hubspot.act(dealer.portal(), Act::MergeRecords { object_type: CONTACT.into(), winner: winner.clone(), loser });
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let contact = app.lead(&event).await.contact.unwrap();
    assert_eq!((contact.id, contact.new), (winner.clone(), false));
    let record = app.hubspot.records(dealer.portal(), CONTACT).into_iter().find(|record| record.id == winner).unwrap();
    assert_eq!(record.properties["email"], "anna@example.com", "its first address stays");
    app.finish().await;
}

#[tokio::test]
async fn a_contact_deleted_between_read_and_write_comes_about_whole() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    // The read still shows a contact that is gone by the time of the write.
    let old = json!({ "status": "COMPLETE", "results": [{ "id": "60999", "properties": {
        "email": "ana@example.com", "firstname": "ana", "phone": "+13055550187", "hs_lead_status": "OPEN" } }] });
    let mut read = Fault::status(200).on_path("0-1/batch/read").times(1);
    read.then.body = Some(old.to_string());
    app.hubspot.add_fault(read);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let contact = app.hubspot.records(dealer.portal(), CONTACT).pop().unwrap();
    assert_eq!(
        (contact.properties["firstname"].as_str(), contact.properties["hs_lead_status"].as_str()),
        ("ana", "NEW")
    );
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_value_that_hubspot_stores_in_another_form_is_shown_as_stored() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_property(dealer.portal(), CONTACT, NewProperty::text("visit_day", "Visit day"));
    let warned = json!({ "status": "COMPLETE", "results": [{ "id": "61001", "new": true, "properties": { "email": "ana@example.com" } }],
        "warnings": [{ "category": "PROPERTY_VALUE_NORMALIZED", "context": { "propertyName": ["lead_priority"], "rawValue": ["high"], "normalizedValue": ["High"] } }] });
    let mut fault = answer(200, &warned).times(1);
    fault.then.apply = true;
    app.hubspot.add_fault(fault);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let shown = app.event(&event).await;
    let normalized = &shown.deliveries[0].delivery.progress.normalized;
    assert_eq!(normalized.len(), 1);
    assert_eq!((normalized[0].sent.as_str(), normalized[0].stored.as_str()), ("high", "High"));
    app.finish().await;
}

#[tokio::test]
async fn where_an_upsert_clears_what_it_does_not_send_contacts_are_written_apart() {
    for (write, keeps) in [(ContactWrite::Upsert, false), (ContactWrite::Split, true)] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.hubspot.set_knobs(|knobs| knobs.email_upsert_clears = true);
        app.set_policy(&dealer, Policy { contact_write: write, ..Policy::default() }).await;
        let person = [("email", "ana@example.com"), ("jobtitle", "Buyer")];
        let id = app.hubspot.create_record(dealer.portal(), CONTACT, &person);
        let events = [app.send_lead(&dealer, "ana").await, app.send_lead(&dealer, "bob").await];
        app.run_until_idle().await;
        assert_eq!(app.lead(&events[0]).await.outcome, "updated");
        assert_eq!(app.lead(&events[1]).await.outcome, "created");
        let contact = app.hubspot.records(dealer.portal(), CONTACT).into_iter().find(|record| record.id == id).unwrap();
        let title = contact.properties.get("jobtitle").is_some_and(|title| title == "Buyer");
        assert_eq!(title, keeps, "the simulator would show it if we cleared");
        let expected: &[FindingKind] =
            if keeps { &[] } else { &[FindingKind::PersonOverwritten, FindingKind::ValueCleared] };
        app.finish_after(expected).await;
    }
}

#[tokio::test]
async fn a_record_that_hubspot_does_not_find_is_looked_for_again() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.add_fault(answer(404, &json!({ "category": "OBJECT_NOT_FOUND" })).times(1));
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish_after(SCENE).await;
}

/// Contact and note are written in a round in which the deal is locked.
async fn with_a_late_deal(app: &TestApp, dealer: &Dealer) -> leadline::model::id::EventId {
    app.hubspot.add_fault(Fault::status(423).on_path("0-3/batch/upsert").times(1));
    let event = app.send_lead(dealer, "ana").await;
    app.plan().await;
    app.deliver_once().await;
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 1);
    event
}

#[tokio::test]
async fn a_note_moves_to_the_contact_that_was_made_again() {
    let app = TestApp::start().await;
    let dealer = deals(&app).await;
    let event = with_a_late_deal(&app, &dealer).await;
    let first = app.hubspot.records(dealer.portal(), CONTACT).pop().unwrap().id;
    app.hubspot.archive_record(dealer.portal(), CONTACT, &first);
    app.run_through(NOON + Duration::from_secs(60)).await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("delivered"), "{fate}");
    let lead = app.lead(&event).await;
    let (contact, note) = (lead.contact.unwrap().id, lead.note.unwrap().id);
    assert_ne!(contact, first);
    // Beside the one that was deleted.
    assert!(app.hubspot.associations(dealer.portal(), NOTE, &note, CONTACT).contains(&contact));
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 1);
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn a_note_whose_answer_was_lost_is_tied_to_a_deal_that_came_later() {
    let app = TestApp::start().await;
    let dealer = deals(&app).await;
    app.hubspot.add_fault(Fault::end(End::Close).on_path("0-46/batch/create").applied().times(1));
    let event = with_a_late_deal(&app, &dealer).await;
    app.run_through(NOON + Duration::from_secs(60)).await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("delivered"), "{fate}");
    let lead = app.lead(&event).await;
    let (deal, note) = (lead.deal.unwrap().id, lead.note.unwrap().id);
    assert_eq!(app.hubspot.associations(dealer.portal(), NOTE, &note, DEAL), [deal]);
    assert_eq!(app.hubspot.record_count(dealer.portal(), NOTE), 1);
    app.finish_after(SCENE).await;
}

#[tokio::test]
async fn two_leads_of_one_person_that_are_taken_apart_see_each_other() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    // Refused while both are in it, and no reason given: each of them is tried alone.
    app.hubspot.add_fault(answer(400, &json!({ "status": "error", "message": "no" })).times(1));
    let mut second = lead("ana");
    (second["id"], second["status"]) = (json!("lead_2"), json!("open"));
    let events = [app.send_lead(&dealer, "ana").await, app.send(&dealer, "msg_2", second).await];
    app.run_until_idle().await;
    for event in &events {
        assert_eq!(app.fate(event).await, "delivered, 1 attempts");
    }
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].properties["hs_lead_status"], "NEW", "the status of the first one, who made the contact");
    assert_eq!(app.lead(&events[1]).await.outcome, "updated");
    app.finish_after(SCENE).await;
}
