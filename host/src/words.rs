//! The words that a lead is found by, and what a search asks of them: names without accents, the whole address, the
//! digits of a phone number from its end, the sender's id.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::contract::events::{Lead, Payload};
use crate::payload::{self, Envelope};

/// A lead has six or so; a name that is a novel is not worth more rows.
const WORDS_MAX: usize = 24;
/// Longer words are cut, in a lead as in a search.
const WORD_BYTES_MAX: usize = 64;
/// A shorter word would find half of all leads. A single ideograph is longer.
const WORD_BYTES_MIN: usize = 2;
/// Words that a search is made of; the others are left out.
const TERMS_MAX: usize = 5;
/// From so many digits on a search is for a phone number, and whatever stands before them has to fit.
const PHONE_DIGITS: usize = 7;
/// So many digits from the end are one subscriber of one country: what is before them is written in many ways.
const SUBSCRIBER_DIGITS: usize = 9;
/// Fewer digits are no end of a phone number that anybody would search for.
const PHONE_END_DIGITS: usize = 4;

/// What is known of an event's lead when the body is gone, and how it is found until then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadTraits {
    pub words: Vec<String>,
    /// The dealership's slug.
    pub dealership: Option<String>,
    pub has_email: bool,
    /// One of our own test leads.
    pub is_test: bool,
}

impl LeadTraits {
    /// Of what a transformation is given; none where the event is about no lead.
    pub fn of(payload: &Payload) -> Option<Self> {
        match payload {
            Payload::LeadCaptured(lead) => Some(of_lead(lead)),
            Payload::CarouselClicked(_) | Payload::SessionInitiated(_) | Payload::Other => None,
        }
    }

    /// Of an event that nobody has read yet.
    pub fn of_body(id: &str, event_type: &str, body: &str) -> Option<Self> {
        if event_type != "lead.captured.v1" {
            return None;
        }
        let envelope = Envelope::read(body.as_bytes()).ok()?;
        let occurred_at = envelope.occurred_at().unwrap_or(crate::model::time::Timestamp(0));
        Self::of(&payload::event(id, event_type, occurred_at, envelope.data).payload)
    }
}

/// The word under which the leads of a dealership stand.
pub fn dealership_word(slug: &str) -> String {
    cut(format!("@dealership:{slug}"))
}

/// The word under which a lead stands by the id that its sender gave it.
pub fn id_word(id: &str) -> String {
    cut(plain(folded(id)))
}

/// The word under which our own test leads stand.
pub const TEST_WORD: &str = "@test";

/// What the address of a test lead begins with.
const TEST_PREFIX: &str = "leadline-test+";

/// Whether a body is one of our own test leads. Cheap where it is not: then it is only searched.
pub fn is_test_body(body: &str) -> bool {
    body.contains(TEST_PREFIX)
        && serde_json::from_str::<serde_json::Value>(body)
            .is_ok_and(|body| body["data"]["email"].as_str().is_some_and(is_test_address))
}

/// Whether an address is one of our own test leads.
pub fn is_test_address(email: &str) -> bool {
    email.starts_with(TEST_PREFIX) && email.ends_with("@example.com")
}

/// Whether an event is one of our own test leads.
pub fn is_test(payload: &Payload) -> bool {
    match payload {
        Payload::LeadCaptured(lead) => lead.email.as_deref().is_some_and(is_test_address),
        Payload::CarouselClicked(_) | Payload::SessionInitiated(_) | Payload::Other => false,
    }
}

fn of_lead(lead: &Lead) -> LeadTraits {
    let mut words = Vec::new();
    for part in lead.name.as_deref().unwrap_or_default().split_whitespace() {
        let pieces = pieces(&folded(part));
        if pieces.len() > 1 {
            words.push(pieces.concat()); // O'Brien is found as obrien, too
        }
        words.extend(pieces);
    }
    let email = lead.email.as_deref().map(folded);
    words.extend(email.as_deref().map(plain));
    if let Some(digits) = lead.phone.as_deref().map(digits).filter(|digits| digits.len() >= PHONE_END_DIGITS) {
        words.push(phone_word(&digits));
    }
    words.push(id_word(&lead.id));
    let mut words: Vec<_> = words.into_iter().map(cut).filter(|word| word.len() >= WORD_BYTES_MIN).collect();
    words.truncate(WORDS_MAX);
    let dealership = lead.dealership.as_ref().map(|dealership| dealership.slug.clone());
    words.extend(dealership.as_deref().map(dealership_word));
    let is_test = email.as_deref().is_some_and(is_test_address);
    words.extend(is_test.then(|| TEST_WORD.to_owned()));
    words.sort();
    words.dedup();
    LeadTraits { words, dealership, has_email: email.is_some(), is_test }
}

/// Whether a lead that has these words is meant by a search. Every lead is where the search says nothing.
pub fn is_meant(text: &str, words: &[String]) -> bool {
    let Some(terms) = terms(text) else { return true };
    let has = |wanted: &Wanted| words.iter().any(|word| wanted.takes(word));
    !terms.is_empty() && terms.iter().all(|term| term.0.iter().any(has))
}

/// One of the words of a search: a lead has it if it has any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term(pub Vec<Wanted>);

/// The beginning of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first word that begins so; the last one is [`Wanted::last`].
    pub start: String,
    /// All digits of the phone number that is looked for: those beyond `start` have to fit as well.
    phone: Option<String>,
}

impl Wanted {
    fn word(start: String) -> Self {
        Self { start: cut(start), phone: None }
    }

    /// In the order of bytes no word that begins so comes after it.
    pub fn last(&self) -> String {
        format!("{}\u{10ffff}", self.start)
    }

    /// Whether a stored word is one of these.
    pub fn takes(&self, word: &str) -> bool {
        let Some(rest) = word.strip_prefix(&self.start) else { return false };
        // From the end: what one of the two has in front of the other, such as a country's code, is no contradiction.
        self.phone.as_ref().is_none_or(|digits| {
            let wanted = &phone_word(digits)[self.start.len()..];
            let same = rest.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
            let enough = SUBSCRIBER_DIGITS - PHONE_DIGITS;
            same >= enough.min(rest.len()).min(wanted.len())
        })
    }
}

/// What a search asks for: every term. None for a blank text, which asks for nothing; no term at all where it holds nothing
/// that a lead could be found by.
pub fn terms(text: &str) -> Option<Vec<Term>> {
    if text.trim().is_empty() {
        return None;
    }
    let mut terms: Vec<Term> = Vec::new();
    let mut number = String::new();
    for token in text.split_whitespace() {
        if is_of_a_number(token) {
            number.push_str(token); // a number may be written with blanks
            continue;
        }
        terms.extend(number_term(&std::mem::take(&mut number)));
        terms.extend(word_terms(&folded(token)));
    }
    terms.extend(number_term(&number));
    terms.truncate(TERMS_MAX);
    Some(terms)
}

fn is_of_a_number(token: &str) -> bool {
    token.chars().all(|c| c.is_ascii_digit() || "+-/().".contains(c))
}

/// Of a phone number, or of an id that is one.
fn number_term(number: &str) -> Option<Term> {
    let all: String = number.chars().filter(char::is_ascii_digit).collect();
    // A short one is the end of a number, which may begin with a zero.
    let digits = if all.len() < PHONE_DIGITS { all } else { digits(number) };
    let mut wanted = Vec::new();
    if digits.len() >= WORD_BYTES_MIN {
        wanted.push(Wanted::word(number.to_owned()));
    }
    if digits.len() >= PHONE_END_DIGITS {
        let mut start = phone_word(&digits);
        start.truncate(1 + PHONE_DIGITS);
        wanted.push(Wanted { start, phone: Some(digits.clone()) });
    }
    (!wanted.is_empty()).then_some(Term(wanted))
}

fn word_terms(token: &str) -> Vec<Term> {
    // An address or an id is one word. A name has only letters, whatever stands between them.
    let wanted =
        if token.chars().any(|c| c.is_numeric() || "@._+".contains(c)) { vec![plain(token)] } else { pieces(token) };
    let long =
        wanted.into_iter().filter(|word| word.len() >= WORD_BYTES_MIN && word.chars().any(char::is_alphanumeric));
    long.map(|word| Term(vec![Wanted::word(word)])).collect()
}

/// In lower case and without accents.
fn folded(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !is_combining_mark(*c));
    let mut folded = String::with_capacity(text.len());
    for letter in bare.flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            // Left over where a capital letter was taken apart in its lower case.
            mark if is_combining_mark(mark) => {}
            other => folded.push(other),
        }
    }
    folded
}

/// What letters and digits stand between anything else.
fn pieces(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// Without the signs by which our own words begin.
fn plain(word: impl AsRef<str>) -> String {
    word.as_ref().trim_start_matches(['@', '#']).to_owned()
}

fn digits(text: &str) -> String {
    // A zero in front is dialled inside of a country only.
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}

/// The digits from the last to the first, so that a number is found by its end.
fn phone_word(digits: &str) -> String {
    std::iter::once('#').chain(digits.chars().rev()).collect()
}

fn cut(mut word: String) -> String {
    word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn traits(data: serde_json::Value) -> LeadTraits {
        let body = json!({ "type": "lead.captured.v1", "data": data }).to_string();
        LeadTraits::of_body("msg_1", "lead.captured.v1", &body).unwrap()
    }

    #[test]
    fn a_lead_is_found_by_its_names_address_number_and_id() {
        let found = traits(json!({
            "id": "lead_7", "name": "Zoë-Ann  O'Brien", "email": "Zoe@Example.com", "phone": "+1 (305) 555-0187",
            "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" } }));
        let expected = [
            "#78105555031",
            "@dealership:ocean-honda",
            "ann",
            "brien",
            "lead_7",
            "obrien",
            "zoe",
            "zoe@example.com",
            "zoeann",
        ];
        assert_eq!(found.words, expected);
        assert_eq!((found.dealership.as_deref(), found.has_email, found.is_test), (Some("ocean-honda"), true, false));
        let test = traits(json!({ "id": "#x", "email": "leadline-test+1@example.com" }));
        assert_eq!(
            (test.words.as_slice(), test.is_test),
            (["@test".to_owned(), "leadline-test+1@example.com".to_owned()].as_slice(), true)
        );
        assert_eq!(LeadTraits::of_body("m", "session.initiated.v1", "{}"), None);
    }

    #[test]
    fn a_search_finds_what_people_mean() {
        let lead = |name: &str, phone: &str| {
            traits(json!({ "id": "36f8b0d4-11aa", "name": name, "email": "maya.lind@example.com", "phone": phone }))
                .words
        };
        let rows = [
            ("Łukasz Ørsted", "", "lukasz orsted", true),
            ("Łukasz Ørsted", "", "ŁUK", true),
            ("Maya Lind", "", "lind maya", true),
            ("Maya Lind", "", "maya lund", false),
            ("Maya Lind", "", "maya.li", true),
            ("Maya Lind", "", "MAYA.LIND@EXAMPLE.COM", true),
            ("Maya Lind", "", "m", false),
            ("Maya Lind", "", "maya 🚗", true),
            ("Maya Lind", "", "🚗", false),
            ("Maya Lind", "", "%_'\"", false),
            ("Maya Lind", "", "36f8b0d4", true),
            ("Maya Lind", "", "@test", false),
            ("Jean Luc", "", "jean-luc", true),
            ("Jean-Luc", "", "jeanluc", true),
            ("İpek Straße", "", "ipek strasse", true),
            ("王小明", "", "王", true),
            ("محمد العلي", "", "العلي", true),
            ("", "+1 (305) 555-0187", "5550187", true),
            ("", "+1 (305) 555-0187", "0187", true),
            ("", "+1 (305) 555-0187", "+1 305 555 0187", true),
            ("", "+1 (305) 555-0187", "305-555-0187", true),
            ("", "+1 (305) 555-0187", "407-555-0187", false),
            ("", "+1 (305) 555-0187", "(305) 555", false),
            ("", "305 555 0187", "+13055550187", true),
            ("", "0171 1234567", "+49 171 1234567", true),
            ("", "555-0187", "+1 305 555 0187", true),
            ("Maya", "305 555 0187", "maya 305 555 0187", true),
        ];
        for (name, phone, text, expected) in rows {
            let words = lead(name, phone);
            let terms = terms(text).unwrap();
            let has = |term: &Term| term.0.iter().any(|wanted| words.iter().any(|word| wanted.takes(word)));
            assert_eq!(!terms.is_empty() && terms.iter().all(has), expected, "{text}: {terms:?} in {words:?}");
            let within = |wanted: &Wanted, word: &String| wanted.start <= *word && *word <= wanted.last();
            for wanted in terms.iter().flat_map(|term| &term.0) {
                assert!(words.iter().all(|word| within(wanted, word) || !wanted.takes(word)), "{text}");
            }
        }
        assert_eq!(terms("  "), None);
    }

    #[test]
    fn words_are_few_and_short() {
        let found = traits(json!({ "name": "é".repeat(10_000), "email": format!("{}@example.com", "a".repeat(500)) }));
        assert!(found.words.iter().all(|word| word.len() <= WORD_BYTES_MAX), "{found:?}");
        let names: Vec<_> = (0..1000).map(|number| format!("name{number}")).collect();
        assert!(traits(json!({ "name": names.join(" ") })).words.len() <= WORDS_MAX + 2);
        assert!(terms(&names.join(" ")).unwrap().len() <= TERMS_MAX);
    }
}
