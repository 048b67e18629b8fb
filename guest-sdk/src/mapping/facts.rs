//! What a lead says, read once: cleaned, checked, and what cannot be used reported.

use super::name::Name;
use super::settings::ContactSettings;
use super::{budget, choice, email, moment, name, phone, text, vehicle};
use crate::{Event, Lead, Payload, Refusal, log};

/// A lead's values as the CRM takes them. What is `None` was not there, or is reported as dropped.
#[derive(Debug, Default)]
pub struct Facts {
    pub lead_id: String,
    pub name: Option<Name>,
    /// Fit to be a match key.
    pub email: Option<String>,
    pub phone: Option<String>,
    pub vehicle: Option<String>,
    pub budget: Option<String>,
    /// An option of the portal's `hs_lead_status`.
    pub status: Option<String>,
    pub priority: Option<&'static str>,
    pub origin: Option<String>,
    pub dealership_name: Option<String>,
    pub dealership_slug: Option<String>,
    /// What the customer agreed to, and when.
    pub consent: Option<String>,
    /// Contact details that no property can hold, as lines for the note: a person may still make
    /// sense of them.
    pub unusable: Vec<String>,
}

/// The lead of an event. Every other event is skipped, since it makes no record.
pub fn lead(event: Event) -> Result<Lead, Refusal> {
    match event.payload {
        Payload::LeadCaptured(lead) => {
            report_extra(&event.extra);
            Ok(lead)
        }
        Payload::CarouselClicked(_) | Payload::SessionInitiated(_) | Payload::Other => {
            Err(Refusal::Skip(event.event_type + " makes no record"))
        }
    }
}

impl Facts {
    /// Reads a lead, and logs what of it cannot be used.
    pub fn of(lead: &Lead, settings: &ContactSettings<'_>) -> Self {
        let mut facts = Self {
            lead_id: lead.id.trim_ascii().into(),
            vehicle: lead.vehicle.as_ref().and_then(vehicle::title),
            budget: lead.budget.as_ref().and_then(|budget| budget::range(budget, settings.currency())),
            origin: text::optional_line(lead.origin.as_ref()),
            dealership_name: lead.dealership.as_ref().and_then(|dealership| text::line(&dealership.name)),
            dealership_slug: lead.dealership.as_ref().and_then(|dealership| text::line(&dealership.slug)),
            consent: lead
                .consent
                .as_ref()
                .and_then(|consent| Some(text::line(&consent.text)? + ", " + &moment::minute(consent.at))),
            ..Self::default()
        };
        facts.read_name(lead);
        facts.read_email(lead);
        facts.read_phone(lead, settings);
        facts.read_status(lead, settings);
        facts.read_priority(lead, settings);
        facts
    }

    fn read_name(&mut self, lead: &Lead) {
        let Some(typed) = &lead.name else { return };
        self.name = name::split(typed);
        if self.name.is_none() {
            dropped("firstname", typed, "no letter in it could be a name");
        }
    }

    fn read_email(&mut self, lead: &Lead) {
        let Some(typed) = text::optional_line(lead.email.as_ref()) else {
            return;
        };
        match email::check(&typed) {
            Ok(address) => self.email = Some(address),
            Err(reason) => {
                log::dropped(
                    "email",
                    &typed,
                    &text::joined(&["not an email address: ", reason, "; it is in the note"]),
                );
                log::warn(&text::joined(&[
                    "the email address cannot be used, because ",
                    reason,
                    "; it is kept in the note",
                ]));
                self.unusable.push(text::joined(&["Email as typed: ", &typed, " (not usable: ", reason, ")"]));
            }
        }
    }

    fn read_phone(&mut self, lead: &Lead, settings: &ContactSettings<'_>) {
        let Some(typed) = &lead.phone else { return };
        self.phone = phone::number(typed, settings.country);
        if self.phone.is_none() && dropped("phone", typed, "not a phone number: it has no digits; it is in the note") {
            self.unusable.push(text::joined(&["Phone as typed: ", typed]));
        }
    }

    fn read_status(&mut self, lead: &Lead, settings: &ContactSettings<'_>) {
        let Some(typed) = &lead.status else { return };
        self.status = choice::status(typed, &settings.status_map);
        if self.status.is_none() {
            dropped(
                "hs_lead_status",
                typed,
                "no option of Lead Status goes by that name; the setting `status_map` can name one",
            );
        }
    }

    fn read_priority(&mut self, lead: &Lead, settings: &ContactSettings<'_>) {
        let Some(typed) = &lead.priority else { return };
        self.priority = choice::priority(typed, &settings.priority_map);
        if self.priority.is_none() {
            dropped(
                "lead_priority",
                typed,
                "not one of high, medium, low; the setting `priority_map` can translate it",
            );
        }
    }
}

/// Reports a value that no property takes, and says whether there was one: white space is none.
fn dropped(property: &str, typed: &str, reason: &str) -> bool {
    let value = text::line(typed);
    if let Some(value) = &value {
        log::dropped(property, value, reason);
    }
    value.is_some()
}

/// Values that came after this version of the contract. Their names are enough to ask for more.
fn report_extra(extra: &[(String, String)]) {
    /// More would only push other lines out of the log.
    const SHOWN_MAX: usize = 20;
    if extra.is_empty() {
        return;
    }
    let mut message = String::from("no property takes");
    for (pointer, _) in extra.iter().take(SHOWN_MAX) {
        message.push(' ');
        message.push_str(pointer);
    }
    if extra.len() > SHOWN_MAX {
        message.push_str(" …");
    }
    log::info(&message);
}
