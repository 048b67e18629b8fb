//! Requests to addresses that people of an account chose. Such an address is foreign: nobody is led by it to a machine
//! behind our own wall.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{StatusCode, Url, header};
use secrecy::ExposeSecret as _;

use crate::model::message::Attempted;
use crate::model::time::Timestamp;
use crate::signature::{HEADER_SETS, Secret};

/// A connection that does not come about in this time will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Whoever takes longer does the work before he answers; the lease of a message outlives it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// As long as anybody sensible makes an address.
pub const URL_CHARS_MAX: usize = 500;

/// Sends requests to foreign addresses.
pub struct Webhooks {
    http: reqwest::Client,
    /// Whether machines behind our own wall may be asked too.
    allows_private: bool,
}

/// Why an address cannot be a webhook's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("`{0}` is no address; it looks like https://example.com/hooks/leads")]
    NoAddress(String),
    #[error("the address of a webhook begins with https://, so that nobody reads along")]
    Plain,
    #[error("an address does not hold a user or a password; what comes from us is known by its signature")]
    User,
    #[error("the address is longer than {URL_CHARS_MAX} characters")]
    Long,
    #[error("`{0}` is no address of the open internet; the operator may allow it with `--private-webhooks`")]
    Private(String),
}

impl Webhooks {
    /// A client; with `allows_private`, one that asks machines of our own network too.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allows_private: bool) -> anyhow::Result<Self> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("leadline/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        if !allows_private {
            http = http.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self { http: http.build()?, allows_private })
    }

    /// Whether an address may be a webhook's. A name is looked up when it is used: it may lead elsewhere by then.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, text: &str) -> Result<Url, WebhookError> {
        if text.chars().count() > URL_CHARS_MAX {
            return Err(WebhookError::Long);
        }
        let no_address = || WebhookError::NoAddress(text.chars().filter(|c| !c.is_control()).collect());
        let url = Url::parse(text).map_err(|_| no_address())?;
        let (name, address) = match url.host().ok_or_else(no_address)? {
            url::Host::Domain(name) => (name.to_owned(), None),
            url::Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(address))),
            url::Host::Ipv6(address) => (address.to_string(), Some(IpAddr::V6(address))),
        };
        let local_name = name == "localhost" || name.ends_with(".localhost");
        let is_here = local_name || address.is_some_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(WebhookError::Plain),
            _ => return Err(no_address()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookError::User);
        }
        let is_private = local_name || address.is_some_and(|address| !is_public(address));
        if is_private && !self.allows_private {
            return Err(WebhookError::Private(name));
        }
        Ok(url)
    }

    /// Posts a body, signed as Standard Webhooks says, by each of the secrets. Repeats have the same id.
    pub async fn send(&self, id: &str, url: &str, secrets: &[Secret], body: String, now: Timestamp) -> Attempted {
        let url = match self.check(url) {
            Ok(url) => url,
            Err(error) => return Attempted::Never(error.to_string()),
        };
        let signatures = secrets.iter().map(|secret| secret.sign(id, now.seconds(), body.as_bytes()));
        let signature = signatures.collect::<Vec<_>>().join(" ");
        let [id_header, time_header, signature_header] = HEADER_SETS[0];
        let request = self.http.post(url).header(header::CONTENT_TYPE, "application/json");
        let request =
            request.header(id_header, id).header(time_header, now.seconds()).header(signature_header, signature);
        match request.body(body).send().await {
            Ok(answer) => meaning(answer.status()),
            Err(error) => Attempted::Later(format!("the webhook cannot be reached: {}", chain(&error.without_url()))),
        }
    }
}

fn meaning(status: StatusCode) -> Attempted {
    match status {
        status if status.is_success() => Attempted::Sent,
        StatusCode::GONE => Attempted::Never("the webhook answered 410: it is gone for good".to_owned()),
        status if status.is_redirection() => Attempted::Later(format!(
            "the webhook answered {}: it leads elsewhere, and is not followed",
            status.as_u16()
        )),
        status => Attempted::Later(format!("the webhook answered {}", status.as_u16())),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    crate::text::cut(&words, 300)
}

/// Looks names up, and gives only addresses of the open internet: the connection goes to what was looked at here.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(WebhookError::Private(name.as_str().to_owned()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the open internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local() // where clouds tell machines their secrets
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared by customers of one provider
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)); // for measuring networks
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // An address of the old kind, written in the new one, or reached through a translator.
    let embedded = match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((segments[6], segments[7])),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only this part is given out; what is special in it stands behind.
    let is_global = segments[0] & 0xe000 == 0x2000;
    // Tunnels and protocols, and the addresses of examples.
    let is_special = matches!(segments, [0x2001, ..0x200 | 0xdb8, ..] | [0x3fff, ..]);
    is_global && !is_special
}

/// The secret that a rule's webhook is signed with.
///
/// # Errors
/// When the stored text is none.
pub fn secret(stored: &secrecy::SecretString) -> Result<Secret, crate::signature::SecretError> {
    Secret::parse(stored.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        let rows = [
            ("93.184.216.34", true),
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("198.18.0.1", false),
            ("192.0.0.192", false),
            ("203.0.113.7", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::", false),
            ("2002:a9fe:a9fe::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_https_and_out_in_the_open_unless_the_operator_allows_more() {
        let (closed, open) = (Webhooks::new(false).unwrap(), Webhooks::new(true).unwrap());
        for (text, out, allowed) in [
            ("https://hooks.example.com/a?b=c", true, true),
            ("https://93.184.216.34/", true, true),
            ("http://hooks.example.com/", false, false),
            ("https://127.0.0.1/", false, true),
            ("http://127.0.0.1:9000/", false, true),
            ("http://localhost:9000/", false, true),
            ("http://2130706433/", false, true),
            ("http://0x7f.1/", false, true),
            ("https://[::ffff:169.254.169.254]/", false, true),
            ("https://10.0.0.1/", false, true),
            ("http://10.0.0.1/", false, false),
            ("https://user:pass@hooks.example.com/", false, false),
            ("ftp://hooks.example.com/", false, false),
            ("file:///etc/passwd", false, false),
            ("hooks.example.com", false, false),
        ] {
            assert_eq!((closed.check(text).is_ok(), open.check(text).is_ok()), (out, allowed), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_behind_our_wall_is_not_followed() {
        let name = "localhost".parse().unwrap();
        let error = PublicOnly.resolve(name).await.err().expect("this machine is not public");
        assert!(error.to_string().contains("no address of the open internet"), "{error}");
    }

    #[test]
    fn what_an_answer_means() {
        for (status, later) in
            [(200, false), (204, false), (301, true), (404, true), (429, true), (500, true), (410, false)]
        {
            let meaning = meaning(StatusCode::from_u16(status).unwrap());
            assert_eq!(matches!(meaning, Attempted::Later(_)), later, "{status}");
        }
    }
}
