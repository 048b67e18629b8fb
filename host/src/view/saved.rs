//! Saved views: what a filter needs to be saved under a name.

use super::logs::Query;

/// Characters of a name: what a row of links has room for.
const NAME_CHARS_MAX: usize = 60;

/// Why a filter cannot be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitView {
    #[error("a view has a name of 1 to {NAME_CHARS_MAX} characters, in one line")]
    Name,
    #[error("the view filters nothing")]
    Empty,
    #[error("`{1}` is no {0} to filter by")]
    Wrong(&'static str, String),
}

impl UnfitView {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Name => "Give it a short name.",
            Self::Empty => "Filter the list first, then save the filter.",
            Self::Wrong(..) => "Correct the filter.",
        }
    }
}

/// The name and the query of a view, as they are stored: nothing around the name, and the filter without a page.
///
/// # Errors
/// When it cannot be saved.
pub fn checked(name: &str, query: &str) -> Result<(String, String), UnfitView> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(UnfitView::Name);
    }
    let query = Query::decoded(query.trim_start_matches('?'));
    if let Some((field, value)) = query.wrong() {
        return Err(UnfitView::Wrong(field, value.to_owned()));
    }
    match query.at(None, None) {
        filter if filter.is_empty() => Err(UnfitView::Empty),
        filter => Ok((name.to_owned(), filter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_a_name_and_filters_something() {
        let saved = |name: &str, query: &str| Ok((name.to_owned(), query.to_owned()));
        for (name, query, expected) in [
            (" Failed ", "?outcome=failed&before=evt_1", saved("Failed", "outcome=failed")),
            ("", "outcome=failed", Err(UnfitView::Name)),
            ("a\nb", "outcome=failed", Err(UnfitView::Name)),
            ("All", "before=evt_1&odd=1", Err(UnfitView::Empty)),
            ("Odd", "outcome=odd", Err(UnfitView::Wrong("outcome", "odd".to_owned()))),
        ] {
            assert_eq!(checked(name, query), expected, "{name:?} {query}");
        }
        assert_eq!(checked(&"x".repeat(61), "text=maya"), Err(UnfitView::Name));
    }
}
