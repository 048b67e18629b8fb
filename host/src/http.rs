//! The HTTP edge: one file a route group. The only place that knows our status codes is `error`; who may do what is asked
//! in `guard`, and what a request names is found in `reach`.

mod access;
mod accounts;
mod alerts;
mod answer;
mod appearance;
mod assets;
mod bindings;
mod client;
mod connect;
mod connections;
mod cookie;
mod dashboard;
mod deliveries;
mod document;
mod error;
mod etag;
mod event_types;
mod events;
mod guard;
mod health;
mod ingest;
mod issues;
mod lanes;
mod leads;
mod leaving;
mod limit;
mod listen;
mod manual;
mod mapping;
mod operator;
mod overview;
mod page;
mod portal;
mod privacy;
mod processes;
mod quota;
mod reach;
mod repeat;
mod replays;
mod request;
mod reveal;
mod series;
mod shadow;
mod sign_in;
mod stream;
mod suggestions;
mod test_leads;
mod versions;
mod views;
mod waivers;
mod wishes;

use std::sync::Arc;

use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::config::Role;

pub use document::document;
pub use listen::{Limits, serve};

/// The routes of a process with these roles.
pub fn router(app: Arc<App>, roles: &[Role]) -> Router {
    let mut router = Router::new().merge(health::router());
    if roles.contains(&Role::Ingest) {
        router = router.merge(ingest::router().split_for_parts().0);
    }
    if roles.contains(&Role::Web) {
        let (managed, _) = managed().split_for_parts();
        let pages = dashboard::router(&app).split_for_parts().0;
        let web = managed.merge(pages).merge(sign_in::out());
        let known = (app.clone(), Arc::new(limit::Askers::new()));
        let web = web.route_layer(middleware::from_fn_with_state(known, guard::recognise));
        let connect = connect::router()
            .route_layer(middleware::from_fn_with_state(app.clone(), guard::unless_read_only))
            .layer(middleware::from_fn_with_state(app.clone(), dashboard::as_page));
        let web = web.merge(connect).merge(sign_in::router()).merge(document::router());
        // What senders of events are told is short; what people read is not.
        router = router.merge(web.merge(assets::router()).layer(CompressionLayer::new()));
    }
    let mut router = router.fallback(error::no_route).method_not_allowed_fallback(error::no_method);
    if page::is_secure(&app) {
        router = router.layer(middleware::map_response(page::over_tls));
    }
    router
        .layer(middleware::from_fn(leaving::announce))
        .layer(middleware::from_fn_with_state(app.clone(), request::identify))
        .with_state(app)
}

/// Everything that manages hangs here, each route behind the right that it needs.
fn managed() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(access::router())
        .merge(accounts::router())
        .merge(alerts::router())
        .merge(bindings::router())
        .merge(connections::router())
        .merge(deliveries::router())
        .merge(events::router())
        .merge(lanes::router())
        .merge(leads::router())
        .merge(mapping::router())
        .merge(overview::router())
        .merge(operator::router())
        .merge(issues::router())
        .merge(portal::router())
        .merge(privacy::router())
        .merge(processes::router())
        .merge(quota::router())
        .merge(replays::router())
        .merge(series::router())
        .merge(reveal::router())
        .merge(shadow::router())
        .merge(test_leads::router())
        .merge(stream::router())
        .merge(suggestions::router())
        .merge(versions::router())
        .merge(views::router())
        .merge(waivers::router())
        .merge(event_types::router())
        .merge(wishes::router())
        .layer(middleware::map_response(error::as_problem))
}
