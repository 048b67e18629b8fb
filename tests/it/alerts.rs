//! People are told: links to sign in, alerts and the week come by mail or by a signed request, once, and nobody learns who
//! may sign in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hubspot_sim::Outage;
use leadline::cause::{Code, Problem};
use leadline::model::id::AccountId;
use leadline::model::lane::Step;
use leadline::model::message::{Message, MessageState};
use leadline::signature::{self, Secret};
use leadline::{alerts, post};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::access::{Asker, browser, signed_in};
use crate::dashboard::{looks, submit, text};
use crate::support::{NOON, TestApp};

const URL: &str = "http://localhost:8080";
const MINUTE: Duration = Duration::from_secs(60);

/// How a mail server takes letters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    /// It knows nobody of this address.
    Refuses,
    /// It has no time now.
    Busy,
    /// It takes its time to say that it has a letter.
    Slow,
}

/// A letter as it arrived.
#[derive(Clone, Debug)]
struct Arrived {
    to: String,
    raw: String,
}

impl Arrived {
    /// Without what mail wraps lines in.
    fn text(&self) -> String {
        self.raw.replace("=\r\n", "").replace("=3D", "=")
    }

    fn subject(&self) -> &str {
        self.raw.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.raw.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default()
    }

    /// The paths of the links that sign somebody in.
    fn links(&self) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(URL));
        lines.filter(|path| path.starts_with("/sign-in/")).map(str::to_owned).collect()
    }
}

/// A mail server on this machine that keeps what it takes.
#[derive(Clone)]
struct MailServer {
    url: String,
    letters: Arc<Mutex<Vec<Arrived>>>,
    mood: Arc<Mutex<Mood>>,
}

impl MailServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self { url, letters: Arc::default(), mood: Arc::new(Mutex::new(Mood::Takes)) };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                // A client that leaves in the middle is no failure of the test.
                tokio::spawn(async move { server.converse(stream).await.ok() });
            }
        });
        server
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.example.com\r\n").await?;
        let (mut line, mut to) = (String::new(), String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let mood = *self.mood.lock().unwrap();
            let answer = match line.split([' ', ':']).next().unwrap().trim() {
                "EHLO" => "250-mail.example.com\r\n250 8BITMIME",
                "MAIL" if mood == Mood::Busy => "451 come again later",
                "RCPT" if mood == Mood::Refuses => "550 no such mailbox",
                "RCPT" => {
                    to = line.trim().trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                    "250 ok"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let raw = self.read_letter(&mut stream).await?;
                    self.letters.lock().unwrap().push(Arrived { to: to.clone(), raw });
                    if mood == Mood::Slow {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    "250 taken"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 ok",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }

    async fn read_letter(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
        let mut raw = String::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            if line == ".\r\n" || line.is_empty() {
                return Ok(raw);
            }
            raw += &line;
        }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What arrived since somebody asked last.
    fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.letters.lock().unwrap())
    }
}

/// A service that sends mail to this server.
async fn start_with(mail: &MailServer) -> TestApp {
    TestApp::start_with(|config, _, _| {
        config.public_url = Some(URL.to_owned());
        config.mail_url = Some(mail.url.clone());
        config.mail_from = Some("Leadline <leads@example.com>".to_owned());
        config.private_webhooks = true;
    })
    .await
}

/// Sends everything that is due.
async fn send(app: &TestApp) {
    while post::send_next(&app.app).await.unwrap() == Step::Worked {}
}

/// Looks at the rules of everybody whose time has come, and sends what is news.
async fn look(app: &TestApp) {
    while alerts::look_next(&app.app).await.unwrap() == Step::Worked {}
    send(app).await;
}

async fn invite(app: &TestApp, email: &str) {
    let asked = json!({ "account": "acme", "email": email, "name": "Maya Lind", "role": "manager" });
    assert_eq!(Asker::operator().post(app, "/v1/people", asked).await.status, 201);
}

/// Asks for a link on the sign-in page.
async fn ask(app: &TestApp, email: &str, query: &str) -> (u16, String) {
    let form = reqwest::Url::parse_with_params("http://localhost", [("email", email)]).unwrap();
    let kind = "application/x-www-form-urlencoded";
    let path = format!("/sign-in{query}");
    let reply = Asker::default().send(app, &path, kind, form.query().unwrap().to_owned()).await;
    (reply.status, text(&reply).replace(email, "EMAIL"))
}

async fn messages(app: &TestApp, account: Option<&AccountId>) -> Vec<Message> {
    app.app.store.messages(account, None, 100).await.unwrap()
}

/// A rule of acme that tells maya by mail.
async fn rule(app: &TestApp, watches: Value) -> Value {
    let channel = json!({ "by": "mail", "to": ["maya@example.com"] });
    let asked = json!({ "account": "acme", "watches": watches, "channel": channel });
    let made = Asker::operator().post(app, "/v1/alerts", asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["data"]["rule"].clone()
}

#[tokio::test]
async fn whoever_may_sign_in_is_sent_a_link_that_is_good_once() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    invite(&app, "maya@example.com").await;
    send(&app).await;
    let invitation = mail.take().remove(0);
    assert_eq!(
        (invitation.to.as_str(), invitation.subject()),
        ("maya@example.com", "You may sign in to acme on Leadline")
    );
    assert_eq!(invitation.links().len(), 1, "{invitation:?}");

    assert_eq!(ask(&app, " Maya@Example.com", "?to=/accounts/acme/logs").await.0, 200);
    send(&app).await;
    let letter = mail.take().remove(0);
    let [link] = &letter.links()[..] else { panic!("{letter:?}") };
    assert!(link.ends_with("?to=%2Faccounts%2Facme%2Flogs"), "{link}");
    let shown = Asker::default().get(&app, link).await;
    assert!(text(&shown).contains("<strong>maya@example.com</strong>"), "{}", text(&shown));
    let entered = Asker::default().post(&app, link, Value::Null).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/accounts/acme/logs"));
    assert_eq!(looks(&browser(&entered)).get(&app, "/accounts/acme/settings").await.status, 200);
    assert_eq!(Asker::default().post(&app, link, Value::Null).await.status, 410, "it is good once");
    let later = invitation.links().remove(0);
    app.advance(MINUTE * 60);
    assert_eq!(Asker::default().post(&app, &later, Value::Null).await.status, 303, "an invitation is good for a day");
    app.finish().await;
}

#[tokio::test]
async fn the_sign_in_page_says_the_same_to_everybody() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    invite(&app, "maya@example.com").await;
    send(&app).await;
    mail.take();
    let known = ask(&app, "maya@example.com", "").await;
    let stranger = ask(&app, "eve@example.com", "").await;
    assert_eq!(known, stranger);
    assert!(known.1.contains("If <strong>EMAIL</strong> may sign in here"), "{}", known.1);
    // Before anything is sent the two differ in nothing but the address.
    let [stranger, known] = &messages(&app, None).await[..] else { panic!() };
    assert_eq!((stranger.kind, stranger.state, &stranger.content), (known.kind, known.state, &known.content));
    send(&app).await;
    let letters = mail.take();
    assert_eq!(letters.iter().map(|letter| letter.to.as_str()).collect::<Vec<_>>(), ["maya@example.com"]);
    let [stranger, known] = &messages(&app, None).await[..] else { panic!() };
    assert_eq!((stranger.state, known.state), (MessageState::Dropped, MessageState::Sent));

    for _ in 0..5 {
        assert_eq!(ask(&app, "maya@example.com", "").await.0, 200, "who asks too often is not told so either");
    }
    send(&app).await;
    assert_eq!(mail.take().len(), 2, "three in a quarter of an hour");
    assert_eq!(ask(&app, "no address", "").await.0, 400);
    let mut statuses = Vec::new();
    for number in 0..15 {
        statuses.push(ask(&app, &format!("somebody{number}@example.com"), "").await.0);
    }
    assert!(statuses.starts_with(&[200]) && statuses.ends_with(&[429]), "one client: {statuses:?}");
    app.advance(MINUTE * 15);
    assert_eq!(ask(&app, "maya@example.com", "").await.0, 200);
    app.finish().await;
}

#[tokio::test]
async fn without_a_mail_server_everything_says_so() {
    let app = crate::access::with_public_url(URL).await;
    app.account("acme").await;
    let page = Asker::default().get(&app, "/sign-in").await;
    assert!(text(&page).contains("leadline access link") && !text(&page).contains("<form"), "{}", text(&page));
    ask(&app, "maya@example.com", "").await;
    assert!(messages(&app, None).await.is_empty());
    let channel = json!({ "by": "mail", "to": ["maya@example.com"] });
    let asked = json!({ "account": "acme", "watches": { "for": "issue" }, "channel": channel });
    let refused = Asker::operator().post(&app, "/v1/alerts", asked).await;
    assert_eq!(refused.refusal(), (409, "conflict"));
    assert!(refused.body["fix"].as_str().unwrap().contains("--mail-url"), "{refused:?}");
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for screen in ["alerts", "settings"] {
        let page = manager.get(&app, &format!("/accounts/acme/{screen}")).await;
        assert!(text(&page).contains("This service sends no mail"), "{screen}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_letter_that_finds_no_time_is_tried_again_and_one_that_is_refused_is_not() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let made = rule(&app, json!({ "for": "issue" })).await;
    let test = format!("/v1/alerts/{}/test", made["id"].as_str().unwrap());
    let operator = Asker::operator();

    mail.set(Mood::Busy);
    operator.post(&app, &test, Value::Null).await;
    send(&app).await;
    let waiting = messages(&app, Some(&acme.id)).await.remove(0);
    assert_eq!((waiting.state, waiting.attempts, waiting.due_at), (MessageState::Waiting, 1, NOON + MINUTE));
    assert!(waiting.reason.unwrap().contains("come again later"));
    send(&app).await;
    assert_eq!(messages(&app, Some(&acme.id)).await[0].attempts, 1, "not before its time");
    mail.set(Mood::Takes);
    app.advance(MINUTE);
    send(&app).await;
    assert_eq!(mail.take().len(), 1);
    assert_eq!(messages(&app, Some(&acme.id)).await[0].state, MessageState::Sent);

    mail.set(Mood::Refuses);
    operator.post(&app, &test, Value::Null).await;
    send(&app).await;
    let failed = messages(&app, Some(&acme.id)).await.remove(0);
    assert_eq!((failed.state, failed.attempts), (MessageState::Failed, 1));
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/alerts").await;
    assert!(text(&page).contains("the last message did not arrive") && text(&page).contains("no such mailbox"));
    mail.set(Mood::Takes);
    operator.post(&app, &test, Value::Null).await;
    send(&app).await;
    let page = manager.get(&app, "/accounts/acme/alerts").await;
    assert!(!text(&page).contains("the last message did not arrive"), "it works again");

    mail.set(Mood::Busy);
    operator.post(&app, &test, Value::Null).await;
    for _ in 0..6 {
        send(&app).await;
        app.advance(MINUTE * 20);
    }
    let given_up = messages(&app, Some(&acme.id)).await.remove(0);
    assert_eq!((given_up.state, given_up.attempts), (MessageState::Failed, 4), "nobody wants a test after an hour");
    app.finish().await;
}

#[tokio::test]
async fn what_was_promised_survives_the_process_and_is_sent_by_one_of_several() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    let made = rule(&app, json!({ "for": "issue" })).await;
    Asker::operator().post(&app, &format!("/v1/alerts/{}/test", made["id"].as_str().unwrap()), Value::Null).await;
    // A process takes it and dies.
    let lease = app.now() + MINUTE * 2;
    assert_eq!(app.app.store.take_messages(8, lease, app.now()).await.unwrap().len(), 1);
    let url = mail.url.clone();
    let app = app
        .restart_with(|config| {
            config.public_url = Some(URL.to_owned());
            config.mail_url = Some(url);
            config.mail_from = Some("leads@example.com".to_owned());
        })
        .await;
    send(&app).await;
    assert!(mail.take().is_empty(), "it may still be at it");
    app.advance(MINUTE * 2);
    send(&app).await;
    let letter = mail.take().remove(0);
    assert!(letter.id().starts_with("<msg_") && letter.id().ends_with("@example.com>"), "{letter:?}");

    for number in 0..30 {
        invite(&app, &format!("somebody{number}@example.com")).await;
    }
    tokio::join!(send(&app), send(&app), send(&app));
    let mut to: Vec<_> = mail.take().into_iter().map(|letter| letter.to).collect();
    let all = to.len();
    to.sort();
    to.dedup();
    assert_eq!((all, to.len()), (30, 30), "nobody is sent two");
    app.finish().await;
}

#[tokio::test]
async fn a_letter_that_is_being_sent_is_not_cut_short_by_the_next_one() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let made = rule(&app, json!({ "for": "issue" })).await;
    let test = format!("/v1/alerts/{}/test", made["id"].as_str().unwrap());
    mail.set(Mood::Slow);
    app.let_go().await;
    // More than there are loops that send, so that somebody knocks while each of them is at it.
    for _ in 0..8 {
        assert_eq!(Asker::operator().post(&app, &test, Value::Null).await.status, 200);
    }
    let is_sent = |message: &Message| message.state == MessageState::Sent;
    let wait = async {
        while !messages(&app, Some(&acme.id)).await.iter().all(is_sent) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is cut short is sent once more, after two minutes.
    let are_sent = tokio::time::timeout(MINUTE, wait).await.is_ok();
    assert!(are_sent, "{:?}", messages(&app, Some(&acme.id)).await);
    assert_eq!(mail.take().len(), 8, "each of them once");
}

#[tokio::test]
async fn a_server_that_offers_no_tls_where_it_is_required_gets_no_letter() {
    let mail = MailServer::start().await;
    let url = format!("{}?tls=required", mail.url);
    let app = start_with(&MailServer { url, ..mail.clone() }).await;
    let acme = app.account("acme").await;
    invite(&app, "maya@example.com").await;
    send(&app).await;
    assert!(mail.take().is_empty());
    let message = messages(&app, Some(&acme.id)).await.remove(0);
    assert_eq!(message.state, MessageState::Waiting);
    assert!(message.reason.as_deref().unwrap().contains("does not offer what we need"), "{message:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_thing_is_told_once_with_its_reason_its_fix_and_one_link_and_once_that_it_is_over() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    rule(&app, json!({ "for": "issue" })).await;
    look(&app).await;
    assert!(mail.take().is_empty());

    let problem = Problem::new(Code::PropertyMissing, "`budget_range` does not exist").about("budget_range");
    app.app.store.open_issue(&acme.id, &problem, app.now()).await.unwrap();
    look(&app).await;
    assert!(mail.take().is_empty(), "once a minute");
    app.advance(MINUTE);
    look(&app).await;
    let letter = mail.take().remove(0);
    assert_eq!(letter.subject(), "acme: A property is missing in HubSpot: budget_range");
    for words in [
        "`budget_range` does not exist.",
        "What to do: Create it in HubSpot.",
        "http://localhost:8080/accounts/acme/issues",
    ] {
        assert!(letter.text().contains(words), "{words}: {}", letter.text());
    }
    for _ in 0..3 {
        app.advance(MINUTE);
        look(&app).await;
    }
    assert!(mail.take().is_empty(), "it is told once");
    let shown = Asker::operator().get(&app, "/v1/alerts?account=acme").await;
    assert_eq!(shown.body["data"][0]["open"][0]["title"], "A property is missing in HubSpot: budget_range");

    let issue = app.app.store.issues(Some(&acme.id)).await.unwrap().remove(0);
    assert!(app.app.store.close_issue(&issue, app.now()).await.unwrap());
    for _ in 0..8 {
        app.advance(MINUTE);
        look(&app).await;
    }
    let letters = mail.take();
    let subjects: Vec<_> = letters.iter().map(Arrived::subject).collect();
    assert_eq!(subjects, ["acme: Over: A property is missing in HubSpot: budget_range"]);
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_waits_is_told_of_and_in_quiet_hours_later() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.connected("acme").await;
    rule(&app, json!({ "for": "lead_waits", "minutes": 15 })).await;
    let channel = json!({ "by": "mail", "to": ["tom@example.com"] });
    let quiet = json!({ "from": "12:00", "until": "13:00" }); // no portal has said yet where it is: UTC
    let asked = json!({ "account": "acme", "watches": { "for": "lead_waits", "minutes": 15 }, "channel": channel, "quiet": quiet });
    assert_eq!(Asker::operator().post(&app, "/v1/alerts", asked).await.status, 201);
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: NOON.0 + 3 * 3_600_000 }));
    app.send_lead(&acme, "ana").await;
    for _ in 0..14 {
        app.run_until_idle().await;
        app.advance(MINUTE);
        look(&app).await;
    }
    assert!(mail.take().is_empty(), "less than a quarter of an hour");
    for _ in 0..3 {
        app.advance(MINUTE);
        app.run_until_idle().await;
        look(&app).await;
    }
    let letters = mail.take();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].to == "maya@example.com" && letters[0].subject().starts_with("acme: A lead waits: "),
        "{letters:?}"
    );
    app.advance(MINUTE * 45);
    look(&app).await;
    assert_eq!(mail.take()[0].to, "tom@example.com", "the quiet hours are over");
    app.run_through(NOON + Duration::from_secs(4 * 3600)).await;
    app.finish().await;
}

#[tokio::test]
async fn a_lead_that_is_given_up_is_told_of_with_its_reason_and_what_waited_is_not_simply_over() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.connected("acme").await;
    rule(&app, json!({ "for": "failed" })).await;
    rule(&app, json!({ "for": "lead_waits", "minutes": 15 })).await;
    let days = 5 * 24 * 3_600_000;
    app.hubspot.set_knobs(|knobs| knobs.outage = Some(Outage { from_ms: NOON.0, to_ms: NOON.0 + days }));
    app.send_lead(&acme, "ana").await;
    app.run_until_idle().await;
    app.run_through(NOON + MINUTE * 60).await;
    look(&app).await;
    let waits = mail.take();
    assert!(waits.len() == 1 && waits[0].subject().starts_with("acme: A lead waits: "), "nothing failed: {waits:?}");
    app.run_through(NOON + MINUTE * 60 * 73).await;
    for _ in 0..8 {
        look(&app).await;
        app.advance(MINUTE);
    }
    let letters = mail.take();
    let mut subjects: Vec<_> = letters.iter().map(|letter| letter.subject().to_owned()).collect();
    subjects.sort();
    let [failed, given_up] = &subjects[..] else { panic!("one a cause, and not one a lead: {subjects:?}") };
    assert!(given_up.starts_with("acme: Given up: A lead waits: "), "{subjects:?}");
    assert!(failed.starts_with("acme: A lead failed: "), "{subjects:?}");
    let failed = letters.iter().find(|letter| letter.subject() == failed).unwrap().text();
    for words in
        ["gave up after 13 attempts in 72 hours", "then replay what failed", "/accounts/acme/logs?outcome=failed"]
    {
        assert!(failed.to_lowercase().contains(&words.to_lowercase()), "{words}: {failed}");
    }
    app.finish().await;
}

#[tokio::test]
async fn somebody_hears_of_it_by_default_and_what_is_taken_out_does_not_come_back() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.connected("acme").await;
    let words = async || {
        let rules = app.app.store.alert_rules(&acme.account.id).await.unwrap();
        rules.iter().map(|rule| format!("{} {}", rule.watches.word(), rule.channel)).collect::<Vec<_>>()
    };
    look(&app).await;
    assert_eq!(words().await, [""; 0], "nobody is there to be told");
    invite(&app, "maya@example.com").await;
    look(&app).await;
    let to_maya = ["reconnect", "failed", "weekly"].map(|word| format!("{word} mail to maya@example.com"));
    assert_eq!(words().await, to_maya);
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/alerts").await;
    assert!(text(&page).contains("there from the start"), "{}", text(&page));

    for rule in app.app.store.alert_rules(&acme.account.id).await.unwrap() {
        let path = format!("/accounts/acme/alerts/{}/remove", rule.id);
        assert_eq!(submit(&app, &manager, &path, &[]).await.status, 303);
    }
    invite(&app, "tom@example.com").await;
    for _ in 0..3 {
        app.advance(MINUTE);
        look(&app).await;
    }
    assert_eq!(words().await, [""; 0], "somebody chose so");

    // Whoever chose before is given nothing.
    app.account("beta").await;
    let asked = json!({ "account": "beta", "watches": { "for": "issue" }, "channel": { "by": "mail", "to": ["ben@example.com"] } });
    assert_eq!(Asker::operator().post(&app, "/v1/alerts", asked).await.status, 201);
    look(&app).await;
    let beta = app.app.store.account("beta").await.unwrap().unwrap();
    assert_eq!(app.app.store.alert_rules(&beta.id).await.unwrap().len(), 1);
    app.finish().await;
}

/// What a webhook got: its headers and its body.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A program that is told, and what it answers.
async fn receiver(answer: Arc<Mutex<StatusCode>>) -> (String, Got) {
    let got = Got::default();
    let take = |State((got, answer)): State<(Got, Arc<Mutex<StatusCode>>)>, headers: HeaderMap, body: Bytes| async move {
        got.lock().unwrap().push((headers, body));
        let status = *answer.lock().unwrap();
        let response: Response = (status, [("location", "http://127.0.0.1:9/elsewhere")]).into_response();
        response
    };
    let router = Router::new().fallback(take).with_state((got.clone(), answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, got)
}

#[tokio::test]
async fn a_webhook_is_signed_and_is_not_led_elsewhere() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let answer = Arc::new(Mutex::new(StatusCode::FOUND));
    let (url, received) = receiver(answer.clone()).await;
    let operator = Asker::operator();
    let asked = json!({ "account": "acme", "watches": { "for": "issue" }, "channel": { "by": "webhook", "url": url } });
    let made = operator.post(&app, "/v1/alerts", asked).await;
    let secret = made.body["data"]["secret"].as_str().unwrap().to_owned();
    let id = made.body["data"]["rule"]["id"].as_str().unwrap().to_owned();
    assert!(!operator.get(&app, &format!("/v1/alerts/{id}")).await.body.to_string().contains(&secret), "shown once");

    let problem = Problem::new(Code::AuthRevoked, "the refresh token is over");
    app.app.store.open_issue(&acme.id, &problem, app.now()).await.unwrap();
    look(&app).await;
    let message = messages(&app, Some(&acme.id)).await.remove(0);
    assert_eq!(message.reason.as_deref(), Some("the webhook answered 302: it leads elsewhere, and is not followed"));
    *answer.lock().unwrap() = StatusCode::NO_CONTENT;
    app.advance(MINUTE);
    send(&app).await;
    assert_eq!(messages(&app, Some(&acme.id)).await[0].state, MessageState::Sent);

    let got = received.lock().unwrap().clone();
    assert_eq!(got.len(), 2);
    let ids: Vec<_> = got.iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap()).collect();
    assert_eq!(ids, [message.id.as_str(); 2], "a repeat has the same id");
    let (headers, body) = &got[1];
    let values = |name: &'static str| headers.get_all(name).iter().map(|value| value.as_bytes());
    let signed = signature::read(values).unwrap();
    assert_eq!(signature::verify(&signed, body, &[Secret::parse(&secret).unwrap()], 300, app.now()), Ok(0));
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((body["type"].as_str(), body["data"]["account"]["slug"].as_str()), (Some("alert.opened"), Some("acme")));
    assert_eq!(body["data"]["findings"][0]["fix"], "Reconnect HubSpot; what waits then runs by itself.");

    // A new secret: for a day the one before signs beside it, and pressed again by somebody who saw the rule before, it stays.
    let rotated = operator.post(&app, &format!("/v1/alerts/{id}/rotate"), json!({})).await;
    let new = rotated.body["data"]["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, secret);
    let signs = async || {
        received.lock().unwrap().clear();
        operator.post(&app, &format!("/v1/alerts/{id}/test"), json!({})).await;
        send(&app).await;
        let (headers, body) = received.lock().unwrap().remove(0);
        let values = |name: &'static str| headers.get_all(name).iter().map(|value| value.as_bytes());
        let by = |secret: &str| {
            let signed = signature::read(values).unwrap();
            signature::verify(&signed, &body, &[Secret::parse(secret).unwrap()], 300, app.now()).is_ok()
        };
        (by(&secret), by(&new))
    };
    assert_eq!(signs().await, (true, true));
    app.advance(alerts::OVERLAP);
    assert_eq!(signs().await, (false, true));
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let path = format!("/accounts/acme/alerts/{id}/rotate");
    let late = submit(&app, &manager, &path, &[("revision", "1")]).await;
    assert!(text(&late).contains("the rule was changed by somebody else"), "{}", text(&late));
    let shown = submit(&app, &manager, &path, &[("revision", "2")]).await;
    assert!(text(&shown).contains("whsec_") && text(&shown).contains("has a new secret"), "{}", text(&shown));
    let (code, printed) = app.command(&["alert", "rotate", &id]).await;
    assert!(code == 0 && printed.contains("whsec_") && printed.contains("for 24 h more"), "{printed}");
    app.finish().await;
}

#[tokio::test]
async fn a_webhook_leads_behind_our_wall_only_where_the_operator_allows_it() {
    let app = TestApp::start().await;
    app.account("acme").await;
    for url in [
        "http://127.0.0.1:9/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "http://example.com/",
    ] {
        let asked =
            json!({ "account": "acme", "watches": { "for": "issue" }, "channel": { "by": "webhook", "url": url } });
        let refused = Asker::operator().post(&app, "/v1/alerts", asked).await;
        assert_eq!(refused.refusal(), (400, "bad_request"), "{url}: {refused:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn two_people_do_not_overwrite_each_others_rule() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    let made = rule(&app, json!({ "for": "lead_waits", "minutes": 15 })).await;
    let (operator, path) = (Asker::operator(), format!("/v1/alerts/{}", made["id"].as_str().unwrap()));
    let seen = operator.get(&app, &path).await.header("etag").to_owned();
    let change = |minutes: u32| {
        let channel = json!({ "by": "mail", "to": ["maya@example.com"] });
        json!({ "watches": { "for": "lead_waits", "minutes": minutes }, "channel": channel })
    };
    let first = operator.with("if-match", &seen);
    let changed = first.ask(&app, reqwest::Method::PUT, &path, Some(&change(30))).await;
    assert_eq!((changed.status, changed.body["data"]["rule"]["watches"]["minutes"].as_u64()), (200, Some(30)));
    let late = first.ask(&app, reqwest::Method::PUT, &path, Some(&change(45))).await;
    assert_eq!(late.refusal(), (412, "changed"));
    assert_eq!(first.ask(&app, reqwest::Method::DELETE, &path, None).await.refusal(), (412, "changed"));
    let fresh = operator.with("if-match", changed.header("etag"));
    assert_eq!(fresh.ask(&app, reqwest::Method::DELETE, &path, None).await.status, 200);
    let wrong = operator.post(&app, "/v1/alerts", json!({ "account": "acme", "watches": { "for": "lead_waits", "minutes": 0 }, "channel": { "by": "mail", "to": ["maya@example.com"] } })).await;
    assert_eq!(wrong.refusal(), (400, "bad_request"));
    assert_eq!(wrong.body["detail"], "the minutes that a lead waits are 1 to 10080, not 0");
    app.finish().await;
}

#[tokio::test]
async fn the_week_comes_on_monday_with_the_figures_of_the_overview() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.connected("acme").await;
    rule(&app, json!({ "for": "weekly" })).await;
    for name in ["ana", "bob"] {
        app.send_lead(&acme, name).await;
    }
    app.run_until_idle().await;
    look(&app).await;
    assert!(mail.take().is_empty(), "it begins with the Monday after");
    app.advance(Duration::from_secs((7 * 24 + 1) * 3600));
    look(&app).await;
    let letter = mail.take().remove(0);
    assert!(letter.subject().starts_with("acme: All good: 2 leads"), "{letter:?}");
    app.advance(MINUTE * 5);
    look(&app).await;
    assert!(mail.take().is_empty(), "once a week");
    let week = Asker::operator().get(&app, "/v1/digest?account=acme").await.body;
    assert_eq!((&week["data"]["tiles"][0]["value"], &week["data"]["days"][0]["leads"]), (&json!("2"), &json!(2)));
    app.finish().await;
}

#[tokio::test]
async fn rules_are_made_tried_and_turned_off_on_the_page() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let empty = manager.get(&app, "/accounts/acme/alerts").await;
    assert!(
        text(&empty).contains("Three rules suit almost everybody")
            && text(&empty).contains("value=\"maya@example.com\"")
    );
    let fields = [("failed", "yes"), ("reconnect", "yes"), ("to", "maya@example.com")];
    let made = submit(&app, &manager, "/accounts/acme/alerts/suggested", &fields).await;
    assert_eq!((made.status, made.header("location")), (303, "/accounts/acme/alerts?done=alert-made"));
    let rules = app.app.store.alert_rules(&acme.id).await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.watches.word()).collect::<Vec<_>>(), ["reconnect", "failed"]);

    let fields = [("for", "failures"), ("percent", "many"), ("by", "mail"), ("to", "maya@example.com")];
    let wrong = submit(&app, &manager, "/accounts/acme/alerts", &fields).await;
    assert!(
        text(&wrong).contains("is no number of percent") && text(&wrong).contains("value=\"many\""),
        "{}",
        text(&wrong)
    );
    let id = rules[0].id.as_str();
    let path = |what: &str| format!("/accounts/acme/alerts/{id}{what}");
    let edit = manager.get(&app, &format!("/accounts/acme/alerts?edit={id}")).await;
    assert!(text(&edit).contains("Change a rule"), "{}", text(&edit));
    let fields =
        [("for", "lead_waits"), ("minutes", "30"), ("by", "mail"), ("to", "tom@example.com"), ("revision", "1")];
    assert_eq!(
        submit(&app, &manager, &path(""), &fields).await.header("location"),
        "/accounts/acme/alerts?done=alert-changed"
    );
    let late = submit(&app, &manager, &path(""), &fields).await;
    assert!(text(&late).contains("changed by somebody else"), "{}", text(&late));
    submit(&app, &manager, &path("/test"), &[]).await;
    send(&app).await;
    let letter = mail.take().remove(0);
    assert_eq!((letter.to.as_str(), letter.subject()), ("tom@example.com", "acme: A test of your alerts"));
    submit(&app, &manager, &path("/switch"), &[("revision", "2")]).await;
    assert!(!app.app.store.alert_rule(id).await.unwrap().unwrap().is_on);
    submit(&app, &manager, &path("/remove"), &[]).await;
    assert!(app.app.store.alert_rule(id).await.unwrap().is_none());

    let viewer = looks(&signed_in(&app, Some("acme"), "viewer").await);
    let page = viewer.get(&app, "/accounts/acme/alerts").await;
    assert!(!text(&page).contains("Make the rule") && !text(&page).contains("Turn off"), "{}", text(&page));
    assert_eq!(submit(&app, &viewer, "/accounts/acme/alerts", &[]).await.status, 403);
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_makes_lists_tests_and_deletes_rules_and_prints_the_week() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    let told = ["--mail-url", mail.url.as_str(), "--mail-from", "leads@example.com"];
    let create = [
        "alert",
        "create",
        "--account",
        "acme",
        "--silence",
        "4",
        "--days",
        "mon,tue",
        "--mail",
        "maya@example.com",
        "--json",
    ];
    let (code, out) = app.command(&[&told[..], &create[..]].concat()).await;
    assert_eq!(code, 0, "{out}");
    let made: Value = serde_json::from_str(&out).unwrap();
    let id = made["data"]["rule"]["id"].as_str().unwrap();
    let (_, listed) = app.command(&["alert", "list", "--account", "acme"]).await;
    assert!(
        listed.contains("No lead for 4 hours, Mon, Tue 09:00–18:00") && listed.contains("mail to maya@example.com"),
        "{listed}"
    );
    let changed = [&told[..], &["alert", "set", id, "--silence", "6", "--quiet", "22:00-07:00"]].concat();
    assert_eq!(app.command(&changed).await.0, 0);
    let (code, said) = app.command(&["alert", "set", id, "--off"]).await;
    assert_eq!(code, 0, "it is turned off where there is no mail any more: {said}");
    assert!(
        said.contains("for 6 hours, Mon, Tue") && said.contains("maya@example.com, off."),
        "what is not named stays: {said}"
    );
    let (_, listed) = app.command(&["alert", "list", "--account", "acme"]).await;
    assert!(listed.contains("22:00–07:00") && listed.contains("off"), "{listed}");
    let (code, said) = app.command(&["alert", "create", "--account", "acme", "--mail", "maya@example.com"]).await;
    assert_eq!(code, 2, "{said}");
    assert_eq!(app.command(&["alert", "test", id]).await.0, 0);
    let (_, listed) = app.command(&["alert", "messages", "--account", "acme"]).await;
    assert!(listed.contains("A test of your alerts"), "{listed}");
    assert_eq!(app.command(&["alert", "delete", id]).await.0, 0);
    assert_eq!(app.command(&["alert", "delete", id]).await.0, 5);
    assert_eq!(
        app.command(&["alert", "create", "--account", "acme", "--issue", "--mail", "maya@example.com"]).await.0,
        6,
        "no mail"
    );
    let (_, week) = app.command(&["digest", "--account", "acme"]).await;
    assert!(week.starts_with("acme · The week of"), "{week}");
    let (_, page) = app.command(&["digest", "--account", "acme", "--html"]).await;
    assert!(page.starts_with("<!doctype html>") && !page.contains("<svg"), "{page}");
    app.finish().await;
}

#[tokio::test]
async fn one_button_makes_those_of_the_three_suggested_rules_that_are_not_there_yet() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let page = manager.get(&app, "/accounts/acme/alerts").await;
    assert!(text(&page).contains("name=\"all\" value=\"yes\">Make all three</button>"), "{}", text(&page));
    // Somebody else makes one of them meanwhile.
    rule(&app, json!({ "for": "failed" })).await;
    let words = async || {
        let rules = app.app.store.alert_rules(&acme.id).await.unwrap();
        rules.iter().map(|rule| rule.watches.word()).collect::<Vec<_>>()
    };
    let press = async |to: &str| {
        let fields = [("reconnect", "yes"), ("all", "yes"), ("to", to)];
        submit(&app, &manager, "/accounts/acme/alerts/suggested", &fields).await
    };
    let wrong = press("maya").await;
    assert_eq!((wrong.status, words().await), (400, vec!["failed"]), "{}", text(&wrong));
    for done in ["alert-made", "nothing"] {
        let pressed = press("maya@example.com").await;
        assert_eq!(pressed.header("location"), format!("/accounts/acme/alerts?done={done}"));
        assert_eq!(words().await, ["failed", "reconnect", "weekly"]);
    }
    let audit = Asker::operator().get(&app, "/v1/audit?account=acme").await.body;
    let made = audit["data"].as_array().unwrap().iter().map(|entry| &entry["detail"]["after"]);
    let made: Vec<_> = made.filter_map(Value::as_array).flatten().map(|rule| &rule["when"]).collect();
    assert_eq!(made, ["HubSpot has to be connected again", "The week's leads, every Monday at 08:00"], "{audit}");
    app.finish().await;
}

#[tokio::test]
async fn where_there_is_no_room_for_all_suggested_rules_none_is_made() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    let acme = app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    for minutes in 1..alerts::RULES_MAX {
        rule(&app, json!({ "for": "lead_waits", "minutes": minutes })).await;
    }
    let fields = [("all", "yes"), ("to", "maya@example.com")];
    let refused = submit(&app, &manager, "/accounts/acme/alerts/suggested", &fields).await;
    assert_eq!(refused.status, 409, "{}", text(&refused));
    assert!(text(&refused).contains("an account has 50 rules at most"), "{}", text(&refused));
    assert_eq!(app.app.store.alert_rules(&acme.id).await.unwrap().len(), alerts::RULES_MAX - 1);
    // There is room for one.
    let fields = [("weekly", "yes"), ("to", "maya@example.com")];
    let made = submit(&app, &manager, "/accounts/acme/alerts/suggested", &fields).await;
    assert_eq!((made.status, made.header("location")), (303, "/accounts/acme/alerts?done=alert-made"));
    app.finish().await;
}

#[tokio::test]
async fn suggested_rules_that_are_refused_keep_what_was_typed_and_ticked() {
    let mail = MailServer::start().await;
    let app = start_with(&mail).await;
    app.account("acme").await;
    let manager = looks(&signed_in(&app, Some("acme"), "manager").await);
    let fields = [("reconnect", "yes"), ("weekly", "yes"), ("to", "maya")];
    let refused = submit(&app, &manager, "/accounts/acme/alerts/suggested", &fields).await;
    assert_eq!(refused.status, 400, "{}", text(&refused));
    for words in [
        "<code>maya</code> is no e-mail address",
        "multiple value=\"maya\"",
        "name=\"reconnect\" value=\"yes\" checked",
        "name=\"failed\" value=\"yes\">",
        "name=\"weekly\" value=\"yes\" checked",
    ] {
        assert!(text(&refused).contains(words), "{words}: {}", text(&refused));
    }
    app.finish().await;
}
