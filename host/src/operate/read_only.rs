//! Read-only mode: while it is on, only those who run the service change something. Leads are received, planned and
//! delivered as ever; the guard of requests (`http/guard.rs`) and the command line hold everybody else back.

use crate::model::access::ReadOnly;
use crate::model::time::Timestamp;
use crate::store::{self, Store};
use crate::text::cut;

/// Of the reason, which stands on every page.
pub const REASON_CHARS_MAX: usize = 200;

/// Why it was not switched on.
#[derive(Debug, thiserror::Error)]
pub enum ReadOnlyError {
    #[error("people who may change nothing for now are told why, and the reason is empty")]
    NoReason,
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// Switches it on, or gives it another reason.
///
/// # Errors
/// When no reason is given, and when the store fails.
pub async fn begin(store: &Store, reason: &str, by: &str, now: Timestamp) -> Result<ReadOnly, ReadOnlyError> {
    let reason = cut(reason.trim(), REASON_CHARS_MAX);
    if reason.is_empty() {
        return Err(ReadOnlyError::NoReason);
    }
    store.set_read_only(&ReadOnly { reason: reason.clone(), since: now, by: by.to_owned() }).await?;
    tracing::warn!("only operators may change something from now on");
    let mode = store.read_only().await?;
    // Somebody ended it in the same moment.
    Ok(mode.unwrap_or(ReadOnly { reason, since: now, by: by.to_owned() }))
}

/// Switches it off. False: it was not on.
///
/// # Errors
/// The store's.
pub async fn end(store: &Store) -> store::Result<bool> {
    let ended = store.end_read_only().await?;
    if ended {
        tracing::warn!("everybody may change again what they may");
    }
    Ok(ended)
}
