//! Whoever watches is told what happens to the leads that he may see, without a gap, and nobody else is.

use leadline::config::Config;
use leadline::model::access::Role;
use leadline::model::id::{ChangeId, EventId};
use leadline::store::Position;
use reqwest::Response;
use serde_json::{Value, json};

use crate::access::{Asker, key, key_in_role, signed_in, with_public_url};
use crate::support::{TestApp, config_on, lead};

/// One event of a stream.
#[derive(Debug)]
struct Told {
    name: String,
    data: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// A stream, as a browser reads it.
struct Stream {
    response: Response,
    text: String,
    /// Where it goes on after it was cut.
    last: String,
}

impl Stream {
    async fn open(app: &TestApp, asker: &Asker, path: &str) -> Self {
        let response = asker.open(app, path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new(), last: String::new() }
    }

    /// The next piece that is something: fields and their values. None at the end.
    async fn piece(&mut self) -> Option<Vec<(String, String)>> {
        loop {
            if let Some((piece, rest)) = self.text.split_once("\n\n") {
                let fields = piece.lines().filter_map(|line| line.split_once(':'));
                let fields: Vec<_> =
                    fields.map(|(name, value)| (name.to_owned(), value.trim_start().to_owned())).collect();
                self.text = rest.to_owned();
                return Some(fields);
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.told().await? {
                return Some(told);
            }
        }
    }

    /// The next event, or that what was told so far is a whole.
    async fn told(&mut self) -> Option<Option<Told>> {
        loop {
            let piece = self.piece().await?;
            let all = |wanted: &str| {
                piece.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
            };
            if let [id] = all("id")[..] {
                self.last = id.to_owned();
                return Some(None);
            }
            if let [name] = all("event")[..] {
                return Some(Some(Told { name: name.to_owned(), data: all("data").join("\n") }));
            }
        }
    }

    /// Everything up to the next place from which it could go on.
    async fn batch(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(Some(told)) = self.told().await {
            all.push(told);
        }
        all
    }

    /// Reads until a lead came to this.
    async fn until(&mut self, event: &EventId, outcome: &str) -> Value {
        loop {
            let told = self.next().await.expect("the stream goes on");
            let row = told.json();
            if told.name == "lead" && row["event"] == event.as_str() && row["outcome"] == outcome {
                return row;
            }
        }
    }
}

fn person(name: &str, email: &str) -> Value {
    let mut person = lead(name);
    person["email"] = json!(email);
    person
}

#[tokio::test]
async fn a_lead_is_told_when_it_comes_and_when_something_becomes_of_it() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let support = signed_in(&app, None, "support").await;
    let mut stream = Stream::open(&app, &viewer, "/v1/stream").await;
    let mut masked = Stream::open(&app, &support, "/v1/stream?account=acme").await;
    assert_eq!(stream.next().await.unwrap().name, "reset", "the list is read when the stream is open");
    let event = app.send(&acme, "msg_1", person("Ana Lopez", "ana@example.com")).await;
    assert_eq!(stream.until(&event, "sending").await["person"]["name"], "Ana Lopez");
    app.run_until_idle().await;
    let told = stream.until(&event, "synced").await;
    let list = viewer.get(&app, "/v1/leads").await;
    assert_eq!(told, list.body["data"][0], "the row of the list");
    assert_eq!(masked.until(&event, "synced").await["person"]["name"], "A… L…");
    app.finish().await;
}

#[tokio::test]
async fn who_comes_back_is_told_what_happened_meanwhile_also_by_the_next_process() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let mut stream = Stream::open(&app, &viewer, "/v1/stream").await;
    stream.batch().await;
    let (cursor, event) = (stream.last.clone(), app.send_lead(&acme, "ana").await);
    drop(stream);
    app.run_until_idle().await;
    let mut back = Stream::open(&app, &viewer.with("last-event-id", &cursor), "/v1/stream").await;
    let told = back.next().await.unwrap();
    assert_eq!((told.name.as_str(), &told.json()["outcome"]), ("lead", &json!("synced")));
    drop(back);
    let app = app.restart().await;
    let mut back = Stream::open(&app, &viewer.with("last-event-id", &cursor), "/v1/stream").await;
    assert_eq!(back.next().await.unwrap().json()["event"], event.as_str());
    // What nobody watched for a while is not known any more.
    app.advance(std::time::Duration::from_secs(30 * 60));
    let mut late = Stream::open(&app, &viewer.with("last-event-id", &cursor), "/v1/stream").await;
    assert_eq!(late.next().await.unwrap().name, "reset");
    app.finish().await;
}

#[tokio::test]
async fn the_stream_has_the_filter_of_the_list() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let mut first = Stream::open(&app, &viewer, "/v1/stream").await;
    first.batch().await;
    let since = first.last.clone();
    app.send(&acme, "msg_ana", person("Ana Lopez", "ana@example.com")).await;
    let mut elsewhere = person("Ben Elsewhere", "ben@example.com");
    elsewhere["dealership"] = json!({ "name": "Cove Cars", "slug": "cove-cars" });
    app.send(&acme, "msg_ben", elsewhere).await;
    let mut nobody = lead("nobody");
    for field in ["name", "email", "phone"] {
        nobody[field] = Value::Null;
    }
    app.send(&acme, "msg_nobody", nobody).await;
    app.run_until_idle().await;
    for filter in [
        "outcome=synced",
        "outcome=failed",
        "outcome=skipped",
        "contact=created",
        "contact=updated",
        "contact=none",
        "dealership=cove-cars",
        "text=lopez",
        "text=ana%20elsewhere",
        "text=%3F%3F%3F",
        "test=only",
        "test=none",
        "type=lead.captured.v1",
        "type=carousel.clicked.v1",
        "from=2026-11-23&until=2026-11-23",
        "until=2026-11-22",
        "cause=transform.skipped",
    ] {
        let list = viewer.get(&app, &format!("/v1/leads?{filter}")).await;
        let ids = |rows: Vec<Value>| {
            let mut ids: Vec<_> = rows.iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let mut stream = Stream::open(&app, &viewer, &format!("/v1/stream?{filter}&since={since}")).await;
        let told = stream.batch().await.into_iter().filter(|told| told.name == "lead").map(|told| told.json());
        assert_eq!(ids(told.collect()), ids(list.body["data"].as_array().unwrap().clone()), "{filter}");
    }
    let mut stream = Stream::open(&app, &viewer, &format!("/v1/stream?outcome=failed&since={since}")).await;
    let left = stream.batch().await;
    assert!(left.iter().any(|told| told.name == "left"), "what may have been in the list: {left:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_stream_is_of_one_account_and_says_what_it_does_not_understand() {
    let app = TestApp::start().await;
    app.connected("acme").await;
    app.connected("other").await;
    let viewer = key_in_role(&app, Some("acme"), Role::Viewer).await;
    for (asker, path, status) in [
        (&viewer, "/v1/stream?account=other", 404),
        (&Asker::operator(), "/v1/stream", 400),
        (&viewer, "/v1/stream?outcome=odd", 400),
        (&viewer, "/v1/stream?since=evt_1", 400),
        (&viewer, "/v1/leads?from=tomorrow", 400),
        (&Asker::default(), "/v1/stream?account=acme", 401),
    ] {
        let refused = asker.get(&app, path).await;
        assert_eq!(refused.status, status, "{path}: {refused:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_is_told_nothing_more() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let reader = key(&app, &Asker::operator(), Some("acme"), &["read"]).await;
    let mut stream = Stream::open(&app, &reader, "/v1/stream").await;
    stream.batch().await;
    let keys = Asker::operator().get(&app, "/v1/api-keys?account=acme").await;
    let id = keys.body["data"][0]["key"]["id"].as_str().or(keys.body["data"][0]["id"].as_str()).unwrap().to_owned();
    assert!(Asker::operator().delete(&app, &format!("/v1/api-keys/{id}?account=acme")).await.status < 300);
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    assert!(stream.next().await.is_none(), "the stream ends");
    app.finish().await;
}

#[tokio::test]
async fn streams_end_when_the_service_ends() {
    let app = TestApp::start().await;
    app.connected("acme").await;
    let mut stream = Stream::open(&app, &Asker::operator(), "/v1/stream?account=acme").await;
    stream.batch().await;
    app.app.live.end();
    assert!(stream.next().await.is_none());
    app.finish().await;
}

#[tokio::test]
async fn one_asker_has_so_many_streams_and_leaves_room_for_others() {
    let app = TestApp::start().await;
    app.connected("acme").await;
    let greedy = key_in_role(&app, Some("acme"), Role::Viewer).await;
    let mut open = Vec::new();
    let refused = loop {
        let response = greedy.open(&app, "/v1/stream").await;
        if response.status() != 200 {
            break response;
        }
        open.push(response);
    };
    assert_eq!((open.len(), refused.status().as_u16()), (20, 429));
    assert_eq!(refused.headers()["retry-after"], "30");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "too_many_streams", "{problem}");
    let other = key_in_role(&app, Some("acme"), Role::Viewer).await;
    assert_eq!(other.open(&app, "/v1/stream").await.status(), 200);
    // A place is free as soon as the service sees that its reader is gone.
    drop(open);
    while greedy.open(&app, "/v1/stream").await.status() != 200 {}
    app.finish().await;
}

#[tokio::test]
async fn what_another_process_does_is_told_and_what_nobody_watches_is_not_noted() {
    let app = TestApp::start().await;
    let acme = app.connected("acme").await;
    let bay = app.connected("bay").await;
    app.hubspot.set_knobs(|knobs| {
        knobs.outage =
            Some(hubspot_sim::Outage { from_ms: crate::support::NOON.0, to_ms: crate::support::NOON.0 + 60_000 });
    });
    let mut stream = Stream::open(&app, &Asker::operator(), "/v1/stream?account=acme").await;
    stream.batch().await;
    let event = app.send_lead(&acme, "ana").await;
    app.send_lead(&bay, "ben").await;
    app.run_until_idle().await;
    let waits = stream.until(&event, "retrying").await["sentence"].clone();
    let config = Config { database: app.database().await, ..config_on(app.data(), String::new()) };
    let other = leadline::app::open_store(&config).await.unwrap();
    let stored = other.find_event(&event).await.unwrap().unwrap();
    app.advance(std::time::Duration::from_secs(1));
    leadline::replay::retry(&other, &stored, app.now()).await.unwrap();
    while stream.until(&event, "retrying").await["sentence"] == waits {}
    let mut begin = Position::at(ChangeId::earliest(leadline::model::time::Timestamp(0)));
    let noted = app.app.store.changes(&bay.account.id, &mut begin, |_| true).await.unwrap();
    assert!(noted.is_all && noted.events.is_empty(), "{noted:?}");
    app.advance(std::time::Duration::from_secs(120));
    app.run_until_idle().await;
    app.finish_after(&[hubspot_sim::FindingKind::TooManyErrors]).await;
}

#[tokio::test]
async fn rows_of_a_page_are_drawn_as_the_page_draws_them_and_new_ones_are_named() {
    let app = with_public_url("http://localhost:8080").await;
    let acme = app.connected("acme").await;
    let seen = app.send_lead(&acme, "ana").await;
    let manager = signed_in(&app, Some("acme"), "manager").await.with("accept", "text/html");
    let page = manager.get(&app, "/accounts/acme/logs").await;
    let source = live_source(page.body.as_str().unwrap());
    let mut stream = Stream::open(&app, &manager, &source).await;
    assert_eq!(stream.next().await.unwrap().name, "reset", "nobody watched when the page was drawn");
    app.run_until_idle().await;
    let new = app.send_lead(&acme, "ben").await;
    app.run_until_idle().await;
    let (mut row, mut named) = (String::new(), Vec::new());
    while !row.contains("Synced") || named.is_empty() {
        let told = stream.next().await.unwrap();
        match told.name.as_str() {
            "row" => row = told.data,
            "new" => named = told.json().as_array().unwrap().clone(),
            other => panic!("{other}: {told:?}"),
        }
    }
    assert_eq!(named, [json!(new)]);
    let page = manager.get(&app, "/accounts/acme/logs").await;
    let page = page.body.as_str().unwrap();
    let drawn = &page[page.find(&format!("<tr id=\"{seen}\"")).unwrap()..];
    assert_eq!(row.trim(), drawn[..drawn.find("</tr>").unwrap() + "</tr>".len()].trim());
    app.finish().await;
}

/// Where a page says that it goes on.
fn live_source(page: &str) -> String {
    let source = page.split_once("<ll-live-list src=\"").unwrap().1.split('"').next().unwrap();
    source.replace("&#38;", "&").replace("&amp;", "&")
}
