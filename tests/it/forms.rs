//! A form that cannot be done as it was filled in: its page comes back with why, and with what was typed.

use hubspot_sim::{Outage, Preset};
use leadline::model::account::Policy;
use leadline::test_lead;
use serde_json::json;

use crate::access::{Asker, Reply, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::guests::guest;

const URL: &str = "http://localhost:8080";

/// The page of a form that was refused, with its own navigation and with these words.
fn stays(page: &Reply, status: u16, title: &str, words: &[&str]) {
    assert_eq!(page.status, status, "{}", text(page));
    let title = format!("<h1>{title}</h1>");
    for words in words.iter().chain([&title.as_str(), &"<nav aria-label=\"Main\">"]) {
        assert!(text(page).contains(words), "{words} is not in {}", text(page));
    }
}

#[tokio::test]
async fn a_mapping_that_cannot_be_read_or_comes_late_stays_as_it_was_typed() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Ready, "default", json!({ "country": "US" })).await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let path = "/accounts/acme/fields/mapping";
    let fields = [("/country", "CA"), ("/policies/phone", "always"), ("/status_map", "warm OPEN")];
    let typed = [
        "<code>warm OPEN</code> is not of the form <code>name = value</code>",
        ">warm OPEN</textarea>",
        "value=\"CA\"",
        "<option value=\"always\" selected>always</option>",
    ];
    stays(&submit(&app, &manager, path, &fields).await, 200, "Mapping", &typed);

    let bindings = Asker::operator().get(&app, "/v1/bindings?connection=acme").await;
    let newest = bindings.body["data"][0]["id"].as_str().unwrap().to_owned();
    let draft = json!({ "policies": { "phone": "always" } }).to_string();
    let apply = async |reason: &str| {
        let fields = [("draft", draft.as_str()), ("expected", newest.as_str()), ("reason", reason)];
        submit(&app, &manager, &format!("{path}/apply"), &fields).await
    };
    assert_eq!(apply("the widget knows best").await.status, 303);
    let kept = ["changed it meanwhile", "name=\"reason\" value=\"HubSpot knows best\""];
    stays(&apply("HubSpot knows best").await, 412, "Mapping", &kept);
    let fields = [("/country", "US"), ("/policies/phone", "if-empty"), ("reason", "HubSpot knows best")];
    let again = ["id=\"reason\" name=\"reason\" value=\"HubSpot knows best\""];
    stays(&submit(&app, &manager, path, &fields).await, 200, "Mapping", &again);
    app.finish().await;
}

#[tokio::test]
async fn whoever_enables_or_goes_back_late_sees_what_is_in_use_by_now_and_types_nothing_twice() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.upload(acme.account.id.as_str(), "quiet", &guest("honest")).await;
    let support = looks(&signed_in(&app, None, "support").await);
    let home = "/accounts/acme/transformation";
    let newest = async || app.app.store.binding_history(&acme.connection, 1).await.unwrap().remove(0).id.to_string();
    let seen = newest().await;
    let other = json!({ "account": "acme", "version": "default@1", "settings": { "country": "CA" }, "by": "ana", "reason": "leads from Canada" });
    let quicker = Asker::operator().post(&app, "/v1/bindings", other).await;
    assert_eq!(quicker.status, 200, "{quicker:?}");
    let now = newest().await;
    let carried = format!("name=\"expected\" value=\"{now}\"");

    let enable = async |expected: &str, share: &str| {
        let how = [("settings", "{}"), ("share", share), ("expected", expected)];
        let why = [("reason", "a quiet try"), ("despite", "nobody uses it")];
        submit(&app, &support, &format!("{home}/quiet@1/enable"), &[&how[..], &why[..]].concat()).await
    };
    let typed =
        ["name=\"reason\" value=\"a quiet try\"", "name=\"despite\" value=\"nobody uses it\"", carried.as_str()];
    let beside = [
        "ana changed it meanwhile",
        "<td data-label=\"By now\">100 %</td><td data-label=\"You asked for\">50 %</td>",
        "<td data-label=\"By now\">leads from Canada</td><td data-label=\"You asked for\">a quiet try</td>",
        "max=\"100\" value=\"50\"",
    ];
    stays(&enable(&seen, "50").await, 412, "quiet@1", &[&typed[..], &beside[..]].concat());
    let no_share = ["<code>0</code> is no share", "max=\"100\" value=\"0\""];
    stays(&enable(&now, "0").await, 400, "quiet@1", &[&typed[..], &no_share[..]].concat());
    assert_eq!(enable(&now, "50").await.header("location"), "/accounts/acme/transformation?done=waiver-asked");

    let back = async |expected: &str| {
        let fields = [("reason", "wrong country"), ("expected", expected)];
        submit(&app, &support, &format!("{home}/rollback"), &fields).await
    };
    let kept = ["ana changed it meanwhile", "name=\"reason\" value=\"wrong country\"", carried.as_str()];
    stays(&back(&seen).await, 412, "Transformation", &kept);
    assert_eq!(back(&now).await.header("location"), "/accounts/acme/transformation?done=rolled-back");
    let again = [("binding", now.as_str()), ("expected", now.as_str())];
    let again = submit(&app, &support, &format!("{home}/restore"), &again).await;
    stays(&again, 412, "Transformation", &["changed it meanwhile", "wrong country", "Undo: enable default@1 again"]);
    let history = Asker::operator().get(&app, "/v1/audit?account=acme").await.body.to_string();
    let told = ["enable", "rollback", "restore"].map(|deed| history.matches(&format!("transformation.{deed}")).count());
    assert_eq!(told, [1, 1, 0], "what was not done is not told: {history}");
    app.finish().await;
}

#[tokio::test]
async fn how_leads_are_to_be_written_stays_as_it_was_typed_beside_what_somebody_else_saved() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let tag = |page: &Reply| {
        let behind = text(page).split("name=\"tag\" value=\"").nth(1).unwrap();
        behind.split('"').next().unwrap().to_owned()
    };
    let save = async |tag: &str, key: &str| {
        let fields = [
            ("tag", tag),
            ("strict", "yes"),
            ("contact_write", "split"),
            ("contact_key", key),
            ("deal_key", "leadline_deal_key"),
            ("api_version", acme.connection.api_version.as_str()),
        ];
        submit(&app, &manager, "/accounts/acme/connectors/policy", &fields).await
    };
    let seen = tag(&manager.get(&app, "/accounts/acme/connectors").await);
    let typed = ["name=\"strict\" value=\"yes\" checked", "<option value=\"split\" selected>"];
    let wrong =
        ["<code>Lead id</code> is no internal name of a property", "value=\"Lead id\"", "<details open><summary>More"];
    stays(&save(&seen, "Lead id").await, 400, "Connectors", &[&typed[..], &wrong[..]].concat());

    app.set_policy(&acme, Policy { hold_without_email: true, ..Policy::default() }).await;
    let late = save(&seen, "own_id").await;
    let both = [
        "somebody changed how leads are written meanwhile",
        "<td data-label=\"By now\">waits until somebody looked at it</td><td data-label=\"You typed\">is sent</td>",
        "<td data-label=\"By now\">leadline_lead_id</td><td data-label=\"You typed\">own_id</td>",
        "name=\"contact_key\" value=\"own_id\"",
    ];
    stays(&late, 412, "Connectors", &[&typed[..], &both[..]].concat());
    assert_eq!(save(&tag(&late), "own_id").await.status, 303, "who saves once more has seen both");
    let history = Asker::operator().get(&app, "/v1/audit?account=acme").await.body.to_string();
    assert_eq!(history.matches("connectors.policy").count(), 1, "what was not done is not told: {history}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_a_note_and_a_wish_that_are_refused_are_not_typed_twice() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let (manager, support) = (signed_in(&app, Some("acme"), "manager").await, signed_in(&app, None, "support").await);
    let (manager, support) = (looks(&manager), looks(&support));
    let operator = looks(&signed_in(&app, None, "operator").await);
    let taken = submit(&app, &operator, "/accounts", &[("name", "Ocean Honda"), ("slug", "acme")]).await;
    let typed =
        ["there is an account <code>acme</code> already", "value=\"Ocean Honda\"", "name=\"slug\" value=\"acme\""];
    stays(&taken, 409, "Accounts", &typed);

    let long = "x".repeat(1_001);
    let note = submit(&app, &support, "/accounts/acme/notes", &[("text", &long)]).await;
    let kept = format!(">{long}</textarea>");
    stays(&note, 400, "Notes", &["a note has 1 to 1000 characters, not 1001", &kept]);
    let answers = [("pipeline", "Sales"), ("stage", ""), ("default_values", ""), ("which_leads", long.as_str())];
    let wish = submit(&app, &manager, "/accounts/acme/deals", &answers).await;
    let typed =
        ["the answer to <code>Which leads</code> is longer than 1000 characters", "value=\"Sales\"", kept.as_str()];
    stays(&wish, 400, "Ask for deals", &typed);
    app.finish().await;
}

#[tokio::test]
async fn a_lead_is_still_there_when_hubspot_is_not_there_to_be_asked() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let sample = test_lead::sample(&acme.account, app.now()).to_string();
    let sent = test_lead::send(&app.app.store, &app.app.door, &acme.account, &sample, app.now()).await.unwrap();
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: 0, to_ms: i64::MAX }));
    for deed in ["read-back", "delete-test-contact"] {
        let path = format!("/accounts/acme/logs/{}/{deed}", sent.event_id);
        let away = submit(&app, &manager, &path, &[]).await;
        assert_eq!(away.status, 502, "{deed}: {}", text(&away));
        for words in ["<div class=\"notice bad\"", "and nothing was changed.", "Read back from HubSpot"] {
            assert!(text(&away).contains(words), "{deed}: {words} is not in {}", text(&away));
        }
    }
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    app.finish().await;
}
