//! A property that the portal has already takes what a transformation writes to another one: of new leads, of those that wait,
//! and of earlier contacts. And the way back.

use std::time::Duration;

use hubspot_sim::{NewProperty, Preset};
use leadline::connection::checklist::Consent;
use leadline::connection::fill::Wish;
use leadline::model::account::Policy;
use leadline::model::id::EventId;
use reqwest::Method;
use serde_json::{Value, json};

use super::{CONTACT, URL};
use crate::access::{Asker, Reply, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::{Dealer, TestApp};

const PLANNED: &str = "vehicle_of_interest";
const OWN: &str = "vehicle_interest";

/// A dealership whose portal has every property but one, and one of its own for the same thing.
async fn dealer(app: &TestApp) -> Dealer {
    let dealer = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    app.hubspot.add_property(dealer.portal(), CONTACT, NewProperty::text(OWN, "Vehicle interest"));
    let only = [
        "budget_range",
        "lead_priority",
        "lead_origin_channel",
        "dealership_name",
        "dealership_slug",
        "leadline_lead_id",
    ];
    app.create(&dealer, Consent { only: only.map(str::to_owned).into(), ..Consent::default() }).await;
    app.advance(Duration::from_secs(1));
    dealer
}

/// Asks the API for names.
async fn put(app: &TestApp, dealer: &Dealer, names: Value) -> Reply {
    let at = format!("/v1/connections/{}/policy", dealer.connection.id);
    Asker::operator().ask(app, Method::PUT, &at, Some(&json!({ "names": names }))).await
}

/// What the receipt of a lead says of a property: state and words.
async fn receipt(app: &TestApp, event: &EventId, name: &str) -> Option<(String, String)> {
    let lead = Asker::operator().get(app, &format!("/v1/leads/{event}")).await.body["data"].clone();
    let field = lead["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned()?;
    Some((field["state"].as_str().unwrap().to_owned(), field["fate"].as_str().unwrap().to_owned()))
}

#[tokio::test]
async fn what_waits_for_a_missing_property_goes_to_the_one_that_is_used_in_its_place() {
    let app = TestApp::start().await;
    let dealer = dealer(&app).await;
    app.set_policy(&dealer, Policy { strict: true, ..Policy::default() }).await;
    let ana = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let fate = app.fate(&ana).await;
    assert!(fate.starts_with("blocked, 0 attempts (property.missing)") && fate.contains(PLANNED), "{fate}");
    assert_eq!(app.issues_in_short(&dealer).await, ["property.missing vehicle_of_interest: 1 wait, 0 went without"]);

    let set = put(&app, &dealer, json!({ "contact": { PLANNED: OWN } })).await;
    assert_eq!((set.status, &set.body["data"]["names"]), (200, &json!({ CONTACT: { PLANNED: OWN } })), "{set:?}");
    assert_eq!(app.issues_in_short(&dealer).await, [""; 0], "at once");
    app.run_until_idle().await;
    assert_eq!(app.fate(&ana).await, "delivered, 1 attempts");
    let contact = app.contact(&dealer, "ana");
    assert_eq!((contact[OWN].as_str(), contact.contains_key(PLANNED)), ("2027 Honda CR-V", false));
    assert_eq!(receipt(&app, &ana, OWN).await, Some(("written".to_owned(), String::new())));
    assert_eq!(receipt(&app, &ana, PLANNED).await, None, "what was planned under that name is told once");

    // The plan is the run's, to the byte, whatever was chosen meanwhile.
    let (code, said) = app.command(&["event", "rerun", ana.as_str()]).await;
    assert!(code == 0 && said.contains("Again, the same to the byte"), "{said}");
    let bob = app.send_lead(&dealer, "bob").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&bob).await, "delivered, 1 attempts");
    assert_eq!(app.contact(&dealer, "bob")[OWN], "2027 Honda CR-V");

    // The way back, at the terminal.
    let back = ["property", "use", "--account", "acme", PLANNED];
    let (code, said) = app.command(&back).await;
    assert!(code == 0 && said.contains("Leads write `vehicle_of_interest` from now on."), "{said}");
    assert_eq!(app.issues_in_short(&dealer).await, ["property.missing vehicle_of_interest: 0 wait, 0 went without"]);
    assert_eq!(receipt(&app, &bob, OWN).await, Some(("written".to_owned(), String::new())), "it went there");
    let eve = app.send_lead(&dealer, "eve").await;
    app.run_until_idle().await;
    assert!(app.fate(&eve).await.starts_with("blocked"), "{}", app.fate(&eve).await);
    assert_eq!(put(&app, &dealer, json!({ "contact": { PLANNED: OWN } })).await.status, 200);
    app.run_until_idle().await;
    assert_eq!(app.fate(&eve).await, "delivered, 1 attempts");
    assert_eq!(app.contact(&dealer, "eve")[OWN], "2027 Honda CR-V");
    assert_eq!(app.command(&back).await.0, 0);
    let (code, said) = app.command(&["property", "use", "--account", "acme", PLANNED, OWN]).await;
    assert!(code == 0 && said.contains("Leads write `vehicle_interest` in place of `vehicle_of_interest`"), "{said}");
    let history = Asker::operator().get(&app, "/v1/audit?account=acme&action=connections.policy.set&limit=1").await;
    let detail = &history.body["data"][0]["detail"];
    let after = json!(["contact.vehicle_of_interest → vehicle_interest"]);
    assert_eq!((&detail["before"]["names"], &detail["after"]["names"]), (&Value::Null, &after), "{detail}");
    app.finish().await;
}

#[tokio::test]
async fn the_page_offers_the_property_that_is_there_and_earlier_contacts_are_filled_in_there() {
    let app = with_public_url(URL).await;
    let dealer = dealer(&app).await;
    let ana = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.lead(&ana).await.dropped, [PLANNED]);
    let fields = "/accounts/acme/fields";
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let offer = "You already have “Vehicle interest” (<code>vehicle_interest</code>).";
    let page = manager.get(&app, fields).await;
    assert!(text(&page).contains(offer) && text(&page).contains("Use that one"), "{}", text(&page));
    let seen = viewer.get(&app, fields).await;
    assert!(text(&seen).contains(offer) && !text(&seen).contains("Use that one"), "{}", text(&seen));

    let asked = [("object_type", CONTACT), ("planned", PLANNED), ("name", OWN)];
    let used = submit(&app, &manager, "/accounts/acme/fields/use", &asked).await;
    assert_eq!((used.status, used.header("location")), (303, "/accounts/acme/fields?done=policy"), "{used:?}");
    let page = manager.get(&app, fields).await;
    for words in [
        "<code>vehicle_interest</code> in place of <code>vehicle_of_interest</code>",
        "Use <code>vehicle_of_interest</code> again",
        "Every property is there.",
        "<strong>1 contact</strong> without a value",
    ] {
        assert!(text(&page).contains(words), "{words} is not in {}", text(&page));
    }
    let (_, by_hand) = text(&page).split_once("id=\"by-hand\"").unwrap();
    assert!(by_hand.contains("budget_range") && !by_hand.contains(OWN), "nobody has to make it: {by_hand}");
    let history = Asker::operator().get(&app, "/v1/audit?account=acme&action=accounts.fields.use").await;
    let after = json!(["contact.vehicle_of_interest → vehicle_interest"]);
    assert_eq!(history.body["data"][0]["detail"]["after"]["names"], after, "{history:?}");

    assert_eq!(receipt(&app, &ana, PLANNED).await.unwrap().0, "left out", "as it was sent");
    let report = app.fill(&dealer, Wish::default()).await;
    let told: Vec<_> = report.filled.iter().map(|one| (one.dropped.property.as_str(), one.dropped.target())).collect();
    assert_eq!(told, [(PLANNED, OWN)], "{report:#?}");
    assert_eq!(app.contact(&dealer, "ana")[OWN], "2027 Honda CR-V");
    assert_eq!(receipt(&app, &ana, OWN).await, Some(("written".to_owned(), "filled in later".to_owned())));
    assert_eq!(receipt(&app, &ana, PLANNED).await, None);
    app.finish().await;
}

#[tokio::test]
async fn what_went_without_under_a_name_that_is_given_up_is_filled_in_under_the_next() {
    let app = TestApp::start().await;
    let dealer = dealer(&app).await;
    assert_eq!(put(&app, &dealer, json!({ "contact": { PLANNED: OWN } })).await.status, 200);
    app.hubspot.archive_property(dealer.portal(), CONTACT, OWN);
    app.hubspot.add_property(dealer.portal(), CONTACT, NewProperty::text("car", "Car"));
    app.check(&dealer).await;
    let ana = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.lead(&ana).await.dropped, [OWN]);
    assert_eq!(put(&app, &dealer, json!({ "contact": { PLANNED: "car" } })).await.status, 200);
    let report = app.fill(&dealer, Wish::default()).await;
    let told: Vec<_> = report.filled.iter().map(|one| (one.dropped.property.as_str(), one.dropped.target())).collect();
    assert_eq!(told, [(OWN, "car")], "{report:#?}");
    assert_eq!(app.contact(&dealer, "ana")["car"], "2027 Honda CR-V");
    assert_eq!(receipt(&app, &ana, "car").await, Some(("written".to_owned(), "filled in later".to_owned())));
    assert_eq!(receipt(&app, &ana, OWN).await, None);
    app.finish().await;
}

#[tokio::test]
async fn the_mapping_and_the_preview_say_where_it_goes() {
    let app = with_public_url(URL).await;
    let dealer = dealer(&app).await;
    assert_eq!(put(&app, &dealer, json!({ CONTACT: { PLANNED: OWN } })).await.status, 200);
    let ana = app.send_lead(&dealer, "ana").await;
    app.run_until_idle().await;
    let operator = Asker::operator();
    let mapping = operator.get(&app, "/v1/accounts/acme/mapping").await.body["data"]["lines"].clone();
    let line = mapping.as_array().unwrap().iter().find(|line| line["property"] == PLANNED).unwrap();
    let told = (&line["written_to"], &line["state"], &line["sample"]);
    assert_eq!(told, (&json!(OWN), &json!("fine"), &json!("2027 Honda CR-V")), "{line}");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/fields/mapping").await;
    assert!(text(&page).contains("written to <code>vehicle_interest</code>"), "{}", text(&page));
    assert!(text(&page).contains("name=\"/policies/vehicle_of_interest\""), "settings keep the name: {}", text(&page));

    // The calls that a lead would make are those that it makes; what the transformation says stays what it says.
    let asked = json!({ "account": "acme", "version": "default@1", "event": ana });
    let tried = operator.post(&app, "/v1/dry-runs", asked).await.body["data"].clone();
    let calls = tried["calls"].to_string();
    assert!(calls.contains("\"vehicle_interest\"") && !calls.contains(PLANNED), "{tried}");
    assert!(tried["actions"].to_string().contains(PLANNED) && tried["dropped"] == json!([]), "{tried}");
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_take_the_values_is_refused_by_page_and_api_and_nothing_changes() {
    let app = with_public_url(URL).await;
    let dealer = dealer(&app).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for (planned, name, status, words) in [
        (PLANNED, "nowhere", 409, "HubSpot has no such property"),
        (PLANNED, "lead_priority", 409, "takes another value of the lead"),
        (PLANNED, "lifecyclestage", 409, "and single-line text is needed"),
        (PLANNED, "email", 400, "recognises records"),
        ("leadline_lead_id", OWN, 400, "recognises records"),
        ("trim", OWN, 400, "no transformation in use writes a property"),
    ] {
        let asked = [("object_type", CONTACT), ("planned", planned), ("name", name)];
        let page = submit(&app, &manager, "/accounts/acme/fields/use", &asked).await;
        assert_eq!(page.status, status, "{planned} → {name}: {}", text(&page));
        for words in ["<h1>Fields</h1>", words, "Use that one"] {
            assert!(text(&page).contains(words), "{words} is not in {}", text(&page));
        }
        let refused = put(&app, &dealer, json!({ "contact": { planned: name } })).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains(words), "{refused:?}");
    }
    let at = format!("/v1/connections/{}/policy", dealer.connection.id);
    assert_eq!(Asker::operator().get(&app, &at).await.body["data"]["names"], json!({}));
    // Nor does a property become a key that takes other values already.
    assert_eq!(put(&app, &dealer, json!({ "contact": { PLANNED: OWN } })).await.status, 200);
    let key = json!({ "contact_key": OWN });
    assert_eq!(Asker::operator().ask(&app, Method::PUT, &at, Some(&key)).await.status, 409);
    assert_eq!(app.command(&["property", "use", "--account", "acme", PLANNED, "nowhere"]).await.0, 6);
    assert_eq!(app.command(&["property", "use", "--account", "acme", "trim", OWN]).await.0, 2);
    app.finish().await;
}

#[tokio::test]
async fn who_fills_in_twice_or_cancels_nothing_is_told_on_the_page() {
    let app = with_public_url(URL).await;
    app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for (form, status, words) in [
        ("fill-cancel", 409, "nothing is being filled in"),
        ("fill-all", 303, ""),
        ("fill-all", 409, "earlier contacts are being filled in already"),
        ("fill-cancel", 303, ""),
        ("fill-cancel", 409, "nothing is being filled in"),
    ] {
        let page = submit(&app, &manager, &format!("/accounts/acme/fields/{form}"), &[]).await;
        assert_eq!(page.status, status, "{form}: {}", text(&page));
        let is_page = text(&page).contains("<h1>Fields</h1>") && text(&page).contains(words);
        assert!(status == 303 || is_page, "{form}: {}", text(&page));
    }
    app.finish().await;
}
