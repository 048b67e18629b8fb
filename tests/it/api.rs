//! The API and its description agree: what it says is what is served, to whom it says.

use std::path::Path;
use std::sync::LazyLock;

use hubspot_sim::{FindingKind, Outage};
use leadline::cause::{Code, Problem};
use leadline::http::document;
use leadline::model::access::{Right, Role};
use leadline::model::id::WaiverId;
use leadline::model::share::Share;
use leadline::model::waiver::{Signer, Waiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Asker, Reply, key, key_in_role};
use crate::connection;
use crate::support::{Dealer, NOON, TestApp};

/// Whose things an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// It names something of an account, in its address, its filters or its body.
    Named,
    /// It lists whatever is within reach.
    Reach,
    /// It is about the service itself, or about what support keeps of an account: nobody's who works for one account.
    House,
}
use Right::{Access, Change, Operate, Privacy, Publish, Read, Transform};
use Whose::{House, Named, Reach};

/// Every managed operation, with the right that it needs, in an order in which the examples can be carried out.
#[rustfmt::skip]
const OPERATIONS: &[(&str, Right, Whose)] = &[
    ("GET /v1/accounts", Read, Reach),
    ("POST /v1/accounts", Operate, House),
    ("DELETE /v1/accounts/{account}", Operate, House),
    ("GET /v1/accounts/{account}", Read, Named),
    ("GET /v1/accounts/{account}/notes", Transform, House),
    ("POST /v1/accounts/{account}/notes", Transform, House),
    ("DELETE /v1/accounts/{account}/notes/{number}", Transform, House),
    ("GET /v1/accounts/{account}/setup", Read, Named),
    ("GET /v1/accounts/{account}/fields", Read, Named),
    ("GET /v1/accounts/{account}/mapping", Read, Named),
    ("GET /v1/accounts/{account}/deals", Read, Named),
    ("POST /v1/accounts/{account}/mapping/preview", Change, Named),
    ("PUT /v1/accounts/{account}/mapping", Change, Named),
    ("GET /v1/accounts/{account}/suggestions", Read, Named),
    ("PUT /v1/accounts/{account}/suggestions/{item}", Change, Named),
    ("POST /v1/wishes", Change, Named),
    ("GET /v1/wishes", Read, Named),
    ("POST /v1/wishes/done", Transform, House),
    ("GET /v1/sources", Read, Named),
    ("POST /v1/sources", Change, Named),
    ("GET /v1/sources/{id}", Read, Named),
    ("PUT /v1/sources/{id}", Change, Named),
    ("POST /v1/sources/{id}/rotate", Change, Named),
    ("GET /v1/sources/{id}/rejected", Read, Named),
    ("GET /v1/event-types", Read, Reach),
    ("GET /v1/events", Read, Named),
    ("GET /v1/events/{id}", Read, Named),
    ("POST /v1/events/{id}/cancel", Change, Named),
    ("POST /v1/events/{id}/retry", Change, Named),
    ("POST /v1/events/{id}/rerun", Change, Named),
    ("GET /v1/deliveries", Read, Named),
    ("GET /v1/deliveries/{id}", Read, Named),
    ("GET /v1/deliveries/{id}/calls", Read, Named),
    ("GET /v1/deliveries/{id}/trace", Read, Named),
    ("GET /v1/leads", Read, Named),
    ("GET /v1/leads/causes", Read, Named),
    ("GET /v1/leads.csv", Read, Named),
    ("GET /v1/stream", Read, Named),
    ("GET /v1/views", Read, Named),
    ("POST /v1/views", Change, Named),
    ("DELETE /v1/views/{id}", Change, Named),
    ("POST /v1/dry-runs", Change, Named),
    ("GET /v1/connections/{id}/event-types", Read, Named),
    ("PUT /v1/connections/{id}/event-types", Change, Named),
    ("GET /v1/connections/{id}/policy", Read, Named),
    ("PUT /v1/connections/{id}/policy", Change, Named),
    ("GET /v1/connections", Read, Reach),
    ("GET /v1/connections/{id}", Read, Named),
    ("GET /v1/connections/{id}/properties", Read, Named),
    ("POST /v1/connections/{id}/properties/create-missing", Change, Named),
    ("POST /v1/connections/{id}/properties/fill", Change, Named),
    ("POST /v1/connections/{id}/fills", Change, Named),
    ("GET /v1/connections/{id}/fills", Read, Named),
    ("POST /v1/connections/{id}/fills/cancel", Change, Named),
    ("POST /v1/connections/{id}/check", Change, Named),
    ("POST /v1/connections/{id}/pause", Change, Named),
    ("POST /v1/connections/{id}/resume", Change, Named),
    ("POST /v1/accounts/{account}/connect", Change, Named),
    ("POST /v1/accounts/{account}/pause", Change, Named),
    ("POST /v1/accounts/{account}/resume", Change, Named),
    ("GET /v1/issues", Read, Named),
    ("GET /v1/issues/past", Read, Named),
    ("GET /v1/issues/{id}", Read, Named),
    ("POST /v1/issues/{id}/acknowledge", Change, Named),
    ("POST /v1/issues/{id}/mute", Change, Named),
    ("POST /v1/issues/{id}/unmute", Change, Named),
    ("POST /v1/issues/{id}/comments", Change, Named),
    ("GET /v1/lanes", Read, Named),
    ("POST /v1/lanes/{id}/pause", Change, Named),
    ("POST /v1/lanes/{id}/resume", Change, Named),
    ("POST /v1/lanes/pause", Operate, House),
    ("POST /v1/lanes/resume", Operate, House),
    ("GET /v1/versions", Read, Named),
    ("GET /v1/versions/{version}", Read, Named),
    ("GET /v1/transformations", Read, Named),
    ("GET /v1/accounts/{account}/quota", Read, Named),
    ("PUT /v1/accounts/{account}/quota", Operate, House),
    ("GET /v1/accounts/{account}/quota/preview", Operate, House),
    ("POST /v1/versions", Publish, Named),
    ("GET /v1/settings-form", Read, Named),
    ("GET /v1/bindings", Read, Named),
    ("POST /v1/bindings", Transform, Named),
    ("GET /v1/bindings/rollback", Read, Named),
    ("POST /v1/bindings/rollback", Transform, Named),
    ("POST /v1/bindings/restore", Transform, Named),
    ("GET /v1/waivers", Read, Named),
    ("POST /v1/waivers/{id}/approve", Transform, House),
    ("POST /v1/waivers/{id}/decline", Transform, Named),
    ("POST /v1/comparisons", Transform, Named),
    ("DELETE /v1/versions/{version}", Transform, Named),
    ("DELETE /v1/transformations/{name}", Transform, Named),
    ("POST /v1/shadow-runs", Transform, Named),
    ("GET /v1/shadow-runs/{id}", Read, Named),
    ("POST /v1/replays", Change, Named),
    ("GET /v1/replays", Read, Named),
    ("GET /v1/replays/{id}", Read, Named),
    ("POST /v1/replays/{id}/pause", Change, Named),
    ("POST /v1/replays/{id}/resume", Change, Named),
    ("POST /v1/replays/{id}/cancel", Change, Named),
    ("GET /v1/api-keys", Access, Named),
    ("POST /v1/api-keys", Access, Named),
    ("DELETE /v1/api-keys/{id}", Access, Named),
    ("GET /v1/people", Access, Named),
    ("POST /v1/people", Access, Named),
    ("DELETE /v1/people/{id}", Access, Named),
    ("POST /v1/sign-in-links", Access, Named),
    ("GET /v1/sessions", Access, Named),
    ("DELETE /v1/sessions/{id}", Access, Named),
    ("GET /v1/audit", Read, Named),
    ("GET /v1/audit.csv", Read, Named),
    ("POST /v1/events/{id}/reveal", Change, Named),
    ("POST /v1/shoppers/find", Privacy, Named),
    ("POST /v1/shoppers/export", Privacy, Named),
    ("POST /v1/erasures", Privacy, Named),
    ("GET /v1/erasures", Privacy, Named),
    ("GET /v1/erasures/{id}", Privacy, Named),
    ("POST /v1/erasures/{id}/ask-again", Privacy, Named),
    ("POST /v1/suppressions", Privacy, Named),
    ("GET /v1/suppressions", Privacy, Named),
    ("POST /v1/suppressions/{id}/lift", Privacy, Named),
    ("GET /v1/accounts/{account}/retention", Read, Named),
    ("PUT /v1/accounts/{account}/retention", Privacy, Named),
    ("POST /v1/accounts/{account}/test-leads", Change, Named),
    ("POST /v1/events/{id}/read-back", Change, Named),
    ("DELETE /v1/events/{id}/test-contact", Change, Named),
    ("GET /v1/leads/{id}", Read, Named),
    ("GET /v1/accounts/{account}/overview", Read, Named),
    ("GET /v1/metrics/{series}", Read, Named),
    ("GET /v1/fleet", Operate, House),
    ("GET /v1/guests", Operate, House),
    ("GET /v1/keys", Operate, House),
    ("POST /v1/keys/rotate", Operate, House),
    ("POST /v1/keys/prune", Operate, House),
    ("GET /v1/system", Operate, House),
    ("GET /v1/doctor", Operate, House),
    ("GET /v1/bundle", Operate, House),
    ("GET /v1/log", Operate, House),
    ("GET /v1/processes", Operate, House),
    ("POST /v1/processes/{id}/drain", Operate, House),
    ("POST /v1/processes/{id}/resume", Operate, House),
    ("GET /v1/read-only", Operate, House),
    ("PUT /v1/read-only", Operate, House),
    ("DELETE /v1/read-only", Operate, House),
    ("GET /v1/rejected", Operate, House),
    ("POST /v1/alerts", Change, Named),
    ("GET /v1/alerts", Read, Named),
    ("GET /v1/alerts/{id}", Read, Named),
    ("PUT /v1/alerts/{id}", Change, Named),
    ("POST /v1/alerts/{id}/rotate", Change, Named),
    ("POST /v1/alerts/{id}/test", Change, Named),
    ("DELETE /v1/alerts/{id}", Change, Named),
    ("GET /v1/messages", Read, Named),
    ("GET /v1/digest", Read, Named),
    ("POST /v1/connections/{id}/disconnect", Change, Named),
    ("POST /v1/connections/{id}/stay", Change, Named),
    ("POST /v1/sources/{source}/events", Right::Read, Reach),
];

/// Open to whoever signs: no right opens or closes it.
const DOOR: &str = "POST /v1/sources/{source}/events";

/// It is made anew with each call, and takes its time.
static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The operations of the document, by method and path.
fn operations() -> Vec<(String, Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation.clone()))
    });
    all.collect()
}

/// What the examples need: an account with a bit of everything.
struct Scene {
    app: TestApp,
    acme: Dealer,
    replay: String,
    shadow: String,
    /// One that waits for its second attempt.
    event: String,
    /// A test lead that was delivered.
    test_lead: String,
}

impl Scene {
    async fn set() -> Self {
        let app = connection::start().await;
        let acme = app.connected("acme").await;
        app.connected("other").await;
        let operator = Asker::operator();
        // Something to go back to.
        let other = json!({ "account": "acme", "version": "default@1", "settings": { "country": "CA" } });
        operator.post(&app, "/v1/bindings", other).await;
        let wanted = json!({ "account": "acme", "filter": { "state": "failed" } });
        let replay = operator.post(&app, "/v1/replays", wanted).await;
        let shadow = json!({ "account": "acme", "version": "default@1" });
        let shadow = operator.post(&app, "/v1/shadow-runs", shadow).await;
        let id = |reply: &Reply| reply.body["data"]["id"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        let sent = operator.post(&app, "/v1/accounts/acme/test-leads", json!({})).await;
        let test_lead = sent.body["data"]["event_id"].as_str().unwrap_or_else(|| panic!("{sent:?}")).to_owned();
        app.run_until_idle().await;
        let outage = Outage { from_ms: NOON.0, to_ms: NOON.0 + 1 };
        app.hubspot.set_knobs(|knobs| knobs.outage = Some(outage));
        let event = app.send_lead(&acme, "ana").await.to_string();
        app.run_until_idle().await;
        app.hubspot.set_knobs(|knobs| knobs.outage = None);
        Self { replay: id(&replay), shadow: id(&shadow), event, test_lead, app, acme }
    }

    /// Something that an address names; what can be removed is made for it.
    async fn id(&self, path: &str) -> String {
        let made = async |path: &str, asked: Value| Asker::operator().post(&self.app, path, asked).await.body;
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        match path.split('/').nth(2).unwrap() {
            "api-keys" => {
                let asked = json!({ "account": "acme", "name": "x", "rights": ["read"] });
                id(&made("/v1/api-keys", asked).await["data"]["key"]["id"])
            }
            "people" => {
                let asked = json!({ "account": "acme", "email": "x@example.com", "name": "x", "role": "viewer" });
                made("/v1/people", asked).await;
                id(&Asker::operator().get(&self.app, "/v1/people?account=acme").await.body["data"][0]["id"])
            }
            "sessions" => {
                let asked = json!({ "account": "acme", "name": "x", "role": "viewer" });
                let made = made("/v1/sign-in-links", asked).await;
                let link = id(&made["data"]["link"]);
                let path = &link[link.find("/sign-in/").unwrap()..];
                Asker::default().post(&self.app, path, Value::Null).await;
                id(&Asker::operator().get(&self.app, "/v1/sessions?account=acme").await.body["data"][0]["id"])
            }
            "erasures" => {
                let email = "mia@example.com";
                let asked = json!({ "account": "acme", "email": email, "confirm": email, "reason": "x" });
                id(&made("/v1/erasures", asked).await["data"]["id"])
            }
            "suppressions" => {
                let number = self.app.app.store.suppressions(None, 1_000).await.unwrap().len();
                let asked = json!({ "account": "acme", "email": format!("p{number}@example.com"), "reason": "x" });
                id(&made("/v1/suppressions", asked).await["data"][0]["id"])
            }
            "views" => {
                let asked = json!({ "account": "acme", "name": "x", "query": "outcome=failed" });
                id(&made("/v1/views", asked).await["data"]["id"])
            }
            "alerts" => {
                let channel = json!({ "by": "webhook", "url": "https://example.com/hooks/leads" });
                let asked = json!({ "account": "acme", "watches": { "for": "reconnect" }, "channel": channel });
                id(&made("/v1/alerts", asked).await["data"]["rule"]["id"])
            }
            "issues" => {
                let problem = Problem::new(Code::PropertyMissing, "`x` does not exist").about("x");
                self.app.app.store.open_issue(&self.acme.account.id, &problem, self.app.now()).await.unwrap();
                id(&Asker::operator().get(&self.app, "/v1/issues?account=acme").await.body["data"][0]["id"])
            }
            "processes" => {
                leadline::operate::processes::say(&self.app.app, &leadline::config::Role::ALL).await.unwrap();
                self.app.app.process.id.clone()
            }
            "replays" => self.replay.clone(),
            "shadow-runs" => self.shadow.clone(),
            "versions" => {
                let store = &self.app.app.store;
                let account = self.acme.account.id.as_str();
                store.version(account, "default@1").await.unwrap().unwrap().id.to_string()
            }
            "transformations" => {
                // One of its own, which nobody uses.
                let number = self.app.app.store.versions(Some(&self.acme.account.id), 200).await.unwrap().len();
                let name = format!("gone-{number}");
                self.app.upload(self.acme.account.id.as_str(), &name, &self.component().await).await;
                name
            }
            "waivers" => self.waiver().await,
            "sources" => self.acme.source.to_string(),
            "events" if path.ends_with("/read-back") || path.ends_with("/test-contact") => self.test_lead.clone(),
            "events" | "leads" => self.event.clone(),
            "deliveries" => {
                let event = self.event.parse().unwrap();
                self.app.app.store.deliveries_of(&self.acme.account.id, &event).await.unwrap()[0].id.to_string()
            }
            "lanes" | "connections" => self.acme.connection.id.to_string(),
            other => panic!("nothing is named in /v1/{other}"),
        }
    }

    /// A note of support.
    async fn note(&self) -> i64 {
        let (store, account) = (&self.app.app.store, &self.acme.account.id);
        leadline::account::note(store, account, ("a test", "sam"), self.app.now()).await.unwrap();
        store.account_notes(account).await.unwrap()[0].number
    }

    /// A request of somebody to use a version although a gate is closed.
    async fn waiver(&self) -> String {
        let (store, connection) = (&self.app.app.store, &self.acme.connection);
        let version = store.version(connection.account_id.as_str(), "default@1").await.unwrap().unwrap();
        let newest = store.binding_history(connection, 1).await.unwrap().remove(0);
        let waiver = Waiver {
            id: WaiverId::new(self.app.now()),
            account_id: connection.account_id.clone(),
            connection_id: connection.id.clone(),
            version: version.label(),
            version_id: version.id,
            settings: newest.settings,
            share: Share::ALL,
            reason: String::new(),
            despite: "a test".to_owned(),
            closed: vec!["shadow".to_owned()],
            seen: Some(newest.id),
            asked_by: "ana@example.com".to_owned(),
            asker: Signer { name: "ana@example.com".to_owned(), maker: None },
            asked_at: self.app.now(),
            answered: None,
        };
        store.ask_waiver(&waiver).await.unwrap();
        waiver.id.to_string()
    }

    /// Carries an example out.
    async fn try_out(&self, asker: &Asker, name: &str, operation: &Value) -> Reply {
        let (method, path) = name.split_once(' ').unwrap();
        // The others go on with theirs.
        let account = if name == "DELETE /v1/accounts/{account}" { "northside-toyota" } else { "acme" };
        let mut address = path.replace("{account}", account).replace("{item}", "assign").replace("{series}", "flow");
        for place in ["{id}", "{version}", "{name}"] {
            if address.contains(place) {
                address = address.replace(place, &self.id(path).await);
            }
        }
        if address.contains("{number}") {
            address = address.replace("{number}", &self.note().await.to_string());
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queried = parameters.filter(|one| one["in"] == "query").filter_map(|one| {
            let value = one["example"].as_str()?;
            Some(format!("{}={value}", one["name"].as_str().unwrap()))
        });
        let query = queried.collect::<Vec<_>>().join("&");
        let address = if query.is_empty() { address } else { format!("{address}?{query}") };
        let method: Method = method.parse().unwrap();
        if operation["requestBody"]["content"].get("application/wasm").is_some() {
            return asker.upload(&self.app, &address, self.component().await).await;
        }
        let body = operation["requestBody"]["content"]["application/json"].get("example");
        asker.ask(&self.app, method, &address, body).await
    }

    /// The bytes of a transformation.
    async fn component(&self) -> Vec<u8> {
        let store = &self.app.app.store;
        let version = store.version(self.acme.account.id.as_str(), "default@1").await.unwrap().unwrap();
        store.component(&version.id).await.unwrap().unwrap()
    }
}

#[test]
fn the_committed_description_is_the_one_that_is_served() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var("LEADLINE_UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is older than the handlers; run this test with LEADLINE_UPDATE=1, and look at what changed"
    );
}

#[test]
fn whatever_takes_an_operator_is_about_the_service_and_no_accounts() {
    for (name, right, whose) in OPERATIONS {
        assert!(*right != Operate || *whose == House, "{name}: an account's key may have the right to operate");
    }
}

#[test]
fn each_operation_is_described_in_full() {
    for (name, operation) in operations() {
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{name} has no summary");
        assert!(operation["tags"][0].is_string(), "{name} has no group");
        let right = OPERATIONS.iter().find(|row| row.0 == name).map(|row| leadline::model::word(&row.1));
        if name != DOOR {
            assert_eq!(operation["security"][0]["api_key"][0].as_str(), right.as_deref(), "the right of {name}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
    }
}

/// Values whose form somebody else decides; everything else that is answered has a schema.
const FREE: &[(&str, &str)] = &[
    ("settings", "each version of a transformation has its own schema for them"),
    ("detail", "what was asked for, of any operation"),
    ("body", "a sender's event, or what HubSpot is sent"),
    ("request", "a call as HubSpot was sent it"),
    ("answer", "HubSpot's own words"),
    ("sent", "a call as HubSpot was sent it"),
    ("definition", "a property as HubSpot is sent it"),
    ("changes{}", "of a setting, which its version's schema describes"),
    ("value", "of a setting, which its version's schema describes"),
    ("event", "a sender's event"),
    ("sample", "a sender's event"),
    ("schema", "a JSON Schema"),
    ("UpsertObject", "the generator of the description takes a type called `Object` for any object"),
];

/// Where a schema says nothing of what it holds.
fn bare(schema: &Value, at: &str, found: &mut Vec<String>) {
    const SAYS: [&str; 8] = ["$ref", "properties", "oneOf", "anyOf", "allOf", "enum", "items", "additionalProperties"];
    let says = SAYS.iter().any(|word| schema.get(word).is_some()) || schema.get("prefixItems").is_some();
    let is_plain = schema["type"].as_str().is_some_and(|kind| kind != "object" && kind != "array")
        || schema["type"].as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind != "object" && kind != "array"));
    let name = at.rsplit('.').next().unwrap().trim_end_matches("[]");
    if !says && !is_plain && !FREE.iter().any(|(free, _)| *free == name) {
        found.push(at.to_owned());
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        bare(part, &format!("{at}.{name}"), found);
    }
    let lists = [&schema["oneOf"], &schema["anyOf"], &schema["allOf"], &schema["prefixItems"]];
    for part in lists.into_iter().filter_map(Value::as_array).flatten() {
        bare(part, at, found);
    }
    for (part, mark) in [(&schema["items"], "[]"), (&schema["additionalProperties"], "{}")] {
        if part.is_object() {
            bare(part, &format!("{at}{mark}"), found);
        }
    }
}

/// The names that a part of the description refers to.
fn named<'a>(part: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(part["$ref"].as_str());
    match part {
        Value::Object(fields) => fields.values().for_each(|field| named(field, found)),
        Value::Array(parts) => parts.iter().for_each(|part| named(part, found)),
        _ => {}
    }
}

#[test]
fn whatever_the_description_refers_to_stands_in_it() {
    let mut found = Vec::new();
    named(&DOCUMENT, &mut found);
    let is_missing = |name: &&str| DOCUMENT.pointer(name.trim_start_matches('#')).is_none();
    assert_eq!(found.into_iter().find(is_missing), None);
}

#[test]
fn every_answer_says_what_it_holds() {
    let mut found = Vec::new();
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        bare(schema, name, &mut found);
    }
    for (name, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values() {
            for media in response["content"].as_object().into_iter().flat_map(|content| content.values()) {
                bare(&media["schema"], &name, &mut found);
            }
        }
    }
    assert_eq!(found, [""; 0], "give it the schema of what is serialised");
}

#[test]
fn each_example_fits_its_schema() {
    for (name, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap().values();
        let bodies = responses.chain(operation.get("requestBody"));
        for media in bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values()) {
            if let Some(example) = media.get("example") {
                fits(&name, &media["schema"], example);
            }
        }
    }
}

fn fits(name: &str, schema: &Value, body: &Value) {
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    let errors: Vec<_> =
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?} in {body:#}");
}

#[tokio::test]
async fn each_example_does_what_the_description_says() {
    let scene = Scene::set().await;
    let described = operations();
    for (name, _, _) in OPERATIONS.iter().filter(|row| row.0 != DOOR) {
        let (_, operation) = described.iter().find(|(known, _)| known == name).unwrap();
        let reply = scene.try_out(&Asker::operator(), name, operation).await;
        let response = &operation["responses"][reply.status.to_string()];
        assert!(response.is_object(), "{name} gave {reply:?}");
        fits(name, &response["content"]["application/json"]["schema"], &reply.body);
    }
    let (_, door) = described.iter().find(|(name, _)| name == DOOR).unwrap();
    let body = door["requestBody"]["content"]["application/json"]["example"].to_string();
    let answer = scene.app.post(&scene.acme, "msg_1", body.as_bytes()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    fits(DOOR, &door["responses"]["202"]["content"]["application/json"]["schema"], &answer.body);
    scene.app.run_until_idle().await;
    scene.app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn each_operation_is_open_to_those_with_its_right_and_within_their_account() {
    let scene = Scene::set().await;
    let app = &scene.app;
    let described = operations();
    let missing: Vec<_> =
        described.iter().map(|(name, _)| name).filter(|name| !OPERATIONS.iter().any(|row| row.0 == **name)).collect();
    assert!(missing.is_empty(), "say in OPERATIONS who may use {missing:?}");
    let manager = Role::Manager.rights();
    let askers = [
        ("nobody", Asker::default(), &[][..]),
        ("a viewer", key_in_role(app, Some("acme"), Role::Viewer).await, Role::Viewer.rights()),
        ("a manager", key_in_role(app, Some("acme"), Role::Manager).await, manager),
        ("support", key_in_role(app, None, Role::Support).await, Role::Support.rights()),
        ("an operator", key_in_role(app, None, Role::Operator).await, Role::Operator.rights()),
        ("a publisher", key(app, &Asker::operator(), Some("acme"), &["publish"]).await, &[Publish][..]),
        ("an account's key for everything", key_in_role(app, Some("acme"), Role::Operator).await, &Right::ALL[..]),
        ("everybody elsewhere", key_in_role(app, Some("other"), Role::Operator).await, &Right::ALL[..]),
    ];
    let of_the_house = ["support", "an operator"];
    // So many askers would use up the limit of the portal.
    app.hubspot.set_knobs(|knobs| knobs.rate_limit = None);
    for (name, right, whose) in OPERATIONS.iter().filter(|row| row.0 != DOOR) {
        let (_, operation) = described.iter().find(|(known, _)| known == name).unwrap();
        for (who, asker, rights) in &askers {
            let reply = scene.try_out(asker, name, operation).await;
            if *name == "PUT /v1/read-only" {
                // It would hold the next ones back.
                app.app.store.end_read_only().await.unwrap();
            }
            let told = match reply.status {
                status @ (401 | 403 | 404) => status,
                500.. => panic!("{name} by {who}: {reply:?}"),
                _ => 200,
            };
            let expected = match () {
                () if *who == "nobody" => 401,
                () if !rights.contains(right) => 403,
                () if *who == "everybody elsewhere" && *whose == Named => 404,
                () if !of_the_house.contains(who) && *whose == House => 404,
                () => 200,
            };
            assert_eq!(told, expected, "{name} by {who}: {reply:?}");
        }
    }
    scene.app.run_until_idle().await;
    scene.app.finish_after(&[FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn the_description_is_there_for_programs_and_for_people() {
    let app = TestApp::start().await;
    let served = Asker::default().get(&app, "/openapi.json").await;
    assert_eq!((served.status, served.body), (200, document()));
    let page = Asker::default().get(&app, "/docs").await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"));
    let page = page.body.as_str().unwrap();
    for (name, operation) in operations() {
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
        let command = operation["x-command"].as_str().unwrap_or_default().replace('"', "&#34;").replace('\'', "&#39;");
        assert!(page.contains(&command), "{command}");
    }
    assert!(!page.contains("<script") && !page.contains("src=\"http"), "nothing from elsewhere");
    app.finish().await;
}

#[tokio::test]
async fn a_list_comes_in_pages_and_an_unknown_cursor_is_refused() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let operator = Asker::operator();
    for name in ["a", "b", "c"] {
        let asked = json!({ "account": "acme", "name": name, "rights": ["read"] });
        operator.post(&app, "/v1/api-keys", asked).await;
    }
    let names = |reply: &Reply| {
        let keys = reply.body["data"].as_array().unwrap().iter();
        keys.map(|key| key["name"].as_str().unwrap_or_else(|| key["action"].as_str().unwrap())).collect::<String>()
    };
    let first = operator.get(&app, "/v1/api-keys?account=acme&limit=2").await;
    assert_eq!((names(&first), &first.body["prev"]), ("cb".to_owned(), &Value::Null));
    let next = first.body["next"].as_str().unwrap();
    let link = format!("</v1/api-keys?account=acme&limit=2&after={next}>; rel=\"next\"");
    assert_eq!(first.header("link"), link);
    let second = operator.get(&app, &format!("/v1/api-keys?account=acme&limit=2&after={next}")).await;
    assert_eq!((names(&second), &second.body["next"]), ("a".to_owned(), &Value::Null));
    let prev = second.body["prev"].as_str().unwrap();
    let back = operator.get(&app, &format!("/v1/api-keys?account=acme&limit=2&before={prev}")).await;
    assert_eq!(names(&back), "cb");
    let audit = operator.get(&app, "/v1/audit?account=acme&limit=2").await;
    let next = audit.body["next"].as_str().unwrap();
    let rest = operator.get(&app, &format!("/v1/audit?account=acme&after={next}")).await;
    assert_eq!(rest.body["data"].as_array().unwrap().len(), 1);

    for wrong in ["after=key_0", "before=key_0", "limit=0", "limit=201", "limit=x", "after=a&before=b"] {
        let refused = operator.get(&app, &format!("/v1/api-keys?account=acme&{wrong}")).await;
        assert_eq!(refused.refusal(), (400, "bad_request"), "{wrong}: {refused:?}");
    }
    // What no handler sees is told in the same way.
    for (wrong, detail) in [
        ("/v1/events?state=null", "unknown variant `null`"),
        ("/v1/bindings", "missing field `connection`"),
        ("/v1/accounts/acme/retention?days=soon", "invalid digit"),
    ] {
        let refused = operator.get(&app, wrong).await;
        assert_eq!(refused.refusal(), (400, "bad_request"), "{wrong}: {refused:?}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert!(refused.body["detail"].as_str().unwrap().contains(detail), "{refused:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_request_with_a_key_of_its_own_is_done_once() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let operator = Asker::operator();
    let keyed = operator.with("idempotency-key", "one");
    let asked = json!({ "account": "acme", "filter": { "state": "failed" } });
    let first = keyed.post(&app, "/v1/replays", asked.clone()).await;
    let again = keyed.post(&app, "/v1/replays", asked.clone()).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, ""));
    assert_eq!((again.status, again.header("idempotency-replayed"), &again.body), (200, "true", &first.body));
    assert_eq!(operator.get(&app, "/v1/replays").await.body["data"].as_array().unwrap().len(), 1);
    let notes = app.app.store.audit(Some(&dealer.account.id), None, 10).await.unwrap();
    assert_eq!(notes.len(), 1, "what was done once is noted once");

    let other = keyed.post(&app, "/v1/replays", json!({ "account": "acme", "filter": { "state": "skipped" } })).await;
    assert_eq!(other.refusal(), (422, "key_reused"));
    let elsewhere = keyed.post(&app, "/v1/accounts/acme/pause", asked.clone()).await;
    assert_eq!(elsewhere.refusal(), (422, "key_reused"), "the address counts too");
    let somebody_else = key_in_role(&app, Some("acme"), Role::Manager).await.with("idempotency-key", "one");
    let theirs = somebody_else.post(&app, "/v1/replays", asked.clone()).await;
    assert_eq!((theirs.status, theirs.header("idempotency-replayed")), (200, ""), "keys of two askers never meet");

    let path = format!("/v1/connections/{}/resume", dealer.connection.id);
    let failing = operator.with("idempotency-key", "two");
    assert_eq!(failing.post(&app, &path, Value::Null).await.status, 409, "it is not paused");
    operator.post(&app, &path.replace("resume", "pause"), Value::Null).await;
    assert_eq!(failing.post(&app, &path, Value::Null).await.status, 200, "what came to nothing may be asked for again");

    app.advance(std::time::Duration::from_secs(24 * 3600));
    let fresh = keyed.post(&app, "/v1/replays", asked).await;
    assert_eq!((fresh.status, fresh.header("idempotency-replayed")), (200, ""), "after a day");
    app.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    assert!(app.app.store.remove_kept_answers(app.now() - leadline::housekeeping::ANSWERS).await.unwrap() > 0);
    app.finish().await;
}

#[tokio::test]
async fn an_answer_that_shows_a_secret_is_not_kept() {
    let app = TestApp::start().await;
    app.account("acme").await;
    let keyed = Asker::operator().with("idempotency-key", "one");
    let asked = json!({ "account": "acme", "name": "reports", "rights": ["read"] });
    let first = keyed.post(&app, "/v1/api-keys", asked.clone()).await;
    assert_eq!(first.status, 201);
    let again = keyed.post(&app, "/v1/api-keys", asked).await;
    assert_eq!(again.refusal(), (409, "conflict"));
    assert!(again.body["detail"].as_str().unwrap().contains("shown once"), "{again:?}");
    app.finish().await;
}

#[tokio::test]
async fn events_are_listed_by_pages_and_tried_again() {
    let app = TestApp::start().await;
    let (acme, other) = (app.connected("acme").await, app.connected("other").await);
    let mut events = Vec::new();
    for name in ["ana", "bob", "cyd"] {
        events.push(app.send_lead(&acme, name).await.to_string());
    }
    let foreign = app.send_lead(&other, "dan").await;
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: NOON.0 + 1 }));
    app.run_until_idle().await;
    app.hubspot.set_knobs(|knobs| knobs.outage = None);
    let manager = key_in_role(&app, Some("acme"), Role::Manager).await;
    let ids = |reply: &Reply| {
        let events = reply.body["data"].as_array().unwrap().iter();
        events.map(|event| event["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = manager.get(&app, "/v1/events?limit=2").await;
    assert_eq!(ids(&first), [events[2].clone(), events[1].clone()]);
    let second = manager.get(&app, &format!("/v1/events?limit=2&after={}", events[1])).await;
    assert_eq!((ids(&second), &second.body["next"]), (vec![events[0].clone()], &Value::Null));
    let back = manager.get(&app, &format!("/v1/events?limit=2&before={}", events[0])).await;
    assert_eq!((ids(&back), &back.body["prev"]), (ids(&first), &Value::Null));
    assert_eq!(manager.get(&app, &format!("/v1/events?after={foreign}")).await.refusal(), (400, "bad_request"));
    assert_eq!(manager.get(&app, "/v1/events?state=planned").await.body["data"].as_array().unwrap().len(), 3);

    let path = |event: &str| format!("/v1/events/{event}/retry");
    let due = manager.post(&app, &path(&events[0]), Value::Null).await;
    assert_eq!((due.status, &due.body["data"]), (200, &json!("due_now")), "{due:?}");
    let again = manager.post(&app, &path(&events[0]), Value::Null).await;
    assert_eq!(
        (again.status, &again.body["detail"]),
        (409, &json!(format!("{} is on its way, and cannot be tried again now", events[0])))
    );
    app.run_until_idle().await;
    let shown = manager.get(&app, &format!("/v1/events/{}", events[0])).await;
    assert_eq!(shown.body["data"]["event"]["delivery"], "delivered", "{shown:#?}");
    // A command goes by the clock of the machine, by which it is due long since.
    assert_eq!(app.command(&["event", "retry", &events[1]]).await.0, 6);
    app.finish_after(&[FindingKind::TooManyErrors]).await;
}
