//! A contact and a deal for each lead, and a note about both.

use guest_sdk::mapping::{self, CONTACT_FIELDS, ContactSettings, Facts, Name, budget, number};
use guest_sdk::settings::{Settings, schema};
use guest_sdk::{Action, Actions, Deal, Event, Manifest, Note, Properties, Refusal, Transformation, manifest};

/// The unique property of the deal that holds its key, so that sending a lead again makes no second deal.
const DEAL_KEY: &str = "leadline_deal_key";

/// What an account sets about deals. The formats let the form offer the portal's own pipelines and stages.
const DEAL_FIELDS: &str = r#"{
    "pipeline": {
      "title": "Pipeline",
      "description": "The pipeline that new deals go into, by its internal id.",
      "type": "string",
      "format": "hubspot-pipeline",
      "minLength": 1
    },
    "stage": {
      "title": "Stage",
      "description": "The stage of that pipeline that new deals start in, by its internal id.",
      "type": "string",
      "format": "hubspot-stage",
      "minLength": 1
    }
}"#;

struct Mine;

impl Transformation for Mine {
    /// What Leadline must know before the first event: event types, settings, properties.
    fn describe() -> Manifest {
        let mut properties = mapping::contact_properties();
        properties.push(manifest::unique_text(
            "deal",
            DEAL_KEY,
            "Leadline Deal Key",
            "Recognizes the deal of a lead, so that sending the lead again never makes a second deal",
        ));
        Manifest {
            properties,
            ..manifest::for_leads(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_DESCRIPTION"),
                schema(
                    "Contacts, deals and notes",
                    &[DEAL_FIELDS, CONTACT_FIELDS],
                    &[r#""required": ["pipeline", "stage"]"#],
                ),
            )
        }
    }

    /// The actions for one event. The same event and settings give the same actions, always.
    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        let about_contacts = ContactSettings::read(&settings)?;
        let (pipeline, stage) = (settings.required_text("pipeline")?, settings.required_text("stage")?);
        let at = event.occurred_at;
        let lead = mapping::lead(event)?;
        let facts = Facts::of(&lead, &about_contacts);

        let mut actions = Actions::new();
        let contact = actions.contact(mapping::contact(&facts, &about_contacts)?);
        let mut deal = Deal::by_unique(DEAL_KEY, &lead.id).named(title(&facts)).in_stage(pipeline, stage);
        if let Some((Some(amount), _)) = lead.budget.as_ref().map(budget::bounds) {
            // On create only: from then on the deal belongs to the seller.
            deal.on_create("amount", number::text(amount));
        }
        let deal = actions.deal(deal.with_contact(contact));
        if let Some(body) = mapping::note(&facts, &lead.notes) {
            actions.note(Note::new(body, at).about(contact).about(deal));
        }
        Ok(actions.into())
    }
}

/// What the deal is called, of what is known.
fn title(facts: &Facts) -> String {
    let name = facts.name.as_ref().map(Name::full);
    match (&facts.vehicle, name) {
        (Some(vehicle), Some(name)) => format!("{vehicle} – {name}"),
        (Some(vehicle), None) => vehicle.clone(),
        (None, Some(name)) => name,
        (None, None) => format!("Lead {}", facts.lead_id),
    }
}

guest_sdk::export!(Mine);
