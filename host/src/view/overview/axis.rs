//! A time axis with the leads of each of its steps, and what is drawn along it: of one account, or of all of them.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::hours::Figures;
use crate::model::time::Timestamp;
use crate::picture::deliveries::{Change, Deliveries, Outcomes, Span};
use crate::picture::latency::{Latency, Point, Times};
use crate::store::HourOfLeads;

/// A lead should be in HubSpot by then.
const TARGET: Duration = Duration::from_secs(60);

/// A step of the time axis, with its leads.
pub(in crate::view) struct Step {
    pub from: Timestamp,
    pub until: Timestamp,
    pub figures: Figures,
}

/// The steps between these bounds, each with the hours that begin in it.
pub(in crate::view) fn steps(bounds: &[Timestamp], hours: &[HourOfLeads]) -> Vec<Step> {
    let step = |pair: &[Timestamp]| Step { from: pair[0], until: pair[1], figures: Figures::default() };
    let mut steps: Vec<_> = bounds.windows(2).map(step).collect();
    for one in hours {
        let after = steps.partition_point(|step| step.from <= one.hour);
        let step = after.checked_sub(1).and_then(|index| steps.get_mut(index));
        if let Some(step) = step.filter(|step| one.hour < step.until) {
            step.figures.merge(&one.figures);
        }
    }
    steps
}

/// What became of the leads, with what changed meanwhile. `link` leads to the leads of a step, where there are any.
pub(in crate::view) fn deliveries(
    steps: &[Step],
    changes: Vec<Change>,
    zone: &TimeZone,
    link: impl Fn(&Step) -> Option<String>,
) -> Deliveries {
    let span = |step: &Step| {
        let figures = &step.figures;
        Span {
            from: step.from,
            until: step.until,
            outcomes: Outcomes {
                synced: figures.delivered().saturating_sub(figures.warnings),
                warned: figures.warnings,
                waiting: figures.open(),
                failed: figures.failed + figures.refused,
                skipped: figures.not_sent(),
            },
            href: (figures.received > 0).then(|| link(step)).flatten(),
        }
    };
    Deliveries { zone: zone.clone(), spans: steps.iter().map(span).collect(), changes }
}

/// How long the leads took that were delivered. `link` leads to those of a step, where there are any.
pub(in crate::view) fn latency(steps: &[Step], zone: &TimeZone, link: impl Fn(&Step) -> Option<String>) -> Latency {
    let point = |step: &Step| {
        let took = &step.figures.took;
        let times = took.percentile(0.5).zip(took.percentile(0.95)).map(|(p50, p95)| Times { p50, p95 });
        Point { at: step.from, times, href: times.and_then(|_| link(step)) }
    };
    Latency { zone: zone.clone(), points: steps.iter().map(point).collect(), target: Some(TARGET) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_counts_to_the_step_in_which_it_begins_and_what_has_no_leads_leads_nowhere() {
        let hour = |at, received| HourOfLeads {
            hour: Timestamp(at),
            dealership: None,
            figures: Figures { received, created: received, ..Figures::default() },
        };
        let hours = [hour(-1, 100), hour(0, 1), hour(9, 2), hour(10, 4), hour(30, 100)];
        let steps = steps(&[0, 10, 20, 30].map(Timestamp), &hours);
        let received: Vec<_> = steps.iter().map(|step| step.figures.received).collect();
        assert_eq!(received, [3, 4, 0]);
        let drawn = deliveries(&steps, Vec::new(), &TimeZone::UTC, |step| Some(format!("/logs?from={}", step.from.0)));
        let links: Vec<_> = drawn.spans.iter().map(|span| span.href.as_deref()).collect();
        assert_eq!(links, [Some("/logs?from=0"), Some("/logs?from=10"), None]);
        assert_eq!(drawn.spans[0].outcomes, Outcomes { synced: 3, ..Outcomes::default() });
        let none_took_long = latency(&steps, &TimeZone::UTC, |_| Some("/logs".to_owned()));
        assert!(none_took_long.points.iter().all(|point| point.times.is_none() && point.href.is_none()));
    }
}
