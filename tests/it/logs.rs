//! The list of leads over HTTP, in the dashboard and on the command line: the same filter, as a table, by cause, under a
//! name, and with a choice of leads that are sent once more.

use hubspot_sim::{FindingKind, Outage};
use leadline::model::access::Role;
use leadline::model::id::EventId;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, csrf, key_in_role, signed_in, with_public_url};
use crate::support::{NOON, TestApp, lead};

fn text(reply: &Reply) -> &str {
    reply.body.as_str().unwrap_or_default()
}

/// Sends a form of one of our own pages.
async fn submit(app: &TestApp, browser: &Asker, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = csrf(browser);
    let all = std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied());
    let form = reqwest::Url::parse_with_params("http://localhost", all).unwrap();
    browser.send(app, path, "application/x-www-form-urlencoded", form.query().unwrap().to_owned()).await
}

/// A lead that is skipped: nobody is told from it.
fn nobody(name: &str) -> Value {
    let mut nobody = lead(name);
    for field in ["name", "email", "phone"] {
        nobody[field] = Value::Null;
    }
    nobody
}

/// A dealership with a lead of a dangerous name, and one that is skipped.
async fn two_leads(app: &TestApp) -> [String; 2] {
    let acme = app.connected("acme").await;
    let mut dangerous = lead("=HYPERLINK(1)");
    dangerous["email"] = json!("maya@example.com");
    let synced = app.send(&acme, "msg_1", dangerous).await;
    let skipped = app.send(&acme, "msg_2", nobody("nobody")).await;
    app.run_until_idle().await;
    [synced.to_string(), skipped.to_string()]
}

#[tokio::test]
async fn the_list_is_walked_forwards_and_back_over_http() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    for number in 0..5 {
        app.send_lead(&acme, &format!("ana{number}")).await;
    }
    app.run_until_idle().await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let names = |reply: &Reply| {
        let rows = reply.body["data"].as_array().unwrap().iter();
        rows.map(|row| row["person"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let first = viewer.get(&app, "/v1/leads?limit=2&outcome=synced").await;
    assert_eq!(names(&first), "ana4 ana3");
    let next = first.body["next"].as_str().unwrap();
    let second = viewer.get(&app, &format!("/v1/leads?limit=2&outcome=synced&after={next}")).await;
    assert_eq!(names(&second), "ana2 ana1");
    assert!(second.header("link").contains("outcome=synced&after="), "{}", second.header("link"));
    let prev = second.body["prev"].as_str().unwrap();
    assert_eq!(names(&viewer.get(&app, &format!("/v1/leads?limit=2&before={prev}")).await), "ana4 ana3");
    app.finish().await;
}

#[tokio::test]
async fn a_table_is_the_same_everywhere_runs_nothing_and_is_masked_for_support() {
    let app = with_public_url("http://localhost:8080").await;
    let [synced, skipped] = two_leads(&app).await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let table = viewer.get(&app, "/v1/leads.csv").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(table.header("content-disposition"), "attachment; filename=\"leads-acme.csv\"");
    let lines: Vec<_> = text(&table).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[1].starts_with(&skipped) && lines[2].starts_with(&synced), "{lines:#?}");
    assert!(lines[2].contains(",'=HYPERLINK(1),"), "{}", lines[2]);
    let browser = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let exported = browser.get(&app, "/accounts/acme/logs.csv").await;
    assert_eq!(text(&exported).trim_start_matches('\u{feff}'), text(&table));
    let (code, printed) = app.command(&["lead", "list", "--account", "acme", "--csv"]).await;
    assert_eq!((code, printed.replace("\r\n", "\n").trim()), (0, text(&table).replace("\r\n", "\n").trim()));
    let support = signed_in(&app, None, "support").await;
    let masked = support.get(&app, "/v1/leads.csv?account=acme").await;
    assert!(!text(&masked).contains("HYPERLINK") && text(&masked).contains(&synced), "{}", text(&masked));
    let one = viewer.get(&app, "/v1/leads.csv?outcome=skipped&text=maya").await;
    assert!(text(&one).lines().count() <= 2);
    // Each of these is told in the history: who took which leads, and how many, and not for whom was searched.
    let taken = viewer.get(&app, "/v1/audit").await;
    let taken = taken.body["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "leads.csv");
    let told: Vec<_> = taken.map(|entry| (entry["actor"].as_str().unwrap(), entry["detail"].to_string())).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    let by_outcome = told.iter().find(|(_, detail)| detail.contains(r#""outcome":"skipped""#)).unwrap();
    assert!(by_outcome.1.contains(r#""text":"…""#), "{told:#?}");
    assert_eq!(told.iter().filter(|(_, detail)| *detail == r#"{"leads":2}"#).count(), 2, "{told:#?}");
    app.finish().await;
}

#[tokio::test]
async fn a_group_of_outcomes_is_counted_as_it_is_listed() {
    let app = TestApp::start().await;
    two_leads(&app).await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    for (outcome, leads) in [("in_hubspot", 1), ("not_in_hubspot", 1), ("not_sent", 1), ("open", 0)] {
        let page = viewer.get(&app, &format!("/v1/leads?outcome={outcome}&count=approx")).await;
        let listed = page.body["data"].as_array().unwrap().len();
        assert_eq!((listed, &page.body["count"]["leads"]), (leads, &json!(leads)), "{outcome}: {page:?}");
        assert_eq!(viewer.get(&app, &format!("/v1/leads.csv?outcome={outcome}")).await.status, 200);
    }
    // The history says as much of the tables, the newest first.
    let taken = viewer.get(&app, "/v1/audit?action=leads.csv").await;
    let taken = taken.body["data"].as_array().unwrap().iter().map(|entry| entry["detail"]["leads"].as_u64());
    assert_eq!(taken.collect::<Vec<_>>(), [0, 1, 1, 1].map(Some));
    app.finish().await;
}

#[tokio::test]
async fn causes_are_counted_the_same_everywhere() {
    let app = with_public_url("http://localhost:8080").await;
    two_leads(&app).await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let causes = viewer.get(&app, "/v1/leads/causes").await;
    let cause = &causes.body["data"][0];
    assert_eq!((cause["leads"].as_u64(), causes.body["data"].as_array().unwrap().len()), (Some(1), 1), "{causes:?}");
    let code = cause["code"].as_str().unwrap();
    let browser = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let page = browser.get(&app, "/accounts/acme/logs?group=cause").await;
    assert!(text(&page).contains(&format!("?cause={code}\">{}", cause["title"].as_str().unwrap())), "{}", text(&page));
    let (_, printed) = app.command(&["lead", "list", "--account", "acme", "--by-cause"]).await;
    assert!(printed.contains(code), "{printed}");
    app.finish().await;
}

#[tokio::test]
async fn each_cause_shows_the_newest_of_its_leads() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let mut skipped = Vec::new();
    for number in 0..4 {
        skipped.push(app.send(&acme, &format!("msg_{number}"), nobody(&format!("nobody{number}"))).await);
    }
    app.run_until_idle().await;
    let browser = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let page = browser.get(&app, "/accounts/acme/logs?group=cause").await;
    let is_shown = |event: &EventId| text(&page).contains(&format!("\"/accounts/acme/logs/{event}\""));
    let shown: Vec<_> = skipped.iter().map(is_shown).collect();
    assert_eq!(shown, [false, true, true, true], "{}", text(&page));
    assert!(text(&page).contains(">All 4<"), "all of them are counted: {}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn a_view_that_one_saves_is_there_for_all_of_the_account() {
    let app = with_public_url("http://localhost:8080").await;
    two_leads(&app).await;
    app.connected("other").await;
    let manager = signed_in(&app, Some("acme"), "manager").await.with("accept", "text/html");
    let saved =
        submit(&app, &manager, "/accounts/acme/logs/views", &[("name", "Skipped"), ("query", "outcome=skipped")]).await;
    assert_eq!((saved.status, saved.header("location")), (303, "/accounts/acme/logs?outcome=skipped&done=saved"));
    let page = manager.get(&app, "/accounts/acme/logs?outcome=skipped").await;
    assert!(text(&page).contains(">Skipped</a>"), "{}", text(&page));
    let (_, listed) = app.command(&["lead", "list", "--account", "acme", "--view", "Skipped", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let views = viewer.get(&app, "/v1/views").await;
    let id = views.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(views.body["data"][0]["query"], "outcome=skipped");
    let elsewhere = key_in_role(&app, Some("other"), Role::Manager).await;
    assert_eq!(elsewhere.delete(&app, &format!("/v1/views/{id}")).await.status, 404);
    for (name, query) in [("", "outcome=failed"), ("All", ""), ("Odd", "outcome=odd")] {
        let refused =
            Asker::operator().post(&app, "/v1/views", json!({ "account": "acme", "name": name, "query": query })).await;
        assert_eq!(refused.status, 400, "{name} {query}: {refused:?}");
    }
    let (code, said) = app
        .command(&["lead", "view", "save", "Skipped", "--account", "acme", "--outcome", "skipped", "--text", "ana"])
        .await;
    assert_eq!(code, 0, "{said}");
    let views = viewer.get(&app, "/v1/views").await;
    assert_eq!(
        (&views.body["data"][0]["id"], &views.body["data"][0]["query"]),
        (&json!(id), &json!("outcome=skipped&text=ana"))
    );
    let gone = submit(&app, &manager, &format!("/accounts/acme/logs/views/{id}/remove"), &[]).await;
    assert_eq!(gone.status, 303);
    assert_eq!(viewer.get(&app, "/v1/views").await.body["data"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn leads_that_somebody_chose_are_counted_first_and_then_sent() {
    let app = with_public_url("http://localhost:8080").await;
    let [synced, skipped] = two_leads(&app).await;
    let acme = app.app.store.account("acme").await.unwrap().unwrap();
    let manager = signed_in(&app, Some("acme"), "manager").await.with("accept", "text/html");
    let list = manager.get(&app, "/accounts/acme/logs").await;
    assert!(text(&list).contains(&format!("name=\"lead\" value=\"{synced}\"")));
    let path = format!("/accounts/acme/logs/chosen?lead={synced}&lead={skipped}");
    let counted = manager.get(&app, &path).await;
    assert!(
        text(&counted).contains("2 leads are chosen. 1 would be sent on their way, 1 left out"),
        "{}",
        text(&counted)
    );
    assert!(app.app.store.replays(Some(&acme.id), 10).await.unwrap().is_empty(), "nothing is sent yet");
    let all = manager.get(&app, "/accounts/acme/logs/chosen?all=yes&filter=outcome%3Dsynced").await;
    assert!(text(&all).contains("1 lead is chosen. 0 would be sent"), "{}", text(&all));
    let none = manager.get(&app, "/accounts/acme/logs/chosen").await;
    assert!(text(&none).contains("No lead is chosen"));
    let sent = submit(&app, &manager, "/accounts/acme/logs/chosen", &[("lead", &skipped), ("lead", &synced)]).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/accounts/acme/replays?done=replayed"));
    let replays = app.app.store.replays(Some(&acme.id), 10).await.unwrap();
    assert_eq!((replays.len(), replays[0].estimate.replayed, replays[0].estimate.skipped), (1, 1, 1));
    let viewer = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    assert_eq!(viewer.get(&app, &path).await.status, 403);
    let list = viewer.get(&app, "/accounts/acme/logs").await;
    assert!(!text(&list).contains("name=\"lead\"") && text(&list).contains("Export CSV"));
    app.finish().await;
}

#[tokio::test]
async fn what_waits_for_its_next_try_is_tried_now_when_it_is_chosen() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: NOON.0 + 1 }));
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let manager = signed_in(&app, Some("acme"), "manager").await.with("accept", "text/html");
    let counted = manager.get(&app, &format!("/accounts/acme/logs/chosen?lead={event}")).await;
    assert!(text(&counted).contains("1 waits for its next try and is tried now."), "{}", text(&counted));
    let sent = submit(&app, &manager, "/accounts/acme/logs/chosen", &[("lead", event.as_str())]).await;
    assert_eq!(sent.header("location"), "/accounts/acme/logs?done=tried");
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    app.advance(std::time::Duration::from_secs(10));
    app.run_until_idle().await;
    assert!(app.fate(&event).await.starts_with("delivered"), "{}", app.fate(&event).await);
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn possible_duplicates_are_a_choice_of_the_filter_and_their_leads_lead_there() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let mut newest = String::new();
    for name in ["ana", "ana_l"] {
        let mut of_one_number = lead(name);
        of_one_number["email"] = Value::Null;
        newest = app.send(&acme, &format!("msg_{name}"), of_one_number).await.to_string();
        app.run_until_idle().await;
    }
    let viewer = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let page = viewer.get(&app, &format!("/accounts/acme/logs/{newest}")).await;
    assert!(text(&page).contains("href=\"/accounts/acme/logs?duplicate=possible\""), "{}", text(&page));
    let list = viewer.get(&app, "/accounts/acme/logs?duplicate=possible").await;
    assert!(text(&list).contains("<details class=\"more\" open>"), "{}", text(&list));
    assert!(text(&list).contains("<option value=\"possible\" selected>"), "{}", text(&list));
    assert_eq!(text(&list).matches("name=\"duplicate\"").count(), 1, "it is said once");
    app.finish().await;
}

#[tokio::test]
async fn whatever_hubspot_took_says_so_and_a_lead_says_what_was_really_answered() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let mut urgent = lead("ana");
    urgent["priority"] = json!("urgent");
    let warned = app.send(&acme, "msg_1", urgent).await;
    app.run_until_idle().await;
    let viewer = signed_in(&app, Some("acme"), "viewer").await.with("accept", "text/html");
    let list = viewer.get(&app, "/accounts/acme/logs?outcome=synced_with_warnings").await;
    assert!(text(&list).contains("<span class=\"small soft\">200 OK</span>"), "{}", text(&list));
    let told = Asker::operator().get(&app, &format!("/v1/leads/{warned}")).await.body["data"].clone();
    let last = told["calls"].as_array().unwrap().last().unwrap()["status"].as_i64().unwrap();
    let words = if last == 200 { "200 OK".to_owned() } else { last.to_string() };
    let page = viewer.get(&app, &format!("/accounts/acme/logs/{warned}")).await;
    assert!(text(&page).contains(&format!("Synced with warnings</span> <span class=\"small soft\">{words}</span>")));
    // Nobody knows when the widget made a lead of it.
    let created = &told["steps"][1];
    assert_eq!((&created["at"], &created["note"]), (&Value::Null, &json!("the widget does not say when")), "{told:#}");
    app.finish().await;
}
