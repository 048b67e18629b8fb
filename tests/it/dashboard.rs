//! The dashboard over HTTP: who sees which screen, what stands on it, and what its forms do. How it looks is a matter of
//! the browser's tests.

use std::time::Duration;

use hubspot_sim::{Act, Fault, Preset};
use leadline::model::id::AuditId;
use leadline::store::AuditEntry;
use leadline::transform::TRIALS_MAX;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, csrf, signed_in, with_public_url};
use crate::guests::guest;
use crate::support::{Dealer, TestApp, lead};

const URL: &str = "http://localhost:8080";

/// The screens of an account, and what they are called.
const SCREENS: &[(&str, &str)] = &[
    ("", "Overview"),
    ("/setup", "Set up"),
    ("/connectors", "Connectors"),
    ("/fields", "Fields"),
    ("/fields/mapping", "Mapping"),
    ("/deals", "Ask for deals"),
    ("/event-types", "Event types"),
    ("/test", "Test"),
    ("/logs", "Logs"),
    ("/replays", "Replays"),
    ("/issues", "Issues"),
    ("/alerts", "Alerts"),
    ("/transformation", "Transformation"),
    ("/privacy", "Privacy"),
    ("/settings", "Settings and activity"),
];

pub(crate) fn text(reply: &Reply) -> &str {
    reply.body.as_str().unwrap_or_default()
}

/// Sends a form of one of our own pages.
pub(crate) async fn submit(app: &TestApp, browser: &Asker, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = csrf(browser);
    let all = std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied());
    let form = reqwest::Url::parse_with_params("http://localhost", all).unwrap();
    browser.send(app, path, "application/x-www-form-urlencoded", form.query().unwrap().to_owned()).await
}

pub(crate) fn looks(browser: &Asker) -> Asker {
    browser.with("accept", "text/html")
}

#[tokio::test]
async fn every_screen_is_there_for_those_who_may_see_it_and_for_nobody_else() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    for (role, account, house) in [
        ("viewer", Some("acme"), false),
        ("manager", Some("acme"), false),
        ("support", None, true),
        ("operator", None, true),
    ] {
        let browser = looks(&signed_in(&app, account, role).await);
        for (screen, title) in SCREENS {
            let page = browser.get(&app, &format!("/accounts/acme{screen}")).await;
            let may = !["/settings", "/privacy"].contains(screen) || ["manager", "operator"].contains(&role);
            assert_eq!(page.status, if may { 200 } else { 403 }, "{role} {screen}: {}", text(&page));
            if may {
                assert!(text(&page).contains(&format!("<h1>{title}")), "{role} {screen}");
                let policy = page.header("content-security-policy");
                assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
                assert_eq!(page.header("cache-control"), "no-store");
            }
            let other = browser.get(&app, &format!("/accounts/other{screen}")).await;
            assert_eq!(other.status == 200, house && may, "{role} at another account: {screen}");
        }
        for (path, for_role) in [("/accounts", house), ("/transformations", true), ("/queue", role == "operator")] {
            let page = browser.get(&app, path).await;
            let sees = page.status == 200;
            assert_eq!(sees, for_role, "{role} {path} {}", page.status);
        }
    }
    let nobody = looks(&Asker::default());
    let sent = nobody.get(&app, "/accounts/acme/logs?outcome=failed").await;
    assert_eq!(
        (sent.status, sent.header("location")),
        (303, "/sign-in?to=%2Faccounts%2Facme%2Flogs%3Foutcome%3Dfailed")
    );
    app.finish().await;
}

#[tokio::test]
async fn a_viewer_has_no_buttons_and_cannot_send_what_they_send() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let lead = format!("/accounts/acme/logs/{event}");
    for (screen, button) in [
        ("/accounts/acme/connectors", "Disconnect"),
        ("/accounts/acme/fields", "Check again"),
        ("/accounts/acme/fields/mapping", "Preview on the last leads"),
        ("/accounts/acme/deals", "Ask support"),
        ("/accounts/acme/replays", "Count them"),
        ("/accounts/acme/test?way=send", "Send test lead</button>"),
        (&lead, "Send again"),
    ] {
        let (seen, all) = (viewer.get(&app, screen).await, manager.get(&app, screen).await);
        assert!(text(&all).contains(button) && !text(&seen).contains(button), "{screen}: {button}");
    }
    for (path, fields) in [
        ("/accounts/acme/connectors/pause", vec![]),
        ("/accounts/acme/connectors/disconnect", vec![("waiting", "hold")]),
        ("/accounts/acme/replays", vec![("state", "failed")]),
        ("/accounts/acme/fields/create", vec![("sure", "yes")]),
        ("/accounts/acme/fields/mapping/apply", vec![("draft", "{}"), ("expected", ""), ("reason", "")]),
        ("/accounts/acme/deals", vec![("pipeline", "Sales")]),
        ("/accounts/acme/suggestions", vec![("item", "assign"), ("dismissed", "yes")]),
        ("/accounts/acme/test/send", vec![("body", "{}")]),
    ] {
        let refused = submit(&app, &viewer, path, &fields).await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(
            text(&refused).contains("this needs the right to") || text(&refused).contains("This needs the right to"),
            "{}",
            text(&refused)
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn names_are_text_whatever_they_say_and_support_sees_them_masked() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let hostile = "<script>alert(1)</script> \u{202e}evil\u{202c} \"'&";
    let mut data = lead("eve");
    (data["name"], data["vehicle"]["model"]) = (json!(hostile), json!("<img src=x onerror=alert(2)>"));
    let event = app.send(&acme, "msg_hostile", data).await;
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let support = looks(&signed_in(&app, None, "support").await);
    for path in ["/accounts/acme".to_owned(), "/accounts/acme/logs".to_owned(), format!("/accounts/acme/logs/{event}")]
    {
        let page = manager.get(&app, &path).await;
        assert!(!text(&page).contains("<script>alert") && !text(&page).contains("<img src=x"), "{path}");
        assert!(text(&page).contains("&#60;script&#62;alert(1)"), "{path}");
        let masked = support.get(&app, &path).await;
        assert!(!text(&masked).contains("alert(1)") && !text(&masked).contains("eve@example.com"), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_filter_of_the_logs_is_in_the_address_and_finds_leads() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    for name in ["ana", "bob"] {
        app.send_lead(&acme, name).await;
    }
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for (query, found) in [
        ("", vec!["ana", "bob"]),
        ("?text=ana", vec!["ana"]),
        ("?text=nobody", vec![]),
        ("?outcome=synced", vec!["ana", "bob"]),
        ("?outcome=failed", vec![]),
        ("?text=bob&outcome=synced", vec!["bob"]),
        ("?outcome=no+such&limit=x&before=", vec!["ana", "bob"]),
    ] {
        let page = manager.get(&app, &format!("/accounts/acme/logs{query}")).await;
        assert_eq!(page.status, 200);
        for name in ["ana", "bob"] {
            let is_there = text(&page).contains(&format!("{name}@example.com"));
            assert_eq!(is_there, found.contains(&name), "{query}: {name}");
        }
    }
    assert_eq!(manager.get(&app, "/accounts/acme/logs/evt_0").await.status, 404);
    assert_eq!(manager.get(&app, "/accounts/acme/logs/nonsense").await.status, 404);
    app.finish().await;
}

/// The leads that a page of the list shows.
pub(crate) fn listed(page: &Reply) -> usize {
    text(page).matches(" data-row>").count()
}

/// The rows of a picture's table that lead somewhere: their name, where, and how many leads they count.
pub(crate) fn linked_rows<'a>(page: &'a Reply, picture: &str) -> Vec<(&'a str, String, usize)> {
    let section = text(page).split(&format!("aria-label=\"{picture}\"><header>")).nth(1).unwrap();
    let table = section.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let row = |row: &'a str| {
        let (href, rest) = row.split_once("\">").unwrap();
        let (name, rest) = rest.split_once("</a></td><td>").unwrap();
        (name, href.replace("&#38;", "&"), rest.split("</td>").next().unwrap().parse::<usize>().unwrap())
    };
    table.split("<tr><td><a href=\"").skip(1).map(row).collect()
}

#[tokio::test]
async fn figures_lead_to_the_leads_that_they_count() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    for name in ["ana", "bob"] {
        app.send_lead(&acme, name).await;
    }
    app.run_until_idle().await;
    let (mut known, mut unknown) = (lead("ana"), lead("cleo"));
    (known["id"], known["dealership"]["slug"]) = (json!("lead_other"), json!("north"));
    (unknown["email"], unknown["phone"]) = (Value::Null, json!("(305) 555-0188"));
    app.send(&acme, "msg_known", known).await;
    app.send(&acme, "msg_unknown", unknown).await;
    app.run_until_idle().await;
    for name in ["bob", "erin"] {
        let mut urgent = lead(name);
        (urgent["id"], urgent["priority"]) = (json!(format!("lead_urgent_{name}")), json!("urgent"));
        app.send(&acme, &format!("msg_urgent_{name}"), urgent).await;
    }
    app.run_until_idle().await;
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create"));
    app.send_lead(&acme, "dora").await;
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let key = signed_in(&app, Some("acme"), "manager").await;
    for (of, leads) in [("", 7), ("?dealership=north", 1), ("?period=month&dealership=ocean-honda", 6)] {
        let shown = key.get(&app, &format!("/v1/accounts/acme/overview{of}")).await;
        let tiles = shown.body["data"]["tiles"].as_array().unwrap();
        assert_eq!((&tiles[0]["label"], &tiles[0]["value"]), (&json!("Leads"), &json!(leads.to_string())), "{tiles:?}");
        for tile in tiles.iter().filter(|tile| tile["href"].as_str().is_some_and(|href| href.contains("/logs"))) {
            let page = manager.get(&app, tile["href"].as_str().unwrap()).await;
            assert_eq!(json!(listed(&page).to_string()), tile["value"], "{of}: {tile}");
        }
    }
    let page = manager.get(&app, "/accounts/acme").await;
    let mut counted = Vec::new();
    for picture in ["From the form to HubSpot", "New and known"] {
        for (name, href, leads) in linked_rows(&page, picture) {
            assert_eq!(listed(&manager.get(&app, &href).await), leads, "{name}: {href}");
            counted.push((name, leads));
        }
    }
    let expected = [
        ("Created", 3),
        ("Updated", 1),
        ("With warnings", 2),
        ("Waiting", 0),
        ("Failed", 1),
        ("Skipped", 0),
        ("Cancelled", 0),
        ("Removed", 0),
        ("New contacts", 4),
        ("Updated contacts", 2),
        ("Without e-mail", 1),
    ];
    assert_eq!(counted, expected);
    let page = manager.get(&app, "/accounts/acme?dealership=north").await;
    for link in ["/accounts/acme/logs?dealership=north&#38;from=", "contact=updated", "email=without"] {
        assert!(text(&page).contains(link), "{link}: {}", text(&page));
    }
    assert!(text(&page).contains("<option value=\"north\" selected>"), "{}", text(&page));
    for (query, rows) in [
        ("contact=updated&outcome=synced", 1),
        ("contact=updated&outcome=synced_with_warnings", 1),
        ("contact=created&outcome=synced_with_warnings", 1),
        ("contact=created", 4),
        ("email=without", 1),
        ("outcome=in_hubspot", 6),
        ("outcome=not_in_hubspot", 1),
        ("outcome=open", 0),
        ("dealership=north", 1),
    ] {
        let page = manager.get(&app, &format!("/accounts/acme/logs?{query}")).await;
        assert_eq!(listed(&page), rows, "{query}");
    }
    app.finish().await;
}

#[tokio::test]
async fn days_that_somebody_chose_are_looked_at_and_wrong_ones_are_named() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let today = &app.now().to_string()[..10];
    let page = viewer.get(&app, &format!("/accounts/acme?from=2026-11-01&until={today}")).await;
    assert!(text(&page).contains("1 lead from 1 Nov 2026 to "), "{}", text(&page));
    let page = viewer.get(&app, "/accounts/acme?from=2026-10-01&until=2026-10-02").await;
    assert!(text(&page).contains("No leads from 1 Oct 2026 to 2 Oct 2026."), "{}", text(&page));
    let page = viewer.get(&app, "/accounts/acme?from=2026-11-09&until=2026-11-01").await;
    assert!(text(&page).contains("These days are not shown"), "{}", text(&page));
    let key = signed_in(&app, Some("acme"), "viewer").await;
    assert_eq!(key.get(&app, "/v1/accounts/acme/overview?from=soon").await.status, 400);
    let (code, told) = app.command(&["account", "overview", "acme", "--from", "2026-11-01"]).await;
    assert_eq!(code, 0, "{told}");
    assert_eq!(app.command(&["account", "overview", "acme", "--from", "soon"]).await.0, 2);
    app.finish().await;
}

/// Pauses, resumes and changes an account by the API, and says how the picture of its leads calls each.
async fn change_by_the_api(app: &TestApp, acme: &Dealer) -> Vec<&'static str> {
    let (operator, id) = (Asker::operator(), &acme.connection.id);
    let mut told = Vec::new();
    for of in ["/v1/accounts/acme".to_owned(), format!("/v1/connections/{id}"), format!("/v1/lanes/{id}")] {
        for (deed, words) in [("pause", "paused"), ("resume", "resumed")] {
            app.advance(Duration::from_secs(60));
            let done = operator.post(app, &format!("{of}/{deed}"), Value::Null).await;
            assert_eq!(done.status, 200, "{of}/{deed}: {done:?}");
            told.push(words);
        }
    }
    for (path, set, words) in [
        (format!("/v1/connections/{id}/event-types"), json!({ "types": ["lead.captured.v1"] }), "event types changed"),
        (format!("/v1/connections/{id}/policy"), json!({ "strict": true }), "settings changed"),
        ("/v1/accounts/acme/quota".to_owned(), json!({ "quota": "javascript" }), "settings changed"),
    ] {
        app.advance(Duration::from_secs(60));
        let done = operator.ask(app, Method::PUT, &path, Some(&set)).await;
        assert_eq!(done.status, 200, "{path}: {done:?}");
        told.push(words);
    }
    told
}

/// The same by the forms of pages.
async fn change_by_forms(app: &TestApp, acme: &Dealer) -> Vec<&'static str> {
    let manager = looks(&signed_in(app, Some("acme"), "manager").await);
    let operator = looks(&signed_in(app, None, "operator").await);
    let page = manager.get(app, "/accounts/acme/connectors").await;
    let tag = text(&page).split("name=\"tag\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let policy = [
        ("tag", tag.as_str()),
        ("contact_write", "upsert"),
        ("contact_key", "leadline_lead_id"),
        ("deal_key", "leadline_deal_key"),
        ("api_version", acme.connection.api_version.as_str()),
    ];
    let lane = format!("/queue/{}/pause", acme.connection.id);
    /// Who sends what where, and how it is told.
    type Form<'a> = (&'a Asker, &'a str, &'a [(&'a str, &'a str)], &'static str);
    let forms: [Form<'_>; 9] = [
        (&manager, "/accounts/acme/connectors/pause", &[], "paused"),
        (&manager, "/accounts/acme/connectors/resume", &[], "resumed"),
        (&manager, "/accounts/acme/connectors/policy", &policy, "settings changed"),
        (&manager, "/accounts/acme/event-types", &[("name", "lead.captured.v1"), ("on", "yes")], "event types changed"),
        (&operator, "/queue/account", &[("account", "acme"), ("pause", "yes")], "paused"),
        (&operator, "/queue/account", &[("account", "acme"), ("pause", "no")], "resumed"),
        (&operator, &lane, &[("pause", "yes")], "paused"),
        (&operator, &lane, &[("pause", "no")], "resumed"),
        (&operator, "/guests/quota", &[("account", "acme"), ("quota", "standard")], "settings changed"),
    ];
    let mut told = Vec::new();
    for (browser, path, fields, words) in forms {
        app.advance(Duration::from_secs(60));
        let done = submit(app, browser, path, fields).await;
        assert_eq!(done.status, 303, "{path}: {done:?}");
        told.push(words);
    }
    told
}

#[tokio::test]
async fn whatever_somebody_changed_by_whatever_way_stands_in_the_picture_of_its_days() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let mut expected = change_by_the_api(&app, &acme).await;
    expected.extend(change_by_forms(&app, &acme).await);
    let marks = async |of: &str| -> Vec<String> {
        let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
        let page = manager.get(&app, &format!("/accounts/acme{of}")).await;
        let mut cells = text(&page).split("<td>").skip(1).filter_map(|rest| rest.split("</td>").next());
        let cell = cells.find(|cell| cell.contains("paused")).unwrap_or_default();
        // What was connected and enabled before any of this.
        let own = cell.split("; ").filter(|mark| !mark.contains('@') && *mark != "HubSpot connected");
        own.map(str::to_owned).collect()
    };
    assert_eq!(marks("").await, expected);

    // A month later, after much else was done.
    app.advance(Duration::from_secs(30 * 24 * 3600));
    for _ in 0..250 {
        let entry = AuditEntry {
            id: AuditId::new(app.now()),
            account_id: Some(acme.account.id.clone()),
            at: app.now(),
            actor: "maya@example.com".to_owned(),
            action: "accounts.connectors.diagnose".to_owned(),
            subject: "acme".to_owned(),
            detail: Value::Null,
        };
        app.app.store.note_action(&entry).await.unwrap();
    }
    assert_eq!(marks("?from=2026-11-23&until=2026-11-23").await, expected);
    app.finish().await;
}

#[tokio::test]
async fn until_hubspot_is_connected_everybody_begins_there_and_what_came_before_is_offered() {
    let app = with_public_url(URL).await;
    let account = app.account("acme").await;
    let (source, secret) = app.source(&account).await;
    let other = app.connected("other").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    assert_eq!(manager.get(&app, "/").await.header("location"), "/accounts/acme/connectors");
    let early = crate::support::Dealer { account: account.clone(), ..other.with_source(source, secret) };
    app.send_lead(&early, "ana").await;
    app.run_until_idle().await;
    let portal = app.hubspot.add_portal(Preset::Ready, "acme");
    let token = secrecy::SecretString::from(portal.access_token.clone());
    let store = &app.app.store;
    leadline::connection::connect(store, &account, portal.id, &token, app.now()).await.unwrap();
    assert_eq!(manager.get(&app, "/").await.header("location"), "/accounts/acme");
    let page = manager.get(&app, "/accounts/acme").await;
    assert!(text(&page).contains("were not sent: HubSpot was not connected"), "{}", text(&page));
    let offer = "/accounts/acme/replays?state=skipped&#38;cause=account.not_connected";
    assert!(text(&page).contains(offer), "{}", text(&page));
    let counted = manager.get(&app, &offer.replace("&#38;", "&")).await;
    assert!(text(&counted).contains("1 would be sent on their way"), "{}", text(&counted));
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_failed_is_retried_from_its_row_and_the_list_is_as_dense_as_one_likes() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.hubspot.add_fault(Fault::status(400).on_path("0-46/batch/create"));
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    app.hubspot.clear_faults();
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let retry = format!("/accounts/acme/logs/{event}/retry");
    let page = manager.get(&app, "/accounts/acme/logs?group=cause").await;
    assert!(text(&page).contains(&format!("/accounts/acme/logs/{event}\">ana</a>")), "{}", text(&page));
    let page = manager.get(&app, "/accounts/acme/logs").await;
    assert!(text(&page).contains(&format!("formaction=\"{retry}\"")), "{}", text(&page));
    assert!(!text(&viewer.get(&app, "/accounts/acme/logs").await).contains(&retry));
    let tried = submit(&app, &manager, &retry, &[]).await;
    assert_eq!(tried.status, 303, "{}", text(&tried));
    while app.app.store.next_replay_at().await.unwrap().is_some() {
        leadline::replay::next(&app.app.store, app.now()).await.unwrap();
        app.run_until_idle().await;
        app.advance(std::time::Duration::from_secs(1));
    }
    app.run_until_idle().await;
    assert!(!text(&manager.get(&app, "/accounts/acme/logs").await).contains(&retry), "it went through");

    assert!(!text(&page).contains("logs compact"));
    let dense = manager.get(&app, "/accounts/acme/logs?density=compact").await;
    assert!(text(&dense).contains("logs compact"), "{}", text(&dense));
    assert!(dense.header("set-cookie").contains("leadline_density=compact"), "{}", dense.header("set-cookie"));
    let later = manager.with("cookie", &format!("{}; leadline_density=compact", manager.header("cookie")));
    assert!(text(&later.get(&app, "/accounts/acme/logs").await).contains("logs compact"));
    let past = manager.get(&app, "/accounts/acme/logs?until=2026-01-01").await;
    assert!(text(&past).contains("past what is kept"), "{}", text(&past));
    app.finish().await;
}

#[tokio::test]
async fn pausing_testing_and_replaying_go_by_forms_and_stand_in_the_activity() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let paused = submit(&app, &manager, "/accounts/acme/connectors/pause", &[]).await;
    assert_eq!((paused.status, paused.header("location")), (303, "/accounts/acme/connectors?done=paused"));
    let page = manager.get(&app, "/accounts/acme/connectors").await;
    assert!(text(&page).contains("Paused") && text(&page).contains("Resume"), "{}", text(&page));
    let again = submit(&app, &manager, "/accounts/acme/connectors/pause", &[]).await;
    assert_eq!(again.status, 409, "a second press does nothing more");
    assert_eq!(submit(&app, &manager, "/accounts/acme/connectors/resume", &[]).await.status, 303);

    let shown = manager.get(&app, "/accounts/acme/test?as=json").await;
    let sample = text(&shown).split("spellcheck=\"false\">").nth(1).unwrap().split("</textarea>").next().unwrap();
    let sample = sample.replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&");
    let preview = submit(&app, &manager, "/accounts/acme/test/preview", &[("body", &sample)]).await;
    assert!(
        text(&preview).contains("Nothing was sent") && text(&preview).contains("batch/upsert"),
        "{}",
        text(&preview)
    );
    assert!(app.hubspot.records(acme.portal(), "0-1").is_empty(), "a preview makes no contact");
    let sent = submit(&app, &manager, "/accounts/acme/test/send", &[("body", &sample)]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    app.run_until_idle().await;
    let lead = manager.get(&app, sent.header("location")).await;
    assert!(text(&lead).contains("Synced") && text(&lead).contains("leadline-test+"), "{}", text(&lead));
    assert_eq!(app.hubspot.records(acme.portal(), "0-1").len(), 1);
    let real = r#"{"type":"lead.captured.v1","data":{"id":"1","email":"maya@example.com"}}"#;
    let refused = submit(&app, &manager, "/accounts/acme/test/send", &[("body", real)]).await;
    assert!(text(&refused).contains("leadline-test+"), "a real address is no test");

    let counted = manager.get(&app, "/accounts/acme/replays?state=delivered&again=yes").await;
    assert!(text(&counted).contains("1 would be sent on their way"), "{}", text(&counted));
    let begun = submit(&app, &manager, "/accounts/acme/replays", &[("state", "delivered"), ("again", "yes")]).await;
    assert_eq!(begun.header("location"), "/accounts/acme/replays?done=replayed");
    let settings = manager.get(&app, "/accounts/acme/settings").await;
    for action in ["connectors.pause", "connectors.resume", "test.send", "accounts.replays"] {
        assert!(text(&settings).contains(action), "{action}");
    }
    app.finish().await;
}

#[tokio::test]
async fn missing_properties_are_shown_then_created_after_a_look() {
    let app = with_public_url(URL).await;
    app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let checked = submit(&app, &manager, "/accounts/acme/fields/check", &[]).await;
    assert_eq!(checked.status, 303, "{}", text(&checked));
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("Create the missing ones"), "{}", text(&page));
    // The issue has the same button; a viewer sees the issue, and no button.
    let button = r#"action="/accounts/acme/fields/create""#;
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let [told, seen] = [&manager, &viewer].map(|browser| browser.get(&app, "/accounts/acme/issues"));
    let (told, seen) = (told.await, seen.await);
    assert!(text(&told).contains(button) && text(&told).contains("Create what is missing"), "{}", text(&told));
    assert!(text(&seen).contains("property.missing") && !text(&seen).contains(button), "{}", text(&seen));
    let planned = submit(&app, &manager, "/accounts/acme/fields/create", &[]).await;
    assert!(text(&planned).contains("This is what will be created"), "{}", text(&planned));
    assert!(!text(&planned).contains("What was done"));
    let created = submit(&app, &manager, "/accounts/acme/fields/create", &[("sure", "yes")]).await;
    assert!(text(&created).contains("What was done"), "{}", text(&created));
    assert!(text(&manager.get(&app, "/accounts/acme/fields").await).contains("Every property is there"));
    app.finish().await;
}

#[tokio::test]
async fn an_archived_property_and_a_missing_option_are_mended_from_the_page_after_a_look() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let contact = "0-1".to_owned();
    app.hubspot.archive_property(acme.portal(), &contact, "budget_range");
    let (object_type, property) = (contact, "lead_priority".to_owned());
    app.hubspot.act(acme.portal(), Act::RemoveOption { object_type, property, value: "low".into() });
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    submit(&app, &manager, "/accounts/acme/fields/check", &[]).await;
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("Restore it…") && text(&page).contains("Add the options…"), "{}", text(&page));
    let path = "/accounts/acme/fields/create";
    let asked = submit(&app, &manager, path, &[]).await;
    assert!(text(&asked).contains("This needs your word first"), "{}", text(&asked));
    assert!(!text(&asked).contains("value=\"yes\">Create them"), "{}", text(&asked));
    for (only, consent, shown, button) in [
        ("budget_range", "restore", "comes back from the archive", ">Restore it</button>"),
        ("lead_priority", "options", "gets the options low", ">Add the options</button>"),
    ] {
        let planned = submit(&app, &manager, path, &[("only", only), (consent, "yes")]).await;
        assert!(text(&planned).contains(shown) && text(&planned).contains(button), "{}", text(&planned));
        assert!(!text(&planned).contains("What was done"), "nothing is done by looking");
        let done = submit(&app, &manager, path, &[("only", only), (consent, "yes"), ("sure", "yes")]).await;
        assert!(text(&done).contains("What was done") && !text(&done).contains("early"), "{}", text(&done));
    }
    assert!(text(&manager.get(&app, "/accounts/acme/fields").await).contains("Every property is there"));
    app.finish().await;
}

#[tokio::test]
async fn earlier_contacts_are_filled_in_after_a_look_at_the_differences() {
    let app = with_public_url(URL).await;
    let acme = app.dealer("acme", Preset::Bare, "default", json!({ "country": "US" })).await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    submit(&app, &manager, "/accounts/acme/fields/create", &[("sure", "yes")]).await;
    app.advance(std::time::Duration::from_secs(1));
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("<strong>1 contact</strong>"), "{}", text(&page));
    let path = "/accounts/acme/fields/fill";
    let preview = submit(&app, &manager, path, &[]).await;
    assert!(text(&preview).contains("5 values of 1 record would be filled in now"), "{}", text(&preview));
    assert!(text(&preview).contains("2027 Honda CR-V"), "{}", text(&preview));
    let held = || app.hubspot.records(acme.portal(), "0-1")[0].properties.get("lead_priority").cloned();
    assert_eq!(held(), None, "nothing is written by looking");
    let support = looks(&signed_in(&app, None, "support").await);
    let seen = submit(&app, &support, path, &[]).await;
    assert!(text(&seen).contains("5 values") && !text(&seen).contains("Honda CR-V"), "{}", text(&seen));
    // In the background it has its own place on the page, until it is over or cancelled.
    let begun = submit(&app, &manager, "/accounts/acme/fields/fill-all", &[]).await;
    assert_eq!(begun.status, 303, "{}", text(&begun));
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("Earlier contacts are being filled in"), "{}", text(&page));
    // One place holds what goes on and what came of it: a page that looks again exchanges it.
    const PLACE: &str = "<div class=\"stack\" id=\"earlier\"";
    assert!(text(&page).contains(&format!("{PLACE} data-reload-at=")), "{}", text(&page));
    assert_eq!(submit(&app, &manager, "/accounts/acme/fields/fill-cancel", &[]).await.status, 303);
    let page = manager.get(&app, "/accounts/acme/fields").await;
    assert!(text(&page).contains("then cancelled with 1 record left"), "{}", text(&page));
    assert!(text(&page).contains(&format!("{PLACE}>")), "{}", text(&page));
    let filled = submit(&app, &manager, path, &[("sure", "yes"), ("after", "")]).await;
    assert!(text(&filled).contains("5 values of 1 record filled in."), "{}", text(&filled));
    assert_eq!(held().as_deref(), Some("high"));
    assert!(!text(&manager.get(&app, "/accounts/acme/fields").await).contains("Fill in earlier contacts"));
    app.finish().await;
}

#[tokio::test]
async fn a_test_lead_is_a_form_and_keeps_what_was_typed_when_something_is_wrong() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/test").await;
    assert!(text(&page).contains(">Ocean Honda</option>"), "a dealership of the last leads: {}", text(&page));
    assert!(!text(&page).contains("Make a deal too"), "its transformation makes none");
    let fields = [("name", "Rosa Delgado"), ("address", "rosa 1"), ("year", "2026"), ("make", "Kia")];
    let wrong = submit(&app, &manager, "/accounts/acme/test/send", &fields).await;
    assert!(text(&wrong).contains("the address takes up to 50 letters") && text(&wrong).contains("Rosa Delgado"));
    let fields = [
        ("name", "Rosa Delgado"),
        ("address", "rosa.1"),
        ("year", "2026"),
        ("make", "Kia"),
        ("dealership", "ocean-honda"),
    ];
    let preview = submit(&app, &manager, "/accounts/acme/test/preview", &fields).await;
    assert!(
        text(&preview).contains("2026 Kia") && text(&preview).contains("Send test lead</button>"),
        "{}",
        text(&preview)
    );
    let sent = submit(&app, &manager, "/accounts/acme/test/send", &fields).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    app.run_until_idle().await;
    let records = app.hubspot.records(acme.portal(), "0-1");
    let rosa = records.iter().find(|one| one.properties["email"] == "leadline-test+rosa.1@example.com").unwrap();
    assert_eq!(rosa.properties["dealership_slug"], "ocean-honda");
    app.finish().await;
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_a_theme_is_remembered() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let browser = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let page = browser.get(&app, "/accounts/acme").await;
    let style = text(&page).split("href=\"").find(|part| part.contains("leadline.css")).unwrap();
    let style = style.split('"').next().unwrap();
    let asset = Asker::default().get(&app, style).await;
    assert_eq!(asset.status, 200);
    assert!(asset.header("cache-control").contains("immutable"));
    assert_eq!(Asker::default().get(&app, &style.replace("leadline.css", "../../Cargo.toml")).await.status, 404);
    let chosen = submit(&app, &browser, "/appearance", &[("theme", "dark"), ("back", "//evil.example")]).await;
    assert_eq!(chosen.header("location"), "/", "nobody is led to another site");
    assert!(chosen.header("set-cookie").contains("leadline_theme=dark"));
    let dark = browser.with("cookie", &format!("{}; leadline_theme=dark", browser.header("cookie")));
    assert!(text(&dark.get(&app, "/accounts/acme").await).contains("data-theme=\"dark\""));
    app.finish().await;
}

/// Compared as JSON where that is what came.
#[tokio::test]
async fn a_program_is_told_problems_and_a_person_reads_them() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let browser = signed_in(&app, Some("acme"), "viewer").await;
    let told = browser.get(&app, "/accounts/nobody/logs").await;
    assert_eq!(told.refusal(), (404, "not_found"));
    let read = looks(&browser).get(&app, "/accounts/nobody/logs").await;
    assert_eq!((read.status, matches!(read.body, Value::String(_))), (404, true));
    assert!(text(&read).contains("There is no account <code>nobody</code>."), "{}", text(&read));
    app.finish().await;
}

#[tokio::test]
async fn support_tries_an_event_at_the_bench_before_anything_is_enabled() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send_lead(&acme, "zacharias").await;
    app.run_until_idle().await;
    let (support, manager) = (signed_in(&app, None, "support").await, signed_in(&app, Some("acme"), "manager").await);
    let (support, manager) = (looks(&support), looks(&manager));
    let bench = "/accounts/acme/transformation/default@1/bench";
    assert_eq!(manager.get(&app, bench).await.status, 403);
    let page = support.get(&app, bench).await;
    assert!(
        text(&page).contains("leadline-test+") && text(&page).contains("<option>plain-lead</option>"),
        "{}",
        text(&page)
    );
    // A real lead is there without its person.
    let page = support.get(&app, &format!("{bench}?event={event}")).await;
    assert!(page.status == 200 && !text(&page).contains("zacharias"), "{}", text(&page));
    let before = app.hubspot.calls().len();
    let lead = json!({ "type": "lead.captured.v1", "data": lead("maya") }).to_string();
    let page =
        submit(&app, &support, bench, &[("body", &lead), ("settings", r#"{"country": "US"}"#), ("sample", "")]).await;
    for words in
        ["It would write: contact, note.", "It does the same.", "crm/objects", "% of the limit", "maya@example.com"]
    {
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
    }
    let page = submit(&app, &support, bench, &[("body", &lead), ("settings", "{}")]).await;
    assert!(text(&page).contains("- phone                    +13055550187"), "other settings: {}", text(&page));
    // The settings as the form sends them; where they do not fit, the page says so and keeps the event.
    let form = [("body", lead.as_str()), ("settings", "{}"), ("is-form", "yes"), ("/country", "US")];
    let page = submit(&app, &support, bench, &form).await;
    assert!(text(&page).contains("It does the same."), "the same settings: {}", text(&page));
    let page = submit(&app, &support, bench, &[&form[..3], &[("/country", "USA!")]].concat()).await;
    assert!(text(&page).contains("/country") && text(&page).contains("maya@example.com"), "{}", text(&page));
    assert!(text(&page).contains("value=\"USA!\""), "it is there to be corrected: {}", text(&page));
    let page = submit(&app, &support, bench, &[&form[..], &[("act", "all")]].concat()).await;
    assert!(text(&page).contains("are green") && text(&page).contains("plain-lead"), "{}", text(&page));
    for (settings, is_beside) in [(r#"{"country": "US"}"#, false), ("{}", true)] {
        let page = submit(&app, &support, bench, &[("body", &lead), ("settings", settings), ("act", "all")]).await;
        assert!(text(&page).contains("Fuel of a run"), "what the samples used is drawn: {}", text(&page));
        assert_eq!(text(&page).contains("default@1 (in use)"), is_beside, "{settings}: {}", text(&page));
    }
    let places: Vec<_> = std::iter::from_fn(|| app.app.transformer.trial_place()).collect();
    for act in ["run", "all"] {
        let page = submit(&app, &support, bench, &[&form[..], &[("act", act)]].concat()).await;
        assert!(text(&page).contains("Other leads are being tried"), "{act}: {}", text(&page));
        assert!(!text(&page).contains("are green") && text(&page).contains("maya@example.com"), "{}", text(&page));
    }
    drop(places);
    let saved = submit(&app, &support, bench, &[&form[..], &[("act", "save")]].concat()).await;
    assert_eq!(saved.header("content-type"), "application/x-tar");
    for words in ["default-example/event.json", "default-example/expected.json", "UpsertContact"] {
        assert!(text(&saved).contains(words), "{words}: {}", text(&saved));
    }
    assert!(!text(&saved).contains("maya@example.com"), "nobody is in it");
    let nobody = json!({ "type": "lead.captured.v1", "data": { "id": "lead_1" } }).to_string();
    let page = submit(&app, &support, bench, &[("body", &nobody), ("settings", "{}")]).await;
    assert!(text(&page).contains("It would be "), "{}", text(&page));
    let page = submit(&app, &support, bench, &[("body", "{\"type\": 7"), ("settings", "{}")]).await;
    assert!(text(&page).contains("role=\"alert\""), "{}", text(&page));
    let calls = app.hubspot.calls();
    assert!(
        calls[before..].iter().all(|call| call.method == "GET" || call.path.ends_with("/read")),
        "nothing is written"
    );
    app.finish().await;
}

#[tokio::test]
async fn settings_that_do_not_fit_stay_as_they_were_typed() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let support = looks(&signed_in(&app, None, "support").await);
    let lead = json!({ "type": "lead.captured.v1", "data": lead("maya") }).to_string();
    let home = "/accounts/acme/transformation/deals@1";
    let around = [("body", lead.as_str()), ("settings", "{}"), ("is-form", "yes")];
    for (days, wrong) in [("many", "<code>many</code> is no whole number"), ("-1", "-1 is less than the minimum of 0")]
    {
        let typed = [("/name_template", "For {name}"), ("/close_in_days", days), ("/default_properties", "a = b")];
        let page = submit(&app, &support, &format!("{home}/bench"), &[&around[..], &typed[..]].concat()).await;
        let value = format!("value=\"{days}\"");
        assert_eq!(page.status, 200, "{}", text(&page));
        for words in [wrong, value.as_str(), "value=\"For {name}\"", ">a = b</textarea>", "maya@example.com"] {
            assert!(text(&page).contains(words), "{words}: {}", text(&page));
        }
        assert!(!text(&page).contains("What it would do"), "nothing was run: {}", text(&page));
    }
    let typed = [("/name_template", "For {name}"), ("/close_in_days", "many")];
    let page = submit(&app, &support, &format!("{home}/settings"), &typed).await;
    for words in ["<code>many</code> is no whole number", "value=\"many\"", "value=\"For {name}\""] {
        assert!(text(&page).contains(words), "where it is enabled, {words}: {}", text(&page));
    }
    app.finish().await;
}

#[tokio::test]
async fn whoever_watches_for_his_own_form_is_led_to_its_lead() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "before").await;
    app.advance(std::time::Duration::from_secs(1));
    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let begun = viewer.get(&app, "/accounts/acme/test/watch").await;
    let watch = begun.header("location").to_owned();
    assert!(watch.starts_with("/accounts/acme/test/watch?after=evt_"), "{watch}");
    let waits = viewer.get(&app, &watch).await;
    assert!(text(&waits).contains("Waiting for a lead") && text(&waits).contains("data-reload-at"), "{}", text(&waits));
    app.advance(std::time::Duration::from_secs(1));
    let event = app.send_lead(&acme, "maya").await;
    let led = viewer.get(&app, &watch).await;
    let lead = format!("/accounts/acme/logs/{event}?watch=yes");
    assert_eq!(led.header("location"), lead);
    let goes_on = format!("data-reload-to=\"{lead}\"");
    assert!(text(&viewer.get(&app, &lead).await).contains(&goes_on), "it is still on its way");
    app.run_until_idle().await;
    assert!(!text(&viewer.get(&app, &lead).await).contains("data-reload-at"), "it has arrived");
    app.finish().await;
}

#[tokio::test]
async fn what_waits_for_a_second_person_is_approved_on_the_page_and_a_rollback_is_undone_there() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.upload(acme.account.id.as_str(), "quiet", &guest("honest")).await;
    let asked = json!({ "account": "acme", "version": "quiet@1", "despite": "nobody uses it", "by": "<b>ana</b>" });
    assert_eq!(Asker::operator().post(&app, "/v1/bindings", asked).await.status, 202);
    let waiver = app.app.store.waivers(None).await.unwrap().remove(0).id;
    let (support, manager) = (signed_in(&app, None, "support").await, signed_in(&app, Some("acme"), "manager").await);
    let (support, manager) = (looks(&support), looks(&manager));
    let home = "/accounts/acme/transformation";
    let page = support.get(&app, home).await;
    for words in ["Waiting for a second person", "Approve and enable", "&#60;b&#62;ana", "shadow"] {
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
    }
    assert!(!text(&manager.get(&app, home).await).contains("Approve and enable"));
    let approve = format!("{home}/waivers/{waiver}/approve");
    assert_eq!(submit(&app, &manager, &approve, &[]).await.status, 403);
    let done = submit(&app, &support, &approve, &[]).await;
    assert_eq!((done.status, done.header("location")), (303, "/accounts/acme/transformation?done=enabled"));
    let page = support.get(&app, home).await;
    assert!(text(&page).contains("Back to default@1 (no leads that are remembered)"), "{}", text(&page));
    let late = submit(&app, &support, &format!("{home}/rollback"), &[("reason", ""), ("expected", "bnd_0")]).await;
    assert_eq!(late.status, 412);
    let newest = app.app.store.binding_history(&acme.connection, 1).await.unwrap().remove(0).id;
    let fields = [("reason", "wrong"), ("expected", newest.as_str())];
    assert_eq!(submit(&app, &support, &format!("{home}/rollback"), &fields).await.status, 303);
    let page = support.get(&app, home).await;
    assert!(text(&page).contains("Undo: enable quiet@1 again"), "{}", text(&page));
    let undone = submit(&app, &support, &format!("{home}/restore"), &[("binding", newest.as_str())]).await;
    assert_eq!(undone.header("location"), "/accounts/acme/transformation?done=enabled-again");
    let page = support.get(&app, home).await;
    assert!(text(&page).contains("Enable again"), "the history offers what was before: {}", text(&page));
    // What the one asks on the page, the same one does not approve.
    let version = app.app.store.version(acme.account.id.as_str(), "quiet@1").await.unwrap().unwrap();
    let other = [("settings", "{}"), ("share", "50"), ("reason", ""), ("despite", "again"), ("expected", "")];
    let done = submit(&app, &support, &format!("{home}/{}/enable", version.id), &other).await;
    assert_eq!(done.header("location"), "/accounts/acme/transformation?done=waiver-asked", "{done:?}");
    let waiver = app.app.store.waivers(None).await.unwrap().remove(0).id;
    assert!(text(&support.get(&app, home).await).contains("Somebody else of support has to approve it."));
    assert_eq!(submit(&app, &support, &format!("{home}/waivers/{waiver}/approve"), &[]).await.status, 409);
    assert_eq!(submit(&app, &support, &format!("{home}/waivers/{waiver}/decline"), &[]).await.status, 303);
    let used = submit(&app, &support, &format!("/versions/{}/delete", version.id), &[]).await;
    assert!(used.status == 409 && text(&used).contains("decides about leads of acme"), "{}", text(&used));
    app.finish().await;
}

#[tokio::test]
async fn two_versions_are_compared_once_the_form_is_sent_and_it_is_a_turn() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.upload(acme.account.id.as_str(), "trap", &guest("trap")).await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let (support, manager) = (signed_in(&app, None, "support").await, signed_in(&app, Some("acme"), "manager").await);
    let (support, manager) = (looks(&support), looks(&manager));
    let (path, store) = ("/transformations/compare", &app.app.store);
    let id = async |word: &str| store.version(acme.account.id.as_str(), word).await.unwrap().unwrap().id.to_string();
    let (before, after) = (id("default@1").await, id("trap@1").await);
    let verdict = "0 of 1 leads change, 0 stay the same, 1 fail.";
    let chosen = format!("<option value=\"{after}\" selected>trap@1</option>");
    let form = support.get(&app, &format!("{path}?before={before}&after={after}&account=acme")).await;
    assert!(text(&form).contains(&chosen) && text(&form).contains("value=\"acme\""), "{}", text(&form));
    assert!(!text(&form).contains("trap@1 beside default@1"), "a page that is only looked at runs nothing");
    let fields = [("before", before.as_str()), ("after", after.as_str()), ("account", "acme"), ("events", "10")];
    let compared = submit(&app, &support, path, &fields).await;
    for words in ["trap@1 beside default@1", verdict, chosen.as_str()] {
        assert!(text(&compared).contains(words), "{words}: {}", text(&compared));
    }
    let places: Vec<_> = std::iter::from_fn(|| app.app.transformer.trial_place()).collect();
    assert_eq!(places.len(), TRIALS_MAX);
    let busy = submit(&app, &support, path, &fields).await;
    assert!(text(&busy).contains("Other leads are being tried") && text(&busy).contains(&chosen), "{}", text(&busy));
    assert!(!text(&busy).contains(verdict));
    drop(places);
    assert!(text(&submit(&app, &support, path, &fields).await).contains(verdict));
    assert_eq!(manager.get(&app, path).await.status, 403);
    assert_eq!(submit(&app, &manager, path, &fields).await.status, 403);
    let noted = store.audit(Some(&acme.account.id), None, 10).await.unwrap();
    assert!(noted.iter().any(|entry| entry.action == "transformations.compare"), "{noted:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_issue_of_a_version_says_what_its_button_goes_back_to() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.upload(acme.account.id.as_str(), "trap", &guest("trap")).await;
    let asked = json!({ "account": "acme", "version": "trap@1", "despite": "a test", "by": "ana" });
    assert_eq!(Asker::operator().post(&app, "/v1/bindings", asked).await.status, 202);
    let waiver = app.app.store.waivers(None).await.unwrap().remove(0).id;
    let (support, manager) = (signed_in(&app, None, "support").await, signed_in(&app, Some("acme"), "manager").await);
    let (support, manager) = (looks(&support), looks(&manager));
    let approve = format!("/accounts/acme/transformation/waivers/{waiver}/approve");
    assert_eq!(submit(&app, &support, &approve, &[]).await.status, 303);
    let issues = "/accounts/acme/issues";
    assert!(!text(&support.get(&app, issues).await).contains("Back to "), "nothing is wrong yet");
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let newest = app.app.store.binding_history(&acme.connection, 1).await.unwrap().remove(0).id;
    let seen = format!("name=\"expected\" value=\"{newest}\"");
    let page = support.get(&app, issues).await;
    for words in ["Back to default@1 (no leads that are remembered)", seen.as_str()] {
        assert!(text(&page).contains(words), "{words}: {}", text(&page));
    }
    assert!(!text(&manager.get(&app, issues).await).contains("Back to default@1"), "it is support that rolls back");
    app.finish().await;
}

#[tokio::test]
async fn support_knows_where_it_is_keeps_notes_and_operators_make_accounts() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let (support, manager) = (signed_in(&app, None, "support").await, signed_in(&app, Some("acme"), "manager").await);
    let (support, manager) = (looks(&support), looks(&manager));
    let operator = looks(&signed_in(&app, None, "operator").await);
    let masked = "You see this as support; shoppers are masked.";
    assert!(text(&support.get(&app, "/accounts/acme").await).contains(masked));
    assert!(!text(&manager.get(&app, "/accounts/acme").await).contains(masked));
    assert_eq!(manager.get(&app, "/accounts/acme/notes").await.status, 403);
    let hostile = "<img src=x> their admin is on leave";
    assert_eq!(submit(&app, &manager, "/accounts/acme/notes", &[("text", hostile)]).await.status, 403);
    assert_eq!(submit(&app, &support, "/accounts/acme/notes", &[("text", hostile)]).await.status, 303);
    assert_eq!(submit(&app, &support, "/accounts/acme/notes", &[("text", " ")]).await.status, 400);
    let page = support.get(&app, "/accounts/acme/notes").await;
    assert!(text(&page).contains("&#60;img src=x&#62; their admin") && text(&page).contains("maya@example.com"));
    let history = Asker::operator().get(&app, "/v1/audit?account=acme").await.body.to_string();
    assert!(history.contains("accounts.notes") && !history.contains("on leave"), "{history}");
    let (code, said) = app.command(&["account", "notes", "acme", "--remove", "1"]).await;
    assert!(code == 0 && said.contains("No notes."), "{said}");
    let form = [("name", "Ocean Honda"), ("slug", "")];
    assert_eq!(submit(&app, &support, "/accounts", &form).await.status, 403);
    assert!(!text(&support.get(&app, "/accounts").await).contains("Create an account"));
    assert!(text(&operator.get(&app, "/accounts").await).contains("Create an account"));
    let made = submit(&app, &operator, "/accounts", &form).await;
    assert_eq!((made.status, made.header("location")), (303, "/accounts/ocean-honda/connectors"));
    assert_eq!(submit(&app, &operator, "/accounts", &form).await.status, 409, "once");
    app.finish().await;
}

#[tokio::test]
async fn the_list_of_accounts_goes_on_behind_its_first_page() {
    let app = with_public_url(URL).await;
    for number in 0..201 {
        app.app.store.create_account(&format!("d{number:03}"), "d", app.now()).await.unwrap();
    }
    let operator = looks(&signed_in(&app, None, "operator").await);
    let first = operator.get(&app, "/accounts?text=d").await;
    assert!(text(&first).contains("/accounts?text=d&#38;page=2") && !text(&first).contains("/accounts/d200\""));
    let second = operator.get(&app, "/accounts?text=d&page=2").await;
    assert!(text(&second).contains("/accounts/d200\"") && !text(&second).contains("/accounts/d199\""));
    app.finish().await;
}
