//! The harness: a portal to talk to, and short words for the usual calls.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use hubspot_sim::{Clock, FindingKind, Knobs, Options, Preset, Simulator};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// 2026-11-23T08:00:00Z
pub(crate) const NOW: i64 = 1_795_420_800_000;

/// The variables that name a live portal.
pub(crate) const TOKEN: &str = "LEADLINE_HUBSPOT_TOKEN";
pub(crate) const URL: &str = "LEADLINE_HUBSPOT_URL";

/// Does the suite look at a live portal?
pub(crate) fn is_live() -> bool {
    std::env::var_os(TOKEN).is_some()
}

pub(crate) struct Portal {
    client: Client,
    base_url: String,
    token: Option<String>,
    pub(crate) version: &'static str,
    simulated: Option<(Simulator, hubspot_sim::Portal)>,
    /// Paths of the records that a live portal must lose again.
    made: Mutex<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// `null` when the body is no JSON.
    pub(crate) body: Value,
}

impl Portal {
    /// A live portal if there is one, else a simulated one.
    pub(crate) async fn any() -> Self {
        let Ok(token) = std::env::var(TOKEN) else { return Self::new(Preset::Ready).await };
        let base_url = std::env::var(URL).unwrap_or_else(|_| "https://api.hubapi.com".to_owned());
        let (token, version) = (Some(token), "2026-09");
        Self { client: client(), base_url, token, version, simulated: None, made: Mutex::default() }
    }

    /// A simulated portal. Its clock stands, and its limits do not matter.
    pub(crate) async fn new(preset: Preset) -> Self {
        Self::with(preset, Options { clock: Clock::Standing(NOW), ..Options::default() }).await
    }

    pub(crate) async fn with(preset: Preset, options: Options) -> Self {
        let simulator = Simulator::start(options).await.unwrap();
        let portal = simulator.add_portal(preset, "Sunset Motors");
        Self {
            client: client(),
            base_url: simulator.base_url(),
            token: Some(portal.access_token.clone()),
            version: "2026-09",
            simulated: Some((simulator, portal)),
            made: Mutex::default(),
        }
    }

    pub(crate) fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// The same portal in another simulator.
    pub(crate) fn at(mut self, simulator: &Simulator) -> Self {
        self.base_url = simulator.base_url();
        self.simulated = self.simulated.take().map(|(_, portal)| (simulator.clone(), portal));
        self
    }

    pub(crate) fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn knob(self, set: impl Fn(&mut Knobs)) -> Self {
        self.sim().set_knobs(set);
        self
    }

    pub(crate) fn sim(&self) -> &Simulator {
        &self.simulated.as_ref().unwrap().0
    }

    pub(crate) fn id(&self) -> i64 {
        self.simulated.as_ref().unwrap().1.id
    }

    /// Sends to a path in which `V` stands for the version. A `null` body is none.
    pub(crate) async fn try_call(&self, method: &str, path: &str, body: &Value) -> reqwest::Result<Reply> {
        let path: Vec<_> = path.split('/').map(|part| self.versioned(part)).collect();
        let path = path.join("/");
        let url = format!("{}{path}", self.base_url);
        let mut request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        if self.simulated.is_some() {
            return Reply::read(request.send().await?).await;
        }
        let again = request.try_clone();
        let mut reply = Reply::read(request.send().await?).await?;
        if let Some(again) = again.filter(|_| reply.status == 429) {
            // A live portal has a limit that the other tests use up too.
            tokio::time::sleep(Duration::from_secs(11)).await;
            reply = Reply::read(again.send().await?).await?;
        }
        self.note_made(&path, &reply);
        Ok(reply)
    }

    /// Remembers what a call has made in a live portal.
    fn note_made(&self, path: &str, reply: &Reply) {
        let ["", "crm", "objects", version, kind, rest @ ..] = &path.split('/').collect::<Vec<_>>()[..] else { return };
        let results = reply.body["results"].as_array().cloned().unwrap_or_default();
        let made = match rest {
            [] => vec![reply.body.clone()],
            ["batch", "create"] => results,
            ["batch", "upsert"] => results.into_iter().filter(|result| result["new"] == true).collect(),
            _ => return,
        };
        let paths = made.iter().filter_map(|record| record["id"].as_str());
        let paths = paths.map(|id| format!("{}/crm/objects/{version}/{kind}/{id}", self.base_url));
        self.made.lock().unwrap().extend(paths);
    }

    fn versioned(&self, part: &str) -> String {
        match part.split_once('?') {
            Some(("V", query)) => format!("{}?{query}", self.version),
            None if part == "V" => self.version.to_owned(),
            _ => part.to_owned(),
        }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.try_call(method, path, &body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, body).await
    }

    /// Sends a form, without a token.
    pub(crate) async fn form(&self, path: &str, fields: &[(String, String)]) -> Reply {
        let body: String = fields.iter().map(|(name, value)| format!("{name}={}&", escaped(value))).collect();
        let request = self.client.post(format!("{}{path}", self.base_url)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Reply::read(request.send().await.unwrap()).await.unwrap()
    }

    /// Upserts contacts by address: `(address, properties)`, without trace ids.
    pub(crate) async fn upsert(&self, contacts: &[(&str, Value)]) -> Reply {
        let inputs = contacts
            .iter()
            .map(|(address, properties)| json!({"id": address, "idProperty": "email", "properties": properties}));
        self.post("/crm/objects/V/0-1/batch/upsert", json!({"inputs": inputs.collect::<Vec<_>>()})).await
    }

    /// The same, with the trace ids `t0`, `t1` and so on.
    pub(crate) async fn upsert_traced(&self, contacts: &[(&str, Value)]) -> Reply {
        let inputs = contacts.iter().enumerate().map(|(at, (address, properties))| {
            let trace = format!("t{at}");
            json!({"id": address, "idProperty": "email", "objectWriteTraceId": trace, "properties": properties})
        });
        self.post("/crm/objects/V/0-1/batch/upsert", json!({"inputs": inputs.collect::<Vec<_>>()})).await
    }

    /// Creates a contact by upsert, and answers with its id.
    pub(crate) async fn contact(&self, address: &str) -> String {
        let reply = self.upsert(&[(address, json!({"email": address}))]).await;
        reply.first("/id")
    }

    pub(crate) async fn note(&self, contact: &str, text: &str) -> Reply {
        self.post("/crm/objects/V/0-46/batch/create", json!({"inputs": [note(contact, 202, text)]})).await
    }

    /// One property of a contact, as a read by id shows it.
    pub(crate) async fn value(&self, contact: &str, property: &str) -> Value {
        let reply = self.get(&format!("/crm/objects/V/0-1/{contact}?properties={property}")).await;
        reply.body["properties"][property].clone()
    }

    pub(crate) fn finding_kinds(&self) -> Vec<FindingKind> {
        self.sim().findings().iter().map(|finding| finding.kind).collect()
    }
}

/// A live portal loses what the test has made, also when the test has failed.
impl Drop for Portal {
    fn drop(&mut self) {
        let made = std::mem::take(self.made.get_mut().unwrap());
        let Some(token) = self.token.clone().filter(|_| !made.is_empty()) else { return };
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = client();
                for path in made {
                    client.delete(path).bearer_auth(&token).send().await.ok();
                }
            });
        };
        // A thread of its own: the test's runtime may not be blocked in.
        std::thread::spawn(clean).join().ok();
    }
}

impl Reply {
    async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Self { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    /// The text at a pointer within the first result.
    pub(crate) fn first(&self, pointer: &str) -> String {
        let value = self.body.pointer(&format!("/results/0{pointer}"));
        value.and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.text)).to_owned()
    }

    pub(crate) fn results(&self) -> usize {
        self.body["results"].as_array().map_or(0, Vec::len)
    }

    /// Code and property of each detail of a refused call.
    pub(crate) fn details(&self) -> Vec<(String, String)> {
        let details = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        details.iter().map(|detail| (text(&detail["code"]), text(&detail["context"]["propertyName"][0]))).collect()
    }

    /// The trace ids of the inputs that failed.
    pub(crate) fn failed(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let trace = |entry: &Value| entry["context"]["objectWriteTraceId"][0].as_str().unwrap_or_default().to_owned();
        errors.iter().map(trace).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Redirects are for the test to see, not to follow.
fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A value as forms carry it: percent escapes for everything but letters and digits.
fn escaped(value: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// A note with one association.
pub(crate) fn note(to: &str, type_id: u32, text: &str) -> Value {
    json!({
        "properties": {"hs_timestamp": "2026-11-23T08:00:00Z", "hs_note_body": text},
        "associations": [{
            "to": {"id": to},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
        }],
    })
}

/// An address that nobody has used before, so that a live portal can be used again.
pub(crate) fn fresh(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    format!("{name}.{:x}.{}@example.com", *RUN, COUNT.fetch_add(1, Ordering::Relaxed))
}
