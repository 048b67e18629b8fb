//! A portal to talk to outside of a lane's round: for people's questions, and for looking after a connection. Its calls
//! live on the part of the rate limit that the lanes leave free.

use std::time::Duration;

use super::access::{self, Access};
use crate::cause::{Code, Problem};
use crate::hubspot::{HubSpot, Portal, Reply, Request};
use crate::model::account::{Connection, ConnectionState};
use crate::model::lane::Lease;
use crate::model::time::Timestamp;
use crate::store::{self, Credentials, Store, StoreError};

/// A token is good for a session when it lives this long yet.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// How long a session waits for a round to end; people are in front of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A connection with a token that is good for the next minute.
pub struct Session {
    hubspot: HubSpot,
    pub portal: Portal,
    pub connection: Connection,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// Somebody has to do something first.
    #[error("{0}")]
    Blocked(Problem),
    /// It may work in a moment.
    #[error("{0}")]
    Away(Problem),
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl From<StoreError> for NoSession {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Session {
    pub fn new(hubspot: HubSpot, portal: Portal, connection: Connection) -> Self {
        Self { hubspot, portal, connection }
    }

    pub fn hubspot(&self) -> &HubSpot {
        &self.hubspot
    }

    /// Makes one call. A dead network is an answer too.
    pub async fn send(&self, request: &Request) -> Reply {
        self.hubspot.send(&self.portal, request).await
    }
}

/// A session of a connection, also of a paused one. Where the token is about to expire it is refreshed, which takes the
/// connection's lane for a moment: whoever holds that is the only one who refreshes.
///
/// # Errors
/// [`NoSession`].
pub async fn open(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Session, NoSession> {
    if let Some(session) = ready(hubspot, read(store, connection).await?, clock()) {
        return Ok(session);
    }
    let owner = format!("session-{}-{:x}", std::process::id(), random());
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(lease) = store.hold_lane(&connection.account_id, connection.id.as_str(), &owner, clock()).await? {
            let refreshed = refresh_under(store, hubspot, connection, clock).await;
            store.give_back(&lease).await?;
            return refreshed;
        }
        if tokio::time::Instant::now() >= until {
            let text = "the token has to be refreshed, and a round of deliveries is under way; try again in a minute";
            return Err(NoSession::Away(Problem::new(Code::HubspotLocked, text)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        // Whoever held the lane may have refreshed it.
        if let Some(session) = ready(hubspot, read(store, connection).await?, clock()) {
            return Ok(session);
        }
    }
}

/// Waits for a connection's lane, and takes it from whoever holds it for longer than people wait.
pub(super) async fn take_lane(
    store: &Store,
    connection: &Connection,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> store::Result<Option<Lease>> {
    let owner = format!("session-{}-{:x}", std::process::id(), random());
    let (account, lane) = (&connection.account_id, connection.id.as_str());
    let until = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < until {
        if let Some(lease) = store.hold_lane(account, lane, &owner, clock()).await? {
            return Ok(Some(lease));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    store.seize_lane(account, lane, &owner, clock()).await
}

async fn refresh_under(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Session, NoSession> {
    // Whoever had the lane before may have refreshed it.
    if let Some(session) = ready(hubspot, read(store, connection).await?, clock()) {
        return Ok(session);
    }
    let fresh = read(store, connection).await?;
    let connection = fresh.connection.clone();
    match access::refresh(store, hubspot, fresh, clock()).await? {
        Access::Open(portal) => Ok(Session::new(hubspot.clone(), portal, connection)),
        Access::Blocked(problem) => Err(NoSession::Blocked(problem)),
        Access::Rest { problem, .. } => Err(NoSession::Away(problem)),
    }
}

/// The tokens of a connection that may be talked to; a pause stops leads, and no questions.
async fn read(store: &Store, connection: &Connection) -> Result<Credentials, NoSession> {
    let gone = || NoSession::Blocked(Problem::new(Code::AccountNotConnected, "the connection is no longer there"));
    let read = store.credentials(connection).await?.ok_or_else(gone)?;
    match access::why_closed(&read.connection) {
        Some(problem) if read.connection.state != ConnectionState::Paused => Err(NoSession::Blocked(problem)),
        _ => Ok(read),
    }
}

fn ready(hubspot: &HubSpot, read: Credentials, now: Timestamp) -> Option<Session> {
    let good = read.connection.expires_at.is_none_or(|expires_at| now + GOOD_FOR < expires_at);
    let portal = Portal { token: read.token, api_version: read.connection.api_version.clone() };
    good.then(|| Session::new(hubspot.clone(), portal, read.connection))
}

/// Tells the sessions of one process apart.
fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u64::from_le_bytes(bytes)
}
