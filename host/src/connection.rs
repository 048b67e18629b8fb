//! Connecting an account to its portal, and choosing the transformation that its leads go through. How a connection
//! lives on is in the files below: its tokens, its permissions, its end.

pub mod access;
pub mod care;
pub mod check;
pub mod checklist;
pub mod consent;
pub mod drift;
pub mod ending;
pub mod fill;
pub mod fill_job;
mod names;
pub mod policy;
pub mod portal;
pub mod scopes;
pub mod session;
pub mod setup;
pub mod standing;

use secrecy::SecretString;
use serde_json::Value;

use crate::cause::Code;
use crate::contract::manifest::Manifest;
use crate::fit;
use crate::hubspot::{self, API_VERSION, HubSpot, Meaning, Portal};
use crate::model::account::{Account, Agreement, Auth, Connection, ConnectionState, Sign, Version};
use crate::model::id::AccountId;
use crate::model::portal::PortalSchema;
use crate::model::share::Share;
use crate::model::time::Timestamp;
use crate::rollout;
use crate::schema::{Settings, Violation};
use crate::stock::DEFAULT_NAME;
use crate::store::{self, Bind, Connect, NewBinding, NewConnection, Store, StoreError};

use scopes::Feature;
use session::Session;

/// The event type that is selected from the start.
const SELECTED: &str = "lead.captured.v1";

/// What connecting cures.
const FIXED_BY_CONNECTING: [Code; 5] = [
    Code::AuthRevoked,
    Code::AuthAppUninstalled,
    Code::AuthMissingScope,
    Code::AuthPermission,
    Code::ConnectionDisconnected,
];

/// Why a transformation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    #[error("there is no transformation `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("the settings do not fit transformation `{label}`: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings { label: String, violations: Vec<Violation> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account cannot be connected to a portal.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("portal {0} is connected to another account; disconnect it there first")]
    PortalTaken(i64),
    #[error("the account is connected to portal {0}; disconnect that one first, or choose it")]
    OtherPortal(i64),
    #[error("somebody has deleted the account")]
    NoAccount,
    #[error("the token belongs to portal {found}, not to portal {asked}")]
    WrongPortal { asked: i64, found: i64 },
    #[error("HubSpot does not accept the token: {0}")]
    TokenRefused(String),
    #[error("HubSpot could not be asked about the token: {0}")]
    Away(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Connects an account with a static token (a private app's, or a service key) of a portal that is known to be the
/// right one. Connecting the same portal again renews the token, and what waited for that goes on.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(
    store: &Store,
    account: &Account,
    portal_id: i64,
    token: &SecretString,
    now: Timestamp,
) -> Result<Connection, ConnectError> {
    take_in(store, NewConnection { portal_id, ..with_token(account, token) }, now).await
}

/// Connects an account with a static token. HubSpot says which portal it belongs to; `portal` is what the person who
/// connects expects, and `agreed` says who that is, and when.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_with_token(
    store: &Store,
    hubspot: &HubSpot,
    account: &Account,
    portal: Option<i64>,
    token: &SecretString,
    agreed: &Agreement,
) -> Result<Connection, ConnectError> {
    let session = Portal { token: token.clone(), api_version: API_VERSION.to_owned() };
    let reply = hubspot.send(&session, &hubspot::details(API_VERSION)).await;
    let Some(body) = reply.success() else {
        let (status, problem) = (reply.status(), problem_of(reply.meaning()));
        return Err(match status {
            Some(401 | 403) => ConnectError::TokenRefused(problem),
            _ => ConnectError::Away(problem),
        });
    };
    let Some((found, details)) = hubspot::read_details(body) else {
        return Err(ConnectError::Away("its answer names no portal".to_owned()));
    };
    match portal {
        Some(asked) if asked != found => Err(ConnectError::WrongPortal { asked, found }),
        _ => {
            take_in(
                store,
                NewConnection {
                    portal_id: found,
                    portal: Some(&details),
                    agreed: Some(agreed),
                    ..with_token(account, token)
                },
                agreed.at,
            )
            .await
        }
    }
}

fn with_token<'a>(account: &'a Account, token: &'a SecretString) -> NewConnection<'a> {
    NewConnection {
        account: &account.id,
        portal_id: 0,
        api_version: API_VERSION,
        auth: Auth::Token,
        token,
        refresh_token: None,
        expires_at: None,
        scopes: None,
        portal: None,
        agreed: None,
    }
}

/// Stores a connection, selects captured leads, and lets everything go on that waited for it.
async fn take_in(store: &Store, new: NewConnection<'_>, now: Timestamp) -> Result<Connection, ConnectError> {
    let portal_id = new.portal_id;
    let connection = match store.connect(new, now).await? {
        Connect::Connected(connection) => *connection,
        Connect::PortalTaken { .. } => return Err(ConnectError::PortalTaken(portal_id)),
        Connect::OtherPortal(other) => return Err(ConnectError::OtherPortal(other)),
        Connect::NoAccount => return Err(ConnectError::NoAccount),
    };
    store.subscribe(&connection, SELECTED, now).await?;
    release(store, &connection, now).await?;
    // Its portal is read before the first lead comes.
    store.call_for_care(&connection, now).await?;
    Ok(connection)
}

/// Lets everything go on that waited for a connection to be made, and is made now.
async fn release(store: &Store, connection: &Connection, now: Timestamp) -> store::Result<()> {
    store.release(&connection.account_id, &FIXED_BY_CONNECTING, now).await?;
    if connection.state == ConnectionState::Connected {
        store.release(&connection.account_id, &[Code::ConnectionPaused], now).await?;
    }
    Ok(())
}

/// What a connection needs for the transformations that it uses.
///
/// # Errors
/// The store's.
pub async fn needs(store: &Store, connection: &Connection) -> store::Result<Vec<Feature>> {
    let bound = store.bound(connection).await?.into_iter();
    Ok(scopes::needs(&bound.map(|bound| (bound.manifest, bound.settings)).collect::<Vec<_>>()))
}

/// What HubSpot's refusal says, for people.
fn problem_of(meaning: Meaning) -> String {
    meaning.problem().detail
}

/// The connection's account goes through the default transformation where it goes through none.
async fn bind_default(
    store: &Store,
    account: &Account,
    connection: &Connection,
    now: Timestamp,
) -> Result<(), UseError> {
    let routing = store.routing(&account.id).await?;
    if !routing.bindings.iter().any(|binding| binding.connection_id == connection.id) {
        use_transformation(store, account, connection, DEFAULT_NAME, serde_json::json!({}), now).await?;
    }
    Ok(())
}

/// The version that `name` means for an account, and the settings for it, completed and checked.
///
/// # Errors
/// [`UseError`], for the person who chose.
pub async fn choose(
    store: &Store,
    account: &Account,
    name: &str,
    settings: Value,
) -> Result<(Version, Manifest, Value), UseError> {
    let Some(version) = store.newest_version(account.id.as_str(), name).await? else {
        return Err(unknown(store, &account.id, name).await?);
    };
    let manifest: Manifest = serde_json::from_value(version.manifest.clone()).map_err(StoreError::decode)?;
    let schema = Settings::compile(&manifest.settings_schema).map_err(StoreError::decode)?;
    let settings =
        schema.complete(settings).map_err(|violations| UseError::Settings { label: version.label(), violations })?;
    Ok((version, manifest, settings))
}

async fn unknown(store: &Store, account: &AccountId, name: &str) -> store::Result<UseError> {
    let known = store.transformation_names(account.as_str()).await?;
    let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Ok(UseError::Unknown { name: name.to_owned(), known })
}

/// Makes a connection use the newest version of a transformation, with settings that are checked first: against the
/// version's schema, and against what is known of the portal.
///
/// # Errors
/// [`UseError`], for the person who chose.
pub async fn use_transformation(
    store: &Store,
    account: &Account,
    connection: &Connection,
    name: &str,
    settings: Value,
    now: Timestamp,
) -> Result<Version, UseError> {
    let (version, manifest, settings) = choose(store, account, name, settings).await?;
    if let Some(cached) = store.schema(connection).await? {
        check_portal(&version, &manifest, &settings, &cached.schema)?;
    }
    bind(store, connection, &version, &manifest, &settings, now).await?;
    Ok(version)
}

/// The same, with the portal as it is now. Where it cannot be read, the next look after the connection checks it.
///
/// # Errors
/// [`UseError`], for the person who chose.
pub async fn use_on_portal(
    store: &Store,
    account: &Account,
    session: &Session,
    name: &str,
    settings: Value,
    now: Timestamp,
) -> Result<Version, UseError> {
    let (version, manifest, settings) = choose(store, account, name, settings).await?;
    if let Ok(read) = portal::read_schema(session, &fit::needs(&manifest, &settings)).await {
        check_portal(&version, &manifest, &settings, &read.schema)?;
    }
    bind(store, &session.connection, &version, &manifest, &settings, now).await?;
    Ok(version)
}

/// Settings that name something that the portal does not have are not accepted.
fn check_portal(
    version: &Version,
    manifest: &Manifest,
    settings: &Value,
    schema: &PortalSchema,
) -> Result<(), UseError> {
    let violations: Vec<_> = fit::check_settings(manifest, settings, schema).into_iter().map(Violation::from).collect();
    if violations.is_empty() { Ok(()) } else { Err(UseError::Settings { label: version.label(), violations }) }
}

async fn bind(
    store: &Store,
    connection: &Connection,
    version: &Version,
    manifest: &Manifest,
    settings: &Value,
    now: Timestamp,
) -> Result<(), UseError> {
    let sign = Sign::new("", "chosen with the connection");
    let new = NewBinding {
        version,
        event_types: &manifest.event_types,
        settings,
        share: Share::ALL,
        sign: &sign,
        expected: None,
    };
    match store.bind(connection, new, now).await? {
        Bind::Bound(_) => {}
        Bind::NoVersion => return Err(unknown(store, &connection.account_id, &version.name).await?),
        // It takes all events, and nobody said what he has seen.
        other => return Err(StoreError::decode(format!("the version cannot be bound: {other:?}")).into()),
    }
    rollout::release(store, connection, now).await?;
    Ok(())
}
