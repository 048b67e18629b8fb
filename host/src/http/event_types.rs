//! `/v1/event-types`: what there is to send, and what is in it.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::List;
use super::guard::needing;
use crate::app::App;
use crate::model::access::Right;
use crate::view::event_types::{self, Entry};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    needing(Right::Read, OpenApiRouter::new().routes(routes!(list)))
}

/// Every event type: its schema, a sample, its version and when it ends, and whether it can be chosen yet.
#[utoipa::path(
    get,
    path = "/v1/event-types",
    tag = "Events",
    responses((status = 200, description = "The catalogue", body = List<Entry>)),
    extensions(("x-command" = json!("leadline event types")))
)]
async fn list() -> List<Entry> {
    List::whole(event_types::catalogue())
}
