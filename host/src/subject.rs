//! Who a request of a shopper is about: addresses and numbers in one form each, where they stand in what is kept, and the
//! hashes by which somebody is known who must not be known.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::model::erasure::Kind;
use crate::plan::{Plan, person_hash};

/// So many digits from the end are one subscriber of one country: what is before them is written in many ways.
const SUBSCRIBER_DIGITS: usize = 9;
/// Fewer digits are the number of many people.
const PHONE_DIGITS_MIN: usize = 7;
/// A longer address is none.
const EMAIL_BYTES_MAX: usize = 254;
/// What stands between the digits of a number.
const PHONE_CHARS: &str = "+-/(). ";
/// Addresses and numbers of one request.
const IDENTITIES_MAX: usize = 10;
/// Of a hash, in hex: half of SHA-256, so that no two people of an account ever share one.
const HASH_CHARS: usize = 32;

/// What is left of a text that named a person.
pub const REMOVED: &str = "removed on request";

/// By what a person is known, in the one form in which two of them are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ShopperIdentity)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Identity {
    /// Without blanks, in lower case: as a contact's key is.
    Email(String),
    /// The digits from the end that tell a subscriber.
    Phone(String),
}

/// Why nobody is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSubject {
    #[error("nobody is named")]
    Nobody,
    #[error("what was given as an e-mail address is none")]
    Email,
    #[error("what was given as a phone number has fewer than {PHONE_DIGITS_MIN} digits, which many people share")]
    Phone,
    #[error("more than {IDENTITIES_MAX} addresses and numbers are named")]
    TooMany,
}

impl Identity {
    /// Of an address as somebody writes it.
    pub fn email(text: &str) -> Option<Self> {
        let email = text.trim().to_lowercase();
        let (name, domain) = email.rsplit_once('@')?;
        let is_one = !name.is_empty() && !domain.is_empty() && !email.contains(char::is_whitespace);
        (is_one && email.len() <= EMAIL_BYTES_MAX).then_some(Self::Email(email))
    }

    /// Of a number as somebody writes it. A zero in front is dialled inside of a country only.
    pub fn phone(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0');
        let last = digits.len().saturating_sub(SUBSCRIBER_DIGITS);
        (digits.len() >= PHONE_DIGITS_MIN).then(|| Self::Phone(digits[last..].to_owned()))
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Email(_) => Kind::Email,
            Self::Phone(_) => Kind::Phone,
        }
    }

    pub fn value(&self) -> &str {
        match self {
            Self::Email(value) | Self::Phone(value) => value,
        }
    }

    /// Whether a text names it.
    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Email(email) => names_address(&text.to_lowercase(), email),
            Self::Phone(digits) => names_number(text, digits),
        }
    }
}

/// Whether an address stands in a text as a whole, and not as the end or the beginning of another one.
fn names_address(text: &str, email: &str) -> bool {
    text.match_indices(email).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + email.len()..].chars();
        let goes_on = match after.next() {
            Some('.' | '-') => after.next().is_some_and(char::is_alphanumeric),
            Some(next) => next.is_alphanumeric() || next == '_',
            None => false,
        };
        !goes_on && !before.is_some_and(|c| c.is_alphanumeric() || "._%+-".contains(c))
    })
}

/// Whether a number stands in a text, however it is written.
fn names_number(text: &str, digits: &str) -> bool {
    let is_of_a_number = |c: char| c.is_ascii_digit() || PHONE_CHARS.contains(c);
    text.split(|c| !is_of_a_number(c)).any(|run| {
        let run: String = run.chars().filter(char::is_ascii_digit).collect();
        // A short number is not the end of a longer one, but for a zero in front.
        if digits.len() < SUBSCRIBER_DIGITS { run.trim_start_matches('0') == digits } else { run.contains(digits) }
    })
}

/// A person, by everything that is known of him. Does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(BTreeSet<Identity>);

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(Identity::kind)).finish()
    }
}

impl Subject {
    /// Of what somebody gives: addresses and numbers, each as a text.
    ///
    /// # Errors
    /// [`NoSubject`].
    pub fn of(emails: &[String], phones: &[String]) -> Result<Self, NoSubject> {
        let given = |texts: &[String]| texts.iter().filter(|text| !text.trim().is_empty()).cloned().collect::<Vec<_>>();
        let mut identities = BTreeSet::new();
        for email in given(emails) {
            identities.insert(Identity::email(&email).ok_or(NoSubject::Email)?);
        }
        for phone in given(phones) {
            identities.insert(Identity::phone(&phone).ok_or(NoSubject::Phone)?);
        }
        match identities.len() {
            0 => Err(NoSubject::Nobody),
            count if count > IDENTITIES_MAX => Err(NoSubject::TooMany),
            _ => Ok(Self(identities)),
        }
    }

    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter()
    }

    /// Whether a text says so as well: what somebody types before something that cannot be undone.
    pub fn is_confirmed_by(&self, typed: &str) -> bool {
        [Identity::email(typed), Identity::phone(typed)].into_iter().flatten().any(|typed| self.0.contains(&typed))
    }

    /// Whether a text names the person.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|identity| identity.is_in(text))
    }

    /// Whether a value of JSON names the person.
    pub fn is_in_value(&self, value: &Value) -> bool {
        leaves(value).iter().any(|leaf| self.is_in(leaf))
    }

    /// Whether JSON names the person, in whatever way it escapes; a text that is none is looked through as it is.
    pub fn is_in_json(&self, json: &str) -> bool {
        match serde_json::from_str(&crate::payload::mend_surrogates(json)) {
            Ok(value) => self.is_in_value(&value),
            Err(_) => self.is_in(json),
        }
    }

    /// The same value, in which every text that names the person says that it was removed.
    pub fn out_of(&self, value: Value) -> Value {
        match value {
            Value::String(text) if self.is_in(&text) => REMOVED.into(),
            Value::Number(number) if self.is_in(&number.to_string()) => REMOVED.into(),
            Value::Array(values) => values.into_iter().map(|value| self.out_of(value)).collect(),
            Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, self.out_of(value))).collect(),
            other => other,
        }
    }

    /// As the queue knows the person, where the contact's key is one of these.
    pub fn key_hashes(&self) -> Vec<String> {
        let email = |identity: &Identity| match identity {
            Identity::Email(email) => Some(person_hash("email", email)),
            Identity::Phone(_) => None,
        };
        self.0.iter().filter_map(email).collect()
    }
}

/// Every text and number in a value.
fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) => values.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

/// Everything that names somebody in an event: a text or a number that is an address or a phone number as a whole.
pub fn identities_in(value: &Value) -> BTreeSet<Identity> {
    leaves(value).iter().filter_map(|leaf| identity_of(leaf)).collect()
}

/// Whom a text names that is an address or a phone number as a whole.
fn identity_of(text: &str) -> Option<Identity> {
    let is_number = || text.chars().all(|c| c.is_ascii_digit() || PHONE_CHARS.contains(c));
    Identity::email(text).or_else(|| Identity::phone(text).filter(|_| is_number()))
}

/// By what the hashes of one account are made.
#[derive(Clone)]
pub struct SubjectKey(Hmac<Sha256>);

impl SubjectKey {
    pub fn new(secret: &SecretString) -> Self {
        let mac = Hmac::new_from_slice(secret.expose_secret().as_bytes());
        Self(mac.expect("a key of any length will do"))
    }

    /// What an address or a number is known by.
    pub fn hash(&self, identity: &Identity) -> String {
        let (kind, value) = (crate::model::word(&identity.kind()), identity.value());
        let mac = self.0.clone().chain_update(format!("{kind}={value}")).finalize().into_bytes();
        let mut hash: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        hash.truncate(HASH_CHARS);
        hash
    }
}

/// Whom an account's leads may not be about.
#[derive(Clone)]
pub struct Suppressed {
    key: SubjectKey,
    hashes: BTreeSet<String>,
}

impl std::fmt::Debug for Suppressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} hashes", self.hashes.len())
    }
}

impl Suppressed {
    pub fn new(key: SubjectKey, hashes: impl IntoIterator<Item = String>) -> Self {
        Self { key, hashes: hashes.into_iter().collect() }
    }

    fn takes(&self, identity: &Identity) -> bool {
        self.hashes.contains(&self.key.hash(identity))
    }

    /// Whether an event is about one of them.
    pub fn is_in_body(&self, body: &str) -> bool {
        let value = serde_json::from_str(&crate::payload::mend_surrogates(body));
        value.is_ok_and(|value| identities_in(&value).iter().any(|identity| self.takes(identity)))
    }

    /// Whether a plan writes one of them: a transformation may have put an address together.
    pub fn is_in_plan(&self, plan: &Plan) -> bool {
        plan.actions.iter().any(|action| {
            let key = action.key().map(|(_, value)| value);
            let texts = action.properties().iter().map(|property| property.value.as_str()).chain(key);
            texts.filter_map(identity_of).any(|identity| self.takes(&identity))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject(email: &str, phone: &str) -> Subject {
        Subject::of(&[email.to_owned()], &[phone.to_owned()]).unwrap()
    }

    #[test]
    fn a_person_is_found_however_the_address_or_the_number_is_written() {
        let person = subject(" Maya.Lind@Example.com ", "+1 (305) 555-0187");
        for (text, is_there) in [
            ("maya.lind@example.com", true),
            ("write to MAYA.LIND@example.com.", true),
            ("<maya.lind@example.com>", true),
            ("notmaya.lind@example.com", false),
            ("x.maya.lind@example.com", false),
            ("maya.lind@example.com.au", false),
            ("maya.lind@example.comet", false),
            ("3055550187", true),
            ("call 305-555-0187 after five", true),
            ("0013055550187", true),
            ("407 555 0187", false),
            ("5550187", false),
            ("", false),
        ] {
            assert_eq!(person.is_in(text), is_there, "{text}");
        }
        assert!(person.is_in_json(r#"{"a":[{"b":"maya.lind\u0040example.com"}]}"#));
        assert!(person.is_in_json(r#"{"phone":3055550187}"#));
        assert!(!person.is_in_json(r#"{"phone":4075550187}"#));
        assert!(subject("", "555-0187").is_in("555 0187"));
        assert!(!subject("", "555-0187").is_in("305 555 0187"), "that is one of many who end like this");
    }

    #[test]
    fn nobody_and_everybody_are_no_person() {
        let of = |email: &str, phone: &str| Subject::of(&[email.to_owned()], &[phone.to_owned()]).err();
        for (email, phone, refused) in [
            ("", " ", Some(NoSubject::Nobody)),
            ("maya", "", Some(NoSubject::Email)),
            ("@example.com", "", Some(NoSubject::Email)),
            ("a b@example.com", "", Some(NoSubject::Email)),
            ("", "0187", Some(NoSubject::Phone)),
            ("maya@example.com", "", None),
        ] {
            assert_eq!(of(email, phone), refused, "{email:?} {phone:?}");
        }
        let many: Vec<_> = (0..=IDENTITIES_MAX).map(|number| format!("p{number}@example.com")).collect();
        assert_eq!(Subject::of(&many, &[]).err(), Some(NoSubject::TooMany));
        assert_eq!(format!("{:?}", subject("maya@example.com", "3055550187")), "[Email, Phone]");
    }

    #[test]
    fn what_is_typed_again_has_to_be_the_same_person() {
        let person = subject("maya@example.com", "+1 305 555 0187");
        for (typed, is_it) in
            [("MAYA@example.com", true), ("305-555-0187", true), ("mia@example.com", false), ("", false)]
        {
            assert_eq!(person.is_confirmed_by(typed), is_it, "{typed}");
        }
    }

    #[test]
    fn who_is_suppressed_is_known_by_a_hash_of_one_account_only() {
        let [ours, theirs] = ["a secret", "another"].map(|secret| SubjectKey::new(&secret.to_owned().into()));
        let maya = Identity::email("maya@example.com").unwrap();
        assert_ne!(ours.hash(&maya), theirs.hash(&maya));
        let suppressed = Suppressed::new(ours.clone(), [ours.hash(&maya)]);
        let body = |data: Value| json!({ "type": "anything.v1", "data": data }).to_string();
        for (data, is_it) in [
            (json!({ "email": "Maya@Example.com " }), true),
            (json!({ "visitor": { "contacts": ["maya@example.com"] } }), true),
            (json!({ "email": "mia@example.com", "notes": "a friend of maya@example.com" }), false),
            (json!({ "name": "Maya" }), false),
        ] {
            assert_eq!(suppressed.is_in_body(&body(data.clone())), is_it, "{data}");
        }
        let other = Suppressed::new(theirs, [ours.hash(&maya)]);
        assert!(!other.is_in_body(&body(json!({ "email": "maya@example.com" }))));
    }
}
