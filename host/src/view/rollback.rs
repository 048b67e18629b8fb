//! A rollback before it is made, as people read it: back to what, how that did, and what would run again.

use super::moment::{grouped, things};
use crate::rollout::Back;
use crate::store::VersionFigures;

/// How a version did, such as "12,430 leads, 0 errors".
pub fn figures(figures: &VersionFigures) -> String {
    let count = |number: u64, one, many| match (number, figures.has_more) {
        (_, true) => format!("at least {} {many}", grouped(number)),
        _ => things(i64::try_from(number).unwrap_or(i64::MAX), one, many),
    };
    match (figures.leads, figures.has_more) {
        (0, false) => "no leads that are remembered".to_owned(),
        _ => format!("{}, {}", count(figures.leads, "lead", "leads"), count(figures.failed, "error", "errors")),
    }
}

/// What would run again, in a sentence.
pub fn waiting(back: &Back) -> String {
    let leads = back.waiting.iter().map(|waiting| waiting.leads).sum();
    match leads {
        0 => "Nothing waits that would run again.".to_owned(),
        1 => "1 lead that waits would run again.".to_owned(),
        _ => format!("{} that wait would run again.", things(leads, "lead", "leads")),
    }
}

/// The same for a terminal.
pub fn lines(back: &Back) -> Vec<String> {
    let first = format!("Back from {} to {}: {}.", back.from, back.to, figures(&back.figures));
    let causes = back.waiting.iter().map(|one| format!("  {:>5}  {}  {}", one.leads, one.code, one.title));
    [first, waiting(back)].into_iter().chain(causes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;
    use crate::model::id::BindingId;
    use crate::rollout::Waiting;

    #[test]
    fn a_rollback_says_to_what_it_leads() {
        let told = |leads, failed, has_more| figures(&VersionFigures { leads, failed, has_more });
        assert_eq!(told(12_430, 0, false), "12,430 leads, 0 errors");
        assert_eq!(told(1, 1, false), "1 lead, 1 error");
        assert_eq!(told(20_000, 3, true), "at least 20,000 leads, at least 3 errors");
        assert_eq!(told(0, 0, false), "no leads that are remembered");
        let waiting = |leads| Waiting { code: Code::TransformTrap, title: "It trapped", leads };
        let mut back = Back {
            from: "deals@7".to_owned(),
            to: "deals@6".to_owned(),
            seen: BindingId::stored("bnd_1".to_owned()),
            figures: VersionFigures { leads: 2, failed: 0, has_more: false },
            waiting: vec![waiting(3)],
        };
        assert_eq!(
            lines(&back),
            [
                "Back from deals@7 to deals@6: 2 leads, 0 errors.",
                "3 leads that wait would run again.",
                "      3  transform.trap  It trapped",
            ]
        );
        back.waiting.clear();
        assert_eq!(super::waiting(&back), "Nothing waits that would run again.");
    }
}
