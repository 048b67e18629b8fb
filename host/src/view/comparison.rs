//! What a comparison came to, lead by lead, as a picture.

use std::collections::BTreeSet;

use crate::comparison::Report;
use crate::model::id::EventId;
use crate::picture::dots::{Dot, Dots, Verdict};
use crate::picture::{Drawn, drawn};

/// A dot for each lead; those that the report names lead to their pages. `logs` is the address of the list of leads.
pub fn dots(report: &Report, logs: &str) -> Drawn {
    let failed: BTreeSet<_> = report.failures.iter().flat_map(|failure| &failure.events).collect();
    let changed = report.changes.iter().flat_map(|change| &change.events);
    let changed = changed.chain(report.outcomes.iter().flat_map(|outcome| &outcome.events));
    let changed: BTreeSet<_> = changed.filter(|event| !failed.contains(event)).collect();
    let mut leads = group(report.failed, &failed, Verdict::Failed, logs);
    leads.extend(group(report.changed, &changed, Verdict::Changed, logs));
    leads.extend(group(report.same, &BTreeSet::new(), Verdict::Same, logs));
    drawn("compared", &Dots { leads })
}

fn group(number: u64, named: &BTreeSet<&EventId>, verdict: Verdict, logs: &str) -> Vec<Dot> {
    let mut named = named.iter();
    let dot = |index: u64| match named.next() {
        Some(event) => Dot { name: event.to_string(), verdict, href: Some(format!("{logs}/{event}")) },
        None => Dot { name: format!("lead {}", index + 1), verdict, href: None },
    };
    (0..number).map(dot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::ChangeCount;

    #[test]
    fn each_lead_has_a_dot_and_those_that_are_named_a_link() {
        let change = ChangeCount {
            action: "deal".to_owned(),
            part: Some("dealname".to_owned()),
            how: "changed".to_owned(),
            leads: 2,
            events: vec![EventId::stored("evt_1".to_owned())],
        };
        let report = Report { events: 5, same: 3, changed: 2, changes: vec![change], ..Report::default() };
        let drawn = dots(&report, "/accounts/acme/logs");
        assert!(drawn.wide.contains("/accounts/acme/logs/evt_1"), "{}", drawn.wide);
        let rows: Vec<_> = drawn.table.rows.iter().map(|row| row.join(" ")).collect();
        assert_eq!(
            rows,
            ["All same 3 · 60%", "All changed 2 · 40%", "All failed 0 · 0%", "evt_1 changed", "lead 2 changed"]
        );
    }
}
