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
    metrics::describe_counter!("leadline_events_received_total", "events at the door, by what they came to");
    metrics::describe_counter!("leadline_requests_rejected_total", "refused requests, by class");
    metrics::describe_counter!("leadline_events_planned_total", "planned events, by outcome");
    metrics::describe_counter!("leadline_deliveries_settled_total", "settled deliveries, by state");
    metrics::describe_counter!("leadline_hubspot_calls_total", "calls to HubSpot, by operation and status");
    metrics::describe_histogram!("leadline_hubspot_call_seconds", "time until HubSpot answered a call, or did not");
    metrics::describe_counter!(
        "leadline_transform_failures_total",
        "runs of transformations that trapped or went over a limit, by code"
    );
    metrics::describe_counter!("leadline_token_calls_total", "calls about tokens, by what they came to");
    metrics::describe_counter!("leadline_reconnects_required_total", "connections that have to be made again, by code");
    metrics::describe_counter!(
        "leadline_connects_stopped_total",
        "pages that said why nothing was connected, by status"
    );
    metrics::describe_counter!(
        "leadline_commit_groups_failed_total",
        "groups of events that could not be stored, and were not acknowledged"
    );
    metrics::describe_counter!(
        "leadline_connections_let_go_total",
        "silent connections that were ended to make room for others"
    );
    metrics::describe_gauge!("leadline_store_log_bytes", "what SQLite's log holds that is not in the file yet");
    metrics::describe_gauge!("leadline_store_up", "whether the database answers; set when that changes");
    metrics::describe_gauge!("leadline_clock_skew_seconds", "how far this clock is ahead of the database's at least");
    metrics::describe_histogram!("leadline_transform_seconds", "time of one run of a transformation");
    metrics::describe_histogram!("leadline_commit_group_events", "events in one commit at the door");
    Some(handle)
}
