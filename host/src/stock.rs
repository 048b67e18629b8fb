//! The stock transformations, built into the binary and installed for every account.

use serde_json::Value;

use crate::digest::sha256_hex;
use crate::model::account::Version;
use crate::model::time::Timestamp;
use crate::store::{HOUSE, NewVersion, Store};
use crate::transform::{Transformer, UploadError};

/// Emits a contact, and a note with the conversation.
pub const DEFAULT: &[u8] = include_bytes!(env!("LEADLINE_GUEST_DEFAULT"));
/// The same, and a deal.
pub const DEALS: &[u8] = include_bytes!(env!("LEADLINE_GUEST_DEALS"));
/// Whether this build took freshly built components or the ones that are checked in.
pub const ORIGIN: &str = env!("LEADLINE_GUESTS_ORIGIN");

/// What an account uses when nobody chose.
pub const DEFAULT_NAME: &str = "default";

/// Installs the stock transformations where they are new, so that every account may use them.
///
/// # Errors
/// When the store fails, or a component does not fit: a broken build.
pub async fn install(store: &Store, transformer: &Transformer, now: Timestamp) -> anyhow::Result<()> {
    for (name, bytes) in [(DEFAULT_NAME, DEFAULT), ("deals", DEALS)] {
        let hash = sha256_hex(bytes);
        let newest = store.newest_version(HOUSE, name).await?;
        if newest.is_some_and(|version| version.hash == hash) {
            continue;
        }
        install_version(store, transformer, HOUSE, name, bytes, now).await?;
    }
    Ok(())
}

/// Checks a component, asks it for its manifest, and installs it under a name.
///
/// # Errors
/// [`UploadError`] inside, when the bytes are no transformation; else the store's.
pub async fn install_version(
    store: &Store,
    transformer: &Transformer,
    account: &str,
    name: &str,
    bytes: &[u8],
    now: Timestamp,
) -> anyhow::Result<Version> {
    let (worker, copy) = (transformer.clone(), bytes.to_vec());
    let compiled = tokio::task::spawn_blocking(move || {
        let loaded = worker.compile(&copy)?;
        let manifest = loaded.describe()?;
        crate::schema::Settings::compile(&manifest.settings_schema)
            .map_err(|error| UploadError::Describe { problem: error.to_string() })?;
        Ok::<_, UploadError>((loaded, manifest))
    });
    let (loaded, manifest) = compiled.await??;
    let manifest: Value = serde_json::to_value(manifest)?;
    let new = NewVersion { account_id: account, name, hash: &sha256_hex(bytes), bytes, manifest: &manifest };
    let version = store.install_version(new, now).await?;
    // Compiled once already, so its first event need not wait for that.
    transformer.keep(&version.id, loaded);
    Ok(version)
}
