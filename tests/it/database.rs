//! The database server under the running service: restarted, gone, cutting connections, short of them, held up. Senders
//! are told 503 and repeat; nothing is lost, nothing is doubled, and everything goes on by itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadline::lane::LEASE;
use leadline::model::delivery::DeliveryState;
use leadline::model::id::CallId;
use leadline::model::lane::{LaneKind, Settled};
use leadline::store::{EventFilter, NewCall};
use serde_json::json;
use sqlx::Executor as _;

use crate::postgres_server::{self, Server};
use crate::proxy::LossyRelay;
use crate::support::{Answer, Dealer, TestApp, lead};

const SENDERS: usize = 6;
const LEADS_EACH: usize = 15;
/// Far more than anything here takes: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the service logs on this thread, which is all of it but the guests'.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Listens until the guard is dropped.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let own = self.clone();
        let subscriber = tracing_subscriber::fmt().with_env_filter("leadline=warn").with_ansi(false);
        tracing::subscriber::set_default(subscriber.with_writer(move || own.clone()).finish())
    }

    fn count(&self, text: &str) -> usize {
        self.text().lines().filter(|line| line.contains(text)).count()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A service on a server of its own, and senders that repeat what is not acknowledged.
struct Scene {
    app: Arc<TestApp>,
    dealer: Arc<Dealer>,
    said: Lines,
    _listens: tracing::subscriber::DefaultGuard,
    /// How often each status was answered.
    statuses: Arc<Mutex<BTreeMap<u16, usize>>>,
}

impl Scene {
    async fn on(database: String) -> Self {
        let said = Lines::default();
        let listens = said.listen();
        let app = TestApp::start_with(|config, _, _| config.database = Some(database)).await;
        let dealer = app.connected("acme").await;
        app.hubspot.set_knobs(|knobs| knobs.rate_limit = None);
        app.let_go().await;
        Self { app: Arc::new(app), dealer: Arc::new(dealer), said, _listens: listens, statuses: Arc::default() }
    }

    /// Posts once.
    async fn post(&self, name: &str) -> Answer {
        post(&self.app, &self.dealer, name).await
    }

    /// Starts the senders, and returns when the first leads are acknowledged.
    async fn begin_to_send(&self) -> tokio::task::JoinSet<()> {
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            let (app, dealer, statuses) = (self.app.clone(), self.dealer.clone(), self.statuses.clone());
            senders.spawn(async move {
                for number in 0..LEADS_EACH {
                    loop {
                        let answer = post(&app, &dealer, &format!("s{sender}n{number}")).await;
                        *statuses.lock().unwrap().entry(answer.status).or_default() += 1;
                        if answer.status == 202 {
                            break;
                        }
                        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("5")), "{answer:?}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            });
        }
        self.until("the first leads are acknowledged", || self.count(202) >= SENDERS * 4).await;
        senders
    }

    fn count(&self, status: u16) -> usize {
        self.statuses.lock().unwrap().get(&status).copied().unwrap_or_default()
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, wait).await;
        assert!(done.is_ok(), "{what} does not come about; the service said:\n{}", self.said.text());
    }

    /// Everything that was sent is stored once and delivered once.
    async fn finish(self, senders: tokio::task::JoinSet<()>) {
        tokio::time::timeout(PATIENCE, senders.join_all()).await.expect("every lead is acknowledged in the end");
        let leads = SENDERS * LEADS_EACH;
        let held = |kind| self.app.hubspot.record_count(self.dealer.portal(), kind);
        self.until("every lead is delivered", || held("0-46") >= leads).await;
        let (store, account) = (&self.app.app.store, &self.dealer.account.id);
        let settled = async {
            while !all_delivered(store, account).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("every delivery is settled");
        assert_eq!((held("0-1"), held("0-46")), (leads, leads), "contacts and notes");
        let filter = EventFilter { account: Some(account.clone()), limit: 10_000, ..EventFilter::default() };
        assert_eq!(store.events(&filter).await.unwrap().len(), leads, "each is stored once");
        assert!(self.app.hubspot.findings().is_empty(), "{:#?}", self.app.hubspot.findings());
    }
}

async fn all_delivered(store: &leadline::store::Store, account: &leadline::model::id::AccountId) -> bool {
    let filter = EventFilter { account: Some(account.clone()), limit: 10_000, ..EventFilter::default() };
    let events = store.events(&filter).await.unwrap();
    events.iter().all(|event| event.delivery == Some(DeliveryState::Delivered))
}

async fn post(app: &TestApp, dealer: &Dealer, name: &str) -> Answer {
    let body = json!({ "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": lead(name) });
    app.post(dealer, &format!("msg_{name}"), body.to_string().as_bytes()).await
}

/// Runs what blocks beside the service, which shares this thread.
async fn beside(server: &Arc<Server>, act: impl FnOnce(&Server) + Send + 'static) {
    let server = server.clone();
    tokio::task::spawn_blocking(move || act(&server)).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_restarted_at_once_under_load_loses_and_doubles_nothing() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let scene = Scene::on(server.url()).await;
    let senders = scene.begin_to_send().await;
    beside(&server, Server::restart_at_once).await;
    let said = scene.said.clone();
    scene.finish(senders).await;
    assert_eq!(
        (said.count("the database does not answer"), said.count("the database answers again"), said.count("")),
        (1, 1, 2),
        "one line for each change, and no other:\n{}",
        said.text()
    );
}

#[tokio::test]
async fn while_the_database_is_gone_senders_are_told_so_at_once_and_it_is_said_once() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let scene = Scene::on(server.url()).await;
    let senders = scene.begin_to_send().await;
    beside(&server, Server::stop_at_once).await;
    let began = scene.count(503);
    scene.until("senders are refused", || scene.count(503) > began + SENDERS * 10).await;
    let asked = std::time::Instant::now();
    let answer = scene.post("late").await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("ingest.store_down")));
    assert!(asked.elapsed() < Duration::from_secs(2), "told at once, not after a timeout: {:?}", asked.elapsed());
    let ready = reqwest::get(format!("{}/readyz", scene.app.address)).await.unwrap();
    assert_eq!((ready.status().as_u16(), ready.text().await.unwrap().as_str()), (503, "the store does not answer\n"));
    assert_eq!(scene.said.count(""), 1, "{}", scene.said.text());
    beside(&server, Server::go_on).await;
    let back = std::time::Instant::now();
    scene.until("the service notices", || scene.app.app.store.answers()).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    let said = scene.said.clone();
    scene.finish(senders).await;
    // A lease that had not reached the disk is lost with the server, and the round that held it says so.
    let lost = said.count("is no longer ours") + said.count("was taken over while it was planned");
    assert_eq!(said.count("") - lost, 2, "{}", said.text());
}

#[tokio::test]
async fn connections_that_the_server_ends_cost_no_lead() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let scene = Scene::on(server.url()).await;
    let senders = scene.begin_to_send().await;
    let mut operator = server.connection().await;
    for _ in 0..5 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'leadline'";
        // It may be about to connect again; once nobody sends any more, nothing has to be connected.
        let ended = async {
            while sqlx::query_scalar::<_, i64>(end).fetch_one(&mut operator).await.unwrap() == 0
                && scene.count(202) < SENDERS * LEADS_EACH
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the service connects again");
        let acknowledged = scene.count(202);
        scene
            .until("it goes on", || scene.count(202) > acknowledged + 3 || scene.count(202) == SENDERS * LEADS_EACH)
            .await;
    }
    let said = scene.said.clone();
    scene.finish(senders).await;
    assert!(said.count("") <= 10, "two lines for each time at most:\n{}", said.text());
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_no_false_ack_and_no_second_event() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let relay = LossyRelay::before(server.port);
    let scene = Scene::on(postgres_server::url(relay.port)).await;
    let senders = scene.begin_to_send().await;
    for _ in 0..6 {
        relay.lose(1);
        scene.until("an answer is lost", || relay.left() == 0).await;
    }
    scene.finish(senders).await;
}

#[tokio::test]
async fn when_every_connection_is_held_senders_come_back_later_and_all_goes_on_when_they_are_free() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let scene = Scene::on(server.url()).await;
    let senders = scene.begin_to_send().await;
    // Whoever asks for a source waits, and holds a connection meanwhile.
    let mut other = server.connection().await;
    other.execute("BEGIN; LOCK TABLE sources IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (app, dealer) = (scene.app.clone(), scene.dealer.clone());
        crowd.spawn(async move { post(&app, &dealer, &format!("s0n{}", number % LEADS_EACH)).await.status });
    }
    let told = crowd.join_all().await;
    assert!(told.iter().all(|status| [202, 503].contains(status)) && told.contains(&503), "{told:?}");
    other.execute("ROLLBACK").await.unwrap();
    scene.finish(senders).await;
}

#[tokio::test]
async fn a_snapshot_that_somebody_holds_open_delays_no_lead() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let scene = Scene::on(server.url()).await;
    let mut other = server.connection().await;
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM lanes").await.unwrap();
    let senders = scene.begin_to_send().await;
    let said = scene.said.clone();
    scene.finish(senders).await;
    assert_eq!(said.count(""), 0, "{}", said.text());
    other.execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_call_is_not_made_when_somebody_takes_the_lane_while_it_is_stored() {
    let Some(server) = Server::start() else { return };
    let url = server.url();
    let app = TestApp::start_with(|config, _, _| config.database = Some(url)).await;
    let dealer = app.connected("acme").await;
    app.send_lead(&dealer, "maya").await;
    app.plan().await;
    let store = &app.app.store;
    let mut lease = store.lease_lanes(LaneKind::Deliver, "slow", 1, app.now()).await.unwrap().remove(0);
    let now = lease.until + LEASE;
    let mut other = server.connection().await;
    other.execute("BEGIN; UPDATE lanes SET owner = 'other', epoch = epoch + 1 WHERE kind = 'deliver'").await.unwrap();
    let call = NewCall { id: CallId::new(now), operation: "notes.create", request: "{}".to_owned(), items: &[] };
    let committed = async {
        let mut operator = server.connection().await;
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leadline' AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut operator).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        other.execute("COMMIT").await.unwrap();
    };
    let (settled, ()) = tokio::join!(store.next_call(&mut lease, None, call, now), committed);
    assert_eq!(settled.unwrap(), Settled::LeaseLost);
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM calls WHERE settled = 0").fetch_one(&mut other).await.unwrap();
    assert_eq!(kept, 0, "a call that is not made is not remembered");
}
