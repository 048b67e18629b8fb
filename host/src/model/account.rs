//! An account and what it owns: its sources, its connection, its bindings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::id::{AccountId, BindingId, ConnectionId, SourceId, TransformationId, VersionId};
use super::share::Share;
use super::time::Timestamp;
use crate::cause::Problem;

/// One dealership.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Account {
    pub id: AccountId,
    pub slug: String,
    pub name: String,
    /// What a run of its transformations may use.
    pub quota: QuotaClass,
    pub created_at: Timestamp,
}

/// What a run of an account's transformations may use. The numbers of each class stand with the other limits of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuotaClass {
    /// Enough for what a compiler made.
    #[default]
    Standard,
    /// For guests that bring an interpreter along, which an operator has looked at.
    Javascript,
}

impl QuotaClass {
    pub const ALL: [Self; 2] = [Self::Standard, Self::Javascript];

    /// The word that people type, and that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Javascript => "javascript",
        }
    }

    /// What is stored. A word of a later release counts as the standard: less than was meant, and never more.
    pub fn stored(word: &str) -> Self {
        word.parse().unwrap_or_default()
    }
}

impl std::str::FromStr for QuotaClass {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::as_str).join(" and ");
        let found = Self::ALL.into_iter().find(|class| class.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is no class of quota; there are {}", known()))
    }
}

impl std::fmt::Display for QuotaClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to an event whose data breaks the schema of its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Source {
    pub id: SourceId,
    pub account_id: AccountId,
    pub name: String,
    /// How far a signature's time may be from ours, in seconds, either way.
    pub tolerance_s: i64,
    #[schema(value_type = BTreeMap<String, SchemaMode>)]
    pub schema_modes: SchemaModes,
    /// Events a second that each process takes from it; 0: any number.
    pub rate: i64,
    pub created_at: Timestamp,
}

impl Source {
    /// More than the busiest chat widget sends, and less than a loop that runs wild.
    pub const RATE_DEFAULT: i64 = 500;
    /// Beyond this the door itself is the limit.
    pub const RATE_MAX: i64 = 100_000;
    /// The clock skew that the specification's own libraries accept.
    pub const TOLERANCE_S_DEFAULT: i64 = 300;
    /// Shorter refuses honest senders, longer lets a stolen request live.
    pub const TOLERANCE_S_RANGE: std::ops::RangeInclusive<i64> = 60..=900;

    /// What may be set of it, for the history.
    pub fn told(&self) -> Value {
        json!({ "rate": self.rate, "schema_modes": self.schema_modes })
    }

    pub fn schema_mode(&self, event_type: &str) -> SchemaMode {
        self.schema_modes.get(event_type).copied().unwrap_or_default()
    }
}

/// Whether a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    Connected,
    Paused,
    /// HubSpot refused the token: somebody has to reconnect.
    ReconnectRequired,
    Disconnected,
}

/// How a connection came by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A private app's, or a service key: it stays until somebody changes it in HubSpot.
    Token,
    /// By consent: it expires and is refreshed.
    #[serde(rename = "oauth")]
    OAuth,
}

/// The names that a portal has for properties of the transformations, where they are others: by object type id, from the
/// transformations' name to the portal's.
pub type Names = BTreeMap<String, BTreeMap<String, String>>;

/// The key properties in the manifests of the stock transformations. A connection may use others in their place.
pub const CONTACT_KEY: &str = "leadline_lead_id";
pub const DEAL_KEY: &str = "leadline_deal_key";

/// What an account wants of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Policy {
    /// A lead with a value that HubSpot refuses waits, instead of going through without it.
    pub strict: bool,
    /// A lead without an e-mail address waits until somebody looked at it: of one person it may make a second contact.
    pub hold_without_email: bool,
    /// The unique property that recognises a contact without an e-mail address.
    pub contact_key: String,
    /// The unique property that recognises a deal.
    pub deal_key: String,
    pub contact_write: ContactWrite,
    /// A lifecycle stage is never asked to move back. HubSpot is said to ignore that; some saw it obey.
    pub lifecycle_guard: bool,
    /// Properties that are written to another one of the portal: by object type id, from the transformations' name to the
    /// portal's.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, String>>)]
    pub names: Names,
}

impl Policy {
    /// The portal's name of a property of the transformations, where it is another.
    pub fn name_of(&self, object_type: &str, name: &str) -> Option<&str> {
        self.names.get(object_type)?.get(name).map(String::as_str)
    }

    /// The portal's name of a key property; any key but those of the stock transformations stands for itself.
    pub fn key_name<'a>(&'a self, planned: &'a str) -> &'a str {
        match planned {
            CONTACT_KEY => &self.contact_key,
            DEAL_KEY => &self.deal_key,
            other => other,
        }
    }
}

/// How contacts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactWrite {
    /// New and known ones in one call.
    #[default]
    Upsert,
    /// Known ones by their ids, new ones in a call of their own: for a portal in which an upsert by address would clear
    /// what it does not send.
    Split,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strict: false,
            hold_without_email: false,
            contact_key: CONTACT_KEY.to_owned(),
            deal_key: DEAL_KEY.to_owned(),
            contact_write: ContactWrite::default(),
            lifecycle_guard: true,
            names: Names::new(),
        }
    }
}

/// What HubSpot says of a portal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct PortalDetails {
    pub name: Option<String>,
    /// `STANDARD`, `SANDBOX`, `DEVELOPER_TEST` or `APP_DEVELOPER`.
    pub account_type: String,
    /// An IANA name, such as `America/New_York`: the day of its limits ends at midnight there.
    pub time_zone: String,
    pub currency: String,
    /// Where its records are looked at, such as `app-eu1.hubspot.com`.
    pub ui_domain: String,
}

/// What to do with the leads that wait when a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// They are sent first, as far as that goes within a quarter of an hour; the others are held then.
    Send,
    /// They go on when the account is connected again.
    Hold,
    /// They are cancelled; each can be replayed.
    Discard,
}

/// How somebody connected an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreed {
    /// Signed in here, and agreed at HubSpot.
    Person,
    /// By a link that a person made here for somebody else.
    Link,
    /// At the terminal: with a token, or by a link that was made there.
    Terminal,
    /// By a link that a program asked for.
    Api,
}

/// Who connected an account, how and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Agreement {
    /// Of a link: whoever made it.
    pub by: String,
    pub how: Agreed,
    pub at: Timestamp,
}

impl Agreement {
    pub fn new(by: impl Into<String>, how: Agreed, at: Timestamp) -> Self {
        Self { by: by.into(), how, at }
    }

    /// Who it was, for people.
    pub fn words(&self) -> String {
        match self.how {
            Agreed::Person => self.by.clone(),
            Agreed::Link => format!("whoever had the link of {}", self.by),
            Agreed::Terminal => format!("{}, at the terminal", self.by),
            Agreed::Api => format!("a link that {} asked for", self.by),
        }
    }
}

/// An account's HubSpot portal. The tokens stay in the store until a round needs them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Connection {
    pub id: ConnectionId,
    pub account_id: AccountId,
    pub portal_id: i64,
    pub state: ConnectionState,
    /// The dated version of HubSpot's API that stands in every path.
    pub api_version: String,
    pub auth: Auth,
    /// When the token expires; none for a static one.
    pub expires_at: Option<Timestamp>,
    /// What the portal granted; none where nobody knows.
    pub scopes: Option<Vec<String>>,
    pub policy: Policy,
    pub portal: Option<PortalDetails>,
    /// Why it needs somebody's attention.
    pub problem: Option<Problem>,
    /// When it was looked after last.
    pub checked_at: Timestamp,
    pub created_at: Timestamp,
    /// It ends then, unless somebody thinks better of it; where leads are sent first, once they are.
    pub ends_at: Option<Timestamp>,
    /// When somebody asked for the end.
    pub ends_since: Option<Timestamp>,
    /// What becomes of the leads that wait when it ends.
    pub ends_waiting: Option<Waiting>,
    /// Who connected it last; none where nobody noted it.
    pub agreed: Option<Agreement>,
}

impl Connection {
    /// Whether the portal granted a scope. Where nobody knows, HubSpot's answer will say.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|granted| granted == scope))
    }

    /// Since when it only sends what came before, and then ends.
    pub fn sends_last_since(&self) -> Option<Timestamp> {
        self.ends_since.filter(|_| self.ends_waiting == Some(Waiting::Send))
    }
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
    /// The events that it takes; the rest goes to the one before.
    pub share: Share,
    /// What a rollback goes back to.
    pub before: Option<BindingId>,
    /// Its runs are counted.
    pub is_watched: bool,
    /// It failed too often: its events wait.
    pub is_open: bool,
}

/// What support keeps in mind about an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AccountNote {
    /// 1, 2, …
    pub number: i64,
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

/// A binding as its connection's history tells it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PastBinding {
    pub id: BindingId,
    pub event_type: String,
    pub version_id: VersionId,
    /// Such as `deals@3`.
    pub version: String,
    pub settings: Value,
    pub share: Share,
    pub at: Timestamp,
    /// A person, a token, or `system`; empty where nobody noted it.
    pub by: String,
    pub reason: String,
    /// Of a rollback: the binding that it repeats.
    pub restores: Option<BindingId>,
    /// What a rollback of it goes back to.
    pub before: Option<BindingId>,
    /// It decides about events now.
    pub in_force: bool,
    /// Its version was taken out since, and cannot be used again.
    pub is_deleted: bool,
}

/// Who changes a binding, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    pub by: String,
    pub reason: String,
}

impl Sign {
    /// What a rule of ours is called.
    pub const SYSTEM: &'static str = "system";

    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { by: by.into(), reason: reason.into() }
    }
}

/// One immutable version of a transformation.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Version {
    pub id: VersionId,
    pub transformation_id: TransformationId,
    pub name: String,
    pub number: i64,
    /// SHA-256 of the bytes as they came, in hex.
    pub hash: String,
    /// Package and version of the contract that it was built for.
    pub contract: String,
    #[schema(value_type = crate::contract::manifest::Manifest)]
    pub manifest: Value,
    /// What the check found: imports, toolchain, sizes; empty for a version that is older than the check.
    #[schema(value_type = crate::transform::Checked)]
    pub about: Value,
    /// What its first runs used; empty for a version that is older than the check.
    #[schema(value_type = crate::transform::Tried)]
    pub figures: Value,
    /// What whoever uploaded it says of it.
    pub note: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl Version {
    /// Such as `deals@3`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.number)
    }
}
