//! Numbers and waits as people read them, and how much room a text takes.

use std::time::Duration;

/// A whole number, in groups of three digits.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number where there is little room: exact below a million, then in a larger unit.
pub(super) fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000_000, "tn"), (1_000_000_000, "bn"), (1_000_000, "M")];
    if number < 1_000_000 {
        return count(number);
    }
    let (size, unit) = UNITS.into_iter().find(|(size, _)| number >= *size).expect("it is more than a million");
    let tenths = number / (size / 10);
    if tenths < 1000 && !tenths.is_multiple_of(10) {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", count(tenths / 10))
    }
}

/// A number with its noun, in the singular for one.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Leads, counted.
pub(super) fn leads(number: u64) -> String {
    counted(number, "lead", "leads")
}

/// A share. What is not nothing is never shown as nothing, and what is not all never as all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = 100.0 * part as f64 / whole as f64;
    match share.round() {
        rounded if rounded < 1.0 && part > 0 => "<1%".to_owned(),
        rounded if rounded >= 100.0 && part < whole => ">99%".to_owned(),
        rounded => format!("{rounded:.0}%"),
    }
}

/// How long something takes, in the unit that people would choose, with two digits where that is needed.
pub(super) fn wait(wait: Duration) -> String {
    let millis = wait.as_secs_f64() * 1000.0;
    let units = [(86_400_000.0, "d"), (3_600_000.0, "h"), (60_000.0, "min"), (1000.0, "s")];
    // A little less than a whole one is called one, or 59.97 s would be "60 s".
    match units.into_iter().find(|(size, _)| millis >= size * 0.9995) {
        Some((size, unit)) => {
            let number = millis / size;
            let tenths = (number * 10.0).round();
            if number >= 10.0 || tenths % 10.0 == 0.0 {
                format!("{} {unit}", count(number.round() as u64))
            } else {
                format!("{:.1} {unit}", tenths / 10.0)
            }
        }
        None if millis <= 0.0 => "0 s".to_owned(),
        None if millis < 1.0 => "<1 ms".to_owned(),
        None => format!("{millis:.0} ms"),
    }
}

/// Bytes in binary units.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = number as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if size >= 10.0 || size.fract() < 0.05 {
        format!("{} {}", count(size.round() as u64), UNITS[unit])
    } else {
        format!("{size:.1} {}", UNITS[unit])
    }
}

/// About how wide a text is: rather too much than too little, since the page chooses the font.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

fn advance(mark: char) -> f64 {
    match mark {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' => 0.36,
        'f' | 't' | 'r' | '-' | '/' => 0.43,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.95,
        '0'..='9' => 0.62,
        'A'..='Z' => 0.7,
        mark if mark.is_ascii() => 0.6,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' => 0.0,
        '\u{1100}'.. => {
            if matches!(mark, '\u{2000}'..='\u{2bff}') {
                0.8
            } else {
                1.15
            }
        }
        _ => 0.68,
    }
}

/// As much of a text as has room, with a mark where it was cut.
pub(super) fn fit(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let kept: String = text
        .chars()
        .take_while(|mark| {
            left -= advance(*mark) * size;
            left >= 0.0
        })
        .collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shortened() {
        let rows = [
            (0, "0", "0"),
            (999, "999", "999"),
            (1000, "1,000", "1,000"),
            (999_999, "999,999", "999,999"),
            (5_000_000, "5,000,000", "5 M"),
            (12_000_000, "12,000,000", "12 M"),
            (12_340_000, "12,340,000", "12.3 M"),
            (4_560_000_000, "4,560,000,000", "4.5 bn"),
            (u64::MAX, "18,446,744,073,709,551,615", "18,446,744 tn"),
        ];
        for (number, long, brief) in rows {
            assert_eq!((count(number), short(number)), (long.to_owned(), brief.to_owned()));
        }
    }

    #[test]
    fn a_share_is_never_nothing_or_all_unless_it_is() {
        let rows = [(0, 0, "–"), (0, 9, "0%"), (1, 3, "33%"), (1, 1000, "<1%"), (999, 1000, ">99%"), (7, 7, "100%")];
        for (part, whole, expected) in rows {
            assert_eq!(percent(part, whole), expected);
        }
    }

    #[test]
    fn a_wait_has_the_unit_that_people_would_choose() {
        let rows = [
            (0.0, "0 s"),
            (0.0004, "<1 ms"),
            (0.85, "850 ms"),
            (1.0, "1 s"),
            (1.24, "1.2 s"),
            (59.99, "1 min"),
            (90.0, "1.5 min"),
            (1800.0, "30 min"),
            (7200.0, "2 h"),
            (259_200.0, "3 d"),
            (1e9, "11,574 d"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(wait(Duration::from_secs_f64(seconds)), expected);
        }
    }

    #[test]
    fn bytes_have_binary_units() {
        let rows = [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KiB"), (33_554_432, "32 MiB"), (u64::MAX, "16,384 PiB")];
        for (number, expected) in rows {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn a_text_is_cut_where_its_room_ends() {
        assert_eq!(fit("Zoë", 100.0, 12.0), "Zoë");
        assert_eq!(fit("vehicle_of_interest", 60.0, 12.0), "vehicle…");
        assert_eq!(fit("abc", 0.0, 12.0), "…");
    }
}
