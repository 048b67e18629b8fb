//! Foreign texts, made fit to be shown.

/// The first `chars_max` characters; a mark says that there were more.
pub fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_characters_and_marked() {
        for (text, expected) in [("", ""), ("Zoë", "Zoë"), ("Zoë!", "Zoë…"), ("🚗🚗🚗🚗", "🚗🚗🚗…")]
        {
            assert_eq!(cut(text, 3), expected);
        }
    }
}
