//! The contract with transformations. The types that `wit/1.0.0` generates are the domain types:
//! one definition, no conversions, nothing to drift apart.

wasmtime::component::bindgen!({
    path: "../wit/1.0.0",
    world: "transformation",
    imports: { default: trappable },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema],
});

pub use leadline::transform::{actions, events, log, manifest};

use actions::{MatchKey, Property, WritePolicy};
use log::Level;

/// Package and version of the contract that this host runs.
pub const CONTRACT: &str = "leadline:transform@1.0.0";

impl Action {
    /// What the action is called where people read it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UpsertContact(_) => "contact",
            Self::UpsertDeal(_) => "deal",
            Self::AddNote(_) => "note",
            Self::UpsertObject(_) => "object",
        }
    }

    /// The earlier actions that this one names, by position.
    pub fn refers_to(&self) -> &[u32] {
        match self {
            Self::UpsertContact(_) => &[],
            Self::UpsertDeal(deal) => &deal.contacts,
            Self::AddNote(note) => &note.about,
            Self::UpsertObject(object) => &object.associated_with,
        }
    }

    /// The same, to be changed. A contact names none.
    pub fn refers_to_mut(&mut self) -> Option<&mut Vec<u32>> {
        match self {
            Self::UpsertContact(_) => None,
            Self::UpsertDeal(deal) => Some(&mut deal.contacts),
            Self::AddNote(note) => Some(&mut note.about),
            Self::UpsertObject(object) => Some(&mut object.associated_with),
        }
    }

    /// The property that recognises its record, and the value. A note has none.
    pub fn key(&self) -> Option<(&str, &str)> {
        match self {
            Self::UpsertContact(contact) => Some(contact.key.parts()),
            Self::UpsertDeal(deal) => Some((&deal.key.name, &deal.key.value)),
            Self::UpsertObject(object) => Some(object.key.parts()),
            Self::AddNote(_) => None,
        }
    }

    /// The properties that the action writes. A note has none.
    pub fn properties(&self) -> &[Property] {
        match self {
            Self::UpsertContact(contact) => &contact.properties,
            Self::UpsertDeal(deal) => &deal.properties,
            Self::AddNote(_) => &[],
            Self::UpsertObject(object) => &object.properties,
        }
    }

    /// The same, to be changed. A note has none.
    pub fn properties_mut(&mut self) -> Option<&mut Vec<Property>> {
        match self {
            Self::UpsertContact(contact) => Some(&mut contact.properties),
            Self::UpsertDeal(deal) => Some(&mut deal.properties),
            Self::AddNote(_) => None,
            Self::UpsertObject(object) => Some(&mut object.properties),
        }
    }
}

impl WritePolicy {
    /// The policy as the contract and the settings write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnCreate => "on-create",
            Self::IfEmpty => "if-empty",
        }
    }
}

impl Level {
    /// The level as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl MatchKey {
    /// The property that recognises the record, and its value.
    pub fn parts(&self) -> (&str, &str) {
        match self {
            Self::Email(address) => ("email", address),
            Self::Unique(unique) => (&unique.name, &unique.value),
        }
    }
}
