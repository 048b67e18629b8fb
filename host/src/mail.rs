//! The mail server: one letter to one address, over TLS unless the server is on this machine.

use std::time::Duration;

use anyhow::{Context as _, bail};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::letter::Letter;
use crate::model::message::Attempted;
use crate::model::time::Timestamp;
use crate::text::cut;

/// A server that takes longer for one letter has lost it. The lease of a message outlives it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of each word that is waited for.
const WORD_PATIENCE: Duration = Duration::from_secs(20);
/// What is kept of a server's words.
const WORDS_CHARS_MAX: usize = 300;
/// What servers answer to a sign-in that they do not like. It is our configuration, and no fault of the letter.
const SIGN_IN_CODES: [&str; 4] = ["530", "534", "535", "538"];

/// The mail server, and in whose name letters come.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Where the mail server is, and how it is talked to.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    security: Security,
    user: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS once the server was greeted, or nothing is sent.
    StartTls,
    /// Only on this machine.
    Plain,
}

impl Server {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let url = url::Url::parse(text)
            .context("the address of the mail server is none; it looks like smtp://user@mail.example.com")?;
        if url.password().is_some() {
            bail!(
                "the password of the mail server does not belong into its address; put it into `--mail-password-file`"
            );
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).context("the address of the mail server names no host")?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let requires_tls = match url.query() {
            None => false,
            Some("tls=required") => true,
            Some(other) => bail!("the address of the mail server has `?{other}`; only `?tls=required` is known"),
        };
        let (security, port) = match url.scheme() {
            "smtps" => (Security::Tls, 465),
            "smtp" if requires_tls || !is_on_this_machine(&host) => (Security::StartTls, 587),
            "smtp" => (Security::Plain, 25),
            other => bail!("the mail server is reached by smtp:// or smtps://, not `{other}://`"),
        };
        let user = url::form_urlencoded::parse(format!("user={}", url.username().replace('+', "%2B")).as_bytes())
            .next()
            .map(|(_, user)| user.into_owned())
            .filter(|user| !user.is_empty());
        Ok(Self { host, port: url.port().unwrap_or(port), security, user })
    }
}

fn is_on_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Mailer {
    /// The server at an address, and from whom letters come.
    ///
    /// # Errors
    /// When one of them is no address, or TLS cannot be set up.
    pub fn new(url: &str, password: Option<&SecretString>, from: &str) -> anyhow::Result<Self> {
        let server = Server::parse(url)?;
        let from: Mailbox = from.parse().with_context(|| {
            format!("`{from}` is no sender; `--mail-from` looks like `Leadline <leads@example.com>`")
        })?;
        let tls = || TlsParameters::new(server.host.clone()).context("TLS for the mail server cannot be set up");
        let tls = match server.security {
            Security::Tls => Tls::Wrapper(tls()?),
            Security::StartTls => Tls::Required(tls()?),
            Security::Plain => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.clone())
            .port(server.port)
            .tls(tls)
            .timeout(Some(WORD_PATIENCE))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        match (server.user, password) {
            (Some(user), Some(password)) => {
                builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
            }
            (Some(user), None) => {
                bail!("the mail server knows `{user}`, and has no password; put it into `--mail-password-file`")
            }
            (None, Some(_)) => bail!("there is a password for the mail server, and no user; write smtp://USER@HOST"),
            (None, None) => {}
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends a letter. Repeats of the same letter have the same id, by which mail programs know them for one.
    pub async fn send(&self, id: &str, to: &str, letter: &Letter, now: Timestamp) -> Attempted {
        let message = match self.message(id, to, letter, now) {
            Ok(message) => message,
            Err(error) => return Attempted::Never(format!("the letter cannot be written: {error:#}")),
        };
        match tokio::time::timeout(PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Attempted::Sent,
            Ok(Err(error)) => meaning(&error),
            Err(_) => Attempted::Later(format!("the mail server took more than {} s", PATIENCE.as_secs())),
        }
    }

    fn message(&self, id: &str, to: &str, letter: &Letter, now: Timestamp) -> anyhow::Result<Message> {
        let to: Address = to.parse().with_context(|| format!("`{to}` is no address"))?;
        let date = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let subject: String = letter.subject.chars().filter(|c| !c.is_control()).collect();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(date)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))?;
        Ok(message)
    }
}

/// What a failure means for the letter.
fn meaning(error: &lettre::transport::smtp::Error) -> Attempted {
    let words = cut(&chain(error), WORDS_CHARS_MAX);
    let code = error.status().map(|code| code.to_string());
    if code.as_deref().is_some_and(|code| SIGN_IN_CODES.contains(&code)) {
        tracing::error!("the mail server refuses our sign-in: {words}");
        return Attempted::Later(format!("the mail server refuses our sign-in: {words}"));
    }
    match code {
        Some(_) if error.is_permanent() => Attempted::Never(format!("the mail server refuses it: {words}")),
        Some(_) => Attempted::Later(format!("the mail server has no time: {words}")),
        None if error.is_client() => Attempted::Later(format!("the mail server does not offer what we need: {words}")),
        None => Attempted::Later(format!("the mail server cannot be reached: {words}")),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        source = error.source();
    }
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_on_this_machine_is_talked_to_in_clear() {
        use Security::{Plain, StartTls, Tls};
        let rows = [
            ("smtp://mail.example.com", Some((StartTls, 587, None))),
            ("smtp://leads%40example.com@mail.example.com:2525", Some((StartTls, 2525, Some("leads@example.com")))),
            ("smtp://leads+a@mail.example.com", Some((StartTls, 587, Some("leads+a")))),
            ("smtps://mail.example.com", Some((Tls, 465, None))),
            ("smtp://127.0.0.1:1025", Some((Plain, 1025, None))),
            ("smtp://[::1]:1025", Some((Plain, 1025, None))),
            ("smtp://localhost", Some((Plain, 25, None))),
            ("smtp://localhost.example.com", Some((StartTls, 587, None))),
            ("smtp://127.0.0.1:1025?tls=required", Some((StartTls, 1025, None))),
            ("smtp://10.0.0.7", Some((StartTls, 587, None))),
            ("smtp://mail.example.com?tls=none", None),
            ("smtp://user:secret@mail.example.com", None),
            ("https://mail.example.com", None),
            ("mail.example.com", None),
        ];
        for (text, expected) in rows {
            let server = Server::parse(text).ok();
            let got = server.as_ref().map(|server| (server.security, server.port, server.user.as_deref()));
            assert_eq!(got, expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_password_without_a_user_and_a_sender_that_is_none_are_refused_without_their_secret() {
        let password = SecretString::from("hunter2");
        for (url, password, from, says) in [
            ("smtp://localhost", Some(&password), "leads@example.com", "no user"),
            ("smtp://leads@localhost", None, "leads@example.com", "no password"),
            ("smtp://localhost", None, "leads", "is no sender"),
            ("smtp://leads:hunter2@localhost", None, "leads@example.com", "`--mail-password-file`"),
        ] {
            let error = format!("{:#}", Mailer::new(url, password, from).err().expect(url));
            assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
        }
        assert!(Mailer::new("smtp://leads@localhost", Some(&password), "Leadline <leads@example.com>").is_ok());
    }

    #[tokio::test]
    async fn no_text_adds_a_header_to_a_letter() {
        let mailer = Mailer::new("smtp://localhost", None, "Leadline <leads@example.com>").unwrap();
        let letter =
            Letter { subject: "Hello\r\nBcc: eve@example.com".into(), text: "x".into(), html: "<p>x</p>".into() };
        let message = mailer.message("msg_1", "maya@example.com", &letter, Timestamp(0)).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
        assert!(text.contains("Message-ID: <msg_1@example.com>"), "{text}");
        assert!(mailer.message("msg_1", "maya@example.com, eve@example.com", &letter, Timestamp(0)).is_err());
    }
}
