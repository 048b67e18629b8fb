//! Senders that are slow, silent or many: each is answered or let go within a limit that has a name, and no other sender
//! waits for them.

use std::time::Duration;

use leadline::config::Role;
use leadline::http::{self, Limits};
use leadline::signature::Secret;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{Dealer, TestApp};

const BODY: &[u8] =
    br#"{"type":"lead.captured.v1","timestamp":"2026-11-23T08:00:00Z","data":{"id":"lead_1","email":"a@example.com"}}"#;
/// Far more than anything here takes: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Short enough for a test, and long enough for a busy machine.
const SHORT: Duration = Duration::from_millis(400);
/// Not reached here.
const LONG: Duration = Duration::from_secs(120);

/// A second door of the same service, with limits of its own; it closes when `stop` is told, or gone.
struct Door {
    address: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

async fn door(app: &TestApp, limits: Limits) -> Door {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let served =
        http::serve(listener, http::router(app.app.clone(), &Role::ALL), limits, async move { drop(stopped.await) });
    Door { address, stop, served: tokio::spawn(served) }
}

/// The head of a signed request with this body.
fn head(app: &TestApp, dealer: &Dealer, id: &str) -> String {
    let at = app.now().seconds();
    let signature = Secret::parse(dealer.secret.expose_secret()).unwrap().sign(id, at, BODY);
    format!(
        "POST /v1/sources/{}/events HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n\r\n",
        dealer.source,
        BODY.len()
    )
}

/// Everything that comes until the other side ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    drop(timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is ended"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One good request on a connection of its own.
async fn status(address: &str, app: &TestApp, dealer: &Dealer, id: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head(app, dealer, id).as_bytes()).await.unwrap();
    stream.write_all(BODY).await.unwrap();
    first_line(&mut stream).await
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut bytes)).await.expect("there is an answer").unwrap();
    String::from_utf8_lossy(&bytes[..read]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn who_is_silent_or_never_ends_its_headers_is_let_go() {
    let app = TestApp::start().await;
    let door = door(&app, Limits { head: SHORT, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(&door.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    // A header line now and then makes the time no longer.
    let (mut read, mut write) = TcpStream::connect(&door.address).await.unwrap().into_split();
    let drip = async {
        write.write_all(b"POST /v1/sources/x/events HTTP/1.1\r\n").await.unwrap();
        while write.write_all(b"x-more: y\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 8).await;
        }
    };
    let mut answer = Vec::new();
    let ended = async { drop(read.read_to_end(&mut answer).await) };
    timeout(PATIENCE, async {
        tokio::select! {
            () = drip => {}
            () = ended => {}
        }
    })
    .await
    .expect("the connection is ended");
    app.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_answered_with_408_and_recorded() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let door = door(&app, Limits { body: SHORT, ..Limits::default() }).await;
    let mut slow = TcpStream::connect(&door.address).await.unwrap();
    slow.write_all(head(&app, &dealer, "msg_1").as_bytes()).await.unwrap();
    slow.write_all(&BODY[..10]).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("ingest.too_slow"), "{answer}");
    assert_eq!(app.app.store.rejections(None, 1).await.unwrap()[0].class, "too_slow");
    app.finish().await;
}

#[tokio::test]
async fn a_crowd_of_silent_connections_keeps_nobody_out() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let door = door(&app, Limits { connections: 20, head: LONG, body: LONG }).await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(TcpStream::connect(&door.address).await.unwrap());
    }
    for number in 0..10 {
        assert_eq!(status(&door.address, &app, &dealer, &format!("msg_{number}")).await, "HTTP/1.1 202 Accepted");
    }
    // The oldest had to make room.
    for stream in &mut crowd[..280] {
        assert_eq!(rest(stream).await, "");
    }
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn when_all_connections_are_at_work_the_next_one_waits_for_a_place() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let door = door(&app, Limits { connections: 2, head: LONG, body: LONG }).await;
    let mut busy = Vec::new();
    for number in 0..2 {
        let mut stream = TcpStream::connect(&door.address).await.unwrap();
        stream.write_all(head(&app, &dealer, &format!("msg_{number}")).as_bytes()).await.unwrap();
        // Its first byte was taken, so it is at work.
        stream.write_all(&BODY[..1]).await.unwrap();
        busy.push(stream);
    }
    tokio::time::sleep(SHORT).await;
    let third = status(&door.address, &app, &dealer, "msg_third");
    let first = async {
        busy[0].write_all(&BODY[1..]).await.unwrap();
        first_line(&mut busy[0]).await
    };
    assert_eq!(tokio::join!(third, first), ("HTTP/1.1 202 Accepted".to_owned(), "HTTP/1.1 202 Accepted".to_owned()));
    app.run_until_idle().await;
    app.finish().await;
}

#[tokio::test]
async fn at_the_end_a_request_under_way_is_answered_and_a_silent_connection_is_not_waited_for() {
    let app = TestApp::start().await;
    let dealer = app.connected("acme").await;
    let door = door(&app, Limits { head: LONG, body: LONG, ..Limits::default() }).await;
    let mut half = TcpStream::connect(&door.address).await.unwrap();
    half.write_all(b"POST /v1/sources").await.unwrap();
    let mut under_way = TcpStream::connect(&door.address).await.unwrap();
    under_way.write_all(head(&app, &dealer, "msg_1").as_bytes()).await.unwrap();
    under_way.write_all(&BODY[..10]).await.unwrap();
    tokio::time::sleep(SHORT).await;
    door.stop.send(()).unwrap();
    assert_eq!(rest(&mut half).await, "");
    under_way.write_all(&BODY[10..]).await.unwrap();
    assert!(rest(&mut under_way).await.starts_with("HTTP/1.1 202 "));
    timeout(PATIENCE, door.served).await.expect("the service has ended").unwrap();
    app.run_until_idle().await;
    app.finish().await;
}
