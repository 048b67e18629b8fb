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

/// The service, ready to be served or asked.
pub struct App {
    pub store: Store,
    pub transformer: Transformer,
    pub hubspot: HubSpot,
    pub door: Door,
    pub wake: Arc<Wake>,
    pub clock: Clock,
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
            metrics: None,
        })
    }
}

/// The store of a configuration: its folder is made where there is none.
///
/// # Errors
/// When the folder, the key ring or the database cannot be had.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make the data folder {}", config.data.display()))?;
    let keys = KeyRing::open_file(&config.key_ring())?;
    Store::open(&config.database(), keys).await
}
