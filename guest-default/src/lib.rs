//! The transformation that every account starts with: a contact, and a note with the conversation.
//!
//! What goes where is decided in [`guest_sdk::mapping`]; this crate puts it into actions.

use guest_sdk::mapping::{self, CONTACT_FIELDS, ContactSettings, Facts};
use guest_sdk::settings::{Settings, schema};
use guest_sdk::{Action, Actions, Event, Manifest, Note, Refusal, Transformation, manifest};

/// Contact and note.
pub struct DefaultTransformation;

impl Transformation for DefaultTransformation {
    fn describe() -> Manifest {
        Manifest {
            properties: mapping::contact_properties(),
            ..manifest::for_leads(
                "default",
                "Creates or updates a contact for each lead, with the conversation as a note.",
                schema("Contacts and notes", &[CONTACT_FIELDS], &[]),
            )
        }
    }

    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        let settings = ContactSettings::read(&settings)?;
        let at = event.occurred_at;
        let lead = mapping::lead(event)?;
        let facts = Facts::of(&lead, &settings);

        let mut actions = Actions::new();
        let contact = actions.contact(mapping::contact(&facts, &settings)?);
        if let Some(body) = mapping::note(&facts, &lead.notes) {
            actions.note(Note::new(body, at).about(contact));
        }
        Ok(actions.into())
    }
}

guest_sdk::export!(DefaultTransformation);

#[cfg(test)]
mod tests;
