//! What an operator looks after, for programs: the service as a whole, its sandboxes, its keys, its configuration, its log,
//! and the requests that it turned away. Nothing of it belongs to one account.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Data, List, One, Page, one};
use super::error::ApiError;
use super::guard::needing;
use super::reach::house;
use crate::app::App;
use crate::model::access::{Actor, Right};
use crate::model::id::RejectionId;
use crate::model::time::Timestamp;
use crate::operate::bundle::{self, Bundle};
use crate::operate::doctor::{self, Check};
use crate::operate::fleet;
use crate::operate::guests::{self, Guests};
use crate::operate::keys::{self, Begun, Keys};
use crate::operate::lines::{self, LINES_KEPT, Level, Line};
use crate::operate::system::{self, System};
use crate::store::{Rejection, RejectionFilter};
use crate::view::operator::leads::FleetWithLeads;

/// Lines of the log that are listed where nobody says otherwise.
const LINES_DEFAULT: usize = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let operate = OpenApiRouter::new()
        .routes(routes!(show_fleet))
        .routes(routes!(show_guests))
        .routes(routes!(show_keys))
        .routes(routes!(rotate_keys))
        .routes(routes!(prune_keys))
        .routes(routes!(show_system))
        .routes(routes!(check))
        .routes(routes!(bundle))
        .routes(routes!(log))
        .routes(routes!(rejected));
    needing(Right::Operate, operate)
}

/// How the service is: what comes in and becomes of it, what is due, how HubSpot answers, which accounts are in trouble.
#[utoipa::path(
    get,
    path = "/v1/fleet",
    tag = "Operating",
    responses((status = 200, description = "The service as a whole", body = Data<FleetWithLeads>)),
    extensions(("x-command" = json!("leadline fleet")))
)]
async fn show_fleet(State(app): State<Arc<App>>, actor: Actor) -> Result<One<FleetWithLeads>, ApiError> {
    house(&actor)?;
    let now = (app.clock)();
    let window = FleetWithLeads::window(now);
    let leads = fleet::leads_of_all(&app.store, (window.from, window.until)).await?;
    Ok(one(FleetWithLeads::of(fleet::of_service(&app, now).await?, &leads, now)))
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

/// Puts a new key first and seals everything again with it, beside the work of the service; goes on, where an earlier
/// rotation was interrupted.
///
/// The answer comes at once. `GET /v1/keys` says how far it is; while `values_left` is more than 0 and none is running, this
/// goes on with it. Copy the key ring to the other machines at once: what is sealed from now on they cannot open without it.
#[utoipa::path(
    post,
    path = "/v1/keys/rotate",
    tag = "Operating",
    responses(
        (status = 200, description = "Keys and app, with how far the rotation is", body = Data<Keys>),
        (status = 409, description = "A rotation is under way"),
    ),
    extensions(("x-command" = json!("leadline keys rotate")))
)]
async fn rotate_keys(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Keys>, ApiError> {
    house(&actor)?;
    match keys::rotate(&app).await? {
        Begun::New(_) | Begun::GoesOn => Ok(one(keys::gather(&app, (app.clock)()).await?)),
        Begun::Running => {
            Err(ApiError::Conflict("a rotation is under way".to_owned(), "`GET /v1/keys` says how far it is."))
        }
    }
}

/// Takes the keys out of the ring that seal nothing, but for the first. Backups that were made before still need them.
#[utoipa::path(
    post,
    path = "/v1/keys/prune",
    tag = "Operating",
    responses((status = 200, description = "The ids of the keys that were taken out", body = Data<Vec<String>>)),
    extensions(("x-command" = json!("leadline keys prune")))
)]
async fn prune_keys(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Vec<String>>, ApiError> {
    house(&actor)?;
    Ok(one(app.store.prune_keys().await?))
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

/// Whether the service can do its work, check by check, with what to do where it cannot.
#[utoipa::path(
    get,
    path = "/v1/doctor",
    tag = "Operating",
    responses((status = 200, description = "The checks", body = List<Check>)),
    extensions(("x-command" = json!("leadline doctor")))
)]
async fn check(State(app): State<Arc<App>>, actor: Actor) -> Result<List<Check>, ApiError> {
    house(&actor)?;
    Ok(List::whole(doctor::of_service(&app, (app.clock)()).await))
}

/// What somebody is given who helps from afar: how the service is set, how it is, what it does and what it said lately. No
/// person, no secret, no token and no body of an event is in it.
#[utoipa::path(
    get,
    path = "/v1/bundle",
    tag = "Operating",
    responses((status = 200, description = "The support bundle", body = Data<Bundle>)),
    extensions(("x-command" = json!("leadline bundle")))
)]
async fn bundle(State(app): State<Arc<App>>, actor: Actor) -> Result<One<Value>, ApiError> {
    house(&actor)?;
    Ok(one(bundle::of_service(&app, (app.clock)()).await?))
}

/// Which lines of the log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// So many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Those that matter at least so much.
    #[param(inline)]
    level: Option<Level>,
}

/// The last lines of the log of the process that answers, the newest first. It keeps 500, in memory, of those that `--log`
/// lets through.
#[utoipa::path(
    get,
    path = "/v1/log",
    tag = "Operating",
    params(Lines),
    responses((status = 200, description = "The lines", body = List<Line>)),
    extensions(("x-command" = json!("leadline log tail")))
)]
async fn log(actor: Actor, Query(wanted): Query<Lines>) -> Result<List<Line>, ApiError> {
    house(&actor)?;
    let limit = wanted.limit.unwrap_or(LINES_DEFAULT);
    if !(1..=LINES_KEPT).contains(&limit) {
        let text = format!("{LINES_KEPT} lines are kept, so `limit` is from 1 to {LINES_KEPT}, not {limit}");
        return Err(ApiError::BadRequest(text, "Ask for fewer."));
    }
    Ok(List::whole(lines::last(wanted.level.unwrap_or(Level::Trace), limit)))
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
    id: RejectionId,
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
        let Rejection { id, source_id, at, class, detail, sender_id, bytes, .. } = rejection;
        Self { id, source_id, at, class, detail, sender_id, bytes }
    }
}

/// The requests that were refused, of all sources, newest first. The last thousand of each source are kept.
#[utoipa::path(
    get,
    path = "/v1/rejected",
    tag = "Operating",
    params(Wanted, answer::Wanted),
    responses((status = 200, description = "The refused requests", body = List<Refused>)),
    extensions(("x-command" = json!("leadline source rejected")))
)]
async fn rejected(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(wanted): Query<Wanted>,
    page: Page,
) -> Result<List<Refused>, ApiError> {
    house(&actor)?;
    let (older_than, after) = page.ends()?;
    let Wanted { source, class } = wanted;
    let filter = RejectionFilter { source, class, older_than, after, limit: page.read_max() };
    let rejections = app.store.rejections_that_fit(&filter).await?;
    Ok(page.of_read(rejections.into_iter().map(Refused::from).collect(), |refused: &Refused| refused.id.as_str()))
}
