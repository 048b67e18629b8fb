//! The HTTP edge: one file a route group. The only place that knows our status codes is `error`.

mod bindings;
mod connect;
mod connections;
mod error;
mod guard;
mod health;
mod ingest;
mod lanes;
mod listen;
mod page;
mod portal;
mod quota;
mod replays;
mod shadow;
mod versions;

use std::sync::Arc;

use axum::{Router, middleware};

use crate::app::App;
use crate::config::Role;

pub use listen::{Limits, serve};

/// The routes of a process with these roles.
pub fn router(app: Arc<App>, roles: &[Role]) -> Router {
    let mut router = Router::new().merge(health::router());
    if roles.contains(&Role::Ingest) {
        router = router.merge(ingest::router());
    }
    if roles.contains(&Role::Web) {
        // Everything that manages hangs here, so that nothing of it is open by mistake.
        let managed = Router::new()
            .merge(connections::router())
            .merge(portal::router())
            .merge(bindings::router())
            .merge(shadow::router())
            .merge(replays::router())
            .merge(lanes::router())
            .merge(quota::router())
            .merge(versions::router())
            .route_layer(middleware::from_fn_with_state(app.clone(), guard::operator_only));
        router = router.merge(managed).merge(connect::router());
    }
    router.fallback(error::no_route).method_not_allowed_fallback(error::no_method).with_state(app)
}
