//! Promise 10: tokens and secrets stand nowhere in clear.

use super::Violation;

/// What must not be found, with a name for it that may be printed.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    pub(crate) name: String,
    pub(crate) secret: String,
}

/// Looks for every canary in every place. The secret itself is not told again.
pub(crate) fn check(canaries: &[Canary], places: &[(String, Vec<u8>)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (place, bytes) in places {
        for canary in canaries {
            if let Some(at) = find(bytes, canary.secret.as_bytes()) {
                let expected = format!("{} is nowhere in clear", canary.name);
                violations.push(Violation::new(10, expected, format!("it stands in {place}, at byte {at}")));
            }
        }
    }
    violations
}

/// Where some bytes stand in others.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
