//! What an operator looks after, for programs: the service as a whole, its sandboxes, its keys, its configuration, and the
//! requests that it turned away. Nothing of it belongs to one account.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, PAGE_MAX, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::house;
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::time::Timestamp;
use crate::operate::fleet::{self, Fleet};
use crate::operate::guests::{self, Guests};
use crate::operate::keys::{self, Keys};
use crate::operate::system::{self, System};
use crate::store::{Rejection, RejectionFilter};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let operate = OpenApiRouter::new()
        .routes(routes!(show_fleet))
        .routes(routes!(show_guests))
        .routes(routes!(show_keys))
        .routes(routes!(show_system))
        .routes(routes!(rejected));
    needing(Right::Operate, operate)
}

/// How the service is: what comes in, what is due, how HubSpot answers, which accounts are in trouble.
#[utoipa::path(
    get,
    path = "/v1/fleet",
    tag = "Operating",
    responses((status = 200, description = "The service as a whole", body = Data<Fleet>)),
    extensions(("x-command" = json!("leadline fleet")))
)]
async fn show_fleet(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Fleet>, ApiError> {
    house(&actor)?;
    Ok(one(fleet::of_service(&app, (app.clock)()).await?))
}

/// What the newest runs of transformations used, which versions fail, and the classes of quota.
#[utoipa::path(
    get,
    path = "/v1/guests",
    tag = "Operating",
    responses((status = 200, description = "The sandboxes", body = Data<Guests>)),
    extensions(("x-command" = json!("leadline transform figures")))
)]
async fn show_guests(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Guests>, ApiError> {
    house(&actor)?;
    Ok(one(guests::gather(&app.store).await?))
}

/// The key ring and how far a rotation has come, the HubSpot app, and the ages of sources' secrets. No key and no secret.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "Operating",
    responses((status = 200, description = "Keys and app", body = Data<Keys>)),
    extensions(("x-command" = json!("leadline keys show")))
)]
async fn show_keys(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Keys>, ApiError> {
    house(&actor)?;
    Ok(one(keys::gather(&app, (app.clock)()).await?))
}

/// Build, database and configuration of the process that answers; each value with where it comes from. No secret.
#[utoipa::path(
    get,
    path = "/v1/system",
    tag = "Operating",
    responses((status = 200, description = "The system", body = Data<System>)),
    extensions(("x-command" = json!("leadline config print")))
)]
async fn show_system(State(app): State<Arc<App>>, actor: Actor) -> Result<One<System>, ApiError> {
    house(&actor)?;
    Ok(one(system::gather(&app).await?))
}

/// Which refused requests are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those to this source; `unknown` stands for addresses that no source has.
    source: Option<String>,
    /// Only those of this class, such as `forged` or `stale`.
    class: Option<String>,
}

/// A request that was turned away, without its body.
#[derive(Serialize, ToSchema)]
struct Refused {
    source_id: String,
    at: Timestamp,
    class: String,
    detail: String,
    /// The event's id at its sender.
    sender_id: Option<String>,
    bytes: i64,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let Rejection { source_id, at, class, detail, sender_id, bytes, .. } = rejection;
        Self { source_id, at, class, detail, sender_id, bytes }
    }
}

/// The newest requests that were refused, of all sources. The list is cut there, and has one page.
#[utoipa::path(
    get,
    path = "/v1/rejected",
    tag = "Operating",
    params(Wanted),
    responses((status = 200, description = "The refused requests", body = List<Refused>)),
    extensions(("x-command" = json!("leadline source rejected")))
)]
async fn rejected(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(wanted): Query<Wanted>,
) -> Result<List<Refused>, ApiError> {
    house(&actor)?;
    let filter = RejectionFilter { source: wanted.source, class: wanted.class, limit: PAGE_MAX };
    let rejections = app.store.rejections_that_fit(&filter).await?;
    Ok(List::whole(rejections.into_iter().map(Refused::from).collect()))
}
