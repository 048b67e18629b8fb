//! Whole runs: a lead in, actions and log out.

use guest_sdk::testing::{self, capture, lead, lead_event};
use guest_sdk::{Budget, ConversationNote, Lead, Refusal, Transformation, Vehicle};
use insta::assert_snapshot;

fn run(lead: Lead, settings: &str) -> String {
    let (answer, record) = capture(|| crate::DealsTransformation::transform(lead_event(lead), settings));
    match answer {
        Ok(actions) => format!("{}{record}", testing::render(&actions)),
        Err(Refusal::Skip(reason)) => format!("skip: {reason}\n{record}"),
        Err(Refusal::Invalid(reason)) => format!("invalid: {reason}\n{record}"),
    }
}

fn maya(priority: &str) -> Lead {
    Lead {
        name: Some("Maya Lind".into()),
        email: Some("maya.lind@example.com".into()),
        priority: Some(priority.into()),
        vehicle: Some(Vehicle { make: Some("Toyota".into()), model: Some("RAV4".into()), year: None, trim: None }),
        budget: Some(Budget { text: None, min: Some(25_000), max: Some(30_000), currency: None }),
        notes: vec![ConversationNote { at: None, text: "Evenings are best.".into() }],
        ..lead("lead_1")
    }
}

#[test]
fn a_lead_becomes_contact_deal_and_note() {
    assert_snapshot!(run(maya("high"), r#"{"pipeline": "p", "stage": "s"}"#), @r"
    0 contact by email = maya.lind@example.com
      email = maya.lind@example.com [on-create]
      firstname = Maya [if-empty]
      lastname = Lind [if-empty]
      vehicle_of_interest = Toyota RAV4 [always]
      budget_range = 25,000–30,000 USD [always]
      lead_priority = high [always]
      lifecyclestage = lead [always]
    1 deal by leadline_deal_key = lead_1
      named Toyota RAV4 – Maya Lind
      in p / s
      of [0]
      amount = 27500 [on-create]
    2 note about [0, 1] at 1795420800000
      | Toyota RAV4 · Budget: 25,000–30,000 USD · Priority: high
      | 
      | Evenings are best.
    ");
}

#[test]
fn settings_shape_the_deal() {
    let settings = r#"{
        "pipeline": "p",
        "stage": "s",
        "deal_key": "person-and-vehicle",
        "name_template": "{name} ({origin})",
        "amount": "max",
        "close_in_days": 30,
        "owner": "910042",
        "default_properties": {"dealtype": "newbusiness", "amount": "1", "hubspot_owner_id": "2"},
        "policies": {"amount": "always", "dealtype": "if-empty"}
    }"#;
    assert_snapshot!(run(maya("low"), settings), @r"
    0 contact by email = maya.lind@example.com
      email = maya.lind@example.com [on-create]
      firstname = Maya [if-empty]
      lastname = Lind [if-empty]
      vehicle_of_interest = Toyota RAV4 [always]
      budget_range = 25,000–30,000 USD [always]
      lead_priority = low [always]
      lifecyclestage = lead [always]
    1 deal by leadline_deal_key = maya.lind@example.com toyota rav4
      named Maya Lind
      in p / s
      of [0]
      dealtype = newbusiness [if-empty]
      amount = 30000 [always]
      hubspot_owner_id = 910042 [on-create]
      closedate = 2026-12-23 [on-create]
    2 note about [0, 1] at 1795420800000
      | Toyota RAV4 · Budget: 25,000–30,000 USD · Priority: low
      | 
      | Evenings are best.
    ");
}

#[test]
fn a_lead_that_does_not_meet_the_conditions_makes_no_deal() {
    let settings = r#"{"pipeline": "p", "stage": "s", "only_priorities": ["high"]}"#;
    assert_snapshot!(run(maya("low"), settings), @r"
    0 contact by email = maya.lind@example.com
      email = maya.lind@example.com [on-create]
      firstname = Maya [if-empty]
      lastname = Lind [if-empty]
      vehicle_of_interest = Toyota RAV4 [always]
      budget_range = 25,000–30,000 USD [always]
      lead_priority = low [always]
      lifecyclestage = lead [always]
    1 note about [0] at 1795420800000
      | Toyota RAV4 · Budget: 25,000–30,000 USD · Priority: low
      | 
      | Evenings are best.
    info no deal: the priority `low` is not among those that make one
    ");
}

#[test]
fn settings_that_cannot_be_used_are_refused_by_name() {
    let reasons = [
        run(maya("high"), r#"{"stage": "s"}"#),
        run(maya("high"), r#"{"pipeline": "p"}"#),
        run(maya("high"), r#"{"pipeline": "p", "stage": "s", "deal_key": "car"}"#),
        run(maya("high"), r#"{"pipeline": "p", "stage": "s", "amount": "most"}"#),
        run(maya("high"), r#"{"pipeline": "p", "stage": "s", "name_template": "{colour}"}"#),
        run(maya("high"), r#"{"pipeline": "p", "stage": "s", "default_properties": {"dealstage": "won"}}"#),
        run(maya("high"), r#"{"pipeline": "p", "stage": "s", "default_properties": {"hs_object_source": "us"}}"#),
    ];
    assert_snapshot!(reasons.concat(), @r"
    invalid: setting `pipeline` is missing
    invalid: setting `stage` is missing
    invalid: setting `deal_key` is not lead, person or person-and-vehicle
    invalid: setting `amount` is not min, middle, max, fixed or none
    invalid: setting `name_template`: no part is called `colour`; use vehicle, name, email, phone, budget, dealership or origin
    invalid: setting `default_properties` names `dealstage`, which takes another value; name another property
    invalid: setting `default_properties` names `hs_object_source`, which HubSpot keeps itself; name another property
    ");
}

#[test]
fn the_manifest_adds_one_deal_property() {
    let manifest = crate::DealsTransformation::describe();
    let last = manifest.properties.last().unwrap();
    assert_snapshot!(
        format!("{}: {}\n{last:#?}", manifest.name, manifest.summary),
        @r#"
    deals: Creates or updates a contact for each lead, and a deal for the leads you choose, with the conversation as a note.
    PropertyDefinition {
        object-type: "deal",
        name: "leadline_deal_key",
        label: "Leadline Deal Key",
        description: "Recognizes the deal of a lead, so that sending the lead again never makes a second deal",
        kind: PropertyKind::Text,
        options: [],
        unique: true,
    }
    "#
    );
}
