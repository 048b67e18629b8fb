//! Whether a lane's holder may talk to the portal now, and with which token. Only the holder of the lane's lease asks,
//! so there is never more than one refresh on its way.

use std::time::Duration;

use secrecy::SecretString;

use crate::cause::{Code, Problem};
use crate::hubspot::{HubSpot, Portal};
use crate::model::account::{Connection, ConnectionState};
use crate::model::lane::Lease;
use crate::model::time::Timestamp;
use crate::store::Store;

/// What the holder of a lane may do.
pub enum Access {
    Open(Portal),
    /// Somebody has to do something first; no attempts are spent.
    Blocked(Problem),
    /// It may be tried again after `pause`; no attempts are spent.
    Rest {
        problem: Problem,
        pause: Duration,
    },
}

/// The portal of a connection, with a token that is good for this round.
///
/// # Errors
/// The store's.
pub async fn open(
    _store: &Store,
    _hubspot: &HubSpot,
    _lease: &Lease,
    connection: &Connection,
    token: SecretString,
    _now: Timestamp,
) -> anyhow::Result<Access> {
    Ok(match connection.state {
        ConnectionState::Connected => Access::Open(Portal { token, api_version: connection.api_version.clone() }),
        ConnectionState::Paused => Access::Blocked(Problem::new(Code::ConnectionPaused, "the connection is paused")),
        ConnectionState::ReconnectRequired | ConnectionState::Disconnected => {
            Access::Blocked(Problem::new(Code::AuthRevoked, "the connection has to be made again"))
        }
    })
}

/// After HubSpot answered 401: another token where one can be had, else why not.
///
/// # Errors
/// The store's.
pub async fn renew(
    _store: &Store,
    _hubspot: &HubSpot,
    _lease: &Lease,
    _connection: &Connection,
    _now: Timestamp,
) -> anyhow::Result<Access> {
    Ok(Access::Blocked(Problem::new(Code::AuthRevoked, "HubSpot no longer accepts the token")))
}
