//! Foreign texts, made fit to be shown.

/// The first `chars_max` characters; a mark says that there were more.
pub fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The pieces of a sentence, each with whether it stands between backticks: names, which a page sets apart as code. A
/// sentence with a backtick too many is one piece.
pub fn ticked(text: &str) -> Vec<(bool, &str)> {
    let pieces: Vec<_> = text.split('`').collect();
    if pieces.len() % 2 == 0 {
        return vec![(false, text)];
    }
    let pieces = pieces.into_iter().enumerate().map(|(index, piece)| (index % 2 == 1, piece));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, ticked};

    #[test]
    fn what_stands_between_backticks_is_told_apart() {
        for (text, expected) in [
            ("", vec![]),
            ("no name", vec![(false, "no name")]),
            ("`a` is no `b`.", vec![(true, "a"), (false, " is no "), (true, "b"), (false, ".")]),
            ("it's 5` long", vec![(false, "it's 5` long")]),
        ] {
            assert_eq!(ticked(text), expected);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_and_marked() {
        for (text, expected) in [("", ""), ("Zoë", "Zoë"), ("Zoë!", "Zoë…"), ("🚗🚗🚗🚗", "🚗🚗🚗…")]
        {
            assert_eq!(cut(text, 3), expected);
        }
    }
}
