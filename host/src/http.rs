//! The HTTP edge: one file a route group. The only place that knows our status codes is `error`.

mod connect;
mod connections;
mod error;
mod guard;
mod health;
mod ingest;
mod page;
mod portal;

use std::sync::Arc;

use axum::{Router, middleware};

use crate::app::App;

/// Every route of the service.
pub fn router(app: Arc<App>) -> Router {
    // Everything that manages hangs here, so that nothing of it is open by mistake.
    let managed = Router::new()
        .merge(connections::router())
        .merge(portal::router())
        .route_layer(middleware::from_fn_with_state(app.clone(), guard::operator_only));
    Router::new()
        .merge(managed)
        .merge(connect::router())
        .merge(ingest::router())
        .merge(health::router())
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .with_state(app)
}
