//! The transformation for accounts that want deals: a contact, a deal in the configured stage, and a
//! note about both.
//!
//! Contact and note are those of the default transformation, out of [`guest_sdk::mapping`]. What
//! makes a deal, and which, is decided here: one file a question.

mod amount;
mod condition;
mod deal;
mod key;
mod settings;
mod title;

use guest_sdk::mapping::{self, CONTACT_FIELDS, ContactSettings, Facts};
use guest_sdk::settings::{Settings, schema};
use guest_sdk::{Action, Actions, Event, Manifest, Note, Refusal, Transformation, log, manifest};

use settings::{DEAL_FIELDS, DEAL_RULES, DealSettings};

/// Contact, deal and note.
pub struct DealsTransformation;

impl Transformation for DealsTransformation {
    fn describe() -> Manifest {
        let mut properties = mapping::contact_properties();
        properties.push(key::property());
        Manifest {
            properties,
            ..manifest::for_leads(
                "deals",
                "Creates or updates a contact for each lead, and a deal for the leads you choose, with the conversation as a note.",
                schema("Contacts, deals and notes", &[DEAL_FIELDS, CONTACT_FIELDS], &DEAL_RULES),
            )
        }
    }

    fn transform(event: Event, settings: &str) -> Result<Vec<Action>, Refusal> {
        let settings = Settings::parse(settings)?;
        let about_contacts = ContactSettings::read(&settings)?;
        let about_deals = DealSettings::read(&settings)?;
        let at = event.occurred_at;
        let lead = mapping::lead(event)?;
        let facts = Facts::of(&lead, &about_contacts);

        let mut actions = Actions::new();
        let contact = actions.contact(mapping::contact(&facts, &about_contacts)?);
        let deal = match condition::met(&lead, &facts, &about_deals) {
            Ok(()) => {
                let deal = deal::deal(&lead, &facts, at, &about_contacts, &about_deals)?;
                Some(actions.deal(deal.with_contact(contact)))
            }
            Err(reason) => {
                log::info(&reason);
                None
            }
        };
        if let Some(body) = mapping::note(&facts, &lead.notes) {
            let note = Note::new(body, at).about(contact);
            actions.note(match deal {
                Some(deal) => note.about(deal),
                None => note,
            });
        }
        Ok(actions.into())
    }
}

guest_sdk::export!(DealsTransformation);

#[cfg(test)]
mod tests;
