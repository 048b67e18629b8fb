//! What a connection needs beside its leads: its portal's schema read again, its bindings checked against it, and
//! whatever waited for something that is there by now released.

use super::session::Session;
use crate::model::account::Connection;
use crate::model::time::Timestamp;
use crate::store::Store;

/// Whether the connection is to be looked after before its next round.
pub fn is_due(_connection: &Connection, _now: Timestamp) -> bool {
    false
}

/// Looks after a connection.
///
/// # Errors
/// The store's. Whatever HubSpot does is never an error.
pub async fn look_after(_store: &Store, _session: &Session, _now: Timestamp) -> anyhow::Result<()> {
    Ok(())
}
