//! For machines that look after us: alive, ready, and the numbers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::app::App;
use crate::store::Room;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can do its work: the store answers, its disk has room, the clock agrees with the store's, and nobody told it
/// to take no more lanes.
async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let trouble = if !app.store.answers() || app.store.ping().await.is_err() {
        Some("the store does not answer".to_owned())
    } else if app.store.room() == Room::Reserve {
        Some("the disk has less room than its reserve".to_owned())
    } else {
        app.clock_watch.disagreement().or_else(|| app.process.draining())
    };
    match trouble {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")),
    }
}

/// The numbers, as Prometheus reads them.
async fn metrics(State(app): State<Arc<App>>) -> String {
    app.metrics.as_ref().map_or_else(String::new, metrics_exporter_prometheus::PrometheusHandle::render)
}
