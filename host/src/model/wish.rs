//! A wish of a dealership to the house: something that only support can do, or say.

use serde::{Deserialize, Serialize};

use super::id::AccountId;
use super::time::Timestamp;

/// A text of an answer, in characters.
pub const ANSWER_CHARS_MAX: usize = 1_000;

/// What is wished for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wished {
    /// A deal in HubSpot with each lead.
    Deals(Deals),
    /// Word of it when an event type that is coming is there.
    EventType {
        /// Such as `carousel.clicked.v1`.
        name: String,
    },
}

/// The four answers without which nobody can set up deals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Deals {
    /// Which pipeline they go into.
    pub pipeline: String,
    /// In which stage they begin.
    pub stage: String,
    /// Which values every deal has.
    pub default_values: String,
    /// Which leads make a deal.
    pub which_leads: String,
}

impl Deals {
    /// The questions, each with its answer.
    pub fn answers(&self) -> [(&'static str, &str); 4] {
        [
            ("Pipeline", &self.pipeline),
            ("Stage", &self.stage),
            ("Default values", &self.default_values),
            ("Which leads", &self.which_leads),
        ]
    }
}

impl Wished {
    /// The word of its kind, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deals(_) => "deals",
            Self::EventType { .. } => "event_type",
        }
    }

    /// What of its kind it is about; empty where there is one.
    pub fn about(&self) -> &str {
        match self {
            Self::Deals(_) => "",
            Self::EventType { name } => name,
        }
    }

    /// What people call it.
    pub fn title(&self) -> String {
        match self {
            Self::Deals(_) => "Deals with the leads".to_owned(),
            Self::EventType { name } => format!("Word of {name}"),
        }
    }
}

/// A wish, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = DealershipWish)]
pub struct Wish {
    pub account_id: AccountId,
    #[serde(flatten)]
    pub wished: Wished,
    pub asked_by: String,
    pub asked_at: Timestamp,
    /// None while somebody waits for it.
    pub done_by: Option<String>,
    pub done_at: Option<Timestamp>,
}
