//! The HTTP edge: one file a route group. The only place that knows our status codes is `error`.

mod error;
mod health;
mod ingest;
mod portal;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// Every route of the service.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(ingest::router())
        .merge(health::router())
        .merge(portal::router())
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .with_state(app)
}
