//! Where HubSpot surprises people: each surprise once, and what we do about it.

use hubspot_sim::{Act, FindingKind, Preset};
use serde_json::json;

use crate::support::{Dealer, TestApp, lead};

const CONTACT: &str = "0-1";
const DEAL: &str = "0-3";

fn contact(app: &TestApp, dealer: &Dealer, id: &str) -> hubspot_sim::Record {
    app.hubspot.records(dealer.portal(), CONTACT).into_iter().find(|record| record.id == id).unwrap()
}

#[tokio::test]
async fn a_customer_stays_a_customer() {
    for (stage, after) in [("customer", "customer"), ("subscriber", "lead"), ("", "lead")] {
        let app = TestApp::start().await;
        let dealer = app.connected("acme").await;
        let mut person = vec![("email", "ana@example.com")];
        person.extend(Some(("lifecyclestage", stage)).filter(|(_, stage)| !stage.is_empty()));
        let id = app.hubspot.create_record(dealer.portal(), CONTACT, &person);
        let event = app.send_lead(&dealer, "ana").await;
        app.run_until_idle().await;
        assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
        assert_eq!(contact(&app, &dealer, &id).properties["lifecyclestage"], after, "from {stage:?}");
        let sent: Vec<_> = app.hubspot.calls().into_iter().filter(|call| call.path.ends_with("/upsert")).collect();
        assert_eq!(
            sent[0].body.contains("lifecyclestage"),
            stage != "customer",
            "asked for nothing that it would ignore"
        );
        // A person made them a subscriber, and the lead moves them on.
        app.finish_after(&[FindingKind::PersonOverwritten]).await;
    }
}

#[tokio::test]
async fn a_status_that_a_seller_chose_stays() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let id = app.hubspot.create_record(
        dealer.portal(),
        CONTACT,
        &[("email", "ana@example.com"), ("hs_lead_status", "IN_PROGRESS")],
    );
    app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(contact(&app, &dealer, &id).properties["hs_lead_status"], "IN_PROGRESS");
    app.finish().await;
}

#[tokio::test]
async fn a_second_address_is_the_same_person_and_the_first_one_stays() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let id = app.hubspot.create_record(dealer.portal(), CONTACT, &[("email", "anna@example.com")]);
    app.hubspot.act(dealer.portal(), Act::AddAddress { contact: id.clone(), address: "ana@example.com".to_owned() });
    // Both of them in one batch, too.
    let events = [app.send_lead(&dealer, "ana").await, app.send_lead(&dealer, "anna").await];
    app.run_until_idle().await;
    for event in &events {
        let contact = app.lead(event).await.contact.unwrap();
        assert_eq!((contact.id, contact.new), (id.clone(), false));
    }
    assert_eq!(contact(&app, &dealer, &id).properties["email"], "anna@example.com");
    assert_eq!(app.hubspot.record_count(dealer.portal(), CONTACT), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_phone_rule_of_the_portals_admin_costs_the_phone_and_not_the_lead() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    app.hubspot.act(
        dealer.portal(),
        Act::AddRule {
            object_type: CONTACT.into(),
            property: "phone".into(),
            rule: "MAX_LENGTH".into(),
            argument: "5".into(),
        },
    );
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    assert_eq!(app.lead(&event).await.dropped, ["phone"]);
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn an_owner_who_left_costs_the_owner_and_not_the_deal() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "owner": "999999" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    let event = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");
    let shown = app.event(&event).await;
    let dropped = &shown.deliveries[0].delivery.progress.dropped;
    assert_eq!((dropped[0].field.as_str(), dropped[0].code.unwrap().as_str()), ("hubspot_owner_id", "owner.unknown"));
    assert_eq!(app.hubspot.record_count(dealer.portal(), DEAL), 1);
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_deal_that_a_seller_moved_stays_where_it_is() {
    let app = TestApp::start().await;
    let settings = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead" });
    let dealer = app.dealer("acme", Preset::Deals, "deals", settings).await;
    app.send(&dealer, "msg_1", lead("ana")).await;
    app.run_until_idle().await;
    let deal = app.hubspot.records(dealer.portal(), DEAL).pop().unwrap();
    let moved = [("dealstage", "appointment")];
    app.hubspot.edit_record(dealer.portal(), DEAL, &deal.id, &moved);
    // The same lead again, as an event of its own.
    app.send(&dealer, "msg_2", lead("ana")).await;
    app.run_until_idle().await;
    let deals = app.hubspot.records(dealer.portal(), DEAL);
    assert_eq!((deals.len(), deals[0].properties["dealstage"].as_str()), (1, "appointment"));
    app.finish().await;
}
