//! The event types as people read of them: which go to HubSpot, which are coming, and what is in each.

use serde::Serialize;
use serde_json::Value;

use crate::model::time::Timestamp;
use crate::samples;
use crate::schema::EVENT_TYPES;

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub name: &'static str,
    pub title: &'static str,
    pub words: &'static str,
    /// It can be chosen; the others are shown, taken in, and nothing is made of them yet.
    pub is_ready: bool,
    /// The folder of `examples/` whose event shows it.
    sample: &'static str,
}

/// An event type with everything that a sender or a guest author has to know of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CatalogueEntry)]
pub struct Entry {
    pub name: &'static str,
    pub title: &'static str,
    pub words: &'static str,
    /// Which version of the type it is, such as `1`. Within one there are only additions.
    pub version: u32,
    pub standing: TypeStanding,
    /// From then on it is no longer taken in. None: no end is planned.
    pub ends_at: Option<Timestamp>,
    /// JSON Schema of its `data`.
    pub schema: Value,
    /// An event as a widget sends it. The person is made up.
    pub sample: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypeStanding {
    /// It can be chosen, and is from the start.
    Recommended,
    /// It is taken in and stored, and nothing is made of it yet.
    ComingSoon,
}

impl TypeStanding {
    pub fn label(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::ComingSoon => "coming soon",
        }
    }
}

impl Entry {
    pub fn of(told: Told) -> Self {
        let Told { name, title, words, is_ready, sample } = told;
        let known = EVENT_TYPES.iter().find(|known| known.name == name);
        let json = |text: &[u8]| serde_json::from_slice(text).unwrap_or_default();
        Self {
            version: version(name),
            standing: if is_ready { TypeStanding::Recommended } else { TypeStanding::ComingSoon },
            ends_at: None,
            schema: known.map_or(Value::Null, |known| json(known.schema.as_bytes())),
            sample: samples::file(sample, "event.json").map_or(Value::Null, |file| json(&file)),
            name,
            title,
            words,
        }
    }
}

/// Every event type there is.
pub fn catalogue() -> Vec<Entry> {
    TYPES.map(Entry::of).into()
}

/// The version stands at the end of the name: `lead.captured.v1`.
fn version(name: &str) -> u32 {
    name.rsplit_once(".v").and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

/// All of them.
pub const TYPES: [Told; 3] = [
    Told {
        name: "lead.captured.v1",
        title: "Lead Captured",
        words: "A customer left a name, an address or a number in the chat widget.",
        is_ready: true,
        sample: "plain-lead",
    },
    Told {
        name: "carousel.clicked.v1",
        title: "Carousel Clicked",
        words: "A customer clicked on a vehicle in the widget's carousel.",
        is_ready: false,
        sample: "carousel-click",
    },
    Told {
        name: "session.initiated.v1",
        title: "Session Initiated",
        words: "A customer began to chat.",
        is_ready: false,
        sample: "session-start",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::event_violations;

    #[test]
    fn each_type_of_the_catalogue_has_a_schema_that_its_sample_fits() {
        let catalogue = catalogue();
        assert_eq!(catalogue.len(), EVENT_TYPES.len());
        for entry in catalogue {
            assert_eq!((entry.sample["type"].as_str(), entry.version), (Some(entry.name), 1));
            assert_eq!(entry.schema["type"], "object", "{}", entry.name);
            assert!(event_violations(entry.name, &entry.sample["data"]).is_empty(), "{}", entry.name);
        }
    }
}
