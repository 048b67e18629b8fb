//! From the body of a webhook to the event that a transformation is given. Lenient where that loses nothing:
//! what does not fit its field goes to `extra`, as text, with its JSON pointer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::contract::events::{
    Budget, CarouselClick, Consent, ConversationNote, Dealership, Event, Lead, Payload, Session, Vehicle,
};
use crate::model::time::Timestamp;

/// Leaves of the payload beyond this many are left out of `extra`.
pub const EXTRA_MAX: usize = 500;
/// A longer text is cut before the guest sees it: the host bounds what it hands in.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// An event type, as long as anybody sensible makes it.
pub const TYPE_BYTES_MAX: usize = 256;

/// A webhook body, read whole: what passes here can be planned.
#[derive(Deserialize)]
pub struct Envelope {
    #[serde(rename = "type")]
    pub event_type: String,
    timestamp: Option<String>,
    pub data: Value,
    /// What a test lead asks for beside its data.
    #[serde(default)]
    test: Value,
}

/// Why a signed body is no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the body is not JSON in UTF-8: {0}")]
    NotJson(String),
    #[error("the body is not an event: {0}")]
    NotAnEvent(String),
    #[error("`type` is `{0}`; it takes letters, digits and `_`, in parts separated by single dots, 256 bytes at most")]
    Type(String),
    #[error("`timestamp` is `{0}`, which is no RFC 3339 time such as 2026-11-23T08:00:00Z")]
    Timestamp(String),
}

impl EnvelopeError {
    /// The stable word for the class.
    pub fn class(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "not_json",
            Self::NotAnEvent(_) | Self::Type(_) | Self::Timestamp(_) => "not_an_event",
        }
    }
}

impl Envelope {
    /// Reads `{"type", "timestamp"?, "data"}`; other members are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`], which names the member.
    pub fn read(body: &[u8]) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(body).map_err(|error| EnvelopeError::NotJson(error.to_string()))?;
        let envelope: Self = serde_json::from_str(&mend_surrogates(text)).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => EnvelopeError::NotAnEvent(error.to_string()),
            _ => EnvelopeError::NotJson(error.to_string()),
        })?;
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = envelope.event_type.as_str();
        if name.len() > TYPE_BYTES_MAX || !name.split('.').all(part) {
            return Err(EnvelopeError::Type(name.chars().take(60).collect()));
        }
        if let Some(text) = &envelope.timestamp {
            Timestamp::parse(text).map_err(|_| EnvelopeError::Timestamp(text.chars().take(60).collect()))?;
        }
        Ok(envelope)
    }

    /// When it happened at the sender, where the body says so.
    pub fn occurred_at(&self) -> Option<Timestamp> {
        Timestamp::parse(self.timestamp.as_deref()?).ok()
    }

    /// Whether a test lead asks for its deals too: `"test": {"deals": true}`. Anything else asks for nothing.
    pub fn wants_deals(&self) -> bool {
        self.test["deals"] == true
    }

    /// What a guest is given, outside of the queue. An event that does not say when it happened did so at the beginning of
    /// time, so that a run repeats.
    pub fn into_event(self, id: &str) -> Event {
        let occurred_at = self.occurred_at().unwrap_or(Timestamp(0));
        event(id, &self.event_type, occurred_at, self.data)
    }
}

/// The sender's id of the lead that an event is about.
pub fn lead_id(payload: Payload) -> Option<String> {
    match payload {
        Payload::LeadCaptured(lead) => Some(lead.id),
        _ => None,
    }
}

/// JSON whose lone surrogates are replaced: a widget that cuts a text inside an emoji sends one half of it, which is no
/// character, and a lead is worth more than that half.
pub fn mend_surrogates(json: &str) -> Cow<'_, str> {
    // Only an escape can bring one in, so most bodies are not looked at twice.
    if !json.contains('\\') || !["\\ud", "\\uD"].iter().any(|start| json.contains(start)) {
        return Cow::Borrowed(json);
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            // Any other escape is a backslash and one character.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

enum Half {
    High,
    Low,
}

/// Which half of a pair the escape at the start of `text` is.
fn surrogate(text: &str) -> Option<Half> {
    let code = u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    match code {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// The event of the contract. `data` is what the envelope held; `id` is the sender's.
pub fn event(id: &str, event_type: &str, occurred_at: Timestamp, data: Value) -> Event {
    let (payload, rest) = match data {
        Value::Object(object) => {
            let mut fields = Fields(object);
            (payload(event_type, id, &mut fields), Value::Object(fields.0))
        }
        other => (Payload::Other, other),
    };
    let mut extra = Vec::new();
    leaves(String::new(), rest, &mut extra);
    Event { id: id.to_owned(), event_type: event_type.to_owned(), occurred_at: occurred_at.0, payload, extra }
}

fn payload(event_type: &str, id: &str, fields: &mut Fields) -> Payload {
    match event_type {
        "lead.captured.v1" => Payload::LeadCaptured(Lead {
            id: fields.text("id").unwrap_or_else(|| id.to_owned()),
            name: fields.text("name"),
            email: fields.text("email"),
            phone: fields.text("phone"),
            status: fields.text("status"),
            priority: fields.text("priority"),
            origin: fields.text("origin"),
            vehicle: fields.within("vehicle", |fields| Some(vehicle(fields))),
            budget: fields.within("budget", |fields| {
                Some(Budget {
                    text: fields.text("text"),
                    min: fields.number("min"),
                    max: fields.number("max"),
                    currency: fields.text("currency"),
                })
            }),
            notes: fields.each("notes", note),
            dealership: fields.within("dealership", |fields| {
                let (name, slug) = (fields.text("name"), fields.text("slug"));
                // One of the two is enough to say which dealership it is.
                let known = name.clone().or_else(|| slug.clone())?;
                Some(Dealership { name: name.unwrap_or_else(|| known.clone()), slug: slug.unwrap_or(known) })
            }),
            consent: fields.within("consent", |fields| {
                let at = fields.time("at")?;
                Some(Consent { text: fields.text("text")?, at })
            }),
        }),
        "carousel.clicked.v1" => Payload::CarouselClicked(CarouselClick {
            session_id: fields.text("session_id").unwrap_or_default(),
            vehicle: fields
                .within("vehicle", |fields| Some(vehicle(fields)))
                .unwrap_or_else(|| vehicle(&mut Fields(Map::new()))),
        }),
        "session.initiated.v1" => Payload::SessionInitiated(Session {
            id: fields.text("id").unwrap_or_else(|| id.to_owned()),
            page: fields.text("page"),
        }),
        _ => Payload::Other,
    }
}

fn vehicle(fields: &mut Fields) -> Vehicle {
    Vehicle {
        make: fields.text("make"),
        model: fields.text("model"),
        year: fields.number("year"),
        trim: fields.text("trim"),
    }
}

/// A note, or nothing when the entry is none: it then stays in `extra`.
fn note(entry: &mut Value) -> Option<ConversationNote> {
    match entry {
        Value::String(text) => Some(ConversationNote { at: None, text: clean(std::mem::take(text))? }),
        Value::Object(object) => {
            let mut fields = Fields(std::mem::take(object));
            let note = fields.text("text").map(|text| ConversationNote { at: fields.time("at"), text });
            *object = fields.0;
            note
        }
        _ => None,
    }
}

/// The members of an object that nobody has taken yet.
struct Fields(Map<String, Value>);

impl Fields {
    /// A text; a number or a yes-no is taken as its text. Empty counts as absent.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Array(_) | Value::Object(_) => None,
            _ => match self.0.remove(name)? {
                Value::String(text) => clean(text),
                Value::Null => None,
                other => Some(other.to_string()),
            },
        }
    }

    /// A whole number that fits; anything else stays where it is.
    fn number<N: TryFrom<u64>>(&mut self, name: &str) -> Option<N> {
        let number = self.0.get(name)?.as_u64().and_then(|number| N::try_from(number).ok())?;
        self.0.remove(name);
        Some(number)
    }

    /// A time in RFC 3339; anything else stays where it is.
    fn time(&mut self, name: &str) -> Option<i64> {
        let at = Timestamp::parse(self.0.get(name)?.as_str()?).ok()?;
        self.0.remove(name);
        Some(at.0)
    }

    /// What `read` makes of an object; its members that were not taken stay.
    fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut inner = Self(std::mem::take(self.0.get_mut(name)?.as_object_mut()?));
        let before = inner.0.clone();
        let value = read(&mut inner);
        // What could not be read stays whole, so that nothing is lost.
        let rest = if value.is_some() { inner.0 } else { before };
        self.0.insert(name.to_owned(), Value::Object(rest));
        value
    }

    /// What `read` makes of each entry of a list.
    fn each<T>(&mut self, name: &str, read: impl Fn(&mut Value) -> Option<T>) -> Vec<T> {
        let Some(entries) = self.0.get_mut(name).and_then(Value::as_array_mut) else {
            return Vec::new();
        };
        let mut taken = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(value) = read(entry) {
                taken.push(value);
                if entry.is_string() {
                    *entry = Value::Null;
                }
            }
        }
        taken
    }
}

/// The text without surrounding blanks and NULs, cut at its limit; nothing when nothing is left.
fn clean(text: String) -> Option<String> {
    let mut text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    let trimmed = text.trim();
    match trimmed.len() {
        0 => None,
        length if length == text.len() => Some(text),
        _ => Some(trimmed.to_owned()),
    }
}

/// Every leaf below `value` that says something: its JSON pointer and its text.
fn leaves(pointer: String, value: Value, extra: &mut Vec<(String, String)>) {
    if extra.len() >= EXTRA_MAX {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, value) in object {
                let name = name.replace('~', "~0").replace('/', "~1").replace('\0', "\u{fffd}");
                leaves(format!("{pointer}/{name}"), value, extra);
            }
        }
        Value::Array(entries) => {
            for (index, value) in entries.into_iter().enumerate() {
                leaves(format!("{pointer}/{index}"), value, extra);
            }
        }
        Value::String(text) => extra.extend(clean(text).map(|text| (pointer, text))),
        other => extra.push((pointer, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lead(data: Value) -> (Lead, Vec<(String, String)>) {
        let event = event("msg_1", "lead.captured.v1", Timestamp(7), data);
        let Payload::LeadCaptured(lead) = event.payload else { panic!("a lead") };
        (lead, event.extra)
    }

    #[test]
    fn every_field_of_the_contract_is_taken_from_its_place() {
        let (lead, extra) = lead(json!({
            "id": "lead_1", "name": " Maya Lind ", "email": "maya@example.com", "phone": "305", "status": "new",
            "priority": "high", "origin": "chat_widget",
            "vehicle": {"make": "Toyota", "model": "RAV4", "year": 2024, "trim": "XLE"},
            "budget": {"text": "about 28k", "min": 25000, "max": 30000, "currency": "USD"},
            "notes": [{"at": "2026-11-23T08:00:00Z", "text": "hello"}, {"text": "evenings"}],
            "dealership": {"name": "Ocean Honda", "slug": "ocean-honda"},
            "consent": {"text": "yes", "at": "2026-11-23T08:00:01Z"}}));
        assert_eq!(extra, vec![]);
        assert_eq!(lead.name.as_deref(), Some("Maya Lind"));
        assert_eq!(lead.vehicle.unwrap().year, Some(2024));
        assert_eq!(lead.budget.unwrap().max, Some(30000));
        assert_eq!(lead.notes.len(), 2);
        assert_eq!(lead.notes[0].at, Some(1_795_420_800_000));
        assert_eq!(lead.consent.unwrap().at, 1_795_420_801_000);
    }

    #[test]
    fn what_has_no_field_reaches_the_guest_as_extra() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let rows = [
            (
                json!({"stock": {"vin/no": "X1", "new": true}}),
                pairs(&[("/stock/new", "true"), ("/stock/vin~1no", "X1")]),
            ),
            (json!({"email": ["a@example.com", null]}), pairs(&[("/email/0", "a@example.com")])),
            (
                json!({"vehicle": {"year": "about 2020", "colour": "red"}}),
                pairs(&[("/vehicle/colour", "red"), ("/vehicle/year", "about 2020")]),
            ),
            (json!({"vehicle": "a Civic"}), pairs(&[("/vehicle", "a Civic")])),
            (json!({"budget": {"min": -5}}), pairs(&[("/budget/min", "-5")])),
            (
                json!({"consent": {"text": "yes", "at": "yesterday"}}),
                pairs(&[("/consent/at", "yesterday"), ("/consent/text", "yes")]),
            ),
            (
                json!({"notes": [{"text": "a", "by": "bot"}, 7, "b"]}),
                pairs(&[("/notes/0/by", "bot"), ("/notes/1", "7")]),
            ),
            (json!({"name": "", "phone": null, "page": "  "}), pairs(&[])),
        ];
        for (data, mut expected) in rows {
            let (_, mut extra) = lead(data.clone());
            extra.sort();
            expected.sort();
            assert_eq!(extra, expected, "{data}");
        }
    }

    #[test]
    fn numbers_are_taken_as_text_and_a_missing_id_is_the_senders() {
        let (lead, extra) = lead(json!({"phone": 3055550187_u64}));
        assert_eq!((lead.id.as_str(), lead.phone.as_deref(), extra), ("msg_1", Some("3055550187"), vec![]));
    }

    #[test]
    fn hostile_sizes_are_bounded() {
        let many: Vec<_> = (0..2000).collect();
        let (lead, extra) = lead(json!({"name": "é".repeat(100_000), "many": many}));
        assert!(lead.name.unwrap().len() <= TEXT_BYTES_MAX);
        assert_eq!(extra.len(), EXTRA_MAX);
    }

    #[test]
    fn half_an_emoji_does_not_cost_the_lead() {
        let rows = [
            (r#"{"a":"x\ud83d"}"#, "x\u{fffd}"),
            (r#"{"a":"\uDE97 x"}"#, "\u{fffd} x"),
            (r#"{"a":"\ud83d\ude97"}"#, "🚗"),
            (r#"{"a":"\ud83d\ud83d\ude97"}"#, "\u{fffd}🚗"),
            (r#"{"a":"\\ud83d"}"#, "\\ud83d"),
            (r#"{"a":"é\n\ud83dé"}"#, "é\n\u{fffd}é"),
        ];
        for (json, expected) in rows {
            let value: Value = serde_json::from_str(&mend_surrogates(json)).unwrap();
            assert_eq!(value["a"], expected, "{json}");
        }
        assert!(matches!(mend_surrogates("{}"), Cow::Borrowed("{}")));
    }

    #[test]
    fn an_envelope_says_what_it_lacks() {
        let deep = format!(r#"{{"type":"a","data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        let rows: [(&[u8], &str); 11] = [
            (deep.as_bytes(), "not_json"),
            (br#"{"type":"a","data":1e999}"#, "not_json"),
            (b"", "not_json"),
            (b"\xff\xfe{}", "not_json"),
            (b"{\"type\":", "not_json"),
            (b"[]", "not_an_event"),
            (b"{}", "not_an_event"),
            (br#"{"type":7,"data":{}}"#, "not_an_event"),
            (br#"{"type":"lead..v1","data":{}}"#, "not_an_event"),
            (br#"{"type":"a b","data":{}}"#, "not_an_event"),
            (br#"{"type":"lead.captured.v1","timestamp":"yesterday","data":{}}"#, "not_an_event"),
        ];
        for (body, class) in rows {
            let error = Envelope::read(body).err().expect("refused");
            assert_eq!(error.class(), class, "{error}");
        }
        let body = br#"{"type":"lead.captured.v1","timestamp":"2026-01-01T00:00:00Z","data":{},"more":1}"#;
        assert_eq!(Envelope::read(body).unwrap().occurred_at(), Some(Timestamp(1_767_225_600_000)));
    }
}
