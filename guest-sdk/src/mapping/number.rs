//! Whole numbers as text. The formatting of the standard library would be a twentieth of a component.

/// Appends a number, with zeros before it if it has fewer digits than `digits_min`.
pub fn push(target: &mut String, number: u64, digits_min: u32) {
    if number > 9 || digits_min > 1 {
        push(target, number / 10, digits_min.saturating_sub(1));
    }
    target.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends a number with its thousands apart, as in 25,000.
pub fn push_grouped(target: &mut String, number: u64) {
    if number < 1_000 {
        return push(target, number, 1);
    }
    push_grouped(target, number / 1_000);
    target.push(',');
    push(target, number % 1_000, 3);
}

/// The number alone.
pub fn text(number: u64) -> String {
    let mut text = String::new();
    push(&mut text, number, 1);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_full() {
        for (number, plain, grouped) in [
            (0, "0", "0"),
            (7, "7", "7"),
            (900, "900", "900"),
            (1_000, "1000", "1,000"),
            (25_040, "25040", "25,040"),
            (1_234_567, "1234567", "1,234,567"),
            (u64::MAX, "18446744073709551615", "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(text(number), plain);
            let mut text = String::new();
            push_grouped(&mut text, number);
            assert_eq!(text, grouped);
        }
    }

    #[test]
    fn zeros_fill_up() {
        for (number, expected) in [(0, "00"), (7, "07"), (23, "23"), (2026, "2026")] {
            let mut text = String::new();
            push(&mut text, number, 2);
            assert_eq!(text, expected);
        }
    }
}
