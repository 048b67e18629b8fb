//! The load: a client so cheap that it does not stand in the way. Requests are made and signed before the clock starts;
//! of an answer it reads the status and the length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The threads that the load runs on.
pub(crate) const THREADS: &str = "load";

/// A connection that is kept.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Client {
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request, and reads the whole answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            anyhow::ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the service closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status in an answer")?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let whole = head + length.context("an answer does not say how long it is")?;
        while self.buffer.len() < whole {
            anyhow::ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the service closed the connection");
        }
        Ok(Answer { status, body: &self.buffer[head..whole] })
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n{headers}content-length: {}\r\n\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends them from so many connections, each its next when its last was accepted, until none is left or the time is
/// up. Says how many were accepted, and how long that took.
pub(crate) async fn closed_loop(
    addresses: &[String],
    requests: Arc<Vec<Vec<u8>>>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<(usize, f64)> {
    let mut clients = Vec::new();
    for number in 0..connections {
        clients.push(Client::connect(&addresses[number % addresses.len()]).await?);
    }
    let (next, accepted, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut senders = JoinSet::new();
    for mut client in clients {
        let (requests, next, accepted) = (requests.clone(), next.clone(), accepted.clone());
        senders.spawn(async move {
            while started.elapsed() < time
                && let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let answer = client.send(request).await?;
                anyhow::ensure!(
                    answer.status == 202,
                    "a lead was not accepted: {} {}",
                    answer.status,
                    String::from_utf8_lossy(answer.body)
                );
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok((accepted.load(Ordering::Relaxed), started.elapsed().as_secs_f64()))
}
