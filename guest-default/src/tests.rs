//! Whole runs: a lead in, actions and log out. The folders of `examples/` show the usual cases; here
//! stand those that depend on settings.

use guest_sdk::testing::{self, capture, lead, lead_event};
use guest_sdk::{
    Budget, Consent, ConversationNote, Dealership, Event, Lead, Payload, Refusal, Transformation, Vehicle,
};
use insta::assert_snapshot;

fn run(event: Event, settings: &str) -> String {
    let (answer, record) = capture(|| crate::DefaultTransformation::transform(event, settings));
    match answer {
        Ok(actions) => format!("{}{record}", testing::render(&actions)),
        Err(Refusal::Skip(reason)) => format!("skip: {reason}\n{record}"),
        Err(Refusal::Invalid(reason)) => format!("invalid: {reason}\n{record}"),
    }
}

fn said(text: &str) -> ConversationNote {
    ConversationNote { at: None, text: text.into() }
}

fn full_lead() -> Lead {
    Lead {
        name: Some("Maya Lind".into()),
        email: Some("Maya.Lind@example.com".into()),
        phone: Some("(305) 555-0187".into()),
        status: Some("new".into()),
        priority: Some("High".into()),
        origin: Some("chat_widget".into()),
        vehicle: Some(Vehicle {
            make: Some("Toyota".into()),
            model: Some("RAV4".into()),
            year: Some(2024),
            trim: Some("XLE".into()),
        }),
        budget: Some(Budget { text: None, min: Some(25_000), max: Some(30_000), currency: None }),
        notes: vec![said("Looking for a RAV4."), said("Evenings are best.")],
        dealership: Some(Dealership { name: "Ocean Honda".into(), slug: "ocean-honda".into() }),
        consent: Some(Consent { text: "I agree".into(), at: 1_795_420_800_000 }),
        ..lead("lead_1")
    }
}

#[test]
fn a_full_lead_becomes_contact_and_note() {
    assert_snapshot!(run(lead_event(full_lead()), r#"{"country": "US"}"#), @r"
    0 contact by email = maya.lind@example.com
      email = maya.lind@example.com [on-create]
      firstname = Maya [if-empty]
      lastname = Lind [if-empty]
      phone = +13055550187 [if-empty]
      vehicle_of_interest = 2024 Toyota RAV4 XLE [always]
      budget_range = 25,000–30,000 USD [always]
      hs_lead_status = NEW [on-create]
      lead_priority = high [always]
      lead_origin_channel = chat_widget [always]
      dealership_name = Ocean Honda [always]
      dealership_slug = ocean-honda [always]
      lifecyclestage = lead [always]
    1 note about [0] at 1795420800000
      | 2024 Toyota RAV4 XLE · Budget: 25,000–30,000 USD · Priority: high
      | 
      | Looking for a RAV4.
      | Evenings are best.
      | 
      | Consent: I agree, 2026-11-23 08:00 UTC
    ");
}

#[test]
fn settings_name_targets_options_and_policies() {
    let settings = r#"{
        "default_currency": "CAD",
        "status_map": {"New": "OPEN"},
        "priority_map": {"high": "medium"},
        "origin_property": "first_touch",
        "consent_property": "chat_consent",
        "legal_basis": "Freely given consent from contact",
        "policies": {"firstname": "always", "budget_range": "if-empty", "first_touch": "on-create"}
    }"#;
    assert_snapshot!(run(lead_event(Lead { notes: vec![], ..full_lead() }), settings), @r"
    0 contact by email = maya.lind@example.com
      email = maya.lind@example.com [on-create]
      firstname = Maya [always]
      lastname = Lind [if-empty]
      phone = (305) 555-0187 [if-empty]
      vehicle_of_interest = 2024 Toyota RAV4 XLE [always]
      budget_range = 25,000–30,000 CAD [if-empty]
      hs_lead_status = OPEN [on-create]
      lead_priority = medium [always]
      lead_origin_channel = chat_widget [always]
      dealership_name = Ocean Honda [always]
      dealership_slug = ocean-honda [always]
      lifecyclestage = lead [always]
      hs_legal_basis = Freely given consent from contact [if-empty]
      first_touch = chat_widget [on-create]
      chat_consent = I agree, 2026-11-23 08:00 UTC [always]
    1 note about [0] at 1795420800000
      | 2024 Toyota RAV4 XLE · Budget: 25,000–30,000 CAD · Priority: medium
      | 
      | Consent: I agree, 2026-11-23 08:00 UTC
    ");
}

#[test]
fn what_cannot_be_used_is_dropped_and_kept_in_the_note() {
    let lead = Lead {
        name: Some("-".into()),
        email: Some("maya@lind".into()),
        phone: Some("please text".into()),
        status: Some("lukewarm".into()),
        priority: Some("urgent".into()),
        ..lead("lead_1")
    };
    assert_snapshot!(run(lead_event(lead), "{}"), @r"
    0 contact by leadline_lead_id = lead_1
      leadline_lead_id = lead_1 [on-create]
      firstname = Chat visitor [on-create]
      lifecyclestage = lead [always]
    1 note about [0] at 1795420800000
      | Email as typed: maya@lind (not usable: it has no dot after the @)
      | Phone as typed: please text
    dropped firstname = -: no letter in it could be a name
    dropped email = maya@lind: not an email address: it has no dot after the @; it is in the note
    warn the email address cannot be used, because it has no dot after the @; it is kept in the note
    dropped phone = please text: not a phone number: it has no digits; it is in the note
    dropped hs_lead_status = lukewarm: no option of Lead Status goes by that name; the setting `status_map` can name one
    dropped lead_priority = urgent: not one of high, medium, low; the setting `priority_map` can translate it
    ");
}

#[test]
fn a_lead_that_says_nothing_else_makes_no_note() {
    let lead = Lead { phone: Some("305 555 0187".into()), ..lead("lead_1") };
    assert_snapshot!(run(lead_event(lead), r#"{"placeholder_first_name": "Visitor"}"#), @r"
    0 contact by leadline_lead_id = lead_1
      leadline_lead_id = lead_1 [on-create]
      firstname = Visitor [on-create]
      phone = 305 555 0187 [if-empty]
      lifecyclestage = lead [always]
    ");
}

#[test]
fn timed_notes_are_put_in_order_around_the_others() {
    let at = |at: i64, text: &str| ConversationNote { at: Some(at), text: text.into() };
    let notes = vec![at(3, "third"), said("in between"), at(1, "first"), at(1, "second"), said(" "), at(9, "last")];
    let lead = Lead { notes, email: Some("maya@example.com".into()), ..lead("lead_1") };
    assert_snapshot!(run(lead_event(lead), "{}"), @r"
    0 contact by email = maya@example.com
      email = maya@example.com [on-create]
      lifecyclestage = lead [always]
    1 note about [0] at 1795420800000
      | first
      | in between
      | second
      | third
      | last
    ");
}

#[test]
fn what_makes_no_contact_is_skipped_or_refused_with_a_reason() {
    let other = |event_type: &str| Event {
        event_type: event_type.into(),
        payload: Payload::Other,
        ..lead_event(lead("lead_1"))
    };
    let nameless = || lead_event(Lead { email: Some(" ".into()), ..lead("lead_1") });
    let with_name = || lead_event(full_lead());
    let without_id = lead_event(Lead { id: " ".into(), email: None, ..full_lead() });
    let reasons = [
        run(other("trade_in.requested.v1"), "{}"),
        run(nameless(), "{}"),
        run(without_id, "{}"),
        run(with_name(), "[]"),
        run(with_name(), r#"{"country": 1}"#),
        run(with_name(), r#"{"origin_property": "hs_analytics_source"}"#),
        run(with_name(), r#"{"origin_property": "hs_object_source_label"}"#),
        run(with_name(), r#"{"consent_property": "notes_last_contacted"}"#),
        run(with_name(), r#"{"consent_property": "email"}"#),
    ];
    assert_snapshot!(reasons.concat(), @r"
    skip: trade_in.requested.v1 makes no record
    skip: lead.no_identity: the lead has no name, email or phone
    invalid: the lead has no id, and no email to be recognized by
    invalid: the settings are not a JSON object
    invalid: setting `country` is not a text
    invalid: setting `origin_property` names `hs_analytics_source`, which HubSpot keeps itself; name another property
    invalid: setting `origin_property` names `hs_object_source_label`, which HubSpot keeps itself; name another property
    invalid: setting `consent_property` names `notes_last_contacted`, which HubSpot keeps itself; name another property
    invalid: setting `consent_property` names `email`, which takes another value; name another property
    ");
}

#[test]
fn fields_without_a_property_are_named_in_the_log() {
    let extra = vec![("/vehicle/stock_number".into(), "H26-1184".into()), ("/language".into(), "ru".into())];
    let event = Event { extra, ..lead_event(Lead { email: Some("maya@example.com".into()), ..lead("lead_1") }) };
    assert_snapshot!(run(event, "{}"), @r"
    0 contact by email = maya@example.com
      email = maya@example.com [on-create]
      lifecyclestage = lead [always]
    info no property takes /vehicle/stock_number /language
    ");
}

#[test]
fn the_manifest_says_what_the_host_must_know() {
    let manifest = crate::DefaultTransformation::describe();
    let mut text = format!("{}: {}\n{:?}\n", manifest.name, manifest.summary, manifest.event_types);
    for property in manifest.properties {
        text += &format!(
            "{} {} {:?} {:?} unique: {}\n  {}\n  {}\n",
            property.object_type,
            property.name,
            property.kind,
            property.options,
            property.unique,
            property.label,
            property.description,
        );
    }
    assert_snapshot!(text, @r#"
    default: Creates or updates a contact for each lead, with the conversation as a note.
    ["lead.captured.v1"]
    contact vehicle_of_interest PropertyKind::Text [] unique: false
      Vehicle of Interest
      The vehicle the customer is interested in
    contact budget_range PropertyKind::Text [] unique: false
      Budget Range
      Customer’s budget range for vehicle purchase
    contact lead_priority PropertyKind::Choice ["high", "medium", "low"] unique: false
      Lead Priority
      Priority level of this lead
    contact lead_origin_channel PropertyKind::Text [] unique: false
      Lead Origin Channel
      Channel where the lead originated (e.g., chat_widget)
    contact dealership_name PropertyKind::Text [] unique: false
      Dealership Name
      Name of the dealership this lead is for
    contact dealership_slug PropertyKind::Text [] unique: false
      Dealership Slug
      Dealership identifier
    contact leadline_lead_id PropertyKind::Text [] unique: true
      Leadline Lead ID
      Recognizes a lead that came without an email address, so that sending it again never makes a second contact
    "#);
}
