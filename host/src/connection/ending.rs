//! Pausing a connection, letting it go on, and ending it. Records in HubSpot stay as they are, always.

use std::time::Duration;

use secrecy::SecretString;

use super::session::take_lane;
use crate::cause::Code;
use crate::hubspot::{self, API_VERSION, HubSpot, OAuthApp, Portal, TokenFailure, Tokens};
use crate::model::account::{Connection, ConnectionState, Waiting};
use crate::model::replay::{Filter, Standing};
use crate::model::time::Timestamp;
use crate::replay::{self, Wish};
use crate::store::{self, Credentials, Store, StoreError};

/// Why a connection stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    #[error("portal {portal} is {state}, so it cannot be {wanted}")]
    State { portal: i64, state: &'static str, wanted: &'static str },
    /// It was to end and has, or was never to.
    #[error("portal {0} is not about to be disconnected")]
    Ended(i64),
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl From<StoreError> for EndError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// How HubSpot took the end. None of it keeps a connection from ending on our side.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Ended {
    /// What was still to do at HubSpot, in sentences: somebody may do it there by hand.
    pub left: Vec<String>,
    /// Leads that were cancelled.
    pub cancelled: u64,
    /// Leads that wait for the account to be connected again.
    pub held: i64,
}

/// How long people have to think better of ending a connection, at most. Where leads are sent first, they can until all are.
pub const UNDO_MAX: Duration = Duration::from_secs(60);

/// Where leads are sent first, a connection ends after this at the latest: what HubSpot does not take by then waits for more
/// than time, and people should see an end.
pub const SEND_MAX: Duration = Duration::from_secs(15 * 60);

/// Ends a connection as somebody asked: at once, or where it can be undone or leads are sent first, in a while. None: it can
/// still be kept.
///
/// # Errors
/// [`EndError`].
pub async fn begin(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    (waiting, undo): (Waiting, Duration),
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Option<Ended>, EndError> {
    if undo.is_zero() && (waiting != Waiting::Send || !has_to_send(store, connection).await?) {
        return disconnect(store, hubspot, connection, waiting, clock).await.map(Some);
    }
    disconnect_later(store, connection, waiting, (clock(), undo)).await.map(|()| None)
}

/// Whether anything would go to the portal, if it were let.
async fn has_to_send(store: &Store, connection: &Connection) -> store::Result<bool> {
    let held = match connection.state {
        ConnectionState::Paused => store.waiting_leads(connection).await?.blocked,
        ConnectionState::Connected | ConnectionState::ReconnectRequired | ConnectionState::Disconnected => 0,
    };
    Ok(held > 0 || store.left_to_send(connection).await? > 0)
}

/// Lets a connection end in a moment, so that it can stay as it was: [`stay`]. Until then all deliveries wait; where leads are
/// sent first, those of before go on, and what comes new is skipped as after the end. Whoever runs [`end_due`] ends it.
///
/// # Errors
/// [`EndError`].
pub async fn disconnect_later(
    store: &Store,
    connection: &Connection,
    waiting: Waiting,
    (now, undo): (Timestamp, Duration),
) -> Result<(), EndError> {
    if !store.end_later(connection, waiting, (now, now + undo.min(UNDO_MAX))).await? {
        return Err(wrong_state(store, connection, "disconnected").await?);
    }
    if waiting == Waiting::Send && connection.state == ConnectionState::Paused {
        store.release(&connection.account_id, &[Code::ConnectionPaused], now).await?;
    }
    Ok(())
}

/// Lets a connection stay that was to end. What was skipped meanwhile is sent after all.
///
/// # Errors
/// [`EndError`].
pub async fn stay(store: &Store, connection: &Connection, now: Timestamp) -> Result<(), EndError> {
    match store.stay(connection).await? {
        Some(ConnectionState::Connected) => {
            store.release(&connection.account_id, &[Code::ConnectionPaused], now).await?;
        }
        Some(_) => {}
        None => return Err(EndError::Ended(connection.portal_id)),
    }
    match connection.sends_last_since() {
        Some(since) => send_skipped(store, connection, since, now).await,
        None => Ok(()),
    }
}

/// Sends what was skipped since then because the connection was to end.
async fn send_skipped(
    store: &Store,
    connection: &Connection,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), EndError> {
    let Some(account) = store.account(connection.account_id.as_str()).await? else { return Ok(()) };
    let filter = Filter {
        state: Some(Standing::Skipped),
        cause: Some(Code::ConnectionDisconnected),
        from: Some(since),
        ..Filter::default()
    };
    let wish = Wish { filter, ..Wish::default() };
    let estimate = replay::estimate(store, &account, &wish, now).await.map_err(anyhow::Error::from)?;
    if estimate.replayed > 0 {
        replay::create(store, &account, &wish, now).await.map_err(anyhow::Error::from)?;
    }
    Ok(())
}

/// Ends a connection whose time has come. Says whether there was one.
///
/// # Errors
/// The store's.
pub async fn end_due(
    store: &Store,
    hubspot: &HubSpot,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> anyhow::Result<bool> {
    let Some((connection, waiting)) = store.take_ending(clock(), SEND_MAX).await? else { return Ok(false) };
    match disconnect(store, hubspot, &connection, waiting, clock).await {
        Ok(ended) => {
            for left in &ended.left {
                tracing::warn!(lane.id = %connection.id, "portal {} is not quite left: {left}", connection.portal_id);
            }
            Ok(true)
        }
        Err(error) => Err(anyhow::anyhow!("connection {} could not be ended: {error}", connection.id)),
    }
}

/// Stops deliveries; they wait until the connection is resumed.
///
/// # Errors
/// [`EndError`].
pub async fn pause(store: &Store, connection: &Connection) -> Result<(), EndError> {
    if connection.ends_at.is_some() {
        return Err(wrong_state(store, connection, "paused").await?);
    }
    match store.move_connection(connection, ConnectionState::Connected, ConnectionState::Paused).await? {
        true => Ok(()),
        false => Err(wrong_state(store, connection, "paused").await?),
    }
}

/// Lets everything go on that a pause held.
///
/// # Errors
/// [`EndError`].
pub async fn resume(store: &Store, connection: &Connection, now: Timestamp) -> Result<(), EndError> {
    if connection.ends_at.is_some() {
        return stay(store, connection, now).await;
    }
    if !store.move_connection(connection, ConnectionState::Paused, ConnectionState::Connected).await? {
        return Err(wrong_state(store, connection, "resumed").await?);
    }
    store.release(&connection.account_id, &[Code::ConnectionPaused], now).await?;
    Ok(())
}

/// Ends a connection: takes our app out of the portal, ends the refresh token, and forgets the tokens. On our side it
/// always ends, whatever HubSpot says. Settings and history stay. Done again, it finishes what was interrupted. Leads that
/// wait are held, unless they are to be discarded: [`begin`] sends them first.
///
/// # Errors
/// [`EndError`].
pub async fn disconnect(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    waiting: Waiting,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Ended, EndError> {
    // With the lane in hand no round is under way, and nobody else refreshes.
    let lease = take_lane(store, connection, clock).await?;
    let ended = end(store, hubspot, connection, waiting, clock).await;
    if let Some(lease) = lease {
        store.give_back(&lease).await?;
    }
    ended
}

async fn end(
    store: &Store,
    hubspot: &HubSpot,
    connection: &Connection,
    waiting: Waiting,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<Ended, EndError> {
    for from in [ConnectionState::Connected, ConnectionState::Paused, ConnectionState::ReconnectRequired] {
        store.move_connection(connection, from, ConnectionState::Disconnected).await?;
    }
    let cancelled = match waiting {
        Waiting::Discard => store.cancel_waiting(connection, clock()).await?,
        Waiting::Send | Waiting::Hold => 0,
    };
    let left = match store.credentials(connection).await {
        Ok(Some(read)) => leave(hubspot, read, clock()).await,
        Ok(None) => Vec::new(),
        Err(error) => vec![format!("The app could not be taken out of HubSpot: {error:#}.")],
    };
    store.wipe_tokens(connection).await?;
    let id = &connection.id;
    tracing::info!(lane.id = %id, "connection {id} was ended");
    let held = store.waiting_leads(connection).await?;
    Ok(Ended { left, cancelled, held: held.pending + held.blocked })
}

/// Takes our app out of a portal. Returns what could not be done.
async fn leave(hubspot: &HubSpot, read: Credentials, now: Timestamp) -> Vec<String> {
    let Some(mut refresh_token) = read.refresh_token else { return Vec::new() };
    let Some(app) = hubspot.app() else { return vec![BY_HAND.to_owned()] };
    let mut token = read.token;
    if read.connection.expires_at.is_none_or(|expires_at| expires_at <= now) {
        match hubspot.refresh(app, &refresh_token).await {
            Ok(tokens) => {
                token = tokens.access;
                refresh_token = tokens.refresh.unwrap_or(refresh_token);
            }
            // There is nothing left to leave.
            Err(TokenFailure::Revoked(_)) => return Vec::new(),
            Err(_) => return vec![BY_HAND.to_owned()],
        }
    }
    let portal = Portal { token, api_version: read.connection.api_version };
    uninstall(hubspot, app, &portal, Some(&refresh_token)).await
}

/// Gives tokens up that were granted and are not wanted, and takes the app out again.
pub(super) async fn give_up(hubspot: &HubSpot, tokens: &Tokens) {
    let Some(app) = hubspot.app() else { return };
    let portal = Portal { token: tokens.access.clone(), api_version: API_VERSION.to_owned() };
    for left in uninstall(hubspot, app, &portal, tokens.refresh.as_ref()).await {
        tracing::warn!("a portal that was not wanted is not quite left: {left}");
    }
}

async fn uninstall(
    hubspot: &HubSpot,
    app: &OAuthApp,
    portal: &Portal,
    refresh_token: Option<&SecretString>,
) -> Vec<String> {
    let reply = hubspot.send(portal, &hubspot::uninstall(&portal.api_version)).await;
    // 401 and 404 say that the app is gone already.
    let is_out = reply.success().is_some() || matches!(reply.status(), Some(401 | 404));
    let mut left = if is_out { Vec::new() } else { vec![BY_HAND.to_owned()] };
    if let Some(refresh_token) = refresh_token {
        let revoked = hubspot.revoke(app, refresh_token).await;
        if !is_out && matches!(revoked, Err(TokenFailure::Away { .. } | TokenFailure::Misconfigured(_))) {
            left.push("Nor did it confirm that our access was ended; removing the app ends it.".to_owned());
        }
    }
    left
}

const BY_HAND: &str = "HubSpot did not confirm that the app was removed. A HubSpot admin can remove it under Settings, Integrations, Connected apps.";

async fn wrong_state(store: &Store, connection: &Connection, wanted: &'static str) -> store::Result<EndError> {
    let fresh = store.connection(connection.id.as_str()).await?;
    let fresh = fresh.as_ref().unwrap_or(connection);
    let state = if fresh.ends_at.is_some() { "about to be disconnected" } else { state_word(fresh.state) };
    Ok(EndError::State { portal: connection.portal_id, state, wanted })
}

/// A state, where people read it.
pub fn state_word(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Connected => "connected",
        ConnectionState::Paused => "paused",
        ConnectionState::ReconnectRequired => "waiting to be connected again",
        ConnectionState::Disconnected => "disconnected",
    }
}
