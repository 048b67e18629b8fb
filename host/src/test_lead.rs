//! A lead to try things with: it goes the whole way that a real one goes, signed as the widget would sign it, and is known
//! by its address, so that figures, alerts and pictures leave it out.

pub mod draft;
pub mod read_back;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::digest::random_text;
use crate::ingest::{Door, Receipt, Refusal};
use crate::model::account::Account;
use crate::model::time::Timestamp;
use crate::signature::{self, HEADER_SETS, Secret};
use crate::store::{Store, StoreError};

/// Why no test lead was sent.
#[derive(Debug, thiserror::Error)]
pub enum TestLeadError {
    #[error("account `{0}` has no source, so nothing could sign the lead")]
    NoSource(String),
    #[error("what was given is no JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("its address has to be of the form `leadline-test+…@example.com`, so that it is known as a test")]
    NoTest,
    #[error("{0} {1}")]
    Answer(&'static str, &'static str),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// What tells one test lead from the others.
fn unique() -> String {
    let letters: String = random_text().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    letters.to_lowercase()
}

/// A lead of nobody, as the widget would send it. Each has an address of its own.
pub fn sample(account: &Account, now: Timestamp) -> Value {
    let unique = unique();
    json!({
        "type": "lead.captured.v1",
        "timestamp": now,
        "data": {
            "id": format!("test_{unique}"),
            "name": "Test Lead",
            "email": format!("leadline-test+{unique}@example.com"),
            "phone": "(305) 555-0100",
            "status": "new",
            "priority": "high",
            "origin": "chat_widget",
            "vehicle": { "make": "Toyota", "model": "RAV4", "year": 2026, "trim": "XLE" },
            "budget": { "min": 25000, "max": 30000, "currency": "USD" },
            "notes": [{ "at": now, "text": "This is a test. Nobody wrote it." }],
            "dealership": { "name": account.name, "slug": account.slug }
        }
    })
}

/// The same event, which asks for the deals that its transformation makes: without that a test lead makes none.
///
/// # Errors
/// [`TestLeadError::NotJson`].
pub fn asking_for_deals(body: &str) -> Result<String, TestLeadError> {
    let mut event: Value = serde_json::from_str(body).map_err(TestLeadError::NotJson)?;
    if let Some(event) = event.as_object_mut() {
        event.insert("test".to_owned(), json!({ "deals": true }));
    }
    serde_json::to_string_pretty(&event).map_err(TestLeadError::NotJson)
}

/// Sends a test lead through the door, signed with the secret of the account's first source.
///
/// # Errors
/// [`TestLeadError`], for the one who tries.
pub async fn send(
    store: &Store,
    door: &Door,
    account: &Account,
    body: &str,
    now: Timestamp,
) -> Result<Receipt, TestLeadError> {
    let lead: Value = serde_json::from_str(body).map_err(TestLeadError::NotJson)?;
    let email = lead["data"]["email"].as_str().unwrap_or_default();
    if !crate::words::is_test_address(email) {
        return Err(TestLeadError::NoTest);
    }
    let sources = store.sources(Some(&account.id)).await?;
    let source = sources.first().ok_or_else(|| TestLeadError::NoSource(account.slug.clone()))?;
    let secret = store.current_secret(source.id.as_str(), now).await?.context("the source has no secret in force")?;
    let secret = Secret::parse(secret.expose_secret()).context("the source's secret cannot be read")?;
    let (id, at) = (format!("msg_{}", random_text()), now.seconds());
    let values = [id.clone(), at.to_string(), secret.sign(&id, at, body.as_bytes())];
    let header = |name: &'static str| {
        let place = HEADER_SETS[0].iter().position(|known| *known == name);
        place.map(|place| values[place].as_bytes()).into_iter()
    };
    let signed = signature::read(header).map_err(Refusal::from)?;
    let verified = door.verify(source.id.as_str(), &signed, body.as_bytes(), now).await?;
    Ok(door.accept(verified, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AccountId;

    #[test]
    fn a_sample_is_known_as_a_test_and_no_two_are_alike() {
        let account = Account {
            id: AccountId::new(Timestamp(1)),
            slug: "acme".into(),
            name: "Acme".into(),
            quota: Default::default(),
            created_at: Timestamp(1),
        };
        let [one, other] = [0, 1].map(|_| sample(&account, Timestamp(1)));
        assert!(crate::words::is_test_address(one["data"]["email"].as_str().unwrap()), "{one}");
        assert_ne!(one["data"]["email"], other["data"]["email"]);
        assert!(crate::schema::event_violations("lead.captured.v1", &one["data"]).is_empty());
    }

    #[test]
    fn an_event_asks_for_deals_once_somebody_asked_for_it() {
        let wants = |body: &str| crate::payload::Envelope::read(body.as_bytes()).unwrap().wants_deals();
        let plain = r#"{"type":"lead.captured.v1","data":{},"test":"x"}"#;
        assert!(!wants(plain) && wants(&asking_for_deals(plain).unwrap()));
        assert!(matches!(asking_for_deals("{"), Err(TestLeadError::NotJson(_))));
        assert_eq!(asking_for_deals("[]").unwrap(), "[]");
    }
}
