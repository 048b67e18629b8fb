//! The process and its configuration: what is set and by what, which tables there are, what a check says.

use std::path::Path;

use serde::Serialize;

use crate::app::{self, App};
use crate::config::{Config, Setting};
use crate::seal::KeyRing;
use crate::store::{DatabaseRoom, Migration};

/// The release.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What runs here, and how it is set.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct System {
    pub build: &'static str,
    /// Where the stock transformations come from.
    pub stock: &'static str,
    pub database: DatabaseRoom,
    /// The newest first.
    pub migrations: Vec<Migration>,
    pub settings: Vec<Setting>,
}

/// Gathers it.
///
/// # Errors
/// When the store fails.
pub async fn gather(app: &App) -> anyhow::Result<System> {
    Ok(System {
        build: BUILD,
        stock: crate::stock::ORIGIN,
        database: app.store.database_room().await?,
        migrations: app.store.migrations().await?,
        settings: app.settings.clone(),
    })
}

/// Something about a configuration that keeps the service from starting, or from working in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The service would not start.
    pub is_fatal: bool,
    pub text: String,
}

/// Everything that is wrong with a configuration, not only what comes first. Nothing is made or changed.
pub fn remarks(config: &Config) -> Vec<Remark> {
    let fatal = |error: anyhow::Error| Remark { is_fatal: true, text: format!("{error:#}") };
    let checks = [
        tracing_subscriber::EnvFilter::try_new(&config.log).map(drop).map_err(anyhow::Error::from),
        app::open_hubspot(config).map(drop),
        app::api_token(config).map(drop),
        config.frame_ancestors().map(drop),
        key_ring(&config.key_ring()),
        folder(&config.data),
    ];
    let mut remarks: Vec<_> = checks.into_iter().filter_map(Result::err).map(fatal).collect();
    let hint = |text: &str| Remark { is_fatal: false, text: text.to_owned() };
    if config.public_url.is_none() {
        remarks.push(hint(
            "`--public-url` is not set: nobody can be sent to HubSpot and back, nor be made a link by the API",
        ));
    }
    if config.hubspot_client_id.is_none() {
        remarks.push(hint("no HubSpot app is named: portals are connected by the tokens of private apps only"));
    }
    remarks
}

fn key_ring(file: &Path) -> anyhow::Result<()> {
    // One that is not there yet is made at the first start.
    if file.exists() { KeyRing::open_file(file).map(drop) } else { Ok(()) }
}

fn folder(data: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        !data.exists() || data.is_dir(),
        "the data folder {} is a file; name a folder by `--data`",
        data.display()
    );
    Ok(())
}
