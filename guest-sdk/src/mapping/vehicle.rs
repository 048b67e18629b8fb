//! A vehicle as one line of text.

use super::{number, text};
use crate::Vehicle;

/// "2024 Toyota RAV4 XLE", from what is known. People repeat themselves ("Toyota", "Toyota RAV4"),
/// so what the next part begins with, or the one before ends with, is said once.
pub fn title(vehicle: &Vehicle) -> Option<String> {
    let mut title = String::new();
    let year = vehicle.year.map(|year| number::text(year.into()));
    let parts = [&year, &vehicle.make, &vehicle.model, &vehicle.trim];
    for part in parts.into_iter().filter_map(|part| text::optional_line(part.as_ref())) {
        if title.is_empty() || begins_with(&part, &title) {
            title = part;
            continue;
        }
        let last = title.len() - text::rsplit_once(&title, b' ').map_or(title.len(), |(_, last)| last.len());
        if title.get(last..).is_some_and(|word| begins_with(&part, word)) {
            title.truncate(last);
            title.push_str(&part);
        } else if !ends_with(&title, &part) {
            title.push(' ');
            title.push_str(&part);
        }
    }
    (!title.is_empty()).then_some(title)
}

/// Whether `text` is `start`, or goes on after it with a new word.
fn begins_with(text: &str, start: &str) -> bool {
    text.split_at_checked(start.len())
        .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(start) && (rest.is_empty() || rest.starts_with(' ')))
}

/// Whether `text` has `end` as its last words.
fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start
        .and_then(|start| text.split_at_checked(start))
        .is_some_and(|(rest, tail)| tail.eq_ignore_ascii_case(end) && (rest.is_empty() || rest.ends_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vehicle_is_said_once_from_what_is_known() {
        for (year, make, model, trim, expected) in [
            (Some(2024), "Toyota", "RAV4", "XLE", Some("2024 Toyota RAV4 XLE")),
            (None, "Toyota", "RAV4", "", Some("Toyota RAV4")),
            (None, "", "RAV4", "", Some("RAV4")),
            (Some(2024), "", "", "", Some("2024")),
            (Some(2023), " Honda ", "CR-V\tEX-L", "", Some("2023 Honda CR-V EX-L")),
            (Some(2024), "Toyota", "toyota RAV4", "", Some("2024 toyota RAV4")),
            (Some(2024), "Mazda", "Mazda3", "", Some("2024 Mazda Mazda3")),
            (Some(2024), "Land Rover", "Defender", "Defender 110", Some("2024 Land Rover Defender 110")),
            (None, "Land Rover", "Land Rover Defender", "", Some("Land Rover Defender")),
            (Some(2024), "Toyota", "RAV4 XLE", "XLE", Some("2024 Toyota RAV4 XLE")),
            (Some(2024), "", "2024 RAV4", "", Some("2024 RAV4")),
            (None, "Škoda", "Škoda Octavia", "", Some("Škoda Octavia")),
            (None, "", " ", "", None),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let vehicle = Vehicle { make: some(make), model: some(model), year, trim: some(trim) };
            assert_eq!(title(&vehicle).as_deref(), expected, "{vehicle:?}");
        }
    }
}
