//! A name in one field, split into first and last name.
//!
//! - One word is a first name. So is a Chinese, Japanese or Korean name written without a space:
//!   where its family name ends cannot be told from the characters.
//! - Of several words the last one is the last name, and everything before it the first.
//! - A particle (`van der`, `de la`, `bin`) begins the last name, wherever it stands after the first
//!   word: "Juan Carlos de la Torre Gil" is "Juan Carlos" and "de la Torre Gil".
//! - Suffixes (`Jr.`, `III`, `PhD`) stay with the last name.
//! - "Lind, Maya" is turned round; "John Smith, Jr." is not.
//! - A word without letters or digits, such as an emoji, stays with the word before it.
//! - Letters keep their case: "de Vries" and "De Vries" are both somebody's name.

use super::text;

/// What begins a last name of several words. Compared in lower case, without full stops.
const PARTICLES: [&str; 43] = [
    "abu", "af", "al", "av", "bin", "bint", "binti", "da", "das", "de", "del", "dela", "della", "den", "der", "des",
    "di", "do", "dos", "du", "el", "ibn", "la", "las", "le", "lo", "los", "mac", "mc", "op", "saint", "san", "santa",
    "st", "'t", "te", "ten", "ter", "van", "vande", "vander", "von", "zu",
];

/// What may follow a last name. Compared in lower case, without full stops.
const SUFFIXES: [&str; 13] = ["jr", "sr", "jnr", "snr", "ii", "iii", "iv", "phd", "md", "dds", "dvm", "esq", "junior"];

/// A name as a CRM keeps it. At least the first name is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Given names, in the order typed.
    pub first: String,
    /// Family name with its particles and suffixes.
    pub last: Option<String>,
}

impl Name {
    /// First and last name together.
    pub fn full(&self) -> String {
        match &self.last {
            Some(last) => text::joined(&[self.first.as_str(), " ", last]),
            None => self.first.clone(),
        }
    }
}

/// Splits a name. `None` if nothing in it could be a name.
pub fn split(typed: &str) -> Option<Name> {
    let typed = text::line(typed)?;
    // A required field gets "-" or "." from people in a hurry.
    if typed.chars().all(|char| char.is_ascii_punctuation() || char == ' ') {
        return None;
    }
    text::split_once(&typed, b',')
        .and_then(|(before, after)| turned_round(&words(before), &words(after)))
        .or_else(|| in_order(&words(&typed)))
}

/// The words, each with the ornaments that follow it, and without commas around it.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| matches!(byte, b' ' | b',')).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after.get(1..).unwrap_or_default();
        if word.is_empty() {
            continue;
        }
        match words.last_mut() {
            Some(before) if word.chars().all(is_ornament) => {
                before.push(' ');
                before.push_str(word);
            }
            _ => words.push(word.into()),
        }
    }
    words
}

/// "Lind, Maya". `None` if nothing but suffixes follows the comma, or nothing stands before it.
fn turned_round(before: &[String], after: &[String]) -> Option<Name> {
    let (given, suffixes) = after.split_at_checked(without_suffixes(after))?;
    if before.is_empty() || given.is_empty() {
        return None;
    }
    let mut last = joined(before);
    for suffix in suffixes {
        last.push(' ');
        last.push_str(suffix);
    }
    Some(Name { first: joined(given), last: Some(last) })
}

/// "Maya Lind"
fn in_order(words: &[String]) -> Option<Name> {
    let (first, rest) = words.split_first()?;
    if rest.is_empty() {
        return Some(Name { first: first.clone(), last: None });
    }
    let core = without_suffixes(rest);
    let particle = rest.iter().take(core).position(|word| is_one_of(word, &PARTICLES));
    let (given, family) = words.split_at_checked(1 + particle.unwrap_or(core.saturating_sub(1)))?;
    Some(Name { first: joined(given), last: Some(joined(family)) })
}

fn joined(words: &[String]) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}

/// How many words are left when the suffixes at the end are taken away.
fn without_suffixes(words: &[String]) -> usize {
    words.iter().rposition(|word| !is_one_of(word, &SUFFIXES)).map_or(0, |last| last + 1)
}

/// Whether a character is no part of a word: punctuation, symbols, emoji and what joins them. Ranges,
/// since the full tables of letters would weigh more than all the rest of this file.
fn is_ornament(char: char) -> bool {
    char.is_ascii_punctuation()
        || matches!(char, '\u{a1}'..='\u{bf}' | '\u{2000}'..='\u{2bff}' | '\u{3001}'..='\u{3020}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    /// No entry of either list has more.
    const LETTERS_MAX: usize = 6;
    let mut letters = [0; LETTERS_MAX];
    let mut count = 0;
    for byte in word.bytes().filter(|&byte| byte != b'.') {
        let Some(letter) = letters.get_mut(count) else {
            return false;
        };
        *letter = byte.to_ascii_lowercase();
        count += 1;
    }
    letters.get(..count).is_some_and(|letters| list.iter().any(|entry| entry.as_bytes() == letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split() {
        for (typed, first, last) in [
            ("Maya", "Maya", ""),
            ("Maya Lind", "Maya", "Lind"),
            ("  maya   lind ", "maya", "lind"),
            ("Mary Ann Lind", "Mary Ann", "Lind"),
            ("Maya Lind-Okafor", "Maya", "Lind-Okafor"),
            // particles
            ("Vincent van Gogh", "Vincent", "van Gogh"),
            ("Anna van der Berg", "Anna", "van der Berg"),
            ("Pieter van 't Hof", "Pieter", "van 't Hof"),
            ("Hilde op den Kamp", "Hilde", "op den Kamp"),
            ("Juan Carlos de la Torre Gil", "Juan Carlos", "de la Torre Gil"),
            ("Lucia della Rovere", "Lucia", "della Rovere"),
            ("Ana dos Santos", "Ana", "dos Santos"),
            ("Rosa del Carmen", "Rosa", "del Carmen"),
            ("Otto von der Heide", "Otto", "von der Heide"),
            ("Greta zu Stolberg", "Greta", "zu Stolberg"),
            ("Karim bin Rashid", "Karim", "bin Rashid"),
            ("Omar ibn al Khattab", "Omar", "ibn al Khattab"),
            ("Fatima El Amrani", "Fatima", "El Amrani"),
            ("Fatima al-Zahra", "Fatima", "al-Zahra"),
            ("Jacques le Goff", "Jacques", "le Goff"),
            ("Grace St. John", "Grace", "St. John"),
            ("Van Morrison", "Van", "Morrison"),
            ("Kim Van", "Kim", "Van"),
            ("Van", "Van", ""),
            // suffixes
            ("John Smith Jr.", "John", "Smith Jr."),
            ("John Smith, Jr.", "John", "Smith Jr."),
            ("Henry Ford III", "Henry", "Ford III"),
            ("Willem van der Meer Jr.", "Willem", "van der Meer Jr."),
            ("Amy Chen PhD MD", "Amy", "Chen PhD MD"),
            ("Amy Chen, Ph.D.", "Amy", "Chen Ph.D."),
            ("John Jr.", "John", "Jr."),
            // the comma form
            ("Lind, Maya", "Maya", "Lind"),
            ("Lind,Maya", "Maya", "Lind"),
            ("van der Berg, Anna Maria", "Anna Maria", "van der Berg"),
            ("King, Martin Luther, Jr.", "Martin Luther", "King Jr."),
            (", Maya", "Maya", ""),
            ("Maya,", "Maya", ""),
            // other scripts
            ("王小明", "王小明", ""),
            ("王\u{3000}小明", "王", "小明"),
            ("김민준", "김민준", ""),
            ("محمد العلي", "محمد", "العلي"),
            ("Олена Коваль", "Олена", "Коваль"),
            // ornaments
            ("Priya Raman 🚗", "Priya", "Raman 🚗"),
            ("Priya 🚗 ✨ Raman", "Priya 🚗 ✨", "Raman"),
            ("✨ Priya", "✨", "Priya"),
            ("🚗", "🚗", ""),
            ("Maya (she/her)", "Maya", "(she/her)"),
        ] {
            let last = (!last.is_empty()).then(|| last.to_owned());
            assert_eq!(split(typed), Some(Name { first: first.into(), last }), "{typed:?}");
        }
    }

    #[test]
    fn punctuation_is_no_name() {
        for typed in ["", "  ", "-", ".", "- -", ",", "\u{0}"] {
            assert_eq!(split(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn the_full_name_reads_in_order() {
        assert_eq!(split("Lind, Maya").map(|name| name.full()).as_deref(), Some("Maya Lind"));
        assert_eq!(split("Maya").map(|name| name.full()).as_deref(), Some("Maya"));
    }
}
