//! Differences as people read them.

use std::fmt::Write as _;

use super::Change;
use crate::text::cut;

/// A value on a line of its own; a longer one is shown around the place where it differs.
const VALUE_CHARS_MAX: usize = 120;
/// What is shown before and behind that place.
const AROUND_CHARS: usize = 40;

/// A block an action, a line a difference, `-` before what is no longer and `+` before what is new. Empty when nothing
/// differs.
pub fn text(changes: &[Change]) -> String {
    let mut text = String::new();
    let mut block = None;
    for change in changes {
        let came_or_went = change.part.is_none();
        if block != Some(&change.action) && !came_or_went {
            line(&mut text, &format!("  {}", change.action));
        }
        block = Some(&change.action);
        if came_or_went {
            whole(&mut text, change);
        } else {
            part(&mut text, change);
        }
    }
    text
}

/// An action that came or went.
fn whole(text: &mut String, change: &Change) {
    let (sign, key) = match (&change.before, &change.after) {
        (Some(key), None) => ('-', key),
        (_, key) => ('+', key.as_ref().unwrap_or(&change.action)),
    };
    let by = if key.is_empty() { String::new() } else { format!(" by {key}") };
    line(text, &format!("{sign} {}{by}", change.action));
}

fn part(text: &mut String, change: &Change) {
    let name = change.part.as_deref().unwrap_or_default();
    let (before, after) = match (&change.before, &change.after) {
        (Some(before), Some(after)) => differing_lines(before, after),
        (before, after) => {
            let lines = |value: &Option<String>| value.iter().flat_map(|value| value.split('\n')).map(shown).collect();
            (lines(before), lines(after))
        }
    };
    for (sign, values) in [('-', before), ('+', after)] {
        for value in values {
            line(text, &format!("    {sign} {name:<24} {value}"));
        }
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{}", line.trim_end()).expect("a String takes everything");
}

/// The lines of two texts without those that they begin and end with in common.
fn differing_lines(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let [before, after] = [before, after].map(|text| text.split('\n').collect::<Vec<_>>());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(one, other)| one == other).count();
    let start = same(&mut before.iter().zip(&after));
    let (before, after) = (&before[start..], &after[start..]);
    let end = same(&mut before.iter().rev().zip(after.iter().rev()));
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    if let ([before], [after]) = (before, after) {
        let (before, after) = around(before, after);
        return (vec![before], vec![after]);
    }
    let lines = |lines: &[&str]| lines.iter().map(|line| shown(line)).collect();
    (lines(before), lines(after))
}

/// A value on one line. Blanks at its end would not be seen, nor would an empty one.
fn shown(value: &str) -> String {
    let value = cut(value, VALUE_CHARS_MAX);
    if value.is_empty() || value.ends_with(char::is_whitespace) { format!("\"{value}\"") } else { value }
}

/// Two long values, each around the first place where they differ.
fn around(before: &str, after: &str) -> (String, String) {
    let chars = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
    let show = |value: &str| {
        if value.chars().count() <= VALUE_CHARS_MAX || chars <= AROUND_CHARS {
            return shown(value);
        }
        let rest: String = value.chars().skip(chars - AROUND_CHARS).collect();
        format!("…{}", shown(&rest))
    };
    (show(before), show(after))
}
