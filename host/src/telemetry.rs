//! Logs and metrics: set up once, by the binary.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::Config;
use crate::operate::lines::Keeping;

/// Upper bounds of the histograms of seconds: from a guest's run to a slow portal.
const SECONDS: [f64; 14] =
    [0.000_025, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// What each counter says, for whoever reads `/metrics`.
const COUNTERS: [(&str, &str); 14] = [
    ("leadline_events_received_total", "events at the door, by what they came to"),
    ("leadline_requests_rejected_total", "refused requests, by class"),
    ("leadline_rejections_unrecorded_total", "refused requests that came too fast to be listed one by one"),
    ("leadline_events_planned_total", "planned events, by outcome"),
    ("leadline_deliveries_settled_total", "settled deliveries, by state"),
    ("leadline_hubspot_calls_total", "calls to HubSpot, by operation and status"),
    ("leadline_transform_failures_total", "runs of transformations that trapped or went over a limit, by code"),
    ("leadline_breakers_total", "versions that failed too often, by what was done"),
    ("leadline_artifacts_refused_total", "files of compiled code that are not what we compiled"),
    ("leadline_token_calls_total", "calls about tokens, by what they came to"),
    ("leadline_reconnects_required_total", "connections that have to be made again, by code"),
    ("leadline_connects_stopped_total", "pages that said why nothing was connected, by status"),
    ("leadline_commit_groups_failed_total", "groups of events that could not be stored, and were not acknowledged"),
    ("leadline_connections_let_go_total", "silent connections that were ended to make room for others"),
];
const GAUGES: [(&str, &str); 5] = [
    ("leadline_store_log_bytes", "what SQLite's log holds that is not in the file yet"),
    ("leadline_store_up", "whether the database answers; set when that changes"),
    ("leadline_clock_skew_seconds", "how far this clock is ahead of the database's at least"),
    ("leadline_versions_loaded_bytes", "what the versions of transformations in memory take"),
    ("leadline_streams", "who watches leads as they come"),
];
const HISTOGRAMS: [(&str, &str); 4] = [
    ("leadline_hubspot_call_seconds", "time until HubSpot answered a call, or did not"),
    ("leadline_transform_seconds", "time of one run of a transformation"),
    ("leadline_commit_group_events", "events in one commit at the door"),
    ("leadline_store_group_writes", "writes of all kinds in one commit, on SQLite"),
];

/// Sends log lines to stderr, and keeps the last ones. Harmless when it is called again.
///
/// # Errors
/// When the filter cannot be read.
pub fn init_logs(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if config.log_json { lines.json().boxed() } else { lines.boxed() };
    let set = tracing_subscriber::registry().with(filter).with(lines).with(Keeping).try_init();
    // A second set-up in one process keeps the first: tests start many services.
    set.or(Ok(()))
}

/// Starts counting. The handle renders what Prometheus reads; without one, nothing is counted.
pub fn init_metrics() -> Option<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS).ok()?;
    let handle = builder.install_recorder().ok()?;
    for (name, meaning) in COUNTERS {
        metrics::describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES {
        metrics::describe_gauge!(name, meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        metrics::describe_histogram!(name, meaning);
    }
    Some(handle)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The names that stand right after a macro in the sources below a folder.
    fn named(folder: &Path, macro_name: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                named(&entry, macro_name, found);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                let call = format!("metrics::{macro_name}!(");
                let after = text.split(&call).skip(1);
                let quoted = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                found.extend(quoted.map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_metric_is_described_and_nothing_else() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let kinds: [(&str, &[(&str, &str)]); 3] =
            [("counter", &COUNTERS), ("gauge", &GAUGES), ("histogram", &HISTOGRAMS)];
        for (kind, described) in kinds {
            let mut used = Vec::new();
            named(&source, kind, &mut used);
            used.sort();
            used.dedup();
            let mut told: Vec<_> = described.iter().map(|(name, _)| (*name).to_owned()).collect();
            told.sort();
            assert_eq!(used, told, "{kind}");
        }
    }
}
