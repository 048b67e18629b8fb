//! An event without the person in it: the same shape, so that a transformation goes the same way through it, and nobody's
//! name, address, number or words. Pure. What is not known to be harmless is replaced.

use serde_json::Value;

/// Members that say nothing about a person, wherever they stand, and whose values a transformation decides by.
const HARMLESS: [&str; 17] = [
    "type",
    "timestamp",
    "at",
    "status",
    "priority",
    "origin",
    "make",
    "model",
    "year",
    "trim",
    "min",
    "max",
    "currency",
    "slug",
    "dealership",
    "vehicle",
    "budget",
];
/// Members under which every text is the dealership's own.
const BUSINESS: [&str; 1] = ["dealership"];
/// Ten digits that are nobody's number.
const FICTION: &str = "3055550100";

/// The event with everything replaced that may be about a person.
pub fn redacted(event: &Value) -> Value {
    let mut event = event.clone();
    replace("", false, &mut event);
    event
}

fn replace(name: &str, is_business: bool, value: &mut Value) {
    let is_business = is_business || BUSINESS.contains(&name);
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| replace(name, is_business, member)),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| replace(name, is_business, entry)),
        Value::String(text) if !is_business && !is_harmless(name, text) => *text = scrambled(name, text),
        // A number that nobody asked for may be a telephone number.
        Value::Number(number) if !HARMLESS.contains(&name) && number.to_string().len() > 4 => *value = Value::from(0),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn is_harmless(name: &str, text: &str) -> bool {
    let is_key = name == "id" || name.ends_with("_id");
    let is_opaque = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        text.bytes().all(plain)
            && text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    HARMLESS.contains(&name) || (is_key && is_opaque(text))
}

fn scrambled(name: &str, text: &str) -> String {
    if name == "phone" {
        return number(text);
    }
    match text.trim().split_once('@') {
        Some((local, domain)) if domain.contains('.') && !text.trim().contains(char::is_whitespace) => {
            let (start, end) = text.split_at(text.len() - text.trim_start().len());
            let blanks = &end[end.trim_end().len()..];
            format!("{start}{}@example.com{blanks}", shape(local))
        }
        _ => shape(text),
    }
}

/// Letters for letters and digits for digits; signs, blanks and emoji stay.
fn shape(text: &str) -> String {
    let like = |c: char| match c {
        c if c.is_numeric() => '0',
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c => c,
    };
    text.chars().map(like).collect()
}

/// A number as it was written, with digits that are nobody's where there are as many as in one, else with zeros.
fn number(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let fiction = match digits {
        10 => FICTION.to_owned(),
        11 => format!("1{FICTION}"),
        _ => "0".repeat(digits),
    };
    let mut fiction = fiction.chars();
    let like = |c: char| if c.is_ascii_digit() { fiction.next().unwrap_or('0') } else { c };
    let replaced: String = text.chars().map(like).collect();
    // Words in it are somebody's too: "ask for Maria".
    replaced.chars().map(|c| if c.is_alphabetic() { if c.is_uppercase() { 'X' } else { 'x' } } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_of_a_person_is_left_and_the_shape_is() {
        let event = json!({
            "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z",
            "data": {
                "id": "lead_7f3a", "name": "Jan van der Berg Jr.", "email": " Jan.Berg+cars@Example.ORG ",
                "phone": "(305) 555-0187 ask Maria", "status": "new", "priority": "high", "origin": "chat_widget",
                "vehicle": { "make": "Toyota", "model": "RAV4", "year": 2024, "stock": "H26-1184" },
                "budget": { "text": "about 28k 🚗", "min": 25000, "max": 30000, "currency": "USD" },
                "notes": [{ "at": "2026-11-23T07:58:00Z", "text": "Call me,\nI am Jan" }, "my number is 3055550187"],
                "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" },
                "ssn": 123456789, "doors": 4, "referrer_id": "jan@example.org", "visitor": { "city": "Łódź" },
            },
        });
        assert_eq!(
            redacted(&event),
            json!({
                "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z",
                "data": {
                    "id": "lead_7f3a", "name": "Xxx xxx xxx Xxxx Xx.", "email": " Xxx.Xxxx+xxxx@example.com ",
                    "phone": "(305) 555-0100 xxx Xxxxx", "status": "new", "priority": "high", "origin": "chat_widget",
                    "vehicle": { "make": "Toyota", "model": "RAV4", "year": 2024, "stock": "X00-0000" },
                    "budget": { "text": "xxxxx 00x 🚗", "min": 25000, "max": 30000, "currency": "USD" },
                    "notes": [{ "at": "2026-11-23T07:58:00Z", "text": "Xxxx xx,\nX xx Xxx" }, "xx xxxxxx xx 0000000000"],
                    "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" },
                    "ssn": 0, "doors": 4, "referrer_id": "xxx@example.com", "visitor": { "city": "Xxxx" },
                },
            })
        );
    }
}
