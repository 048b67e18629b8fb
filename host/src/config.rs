//! Every setting, in one place. The comments are the help.

mod effective;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret, SecretString};

use crate::access;
use crate::housekeeping::Limits;
use crate::store::Database;
use crate::view::promise::Hours;

pub use effective::{Origin, Setting, Settings};

/// Where the client secret may stand instead of a file.
const CLIENT_SECRET_ENV: &str = "LEADLINE_HUBSPOT_CLIENT_SECRET";
/// Where the operator's token may stand instead of a file.
const API_TOKEN_ENV: &str = "LEADLINE_API_TOKEN";
/// Where the mail server's password may stand instead of a file.
const MAIL_PASSWORD_ENV: &str = "LEADLINE_MAIL_PASSWORD";
/// HubSpot's own pages.
const HUBSPOT_APP_URL: &str = "https://app.hubspot.com";
/// The version of HubSpot's OAuth calls: one for the app, because no connection exists yet when a code is exchanged.
const OAUTH_VERSION: &str = "2026-09";

/// When support is there, where nobody says otherwise.
const SUPPORT_HOURS: &str = "9-17";
const SUPPORT_DAYS: &str = "mon,tue,wed,thu,fri";

/// How long a service may take to finish what is under way, where nobody says otherwise: less than what process
/// managers wait before they kill.
pub const DRAIN: Duration = Duration::from_secs(25);

/// Room on the disk that new leads leave free, where nobody says otherwise, in MiB: what was accepted is still planned
/// and delivered with it, and the database's log has space to be moved.
pub const DISK_RESERVE_MIB: u64 = 256;

/// What every command needs to know.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Folder of the database and, unless named apart, of the key ring.
    #[arg(long, env = "LEADLINE_DATA", default_value = "data", global = true, value_name = "DIR")]
    pub data: PathBuf,

    /// Address of a Postgres database, such as `postgres://leadline@db.internal/leadline`, for more than one process; a
    /// password goes into the environment variable PGPASSWORD or a `.pgpass` file. [default: the SQLite file
    /// `leadline.db` in the data folder]
    #[arg(long, env = "LEADLINE_DATABASE", global = true, hide_env_values = true, value_name = "URL")]
    pub database: Option<String>,

    /// File of the key ring that opens tokens and signing secrets; made with a new key where there is none.
    /// [default: `keys` in the data folder]
    #[arg(long, env = "LEADLINE_KEYS", global = true, value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// Address of HubSpot's API.
    #[arg(
        long,
        env = "LEADLINE_HUBSPOT_URL",
        default_value = "https://api.hubapi.com",
        global = true,
        value_name = "URL"
    )]
    pub hubspot_url: String,

    /// Client id of the HubSpot app that dealerships connect. Its secret stands in a file, or in the environment
    /// variable LEADLINE_HUBSPOT_CLIENT_SECRET.
    #[arg(long, env = "LEADLINE_HUBSPOT_CLIENT_ID", global = true, value_name = "ID")]
    pub hubspot_client_id: Option<String>,

    /// File of the HubSpot app's client secret.
    #[arg(long, env = "LEADLINE_HUBSPOT_CLIENT_SECRET_FILE", global = true, value_name = "FILE")]
    pub hubspot_client_secret_file: Option<PathBuf>,

    /// Address of HubSpot's consent page.
    #[arg(long, env = "LEADLINE_HUBSPOT_APP_URL", default_value = HUBSPOT_APP_URL, global = true, value_name = "URL")]
    pub hubspot_app_url: String,

    /// Version of HubSpot's OAuth calls.
    #[arg(long, env = "LEADLINE_HUBSPOT_OAUTH_VERSION", default_value = OAUTH_VERSION, global = true, value_name = "VERSION")]
    pub hubspot_oauth_version: String,

    /// Where browsers reach this service, such as `https://leads.example.com`. HubSpot sends people back to
    /// `/oauth/callback` below it.
    #[arg(long, env = "LEADLINE_PUBLIC_URL", global = true, value_name = "URL")]
    pub public_url: Option<String>,

    /// What the dashboard calls the product.
    #[arg(long, env = "LEADLINE_BRAND", default_value = "Leadline", global = true, value_name = "NAME")]
    pub brand: String,

    /// Where people of dealerships reach support, such as `support@example.com`. Whoever names one promises an answer
    /// within 24 hours on business days: the help says so.
    #[arg(long, env = "LEADLINE_SUPPORT_EMAIL", global = true, value_name = "ADDRESS")]
    pub support_email: Option<String>,

    /// When support is there, in the time zone of each dealership, such as `9-17` or `08:30-18:00`. The help says by when
    /// somebody is answered: what is asked outside of these hours counts as asked when they begin.
    #[arg(long, env = "LEADLINE_SUPPORT_HOURS", default_value = SUPPORT_HOURS, global = true, value_name = "HOURS")]
    pub support_hours: String,

    /// Days of the week on which support is there.
    #[arg(
        long,
        env = "LEADLINE_SUPPORT_DAYS",
        default_value = SUPPORT_DAYS,
        global = true,
        value_delimiter = ',',
        value_name = "DAYS"
    )]
    pub support_days: Vec<String>,

    /// Where people of dealerships chat with support, such as `https://chat.example.com/support`. The help leads there.
    #[arg(long, env = "LEADLINE_SUPPORT_CHAT_URL", global = true, value_name = "URL")]
    pub support_chat_url: Option<String>,

    /// Origins whose pages may show the dashboard in a frame, such as `https://app.example.com`.
    #[arg(long, env = "LEADLINE_FRAME_ANCESTORS", global = true, value_delimiter = ',', value_name = "ORIGINS")]
    pub frame_ancestors: Vec<String>,

    /// File of the token that opens the management API; or set LEADLINE_API_TOKEN. `leadline access key create` makes
    /// keys that open less of it.
    #[arg(long, env = "LEADLINE_API_TOKEN_FILE", global = true, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,

    /// Address of the mail server, such as `smtp://leads@mail.example.com:587`, or `smtps://` where TLS comes first. Without
    /// it nobody is sent a link, an alert or the weekly digest. Letters go over TLS, unless the server is on this machine.
    /// The password stands in a file, or in the environment variable LEADLINE_MAIL_PASSWORD.
    #[arg(long, env = "LEADLINE_MAIL_URL", global = true, value_name = "URL")]
    pub mail_url: Option<String>,

    /// In whose name letters come, such as `Leadline <leads@example.com>`.
    #[arg(long, env = "LEADLINE_MAIL_FROM", global = true, value_name = "SENDER")]
    pub mail_from: Option<String>,

    /// File of the mail server's password.
    #[arg(long, env = "LEADLINE_MAIL_PASSWORD_FILE", global = true, value_name = "FILE")]
    pub mail_password_file: Option<PathBuf>,

    /// Let webhooks of alerts lead to machines of your own network too, and to this one. Only where you know everybody who
    /// may make a rule.
    #[arg(long, env = "LEADLINE_PRIVATE_WEBHOOKS", global = true)]
    pub private_webhooks: bool,

    /// Folder of what was compiled of transformations; what is missing there is compiled again. [default: `compiled` in the
    /// data folder]
    #[arg(long, env = "LEADLINE_COMPILED", global = true, value_name = "DIR")]
    pub compiled: Option<PathBuf>,

    /// Program that compiles: this one, where a test does not run inside of it.
    #[arg(long, env = "LEADLINE_COMPILER", global = true, hide = true, value_name = "PROGRAM")]
    pub compiler: Option<PathBuf>,

    /// What to log, such as `info`, or `leadline=debug,warn`.
    #[arg(long, env = "LEADLINE_LOG", default_value = "warn", global = true, value_name = "FILTER")]
    pub log: String,

    /// Log as JSON, one object a line.
    #[arg(long, env = "LEADLINE_LOG_JSON", global = true)]
    pub log_json: bool,
}

impl Config {
    /// The defaults, with this folder and this HubSpot: for what brings a HubSpot of its own.
    pub fn on(data: PathBuf, hubspot_url: String) -> Self {
        Self {
            data,
            database: None,
            keys: None,
            hubspot_url,
            hubspot_client_id: None,
            hubspot_client_secret_file: None,
            hubspot_app_url: HUBSPOT_APP_URL.to_owned(),
            hubspot_oauth_version: OAUTH_VERSION.to_owned(),
            public_url: None,
            brand: "Leadline".to_owned(),
            support_email: None,
            support_hours: SUPPORT_HOURS.to_owned(),
            support_days: SUPPORT_DAYS.split(',').map(str::to_owned).collect(),
            support_chat_url: None,
            frame_ancestors: Vec::new(),
            api_token_file: None,
            mail_url: None,
            mail_from: None,
            mail_password_file: None,
            private_webhooks: false,
            compiled: None,
            compiler: None,
            log: "off".to_owned(),
            log_json: false,
        }
    }

    /// The client secret of the HubSpot app, from its file or the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub fn client_secret(&self) -> anyhow::Result<Option<SecretString>> {
        secret("the client secret", self.hubspot_client_secret_file.as_deref(), CLIENT_SECRET_ENV)
    }

    /// The token that opens the management API, from its file or the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub fn api_token(&self) -> anyhow::Result<Option<SecretString>> {
        secret("the API token", self.api_token_file.as_deref(), API_TOKEN_ENV)
    }

    /// The password of the mail server, from its file or the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub fn mail_password(&self) -> anyhow::Result<Option<SecretString>> {
        secret("the password of the mail server", self.mail_password_file.as_deref(), MAIL_PASSWORD_ENV)
    }

    /// Where people reach support.
    ///
    /// # Errors
    /// When it is no e-mail address.
    pub fn support_email(&self) -> anyhow::Result<Option<String>> {
        let Some(text) = &self.support_email else { return Ok(None) };
        let address = access::address(text).map_err(|_| {
            anyhow::anyhow!("the support address `{text}` is no e-mail address; it looks like `support@example.com`")
        })?;
        Ok(Some(address))
    }

    /// When support is there.
    ///
    /// # Errors
    /// When the hours or the days are none.
    pub fn support_hours(&self) -> anyhow::Result<Hours> {
        Hours::parse(&self.support_hours, &self.support_days)
            .context("the business hours of support cannot be read; see `--support-hours` and `--support-days`")
    }

    /// Where people chat with support.
    ///
    /// # Errors
    /// When it is no address that a browser would open safely.
    pub fn support_chat_url(&self) -> anyhow::Result<Option<String>> {
        let Some(text) = &self.support_chat_url else { return Ok(None) };
        let url = url::Url::parse(text.trim()).ok().filter(|url| url.scheme() == "https");
        let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
        let url = url.ok_or_else(|| {
            anyhow::anyhow!(
                "the support chat `{text}` is no https:// address; it looks like `https://chat.example.com`"
            )
        })?;
        Ok(Some(url.to_string()))
    }

    /// The origins that may frame the dashboard, as a policy lists them.
    ///
    /// # Errors
    /// When one is no origin.
    pub fn frame_ancestors(&self) -> anyhow::Result<String> {
        for text in &self.frame_ancestors {
            let origin = url::Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
            if origin.as_deref() != Some(text.as_str()) {
                bail!("`{text}` is no origin; it looks like `https://app.example.com`, without a path");
            }
        }
        Ok(self.frame_ancestors.join(" "))
    }

    /// Where browsers reach the service, without a slash at the end.
    ///
    /// # Errors
    /// When it is no address that HubSpot would send people back to.
    pub fn public_url(&self) -> anyhow::Result<Option<String>> {
        let Some(text) = &self.public_url else { return Ok(None) };
        let url = url::Url::parse(text).with_context(|| format!("the public URL `{text}` is no address"))?;
        let on_this_machine = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && on_this_machine) {
            bail!("the public URL `{text}` has to begin with https://, or be http://localhost: tokens travel over it");
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            bail!("the public URL has to be a plain address, without a user, `?` or `#`");
        }
        Ok(Some(text.trim_end_matches('/').to_owned()))
    }

    /// Where the database is.
    pub fn database(&self) -> Database {
        match &self.database {
            Some(url) => Database::Postgres(SecretString::from(url.clone())),
            None => Database::File(self.data.join("leadline.db")),
        }
    }

    /// The key ring file.
    pub fn key_ring(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| self.data.join("keys"))
    }
}

/// A secret from its file, else from the environment. Never from an argument, which every process can read.
fn secret(what: &str, file: Option<&Path>, variable: &str) -> anyhow::Result<Option<SecretString>> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .map(SecretString::from)
            .with_context(|| format!("cannot read {what} from {}", file.display()))?,
        None => match std::env::var(variable) {
            Ok(text) => text.into(),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => bail!("{what} in {variable} is not text"),
        },
    };
    match text.expose_secret().trim() {
        "" => bail!("{what} is empty; put it into its file, or into {variable}"),
        text => Ok(Some(SecretString::from(text))),
    }
}

/// Where the service listens.
#[derive(clap::Args, Clone, Debug)]
pub struct Listen {
    /// Address to listen on. Put a proxy with TLS in front of anything but loopback.
    #[arg(long, env = "LEADLINE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

/// How a service runs.
#[derive(clap::Args, Clone, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub listen: Listen,

    /// What this process does; any mix, on one Postgres database. On SQLite one process does everything.
    #[arg(
        long = "role",
        env = "LEADLINE_ROLE",
        value_enum,
        value_delimiter = ',',
        default_value = "ingest,plan,deliver,web",
        value_name = "ROLES"
    )]
    pub roles: Vec<Role>,

    /// How long the service may take to finish what is under way when it is asked to end. What is left then goes on
    /// after the next start.
    #[arg(long, env = "LEADLINE_DRAIN_SECONDS", default_value_t = DRAIN.as_secs(), value_name = "SECONDS")]
    pub drain_seconds: u64,

    /// Room on the disk of the SQLite file that new leads leave free: below it they are refused with 503, and what was
    /// accepted is still delivered. Below twice of it, nothing is planned. 0 switches it off.
    #[arg(long, env = "LEADLINE_DISK_RESERVE_MIB", default_value_t = DISK_RESERVE_MIB, value_parser = clap::value_parser!(u64).range(..=1 << 30), value_name = "MIB")]
    pub disk_reserve_mib: u64,

    #[command(flatten)]
    pub keep: Keep,
}

/// How long the service keeps what grows.
#[derive(clap::Args, Clone, Debug)]
pub struct Keep {
    /// Days that bodies, plans, logs and calls are kept, which hold personal data: 1 to 90. What still waits stays.
    #[arg(
        long,
        env = "LEADLINE_KEEP_BODIES_DAYS",
        default_value_t = Limits::BODIES_DAYS,
        value_parser = clap::value_parser!(u32).range(1..=90),
        value_name = "DAYS"
    )]
    pub keep_bodies_days: u32,

    /// Days that events and deliveries are kept, which say what became of each lead: 90 to 3650.
    #[arg(
        long,
        env = "LEADLINE_KEEP_EVENTS_DAYS",
        default_value_t = Limits::EVENTS_DAYS,
        value_parser = clap::value_parser!(u32).range(90..=3650),
        value_name = "DAYS"
    )]
    pub keep_events_days: u32,
}

impl Keep {
    /// The limits that they make.
    pub fn limits(&self) -> Limits {
        Limits::of_days(self.keep_bodies_days, self.keep_events_days)
    }
}

/// One of the things that a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Takes events in.
    Ingest,
    /// Runs transformations.
    Plan,
    /// Talks to HubSpot.
    Deliver,
    /// Answers people: pages and the management API.
    Web,
}

impl Role {
    /// What a process does that is told nothing else.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Plan, Self::Deliver, Self::Web];

    /// The word that people type.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Plan => "plan",
            Self::Deliver => "deliver",
            Self::Web => "web",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_support_address_is_checked_before_anybody_reads_it() {
        for (text, expected) in [
            ("support@example.com", Some("support@example.com")),
            (" Help@Example.com ", Some("help@example.com")),
            ("[email protected]", None),
            ("support@example", None),
            ("", None),
        ] {
            let config = Config { support_email: Some(text.to_owned()), ..Config::on(PathBuf::new(), String::new()) };
            assert_eq!(config.support_email().ok().flatten().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_support_chat_is_an_address_that_a_browser_opens_safely() {
        for (text, expected) in [
            ("https://chat.example.com/support?team=7", Some("https://chat.example.com/support?team=7")),
            (" https://chat.example.com ", Some("https://chat.example.com/")),
            ("http://chat.example.com", None),
            ("javascript:alert(1)", None),
            ("https://user:pass@chat.example.com", None),
            ("chat.example.com", None),
            ("", None),
        ] {
            let config =
                Config { support_chat_url: Some(text.to_owned()), ..Config::on(PathBuf::new(), String::new()) };
            assert_eq!(config.support_chat_url().ok().flatten().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_public_url_is_https_or_this_machine() {
        let rows = [
            ("https://leads.example.com", Some("https://leads.example.com")),
            ("https://example.com/leads/", Some("https://example.com/leads")),
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("http://127.0.0.1:8080/", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://leads.example.com", None),
            ("http://localhost.example.com", None),
            ("ftp://localhost", None),
            ("https://user:pass@example.com", None),
            ("https://example.com/?a=b", None),
            ("leads.example.com", None),
        ];
        for (text, expected) in rows {
            let config = Config { public_url: Some(text.to_owned()), ..Config::on(PathBuf::new(), String::new()) };
            assert_eq!(config.public_url().ok().flatten().as_deref(), expected, "{text}");
        }
    }
}
