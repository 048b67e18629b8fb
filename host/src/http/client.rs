//! Who asks where nobody is known yet: the address at the other end, so that one of them cannot ask for everybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;

use crate::model::time::Timestamp;
use crate::webhook::is_public;

/// Links that one client may ask for in [`WITHIN`]: a few people behind one wall, and a few mistakes.
const LINKS_MAX: u32 = 20;
/// See [`LINKS_MAX`].
const WITHIN: Duration = Duration::from_secs(15 * 60);
/// Clients that are remembered; when there are more, all begin anew.
const CLIENTS_MAX: usize = 10_000;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// What a client is known by. Behind a proxy that is the address which the proxy saw: the last one that it notes.
pub(super) fn client(peer: Option<Peer>, headers: &HeaderMap) -> String {
    let Some(Peer(peer)) = peer else { return "unknown".to_owned() };
    if is_public(peer) {
        return network(peer);
    }
    let noted = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).next_back();
    let last = noted.and_then(|line| line.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
    network(last.unwrap_or(peer))
}

/// Whoever has an address of the new kind has a whole network of them.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => address.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
        },
    }
}

/// How often each client has asked for a link of late, in this process.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<String, (Timestamp, u32)>>);

impl Clients {
    /// Counts one more.
    ///
    /// # Errors
    /// How long the client has to wait.
    pub(super) fn take(&self, client: &str, now: Timestamp) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CLIENTS_MAX && !known.contains_key(client) {
            known.clear();
        }
        let (since, asked) = known.entry(client.to_owned()).or_insert((now, 0));
        if now.since(*since) >= WITHIN || now < *since {
            (*since, *asked) = (now, 0);
        }
        if *asked >= LINKS_MAX {
            return Err((*since + WITHIN).since(now));
        }
        *asked += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_its_address_and_behind_a_proxy_the_one_that_the_proxy_saw() {
        for (peer, noted, expected) in [
            ("8.8.8.8", None, "8.8.8.8"),
            // Whoever comes from outside says nothing about himself.
            ("8.8.8.8", Some("1.1.1.1"), "8.8.8.8"),
            ("127.0.0.1", None, "127.0.0.1"),
            ("127.0.0.1", Some("6.6.6.6, 9.9.9.9"), "9.9.9.9"),
            ("10.0.0.2", Some("2606:4700:1:2:3:4:5:6"), "2606:4700:1:2:"),
            ("127.0.0.1", Some("nonsense"), "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(noted) = noted {
                headers.insert("x-forwarded-for", noted.parse().unwrap());
            }
            assert_eq!(client(Some(Peer(peer.parse().unwrap())), &headers), expected, "{peer} {noted:?}");
        }
    }

    #[test]
    fn a_client_that_asks_too_often_waits_and_nobody_else_does() {
        let clients = Clients::default();
        let now = Timestamp(0);
        let taken = (0..100).take_while(|_| clients.take("a", now).is_ok()).count();
        assert_eq!(taken, 20);
        assert_eq!(clients.take("a", now), Err(WITHIN));
        assert_eq!(clients.take("b", now), Ok(()));
        assert_eq!(clients.take("a", now + WITHIN), Ok(()));
    }
}
