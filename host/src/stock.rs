//! The stock transformations, built into the binary and installed for every account.

use crate::digest::sha256_hex;
use crate::model::time::Timestamp;
use crate::store::{HOUSE, Store};
use crate::transform::Transformer;
use crate::upload::{self, Upload, Uploaded};

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
        let bytes = bytes.to_vec();
        let upload =
            Upload { account: HOUSE, name, note: "built into the service", by: "system", bytes, samples: Vec::new() };
        if let Uploaded::Refused(refusal) = upload::take(store, transformer, &upload, now).await? {
            anyhow::bail!("the stock transformation `{name}` is refused: {refusal}");
        }
    }
    Ok(())
}
