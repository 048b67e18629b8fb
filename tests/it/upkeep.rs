//! What operators do with the service itself: look whether it can work, hand out a support bundle, read its log, let nobody
//! else change anything, drain a process, change the keys.

use hubspot_sim::Preset;
use leadline::config::{Config, Role as Part};
use leadline::http::document;
use leadline::model::access::Role;
use leadline::model::lane::{LaneKind, Step};
use leadline::operate::{keys, processes};
use leadline::{telemetry, worker};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::access::{Asker, csrf, key_in_role, signed_in, with_public_url};
use crate::dashboard::{looks, submit, text};
use crate::guests::guest_of;
use crate::support::{API_TOKEN, TestApp, lead};

const URL: &str = "http://localhost:8080";

async fn asked(app: &TestApp, path: &str) -> Value {
    let reply = Asker::operator().get(app, path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["data"].clone()
}

/// Who is told apart by these is a person of the test, and nobody else.
const PERSON: [&str; 4] = ["zoelle", "markwart", "555-0142", "plumbus"];

fn marked_lead() -> Value {
    let mut lead = lead("ana");
    lead["name"] = json!("Zoelle Markwart");
    lead["email"] = json!("zoelle.markwart@example.com");
    lead["phone"] = json!("(305) 555-0142");
    lead["notes"][0]["text"] = json!("My plumbus broke.");
    lead
}

#[tokio::test]
async fn a_support_bundle_holds_no_person_and_no_secret_whatever_the_service_was_told() {
    // The log of everything that the service says on purpose: every test is a process of its own.
    let folder = tempfile::tempdir().unwrap();
    telemetry::init_logs(&Config {
        log: "leadline=info".to_owned(),
        ..Config::on(folder.path().into(), String::new())
    })
    .unwrap();
    let app = with_public_url(URL).await;
    let (acme, sour) = (app.connected("acme").await, app.connected("sour").await);
    let deals = json!({ "country": "US", "pipeline": "new-vehicles", "stage": "new-lead", "owner": "999999" });
    let picky = app.dealer("picky", Preset::Deals, "deals", deals).await;
    // It repeats what a customer said, as a reason and as a trap.
    let said = guest_of(&include_str!("../guests/refuse.wat").replace("not\\n\\1b[31m this one", "Zoelle Markwart!"));
    app.install(&sour, "sour", &said).await;
    for (dealer, id) in [(&acme, "msg_1"), (&sour, "msg_2"), (&picky, "msg_3")] {
        app.send(dealer, id, marked_lead()).await;
    }
    let mut odd = marked_lead();
    odd["email"] = json!("zoelle.markwart@example");
    app.send(&acme, "msg_4", odd).await;
    let unsigned = app.post_raw(acme.source.as_str(), &[("webhook-id", "zoelle")], marked_lead().to_string()).await;
    assert_eq!(unsigned.status, 400);
    app.run_until_idle().await;
    let mode = json!({ "reason": "Ask zoelle.markwart@example.com." });
    let put = Asker::operator().ask(&app, Method::PUT, "/v1/read-only", Some(&mode)).await;
    assert_eq!(put.status, 200, "{put:?}");
    processes::say(&app.app, &Part::ALL).await.unwrap();
    tracing::warn!(target: "leadline", "somebody wrote to zoelle.markwart@example.com");

    let operator = looks(&signed_in(&app, None, "operator").await);
    let over_http = asked(&app, "/v1/bundle").await;
    let page = operator.get(&app, "/system/bundle").await;
    let mail = ["--mail-url", "smtp://leads:hunter2@mail.example.com", "--mail-from", "Zoelle <zoelle@example.com>"];
    let file = folder.path().join("bundle.json");
    let words = [&["bundle", file.to_str().unwrap()][..], &mail].concat();
    let (code, said) = app.command(&words).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(app.command(&words).await.0, 6, "a file that is there is not overwritten");
    let written = std::fs::read_to_string(&file).unwrap();

    let ring = std::fs::read_to_string(app.data().join("keys")).unwrap();
    let key = ring.trim().split_once(':').unwrap().1;
    let session = operator.header("cookie").split_once('=').unwrap().1;
    let secrets =
        [API_TOKEN, acme.secret.expose_secret(), &acme.hubspot.access_token, key, session, &csrf(&operator), "hunter2"];
    for (what, text) in [("API", over_http.to_string()), ("command", written.clone())] {
        let text = text.to_lowercase();
        for mark in PERSON.iter().copied().chain(secrets) {
            assert!(!text.contains(&mark.to_lowercase()), "{what}: `{mark}` is in {text}");
        }
    }
    let page_text = text(&page).to_lowercase();
    let shown = page_text.split("<main").nth(1).unwrap();
    for mark in PERSON.iter().filter(|mark| **mark != "zoelle" && **mark != "markwart") {
        assert!(!shown.contains(mark), "{mark}");
    }

    // And it says what helps.
    let at = |bundle: &Value, path: &str| bundle.pointer(path).cloned().unwrap_or_default();
    assert_eq!(at(&over_http, "/events/by_cause/transform.refused"), json!(1), "{over_http:#}");
    assert!(over_http["lines"].as_array().unwrap().iter().any(|line| line["text"] == "somebody wrote to [taken out]"));
    assert_eq!(over_http["processes"][0]["id"], json!(app.app.process.id));
    assert!(over_http["read_only_since"].is_string() && over_http["checks"][0]["name"] == "configuration");
    let beside: Value = serde_json::from_str(&written).unwrap();
    let mail = beside["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == "--mail-url").unwrap();
    assert_eq!(mail["value"], json!("smtp://leads:…@mail.example.com"));

    // What is shown is what is downloaded, and what the description promises is all there is.
    let names: Vec<_> = over_http.as_object().unwrap().keys().cloned().collect();
    let mut told: Vec<_> = leadline::operate::bundle::PARTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    told.sort();
    assert_eq!(names, told);
    let href = text(&page).split("href=\"data:application/json;base64,").nth(1).unwrap().split('"').next().unwrap();
    let href = href.replace("&#43;", "+").replace("&#61;", "=").replace("&#47;", "/");
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, href).unwrap();
    let downloaded: Value = serde_json::from_slice(&bytes).unwrap();
    for (name, _) in leadline::operate::bundle::PARTS {
        let part = serde_json::to_string_pretty(&downloaded[name]).unwrap().replace('"', "&#34;");
        let part = part.replace('<', "&#60;").replace('>', "&#62;").replace('\'', "&#39;");
        assert!(text(&page).contains(&part), "{name}: {part}");
    }
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn the_doctor_says_what_keeps_the_service_from_its_work_and_what_to_do() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    processes::say(&app.app, &Part::ALL).await.unwrap();
    let failing = |checks: &Value| -> Vec<String> {
        let failed = checks.as_array().unwrap().iter().filter(|check| check["verdict"] == "failed");
        failed.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(failing(&asked(&app, "/v1/doctor").await).is_empty());
    app.send_lead(&acme, "ana").await;
    app.advance(std::time::Duration::from_secs(360));
    let ring = app.data().join("keys");
    std::fs::write(&ring, "k9:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n").unwrap();
    let checks = asked(&app, "/v1/doctor").await;
    assert_eq!(failing(&checks), ["key ring", "work"], "{checks:#}");
    let operator = looks(&signed_in(&app, None, "operator").await);
    let page = operator.get(&app, "/system").await;
    assert!(text(&page).contains("</code>, which is not in the key ring") && text(&page).contains("leadline doctor"));
    let (code, said) = app.command(&["doctor", "--frame-ancestors", "no origin"]).await;
    assert_eq!(code, 3, "{said}");
    for words in ["is no origin", "`k1`, which is not in the key ring", "put the key back"] {
        assert!(said.to_lowercase().contains(&words.to_lowercase()), "{words}: {said}");
    }
    app.run_until_idle().await;
}

/// Every form of the pages, as the routes of the source name them: method POST, with something in each place.
pub(crate) fn forms() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/http/dashboard");
    let mut forms = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let routes = source.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"'));
            let posts = routes
                .filter(|(_, rest)| rest.split(".route(").next().unwrap().lines().next().unwrap().contains("post("));
            forms.extend(posts.map(|(path, _)| path.replace("{account}", "acme").replace(['{', '}'], "")));
        }
    }
    forms.sort();
    assert!(forms.len() > 40, "{forms:?}");
    forms
}

#[tokio::test]
async fn in_read_only_mode_no_route_changes_anything_but_for_operators() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    let askers = [
        ("support", key_in_role(&app, None, Role::Support).await),
        ("an operator of one account", key_in_role(&app, Some("acme"), Role::Operator).await),
    ];
    let manager = signed_in(&app, Some("acme"), "manager").await;
    let operator = signed_in(&app, None, "operator").await;
    let reason = json!({ "reason": "The database moves until 14:00." });
    let put = Asker::operator().ask(&app, Method::PUT, "/v1/read-only", Some(&reason)).await;
    assert_eq!(put.body["data"]["read_only"]["by"], "API token", "{put:?}");

    // Every operation of the API, whatever it is about.
    let description = document();
    let (mut refused, mut looked) = (0, 0);
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let is_door = path == "/v1/sources/{source}/events";
            if is_door || path == "/v1/stream" {
                continue;
            }
            let right = operation["security"][0]["api_key"][0].as_str().unwrap();
            let address = path.replace("{account}", "acme").replace(['{', '}'], "");
            for (who, asker) in &askers {
                let reply = asker.ask(&app, method.clone(), &address, None).await;
                if method == Method::GET {
                    assert!(reply.status != 503, "{who}: {method} {path}: {reply:?}");
                    looked += 1;
                } else if reply.status == 403 {
                    assert_eq!(reply.refusal().1, "not_allowed", "{who}: {method} {path} needs {right}");
                } else {
                    assert_eq!(reply.refusal(), (503, "read_only"), "{who}: {method} {path}");
                    assert_eq!(reply.header("retry-after"), "60");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 60 && looked > 60, "{refused} {looked}");

    // Every form of the pages.
    for path in forms() {
        let reply = submit(&app, &looks(&manager), &path, &[]).await;
        let expected: &[u16] = if path == "/appearance" { &[303, 422] } else { &[503, 403] };
        assert!(expected.contains(&reply.status), "{path}: {} {}", reply.status, text(&reply));
        let elsewhere = path.replace("acme", "other");
        let by_operator = submit(&app, &looks(&operator), &elsewhere, &[]).await;
        assert!(by_operator.status != 503, "{path}: {}", text(&by_operator));
    }
    let link = submit(&app, &Asker::default().with("cookie", "leadline=x"), "/connect/x", &[]).await;
    assert_eq!(link.status, 503, "nobody connects a portal: {}", text(&link));

    // The operator's own forms, of which one ended the mode: it is on again.
    app.command(&["read-only", "on", "--reason", "The database moves until 15:00."]).await;
    let (code, said) = app.command(&["account", "pause", "acme"]).await;
    assert_eq!(code, 7, "{said}");
    assert_eq!(app.command(&["account", "pause", "acme", "--despite-read-only"]).await.0, 0);
    assert_eq!(app.command(&["account", "resume", "acme", "--despite-read-only"]).await.0, 0);
    assert_eq!(app.command(&["keys", "list"]).await.0, 0, "looking is no change");

    // Everybody is told on every page, and leads go on.
    let page = looks(&manager).get(&app, "/accounts/acme").await;
    assert!(text(&page).contains("Nothing can be changed for now") && text(&page).contains("until 15:00"));
    assert!(!text(&page).contains("Switch it off"));
    app.app.store.resume(&leadline::model::lane::PauseScope::All).await.unwrap();
    let event = app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    assert_eq!(app.fate(&event).await, "delivered, 1 attempts");

    let end = submit(&app, &looks(&operator), "/system/read-only", &[("mode", "off")]).await;
    assert_eq!((end.status, end.header("location")), (303, "/system?done=read-write"));
    let path = "/v1/accounts/acme/pause";
    assert_eq!(askers[1].1.post(&app, path, Value::Null).await.status, 200, "at once");
    let history = asked(&app, "/v1/audit").await.to_string();
    for action in ["read-only.set", "system.read-only"] {
        assert!(history.contains(action), "{history}");
    }
    assert_eq!(app.command(&["read-only", "off"]).await.0, 6, "it is off");
}

#[tokio::test]
async fn a_process_that_drains_finishes_what_it_holds_takes_no_more_and_another_goes_on() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let (own, other) = (app.app.clone(), app.beside().await);
    for process in [&own, &other] {
        processes::say(process, &Part::ALL).await.unwrap();
    }
    let first = app.send_lead(&acme, "ana").await;
    let round = async |process: &leadline::app::App, kind| {
        worker::round(process, kind, &process.process.owner(kind, 0)).await.unwrap()
    };
    assert_eq!(round(&own, LaneKind::Plan).await, Step::Worked);

    // It is told so in the middle of a round: by the other one's database, as any process would.
    let before = app.hubspot.call_count();
    let tell = async {
        assert!(app.hubspot.wait_for_calls(before, std::time::Duration::from_secs(10)).await);
        processes::drain(&other.store, &own.process.id, true, app.now()).await.unwrap().unwrap();
        processes::heed(&own).await.unwrap();
    };
    // Beside a round that takes its time.
    let slow = own.process.begin_round().unwrap();
    let (step, ()) = tokio::join!(round(&own, LaneKind::Deliver), tell);
    assert_eq!(step, Step::Worked);
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", app.address)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await, (503, "draining: it takes no more lanes, and 1 round is under way\n".to_owned()));
    drop(slow);
    assert_eq!(ready().await, (503, "draining: it takes no more lanes, and nothing is under way\n".to_owned()));
    assert_eq!(app.fate(&first).await, "delivered, 1 attempts", "what it held is finished");

    let second = app.send_lead(&acme, "bob").await;
    for kind in [LaneKind::Plan, LaneKind::Deliver] {
        assert_eq!(round(&own, kind).await, Step::Idle);
    }
    assert_eq!(app.fate(&second).await, "received", "it is still taken in");
    for kind in [LaneKind::Plan, LaneKind::Deliver] {
        assert_eq!(round(&other, kind).await, Step::Worked);
    }
    assert_eq!(app.fate(&second).await, "delivered, 1 attempts");

    let operator = looks(&signed_in(&app, None, "operator").await);
    let page = operator.get(&app, "/queue").await;
    assert!(text(&page).contains("holds nothing") && text(&page).contains("takes lanes"), "{}", text(&page));
    let path = format!("/queue/processes/{}/drain", own.process.id);
    assert_eq!(submit(&app, &operator, &path, &[("drain", "no")]).await.status, 303);
    app.send_lead(&acme, "cyd").await;
    assert_eq!(round(&own, LaneKind::Plan).await, Step::Worked, "undone by the page, at once where it is meant");
    assert_eq!(submit(&app, &operator, "/queue/processes/nobody/drain", &[("drain", "yes")]).await.status, 404);
    let listed = asked(&app, "/v1/processes").await;
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed:#}");
    assert!(listed.as_array().unwrap().iter().all(|process| process["draining_since"].is_null()), "{listed:#}");
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn keys_are_rotated_by_button_and_what_was_interrupted_is_continued() {
    let app = with_public_url(URL).await;
    let acme = app.connected("acme").await;
    let operator = looks(&signed_in(&app, None, "operator").await);
    // A rotation that ended before it sealed anything.
    app.app.store.begin_rotation(app.now()).await.unwrap().unwrap();
    let keys = asked(&app, "/v1/keys").await;
    assert_eq!((&keys["sealed_by_first_percent"], &keys["rotation"]["is_running"]), (&json!(0), &json!(false)));
    let left = keys["values_left"].as_u64().unwrap();
    assert!(left > 0);
    let page = operator.get(&app, "/keys").await;
    assert!(text(&page).contains("Continue the rotation"), "{}", text(&page));
    assert!(text(&page).contains(&format!("{left} still with older ones")), "{}", text(&page));

    assert_eq!(submit(&app, &operator, "/keys/rotate", &[]).await.header("location"), "/keys?done=rotating");
    app.app.rotation.ended().await;
    let keys = asked(&app, "/v1/keys").await;
    assert_eq!((&keys["sealed_by_first_percent"], &keys["values_left"]), (&json!(100), &json!(0)), "{keys:#}");
    assert_eq!(keys["ring"].as_array().unwrap().len(), 2, "it went on with the key that was there");

    let rotated = Asker::operator().post(&app, "/v1/keys/rotate", Value::Null).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    app.app.rotation.ended().await;
    let pruned = Asker::operator().post(&app, "/v1/keys/prune", Value::Null).await;
    assert_eq!(pruned.body["data"].as_array().unwrap().len(), 2, "{pruned:?}");
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;

    // Values that nobody can open any more are told, and stay.
    std::fs::write(app.data().join("keys"), "k9:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n").unwrap();
    let app = app.restart_with(|config| config.public_url = Some(URL.to_owned())).await;
    assert_eq!(keys::rotate(&app.app).await.unwrap(), keys::Begun::GoesOn);
    app.app.rotation.ended().await;
    let keys = asked(&app, "/v1/keys").await;
    assert_eq!(keys["rotation"]["unreadable"].as_array().unwrap().len() as u64, left, "{keys:#}");
    let page = looks(&signed_in(&app, None, "operator").await).get(&app, "/keys").await;
    assert!(text(&page).contains("could not be opened") && text(&page).contains("not in the ring"), "{}", text(&page));
    app.finish().await;
}

#[tokio::test]
async fn the_log_of_a_running_service_is_read_on_the_page_by_the_api_and_at_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    telemetry::init_logs(&Config { log: "warn".to_owned(), ..Config::on(folder.path().into(), String::new()) })
        .unwrap();
    let app = with_public_url(URL).await;
    tracing::warn!(lane.id = "con_1", "lane con_1 is no longer ours");
    tracing::error!("a deliver step failed");
    tracing::info!("nobody asked for this");
    let lines = asked(&app, "/v1/log?limit=2").await;
    let texts: Vec<_> = lines.as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a deliver step failed", "lane con_1 is no longer ours lane.id=con_1"]);
    assert_eq!(asked(&app, "/v1/log?level=error").await.as_array().unwrap().len(), 1);
    assert_eq!(Asker::operator().get(&app, "/v1/log?limit=501").await.refusal(), (400, "bad_request"));
    let operator = looks(&signed_in(&app, None, "operator").await);
    for (path, shows) in [("/system", true), ("/system/log", true), ("/system/log?level=error", false)] {
        let page = operator.get(&app, path).await;
        assert_eq!(text(&page).contains("no longer ours"), shows, "{path}");
        assert!(text(&page).contains("a deliver step failed"), "{path}");
    }
    let token = app.data().parent().unwrap().join("api-token");
    let words =
        ["log", "tail", "--server", &app.address, "--api-token-file", token.to_str().unwrap(), "--level", "warn"];
    let (code, said) = app.command(&words).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("ERROR") && said.lines().last().unwrap().ends_with("a deliver step failed"), "{said}");
    let (code, said) = app.command(&["log", "tail"]).await;
    assert_eq!(code, 2, "it says which service: {said}");
    app.finish().await;
}
