//! Apps and their tokens: consent, codes, refreshes, their ends, and the scopes that calls need.

use hubspot_sim::{Act, Clock, Fault, FindingKind, OAuthApp, Options, Preset};
use serde_json::{Value, json};

use crate::support::{NOW, Portal, Reply, note};

const REDIRECT: &str = "https://leadline.example.com/callback";
const TOKEN: &str = "/oauth/2026-09/token";
const SCOPES: [&str; 3] = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"];
const DETAILS: &str = "/account-info/V/details";

fn app() -> OAuthApp {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    OAuthApp {
        name: "Leadline".to_owned(),
        client_id: "app-1".to_owned(),
        client_secret: "s3cret".to_owned(),
        redirect_urls: owned(&[REDIRECT, "http://localhost:8080/callback"]),
        required_scopes: owned(&SCOPES),
        optional_scopes: owned(&["crm.objects.deals.read", "crm.objects.deals.write"]),
    }
}

async fn scene() -> Portal {
    let portal = Portal::new(Preset::Deals).await;
    portal.sim().add_app(app());
    portal
}

/// A portal to which the app talks with its own token, and its refresh token.
async fn installed() -> (Portal, String) {
    let portal = scene().await;
    let install = portal.sim().install(portal.id(), "app-1", &SCOPES);
    (portal.with_token(&install.access_token), install.refresh_token)
}

/// A form with the app's credentials; later fields take the place of earlier ones, and empty ones go.
fn form(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form =
        vec![("client_id".to_owned(), "app-1".to_owned()), ("client_secret".to_owned(), "s3cret".to_owned())];
    for (name, value) in fields {
        form.retain(|(known, _)| known != name);
        form.extend((!value.is_empty()).then(|| ((*name).to_owned(), (*value).to_owned())));
    }
    form
}

async fn exchange(portal: &Portal, code: &str, changes: &[(&str, &str)]) -> Reply {
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)];
    fields.extend(changes);
    portal.form(TOKEN, &form(&fields)).await
}

async fn refresh(portal: &Portal, token: &str) -> Reply {
    portal.form(TOKEN, &form(&[("grant_type", "refresh_token"), ("refresh_token", token)])).await
}

async fn introspect(portal: &Portal, token: &str, hint: &str) -> Reply {
    portal.form("/oauth/2026-09/token/introspect", &form(&[("token", token), ("token_type_hint", hint)])).await
}

/// The page's address, with these parameters changed.
fn consent(changes: &[(&str, &str)]) -> String {
    let scope = SCOPES.join(" ");
    let mut fields =
        vec![("client_id", "app-1"), ("redirect_uri", REDIRECT), ("scope", scope.as_str()), ("state", "a b&c")];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    let url = reqwest::Url::parse_with_params("http://localhost/oauth/authorize", fields).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap())
}

/// Presses a button on the consent page, and says where that leads.
async fn press(portal: &Portal, decision: &str, optional: &str) -> (u16, String) {
    let mut fields = form(&[("client_secret", ""), ("redirect_uri", REDIRECT), ("scope", &SCOPES.join(" "))]);
    fields.extend(form(&[("client_id", ""), ("client_secret", ""), ("optional_scope", optional), ("state", "a b&c")]));
    fields.extend([("portal".to_owned(), portal.id().to_string()), ("decision".to_owned(), decision.to_owned())]);
    let answer = portal.form("/oauth/authorize", &fields).await;
    (answer.status, answer.header("location").to_owned())
}

#[tokio::test]
async fn consent_page_says_in_words_what_the_app_wants() {
    proves!("S8", simulated);
    let portal = scene().await;
    let page = portal.get(&consent(&[("optional_scope", "crm.objects.deals.read")])).await;
    assert_eq!(page.status, 200);
    for shown in ["Leadline wants to", "Create and change contacts", "Read deals", "Sunset Motors", "Allow", "Deny"] {
        assert!(page.text.contains(shown), "{shown}");
    }
}

#[tokio::test]
async fn consent_page_is_blocked_when_it_asks_for_something_else() {
    proves!("S8", simulated);
    let portal = scene().await;
    for (changes, why) in [
        (("client_id", "nobody"), "no app with this client id"),
        (("redirect_uri", "https://elsewhere.example.com/"), "not registered"),
        (("redirect_uri", "http://127.0.0.1:8080/callback"), "neither https nor http://localhost"),
        (("scope", "oauth"), "scopes differ"),
        (("scope", "oauth crm.objects.contacts.read crm.objects.contacts.write tickets"), "scopes differ"),
        (("optional_scope", "tickets"), "optional scope tickets"),
        (("prompt", "x"), "unknown parameter"),
    ] {
        let page = portal.get(&consent(&[changes])).await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert!(page.text.contains(why) && !page.text.contains("Allow</button>"), "{changes:?}");
    }
}

#[tokio::test]
async fn allow_goes_back_with_a_code_and_the_same_state() {
    proves!("S8", simulated);
    let portal = scene().await;
    let (status, location) = press(&portal, "allow", "crm.objects.deals.read").await;
    let url = reqwest::Url::parse(&location).unwrap();
    let query: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!((status, location.starts_with(REDIRECT), query[1].1.as_str()), (302, true, "a b&c"));
    assert_eq!(query[0].0, "code");
    let reply = exchange(&portal, &query[0].1, &[]).await;
    assert_eq!((reply.status, reply.body["scopes"].as_array().unwrap().len()), (200, 4));
}

#[tokio::test]
async fn deny_goes_back_with_an_error_and_the_same_state() {
    proves!("S8", simulated);
    let (status, location) = press(&scene().await, "deny", "").await;
    assert_eq!(status, 302);
    assert!(location.contains("?error=access_denied&") && location.ends_with("&state=a%20b%26c"), "{location}");
}

#[tokio::test]
async fn code_becomes_tokens_once() {
    proves!("S9", simulated);
    let portal = scene().await;
    let code = portal.sim().allow(portal.id(), "app-1", REDIRECT, &SCOPES);
    let first = exchange(&portal, &code, &[]).await;
    assert_eq!((first.status, &first.body["hub_id"]), (200, &json!(portal.id())));
    assert_eq!((&first.body["expires_in"], &first.body["token_type"]), (&json!(1_800), &json!("bearer")));
    assert!(first.body["access_token"].as_str().unwrap().len() > 512);
    let second = exchange(&portal, &code, &[]).await;
    assert_eq!((second.status, &second.body["status"]), (400, &json!("BAD_AUTH_CODE")));
    assert_eq!((&second.body["error"], second.body["message"].is_string()), (&json!("invalid_grant"), true));
    let portal = portal.with_token(first.body["access_token"].as_str().unwrap());
    assert_eq!(portal.get(DETAILS).await.body["portalId"], portal.id());
}

#[tokio::test]
async fn code_dies_after_its_time() {
    proves!("S9", simulated);
    for (lifetime, after, status) in [(60, 59_999, 200), (60, 60_000, 400), (5, 5_000, 400)] {
        let portal = scene().await.knob(|knobs| knobs.code_lifetime_s = lifetime);
        let code = portal.sim().allow(portal.id(), "app-1", REDIRECT, &SCOPES);
        portal.sim().set_clock(NOW + after);
        assert_eq!(exchange(&portal, &code, &[]).await.status, status, "{lifetime} {after}");
    }
}

#[tokio::test]
async fn code_is_for_its_app_and_its_redirect() {
    proves!("S9, S10", simulated);
    for (changes, expected) in [
        (vec![], Value::Null),
        (vec![("client_id", "app-2"), ("client_secret", "other")], json!("BAD_AUTH_CODE")),
        (vec![("code", "nonsense")], json!("BAD_AUTH_CODE")),
        (vec![("redirect_uri", "http://localhost:8080/callback")], json!("BAD_REDIRECT_URI")),
        (vec![("redirect_uri", "https://elsewhere.example.com/")], json!("BAD_REDIRECT_URI")),
        (vec![("client_id", "nobody")], json!("BAD_CLIENT_ID")),
        (vec![("client_id", "")], json!("BAD_CLIENT_ID")),
        (vec![("client_secret", "wrong")], json!("BAD_CLIENT_SECRET")),
        (vec![("grant_type", "password")], json!("BAD_GRANT_TYPE")),
        (vec![("refresh_token", "x")], json!("BAD_REQUEST")),
        (vec![("redirect_uri", "")], json!("BAD_REQUEST")),
    ] {
        let portal = scene().await;
        let other = OAuthApp { client_id: "app-2".to_owned(), client_secret: "other".to_owned(), ..app() };
        portal.sim().add_app(other);
        let code = portal.sim().allow(portal.id(), "app-1", REDIRECT, &SCOPES);
        let reply = exchange(&portal, &code, &changes).await;
        assert_eq!(reply.body["status"], expected, "{changes:?}");
        assert_eq!(reply.status, if expected.is_null() { 200 } else { 400 });
    }
}

#[tokio::test]
async fn token_call_takes_a_form_and_no_secret_in_its_query() {
    proves!("S10, S44", simulated);
    let (portal, refresh_token) = installed().await;
    let fields = json!({
        "grant_type": "refresh_token", "client_id": "app-1", "client_secret": "s3cret", "refresh_token": refresh_token});
    assert_eq!(portal.post(TOKEN, fields).await.status, 400);
    assert_eq!(portal.finding_kinds(), [FindingKind::TokenCallNotAForm]);
    portal.sim().clear_findings();
    let fields = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh_token)]);
    assert_eq!(portal.form(&format!("{TOKEN}?client_secret=s3cret"), &fields).await.status, 400);
    assert_eq!(portal.finding_kinds(), [FindingKind::SecretInQuery]);
    assert_eq!(portal.sim().calls()[1].path, TOKEN);
}

#[tokio::test]
async fn access_token_expires_after_30_minutes() {
    proves!("S3, S11", simulated);
    let (portal, refresh_token) = installed().await;
    for (after, status, category) in [(1_799_999, 200, Value::Null), (1_800_000, 401, json!("EXPIRED_AUTHENTICATION"))]
    {
        portal.sim().set_clock(NOW + after);
        let reply = portal.get(DETAILS).await;
        assert_eq!((reply.status, &reply.body["category"]), (status, &category));
    }
    let reply = refresh(&portal, &refresh_token).await;
    assert_eq!((reply.status, &reply.body["refresh_token"]), (200, &json!(refresh_token)));
    let portal = portal.with_token(reply.body["access_token"].as_str().unwrap());
    assert_eq!(portal.get(DETAILS).await.status, 200);
}

#[tokio::test]
async fn unknown_token_is_invalid_not_expired() {
    proves!("S11", simulated);
    let reply = scene().await.with_token("nonsense").get(DETAILS).await;
    assert_eq!((reply.status, &reply.body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn rotation_ends_the_refresh_token_before() {
    proves!("S11", simulated);
    let (portal, old) = installed().await;
    let portal = portal.knob(|knobs| knobs.rotate_refresh = true);
    let reply = refresh(&portal, &old).await;
    let new = reply.body["refresh_token"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(refresh(&portal, &old).await.body["status"], "BAD_REFRESH_TOKEN");
    assert_eq!(refresh(&portal, new).await.status, 200);
}

#[tokio::test]
async fn new_consent_ends_the_refresh_token_before() {
    proves!("S11", simulated);
    let (portal, old) = installed().await;
    let wider = portal.sim().install(portal.id(), "app-1", &[&SCOPES[..], &["crm.objects.deals.read"]].concat());
    assert_eq!(refresh(&portal, &old).await.body["status"], "BAD_REFRESH_TOKEN");
    assert_eq!(refresh(&portal, &wider.refresh_token).await.status, 200);
    assert_eq!(portal.get(DETAILS).await.status, 200, "a live access token goes on");
    assert_eq!(portal.sim().installs(portal.id()).len(), 1);
}

#[tokio::test]
async fn revocation_ends_the_refresh_token_only() {
    proves!("S12", simulated);
    for by_call in [true, false] {
        let (portal, refresh_token) = installed().await;
        if by_call {
            let fields = form(&[("token", &refresh_token), ("token_type_hint", "refresh_token")]);
            assert_eq!(portal.form("/oauth/2026-09/token/revoke", &fields).await.status, 200);
        } else {
            portal.sim().act(portal.id(), Act::RevokeInstall { client_id: "app-1".to_owned() });
        }
        assert_eq!(refresh(&portal, &refresh_token).await.body["status"], "BAD_REFRESH_TOKEN");
        assert_eq!(portal.get(DETAILS).await.status, 200);
        let install = &portal.sim().installs(portal.id())[0];
        assert_eq!((install.active, install.installed), (false, true));
    }
}

#[tokio::test]
async fn uninstalled_app_has_two_dead_tokens() {
    proves!("S12, S42", simulated);
    for by_call in [true, false] {
        let (portal, refresh_token) = installed().await;
        if by_call {
            let reply = portal.call("DELETE", "/appinstalls/V/external-install", Value::Null).await;
            assert_eq!(reply.status, 204);
        } else {
            portal.sim().act(portal.id(), Act::UninstallApp { client_id: "app-1".to_owned() });
        }
        assert_eq!(portal.get(DETAILS).await.body["category"], "INVALID_AUTHENTICATION");
        let reply = refresh(&portal, &refresh_token).await;
        assert_eq!((reply.status, &reply.body["status"]), (400, &json!("BAD_REFRESH_TOKEN")));
        assert!(!portal.sim().installs(portal.id())[0].installed);
        // The app may come back, and its dead tokens do not.
        let again = portal.sim().install(portal.id(), "app-1", &SCOPES);
        assert_eq!(portal.get(DETAILS).await.status, 401);
        assert_eq!(portal.with_token(&again.access_token).get(DETAILS).await.status, 200);
    }
}

#[tokio::test]
async fn only_an_app_can_uninstall_itself() {
    proves!("S12", simulated);
    let portal = scene().await;
    assert_eq!(portal.call("DELETE", "/appinstalls/V/external-install", Value::Null).await.status, 403);
}

#[tokio::test]
async fn deleted_portal_is_a_bad_hub() {
    proves!("S12", simulated);
    let (portal, refresh_token) = installed().await;
    portal.sim().act(portal.id(), Act::DeletePortal);
    let reply = refresh(&portal, &refresh_token).await;
    assert_eq!(
        (reply.status, &reply.body["status"], &reply.body["error"]),
        (400, &json!("BAD_HUB"), &json!("access_denied"))
    );
    assert_eq!(portal.get(DETAILS).await.status, 401);
    assert_eq!(introspect(&portal, &refresh_token, "refresh_token").await.body, json!({"active": false}));
}

#[tokio::test]
async fn introspection_tells_what_a_token_is_worth() {
    proves!("S12", simulated);
    let (portal, refresh_token) = installed().await;
    let access_token = portal.sim().installs(portal.id())[0].access_token.clone();
    portal.sim().set_clock(NOW + 100_000);
    let access = introspect(&portal, &access_token, "access_token").await.body;
    assert_eq!((&access["active"], &access["expires_in"]), (&json!(true), &json!(1_700)));
    let refresh = introspect(&portal, &refresh_token, "refresh_token").await.body;
    assert_eq!((&refresh["hub_id"], &refresh["token_use"]), (&json!(portal.id()), &json!("refresh_token")));
    assert_eq!((&refresh["scopes"].as_array().unwrap().len(), refresh.get("expires_in")), (&3, None));
    for (token, hint) in [("nonsense", "refresh_token"), (&refresh_token, "access_token")] {
        assert_eq!(introspect(&portal, token, hint).await.body, json!({"active": false}));
    }
    assert_eq!(introspect(&portal, &refresh_token, "").await.status, 400);
    portal.sim().set_clock(NOW + 1_800_000);
    assert_eq!(introspect(&portal, &access_token, "access_token").await.body, json!({"active": false}));
}

#[tokio::test]
async fn name_of_the_token_field_is_a_knob() {
    proves!("S12", simulated);
    let (portal, refresh_token) = installed().await;
    let portal = portal.knob(|knobs| knobs.token_field_named_by_hint = true);
    for (field, status) in [("token", 400), ("refresh_token", 200)] {
        let fields = form(&[(field, &refresh_token), ("token_type_hint", "refresh_token")]);
        assert_eq!(portal.form("/oauth/2026-09/token/introspect", &fields).await.status, status, "{field}");
    }
}

#[tokio::test]
async fn call_without_its_scope_is_403_and_names_it() {
    proves!("S13", simulated);
    let (portal, _) = installed().await;
    for (method, path, missing) in [
        ("GET", DETAILS, None),
        ("GET", "/crm/objects/V/0-1/61001", None),
        ("GET", "/crm/objects/V/0-3/72001", Some(json!(["crm.objects.deals.read"]))),
        ("GET", "/crm/properties/V/0-1", Some(json!(["crm.schemas.contacts.read"]))),
        ("GET", "/crm/pipelines/V/0-3", Some(json!(["crm.schemas.deals.read", "crm.objects.deals.read"]))),
        ("GET", "/crm/owners/V", Some(json!(["crm.objects.owners.read"]))),
        ("PUT", "/crm/objects/V/0-1/1/associations/default/0-3/2", Some(json!(["crm.objects.deals.write"]))),
    ] {
        let reply = portal.call(method, path, Value::Null).await;
        let named = reply.body["errors"][0]["context"]["requiredGranularScopes"].clone();
        assert_eq!(named, missing.clone().unwrap_or_default(), "{method} {path}");
        assert_eq!(reply.status == 403, missing.is_some(), "{method} {path}");
        assert_eq!(reply.body["category"] == "MISSING_SCOPES", missing.is_some(), "{method} {path}");
        assert_eq!(reply.body["links"].is_object(), missing.is_some(), "{method} {path}");
    }
}

#[tokio::test]
async fn new_record_with_links_needs_the_scopes_of_both_ends() {
    proves!("S13", simulated);
    for (strict, status) in [(true, 403), (false, 201)] {
        let portal = scene().await.knob(|knobs| knobs.links_need_scopes = strict);
        let deal = portal.sim().create_record(portal.id(), "0-3", &[("dealname", "RAV4")]);
        let contact = portal.contact("maya@example.com").await;
        let app = portal.sim().install(portal.id(), "app-1", &SCOPES);
        let portal = portal.with_token(&app.access_token);
        assert_eq!(portal.note(&contact, "Hi").await.status, 201);
        let reply = portal.post("/crm/objects/V/0-46/batch/create", json!({"inputs": [note(&deal, 214, "Hi")]})).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.text.contains("crm.objects.deals.write"), strict);
    }
}

#[tokio::test]
async fn scope_is_taken_and_given_back() {
    proves!("S13, S42", simulated);
    let (app, _) = installed().await;
    for portal in [app, scene().await] {
        let scope = || "crm.objects.contacts.write".to_owned();
        let write = async || portal.upsert(&[("maya@example.com", json!({}))]).await.status;
        assert_eq!(write().await, 200);
        portal.sim().act(portal.id(), Act::TakeScope { scope: scope() });
        assert_eq!(write().await, 403);
        portal.sim().act(portal.id(), Act::GrantScope { scope: scope() });
        assert_eq!(write().await, 200);
    }
}

#[tokio::test]
async fn token_calls_have_a_limit_of_their_own() {
    proves!("S15", simulated);
    let (portal, refresh_token) = installed().await;
    let portal = portal.knob(|knobs| knobs.token_rate_limit = Some(1));
    assert_eq!(refresh(&portal, &refresh_token).await.status, 200);
    let refused = refresh(&portal, &refresh_token).await;
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!(portal.get(DETAILS).await.status, 200);
    portal.sim().set_clock(NOW + 10_000);
    assert_eq!(refresh(&portal, &refresh_token).await.status, 200);
}

#[tokio::test]
async fn faults_meet_token_calls_too() {
    proves!("S40", simulated);
    let (portal, refresh_token) = installed().await;
    portal.sim().add_fault(Fault::status(503).on_path(TOKEN).on_portal(portal.id()).times(1));
    assert_eq!(portal.get(DETAILS).await.status, 200);
    assert_eq!(refresh(&portal, &refresh_token).await.status, 503);
    assert_eq!(refresh(&portal, &refresh_token).await.status, 200);
}

#[tokio::test]
async fn token_calls_are_logged_without_secrets() {
    proves!("S43", simulated);
    let portal = scene().await;
    let code = portal.sim().allow(portal.id(), "app-1", REDIRECT, &SCOPES);
    let reply = exchange(&portal, &code, &[]).await;
    let tokens = ["access_token", "refresh_token"].map(|name| reply.body[name].as_str().unwrap().to_owned());
    refresh(&portal, &tokens[1]).await;
    introspect(&portal, &tokens[0], "access_token").await;
    let calls = portal.sim().calls();
    assert_eq!(calls.iter().filter(|call| call.path == TOKEN).count(), 2);
    assert!(calls.iter().all(|call| call.portal == Some(portal.id())));
    let id = portal.id();
    let mut shown = format!("{calls:?}");
    for path in ["/_sim/calls", "/_sim/installs", "/", &format!("/contacts/{id}/calls")] {
        shown.push_str(&portal.get(path).await.text);
    }
    for secret in [code.as_str(), &tokens[0], &tokens[1], "s3cret"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(portal.get("/_sim/installs").await.body[0]["active"] == true && shown.contains("grant_type=refresh_token"));
}

#[tokio::test]
async fn same_seed_gives_the_same_tokens() {
    proves!("S2", simulated);
    let mut tokens = Vec::new();
    for seed in [5, 5, 6] {
        let portal =
            Portal::with(Preset::Bare, Options { seed, clock: Clock::Standing(NOW), ..Options::default() }).await;
        portal.sim().add_app(app());
        tokens.push(portal.sim().install(portal.id(), "app-1", &SCOPES));
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
}

#[tokio::test]
async fn apps_are_told_nothing_of_the_day() {
    proves!("S14", simulated);
    let (portal, _) = installed().await;
    let portal = portal.knob(|knobs| knobs.daily_limit = Some(9));
    assert_eq!(portal.get(DETAILS).await.header("x-hubspot-ratelimit-daily"), "");
}
