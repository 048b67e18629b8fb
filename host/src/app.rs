//! The one place that composes: from the configuration to everything that the edges use.

use std::sync::Arc;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::ClockWatch;
use crate::config::{Config, Setting};
use crate::deliver::Clock;
use crate::files::sync_folder_of;
use crate::housekeeping::Limits;
use crate::hubspot::{HubSpot, OAuthApp};
use crate::ingest::Door;
use crate::live::Live;
use crate::mail::Mailer;
use crate::model::time::{Timestamp, clock, machine_clock};
use crate::operate::keys::Rotation;
use crate::operate::processes::Process;
use crate::operate::pulse::Pulse;
use crate::post::Outside;
use crate::seal::KeyRing;
use crate::stock;
use crate::store::{Database, Store};
use crate::transform::{self, Artifacts, Compiler, Transformer};
use crate::view::promise::Hours;
use crate::wake::Wake;
use crate::webhook::Webhooks;

/// Refused requests that are recorded at once: each takes a commit, which good requests need more.
const REJECTIONS_AT_ONCE: usize = 4;

/// A shorter token could be guessed.
const API_TOKEN_CHARS_MIN: usize = 24;

/// The service, ready to be served or asked.
pub struct App {
    pub store: Store,
    pub transformer: Transformer,
    pub hubspot: HubSpot,
    pub door: Door,
    pub wake: Arc<Wake>,
    pub live: Live,
    pub clock: Clock,
    pub clock_watch: ClockWatch,
    /// Where browsers reach the service; without it nobody can be sent to HubSpot and back.
    pub public_url: Option<String>,
    /// Opens the management API to whoever knows it, beside the keys that are in the store.
    pub api_token: Option<SecretString>,
    /// The ways to people and programs outside: the mail server, webhooks.
    pub outside: Outside,
    /// What the pages call the product.
    pub brand: String,
    /// Where people reach support, if anybody is there to answer.
    pub support_email: Option<String>,
    /// When somebody is there to answer.
    pub support_hours: Hours,
    /// Where people of dealerships chat with support, if anywhere.
    pub support_chat_url: Option<String>,
    /// Whose pages may show the dashboard in a frame, as `frame-ancestors` lists them.
    pub frame_ancestors: String,
    /// Places for recording refused requests; when all are taken, they are only counted.
    pub rejections: tokio::sync::Semaphore,
    /// How long the service keeps what grows; set when it begins to serve.
    pub keep: std::sync::OnceLock<Limits>,
    /// Renders the metrics, where they are counted.
    pub metrics: Option<PrometheusHandle>,
    /// What was counted lately, for whoever looks.
    pub pulse: Pulse,
    pub started_at: Timestamp,
    /// This process among the others of the service.
    pub process: Process,
    /// How it was configured, for whoever checks that.
    pub config: Config,
    /// The rotation of keys that was begun here.
    pub rotation: Rotation,
    /// What is set, and by what; nothing where no command line said it.
    pub settings: Vec<Setting>,
}

impl App {
    /// Opens the store, starts the sandbox and installs the stock transformations. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When a part cannot be had; the text says which and what to do.
    pub async fn connect(config: &Config) -> anyhow::Result<Self> {
        Self::connect_at(config, Arc::new(clock)).await
    }

    /// How long this service keeps what grows.
    pub fn limits(&self) -> Limits {
        self.keep.get().copied().unwrap_or_default()
    }

    /// The same, at the times that `clock` says.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_at(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let started_at = clock();
        let store = open_store(config).await?;
        let transformer = open_transformer(config)?;
        stock::install(&store, &transformer, started_at)
            .await
            .context("the stock transformations cannot be installed")?;
        // Their age counts from here on, where nobody knows better.
        store.known_keys(&store.key_ids(), started_at).await?;
        let wake = Arc::new(Wake::default());
        Ok(Self {
            hubspot: open_hubspot(config)?,
            public_url: config.public_url()?,
            api_token: api_token(config)?,
            outside: open_outside(config)?,
            brand: config.brand.clone(),
            support_email: config.support_email()?,
            support_hours: config.support_hours()?,
            support_chat_url: config.support_chat_url()?,
            frame_ancestors: config.frame_ancestors()?,
            door: Door::open(store.clone(), wake.clone()),
            live: Live::new(store.clone(), clock.clone()),
            store,
            transformer,
            wake,
            clock,
            clock_watch: ClockWatch::new(Arc::new(machine_clock)),
            rejections: tokio::sync::Semaphore::new(REJECTIONS_AT_ONCE),
            keep: std::sync::OnceLock::new(),
            metrics: None,
            pulse: Pulse::default(),
            started_at,
            process: Process::default(),
            config: config.clone(),
            rotation: Rotation::default(),
            settings: Vec::new(),
        })
    }
}

/// HubSpot as the configuration names it, and as the app that we are there.
///
/// # Errors
/// When the app is named in part only, or a secret cannot be read.
pub fn open_hubspot(config: &Config) -> anyhow::Result<HubSpot> {
    let app = match (&config.hubspot_client_id, config.client_secret()?, config.public_url()?) {
        (None, None, _) => None,
        (Some(id), Some(secret), Some(public_url)) => Some(OAuthApp::new(
            id.clone(),
            secret,
            format!("{public_url}/oauth/callback"),
            &config.hubspot_app_url,
            config.hubspot_oauth_version.clone(),
        )),
        (id, secret, _) => {
            let missing = match (id, secret) {
                (None, _) => "its client id is missing: `--hubspot-client-id`",
                (_, None) => "its client secret is missing: `--hubspot-client-secret-file`",
                _ => "the address that HubSpot sends people back to is missing: `--public-url`",
            };
            anyhow::bail!("the HubSpot app is named in part only; {missing}");
        }
    };
    Ok(HubSpot::new(&config.hubspot_url)?.with_app(app))
}

/// The ways to people and programs outside.
///
/// # Errors
/// When the mail server is named in part only, or its password cannot be read.
pub fn open_outside(config: &Config) -> anyhow::Result<Outside> {
    let mailer = match (&config.mail_url, &config.mail_from) {
        (None, None) => None,
        (Some(url), Some(from)) => Some(Mailer::new(url, config.mail_password()?.as_ref(), from)?),
        (Some(_), None) => {
            anyhow::bail!("there is a mail server, and nobody in whose name letters come: `--mail-from`")
        }
        (None, Some(_)) => {
            anyhow::bail!("there is somebody in whose name letters come, and no mail server: `--mail-url`")
        }
    };
    Ok(Outside { mailer, webhooks: Webhooks::new(config.private_webhooks)? })
}

/// The token of the management API.
///
/// # Errors
/// When it cannot be read, or could be guessed.
pub fn api_token(config: &Config) -> anyhow::Result<Option<SecretString>> {
    let token = config.api_token()?;
    if token.as_ref().is_some_and(|token| token.expose_secret().chars().count() < API_TOKEN_CHARS_MIN) {
        anyhow::bail!(
            "the API token is too short; take at least {API_TOKEN_CHARS_MIN} characters, such as those of `openssl rand -hex 24`"
        );
    }
    Ok(token)
}

/// The sandbox of a configuration: it compiles in a process of its own, and keeps what comes of it.
///
/// # Errors
/// When the machine cannot run it, or the folder of what was compiled cannot be used.
pub fn open_transformer(config: &Config) -> anyhow::Result<Transformer> {
    make_data_folder(config)?;
    let compiler = config.compiler.clone().map_or_else(Compiler::this_program, Compiler::Child);
    let folder = config.compiled.clone().unwrap_or_else(|| config.data.join("compiled"));
    let keys = open_key_ring(config)?;
    let artifacts = Artifacts::open(&folder, transform::compatibility()?, Arc::new(keys))?;
    Transformer::with(compiler, Some(artifacts))
}

/// The store of a configuration: its folder is made where there is none.
///
/// # Errors
/// When the folder, the key ring or the database cannot be had.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    make_data_folder(config)?;
    Store::open(&config.database(), open_key_ring(config)?).await
}

/// The key ring of a configuration. A new one is made only where nothing was sealed yet: its key opens nothing that an old
/// one sealed.
fn open_key_ring(config: &Config) -> anyhow::Result<KeyRing> {
    let key_ring = config.key_ring();
    if let Database::File(file) = &config.database()
        && file.exists()
        && !key_ring.exists()
    {
        anyhow::bail!(
            "the key ring {} is missing, and the database beside it cannot be read without it; put it back",
            key_ring.display()
        );
    }
    KeyRing::open_file(&key_ring)
}

/// Makes the data folder where there is none. It holds names and conversations, so it is for its owner only.
///
/// # Errors
/// When it cannot be made.
pub fn make_data_folder(config: &Config) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if config.data.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    // What is synced in a folder is gone with it, if its own name was never synced.
    let kept = made.and_then(|()| sync_folder_of(&config.data));
    kept.with_context(|| format!("cannot make the data folder {}", config.data.display()))
}
