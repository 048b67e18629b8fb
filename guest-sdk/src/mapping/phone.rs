//! A phone number as E.164 (`+13055550187`) where that is certain, else as the customer typed it.
//!
//! HubSpot takes any text as a phone, so a wrong guess is worse than none: somebody would call a
//! stranger. Certain means that the country is known, the digits fit its numbering plan, and nothing
//! but digits and the usual separators was typed.

mod countries;

use super::text;
use countries::{COUNTRIES, Country, Trunk};

/// The number to write. `country` is the account's ISO 3166 code, such as `US`; it decides how a
/// number without a country code is read. `None` if there is no digit in it.
pub fn number(typed: &str, country: Option<&str>) -> Option<String> {
    let typed = text::line(typed)?;
    // Other scripts have digits of their own, so only ASCII text can be known to have none.
    if typed.is_ascii() && !typed.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let home = country.and_then(|iso| COUNTRIES.iter().find(|country| country.iso == iso));
    Some(e164(&typed, home).unwrap_or(typed))
}

fn e164(typed: &str, home: Option<&Country>) -> Option<String> {
    let (plus, digits) = digits(typed)?;
    if plus {
        return international(&digits);
    }
    let exits = home.map_or(["00"].as_slice(), |home| home.exits);
    if let Some(abroad) = exits.iter().find_map(|exit| digits.strip_prefix(exit)) {
        return international(abroad);
    }
    home.and_then(|home| national(&digits, home))
}

/// The digits and whether a plus sign stands before them; `None` if anything else was typed, such as
/// an extension.
fn digits(typed: &str) -> Option<(bool, String)> {
    let (plus, rest) = match typed.strip_prefix(['+', '＋']) {
        Some(rest) => (true, rest),
        None => (false, typed),
    };
    let mut digits = String::with_capacity(rest.len());
    let mut opened = 0;
    for char in rest.chars() {
        match char {
            '0'..='9' => digits.push(char),
            '(' => opened = digits.len(),
            // "+44 (0)20 …": the zero is for callers at home.
            ')' if plus && digits.len() == opened + 1 && digits.ends_with('0') => digits.truncate(opened),
            ' ' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2015}' => {}
            _ => return None,
        }
    }
    Some((plus, digits))
}

/// Digits that begin with a calling code.
fn international(digits: &str) -> Option<String> {
    COUNTRIES
        .iter()
        .find(|country| digits.strip_prefix(country.code).is_some_and(|rest| country.has(rest)))
        .map(|_| text::joined(&["+", digits]))
}

/// Digits as they are dialled at home.
fn national(digits: &str, home: &Country) -> Option<String> {
    let number = match home.trunk {
        Trunk::None => digits,
        Trunk::Required(prefix) => digits.strip_prefix(prefix)?,
        Trunk::Optional(prefix) => digits.strip_prefix(prefix).unwrap_or(digits),
    };
    home.has(number).then(|| text::joined(&["+", home.code, number]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certain_number_becomes_e164() {
        for (country, typed, expected) in [
            ("US", "(305) 555-0187", "+13055550187"),
            ("US", "305.555.0187", "+13055550187"),
            ("US", "1 305 555 0187", "+13055550187"),
            ("US", "+1 (305) 555‑0187", "+13055550187"),
            ("US", "011 44 20 7946 0958", "+442079460958"),
            ("US", "+44 (0)20 7946 0958", "+442079460958"),
            ("CA", "604-555-0139", "+16045550139"),
            ("MX", "55 1234 5678", "+525512345678"),
            ("GB", "020 7946 0958", "+442079460958"),
            ("GB", "07700 900123", "+447700900123"),
            ("GB", "00 1 305 555 0187", "+13055550187"),
            ("IE", "085 012 3456", "+353850123456"),
            ("DE", "030 / 23125-014", "+493023125014"),
            ("AT", "0664 1234567", "+436641234567"),
            ("CH", "044 668 18 00", "+41446681800"),
            ("FR", "06 39 98 12 34", "+33639981234"),
            ("BE", "0470 12 34 56", "+32470123456"),
            ("NL", "020 123 4567", "+31201234567"),
            ("LU", "621 123 456", "+352621123456"),
            ("ES", "612 345 678", "+34612345678"),
            ("PT", "912 345 678", "+351912345678"),
            ("IT", "06 6982 1234", "+390669821234"),
            ("IT", "312 345 6789", "+393123456789"),
            ("DK", "32 12 34 56", "+4532123456"),
            ("SE", "070-174 06 35", "+46701740635"),
            ("NO", "412 34 567", "+4741234567"),
            ("FI", "041 2345678", "+358412345678"),
            ("PL", "512 345 678", "+48512345678"),
            ("CZ", "601 123 456", "+420601123456"),
            ("AU", "0491 570 156", "+61491570156"),
            ("AU", "0011 44 20 7946 0958", "+442079460958"),
            ("NZ", "021 123 4567", "+64211234567"),
            ("JP", "090-1234-5678", "+819012345678"),
            ("KR", "010-1234-5678", "+821012345678"),
            ("IN", "98765 43210", "+919876543210"),
            ("IN", "098765 43210", "+919876543210"),
            ("ZA", "082 123 4567", "+27821234567"),
            ("BR", "(11) 91234-5678", "+5511912345678"),
            ("BR", "(11) 2123-4567", "+551121234567"),
            ("AE", "050 123 4567", "+971501234567"),
            ("SA", "051 234 5678", "+966512345678"),
            ("", "+971 50 123 4567", "+971501234567"),
            ("", "0044 20 7946 0958", "+442079460958"),
        ] {
            assert_eq!(number(typed, Some(country)).as_deref(), Some(expected), "{country} {typed:?}");
        }
    }

    #[test]
    fn what_is_not_certain_stays_as_typed() {
        for (country, typed, expected) in [
            // not enough digits, or too many
            ("US", "555-0187", "555-0187"),
            ("US", "305 555 01877", "305 555 01877"),
            ("GB", "7946 0958", "7946 0958"),
            ("DE", "23125-014", "23125-014"),
            // no such area code or exchange
            ("US", "(123) 555-0187", "(123) 555-0187"),
            ("US", "(305) 155-0187", "(305) 155-0187"),
            ("US", "(305) 911-0187", "(305) 911-0187"),
            ("US", "+1 911 555 0187", "+1 911 555 0187"),
            // the trunk prefix is missing, so the area code may be
            ("GB", "20 7946 0958", "20 7946 0958"),
            // more than a number
            ("US", " (305) 555-0187  x12 ", "(305) 555-0187 x12"),
            ("US", "305 555 0187 after 6pm", "305 555 0187 after 6pm"),
            ("US", "1-800-GO-TOYOTA 1", "1-800-GO-TOYOTA 1"),
            ("US", "305-555-0187; 786-555-0122", "305-555-0187; 786-555-0122"),
            // whose country is not known
            ("", "(305) 555-0187", "(305) 555-0187"),
            ("TR", "0532 123 45 67", "0532 123 45 67"),
            ("US", "+90 532 123 45 67", "+90 532 123 45 67"),
            // a carrier stands between the exit code and the country
            ("BR", "0015 1 305 555 0187", "0015 1 305 555 0187"),
            ("US", "٠٥٠١٢٣٤٥٦٧", "٠٥٠١٢٣٤٥٦٧"),
        ] {
            assert_eq!(number(typed, Some(country)).as_deref(), Some(expected), "{country} {typed:?}");
        }
        assert_eq!(number("(305) 555-0187", None).as_deref(), Some("(305) 555-0187"));
    }

    #[test]
    fn a_text_without_digits_is_no_number() {
        for typed in ["", " ", "call me", "-", "+"] {
            assert_eq!(number(typed, Some("US")), None, "{typed:?}");
        }
    }
}
