//! A contact for each lead, and a note with the conversation.

use guest_sdk::mapping::{self, CONTACT_FIELDS, ContactSettings, Facts};
use guest_sdk::settings::{Settings, schema};
use guest_sdk::{Action, Actions, Event, Manifest, Note, Refusal, Transformation, manifest};

struct Mine;

impl Transformation for Mine {
    /// What Leadline must know before the first event: event types, settings, properties.
    fn describe() -> Manifest {
        Manifest {
            properties: mapping::contact_properties(),
            ..manifest::for_leads(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_DESCRIPTION"),
                schema("Contacts and notes", &[CONTACT_FIELDS], &[]),
            )
        }
    }

    /// The actions for one event. The same event and settings give the same actions, always.
    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        let settings = ContactSettings::read(&settings)?;
        let at = event.occurred_at;
        let lead = mapping::lead(event)?;
        let facts = Facts::of(&lead, &settings);

        let mut actions = Actions::new();
        // Change the contact here: `contact.always("favourite_colour", "green")`.
        let contact = mapping::contact(&facts, &settings)?;
        let contact = actions.contact(contact);
        if let Some(body) = mapping::note(&facts, &lead.notes) {
            actions.note(Note::new(body, at).about(contact));
        }
        Ok(actions.into())
    }
}

guest_sdk::export!(Mine);
