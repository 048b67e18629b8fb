//! What is carried out in HubSpot, and in how many calls.

use hubspot_sim::{End, Fault, Preset};
use leadline::hubspot::{CONTACT, DEAL, NOTE};
use serde_json::json;

use crate::support::{TestApp, lead};

/// The calls for leads since the start, as operation paths.
fn calls(app: &TestApp) -> Vec<String> {
    app.calls_for_leads()
        .into_iter()
        .map(|call| call.path.rsplit_once("2026-09/").map_or(call.path.clone(), |(_, path)| path.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_hundred_leads_take_three_calls() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    for number in 0..100 {
        app.send_lead(&dealer, &format!("person{number}")).await;
    }
    app.run_until_idle().await;
    assert_eq!(calls(&app), ["0-1/batch/read", "0-1/batch/upsert", "0-46/batch/create"]);
    assert_eq!(
        (app.hubspot.record_count(dealer.portal(), CONTACT), app.hubspot.record_count(dealer.portal(), NOTE)),
        (100, 100)
    );
    app.finish().await;
}

#[tokio::test]
async fn a_hundred_deals_take_six_calls() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    for number in 0..100 {
        app.send_lead(&dealer, &format!("person{number}")).await;
    }
    app.run_until_idle().await;
    assert_eq!(calls(&app).len(), 6, "{:?}", calls(&app));
    let deals = app.hubspot.records(dealer.portal(), DEAL);
    assert_eq!(deals.len(), 100);
    for deal in deals {
        assert_eq!(app.hubspot.associations(dealer.portal(), DEAL, &deal.id, CONTACT).len(), 1);
        assert_eq!(app.hubspot.associations(dealer.portal(), DEAL, &deal.id, NOTE).len(), 1);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_same_person_twice_in_a_batch_is_one_contact_with_two_notes() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let first = app.send(&dealer, "msg_1", lead("ana")).await;
    let mut again = lead("ana");
    again["id"] = json!("lead_ana_2");
    again["vehicle"] = json!({ "make": "Honda", "model": "Pilot" });
    let second = app.send(&dealer, "msg_2", again).await;
    app.run_until_idle().await;
    let contacts = app.hubspot.records(dealer.portal(), CONTACT);
    assert_eq!((contacts.len(), contacts[0].properties["vehicle_of_interest"].as_str()), (1, "Honda Pilot"));
    assert_eq!(app.hubspot.associations(dealer.portal(), CONTACT, &contacts[0].id, NOTE).len(), 2);
    assert_eq!((app.lead(&first).await.outcome, app.lead(&second).await.outcome), ("created", "updated"));
    app.finish().await;
}

#[tokio::test]
async fn a_lead_without_an_address_is_one_contact_however_often_it_comes() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    for number in 0..3 {
        let mut data = lead("ana");
        data["email"] = json!(null);
        app.send(&dealer, &format!("msg_{number}"), data).await;
        app.run_until_idle().await;
    }
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_value_that_hubspot_refuses_is_left_out_and_the_lead_goes_through() {
    let app = TestApp::start().await;
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let event = app.send_lead(&dealer, "ana").await;
    let other = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    for event in [event, other] {
        let lead = app.lead(&event).await;
        let mut dropped = lead.dropped.clone();
        dropped.sort();
        assert_eq!(
            (lead.outcome, dropped),
            (
                "created",
                ["dealership_name", "dealership_slug", "lead_origin_channel", "lead_priority", "vehicle_of_interest"]
                    .map(str::to_owned)
                    .to_vec()
            )
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn one_bad_record_in_a_batch_harms_no_other() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.refused_domains = vec!["refused.example.com".to_owned()]);
    let mut events = Vec::new();
    for number in 0..9 {
        let mut data = lead(&format!("person{number}"));
        if number == 4 {
            data["email"] = json!("person4@refused.example.com");
        }
        events.push(app.send(&dealer, &format!("msg_{number}"), data).await);
    }
    app.run_until_idle().await;
    for (number, event) in events.iter().enumerate() {
        let fate = app.fate(event).await;
        assert_eq!(fate, "delivered, 1 attempts", "{number}");
        let dropped = app.lead(event).await.dropped;
        assert_eq!(dropped, if number == 4 { vec!["email"] } else { vec![] }, "{number}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refused_batch_without_details_is_halved_until_the_culprit_is_alone() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let culprit = Fault {
        on: hubspot_sim::Match {
            path: Some("0-1/batch/upsert".into()),
            body: Some("person13@".into()),
            ..Default::default()
        },
        times: None,
        then: Fault::status(400).then,
    };
    app.hubspot.add_fault(culprit);
    let mut events = Vec::new();
    for number in 0..20 {
        events.push(app.send_lead(&dealer, &format!("person{number}")).await);
    }
    app.run_until_idle().await;
    for (number, event) in events.iter().enumerate() {
        let outcome = app.lead(event).await.outcome;
        assert_eq!(outcome, if number == 13 { "failed" } else { "created" }, "{number}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_update_that_would_change_nothing_is_not_sent() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    for number in 0..2 {
        app.send(&dealer, &format!("msg_{number}"), lead("ana")).await;
        app.run_until_idle().await;
    }
    let upserts = calls(&app).iter().filter(|path| path.ends_with("0-1/batch/upsert")).count();
    assert_eq!((upserts, app.hubspot.record_count(dealer.portal(), NOTE)), (1, 2));
    app.finish().await;
}

#[tokio::test]
async fn a_deal_that_is_blocked_does_not_hold_contact_and_note() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "no-such-stage" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&event).await;
    assert!(fate.starts_with("blocked, 0 attempts (stage.missing)"), "{fate}");
    let lead = app.lead(&event).await;
    assert!(lead.contact.is_some() && lead.note.is_some() && lead.deal.is_none());
    app.finish().await;
}

#[tokio::test]
async fn the_answers_may_come_in_any_form_that_hubspot_has() {
    for set in [
        |knobs: &mut hubspot_sim::Knobs| knobs.echo_trace = true,
        |knobs: &mut hubspot_sim::Knobs| knobs.sparse_errors = true,
        |knobs: &mut hubspot_sim::Knobs| knobs.extra_fields = true,
        |knobs: &mut hubspot_sim::Knobs| knobs.linked_ids_as_text = true,
    ] {
        let app = TestApp::start().await;
        app.hubspot.set_knobs(set);
        let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
        let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
        for number in 0..5 {
            let event = app.send_lead(&dealer, &format!("person{number}")).await;
            app.run_until_idle().await;
            assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
        }
        app.finish().await;
    }
}

#[tokio::test]
async fn a_broken_answer_to_a_write_makes_no_second_record() {
    for end in [End::Half, End::Html, End::Empty] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.hubspot.add_fault(Fault::end(end).on_path("/batch/upsert").applied().times(1));
        app.hubspot.add_fault(Fault::end(end).on_path("0-46/batch/create").applied().times(1));
        let event = app.send_lead(&dealer, "ana").await;
        app.run_through(app.now() + std::time::Duration::from_secs(3600)).await;
        let fate = app.fate(&event).await;
        assert!(fate.starts_with("delivered"), "{end:?}: {fate}");
        assert_eq!(
            (app.hubspot.record_count(dealer.portal(), CONTACT), app.hubspot.record_count(dealer.portal(), NOTE)),
            (1, 1),
            "{end:?}"
        );
        app.finish().await;
    }
}

/// A fault on upserts that name this person, for the whole batch, with this error in HubSpot's envelope.
fn refuse_batch_of(person: &str, code: &str, property: &str) -> Fault {
    let error = json!({ "isValid": false, "error": code, "name": property, "message": "no" });
    let body = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": format!("Property values were not valid: [{error}]") });
    let mut fault = Fault::status(400).on_path("0-1/batch/upsert");
    fault.on.body = Some(person.to_owned());
    fault.then.body = Some(body.to_string());
    fault
}

#[tokio::test]
async fn a_whole_batch_refused_for_one_persons_data_costs_only_that_person() {
    let rows = [
        ("INVALID_EMAIL", "email", "delivered, 1 attempts"),
        ("MISSING_REQUIRED_PROPERTY", "city", "blocked, 0 attempts (property.required)"),
        ("INVALID_OPTION", "lead_priority", "failed, 1 attempts (option.unknown)"),
    ];
    for (code, property, expected) in rows {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        app.hubspot.add_fault(refuse_batch_of("person3@", code, property));
        let mut events = Vec::new();
        for number in 0..8 {
            events.push(app.send_lead(&dealer, &format!("person{number}")).await);
        }
        app.run_until_idle().await;
        for (number, event) in events.iter().enumerate() {
            let fate = app.fate(event).await;
            let expected = if number == 3 { expected } else { "delivered, 1 attempts" };
            assert!(fate.starts_with(expected), "{code} {number}: {fate}");
            let dropped = app.lead(event).await.dropped;
            assert!(number == 3 || dropped.is_empty(), "{code} {number} lost {dropped:?}");
        }
        app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
    }
}

#[tokio::test]
async fn a_read_that_partly_fails_is_not_taken_for_nobody_there() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let body = json!({ "status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{ "status": "error", "category": "INTERNAL_ERROR", "message": "oops" }] });
    let mut fault = Fault::status(207).on_path("0-1/batch/read").times(1);
    fault.then.body = Some(body.to_string());
    app.hubspot.add_fault(fault);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_through(app.now() + std::time::Duration::from_secs(60)).await;
    assert_eq!(app.fate(&event).await, "delivered, 2 attempts");
    app.finish().await;
}

#[tokio::test]
async fn a_silent_yes_is_no_success() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let mut fault = Fault::status(200).on_path("0-1/batch/upsert").times(1);
    fault.then.body = Some(json!({ "status": "COMPLETE", "results": [] }).to_string());
    app.hubspot.add_fault(fault);
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    app.run_through(app.now() + std::time::Duration::from_secs(60)).await;
    assert_eq!(app.fate(&event).await, "delivered, 2 attempts");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish().await;
}
