//! Portals as they come: with HubSpot's defaults, and as far as an account may have been prepared.

mod busy;
mod contact;
mod deal;
mod other;

use serde::{Deserialize, Serialize};

use crate::portal::pipeline::{Owner, Pipeline};
use crate::portal::schema::{Choice, NewProperty, Property, Required, Rule, Schema};
use crate::portal::table::Table;
use crate::portal::{COMPANY, CONTACT, DEAL, NOTE, PortalState};
use crate::write::DEFAULT_PIPELINE;

/// How far a new portal is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The properties of the default transformation exist.
    Ready,
    /// Only what every HubSpot account has.
    Bare,
    /// As `Ready`, and its admins have made fields required and set rules for values.
    Strict,
    /// As `Ready`, with the key of deals and a second pipeline.
    Deals,
    /// As `Ready`, with 5,000 contacts, some second addresses and a merged pair.
    Busy,
}

impl Preset {
    /// By its name, such as `ready`.
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }
}

/// A default property: name, label, its kind, and whether the API may write it.
type Row = (&'static str, &'static str, Kind, Access);

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Area,
    Phone,
    Html,
    Number,
    Date,
    DateTime,
    Bool,
    Choice(&'static [(&'static str, &'static str)]),
    Several(&'static [(&'static str, &'static str)]),
}

#[derive(Clone, Copy)]
enum Access {
    Open,
    /// HubSpot fills it itself.
    Closed,
}

pub(crate) fn furnish(portal: &mut PortalState, preset: Preset, now: i64) {
    for (object_type, word, first_id, rows) in [
        (CONTACT, "CONTACT", 61_001, contact::PROPERTIES),
        (COMPANY, "COMPANY", 52_001, other::COMPANY_PROPERTIES),
        (DEAL, "DEAL", 72_001, deal::PROPERTIES),
        (NOTE, "NOTE", 83_001, other::NOTE_PROPERTIES),
    ] {
        let mut table = Table::new(object_type, word, first_id);
        fill(&mut table.schema, &format!("{}information", word.to_lowercase()), rows, now);
        portal.tables.insert(object_type.to_owned(), table);
    }
    portal
        .pipelines
        .insert(DEAL.to_owned(), vec![Pipeline::new(DEFAULT_PIPELINE, "Sales Pipeline", deal::SALES_STAGES)]);
    portal.owners = owners();
    match preset {
        Preset::Bare => {}
        Preset::Ready => add_contact_properties(portal, now),
        Preset::Strict => {
            add_contact_properties(portal, now);
            make_strict(portal, now);
        }
        Preset::Busy => {
            add_contact_properties(portal, now);
            busy::fill(portal, now);
        }
        Preset::Deals => {
            add_contact_properties(portal, now);
            add_own(portal, DEAL, NewProperty::text("leadline_deal_key", "Leadline Deal Key").unique(), now);
            let pipelines = portal.pipelines.entry(DEAL.to_owned()).or_default();
            pipelines.push(Pipeline::new("new-vehicles", "New Vehicles", deal::VEHICLE_STAGES));
        }
    }
}

/// Adds an object type of the account's own, with nothing but what all objects have.
pub(crate) fn add_object_type(portal: &mut PortalState, object_type: &str, label: &str, now: i64) {
    let mut table = Table::new(object_type, &label.to_uppercase(), 94_001);
    fill(&mut table.schema, "information", other::CUSTOM_PROPERTIES, now);
    portal.tables.insert(object_type.to_owned(), table);
}

fn fill(schema: &mut Schema, group: &str, rows: &[Row], now: i64) {
    schema.add_group(group, "Information");
    for &(name, label, kind, access) in rows {
        let mut property = Property::new(kind.definition(name, label, group), now);
        property.hubspot_defined = true;
        property.read_only = matches!(access, Access::Closed);
        property.definition.has_unique_value = name == "hs_object_id";
        schema.add(property);
    }
}

fn add_contact_properties(portal: &mut PortalState, now: i64) {
    for property in [
        NewProperty::text("vehicle_of_interest", "Vehicle of Interest"),
        NewProperty::text("budget_range", "Budget Range"),
        NewProperty::choice("lead_priority", "Lead Priority", &["high", "medium", "low"]),
        NewProperty::text("lead_origin_channel", "Lead Origin Channel"),
        NewProperty::text("dealership_name", "Dealership Name"),
        NewProperty::text("dealership_slug", "Dealership Slug"),
        NewProperty::text("leadline_lead_id", "Leadline Lead ID").unique(),
    ] {
        add_own(portal, CONTACT, property, now);
    }
}

/// Fields that an admin requires, and rules that an admin set.
fn make_strict(portal: &mut PortalState, now: i64) {
    add_own(portal, CONTACT, NewProperty::choice("region", "Region", &["north", "south"]), now);
    let Some(table) = portal.tables.get_mut(CONTACT) else { return };
    table.schema.required = vec![
        Required { property: "region".to_owned(), when: None },
        Required { property: "phone".to_owned(), when: Some(("lead_priority".to_owned(), "high".to_owned())) },
    ];
    for (property, kind, argument) in [("phone", "MAX_LENGTH", "20"), ("zip", "REGEX", "^[0-9]{5}$")] {
        table.schema.rules.entry(property.to_owned()).or_default().extend(Rule::new(kind, argument));
    }
}

fn add_own(portal: &mut PortalState, object_type: &str, definition: NewProperty, now: i64) {
    if let Some(table) = portal.tables.get_mut(object_type) {
        table.schema.add_group("leadline", "Leadline");
        table.schema.add(Property::new(definition, now));
    }
}

fn owners() -> Vec<Owner> {
    let owner = |id, user_id, email: &str, first_name: &str, last_name: &str, archived| Owner {
        id,
        user_id,
        email: email.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        archived,
    };
    vec![
        owner(910_042, 77, "ines.duarte@dealer.example.com", "Ines", "Duarte", false),
        owner(910_043, 78, "noah.berg@dealer.example.com", "Noah", "Berg", false),
        owner(910_044, 79, "left.long.ago@dealer.example.com", "Lou", "Gone", true),
    ]
}

impl Kind {
    fn definition(self, name: &str, label: &str, group: &str) -> NewProperty {
        let (kind, field_type) = match self {
            Self::Text => ("string", "text"),
            Self::Area => ("string", "textarea"),
            Self::Phone => ("string", "phonenumber"),
            Self::Html => ("string", "html"),
            Self::Number => ("number", "number"),
            Self::Date => ("date", "date"),
            Self::DateTime => ("datetime", "date"),
            Self::Bool => ("bool", "booleancheckbox"),
            Self::Choice(_) => ("enumeration", "select"),
            Self::Several(_) => ("enumeration", "checkbox"),
        };
        let options: &[(&str, &str)] = match self {
            Self::Choice(options) | Self::Several(options) => options,
            Self::Bool => &[("true", "True"), ("false", "False")],
            _ => &[],
        };
        let options = options.iter().enumerate().map(|(at, (value, label))| Choice::new(value, label, at));
        NewProperty {
            group_name: group.to_owned(),
            kind: kind.to_owned(),
            field_type: field_type.to_owned(),
            options: options.collect(),
            ..NewProperty::text(name, label)
        }
    }
}
