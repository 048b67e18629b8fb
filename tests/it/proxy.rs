//! A network that misbehaves: a proxy between the service and the simulator, or the database, that passes everything on
//! until it is told what to do to the next request.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What is done to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// The connection is reset, and HubSpot hears nothing.
    ResetBefore,
    /// The connection is reset after HubSpot did it.
    ResetAfter,
    /// HubSpot did it; of the answer half comes, and then nothing more.
    HalfAnswer,
    /// HubSpot did it; its answer comes a byte a second.
    Drip,
    /// Nobody answers.
    Hang,
    /// HubSpot did it; its answer comes twice, one behind the other.
    AnswerTwice,
    /// HubSpot did it; the answer is a success of a hundred million bytes.
    HugeAnswer,
    /// HubSpot did it; what comes back is no HTTP.
    Garbage,
}

/// A proxy in front of one address.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    /// What to do to the next requests whose head holds this text.
    planned: Mutex<VecDeque<(String, Mischief)>>,
    /// Knocked when a mischief was begun.
    begun: Notify,
}

impl Proxy {
    /// Begins to pass on what comes to `upstream`, such as `127.0.0.1:8090`.
    pub(crate) fn before(upstream: &str) -> Self {
        let (listener, port) = listen();
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared { upstream, planned: Mutex::default(), begun: Notify::new() });
        let proxy = Self { port, shared: shared.clone() };
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let shared = shared.clone();
                // However a conversation ends: both sides have noticed.
                tokio::spawn(async move { drop(pass_on(client, &shared).await) });
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Does this to the next request whose head holds `text`.
    pub(crate) fn plan(&self, text: &str, mischief: Mischief) {
        self.shared.planned.lock().unwrap().push_back((text.to_owned(), mischief));
    }

    /// Whether everything that was planned was done.
    pub(crate) fn is_done(&self) -> bool {
        self.shared.planned.lock().unwrap().is_empty()
    }

    /// Ready when the next mischief has begun.
    pub(crate) async fn begun(&self) {
        self.shared.begun.notified().await;
    }
}

fn listen() -> (TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (TcpListener::from_std(listener).unwrap(), port)
}

/// Requests of one connection, one after the other.
async fn pass_on(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let Some(request) = read_message(&mut client).await? else { return Ok(()) };
        let head = String::from_utf8_lossy(&request[..request.len().min(4096)]).into_owned();
        let mischief = {
            let mut planned = shared.planned.lock().unwrap();
            let found = planned.iter().position(|(text, _)| head.contains(text.as_str()));
            found.and_then(|index| planned.remove(index)).map(|(_, mischief)| mischief)
        };
        let forward = async || {
            let mut upstream = TcpStream::connect(&shared.upstream).await?;
            upstream.write_all(&request).await?;
            read_message(&mut upstream).await?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        let Some(mischief) = mischief else {
            client.write_all(&forward().await?).await?;
            continue;
        };
        let answer = match mischief {
            Mischief::ResetBefore | Mischief::Hang => Vec::new(),
            _ => forward().await?,
        };
        shared.begun.notify_one();
        match mischief {
            Mischief::ResetBefore | Mischief::ResetAfter => {
                client.set_zero_linger()?;
                return Ok(());
            }
            Mischief::HalfAnswer => {
                client.write_all(&answer[..answer.len() / 2]).await?;
                return client.shutdown().await;
            }
            Mischief::Drip => {
                for byte in &answer {
                    client.write_all(&[*byte]).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Mischief::Hang => std::future::pending().await,
            Mischief::AnswerTwice => client.write_all(&[&answer[..], &answer[..]].concat()).await?,
            Mischief::HugeAnswer => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n{\"results\":[";
                client.write_all(head.as_bytes()).await?;
                let many = vec![b' '; 1_000_000];
                for _ in 0..100 {
                    client.write_all(&many).await?;
                }
                return Ok(());
            }
            Mischief::Garbage => {
                client.write_all(b"\x15\x03\x01\x00\x02\x02\x50 this is no HTTP\r\n\r\n").await?;
                return client.shutdown().await;
            }
        }
    }
}

/// A request or an answer with its body, whose length is announced; none when the connection ends before one begins.
async fn read_message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let whole = head + length.unwrap_or(0);
    while bytes.len() < whole {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(bytes))
}

/// A relay in front of a Postgres server that loses the server's answer to a commit, and the connection with it, as often
/// as it is told.
pub(crate) struct LossyRelay {
    pub(crate) port: u16,
    losses: Arc<std::sync::atomic::AtomicUsize>,
}

impl LossyRelay {
    pub(crate) fn before(port: u16) -> Self {
        let (listener, own) = listen();
        let losses = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let left = losses.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let left = left.clone();
                tokio::spawn(async move { drop(relay(client, port, &left).await) });
            }
        });
        Self { port: own, losses }
    }

    /// Loses the answers to the next commits.
    pub(crate) fn lose(&self, commits: usize) {
        self.losses.store(commits, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn left(&self) -> usize {
        self.losses.load(std::sync::atomic::Ordering::SeqCst)
    }
}

async fn relay(mut client: TcpStream, port: u16, losses: &std::sync::atomic::AtomicUsize) -> io::Result<()> {
    use std::sync::atomic::Ordering::SeqCst;
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut loses = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return server.shutdown().await;
                }
                let commits = bytes.windows(7).any(|window| window == b"COMMIT\0");
                loses = commits && losses.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
                server.write_all(bytes).await?;
            }
            read = server.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() || loses {
                    return Ok(()); // the server has committed, and nobody hears of it
                }
                client.write_all(bytes).await?;
            }
        }
    }
}
