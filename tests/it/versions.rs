//! Uploads: what becomes of them over HTTP and at the command line, and that nobody else notices.

use leadline::digest::sha256_hex;
use leadline::store::{HOUSE, NewVersion};
use leadline::transform::UPLOAD_BYTES_MAX;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::guests::guest;
use crate::support::{NOON, TestApp, open_store};

/// Uploads bytes, and gives back status and body.
async fn upload(app: &TestApp, query: &str, bytes: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/v1/versions?{query}", app.address);
    let answer = app.operator().post(url).header("content-type", "application/wasm").body(bytes).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn get(app: &TestApp, path: &str) -> Value {
    app.operator().get(format!("{}{path}", app.address)).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn an_upload_is_a_draft_that_is_known_by_its_bytes() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let (status, first) = upload(&app, "account=acme&name=own&note=with+a+task&by=ana", guest("honest")).await;
    assert_eq!((status, &first["data"]["label"]), (201, &Value::from("own@1")), "{first}");
    let (status, again) = upload(&app, "account=acme&name=own&by=bob", guest("honest")).await;
    assert_eq!((status, &again["data"]), (200, &first["data"]), "the same bytes are the same version");

    let shown = get(&app, &format!("/v1/versions/{}", first["data"]["id"].as_str().unwrap())).await;
    assert_eq!(shown["data"], first["data"]);
    let data = &shown["data"];
    assert_eq!((&data["note"], &data["created_by"]), (&Value::from("with a task"), &Value::from("ana")));
    assert_eq!(data["contract"], "leadline:transform@1.0.0");
    assert_eq!(data["about"]["hash"], data["hash"]);
    assert!(data["figures"]["runs"].as_array().is_some_and(|runs| !runs.is_empty()), "{}", data["figures"]);
    let listed = get(&app, "/v1/versions?account=acme").await;
    let labels: Vec<_> = listed["data"].as_array().unwrap().iter().map(|version| &version["label"]).collect();
    assert_eq!(labels.iter().filter(|label| **label == "own@1").count(), 1, "{labels:?}");
    assert!(labels.iter().any(|label| *label == "default@1"), "those of the house are there for everybody: {labels:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_refused_upload_has_a_code_a_sentence_and_a_remedy_and_leaves_nothing() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let (status, problem) = upload(&app, "account=acme&name=own", b"PK\x03\x04 and more".to_vec()).await;
    assert_eq!((status, &problem["code"]), (422, &Value::from("upload.not_wasm")), "{problem}");
    let came: Vec<_> = problem["steps"].as_array().unwrap().iter().map(|step| step["came"].as_str().unwrap()).collect();
    assert_eq!(came[..4], ["passed", "passed", "refused", "not_reached"], "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("`50 4b 03 04`"), "{problem}");
    assert!(!problem["fix"].as_str().unwrap().is_empty());
    let (status, problem) = upload(&app, "account=acme&name=own", vec![0; UPLOAD_BYTES_MAX + 1]).await;
    assert_eq!((status, &problem["code"]), (413, &Value::from("upload.too_large")), "{problem}");
    let (status, problem) = upload(&app, "account=nobody&name=own", guest("honest")).await;
    assert_eq!(status, 404, "{problem}");
    let (status, problem) = upload(&app, "account=acme&name=own%401", guest("honest")).await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem["detail"].as_str().unwrap().starts_with("`own@1` is no name of a transformation"), "{problem}");
    let listed = get(&app, "/v1/versions?account=acme").await;
    assert!(listed["data"].as_array().unwrap().iter().all(|version| version["name"] != "own"), "{listed}");
    let closed = reqwest::Client::new().post(format!("{}/v1/versions?name=own", app.address)).send().await.unwrap();
    assert_eq!(closed.status(), 401);
    app.finish().await;
}

#[tokio::test]
async fn the_same_bytes_get_the_same_refusal_without_another_try() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let trapping = guest("greedy_start");
    let (status, first) = upload(&app, "account=acme&name=own", trapping.clone()).await;
    assert_eq!(status, 422, "{first}");
    let app = app.restart_with(|config| config.compiler = Some("/nowhere/leadline".into())).await;
    let (status, again) = upload(&app, "account=acme&name=own", trapping).await;
    let told = |mut problem: Value| {
        problem["request_id"] = Value::Null;
        problem
    };
    assert_eq!((status, told(again)), (422, told(first)));
    app.finish().await;
}

#[tokio::test]
async fn an_account_may_upload_ten_times_an_hour_and_no_other_account_waits_for_it() {
    let app = TestApp::start().await;
    app.account("busy").await;
    app.account("other").await;
    for number in 0..10_u8 {
        let (status, problem) = upload(&app, "account=busy&name=own", vec![number; 9]).await;
        assert_eq!(status, 422, "{problem}");
    }
    let (status, problem) = upload(&app, "account=busy&name=own", vec![11; 9]).await;
    assert_eq!((status, &problem["code"]), (429, &Value::from("upload.quota")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("2026-11-23T13:00:00Z"), "{problem}");
    let (status, problem) = upload(&app, "account=other&name=own", vec![11; 9]).await;
    assert_eq!((status, &problem["code"]), (422, &Value::from("upload.not_wasm")), "{problem}");
    app.finish().await;
}

#[tokio::test]
async fn a_version_is_uploaded_listed_and_shown_at_the_command_line() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let file = app.data().join("own.wasm");
    std::fs::write(&file, guest("honest")).unwrap();
    let (code, text) = app.command(&["transform", "upload", file.to_str().unwrap(), "--account", "acme"]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("own@1  tfv_") && text.contains("contract    leadline:transform@1.0.0"), "{text}");
    let (_, listed) = app.command(&["transform", "list", "--account", "acme"]).await;
    assert!(listed.contains("own@1") && listed.contains("default@1"), "{listed}");
    let id = text.split_whitespace().nth(1).unwrap();
    let (_, shown) = app.command(&["transform", "show", id]).await;
    assert!(text.starts_with(shown.trim()), "{shown}\n{text}");
    std::fs::write(&file, b"\x7fELF").unwrap();
    let (code, _) = app.command(&["transform", "upload", file.to_str().unwrap(), "--account", "acme"]).await;
    assert_eq!(code, 3);
    app.finish().await;
}

#[tokio::test]
async fn a_version_is_found_by_its_label_within_the_account() {
    let app = TestApp::start().await;
    let account = app.account("acme").await;
    app.account("other").await;
    app.upload(account.id.as_str(), "own", &guest("honest")).await;
    let id = app.app.store.version(account.id.as_str(), "own@1").await.unwrap().unwrap().id.to_string();
    for (words, found) in [
        (vec!["own@1", "--account", "acme"], "own@1  tfv_"),
        (vec!["own", "--account", "acme"], "own@1  tfv_"),
        (vec![id.as_str()], "own@1  tfv_"),
        (vec!["deals@1"], "deals@1  tfv_"),
        (vec!["deals@1", "--account", "acme"], "deals@1  tfv_"),
        (vec!["own@1"], ""),
        (vec!["own@1", "--account", "other"], ""),
        (vec![id.as_str(), "--account", "other"], ""),
    ] {
        let (code, shown) = app.command(&[&["transform", "show"], &words[..]].concat()).await;
        assert_eq!(code, if found.is_empty() { 5 } else { 0 }, "{words:?}: {shown}");
        assert!(shown.starts_with(found), "{words:?}: {shown}");
    }
    let shown = get(&app, "/v1/versions/own@1?account=acme").await;
    assert_eq!(shown["data"]["id"], id.as_str());
    assert_eq!(get(&app, "/v1/versions/own@1?account=other").await["code"], "not_found");
    app.finish().await;
}

#[tokio::test]
async fn transformations_are_listed_by_name_the_same_everywhere_and_only_those_that_one_may_use() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    app.install(&acme, "own", &guest("honest")).await;
    app.upload(acme.account.id.as_str(), "own", &guest("refuse")).await;
    let names = |list: &Value| {
        let all = list["data"].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = get(&app, "/v1/transformations").await;
    assert_eq!(names(&all), ["deals", "default", "own"], "{all:#}");
    let (stock, own) = (&all["data"][0], &all["data"][2]);
    for (shown, account, newest, enabled, used_by) in [
        (stock, json!(null), "deals@1", json!([]), json!([])),
        (own, json!("acme"), "own@2", json!(["own@1"]), json!(["acme"])),
    ] {
        assert_eq!((&shown["account"], &shown["newest"]), (&account, &json!(newest)), "{shown:#}");
        assert_eq!((&shown["enabled"], &shown["used_by"]), (&enabled, &used_by), "{shown:#}");
        assert_eq!((&shown["runs"], &shown["fuel_p95"]), (&json!(0), &json!(null)), "{shown:#}");
    }
    assert_eq!((&own["versions"], &own["labels"]), (&json!(2), &json!(["enabled"])));

    let of_other = get(&app, "/v1/transformations?account=other").await;
    assert_eq!(names(&of_other), ["deals", "default"], "{of_other:#}");
    assert_eq!(of_other["data"][1]["used_by"], json!(["other"]), "who else uses it is nothing for them");
    let first = get(&app, "/v1/transformations?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = get(&app, &format!("/v1/transformations?limit=1&after={next}")).await;
    assert_eq!((names(&first), names(&second)), (vec!["deals".to_owned()], vec!["default".to_owned()]));

    let listed = ["transform", "list", "--by-name", "--account", "acme"];
    let (code, told) = app.command(&[&listed[..], &["--json"]].concat()).await;
    assert_eq!(code, 0, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["data"], get(&app, "/v1/transformations?account=acme").await["data"]);
    let (_, table) = app.command(&listed).await;
    assert!(table.contains("own@2") && table.contains("own@1"), "{table}");
    app.finish().await;
}

#[tokio::test]
async fn versions_that_come_at_once_all_get_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(&folder).await;
    let mut installs = JoinSet::new();
    for number in 0..24_u32 {
        // Half of them come twice.
        let (store, bytes) = (store.clone(), (number / 2 * 2 + number % 4 / 2).to_le_bytes());
        installs.spawn(async move {
            let none = json!({});
            let new = NewVersion {
                account_id: HOUSE,
                name: "busy",
                hash: &sha256_hex(&bytes),
                bytes: &bytes,
                contract: "leadline:transform@1.0.0",
                manifest: &none,
                about: &none,
                figures: &none,
                note: "",
                created_by: "ana",
                samples: &[],
            };
            store.install_version(new, NOON).await.unwrap()
        });
    }
    let versions = installs.join_all().await;
    let mut numbers: Vec<_> = versions.iter().map(|version| (version.number, version.hash.clone())).collect();
    numbers.sort();
    numbers.dedup();
    let hashes: std::collections::BTreeSet<_> = versions.iter().map(|version| &version.hash).collect();
    assert_eq!(
        numbers.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (1..).take(hashes.len()).collect::<Vec<_>>()
    );
    store.close().await;
}
