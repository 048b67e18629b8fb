//! A test lead as a form asks for it: a few plain answers, made into the event that a widget would send.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{TestLeadError, unique};
use crate::model::account::Account;
use crate::model::time::Timestamp;
use crate::store::{LeadFilter, Store, StoreError};

/// Leads that are looked through for the dealerships of an account.
const LOOKED_AT: u32 = 100;
/// An address has at most so many characters before the `@` (RFC 5321); `leadline-test+` is there already.
const ADDRESS_CHARS_MAX: usize = 50;

/// What somebody answered. What is empty is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Draft {
    pub name: String,
    /// What stands between `leadline-test+` and `@example.com`.
    pub address: String,
    pub phone: String,
    pub year: String,
    pub make: String,
    pub model: String,
    pub budget: String,
    pub priority: String,
    pub notes: String,
    /// The dealership's slug.
    pub dealership: String,
}

/// Who leads may be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dealership {
    pub slug: String,
    pub name: String,
}

/// The account itself, and the dealerships that its last leads were for.
///
/// # Errors
/// The store's.
pub async fn dealerships(store: &Store, account: &Account) -> Result<Vec<Dealership>, StoreError> {
    let filter = LeadFilter { account: Some(account.id.clone()), limit: LOOKED_AT, ..LeadFilter::default() };
    let mut known = vec![Dealership { slug: account.slug.clone(), name: account.name.clone() }];
    for lead in store.leads(&filter).await?.rows {
        let Some(slug) = lead.dealership else { continue };
        if known.iter().any(|one| one.slug == slug) {
            continue;
        }
        let body = lead.body.and_then(|body| serde_json::from_str::<Value>(&body).ok()).unwrap_or_default();
        let name = body["data"]["dealership"]["name"].as_str().unwrap_or(&slug).to_owned();
        known.push(Dealership { slug, name });
    }
    Ok(known)
}

impl Draft {
    /// A ready one. Each has an address of its own.
    pub fn sample(account: &Account) -> Self {
        Self {
            name: "Test Lead".to_owned(),
            address: unique(),
            phone: "(305) 555-0100".to_owned(),
            year: "2026".to_owned(),
            make: "Toyota".to_owned(),
            model: "RAV4".to_owned(),
            budget: "25,000–30,000 USD".to_owned(),
            priority: "high".to_owned(),
            notes: "This is a test. Nobody wrote it.".to_owned(),
            dealership: account.slug.clone(),
        }
    }

    /// The event as a widget would send it.
    ///
    /// # Errors
    /// [`TestLeadError::Answer`], which names the field.
    pub fn event(&self, known: &[Dealership], now: Timestamp) -> Result<Value, TestLeadError> {
        let address = self.address.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if address.is_empty() || address.chars().count() > ADDRESS_CHARS_MAX || !address.chars().all(is_plain) {
            return Err(TestLeadError::Answer("the address", "takes up to 50 letters, digits, dots and dashes"));
        }
        let year = match self.year.trim() {
            "" => Value::Null,
            year => {
                json!(year.parse::<u16>().map_err(|_| TestLeadError::Answer("the year", "is a number such as 2026"))?)
            }
        };
        let dealership = known.iter().find(|one| one.slug == self.dealership);
        let mut data = json!({
            "id": format!("test_{}", unique()),
            "name": self.name.trim(),
            "email": format!("leadline-test+{}@example.com", address.to_lowercase()),
            "phone": self.phone.trim(),
            "status": "new",
            "priority": self.priority,
            "origin": "chat_widget",
            "vehicle": { "make": self.make.trim(), "model": self.model.trim(), "year": year },
            "budget": { "text": self.budget.trim() },
            "dealership": dealership,
        });
        if !self.notes.trim().is_empty() {
            data["notes"] = json!([{ "at": now, "text": self.notes.trim() }]);
        }
        without_empty(&mut data);
        Ok(json!({ "type": "lead.captured.v1", "timestamp": now, "data": data }))
    }
}

/// Takes out what nobody answered.
fn without_empty(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    members.values_mut().for_each(without_empty);
    members.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::event_violations;

    fn event(draft: &Draft) -> Result<Value, String> {
        let known = [Dealership { slug: "ocean-honda".into(), name: "Ocean Honda".into() }];
        draft.event(&known, Timestamp(1)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_form_becomes_an_event_without_what_nobody_answered() {
        let draft = Draft {
            address: " Ana.1 ".into(),
            make: "Kia".into(),
            dealership: "ocean-honda".into(),
            ..Draft::default()
        };
        let event = event(&draft).unwrap();
        assert!(event_violations("lead.captured.v1", &event["data"]).is_empty(), "{event}");
        let mut data = event["data"].clone();
        data.as_object_mut().unwrap().remove("id");
        let expected = json!({
            "email": "leadline-test+ana.1@example.com",
            "status": "new",
            "origin": "chat_widget",
            "vehicle": { "make": "Kia" },
            "dealership": { "slug": "ocean-honda", "name": "Ocean Honda" },
        });
        assert_eq!(data, expected);
    }

    #[test]
    fn an_answer_that_cannot_be_is_named() {
        for (address, year, expected) in [
            ("a@b", "", "the address takes up to 50"),
            ("", "", "the address takes up to 50"),
            ("ana", "soon", "the year is a number"),
        ] {
            let draft = Draft { address: address.into(), year: year.into(), ..Draft::default() };
            assert!(event(&draft).unwrap_err().starts_with(expected), "{address} {year}");
        }
    }
}
