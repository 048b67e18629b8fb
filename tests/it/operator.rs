//! What whoever runs the service sees: the fleet, the queue, guests, refused requests, keys and configuration. And that the
//! command line says who did what.

use std::collections::BTreeMap;
use std::time::Duration;

use leadline::account;
use leadline::hours::Figures;
use leadline::model::access::Role;
use leadline::signature::Secret;
use leadline::store::Dealerships;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, csrf, key_in_role, signed_in, with_public_url};
use crate::guests::guest;
use crate::support::{NOON, TestApp, lead};
use crate::upkeep::forms;

const URL: &str = "http://localhost:8080";
/// The screens, and what they are called.
const SCREENS: [(&str, &str); 6] = [
    ("/fleet", "Fleet"),
    ("/queue", "Queue"),
    ("/guests", "Guests"),
    ("/rejected", "Refused requests"),
    ("/keys", "Keys and app"),
    ("/system", "System"),
];

fn text(reply: &Reply) -> &str {
    reply.body.as_str().unwrap_or_default()
}

async fn looking(app: &TestApp, account: Option<&str>, role: &str) -> Asker {
    signed_in(app, account, role).await.with("accept", "text/html")
}

async fn submit(app: &TestApp, browser: &Asker, path: &str, fields: &[(&str, &str)]) -> Reply {
    let token = csrf(browser);
    let all = std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied());
    let form = reqwest::Url::parse_with_params("http://localhost", all).unwrap();
    browser.send(app, path, "application/x-www-form-urlencoded", form.query().unwrap().to_owned()).await
}

async fn asked(app: &TestApp, path: &str) -> Value {
    let reply = Asker::operator().get(app, path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["data"].clone()
}

/// Runs a command that works out, and reads what it says.
async fn told(app: &TestApp, args: &[&str]) -> Value {
    let (code, said) = app.command(&[args, &["--json"]].concat()).await;
    assert_eq!(code, 0, "{args:?}: {said}");
    serde_json::from_str::<Value>(&said).unwrap()["data"].clone()
}

#[tokio::test]
async fn operators_screens_are_there_for_operators_and_for_nobody_else() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    for (role, account, status) in
        [("operator", None, 200), ("support", None, 403), ("manager", Some("acme"), 403), ("viewer", Some("acme"), 403)]
    {
        let browser = looking(&app, account, role).await;
        for (path, title) in SCREENS {
            let page = browser.get(&app, path).await;
            assert_eq!(page.status, status, "{role} {path}");
            if status == 200 {
                assert!(text(&page).contains(&format!("<h1>{title}")), "{path}: {}", text(&page));
                assert!(text(&page).contains("Do this from the terminal: <code>leadline "), "{path}");
            }
        }
        assert_eq!(browser.get(&app, "/styleguide").await.status, 200, "{role}");
    }
    let nobody = Asker::default().with("accept", "text/html").get(&app, "/styleguide").await;
    assert_eq!((nobody.status, nobody.header("location")), (303, "/sign-in?to=%2Fstyleguide"));
    app.finish().await;
}

#[tokio::test]
async fn a_key_of_an_account_learns_nothing_of_the_service() {
    let app = TestApp::start().await;
    app.connected("acme").await;
    let of_account = key_in_role(&app, Some("acme"), Role::Operator).await;
    for path in
        ["/v1/fleet", "/v1/guests", "/v1/keys", "/v1/system", "/v1/rejected", "/v1/bundle", "/v1/log", "/v1/doctor"]
    {
        assert_eq!(of_account.get(&app, path).await.status, 404, "{path}");
        assert_eq!(Asker::operator().get(&app, path).await.status, 200, "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_key_of_an_account_that_may_operate_changes_nothing_of_the_service() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let of_account = key_in_role(&app, Some("acme"), Role::Operator).await;
    for (path, _) in SCREENS {
        assert_eq!(of_account.get(&app, path).await.status, 404, "{path}");
    }
    let ring = asked(&app, "/v1/keys").await["ring"].clone();
    // One body for all of them: what a form does not ask for, it does not read.
    let fields = "pause=yes&account=acme&drain=yes&quota=javascript&mode=on&reason=x&name=x&slug=x&kind=deals&back=/";
    let is_of_an_account =
        |path: &String| ["/accounts/", "/transformations", "/versions/"].iter().any(|begin| path.starts_with(begin));
    let of_the_house: Vec<_> = forms().into_iter().filter(|path| !is_of_an_account(path)).collect();
    assert!(of_the_house.len() >= 10, "{of_the_house:?}");
    for path in of_the_house {
        let reply = of_account.send(&app, &path, "application/x-www-form-urlencoded", fields.to_owned()).await;
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
    }
    assert_eq!(asked(&app, "/v1/keys").await["ring"], ring);
    let store = &app.app.store;
    let (pauses, accounts) = (store.pauses().await.unwrap(), store.accounts().await.unwrap());
    assert_eq!((pauses.len(), accounts.len(), store.read_only().await.unwrap()), (0, 1, None));
    app.finish().await;
}

#[tokio::test]
async fn a_trapping_and_a_greedy_guest_harm_nobody_else_and_the_operator_sees_who_waits() {
    let app = with_public_url(URL).await;
    let (trap, hoard, acme) = (app.connected("trap").await, app.connected("hoard").await, app.connected("acme").await);
    app.install(&trap, "trap", &guest("trap")).await;
    app.install(&hoard, "hoard", &guest("hoard")).await;
    app.send_lead(&trap, "ana").await;
    app.send_lead(&hoard, "ben").await;
    let well = app.send_lead(&acme, "cleo").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&well).await, "delivered, 1 attempts");

    let guests = asked(&app, "/v1/guests").await;
    let mut failing: Vec<_> =
        guests["failures"].as_array().unwrap().iter().map(|one| (&one["account"], &one["waiting"])).collect();
    failing.sort_by_key(|(account, _)| account.as_str().unwrap().to_owned());
    assert_eq!(failing, [(&json!("hoard"), &json!(1)), (&json!("trap"), &json!(1))], "{guests:#}");
    assert_eq!((&guests["versions"][0]["version"], &guests["versions"][0]["runs"]), (&json!("default@1"), &json!(1)));
    assert!(guests["versions"][0]["limit_percent"].as_u64().unwrap() < 60, "{guests:#}");

    let fleet = asked(&app, "/v1/fleet").await;
    assert_eq!(fleet["accounts"], json!({ "failing": 0, "waiting": 2, "well": 1, "quiet": 0 }), "{fleet:#}");
    let page = looking(&app, None, "operator").await.get(&app, "/fleet").await;
    assert!(text(&page).contains("2 accounts wait for somebody."), "{}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_signature_is_nothing_to_the_dealership_and_seen_by_the_operator() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let (now, late) = (NOON.seconds().to_string(), (NOON.seconds() - 540).to_string());
    let body = br#"{"type":"lead.captured.v1","timestamp":"2026-11-23T08:00:00Z","data":{"id":"lead_secret"}}"#;
    let forged = Secret::parse(&Secret::generate()).unwrap();
    for (id, at) in [("msg_forged", &now), ("msg_late", &late)] {
        let signature = match id {
            "msg_forged" => forged.sign(id, NOON.seconds(), body),
            _ => Secret::parse(secrecy::ExposeSecret::expose_secret(&acme.secret)).unwrap().sign(
                id,
                NOON.seconds() - 540,
                body,
            ),
        };
        let headers = [("webhook-id", id), ("webhook-timestamp", at.as_str()), ("webhook-signature", &signature)];
        assert_eq!(app.post_raw(acme.source.as_str(), &headers, &body[..]).await.status, 401);
    }
    let manager = looking(&app, Some("acme"), "manager").await;
    let logs = manager.get(&app, "/accounts/acme/logs").await;
    assert!(!text(&logs).contains("data-row"), "nothing came, as far as the dealership can tell");

    let operator = looking(&app, None, "operator").await;
    let all = operator.get(&app, "/rejected").await;
    for words in ["msg_forged", "msg_late", "signed 540 s ago", "compare its clock", acme.source.as_str()] {
        assert!(text(&all).contains(words), "{words}: {}", text(&all));
    }
    assert!(!text(&all).contains("lead_secret"), "bodies are not shown");
    let late_only = operator.get(&app, "/rejected?class=stale").await;
    assert!(text(&late_only).contains("msg_late") && !text(&late_only).contains("msg_forged"));
    let listed = asked(&app, &format!("/v1/rejected?source={}&class=forged", acme.source)).await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["sender_id"]), (1, &json!("msg_forged")));
    assert!(listed[0].get("body").is_none(), "{listed}");
    let told = told(&app, &["source", "rejected", "--class", "stale"]).await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["sender_id"]), (1, &json!("msg_late")));
    app.finish().await;
}

#[tokio::test]
async fn the_queue_is_narrowed_and_an_account_is_paused_and_resumed_from_it() {
    let app = with_public_url(URL).await;
    for slug in ["acme", "other"] {
        app.connected(slug).await;
    }
    let operator = looking(&app, None, "operator").await;
    let pause = [("account", "acme"), ("pause", "yes")];
    assert_eq!(submit(&app, &operator, "/queue/account", &pause).await.header("location"), "/queue?done=paused");
    let lanes = async |query: &str| {
        let page = operator.get(&app, &format!("/queue{query}")).await;
        let rows = |slug: &str| text(&page).matches(&format!("<a href=\"/accounts/{slug}\">")).count();
        (rows("acme"), rows("other"), text(&page).contains("account acme"))
    };
    assert_eq!(lanes("").await, (2, 0, true), "its two lanes stand still");
    assert_eq!(lanes("?account=acme&state=paused").await, (2, 0, true));
    assert_eq!(lanes("?state=at_work").await, (0, 0, true));
    assert_eq!(lanes("?account=other").await, (0, 0, true));
    assert_eq!(lanes("?skip=1").await.0, 1);
    assert_eq!(operator.get(&app, "/queue?account=nobody").await.status, 404);
    let waits = asked_lanes(&app, "state=waits").await;
    assert_eq!((waits.len(), asked_lanes(&app, "state=paused").await.len()), (2, 2), "{waits:?}");
    assert_eq!(asked_lanes(&app, "state=paused&limit=1&after=1").await.len(), 1);
    let (code, text) = app.command(&["lane", "list", "--state", "paused", "--skip", "1", "--json"]).await;
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, listed["data"].as_array().unwrap().len()), (0, 1));
    let resume = [("account", "acme"), ("pause", "no")];
    assert_eq!(submit(&app, &operator, "/queue/account", &resume).await.status, 303);
    assert_eq!(lanes("").await, (0, 0, false));
    let all = [("pause", "yes"), ("back", "fleet")];
    assert_eq!(submit(&app, &operator, "/queue/pause", &all).await.header("location"), "/fleet?done=paused");
    let fleet = operator.get(&app, "/fleet").await;
    assert!(crate::dashboard::text(&fleet).contains("Resume everything"), "{fleet:?}");
    submit(&app, &operator, "/queue/pause", &[("pause", "no")]).await;
    app.finish().await;
}

async fn asked_lanes(app: &TestApp, query: &str) -> Vec<Value> {
    let reply = Asker::operator().get(app, &format!("/v1/lanes?{query}")).await;
    reply.body["data"].as_array().unwrap_or_else(|| panic!("{reply:?}")).clone()
}

#[tokio::test]
async fn the_fleet_says_how_hubspot_answers_each_portal_and_the_ring_how_old_its_keys_are() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let fleet = asked(&app, "/v1/fleet").await;
    let portal = &fleet["portals"][0];
    assert_eq!((portal["account"].as_str(), portal["too_many"].as_u64()), (Some("acme"), Some(0)), "{portal}");
    assert!(portal["calls"].as_u64().unwrap() > 0, "{portal}");
    let [fullest, limit] = ["fullest_window", "window_limit"].map(|name| portal[name].as_u64().unwrap());
    assert!(fullest > 0 && fullest <= limit, "the clock stood still, so all calls are of one window: {portal}");
    let operator = looking(&app, None, "operator").await;
    let page = operator.get(&app, "/fleet").await;
    assert!(text(&page).contains("How HubSpot answers") && text(&page).contains("/accounts/acme/connectors"));
    let used = format!("{fullest} of {limit}<span class=\"meter ");
    assert!(text(&page).contains(&used), "{used}: {}", text(&page));

    let ring = asked(&app, "/v1/keys").await["ring"][0].clone();
    assert_eq!((ring["known_since"].as_str(), ring["is_exact"].as_bool()), (Some("2026-11-23T12:00:00Z"), Some(false)));
    app.advance(std::time::Duration::from_secs(3600));
    assert_eq!(Asker::operator().post(&app, "/v1/keys/rotate", Value::Null).await.status, 200);
    app.app.rotation.ended().await;
    let ring = asked(&app, "/v1/keys").await["ring"].clone();
    assert_eq!((&ring[0]["known_since"], &ring[0]["is_exact"]), (&json!("2026-11-23T13:00:00Z"), &json!(true)));
    assert_eq!(ring[1]["known_since"], "2026-11-23T12:00:00Z", "it stays");
    let keys = operator.get(&app, "/keys").await;
    assert!(text(&keys).contains("its age is noted since then"), "{}", text(&keys));
    app.finish().await;
}

/// What became of the leads since noon, by the hour: of all accounts together, and as the sum of what is told of each.
async fn figures(app: &TestApp) -> [BTreeMap<i64, Figures>; 2] {
    let (store, until) = (&app.app.store, app.now() + Duration::from_secs(1));
    let (all, known_until) = store.hours_of_all(NOON, until).await.unwrap();
    assert!(known_until >= until, "{known_until}");
    let mut sums = BTreeMap::<i64, Figures>::new();
    for account in store.accounts().await.unwrap() {
        let of_one = store.lead_hours(&account.id, &Dealerships::Together, NOON, until).await.unwrap();
        of_one.hours.iter().for_each(|hour| sums.entry(hour.hour.0).or_default().merge(&hour.figures));
    }
    [all.into_iter().map(|hour| (hour.hour.0, hour.figures)).collect(), sums]
}

#[tokio::test]
async fn the_leads_of_all_accounts_are_the_sums_of_theirs_and_what_changes_later_is_added_up_again() {
    let app = with_public_url(URL).await;
    let (acme, ocean) = (app.connected("acme").await, app.connected("ocean").await);
    let operator = looking(&app, None, "operator").await;
    app.send_lead(&acme, "ana").await;
    app.send_lead(&ocean, "ben").await;
    app.run_until_idle().await;
    let [all, sums] = figures(&app).await;
    assert_eq!(all, sums, "nothing is added up yet");
    assert_eq!((all[&NOON.0].received, all[&NOON.0].delivered()), (2, 2));

    submit(&app, &operator, "/queue/pause", &[("pause", "yes")]).await;
    app.send_lead(&acme, "cleo").await;
    app.advance(Duration::from_secs(5 * 3600));
    while app.app.store.fill_hours(app.now()).await.unwrap() {}
    let [all, sums] = figures(&app).await;
    assert_eq!(all, sums, "the hour is added up");
    assert_eq!((all[&NOON.0].delivered(), all[&NOON.0].open()), (2, 1));

    submit(&app, &operator, "/queue/pause", &[("pause", "no")]).await;
    app.run_until_idle().await;
    let [all, sums] = figures(&app).await;
    assert_eq!((all[&NOON.0].delivered(), sums[&NOON.0].delivered()), (2, 3), "until somebody adds it up again");
    while app.app.store.fill_hours(app.now()).await.unwrap() {}
    let [all, sums] = figures(&app).await;
    assert_eq!(all, sums);
    assert_eq!(all[&NOON.0].delivered(), 3);

    let fleet = asked(&app, "/v1/fleet").await;
    let hours = fleet["deliveries"].as_array().unwrap();
    let synced = |hour: &Value| hour["synced"].as_u64().unwrap() + hour["synced_with_warnings"].as_u64().unwrap();
    assert_eq!((hours.len(), hours.iter().map(synced).sum::<u64>()), (24, 3), "{fleet:#}");
    let took: u64 = fleet["time_to_crm"].as_array().unwrap().iter().map(|hour| hour["leads"].as_u64().unwrap()).sum();
    assert_eq!(took, 3, "{fleet:#}");
    let pictures = ["Leads over time by outcome", "Time from lead to HubSpot"];
    for (query, shown) in [("", "24 hours"), ("?period=week", "7 days"), ("?period=year", "24 hours")] {
        let page = operator.get(&app, &format!("/fleet{query}")).await;
        let page = text(&page);
        for words in pictures.into_iter().chain(["everything paused", "everything resumed"]) {
            assert!(page.contains(words), "{query} {words}: {page}");
        }
        assert!(page.contains(&format!("aria-current=\"true\">{shown}</a>")), "{query}: {page}");
    }
    app.finish().await;
}

#[tokio::test]
async fn one_lane_is_paused_and_resumed_from_the_queue() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let operator = looking(&app, None, "operator").await;
    let lane = format!("/queue/{}/pause", acme.connection.id);
    assert_eq!(submit(&app, &operator, &lane, &[("pause", "yes")]).await.status, 303);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let queue = operator.get(&app, "/queue").await;
    assert!(text(&queue).contains("Resume<span class=\"sr\"> the deliver lane of acme"), "{}", text(&queue));
    assert_eq!(submit(&app, &operator, &lane, &[("pause", "no")]).await.status, 303);
    app.run_until_idle().await;
    let queue = operator.get(&app, "/queue").await;
    assert!(text(&queue).contains("Nothing waits"), "{}", text(&queue));
    assert_eq!(submit(&app, &operator, "/queue/con_nobody/pause", &[("pause", "yes")]).await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn retries_that_are_planned_are_told_by_the_hour_and_by_their_place_in_the_timetable() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let operator = looking(&app, None, "operator").await;
    let outage = hubspot_sim::Outage { from_ms: NOON.0, to_ms: NOON.0 + 1 };
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(outage));
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    let fleet = asked(&app, "/v1/fleet").await;
    assert_eq!(fleet["planned_retries"], json!([{ "hour": "2026-11-23T12:00:00Z", "retries": 1 }]), "{fleet:#}");
    let attempts = app.event(&event).await.deliveries[0].delivery.attempts;
    assert!(attempts > 0);
    assert_eq!(app.app.store.retries_by_attempt().await.unwrap(), (vec![(attempts, 1)], false));
    let queue = operator.get(&app, "/queue").await;
    assert!(text(&queue).contains("1 lead waits for a retry"), "{}", text(&queue));
    app.advance(Duration::from_secs(3600));
    app.run_until_idle().await;
    assert_eq!(app.app.store.retries_by_attempt().await.unwrap(), (Vec::new(), false));
    let queue = operator.get(&app, "/queue").await;
    assert!(text(&queue).contains("No lead waits for a retry"), "{}", text(&queue));
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn a_key_ring_that_is_rotated_tells_how_far_it_is_and_a_secret_how_old_it_is() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let keys = asked(&app, "/v1/keys").await;
    assert_eq!((&keys["sealed_by_first_percent"], keys["ring"].as_array().unwrap().len()), (&json!(100), 1));
    let rotate = format!("/v1/sources/{}/rotate", acme.source);
    assert_eq!(Asker::operator().post(&app, &rotate, json!({ "overlap_hours": 24 })).await.status, 200);
    let keys = asked(&app, "/v1/keys").await;
    let secrets = keys["source_secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 2, "{keys:#}");
    assert!(secrets[0]["valid_until"].is_string() && secrets[1]["valid_until"].is_null(), "{keys:#}");
    let text = keys.to_string();
    assert!(!text.contains("whsec_"), "{text}");
    app.finish().await;
}

#[tokio::test]
async fn the_history_says_who_at_the_terminal_did_what() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let connection = acme.connection.id.to_string();
    told(&app, &["lane", "pause", "--all"]).await;
    told(&app, &["lane", "resume", "--all"]).await;
    told(&app, &["connection", "pause", &connection]).await;
    told(&app, &["connection", "resume", "acme"]).await;
    told(&app, &["connection", "event-types", "acme", "--select", "lead.captured.v1"]).await;
    told(&app, &["access", "key", "create", "reports", "--account", "acme", "--right", "read"]).await;
    told(&app, &["source", "rotate", acme.source.as_str()]).await;
    // Looking changes nothing, and what fails neither.
    told(&app, &["connection", "list"]).await;
    told(&app, &["replay", "create", "--account", "acme", "--state", "failed", "--dry-run"]).await;
    assert_ne!(app.command(&["connection", "resume", "acme"]).await.0, 0);

    let done = |entries: &Value| -> Vec<String> {
        entries.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let of_account = told(&app, &["audit", "list", "--account", "acme", "--actor", "at the terminal"]).await;
    assert_eq!(
        done(&of_account),
        ["sources.rotate", "api-keys.create", "connections.event-types.set", "connections.resume", "connections.pause"]
    );
    assert_eq!(of_account[4]["subject"], json!(connection));
    let of_house = told(&app, &["audit", "list", "--action", "lanes"]).await;
    assert_eq!(done(&of_house), ["lanes.resume", "lanes.pause"]);
    let over_http = asked(&app, "/v1/audit?account=acme").await;
    assert!(over_http[0]["actor"].as_str().unwrap().ends_with(" at the terminal"), "{over_http:#}");
    app.finish().await;
}

#[tokio::test]
async fn a_browser_is_signed_out_from_the_terminal() {
    let app = with_public_url(URL).await;
    app.connected("acme").await;
    let manager = looking(&app, Some("acme"), "manager").await;
    told(&app, &["access", "session", "list", "--account", "acme"]).await;
    let sessions = asked(&app, "/v1/sessions?account=acme").await;
    let id = sessions[0]["id"].as_str().unwrap();
    told(&app, &["access", "session", "end", id, "--account", "acme"]).await;
    assert_eq!(manager.get(&app, "/accounts/acme").await.status, 303, "it has to sign in again");
    assert_eq!(app.command(&["access", "session", "end", id, "--account", "acme"]).await.0, 5);
    app.finish().await;
}

#[tokio::test]
async fn event_types_are_chosen_from_the_terminal_as_in_the_dashboard() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let choice = |types: &Value| -> Vec<(String, bool)> {
        let of = |one: &Value| (one["type"].as_str().unwrap().to_owned(), one["selected"].as_bool().unwrap());
        types.as_array().unwrap().iter().map(of).collect()
    };
    let chosen = told(&app, &["connection", "event-types", "acme", "--select", "session.initiated.v1"]).await;
    let over_http = asked(&app, &format!("/v1/connections/{}/event-types", acme.connection.id)).await;
    assert_eq!(choice(&chosen), choice(&over_http));
    assert!(choice(&chosen).contains(&("session.initiated.v1".to_owned(), true)));
    assert!(choice(&chosen).contains(&("lead.captured.v1".to_owned(), false)));
    assert_eq!(app.command(&["connection", "event-types", "acme", "--select", "lead.lost.v1"]).await.0, 2);
    app.finish().await;
}

#[tokio::test]
async fn the_same_is_told_on_the_page_by_the_api_and_at_the_terminal() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    let overview = asked(&app, "/v1/accounts/acme/overview").await;
    // The command reads the clock of the machine, and so looks at another week.
    assert!(told(&app, &["account", "overview", "acme"]).await["verdict"].is_string());
    let manager = looking(&app, Some("acme"), "manager").await;
    let verdict = overview["verdict"].as_str().unwrap();
    assert!(text(&manager.get(&app, "/accounts/acme").await).contains(verdict), "{verdict}");
    let lead = asked(&app, &format!("/v1/leads/{event}")).await;
    assert_eq!((&lead["outcome"], &lead["person"]["email"]), (&json!("synced"), &json!("ana@example.com")));
    let support = key_in_role(&app, None, Role::Support).await;
    let masked = support.get(&app, &format!("/v1/leads/{event}")).await.body.to_string();
    assert!(!masked.contains("ana@example.com"), "{masked}");
    let wrong = Asker::operator().get(&app, "/v1/accounts/acme/overview?period=year").await;
    assert_eq!(wrong.refusal(), (400, "bad_request"));
    app.finish().await;
}

#[tokio::test]
async fn a_configuration_is_told_with_where_each_value_comes_from_and_checked_as_a_whole() {
    let app = TestApp::start().await;
    let printed = told(&app, &["config", "print", "--brand", "Cars"]).await;
    let find = |name: &str| printed.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone();
    assert_eq!((&find("--brand")["value"], &find("--brand")["origin"]), (&json!("Cars"), &json!("flag")));
    assert_eq!(find("--log")["origin"], json!("default"));
    assert_eq!(find("--keep-bodies-days")["value"], json!("30"), "what `serve` would take");
    assert_eq!(app.command(&["config", "check"]).await.0, 0);
    let bad = ["config", "check", "--frame-ancestors", "no origin", "--hubspot-client-id", "x"];
    let (code, said) = app.command(&bad).await;
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("is no origin") && said.contains("the HubSpot app is named in part only"), "{said}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_is_found_by_a_delivery_and_by_what_its_sender_calls_an_event() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.connected("ocean").await;
    let event = app.send(&acme, "Msg-7F", lead("ana")).await;
    app.run_until_idle().await;
    let delivery = app.event(&event).await.deliveries[0].delivery.id.to_string();
    let (store, shouted) = (&app.app.store, delivery.to_uppercase());
    for word in [delivery.as_str(), shouted.as_str(), "Msg-7F"] {
        let found = account::looked_for(store, word).await.unwrap();
        assert_eq!(found.as_ref(), Some(&acme.account.id), "{word}");
    }
    assert_eq!(account::looked_for(store, "msg-nobody").await.unwrap(), None);
    // Under which account a deed is noted is no sender's to choose.
    assert_eq!(account::behind(store, "Msg-7F").await.unwrap(), None);
    let operator = looking(&app, None, "operator").await;
    for word in [delivery.as_str(), "Msg-7F"] {
        let found = operator.get(&app, &format!("/accounts?text={word}")).await;
        let found = text(&found);
        assert!(found.contains("/accounts/acme\"") && !found.contains("/accounts/ocean\""), "{word}: {found}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_help_says_when_support_is_there_as_the_operator_set_it() {
    let app = TestApp::start_with(|config, _, _| {
        config.public_url = Some(URL.to_owned());
        config.support_email = Some("support@example.com".to_owned());
        config.support_hours = "08:30-20".to_owned();
        config.support_days = ["mon", "sat"].map(str::to_owned).to_vec();
    })
    .await;
    app.account("acme").await;
    let help = looking(&app, Some("acme"), "viewer").await.get(&app, "/help").await;
    let expected = "That is within 24 hours on business days, Monday and Saturday from 8:30 to 20:00.";
    assert!(text(&help).contains(expected), "{}", text(&help));
    app.finish().await;
}
