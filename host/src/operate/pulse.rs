//! What this process counted over the last day: a sample a minute, in memory. It is for people who look, so it is lost when
//! the process ends; who wants more reads the metrics.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::numbers::{Numbers, grown, percentile_millis};
use crate::model::time::Timestamp;
use crate::signature;

/// How often somebody takes a sample.
pub const BEAT: Duration = Duration::from_secs(60);
/// Samples that are kept: a day.
const KEPT: usize = 24 * 60;
/// Rates are those of the last minutes: fewer jump about, more are late.
const RATE_OVER: Duration = Duration::from_secs(5 * 60);

/// One moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    /// How long the oldest lead has been due.
    pub oldest_due: Duration,
    counted: Counters,
}

/// What was counted since the process began.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counters {
    received: u64,
    bad_signatures: u64,
    refused: u64,
    delivered: u64,
    failed: u64,
    stopped_runs: u64,
    calls: u64,
    too_many: u64,
    /// Of calls to HubSpot, in seconds.
    waited: Vec<(f64, u64)>,
}

impl Sample {
    /// From what the metrics say.
    pub fn of(text: &str, oldest_due: Duration, at: Timestamp) -> Self {
        let numbers = Numbers::read(text);
        let rejected = |class: &str| numbers.sum_of("leadline_requests_rejected_total", "class", class);
        let bad_signatures = signature::UNVERIFIED.into_iter().map(rejected).sum();
        let settled = |state: &str| numbers.sum_of("leadline_deliveries_settled_total", "state", state);
        let counted = Counters {
            received: numbers.sum_of("leadline_events_received_total", "result", "new"),
            bad_signatures,
            refused: numbers.sum("leadline_requests_rejected_total").saturating_sub(bad_signatures),
            delivered: settled("delivered"),
            failed: settled("failed"),
            stopped_runs: numbers.sum("leadline_transform_failures_total"),
            calls: numbers.sum("leadline_hubspot_calls_total"),
            too_many: numbers.sum_of("leadline_hubspot_calls_total", "status", "429"),
            waited: numbers.buckets("leadline_hubspot_call_seconds"),
        };
        Self { at, oldest_due, counted }
    }
}

/// What this process did in the last minutes.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Lately {
    /// Over so many seconds.
    pub seconds: u64,
    /// Events that were stored, and deliveries that ended, in that time.
    pub received: u64,
    pub delivered: u64,
    pub failed: u64,
    /// Of the deliveries that ended; none where none did.
    pub success_percent: Option<f64>,
    /// Requests that were turned away: because of their signature, and for other reasons.
    pub bad_signatures: u64,
    pub refused: u64,
    /// Runs of transformations that trapped or went over a limit.
    pub stopped_runs: u64,
    pub calls: u64,
    /// Calls that HubSpot answered with 429.
    pub too_many: u64,
    /// Of a call to HubSpot; none where there was none, or it took longer than is measured.
    pub call_p50_ms: Option<u64>,
    pub call_p95_ms: Option<u64>,
}

/// The samples of this process.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<VecDeque<Sample>>);

impl Pulse {
    /// Takes a sample in.
    pub fn add(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// How long the oldest lead was due, sample by sample.
    pub fn ages(&self) -> Vec<(Timestamp, Duration)> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().map(|sample| (sample.at, sample.oldest_due)).collect()
    }

    /// What was done between a sample of some minutes ago, or the process's start, and this one.
    pub fn lately(&self, now: &Sample, started_at: Timestamp) -> Lately {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = now.at - RATE_OVER;
        let begin = Counters::default();
        let before = samples.iter().rev().find(|sample| sample.at <= from);
        let (since, before) = before.map_or((started_at, &begin), |sample| (sample.at, &sample.counted));
        between(before, &now.counted, now.at.since(since))
    }
}

fn between(before: &Counters, now: &Counters, time: Duration) -> Lately {
    let (delivered, failed) =
        (now.delivered.saturating_sub(before.delivered), now.failed.saturating_sub(before.failed));
    let ended = delivered + failed;
    let waited = grown(&before.waited, &now.waited);
    Lately {
        seconds: time.as_secs(),
        received: now.received.saturating_sub(before.received),
        delivered,
        failed,
        success_percent: (ended > 0).then(|| (delivered as f64 / ended as f64 * 1000.0).round() / 10.0),
        bad_signatures: now.bad_signatures.saturating_sub(before.bad_signatures),
        refused: now.refused.saturating_sub(before.refused),
        stopped_runs: now.stopped_runs.saturating_sub(before.stopped_runs),
        calls: now.calls.saturating_sub(before.calls),
        too_many: now.too_many.saturating_sub(before.too_many),
        call_p50_ms: percentile_millis(&waited, 0.5),
        call_p95_ms: percentile_millis(&waited, 0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    fn sample(minute: u64, received: u64, delivered: u64, failed: u64) -> Sample {
        let at = NOON + BEAT * u32::try_from(minute).unwrap();
        let counted = Counters { received, delivered, failed, ..Counters::default() };
        Sample { at, oldest_due: Duration::ZERO, counted }
    }

    #[test]
    fn rates_are_those_of_the_last_minutes() {
        let pulse = Pulse::default();
        let now = sample(7, 100, 90, 1);
        let since_start = pulse.lately(&now, NOON);
        assert_eq!((since_start.seconds, since_start.received), (420, 100), "nobody took a sample yet");
        for minute in 0..7 {
            pulse.add(sample(minute, minute * 10, minute * 10, 0));
        }
        let lately = pulse.lately(&now, NOON);
        assert_eq!((lately.seconds, lately.received, lately.delivered, lately.failed), (300, 80, 70, 1));
        assert_eq!(lately.success_percent, Some(98.6));
    }

    #[test]
    fn no_more_than_a_day_is_kept() {
        let pulse = Pulse::default();
        (0..2000).for_each(|minute| pulse.add(sample(minute, minute, 0, 0)));
        let ages = pulse.ages();
        assert_eq!((ages.len(), ages[0].0), (KEPT, sample(560, 0, 0, 0).at));
    }

    #[test]
    fn a_sample_tells_bad_signatures_from_other_refusals() {
        let text = "\
leadline_requests_rejected_total{class=\"forged\"} 3
leadline_requests_rejected_total{class=\"stale\"} 2
leadline_requests_rejected_total{class=\"schema\"} 4
leadline_events_received_total{result=\"new\"} 9
leadline_events_received_total{result=\"duplicate\"} 1
";
        let sample = Sample::of(text, Duration::ZERO, NOON);
        let counted = sample.counted;
        assert_eq!((counted.bad_signatures, counted.refused, counted.received), (5, 4, 9));
    }
}
