//! Who a lead is about, as a list shows it; in part only, for those who need not know.

use serde::Serialize;

use crate::contract::events::{Lead, Payload, Vehicle};
use crate::model::event::Event;
use crate::payload::{self, Envelope};

/// What a row tells of a lead's person and wish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LeadPerson)]
pub struct Person {
    /// The name; where there is none, the address or the number.
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// Such as `2024 Toyota RAV4 XLE`.
    pub vehicle: Option<String>,
    pub dealership: Option<String>,
}

impl Person {
    /// Of an event's body; none where the body is gone, or is about no lead.
    pub fn of(event: &Event, body: Option<&str>) -> Option<Self> {
        let data = Envelope::read(body?.as_bytes()).ok()?.data;
        match payload::event(&event.sender_id, &event.event_type, event.occurred_at, data).payload {
            Payload::LeadCaptured(lead) => Some(Self::of_lead(&lead)),
            Payload::CarouselClicked(_) | Payload::SessionInitiated(_) | Payload::Other => None,
        }
    }

    fn of_lead(lead: &Lead) -> Self {
        let given =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let (name, email, phone) = (given(&lead.name), given(&lead.email), given(&lead.phone));
        Self {
            name: name
                .or_else(|| email.clone())
                .or_else(|| phone.clone())
                .unwrap_or_else(|| "Without a name".to_owned()),
            vehicle: lead.vehicle.as_ref().map(vehicle).filter(|vehicle| !vehicle.is_empty()),
            dealership: lead.dealership.as_ref().map(|dealership| dealership.name.clone()),
            email,
            phone,
        }
    }

    /// The address, or else the number, where it does not stand for the name already.
    pub fn reach(&self) -> Option<&str> {
        let all = [self.email.as_deref(), self.phone.as_deref()];
        all.into_iter().flatten().next().filter(|reach| *reach != self.name)
    }

    /// How to reach them, and what they want, under the name.
    pub fn line(&self) -> String {
        let reach = [&self.email, &self.phone].into_iter().flatten().filter(|reach| **reach != self.name);
        let all: Vec<_> = reach.chain(&self.vehicle).map(String::as_str).collect();
        all.join(" · ")
    }

    /// The same for support: enough to tell leads apart, not to know anybody.
    pub fn masked(self) -> Self {
        let is_address = self.email.as_ref() == Some(&self.name);
        let is_number = self.phone.as_ref() == Some(&self.name);
        let email = self.email.as_deref().map(masked_email);
        let phone = self.phone.as_deref().map(masked_phone);
        let name = match (is_address, is_number) {
            (true, _) => email.clone().unwrap_or_default(),
            (_, true) => phone.clone().unwrap_or_default(),
            _ => masked_words(&self.name),
        };
        Self { name, email, phone, ..self }
    }
}

fn vehicle(vehicle: &Vehicle) -> String {
    let year = vehicle.year.map(|year| year.to_string());
    let parts = [year.as_deref(), vehicle.make.as_deref(), vehicle.model.as_deref(), vehicle.trim.as_deref()];
    parts.into_iter().flatten().map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn masked_words(text: &str) -> String {
    let masked = |word: &str| word.chars().next().map(|first| format!("{first}…")).unwrap_or_default();
    text.split_whitespace().map(masked).collect::<Vec<_>>().join(" ")
}

fn masked_email(text: &str) -> String {
    match text.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", masked_words(local)),
        None => "…".to_owned(),
    }
}

fn masked_phone(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    format!("…{}", digits[digits.len().saturating_sub(2)..].iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, email: Option<&str>, phone: Option<&str>) -> Person {
        Person {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            phone: phone.map(str::to_owned),
            ..Person::default()
        }
    }

    #[test]
    fn support_can_tell_leads_apart_and_knows_nobody() {
        for (whole, name, email, phone) in [
            (person("Maya van der Lind", Some("maya@example.com"), None), "M… v… d… L…", Some("m…@example.com"), None),
            (person("+1 305 555 0187", None, Some("+1 305 555 0187")), "…87", None, Some("…87")),
            (person("x@example.com", Some("x@example.com"), None), "x…@example.com", Some("x…@example.com"), None),
            (person("李", None, None), "李…", None, None),
        ] {
            let masked = whole.masked();
            assert_eq!((masked.name.as_str(), masked.email.as_deref(), masked.phone.as_deref()), (name, email, phone));
        }
    }
}
