//! The one place that composes: from the configuration to everything that the edges use.

use std::sync::Arc;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::config::Config;
use crate::deliver::Clock;
use crate::hubspot::HubSpot;
use crate::ingest::Door;
use crate::model::time::clock;
use crate::seal::KeyRing;
use crate::stock;
use crate::store::Store;
use crate::transform::Transformer;
use crate::wake::Wake;

/// Refused requests that are recorded at once: each takes a commit, which good requests need more.
const REJECTIONS_AT_ONCE: usize = 4;

/// The service, ready to be served or asked.
pub struct App {
    pub store: Store,
    pub transformer: Transformer,
    pub hubspot: HubSpot,
    pub door: Door,
    pub wake: Arc<Wake>,
    pub clock: Clock,
    /// Places for recording refused requests; when all are taken, they are only counted.
    pub rejections: tokio::sync::Semaphore,
    /// Renders the metrics, where they are counted.
    pub metrics: Option<PrometheusHandle>,
}

impl App {
    /// Opens the store, starts the sandbox and installs the stock transformations. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When a part cannot be had; the text says which and what to do.
    pub async fn connect(config: &Config) -> anyhow::Result<Self> {
        Self::connect_at(config, Arc::new(clock)).await
    }

    /// The same, at the times that `clock` says.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_at(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let store = open_store(config).await?;
        let transformer = Transformer::new()?;
        stock::install(&store, &transformer, clock()).await.context("the stock transformations cannot be installed")?;
        let wake = Arc::new(Wake::default());
        Ok(Self {
            hubspot: HubSpot::new(&config.hubspot_url)?,
            door: Door::open(store.clone(), wake.clone()),
            store,
            transformer,
            wake,
            clock,
            rejections: tokio::sync::Semaphore::new(REJECTIONS_AT_ONCE),
            metrics: None,
        })
    }
}

/// The store of a configuration: its folder is made where there is none.
///
/// # Errors
/// When the folder, the key ring or the database cannot be had.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    make_data_folder(config)?;
    let (database, key_ring) = (config.database(), config.key_ring());
    // A new key opens nothing that an old one sealed.
    if database.exists() && !key_ring.exists() {
        anyhow::bail!(
            "the key ring {} is missing, and the database beside it cannot be read without it; put it back",
            key_ring.display()
        );
    }
    Store::open(&database, KeyRing::open_file(&key_ring)?).await
}

/// Makes the data folder where there is none. It holds names and conversations, so it is for its owner only.
///
/// # Errors
/// When it cannot be made.
pub fn make_data_folder(config: &Config) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    made.with_context(|| format!("cannot make the data folder {}", config.data.display()))
}
