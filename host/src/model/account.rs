//! An account and what it owns: its sources, its connection, its bindings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{AccountId, BindingId, ConnectionId, SourceId, TransformationId, VersionId};
use super::time::Timestamp;

/// One dealership.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    pub id: AccountId,
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
}

/// What happens to an event whose data breaks the schema of its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaMode {
    /// The schema is not looked at.
    Off,
    /// The event is accepted and the error shown with it.
    #[default]
    Warn,
    /// The event is accepted and held until the schema or the mode changes.
    Quarantine,
    /// The event is refused at the door.
    Reject,
}

/// The schema mode of each event type; a type that is not listed has the default.
pub type SchemaModes = BTreeMap<String, SchemaMode>;

/// Who signs an account's events: an address and its secrets.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    pub id: SourceId,
    pub account_id: AccountId,
    pub name: String,
    /// How far a signature's time may be from ours, in seconds, either way.
    pub tolerance_s: i64,
    pub schema_modes: SchemaModes,
    pub created_at: Timestamp,
}

impl Source {
    /// The clock skew that the specification's own libraries accept.
    pub const TOLERANCE_S_DEFAULT: i64 = 300;
    /// Shorter refuses honest senders, longer lets a stolen request live.
    pub const TOLERANCE_S_RANGE: std::ops::RangeInclusive<i64> = 60..=900;

    pub fn schema_mode(&self, event_type: &str) -> SchemaMode {
        self.schema_modes.get(event_type).copied().unwrap_or_default()
    }
}

/// Whether a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    Connected,
    Paused,
    /// HubSpot refused the token: somebody has to reconnect.
    ReconnectRequired,
    Disconnected,
}

/// An account's HubSpot portal. The token stays in the store until a round needs it.
#[derive(Clone, Debug, Serialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub account_id: AccountId,
    pub portal_id: i64,
    pub state: ConnectionState,
    /// The dated version of HubSpot's API that stands in every path.
    pub api_version: String,
    pub created_at: Timestamp,
}

/// Which version, with which settings, a connection uses for an event type. The newest one counts.
#[derive(Clone, Debug, Serialize)]
pub struct Binding {
    pub id: BindingId,
    pub account_id: AccountId,
    pub connection_id: ConnectionId,
    pub event_type: String,
    pub version_id: VersionId,
    /// The transformation and the version's number, such as `deals@3`.
    pub label: String,
    /// JSON text that satisfies the manifest's schema.
    pub settings: String,
}

/// One immutable version of a transformation.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub id: VersionId,
    pub transformation_id: TransformationId,
    pub name: String,
    pub number: i64,
    /// SHA-256 of the bytes as they came, in hex.
    pub hash: String,
    pub manifest: Value,
    pub created_at: Timestamp,
}

impl Version {
    /// Such as `deals@3`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.number)
    }
}
