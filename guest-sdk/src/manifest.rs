//! Shorthand for manifests.

use crate::{Manifest, PropertyDefinition, PropertyKind};

/// The event type that a chat widget sends when a visitor leaves contact details.
pub const LEAD_CAPTURED: &str = "lead.captured.v1";

/// A manifest of a transformation that handles captured leads. Its properties are still to be added.
pub fn for_leads(name: &str, summary: &str, settings_schema: impl Into<String>) -> Manifest {
    Manifest {
        name: name.into(),
        summary: summary.into(),
        event_types: vec![LEAD_CAPTURED.into()],
        settings_schema: settings_schema.into(),
        properties: Vec::new(),
    }
}

/// A property of single-line text.
pub fn text(object_type: &str, name: &str, label: &str, description: &str) -> PropertyDefinition {
    PropertyDefinition {
        object_type: object_type.into(),
        name: name.into(),
        label: label.into(),
        description: description.into(),
        kind: PropertyKind::Text,
        options: Vec::new(),
        unique: false,
    }
}

/// A property of single-line text of which no two records hold the same value: a match key.
pub fn unique_text(object_type: &str, name: &str, label: &str, description: &str) -> PropertyDefinition {
    PropertyDefinition { unique: true, ..text(object_type, name, label, description) }
}

/// A drop-down.
pub fn choice(object_type: &str, name: &str, label: &str, description: &str, options: &[&str]) -> PropertyDefinition {
    PropertyDefinition {
        kind: PropertyKind::Choice,
        options: options.iter().map(|&option| option.into()).collect(),
        ..text(object_type, name, label, description)
    }
}
