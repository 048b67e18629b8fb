//! Text as people type it, made fit for a CRM: no control characters, no stray white space.

use std::{iter, mem};

/// One line: white space collapsed, control characters gone. `None` if nothing is left, because an
/// absent value stays out of the CRM while an empty one clears what is there.
pub fn line(text: &str) -> Option<String> {
    if is_plain_line(text) {
        return Some(text.into());
    }
    let mut line = String::with_capacity(text.len());
    let mut apart = false;
    for char in text.chars() {
        if char.is_whitespace() {
            apart = !line.is_empty();
        } else if is_shown(char) {
            if mem::take(&mut apart) {
                line.push(' ');
            }
            line.push(char);
        }
    }
    (!line.is_empty()).then_some(line)
}

/// The parts one behind the other. A format string would bring more code along than all the rest of a
/// transformation.
pub fn joined(parts: &[&str]) -> String {
    let mut joined = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        joined.push_str(part);
    }
    joined
}

/// The one of a list that a text is, in any case.
#[inline(never)] // or the compiler writes the comparison out once for each entry
pub fn one_of<'a>(list: &[&'a str], text: &str) -> Option<&'a str> {
    list.iter().copied().find(|entry| entry.eq_ignore_ascii_case(text))
}

/// The text before and after the first `byte`, an ASCII character. The search of the standard library
/// is made for long texts, and three times as large.
pub fn split_once(text: &str, byte: u8) -> Option<(&str, &str)> {
    around(text, text.bytes().position(|other| other == byte)?)
}

/// The texts between one `byte` and the next, an ASCII character.
pub fn split(text: &str, byte: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let (piece, after) = split_once(text, byte).map_or((text, None), |(piece, after)| (piece, Some(after)));
        rest = after;
        Some(piece)
    })
}

/// The text before and after the last `byte`, an ASCII character.
pub fn rsplit_once(text: &str, byte: u8) -> Option<(&str, &str)> {
    around(text, text.bytes().rposition(|other| other == byte)?)
}

fn around(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// [`line()`] of a value that may be missing.
pub fn optional_line(text: Option<&String>) -> Option<String> {
    text.and_then(|text| line(text))
}

/// Appends several lines: line ends become `\n`, tabs become spaces, control characters go, and the
/// white space around the whole goes too.
pub fn push_lines(target: &mut String, text: &str) {
    let mut rest = text.trim();
    // A long conversation is copied from one doubtful character to the next: decoding them all would
    // take most of the fuel of a run.
    while let Some((plain, doubtful)) = next_doubtful(rest) {
        target.push_str(plain);
        let mut chars = doubtful.chars();
        let Some(char) = chars.next() else { break };
        rest = chars.as_str();
        match char {
            '\r' if rest.starts_with('\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => target.push('\n'),
            '\t' => target.push(' '),
            char if is_shown(char) => target.push(char),
            _ => {}
        }
    }
    target.push_str(rest);
}

/// Whether [`line()`] would change nothing, as is the case with nearly every value.
fn is_plain_line(text: &str) -> bool {
    let mut before = b' ';
    let plain = text.bytes().all(|byte| {
        let plain = byte.is_ascii_graphic() || (byte == b' ' && before != b' ');
        before = byte;
        plain
    });
    plain && before != b' '
}

/// The text before the first character that may have to go or change, and the text from there.
fn next_doubtful(text: &str) -> Option<(&str, &str)> {
    let mut start = 0;
    for bytes in text.as_bytes().chunks(8) {
        if !is_calm(bytes)
            && let Some(at) = bytes.iter().position(|&byte| DOUBTFUL[usize::from(byte)])
        {
            return text.split_at_checked(start + at);
        }
        start += bytes.len();
    }
    None
}

/// Whether these are eight ASCII characters that show, looked at all at once.
fn is_calm(bytes: &[u8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = 0x80 * EACH;
    let Ok(bytes) = bytes.try_into().map(u64::from_ne_bytes) else {
        return false;
    };
    // In ASCII the high bit is free: a delete character sets it by one more, a control character is too
    // small to set it by 0x60 more.
    bytes & HIGH == 0 && (bytes + EACH) & HIGH == 0 && (bytes + 0x60 * EACH) & HIGH == HIGH
}

/// First bytes of characters that may have to go or change: ASCII controls, and what begins the
/// blocks of the other ones (U+0080, U+2000, U+F000).
static DOUBTFUL: [bool; 256] = {
    let mut doubtful = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        doubtful[byte] = (byte < 0x20 && byte != b'\n' as usize) || matches!(byte, 0x7f | 0xc2 | 0xe2 | 0xef);
        byte += 1;
    }
    doubtful
};

/// Whether a character shows, or shapes what shows. Joiners stay: emoji, Persian and Hindi need
/// them. Marks of direction go, because they reorder the text that the CRM prints around a value.
fn is_shown(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_collapsed_and_cleaned() {
        for (typed, expected) in [
            ("Maya Lind", Some("Maya Lind")),
            ("  Maya \t\r\n Lind ", Some("Maya Lind")),
            ("Maya\u{a0}Lind", Some("Maya Lind")),
            ("王\u{3000}小明", Some("王 小明")),
            ("Ma\u{0}ya \u{7} Lind\u{9f}", Some("Maya Lind")),
            ("\u{feff}Maya\u{200b}", Some("Maya")),
            ("\u{202e}ayaM", Some("ayaM")),
            ("👩\u{200d}🔧 Rosa", Some("👩\u{200d}🔧 Rosa")),
            ("", None),
            (" \n ", None),
            ("\u{0}\u{200b}", None),
        ] {
            assert_eq!(line(typed).as_deref(), expected, "{typed:?}");
        }
    }

    #[test]
    fn lines_keep_their_breaks() {
        for (typed, expected) in [
            (" one\ntwo ", "one\ntwo"),
            ("one\r\ntwo\rthree", "one\ntwo\nthree"),
            ("one\ttwo", "one two"),
            ("on\u{0}e — «two»\u{200e}", "one — «two»"),
            ("a\u{85}b", "ab"),
            ("", ""),
        ] {
            let mut text = String::new();
            push_lines(&mut text, typed);
            assert_eq!(text, expected, "{typed:?}");
        }
    }
}
