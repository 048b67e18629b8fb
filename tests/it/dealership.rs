//! What a dealership sees and does by itself: its fields day by day, its mapping, what it asks of the house.

use std::time::Duration;

use hubspot_sim::Preset;
use leadline::model::lane::Step;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::support::TestApp;

const URL: &str = "http://localhost:8080";

/// What the API says of the fields of a day: label, with a value, written, of how many leads.
async fn fields(app: &TestApp) -> Vec<(String, u64, u64, u64)> {
    let told = Asker::operator().get(app, "/v1/accounts/acme/fields").await;
    let number = |field: &Value, name: &str| field[name].as_u64().unwrap();
    let rows = told.body["data"]["fields"].as_array().unwrap_or_else(|| panic!("{told:?}")).iter();
    let row = |field: &Value| {
        let label = field["label"].as_str().unwrap().to_owned();
        (label, number(field, "valued"), number(field, "written"), number(field, "leads"))
    };
    rows.map(row).collect()
}

#[tokio::test]
async fn fields_are_counted_of_what_is_in_hubspot_now_and_once_the_hour_is_stored() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    app.send(
        &acme,
        "1",
        json!({ "id": "1", "name": "Ana Lind", "email": "ana@example.com", "budget": { "text": "20k" } }),
    )
    .await;
    app.send(&acme, "2", json!({ "id": "2", "name": "Bo", "email": "bo@example.com", "priority": "urgent" })).await;
    app.run_until_idle().await;
    let now = fields(&app).await;
    let of = |label: &str| now.iter().find(|row| row.0 == label).map(|row| (row.1, row.2, row.3));
    assert_eq!(of("Budget Range"), Some((1, 1, 2)), "{now:?}");
    assert_eq!(of("Lead Priority"), Some((1, 0, 2)), "what no property took had a value: {now:?}");
    assert_eq!(of("Vehicle of Interest"), Some((0, 0, 2)), "nobody answered: {now:?}");
    app.advance(Duration::from_secs(4 * 3600));
    while app.app.store.fill_hours(app.now()).await.unwrap() {}
    assert_eq!(fields(&app).await, now);
    app.finish().await;
}

#[tokio::test]
async fn a_manager_changes_the_mapping_after_a_look_at_the_last_leads_and_finds_back() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    let lead = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let path = "/accounts/acme/fields/mapping";
    let bindings = Asker::operator().get(&app, "/v1/bindings?connection=acme").await;
    let shown = manager.get(&app, path).await;
    assert!(text(&shown).contains("always") && text(&shown).contains("/policies/phone"), "{}", text(&shown));
    let fields = [("/country", "US"), ("/policies/phone", "always"), ("/status_map", "warm = OPEN")];
    let tried = submit(&app, &manager, path, &fields).await;
    assert!(text(&tried).contains("1 of the last 1 leads would change"), "{}", text(&tried));
    assert!(text(&tried).contains(lead.as_str()) && text(&tried).contains("phone = always"), "{}", text(&tried));
    let history = Asker::operator().get(&app, "/v1/bindings?connection=acme").await;
    assert_eq!(history.body["data"], bindings.body["data"], "nothing counts yet");

    let newest = history.body["data"][0]["id"].as_str().unwrap().to_owned();
    let draft = json!({ "policies": { "phone": "always" }, "status_map": { "warm": "OPEN" } }).to_string();
    let fields = [("draft", draft.as_str()), ("expected", newest.as_str()), ("reason", "the widget knows best")];
    let applied = submit(&app, &manager, &format!("{path}/apply"), &fields).await;
    assert_eq!(applied.status, 303, "{}", text(&applied));
    // Who looked at what counted before is told, and keeps what he typed.
    let late = submit(&app, &manager, &format!("{path}/apply"), &fields).await;
    assert_eq!(late.status, 412, "{}", text(&late));
    assert!(text(&late).contains("changed it meanwhile") && text(&late).contains("the widget knows best"));

    let api = Asker::operator();
    let mapping = api.get(&app, "/v1/accounts/acme/mapping").await;
    assert_eq!(mapping.body["data"]["settings"]["status_map"], json!({ "warm": "OPEN" }), "{mapping:?}");
    assert_eq!(mapping.body["data"]["settings"]["country"], "US", "what nobody named stays");
    let foreign = json!({ "changes": { "pipeline": "x" } });
    let refused = api.ask(&app, Method::PUT, "/v1/accounts/acme/mapping", Some(&foreign)).await;
    assert_eq!(refused.status, 400, "{refused:?}");

    let before = manager.get(&app, &format!("{path}?restore={newest}")).await;
    assert!(text(&before).contains("warm = OPEN") && text(&before).contains("as usual"), "{}", text(&before));
    app.finish().await;
}

#[tokio::test]
async fn what_is_asked_of_the_house_is_one_wish_that_support_sees_to() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for stage in ["New", "Qualified"] {
        let fields = [("pipeline", "Sales"), ("stage", stage), ("default_values", ""), ("which_leads", "all")];
        let asked = submit(&app, &manager, "/accounts/acme/deals", &fields).await;
        assert_eq!(asked.status, 303, "{}", text(&asked));
    }
    let awaited =
        submit(&app, &manager, "/accounts/acme/event-types/tell-me", &[("name", "carousel.clicked.v1")]).await;
    assert_eq!(awaited.status, 303, "{}", text(&awaited));
    assert!(text(&manager.get(&app, "/accounts/acme/event-types").await).contains("We tell you"));
    let wishes = Asker::operator().get(&app, "/v1/wishes").await;
    let wishes = wishes.body["data"].as_array().unwrap();
    assert_eq!(wishes.len(), 2, "asked twice is one: {wishes:?}");
    let deals = wishes.iter().find(|wish| wish["kind"] == "deals").unwrap();
    assert_eq!((deals["stage"].as_str(), deals["done_at"].is_null()), (Some("Qualified"), true));

    let support = looks(&signed_in(&app, None, "support").await);
    let accounts = support.get(&app, "/accounts").await;
    assert!(text(&accounts).contains("Deals with the leads") && text(&accounts).contains("Qualified"));
    let fields = [("account", "acme"), ("kind", "deals"), ("name", ""), ("back", "/accounts")];
    assert_eq!(submit(&app, &manager, "/wishes/done", &fields).await.status, 403, "support sees to it");
    assert_eq!(submit(&app, &support, "/wishes/done", &fields).await.status, 303);
    assert!(!text(&support.get(&app, "/accounts").await).contains("Deals with the leads"));
    assert!(text(&manager.get(&app, "/accounts/acme/deals").await).contains("Seen to"));
    app.finish().await;
}

#[tokio::test]
async fn a_type_that_is_turned_on_takes_along_what_was_skipped_and_the_switch_can_be_taken_back() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let (path, name) = ("/accounts/acme/event-types", ("name", "lead.captured.v1"));
    submit(&app, &manager, path, &[name, ("on", "no")]).await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 0);
    app.advance(Duration::from_secs(1));
    let on = submit(&app, &manager, path, &[name, ("on", "yes"), ("days", "7")]).await;
    assert!(on.header("location").contains("&replay=rpl_"), "{}", on.header("location"));
    let told = manager.get(&app, on.header("location")).await;
    assert!(
        text(&told).contains("1 event that was skipped is on the way") && text(&told).contains("Undo"),
        "{}",
        text(&told)
    );
    app.advance(Duration::from_secs(5));
    while leadline::replay::next(&app.app.store, app.now()).await.unwrap() == Step::Worked {}
    app.run_until_idle().await;
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_policy_without_a_choice_on_the_page_goes_through_it_unchanged() {
    let app = with_public_url(URL).await;
    let settings = json!({ "country": "US", "consent_property": "message", "policies": { "message": "always" } });
    app.dealer("acme", Preset::Ready, "default", settings).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let shown = manager.get(&app, "/accounts/acme/fields/mapping").await;
    let sent = r#"<input type="hidden" name="/policies/message" value="always">"#;
    assert!(text(&shown).contains(sent), "{}", text(&shown));
    app.finish().await;
}

#[tokio::test]
async fn the_mapping_shows_what_the_last_lead_brought_and_how_each_property_stands() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    app.hubspot.archive_property(acme.portal(), "0-1", "lead_priority");
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let told = Asker::operator().get(&app, "/v1/accounts/acme/mapping").await;
    let lines = told.body["data"]["lines"].as_array().unwrap_or_else(|| panic!("{told:?}"));
    let line = |name: &str| lines.iter().find(|line| line["property"] == name).unwrap_or_else(|| panic!("{lines:#?}"));
    let email = line("email");
    assert_eq!((&email["label"], &email["sample"]), (&json!("Email"), &json!("ana@example.com")), "{email:#?}");
    assert_eq!((&email["state"], &line("lead_priority")["state"]), (&json!("fine"), &json!("archived")));
    let (manager, support) = (signed_in(&app, Some("acme"), "manager").await, signed_in(&app, None, "support").await);
    let path = "/accounts/acme/fields/mapping";
    let [seen, masked] = [looks(&manager).get(&app, path).await, looks(&support).get(&app, path).await];
    assert!(text(&seen).contains("ana@example.com") && text(&seen).contains("archived"), "{}", text(&seen));
    assert!(!text(&masked).contains("ana@example.com") && text(&masked).contains("archived"), "{}", text(&masked));
    app.finish().await;
}

#[tokio::test]
async fn the_catalogue_of_event_types_is_the_same_on_page_api_and_command() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let told = Asker::operator().get(&app, "/v1/event-types").await;
    let captured = &told.body["data"][0];
    assert_eq!((&captured["name"], &captured["standing"]), (&json!("lead.captured.v1"), &json!("recommended")));
    assert_eq!((&captured["version"], &captured["ends_at"]), (&json!(1), &Value::Null));
    assert_eq!(captured["sample"]["type"], "lead.captured.v1");
    let (code, listed) = app.command(&["event", "types"]).await;
    assert!(code == 0 && listed.contains("carousel.clicked.v1") && listed.contains("coming soon"), "{listed}");
    let (code, shown) = app.command(&["--json", "event", "types", "lead.captured.v1"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &shown["data"]), (0, captured));
    assert_eq!(app.command(&["event", "types", "x"]).await.0, 5);
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/event-types").await;
    assert!(text(&page).contains("Version 1") && text(&page).contains("maya.lind@example.com"), "{}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn the_page_for_deals_shows_what_the_last_leads_would_make() {
    let app = with_public_url(URL).await;
    let settings =
        json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "only_priorities": ["high"] });
    let acme = app.dealer("acme", Preset::Deals, "deals", settings).await;
    app.send_lead(&acme, "ana").await;
    let mut low = crate::support::lead("bob");
    low["priority"] = json!("low");
    app.send(&acme, "msg_bob", low).await;
    app.run_until_idle().await;
    let told = Asker::operator().get(&app, "/v1/accounts/acme/deals").await;
    let leads = told.body["data"]["leads"].as_array().unwrap_or_else(|| panic!("{told:?}"));
    assert_eq!((leads.len(), &told.body["data"]["version"]), (2, &json!("deals@1")));
    assert!(leads[0]["why"].as_str().unwrap().contains("no deal"), "{leads:#?}");
    let deal = &leads[1]["deals"][0];
    assert!(deal["name"].as_str().unwrap().contains("CR-V") && deal["stage"] != "new-lead", "{deal}");
    let (code, said) = app.command(&["transform", "deals", "--account", "acme"]).await;
    assert!(code == 0 && said.contains("CR-V") && said.contains("no deal"), "{said}");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/deals").await;
    assert!(text(&page).contains("CR-V") && text(&page).contains("none: no deal"), "{}", text(&page));
    assert!(text(&page).contains("pipelines-settings/"), "{}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn that_no_lead_came_with_a_consent_is_said_where_the_settings_have_a_use_for_it() {
    let app = with_public_url(URL).await;
    for (slug, settings, is_said) in [
        ("acme", json!({ "country": "US" }), false),
        ("ocean", json!({ "country": "US", "legal_basis": "Freely given consent from contact" }), true),
    ] {
        let dealer = app.dealer(slug, Preset::Ready, "default", settings).await;
        let manager = looks(&signed_in(&app, Some(slug), "manager").await);
        let overview = async || manager.get(&app, &format!("/accounts/{slug}")).await;
        let words = "None of the last leads came with a consent";
        assert!(!text(&overview().await).contains(words), "{slug}: none came at all");
        app.send_lead(&dealer, "ana").await;
        app.run_until_idle().await;
        let page = overview().await;
        assert_eq!(text(&page).contains(words), is_said, "{slug}: {}", text(&page));
    }
    app.finish().await;
}
