//! Who may do what: keys, people, links that sign in, sessions of browsers, and what is noted of it.

use std::time::Duration;

use insta::assert_snapshot;
use leadline::access::{LINK_LIFE, SESSION_LIFE};
use leadline::model::access::{Reach, Role};
use leadline::model::time::Timestamp;
use leadline::store::AuditEntry;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::dashboard::{looks, submit};
use crate::support::{API_TOKEN, TestApp, lead};

/// Somebody who asks the service for something, known by what is sent along.
#[derive(Clone, Default)]
pub(crate) struct Asker {
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The status and what the problem is called.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Asker {
    /// A program with a key.
    pub(crate) fn with_key(key: &str) -> Self {
        Self::default().with("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn operator() -> Self {
        Self::with_key(API_TOKEN)
    }

    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        Self { headers }
    }

    pub(crate) async fn ask(&self, app: &TestApp, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = client.request(method, format!("{}{path}", app.address)).headers(self.headers.clone());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let mut response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = match is_endless {
            true => String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap(),
            false => response.text().await.unwrap(),
        };
        Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// Opens an answer that has no end, such as a stream.
    pub(crate) async fn open(&self, app: &TestApp, path: &str) -> reqwest::Response {
        reqwest::Client::new().get(format!("{}{path}", app.address)).headers(self.headers.clone()).send().await.unwrap()
    }

    /// Of a header that it sends.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Posts a body of this kind.
    pub(crate) async fn send(&self, app: &TestApp, path: &str, kind: &'static str, body: String) -> Reply {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = client.post(format!("{}{path}", app.address)).headers(self.headers.clone());
        let response = request.header("content-type", kind).body(body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) async fn upload(&self, app: &TestApp, path: &str, bytes: Vec<u8>) -> Reply {
        let request = reqwest::Client::new().post(format!("{}{path}", app.address)).headers(self.headers.clone());
        let response = request.header("content-type", "application/wasm").body(bytes).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.json().await.unwrap() }
    }

    pub(crate) async fn get(&self, app: &TestApp, path: &str) -> Reply {
        self.ask(app, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, app: &TestApp, path: &str, body: Value) -> Reply {
        self.ask(app, Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, app: &TestApp, path: &str) -> Reply {
        self.ask(app, Method::DELETE, path, None).await
    }
}

/// A key that this one makes; without an account, of the house.
pub(crate) async fn key(app: &TestApp, by: &Asker, account: Option<&str>, rights: &[&str]) -> Asker {
    let asked = json!({ "account": account, "name": rights.join(" "), "rights": rights });
    let made = by.post(app, "/v1/api-keys", asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    Asker::with_key(made.body["data"]["secret"].as_str().unwrap())
}

/// The key of a role.
pub(crate) async fn key_in_role(app: &TestApp, account: Option<&str>, role: Role) -> Asker {
    let rights = serde_json::to_value(role.rights()).unwrap();
    let rights: Vec<_> = rights.as_array().unwrap().iter().map(|right| right.as_str().unwrap()).collect();
    key(app, &Asker::operator(), account, &rights).await
}

/// The path of a link that signs somebody in.
async fn link(app: &TestApp, by: &Asker, asked: Value) -> String {
    let made = by.post(app, "/v1/sign-in-links", asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    let link = made.body["data"]["link"].as_str().unwrap();
    format!("/sign-in/{}", link.rsplit_once('/').unwrap().1)
}

/// A browser after the answer that set its cookie.
pub(crate) fn browser(answer: &Reply) -> Asker {
    Asker::default().with("cookie", answer.header("set-cookie").split_once(';').unwrap().0)
}

/// A browser in which somebody is signed in, in this role.
pub(crate) async fn signed_in(app: &TestApp, account: Option<&str>, role: &str) -> Asker {
    let asked = json!({ "account": account, "name": "maya@example.com", "role": role });
    let link = link(app, &Asker::operator(), asked).await;
    browser(&Asker::default().post(app, &link, Value::Null).await)
}

/// What stands in the forms of a session: the tests compute it as the service does.
pub(crate) fn csrf(browser: &Asker) -> String {
    use sha2::Digest as _;
    let cookie = browser.headers["cookie"].to_str().unwrap();
    let secret = cookie.split_once('=').unwrap().1;
    sha2::Sha256::digest(format!("form of {secret}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn with_public_url(url: &'static str) -> TestApp {
    TestApp::start_with(|config, _, _| config.public_url = Some(url.to_owned())).await
}

async fn audit(app: &TestApp, account: Option<&leadline::model::id::AccountId>) -> Vec<AuditEntry> {
    let mut entries = app.app.store.audit(account, None, 200).await.unwrap();
    entries.reverse();
    entries
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_is_for_until_it_is_revoked() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    let operator = Asker::operator();

    let asked = json!({ "account": "acme", "name": "reports", "rights": ["read"] });
    let made = operator.post(&app, "/v1/api-keys", asked).await;
    let secret = made.body["data"]["secret"].as_str().unwrap().to_owned();
    assert!(made.status == 201 && secret.starts_with("llk_") && secret.len() >= 40, "{made:?}");
    let listed = operator.get(&app, "/v1/api-keys?account=acme").await;
    assert!(!listed.body.to_string().contains(&secret), "it is shown once");
    assert_eq!(listed.body["data"][0]["last_used_at"], Value::Null);
    assert_eq!(listed.body["data"][0]["created_by"], "API token");

    let reports = Asker::with_key(&secret);
    let own = reports.get(&app, "/v1/connections").await;
    assert_eq!(own.body["data"].as_array().unwrap().len(), 1, "one account, and no other");
    assert_eq!(own.body["data"][0]["id"], acme.connection.id.as_str());
    assert_eq!(reports.get(&app, "/v1/lanes?account=other").await.refusal(), (404, "not_found"));
    let path = format!("/v1/connections/{}/pause", acme.connection.id);
    let refused = reports.post(&app, &path, Value::Null).await;
    assert_eq!(refused.refusal(), (403, "not_allowed"));
    assert_eq!(refused.body["detail"], "this needs the right to connect, set, test, retry, replay and pause");
    let listed = operator.get(&app, "/v1/api-keys?account=acme").await;
    assert_eq!(listed.body["data"][0]["last_used_at"], "2026-11-23T12:00:00Z");

    let id = listed.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(operator.delete(&app, &format!("/v1/api-keys/{id}?account=other")).await.status, 404, "of no other");
    assert_eq!(operator.delete(&app, &format!("/v1/api-keys/{id}?account=acme")).await.status, 200);
    assert_eq!(reports.get(&app, "/v1/connections").await.refusal(), (401, "unauthorized"), "at once");
    assert_eq!(operator.delete(&app, &format!("/v1/api-keys/{id}?account=acme")).await.status, 404, "once");
    app.finish().await;
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let until = app.now() + Duration::from_secs(3600);
    let asked = json!({ "account": "acme", "name": "for an hour", "rights": ["read"], "expires_at": until });
    let made = Asker::operator().post(&app, "/v1/api-keys", asked).await;
    let key = Asker::with_key(made.body["data"]["secret"].as_str().unwrap());
    app.advance(Duration::from_secs(3599));
    assert_eq!(key.get(&app, "/v1/lanes").await.status, 200);
    app.advance(Duration::from_secs(1));
    assert_eq!(key.get(&app, "/v1/lanes").await.refusal(), (401, "unauthorized"));
    app.finish().await;
}

#[tokio::test]
async fn nobody_gives_more_than_he_has_and_nobody_gives_beyond_his_account() {
    let app = with_public_url("http://localhost:8080").await;
    app.account("acme").await;
    app.account("other").await;
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    let rows = [
        ("/v1/api-keys", json!({ "name": "x", "rights": ["read", "change"] }), (201, "")),
        ("/v1/api-keys", json!({ "name": "x", "rights": ["read", "publish"] }), (409, "conflict")),
        ("/v1/api-keys", json!({ "name": "x", "rights": ["operate"] }), (409, "conflict")),
        ("/v1/api-keys", json!({ "name": "x", "rights": [] }), (400, "bad_request")),
        ("/v1/api-keys", json!({ "account": "other", "name": "x", "rights": ["read"] }), (404, "not_found")),
        ("/v1/people", json!({ "email": "m@example.com", "name": "M", "role": "manager" }), (201, "")),
        ("/v1/people", json!({ "email": "m@example.com", "name": "M", "role": "operator" }), (400, "bad_request")),
        ("/v1/people", json!({ "email": "no address", "name": "M", "role": "viewer" }), (400, "bad_request")),
        ("/v1/sign-in-links", json!({ "name": "V", "role": "viewer" }), (201, "")),
        ("/v1/sign-in-links", json!({ "name": "S", "role": "support" }), (403, "not_allowed")),
        ("/v1/sign-in-links", json!({ "account": "other", "name": "V", "role": "viewer" }), (404, "not_found")),
    ];
    for (path, asked, expected) in rows {
        let answer = manager.post(&app, path, asked.clone()).await;
        assert_eq!(answer.refusal(), expected, "{path} {asked}: {answer:?}");
    }
    let support = key_in_role(&app, None, Role::Support).await;
    let refused = support.post(&app, "/v1/api-keys", json!({ "name": "x", "rights": ["read"] })).await;
    assert_eq!(refused.refusal(), (403, "not_allowed"), "support gives nothing");
    app.finish().await;
}

#[tokio::test]
async fn support_reaches_every_account_and_a_manager_one() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    let support = key_in_role(&app, None, Role::Support).await;
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    for dealer in [&acme, &other] {
        assert_eq!(support.get(&app, &format!("/v1/connections/{}", dealer.connection.id)).await.status, 200);
    }
    let path = format!("/v1/connections/{}", other.connection.id);
    let beyond = manager.get(&app, &path).await;
    let unknown = manager.get(&app, "/v1/connections/con_0").await;
    assert_eq!(beyond.refusal(), (404, "not_found"));
    let words = |reply: &Reply, id: &str| {
        let mut body = reply.body.clone();
        body["request_id"] = Value::Null;
        body.to_string().replace(id, "ID")
    };
    assert_eq!(
        words(&beyond, other.connection.id.as_str()),
        words(&unknown, "con_0"),
        "what is beyond reach looks like nothing at all"
    );
    assert_eq!(support.post(&app, "/v1/lanes/pause", Value::Null).await.refusal(), (403, "not_allowed"));
    app.finish().await;
}

#[tokio::test]
async fn support_finds_an_account_by_the_id_that_the_chat_gave_a_lead_and_by_nothing_of_a_person() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    let mut of_the_chat = lead("ana1");
    of_the_chat["id"] = json!("chat-4711-x");
    app.send(&acme, "msg_1", of_the_chat).await;
    app.run_until_idle().await;
    let support = looks(&signed_in(&app, None, "support").await);
    for (word, is_found) in [
        ("chat-4711-x", true),
        ("CHAT-4711-X", true),
        ("chat-4711", false),
        ("ana1", false),
        ("ana1%40example.com", false),
        ("3055550187", false),
    ] {
        let page = support.get(&app, &format!("/accounts?text={word}")).await;
        let page = page.body.as_str().unwrap();
        assert_eq!(page.contains("/accounts/acme\""), is_found, "{word}: {page}");
        assert!(!page.contains("/accounts/other\""), "{word}: {page}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_link_signs_in_once_and_not_by_being_looked_at() {
    let app = with_public_url("http://localhost:8080").await;
    app.account("acme").await;
    let asked = json!({ "account": "acme", "name": "maya@example.com", "role": "manager" });
    let path = link(&app, &Asker::operator(), asked.clone()).await;
    let nobody = Asker::default();
    for _ in 0..2 {
        let looked = nobody.get(&app, &path).await;
        assert!(looked.status == 200 && looked.body.to_string().contains("maya@example.com"), "mail programs look");
        assert_eq!(looked.header("set-cookie"), "");
    }
    let elsewhere = nobody.with("sec-fetch-site", "cross-site").post(&app, &path, Value::Null).await;
    assert_eq!(elsewhere.refusal(), (403, "stray"));
    let entered = nobody.post(&app, &path, Value::Null).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/accounts/acme/connectors"));
    assert_eq!(nobody.post(&app, &path, Value::Null).await.status, 410, "once");
    assert_eq!(nobody.get(&app, &path).await.status, 410);

    let late = link(&app, &Asker::operator(), asked.clone()).await;
    app.advance(LINK_LIFE);
    assert_eq!(nobody.post(&app, &late, Value::Null).await.status, 410, "its time is over");

    // Whoever is signed in already may follow a link as somebody else.
    let next = link(&app, &Asker::operator(), asked).await;
    let again = browser(&entered).post(&app, &format!("{next}?to=/accounts/acme/logs"), Value::Null).await;
    assert_eq!((again.status, again.header("location")), (303, "/accounts/acme/logs"));
    let led_away = link(&app, &Asker::operator(), json!({ "name": "sam", "role": "support" })).await;
    let home = nobody.post(&app, &format!("{led_away}?to=//evil.example"), Value::Null).await;
    assert_eq!((home.status, home.header("location")), (303, "/accounts"));
    app.finish().await;
}

#[tokio::test]
async fn every_way_in_leads_to_connectors_until_hubspot_is_connected() {
    let app = with_public_url("https://leads.example.com").await;
    app.account("acme").await;
    app.connected("ocean").await;
    for (account, home) in [("acme", "/accounts/acme/connectors"), ("ocean", "/accounts/ocean")] {
        let asked = |embedded| json!({ "account": account, "name": "maya", "role": "viewer", "embedded": embedded });
        let by_mail = link(&app, &Asker::operator(), asked(false)).await;
        let by_mail = Asker::default().post(&app, &by_mail, Value::Null).await;
        let in_a_frame = link(&app, &Asker::operator(), asked(true)).await;
        let in_a_frame = Asker::default().get(&app, &in_a_frame).await;
        let later = browser(&by_mail).get(&app, "/").await;
        let by_the_list = browser(&by_mail).get(&app, "/accounts").await;
        for way in [by_mail, in_a_frame, later, by_the_list] {
            assert_eq!((way.status, way.header("location")), (303, home), "{account}: {way:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_cookie_of_a_session_is_as_narrow_as_the_address_allows() {
    let cookie = async |url, embedded: bool| {
        let app = with_public_url(url).await;
        app.account("acme").await;
        let asked = json!({ "account": "acme", "name": "maya", "role": "viewer", "embedded": embedded });
        let path = link(&app, &Asker::operator(), asked).await;
        let entered = match embedded {
            true => Asker::default().get(&app, &path).await, // a frame has nobody to ask
            false => Asker::default().post(&app, &path, Value::Null).await,
        };
        assert_eq!(entered.status, 303, "{entered:?}");
        app.finish().await;
        let (name, rest) = entered.header("set-cookie").split_once('=').unwrap();
        format!("{name}; {}", rest.split_once("; ").unwrap().1)
    };
    assert_snapshot!(
        cookie("http://localhost:8080", false).await,
        @"leadline; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax"
    );
    assert_snapshot!(
        cookie("https://leads.example.com", false).await,
        @"__Host-leadline; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure"
    );
    assert_snapshot!(
        cookie("https://leads.example.com", true).await,
        @"__Host-leadline; Path=/; Max-Age=43200; HttpOnly; SameSite=None; Partitioned; Secure"
    );
}

#[tokio::test]
async fn a_session_changes_something_only_for_our_own_pages() {
    let app = with_public_url("http://localhost:8080").await;
    let dealer = app.connected("acme").await;
    let maya = signed_in(&app, Some("acme"), "manager").await;
    let path = format!("/v1/connections/{}/pause", dealer.connection.id);
    assert_eq!(maya.get(&app, "/v1/connections").await.status, 200, "looking needs no token");

    let token = csrf(&maya);
    let refused = [
        maya.clone(),
        maya.with("x-csrf-token", "wrong"),
        maya.with("x-csrf-token", &token).with("sec-fetch-site", "cross-site"),
        maya.with("x-csrf-token", &token).with("sec-fetch-site", "same-site"),
    ];
    for browser in refused {
        assert_eq!(browser.ask(&app, Method::POST, &path, None).await.refusal(), (403, "stray"));
        assert_eq!(browser.post(&app, &path, json!({ "csrf": token })).await.refusal(), (403, "stray"), "JSON");
    }
    let paused = maya.with("x-csrf-token", &token).with("sec-fetch-site", "same-origin");
    let paused = paused.ask(&app, Method::POST, &path, None).await;
    assert_eq!((paused.status, &paused.body["data"]["state"]), (200, &json!("paused")), "{paused:?}");
    let entries = audit(&app, Some(&dealer.account.id)).await;
    let pauses: Vec<_> = entries.iter().filter(|entry| entry.action == "connections.pause").collect();
    assert_eq!(pauses.len(), 1, "what was refused is not noted");
    assert_eq!(pauses[0].actor, "maya@example.com");
    app.finish().await;
}

#[tokio::test]
async fn signing_out_ends_the_session_and_so_does_its_time_and_whoever_sees_to_access() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.account("acme").await;
    let maya = signed_in(&app, Some("acme"), "manager").await;
    assert_eq!(maya.ask(&app, Method::POST, "/sign-out", None).await.refusal(), (403, "stray"));
    let left = maya.with("x-csrf-token", &csrf(&maya)).ask(&app, Method::POST, "/sign-out", None).await;
    assert_eq!((left.status, left.header("location")), (303, "/sign-in"));
    assert!(left.header("set-cookie").contains("Max-Age=0"), "{left:?}");
    assert_eq!(maya.get(&app, "/v1/connections").await.status, 401);

    let second = signed_in(&app, Some("acme"), "manager").await;
    let sessions = second.get(&app, "/v1/sessions").await;
    let id = sessions.body["data"][0]["id"].as_str().unwrap().to_owned();
    let ended = second.with("x-csrf-token", &csrf(&second)).delete(&app, &format!("/v1/sessions/{id}")).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(second.get(&app, "/v1/connections").await.status, 401);

    let third = signed_in(&app, Some("acme"), "viewer").await;
    app.advance(SESSION_LIFE);
    assert_eq!(third.get(&app, "/v1/connections").await.status, 401);
    app.advance(Duration::from_secs(1));
    app.keep_house().await;
    let kept = app.app.store.sessions(&Reach::One(acme.id), Timestamp(0)).await.unwrap();
    assert!(kept.is_empty(), "it names somebody: {kept:?}");
    app.finish().await;
}

#[tokio::test]
async fn who_is_unknown_is_sent_to_sign_in_and_a_program_is_told() {
    let app = TestApp::start().await;
    let page = Asker::default().with("accept", "text/html").get(&app, "/v1/lanes?account=a%20b").await;
    assert_eq!((page.status, page.header("location")), (303, "/sign-in?to=%2Fv1%2Flanes%3Faccount%3Da%2520b"));
    let program = Asker::default().get(&app, "/v1/lanes").await;
    assert_eq!((program.refusal(), program.header("www-authenticate")), ((401, "unauthorized"), "Bearer"));
    assert_eq!(Asker::with_key("llk_guessed").get(&app, "/v1/lanes").await.refusal(), (401, "unauthorized"));
    app.finish().await;
}

#[tokio::test]
async fn what_was_done_is_noted_and_what_was_refused_is_not() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    app.connected("other").await;
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    let viewer = key(&app, &manager, None, &["read"]).await;
    let path = format!("/v1/connections/{}/pause", acme.connection.id);
    assert_eq!(viewer.post(&app, &path, Value::Null).await.status, 403);
    assert_eq!(manager.post(&app, &path, json!({ "reason": "stocktaking", "token": "t" })).await.status, 200);
    assert_eq!(manager.post(&app, &path, Value::Null).await.status, 409, "it is paused already");
    let support = key_in_role(&app, None, Role::Support).await;
    assert_eq!(support.post(&app, "/v1/accounts/acme/pause", Value::Null).await.status, 200);

    let entries = audit(&app, Some(&acme.account.id)).await;
    let lines = entries.iter().map(|entry| {
        let subject = entry.subject.replace(acme.connection.id.as_str(), "CON");
        format!("{} | {} | {subject} | {}", entry.actor, entry.action, entry.detail)
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    API token | api-keys.create |  | {"account":"acme","name":"read change privacy access","rights":["read","change","privacy","access"]}
    key read change privacy access | api-keys.create |  | {"account":null,"name":"read","rights":["read"]}
    key read change privacy access | connections.pause | CON | {"reason":"stocktaking"}
    key read change publish transform | accounts.pause | acme | null
    "#);
    let house = audit(&app, None).await;
    assert_eq!(house.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["api-keys.create"]);
    let shown = viewer.get(&app, "/v1/audit?limit=2").await;
    assert_eq!(shown.body["data"].as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn the_history_tells_neither_looks_nor_tickets_nor_whom_somebody_looked_for() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let chosen = [("theme", "dark"), ("back", "/accounts/acme/setup?link=ticket-4711")];
    assert_eq!(submit(&app, &manager, "/appearance", &chosen).await.status, 303);
    let view = [("name", "Hers"), ("query", "text=maya+lind&outcome=failed")];
    assert_eq!(submit(&app, &manager, "/accounts/acme/logs/views", &view).await.status, 303);
    let typed = [("name", "Maya Lind"), ("address", "maya"), ("phone", "(305) 555-0142"), ("notes", "call Maya")];
    for way in ["preview", "send"] {
        let tried = submit(&app, &manager, &format!("/accounts/acme/test/{way}"), &typed).await;
        assert!([200, 303].contains(&tried.status), "{way}: {tried:?}");
    }
    let entries = audit(&app, Some(&acme.account.id)).await;
    let own = entries.iter().filter(|entry| entry.actor == "maya@example.com");
    let lines = own.map(|entry| format!("{} | {}", entry.action, entry.detail));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    accounts.logs.views | {"name":"Hers","query":"outcome=failed"}
    accounts.test.preview | {}
    accounts.test.send | {}
    "#);
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_makes_keys_people_and_links() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let words = ["access", "key", "create", "reports", "--account", "acme", "--right", "read,publish"];
    let (code, text) = app.command(&words).await;
    let secret = text.lines().nth(1).unwrap_or_default().to_owned();
    assert!(code == 0 && secret.starts_with("llk_"), "{text}");
    assert_eq!(Asker::with_key(&secret).get(&app, "/v1/lanes").await.status, 200);
    let (_, listed) = app.command(&["access", "key", "list", "--account", "acme"]).await;
    assert!(listed.contains("reports") && listed.contains("read, publish") && !listed.contains(&secret), "{listed}");
    let id = listed.split_whitespace().find(|word| word.starts_with("key_")).unwrap().to_owned();
    assert_eq!(app.command(&["access", "key", "revoke", &id]).await.0, 5, "of the house there is none");
    assert_eq!(app.command(&["access", "key", "revoke", &id, "--account", "acme"]).await.0, 0);
    assert_eq!(Asker::with_key(&secret).get(&app, "/v1/lanes").await.status, 401);

    let add = ["access", "person", "add", "Maya@Example.com", "--name", "Maya Lind", "--role", "manager"];
    let (code, text) = app.command(&add).await;
    assert!(code == 2, "a manager belongs to an account: {text}");
    let (code, text) = app.command(&[&add[..], &["--account", "acme"]].concat()).await;
    assert!(code == 0 && text.starts_with("maya@example.com may sign in as manager."), "{text}");
    let (_, listed) = app.command(&["access", "person", "list", "--account", "acme"]).await;
    assert!(listed.contains("maya@example.com"), "{listed}");
    let remove = ["access", "person", "remove", "maya@example.com", "--account", "acme"];
    assert_eq!(app.command(&remove).await.0, 0);
    assert_eq!(app.command(&remove).await.0, 5, "once");

    let (code, text) = app.command(&["access", "link", "--account", "acme", "--for", "maya@example.com"]).await;
    assert!(code == 0 && text.contains("It signs in maya@example.com as manager, once,"), "{text}");
    app.finish().await;
}
