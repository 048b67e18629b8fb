//! Values that must be one of a drop-down's options.

use super::text;
use crate::settings::Texts;

/// HubSpot's own options of a lead status. A portal may have changed them, which is what the account's
/// map is for.
const STATUSES: [&str; 8] =
    ["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"];

/// The options of `lead_priority`.
pub const PRIORITIES: [&str; 3] = ["high", "medium", "low"];

/// The portal's option for a lead's status: by the account's map, else HubSpot's own option of that
/// name ("in progress" is `IN_PROGRESS`).
pub fn status(status: &str, map: &Texts<'_>) -> Option<String> {
    if let Some(option) = map.get_ignoring_case(status) {
        return Some(option.into());
    }
    let like = |option: &&&str| {
        let words = status.trim_ascii().bytes().map(|byte| match byte {
            b' ' | b'-' => b'_',
            byte => byte.to_ascii_uppercase(),
        });
        words.eq(option.bytes())
    };
    STATUSES.iter().find(like).map(|&option| option.into())
}

/// `high`, `medium` or `low`, by the account's map or as it came, in any case.
pub fn priority(priority: &str, map: &Texts<'_>) -> Option<&'static str> {
    let priority = map.get_ignoring_case(priority).unwrap_or(priority).trim_ascii();
    text::one_of(&PRIORITIES, priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_an_option() {
        let map = Texts::from([("hot", "CONNECTED"), ("open", "WARM_LEAD")]);
        for (typed, expected) in [
            ("new", Some("NEW")),
            (" New ", Some("NEW")),
            ("in_progress", Some("IN_PROGRESS")),
            ("In progress", Some("IN_PROGRESS")),
            ("bad-timing", Some("BAD_TIMING")),
            ("HOT", Some("CONNECTED")),
            ("open", Some("WARM_LEAD")),
            ("lukewarm", None),
            ("", None),
        ] {
            assert_eq!(status(typed, &map).as_deref(), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_priority_is_high_medium_or_low() {
        let map = Texts::from([("Hot", "high"), ("low", "medium"), ("cold", "freezing")]);
        for (typed, expected) in [
            ("high", Some("high")),
            (" HIGH ", Some("high")),
            ("Medium", Some("medium")),
            ("hot", Some("high")),
            ("low", Some("medium")),
            ("cold", None),
            ("urgent", None),
            ("", None),
        ] {
            assert_eq!(priority(typed, &map), expected, "{typed:?}");
        }
    }
}
