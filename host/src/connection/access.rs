//! Whether a lane's holder may talk to the portal now, and with which token. Only the holder of the lane's lease asks,
//! so there is never more than one refresh on its way.

use std::time::Duration;

use secrecy::SecretString;

use crate::cause::{Code, Problem};
use crate::crash::crash_point;
use crate::hubspot::{HubSpot, Introspection, OAuthApp, Portal, TokenFailure};
use crate::model::account::{Auth, Connection, ConnectionState};
use crate::model::id::ConnectionId;
use crate::model::lane::{Lease, Settled};
use crate::model::time::Timestamp;
use crate::retry;
use crate::store::{Credentials, NewTokens, Store};

/// A token is refreshed this long before it expires: room for several tries.
const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);
/// Less up to this, so that connections that were made together are not refreshed together.
const REFRESH_SPREAD: Duration = Duration::from_secs(60);
/// A token that lives shorter than this is not used: the call that it is meant for takes a while.
const USABLE: Duration = Duration::from_secs(15);
/// How long HubSpot is left alone when it gives no token: its token calls have a limit of their own.
const AWAY_PAUSE: Duration = Duration::from_secs(20);
/// The same where HubSpot refuses the app itself. Somebody has to mend that, and it takes a while.
const CONFIG_PAUSE: Duration = Duration::from_secs(60);
/// HubSpot has been seen to ask for a day; a lane looks again sooner.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// A token that is younger than this and is refused is not the trouble: another one would fare no better.
const YOUNG: Duration = Duration::from_secs(60);
/// How often HubSpot is asked whether a refresh token still counts: it tells nobody of an uninstall.
const INTROSPECT_EVERY: Duration = Duration::from_secs(24 * 3600);

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
    store: &Store,
    hubspot: &HubSpot,
    _lease: &Lease,
    connection: &Connection,
    token: SecretString,
    now: Timestamp,
) -> anyhow::Result<Access> {
    if let Some(problem) = why_closed(connection) {
        return Ok(Access::Blocked(problem));
    }
    match connection.expires_at {
        Some(expires_at) if now >= refresh_at(&connection.id, expires_at) => {
            let Some(read) = store.credentials(connection).await? else { return Ok(gone()) };
            if now < read.retry_after && is_usable(&read, now) {
                return Ok(opened(connection, token));
            }
            refresh(store, hubspot, read, now).await
        }
        _ => Ok(opened(connection, token)),
    }
}

/// After HubSpot answered 401: another token where one can be had, else why not. A 401 alone proves nothing; only
/// HubSpot's word about the refresh token does.
///
/// # Errors
/// The store's.
pub async fn renew(
    store: &Store,
    hubspot: &HubSpot,
    _lease: &Lease,
    connection: &Connection,
    now: Timestamp,
) -> anyhow::Result<Access> {
    let Some(read) = store.credentials(connection).await? else { return Ok(gone()) };
    if let Some(problem) = why_closed(&read.connection) {
        return Ok(Access::Blocked(problem));
    }
    match read.connection.auth {
        Auth::Token => {
            let text = "HubSpot no longer accepts the token of the private app";
            reconnect_required(store, read, Problem::new(Code::AuthRevoked, text), now).await
        }
        Auth::OAuth if now.since(read.refreshed_at) < YOUNG => {
            let text = "HubSpot refuses a token that it has just given";
            let refused = Problem::new(Code::HubspotServerError, text);
            after_introspection(store, hubspot, read, refused, AWAY_PAUSE, now).await
        }
        Auth::OAuth => {
            // What is refused is not used again, however long it was meant to live.
            let mut read = read;
            read.connection.expires_at = Some(now);
            match refresh(store, hubspot, read, now).await? {
                Access::Rest { problem, pause } => match store.credentials(connection).await? {
                    Some(read) => after_introspection(store, hubspot, read, problem, pause, now).await,
                    None => Ok(gone()),
                },
                access => Ok(access),
            }
        }
    }
}

/// Whether it is time to ask HubSpot if a quiet connection's refresh token still counts.
pub fn needs_introspection(read: &Credentials, now: Timestamp) -> bool {
    let asked = read.introspected_at.max(read.refreshed_at);
    read.connection.auth == Auth::OAuth
        && matches!(read.connection.state, ConnectionState::Connected | ConnectionState::Paused)
        && now.since(asked) >= INTROSPECT_EVERY
}

/// Asks HubSpot whether the refresh token still counts, where nobody did for a day. If it does not, the connection has
/// to be made again. Whatever else HubSpot answers changes nothing.
///
/// # Errors
/// The store's.
pub async fn introspect(
    store: &Store,
    hubspot: &HubSpot,
    app: Option<&OAuthApp>,
    connection: &Connection,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (Some(app), Some(read)) = (app, store.credentials(connection).await?) else { return Ok(()) };
    let Some(refresh_token) = read.refresh_token.as_ref().filter(|_| needs_introspection(&read, now)) else {
        return Ok(());
    };
    match hubspot.introspect(app, refresh_token).await {
        Introspection::Active { scopes } => store.note_introspection(&read, scopes.as_deref(), now).await?,
        Introspection::Dead => {
            reconnect_required(store, read, withdrawn(), now).await?;
        }
        Introspection::Unknown(_) => {}
    }
    Ok(())
}

/// When a token is to be refreshed.
fn refresh_at(id: &ConnectionId, expires_at: Timestamp) -> Timestamp {
    expires_at - REFRESH_BEFORE + REFRESH_SPREAD.mul_f64(retry::unit(id.as_str(), 0))
}

fn is_usable(read: &Credentials, now: Timestamp) -> bool {
    read.connection.expires_at.is_none_or(|expires_at| now + USABLE < expires_at)
}

/// Why nobody may talk to the portal, whatever the token.
pub(super) fn why_closed(connection: &Connection) -> Option<Problem> {
    let stored = || connection.problem.clone();
    match connection.state {
        ConnectionState::Connected => None,
        ConnectionState::Paused => Some(Problem::new(Code::ConnectionPaused, "the connection is paused")),
        ConnectionState::ReconnectRequired => {
            Some(stored().unwrap_or_else(|| Problem::new(Code::AuthRevoked, "the connection has to be made again")))
        }
        ConnectionState::Disconnected => Some(disconnected(connection)),
    }
}

fn disconnected(connection: &Connection) -> Problem {
    Problem::new(Code::ConnectionDisconnected, format!("portal {} was disconnected", connection.portal_id))
}

/// Fetches a new token and keeps it before anybody uses it.
pub(super) async fn refresh(
    store: &Store,
    hubspot: &HubSpot,
    read: Credentials,
    now: Timestamp,
) -> anyhow::Result<Access> {
    if now < read.retry_after {
        let problem = read.connection.problem.clone();
        let problem =
            problem.unwrap_or_else(|| Problem::new(Code::HubspotServerError, "HubSpot gave no new token a moment ago"));
        return Ok(Access::Rest { problem, pause: read.retry_after.since(now) });
    }
    let (Some(app), Some(refresh_token)) = (hubspot.app(), &read.refresh_token) else {
        let text = "the token has expired, and this service knows no HubSpot app to refresh it with";
        return misconfigured(store, hubspot, read, Problem::new(Code::AppConfig, text), now).await;
    };
    match hubspot.refresh(app, refresh_token).await {
        Ok(tokens) => {
            crash_point!("CP16");
            if app.note_alarm(None) {
                tracing::info!("HubSpot accepts the app again");
            }
            let new = NewTokens {
                token: &tokens.access,
                refresh_token: tokens.refresh.as_ref(),
                expires_at: now + tokens.expires_in,
                scopes: tokens.scopes.as_deref(),
            };
            match store.keep_tokens(&read, new, now).await? {
                Settled::Done => Ok(opened(&read.connection, tokens.access)),
                Settled::LeaseLost => as_it_is(store, &read.connection, now).await,
            }
        }
        Err(TokenFailure::Revoked(problem)) => reconnect_required(store, read, problem, now).await,
        Err(TokenFailure::Misconfigured(problem)) => misconfigured(store, hubspot, read, problem, now).await,
        Err(TokenFailure::Away { problem, asked }) => {
            let id = &read.connection.id;
            let pause = retry::jittered(AWAY_PAUSE, id.as_str(), now).max(asked).min(PAUSE_MAX);
            store.put_off_refresh(&read, now + pause, None).await?;
            tracing::info!(lane.id = %id, "no new token for connection {id}: {problem}");
            Ok(if is_usable(&read, now) {
                opened(&read.connection, read.token)
            } else {
                Access::Rest { problem, pause }
            })
        }
    }
}

/// HubSpot refuses the app itself. The operator is told once; nobody is disconnected.
async fn misconfigured(
    store: &Store,
    hubspot: &HubSpot,
    read: Credentials,
    problem: Problem,
    now: Timestamp,
) -> anyhow::Result<Access> {
    let is_news = match hubspot.app() {
        Some(app) => app.note_alarm(Some(&problem)),
        None => read.connection.problem.as_ref() != Some(&problem),
    };
    if is_news {
        tracing::error!(code = %problem.code, "{problem}; {}", problem.code.fix());
    }
    let pause = retry::jittered(CONFIG_PAUSE, read.connection.id.as_str(), now);
    store.put_off_refresh(&read, now + pause, Some(&problem)).await?;
    Ok(if is_usable(&read, now) { opened(&read.connection, read.token) } else { Access::Rest { problem, pause } })
}

/// The portal no longer lets us in: somebody has to connect it again, and everything waits for that.
async fn reconnect_required(
    store: &Store,
    read: Credentials,
    problem: Problem,
    now: Timestamp,
) -> anyhow::Result<Access> {
    match store.require_reconnect(&read, &problem).await? {
        Settled::Done => {
            let id = &read.connection.id;
            metrics::counter!("leadline_reconnects_required_total", "code" => problem.code.as_str()).increment(1);
            tracing::warn!(lane.id = %id, code = %problem.code, "connection {id} has to be made again: {problem}");
            Ok(Access::Blocked(problem))
        }
        Settled::LeaseLost => as_it_is(store, &read.connection, now).await,
    }
}

/// Whether the refresh token still counts decides what a refused token means.
async fn after_introspection(
    store: &Store,
    hubspot: &HubSpot,
    read: Credentials,
    otherwise: Problem,
    pause: Duration,
    now: Timestamp,
) -> anyhow::Result<Access> {
    let (Some(app), Some(refresh_token)) = (hubspot.app(), &read.refresh_token) else {
        return Ok(Access::Rest { problem: otherwise, pause });
    };
    match hubspot.introspect(app, refresh_token).await {
        Introspection::Dead => reconnect_required(store, read, withdrawn(), now).await,
        Introspection::Active { .. } | Introspection::Unknown(_) => Ok(Access::Rest { problem: otherwise, pause }),
    }
}

/// Somebody changed the tokens meanwhile: what is stored now counts.
async fn as_it_is(store: &Store, connection: &Connection, now: Timestamp) -> anyhow::Result<Access> {
    let Some(read) = store.credentials(connection).await? else { return Ok(gone()) };
    Ok(match why_closed(&read.connection) {
        Some(problem) => Access::Blocked(problem),
        None if is_usable(&read, now) => opened(&read.connection, read.token),
        None => {
            let problem = Problem::new(Code::HubspotServerError, "the token was changed by somebody else just now");
            Access::Rest { problem, pause: AWAY_PAUSE }
        }
    })
}

fn opened(connection: &Connection, token: SecretString) -> Access {
    Access::Open(Portal { token, api_version: connection.api_version.clone() })
}

fn withdrawn() -> Problem {
    Problem::new(Code::AuthRevoked, "HubSpot says that our permission was withdrawn")
}

fn gone() -> Access {
    Access::Blocked(Problem::new(Code::AccountNotConnected, "the connection is no longer there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refreshed_four_to_five_minutes_before_it_expires() {
        let expires_at = Timestamp(1_800_000_000_000);
        let mut seen = Vec::new();
        for number in 0..200 {
            let before = expires_at.since(refresh_at(&ConnectionId::stored(format!("con_{number}")), expires_at));
            assert!((Duration::from_secs(240)..=Duration::from_secs(300)).contains(&before), "{before:?}");
            seen.push(before.as_secs());
        }
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 40, "they are spread: {seen:?}");
    }
}
