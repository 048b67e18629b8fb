//! Managing connections over HTTP and from the command line.

use hubspot_sim::{Act, Options, Preset, Simulator};
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{CLIENT_ID, consented, finish, start};
use crate::cli::{json as cli_json, leadline};
use crate::support::{API_TOKEN, TestApp};

async fn call(app: &TestApp, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", app.address));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn managed(app: &TestApp, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    call(app, method, path, Some(API_TOKEN), body).await
}

#[tokio::test]
async fn the_management_api_is_for_the_operator_only() {
    let closed = TestApp::start_with(|config, _, _| config.api_token_file = None).await;
    let (status, problem) = call(&closed, Method::GET, "/v1/connections", Some(API_TOKEN), None).await;
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    assert!(problem["fix"].as_str().unwrap().contains("leadline access key create"), "{problem}");
    closed.finish().await;

    let app = start().await;
    for token in [None, Some("operator-token-of-these-test"), Some("")] {
        for (method, path) in [
            (Method::GET, "/v1/connections"),
            (Method::POST, "/v1/connections/con_1/disconnect"),
            (Method::POST, "/v1/accounts/acme/connect"),
        ] {
            let (status, problem) = call(&app, method, path, token, None).await;
            assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{path}");
        }
    }
    assert_eq!(
        managed(&app, Method::GET, "/v1/connections", None).await,
        (200, json!({ "data": [], "next": null, "prev": null }))
    );
    finish(app).await;
}

#[tokio::test]
async fn a_connection_is_made_checked_paused_and_ended_over_http() {
    let app = start().await;
    app.account("acme").await;
    let portal = app.hubspot.add_portal(Preset::Ready, "acme");
    let body = json!({ "features": ["create_contact_properties"] });
    let (status, made) = managed(&app, Method::POST, "/v1/accounts/acme/connect", Some(body)).await;
    assert_eq!(status, 200, "{made}");
    let page = Browser::new().connect(made["data"]["link"].as_str().unwrap(), portal.id).await;
    assert_eq!(page.status, 200, "{}", page.text);

    let (_, listed) = managed(&app, Method::GET, "/v1/connections", None).await;
    let connection = &listed["data"][0];
    assert_eq!((&connection["portal_id"], &connection["state"]), (&json!(portal.id), &json!("connected")));
    assert!(connection["scopes"].as_array().unwrap().contains(&json!("crm.schemas.contacts.write")), "{connection}");
    assert!(connection.get("token").is_none() && connection.get("refresh_token").is_none());
    let path = |what: &str| format!("/v1/connections/{}{what}", connection["id"].as_str().unwrap());
    let (_, checked) = managed(&app, Method::POST, &path("/check"), None).await;
    assert!(checked["data"]["findings"].as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{checked}");
    assert_eq!(managed(&app, Method::POST, &path("/pause"), None).await.1["data"]["state"], "paused");
    assert_eq!(managed(&app, Method::POST, &path("/pause"), None).await.0, 409);
    assert_eq!(managed(&app, Method::POST, &path("/resume"), None).await.1["data"]["state"], "connected");
    assert_eq!(managed(&app, Method::POST, &path("/disconnect"), Some(json!({}))).await.0, 400);
    let (status, ended) = managed(&app, Method::POST, &path("/disconnect"), Some(json!({ "waiting": "send" }))).await;
    assert_eq!((status, &ended["data"]["connection"]["state"]), (200, &json!("disconnected")));
    assert_eq!(managed(&app, Method::GET, &path(""), None).await.1["data"]["state"], "disconnected");
    assert_eq!(managed(&app, Method::GET, "/v1/connections/con_0", None).await.0, 404);
    assert_eq!(managed(&app, Method::POST, "/v1/accounts/nobody/connect", None).await.0, 404);
    finish(app).await;
}

#[tokio::test]
async fn a_check_says_what_is_wrong() {
    let app = start().await;
    let dealer = consented(&app, "acme").await;
    app.hubspot.act(dealer.portal(), Act::UninstallApp { client_id: CLIENT_ID.to_owned() });
    let path = format!("/v1/connections/{}/check", dealer.connection.id);
    let (_, checked) = managed(&app, Method::POST, &path, None).await;
    let sentences: Vec<_> = checked["data"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["ok"] == false)
        .map(|finding| finding["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(sentences, ["HubSpot does not accept our token. Connect it again."]);
    finish(app).await;
}

#[test]
fn the_command_line_connects_shows_pauses_and_ends() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let hubspot = runtime.block_on(Simulator::start(Options::default())).unwrap();
    let portal = hubspot.add_portal(Preset::Ready, "Ocean Honda");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let token = folder.join("token");
    std::fs::write(&token, &portal.access_token).unwrap();
    let (url, token) = (hubspot.base_url(), token.to_str().unwrap().to_owned());
    let with = |args: &[&str]| {
        [&["--hubspot-url", &url], args].concat().iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>()
    };
    let run = |args: &[&str]| {
        let args = with(args);
        leadline(folder, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    cli_json(folder, &["account", "create", "Ocean Honda"]);

    assert_eq!(run(&["connection", "connect", "--account", "ocean-honda"]).0, 2, "there is no app to connect with");
    let wrong = (portal.id + 1).to_string();
    let connect = ["connection", "connect", "--account", "ocean-honda", "--token-file", &token];
    assert_eq!(run(&[&connect[..], &["--portal", &wrong]].concat()).0, 6);
    let (code, text) = run(&connect);
    assert!(code == 0 && text.contains(&portal.id.to_string()), "{text}");
    cli_json(folder, &["account", "create", "Other"]);
    assert_eq!(run(&["connection", "connect", "--account", "other", "--token-file", &token]).0, 6, "it is taken");

    let (code, text) = run(&["connection", "list"]);
    assert!(
        code == 0 && text.contains("Ocean Honda") && text.contains("connected") && text.contains("token"),
        "{text}"
    );
    let (code, text) = run(&["connection", "check", "ocean-honda"]);
    assert!(code == 0 && text.contains("HubSpot accepts our token."), "{text}");
    hubspot.revoke_token(portal.id);
    let (code, text) = run(&["connection", "check", "ocean-honda"]);
    assert!(code == 3 && text.contains("!!  HubSpot does not accept our token."), "{text}");
    assert_eq!(run(&["connection", "pause", "ocean-honda"]).0, 0);
    assert_eq!(run(&["connection", "pause", "ocean-honda"]).0, 6);
    let (_, text) = run(&["connection", "show", "ocean-honda"]);
    assert!(text.contains("paused, by token") && text.contains("on the way: 0"), "{text}");
    assert_eq!(run(&["connection", "resume", "ocean-honda"]).0, 0);
    let (code, text) = run(&["connection", "disconnect", "ocean-honda"]);
    assert!(code == 0 && text.contains("is disconnected. Records in HubSpot stay"), "{text}");
    assert_eq!(run(&["connection", "show", "nobody"]).0, 5);

    let secret = folder.join("client-secret");
    std::fs::write(&secret, "s3cret").unwrap();
    let app = [
        "--hubspot-client-id",
        "c1",
        "--hubspot-client-secret-file",
        secret.to_str().unwrap(),
        "--public-url",
        "https://leads.example.com",
    ];
    let (code, text) = run(&[&app[..], &["connection", "reconnect", "ocean-honda"]].concat());
    assert!(
        code == 0
            && text.contains("https://leads.example.com/connect/")
            && text.contains("App Marketplace Access")
            && text.contains(&format!("to portal {}", portal.id)),
        "{text}"
    );
    runtime.block_on(hubspot.stop());
}
