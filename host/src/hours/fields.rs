//! Which properties the leads of an hour had a value for, and which of these values are in HubSpot. Names and counts only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Properties of which an hour keeps figures, those with the most values: the stock transformations write some twenty, and a
/// guest that makes up names must not make the row long.
pub const FIELDS_MAX: usize = 60;

/// Of leads that are delivered, and whose plans were still there when they were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldFigures {
    pub leads: u64,
    /// By the name of the property, whichever record it is of: the transformation's, so that the days stay comparable
    /// whichever property of the portal takes it.
    pub of: BTreeMap<String, Filled>,
}

/// How many leads had a value for a property, and of how many it is in HubSpot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Filled {
    pub valued: u64,
    pub written: u64,
}

impl From<(u64, u64)> for Filled {
    fn from((valued, written): (u64, u64)) -> Self {
        Self { valued, written }
    }
}

impl From<Filled> for (u64, u64) {
    fn from(filled: Filled) -> Self {
        (filled.valued, filled.written)
    }
}

impl FieldFigures {
    /// Nothing was counted: no lead was delivered, or it was before fields were counted.
    pub fn is_empty(&self) -> bool {
        self.leads == 0
    }

    pub fn add(&mut self, lead: &FieldsOfLead<'_>) {
        self.leads += 1;
        for (name, is_written) in &lead.0 {
            // Most names are known by now, and cost no text of their own.
            if !self.of.contains_key(name.as_ref()) {
                self.of.insert(name.clone().into_owned(), Filled::default());
            }
            let filled = self.of.get_mut(name.as_ref()).expect("it is there by now");
            filled.valued += 1;
            filled.written += u64::from(*is_written);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.leads += other.leads;
        for (name, more) in &other.of {
            let filled = self.of.entry(name.clone()).or_default();
            filled.valued += more.valued;
            filled.written += more.written;
        }
    }

    /// Keeps [`FIELDS_MAX`] properties: of as many values the first by name.
    pub fn cut(&mut self) {
        if self.of.len() > FIELDS_MAX {
            let mut all: Vec<_> = std::mem::take(&mut self.of).into_iter().collect();
            all.sort_by_key(|(_, filled)| std::cmp::Reverse(filled.valued));
            self.of.extend(all.into_iter().take(FIELDS_MAX));
        }
    }
}

/// The properties that one lead had a value for, each with whether it is in HubSpot.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldsOfLead<'a>(BTreeMap<Cow<'a, str>, bool>);

/// What of a stored plan names properties. Values are passed over: they are most of it.
#[derive(Deserialize)]
struct Actions<'a> {
    #[serde(borrow)]
    actions: Vec<Written<'a>>,
}

/// One of them is there, by what the action does; a note has no properties.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(borrow)]
    upsert_contact: Properties<'a>,
    #[serde(borrow)]
    upsert_deal: Properties<'a>,
    #[serde(borrow)]
    upsert_object: Properties<'a>,
}

#[derive(Default, Deserialize)]
struct Properties<'a> {
    #[serde(borrow)]
    properties: Vec<Property<'a>>,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// What of a stored progress names what was dropped.
#[derive(Deserialize)]
struct Gone<'a> {
    #[serde(borrow, default)]
    dropped: Vec<GoneField<'a>>,
    #[serde(default)]
    actions: Vec<Renamed>,
}

/// Under which names the properties of an action were written, where those are not the plan's.
#[derive(Deserialize)]
struct Renamed {
    #[serde(default)]
    renamed: BTreeMap<String, String>,
}

impl Gone<'_> {
    /// The plan's name of a property that was written under another one.
    fn planned(&self, name: &str) -> Option<String> {
        let mut all = self.actions.iter().flat_map(|action| &action.renamed);
        all.find(|(_, written)| *written == name).map(|(planned, _)| planned.clone())
    }
}

#[derive(Deserialize)]
struct GoneField<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
}

/// Reads a delivered lead's fields off its plan, as it is stored, and off its progress, which is only needed where something
/// was dropped. What the transformation itself left out counts as a value that is not in HubSpot.
///
/// # Errors
/// When a text is not what the store wrote.
pub fn fields_of_lead<'a>(plan: &'a str, progress: Option<&'a str>) -> serde_json::Result<FieldsOfLead<'a>> {
    let plan: Actions<'_> = serde_json::from_str(plan)?;
    let mut fields = BTreeMap::new();
    for action in plan.actions {
        for written in [action.upsert_contact, action.upsert_deal, action.upsert_object] {
            fields.extend(written.properties.into_iter().map(|property| (property.name, true)));
        }
    }
    if let Some(progress) = progress {
        let gone: Gone<'_> = serde_json::from_str(progress)?;
        let planned = |field: &Cow<'a, str>| gone.planned(field).map_or_else(|| field.clone(), Cow::Owned);
        fields.extend(gone.dropped.iter().map(|gone| (planned(&gone.field), false)));
    }
    Ok(FieldsOfLead(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;
    use crate::contract::actions::{Action, Contact, Deal, MatchKey, Note, Property, PropertyValue, WritePolicy};
    use crate::model::delivery::{Dropped, Progress};
    use crate::plan::Plan;

    fn property(name: &str) -> Property {
        Property { name: name.to_owned(), value: "\"x\"".to_owned(), policy: WritePolicy::Always }
    }

    /// A plan as it is stored, so that a change of its form is noticed here.
    fn plan() -> Plan {
        let key = MatchKey::Email("a@example.com".to_owned());
        let contact = Contact { key, properties: vec![property("email"), property("budget_range")] };
        let deal = Deal {
            key: PropertyValue { name: "leadline_deal_key".to_owned(), value: "1".to_owned() },
            name: "Accord".to_owned(),
            pipeline: "default".to_owned(),
            stage: "new".to_owned(),
            properties: vec![property("amount")],
            contacts: vec![0],
        };
        let note = Note { body: "Hello".to_owned(), at: 0, about: vec![0] };
        let actions = vec![Action::UpsertContact(contact), Action::UpsertDeal(deal), Action::AddNote(note)];
        Plan { actions, lead_id: Some("1".to_owned()) }
    }

    #[test]
    fn a_lead_has_the_values_of_its_plan_and_those_that_were_dropped() {
        let plan = plan();
        let dropped = |field: &str| Dropped {
            field: field.to_owned(),
            value: "x".to_owned(),
            reason: "no such option".to_owned(),
            code: None,
        };
        let progress = Progress::begin(&plan, vec![dropped("budget_range"), dropped("lead_priority")]);
        let (plan, progress) = (serde_json::to_string(&plan).unwrap(), serde_json::to_string(&progress).unwrap());
        let told = |progress| {
            let fields = fields_of_lead(&plan, progress).unwrap().0;
            fields.into_iter().map(|(name, is_written)| format!("{name} {is_written}")).collect::<Vec<_>>()
        };
        assert_eq!(told(None), ["amount true", "budget_range true", "email true"]);
        assert_eq!(told(Some(&progress)), ["amount true", "budget_range false", "email true", "lead_priority false"]);
    }

    #[test]
    fn what_was_dropped_under_another_name_counts_under_the_transformations() {
        let mut progress = Progress::begin(&plan(), Vec::new());
        progress.rename(0, [("budget_range".to_owned(), "budget".to_owned())].into());
        let (field, reason) = ("budget".to_owned(), "no such option".to_owned());
        progress.drop_value(Dropped { field, value: "x".to_owned(), reason, code: Some(Code::OptionUnknown) });
        let (plan, progress) = (serde_json::to_string(&plan()).unwrap(), serde_json::to_string(&progress).unwrap());
        let fields = fields_of_lead(&plan, Some(&progress)).unwrap().0;
        let told: Vec<_> = fields.into_iter().map(|(name, is_written)| format!("{name} {is_written}")).collect();
        assert_eq!(told, ["amount true", "budget_range false", "email true"]);
    }

    #[test]
    fn an_hour_keeps_the_fields_with_the_most_values() {
        let name = |index: usize| format!("field_{index:03}");
        let mut figures = FieldFigures { leads: 500, ..FieldFigures::default() };
        figures.of.extend((0..100).map(|index| (name(index), Filled { valued: index as u64 % 7, written: 0 })));
        figures.cut();
        assert_eq!(figures.of.len(), FIELDS_MAX);
        assert!(figures.of.values().all(|filled| filled.valued >= 2), "{figures:?}");
        assert!(figures.of.contains_key("field_002") && !figures.of.contains_key("field_093"));
        let text = serde_json::to_string(&figures).unwrap();
        assert!(text.len() < 2_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<FieldFigures>(&text).unwrap(), figures);
    }
}
