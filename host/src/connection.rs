//! Connecting an account to its portal, and choosing the transformation that its leads go through.

pub mod access;
pub mod care;
pub mod checklist;
pub mod drift;
pub mod fill;
pub mod portal;
pub mod session;

use secrecy::SecretString;
use serde_json::Value;

use crate::cause::Code;
use crate::contract::manifest::Manifest;
use crate::fit;
use crate::hubspot::API_VERSION;
use crate::model::account::{Account, Connection, Version};
use crate::model::portal::PortalSchema;
use crate::model::time::Timestamp;
use crate::schema::{Settings, Violation};
use crate::store::Store;

use session::Session;

/// The event type that is selected from the start.
const SELECTED: &str = "lead.captured.v1";

/// What another version, or other settings, may cure: events that are held for it are planned afresh.
const FIXED_BY_A_VERSION: [Code; 10] = [
    Code::TransformTrap,
    Code::TransformPanic,
    Code::TransformStack,
    Code::TransformFuel,
    Code::TransformTimeout,
    Code::TransformMemory,
    Code::TransformLogFlood,
    Code::TransformOutputTooLarge,
    Code::TransformOutputInvalid,
    Code::OurFault,
];

/// Why a transformation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    #[error("there is no transformation `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("the settings do not fit transformation `{label}`: {}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings { label: String, violations: Vec<Violation> },
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Connects an account with a static token (a private app's, or a service key), and selects captured leads. Connecting
/// the same portal again renews the token, and what waited for that goes on.
///
/// # Errors
/// The store's.
pub async fn connect(
    store: &Store,
    account: &Account,
    portal_id: i64,
    token: &SecretString,
    now: Timestamp,
) -> sqlx::Result<Connection> {
    let connection = store.connect(&account.id, portal_id, API_VERSION, token, now).await?;
    store.subscribe(&connection, SELECTED, now).await?;
    store.release(&account.id, &[Code::AuthRevoked, Code::AuthMissingScope, Code::AuthPermission], now).await?;
    // Its portal is read before the first lead comes.
    store.call_for_care(&connection, now).await?;
    Ok(connection)
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
        let known = store.transformation_names(account.id.as_str()).await?;
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(UseError::Unknown { name: name.to_owned(), known });
    };
    let manifest: Manifest =
        serde_json::from_value(version.manifest.clone()).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let schema = Settings::compile(&manifest.settings_schema).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let settings =
        schema.complete(settings).map_err(|violations| UseError::Settings { label: version.label(), violations })?;
    Ok((version, manifest, settings))
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
) -> sqlx::Result<()> {
    for event_type in &manifest.event_types {
        store.bind(connection, event_type, version, settings, now).await?;
    }
    store.release(&connection.account_id, &FIXED_BY_A_VERSION, now).await?;
    // It may need parts of the portal that nobody has read yet.
    store.call_for_care(connection, now).await
}
