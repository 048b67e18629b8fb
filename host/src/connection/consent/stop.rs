//! Why connecting by consent stopped, in words for the person in front of it.

use crate::store::StoreError;

/// Why somebody who wanted to connect is not connected.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error("the link is not known")]
    UnknownLink,
    #[error("the link has expired")]
    LinkExpired,
    #[error("the link was used")]
    LinkUsed { portal: Option<i64> },
    #[error("this service is not set up as a HubSpot app")]
    NoApp,
    #[error("the browser did not come from the link")]
    Stray,
    #[error("another browser began")]
    OtherBrowser,
    #[error("the browser came back twice")]
    CameTwice,
    #[error("it took too long at HubSpot")]
    TookTooLong,
    #[error("permission was declined")]
    Declined,
    #[error("HubSpot did not accept its own code")]
    CodeRefused,
    #[error("portal {found} was chosen instead of {wanted}")]
    WrongPortal { wanted: i64, found: i64 },
    #[error("portal {portal} belongs to another account")]
    PortalTaken { portal: i64 },
    #[error("the account is connected to portal {connected}")]
    OtherPortal { connected: i64, found: i64 },
    #[error("HubSpot refuses the app")]
    Misconfigured,
    #[error("HubSpot does not answer")]
    Away,
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// What people read: what happened, why, and the way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub title: &'static str,
    pub reason: String,
    pub way_on: &'static str,
}

const ASK_FOR_A_LINK: &str = "Ask whoever sent you the link for a new one.";
const AGAIN: &str = "Open the link again, and press “Connect to HubSpot” once more.";

impl Stop {
    /// Whether the link is good for another try.
    pub fn may_try_again(&self) -> bool {
        match self {
            Self::CameTwice
            | Self::TookTooLong
            | Self::Declined
            | Self::CodeRefused
            | Self::WrongPortal { .. }
            | Self::PortalTaken { .. }
            | Self::OtherPortal { .. }
            | Self::Misconfigured
            | Self::Away
            | Self::Store(_) => true,
            Self::UnknownLink
            | Self::LinkExpired
            | Self::LinkUsed { .. }
            | Self::NoApp
            | Self::Stray
            | Self::OtherBrowser => false,
        }
    }

    pub fn words(&self) -> Words {
        let words = |title, reason: &str, way_on| Words { title, reason: reason.to_owned(), way_on };
        match self {
            Self::UnknownLink => words(
                "This link is not known",
                "It may be cut off at the end, or it is from another service.",
                "Copy the whole link, or ask whoever sent it for a new one.",
            ),
            Self::LinkExpired => {
                words("This link has expired", "A link to connect HubSpot is good for one hour.", ASK_FOR_A_LINK)
            }
            Self::LinkUsed { portal } => Words {
                title: "This link was used",
                reason: portal.map_or_else(
                    || "HubSpot was connected with it.".to_owned(),
                    |portal| format!("HubSpot account {portal} was connected with it."),
                ),
                way_on: "There is nothing left to do. To connect again, ask for a new link.",
            },
            Self::NoApp => words(
                "HubSpot cannot be connected here yet",
                "This service has not been set up as a HubSpot app.",
                "Tell the operator: client id, client secret and public address are missing.",
            ),
            Self::Stray => words(
                "Nothing was connected",
                "This page belongs between HubSpot and the link that you were sent, and you came here another way.",
                "Open the link that you were sent.",
            ),
            Self::OtherBrowser => words(
                "Nothing was connected",
                "Another browser began, or this one does not keep cookies. Only the browser that began may finish.",
                "Open the link in this browser, and allow cookies for this page.",
            ),
            Self::CameTwice => {
                words("Nothing new was connected", "HubSpot's answer was taken in already, and counts once.", AGAIN)
            }
            Self::TookTooLong => {
                words("That took too long", "HubSpot's page has to be answered within ten minutes.", AGAIN)
            }
            Self::Declined => words(
                "HubSpot was not connected",
                "Permission was declined at HubSpot, so nothing was changed.",
                "Open the link again when you want to allow it, or send it to a HubSpot super admin.",
            ),
            Self::CodeRefused => words(
                "HubSpot was not connected",
                "HubSpot did not accept its own answer; that happens when the page is left open for a minute.",
                AGAIN,
            ),
            Self::WrongPortal { wanted, found } => Words {
                title: "That is another HubSpot account",
                reason: format!(
                    "You chose HubSpot account {found}, and this link is for account {wanted}. Nothing was changed."
                ),
                way_on: "Open the link again and choose that account, or ask somebody who can use it.",
            },
            Self::PortalTaken { portal } => Words {
                title: "This HubSpot account is connected elsewhere",
                reason: format!("HubSpot account {portal} is connected to another dealership of this service."),
                way_on: "Disconnect it there first, or choose another HubSpot account.",
            },
            Self::OtherPortal { connected, found } => Words {
                title: "This dealership is connected already",
                reason: format!("It is connected to HubSpot account {connected}, and you chose account {found}."),
                way_on: "Choose the connected account, or have it disconnected first.",
            },
            Self::Misconfigured => words(
                "HubSpot was not connected",
                "HubSpot refuses this service's own credentials. That is not your fault, and the operator is told.",
                "Try again later with the same link, or ask for a new one when it has expired.",
            ),
            Self::Away => words(
                "HubSpot was not connected",
                "HubSpot does not answer at the moment. Nothing was changed.",
                "Try again in a few minutes.",
            ),
            Self::Store(_) => words(
                "HubSpot was not connected",
                "Something is wrong on our side. The operator finds the reason in the log.",
                "Try again in a few minutes.",
            ),
        }
    }
}
