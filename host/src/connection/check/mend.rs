//! What mends what a check found: one button on the page, one command at the terminal.

use serde::Serialize;

use crate::model::account::{Account, Auth, Connection};

/// What can be done about something that a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// Somebody agrees at HubSpot again.
    Reconnect,
    /// Somebody who runs the service connects it with another token: of a private app nobody is asked at HubSpot.
    NewToken,
    /// Somebody agrees to the permission for creating properties.
    Allow,
    Resume,
    /// The connection does not end after all.
    Stay,
    /// The missing properties are created, once they were shown.
    Create,
    /// Look at the properties.
    Fields,
    /// Look at the settings of what goes where.
    Mapping,
    Transformation,
    EventTypes,
    Issues,
    Replay,
    /// Look again a little later.
    Again,
}

/// What to do, where, and by which command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Mending {
    pub what: Mend,
    pub label: &'static str,
    /// The screen of the account where it is done.
    pub screen: &'static str,
    pub command: String,
}

impl Mending {
    /// Where a form goes that does it at once; none where one looks at the screen first, or nobody can be sent to HubSpot.
    pub fn form(&self, can_connect: bool) -> Option<&'static str> {
        match self.what {
            Mend::Reconnect | Mend::Allow => can_connect.then_some("connectors/connect"),
            Mend::Resume => Some("connectors/resume"),
            Mend::Stay => Some("connectors/stay"),
            Mend::Create => Some("fields/create"),
            Mend::Again => Some("connectors/diagnose"),
            Mend::NewToken
            | Mend::Fields
            | Mend::Mapping
            | Mend::Transformation
            | Mend::EventTypes
            | Mend::Issues
            | Mend::Replay => None,
        }
    }

    /// Whether people have to be sent to HubSpot for it.
    pub fn needs_consent(&self) -> bool {
        matches!(self.what, Mend::Reconnect | Mend::Allow)
    }

    /// Whether the permission for creating properties is asked for.
    pub fn asks_to_create(&self) -> bool {
        self.what == Mend::Allow
    }
}

impl Mend {
    /// How a connection is made again.
    pub(super) fn connecting(connection: &Connection) -> Self {
        match connection.auth {
            Auth::OAuth => Self::Reconnect,
            Auth::Token => Self::NewToken,
        }
    }

    /// What it is for an account.
    pub fn of(self, account: &Account) -> Mending {
        let (label, screen, command) = match self {
            Self::Reconnect => ("Re-authorize", "connectors", "connection reconnect ACCOUNT"),
            Self::NewToken => {
                ("Connect it with a new token", "connectors", "connection connect --account ACCOUNT --token-file FILE")
            }
            Self::Allow => (
                "Ask for permission to create properties",
                "connectors",
                "connection reconnect ACCOUNT --allow create-contact-properties",
            ),
            Self::Resume => ("Resume", "connectors", "connection resume ACCOUNT"),
            Self::Stay => ("Undo", "connectors", "connection stay ACCOUNT"),
            Self::Create => ("Create the missing ones", "fields", "property create --account ACCOUNT"),
            Self::Fields => ("Look at the properties", "fields", "property check --account ACCOUNT"),
            Self::Mapping => ("Change the settings", "fields/mapping", "transform mapping --account ACCOUNT"),
            Self::Transformation => ("Choose a transformation", "transformation", "transform list --account ACCOUNT"),
            Self::EventTypes => {
                ("Choose event types", "event-types", "connection event-types ACCOUNT --select lead.captured.v1")
            }
            Self::Issues => ("See what to do", "issues", "issue list --account ACCOUNT"),
            Self::Replay => (
                "Send the failed leads again",
                "replays?state=failed",
                "replay create --account ACCOUNT --state failed --dry-run",
            ),
            Self::Again => ("Look again", "connectors", "connection check ACCOUNT"),
        };
        let command = format!("leadline {}", command.replace("ACCOUNT", &account.slug));
        Mending { what: self, label, screen, command }
    }
}
