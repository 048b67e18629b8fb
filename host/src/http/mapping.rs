//! `/v1/accounts/{account}/mapping`: what goes where, with the settings that belong to it; trying a change, and making it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, One, one};
use super::bindings::{expected, tagged};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{owner, read};
use crate::app::App;
use crate::deals;
use crate::mapping::{self, Mapping, MappingError, Preview};
use crate::model::access::{Actor, Right};
use crate::model::account::Sign;
use crate::rollout::Enabled;

const SEND: &str = "Send {\"changes\": {\"policies\": {\"phone\": \"always\"}}}.";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(show)).routes(routes!(deals_of_leads));
    let change = OpenApiRouter::new().routes(routes!(preview)).routes(routes!(set));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

impl From<MappingError> for ApiError {
    fn from(error: MappingError) -> Self {
        let text = error.to_string();
        match error {
            MappingError::Fixed(_) => Self::Conflict(text, "Ask support, or change it once that is decided."),
            MappingError::Unknown(_) => Self::BadRequest(text, "Send settings that `GET …/mapping` shows."),
            MappingError::Rollout(error) => error.into(),
            MappingError::Ours(error) => error.into(),
        }
    }
}

/// What goes where, as it is now.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/mapping",
    tag = "Transformations",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "The mapping, with an `ETag`", body = Data<Mapping>)),
    extensions(("x-command" = json!("leadline transform mapping --account acme")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(name): Path<String>) -> Result<Response, ApiError> {
    let (account, connection) = owner(&app, &actor, &name).await?;
    let mapping = mapping::of_connection(&app.store, &account, &connection, None).await?;
    let mapping = mapping::with_samples(&app.store, &account, mapping, actor.sight).await?;
    Ok(tagged(mapping.newest.as_ref(), Data { data: &mapping }))
}

/// The deals that the settings in force make of the last three leads. Nothing is sent.
#[utoipa::path(
    get,
    path = "/v1/accounts/{account}/deals",
    tag = "Transformations",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    responses((status = 200, description = "Lead by lead", body = Data<deals::Preview>)),
    extensions(("x-command" = json!("leadline transform deals --account acme")))
)]
async fn deals_of_leads(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<One<deals::Preview>, ApiError> {
    let (account, connection) = owner(&app, &actor, &name).await?;
    let seen = deals::preview(&app.store, &app.transformer, &account, &connection).await?;
    Ok(one(actor.sight.shown(seen, deals::Preview::masked)))
}

/// Settings of the mapping that are to be others.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChangeMapping)]
#[serde(deny_unknown_fields)]
struct Change {
    /// By name; null goes back to what is usual. What is not named stays as it is.
    changes: Map<String, Value>,
    #[serde(default)]
    reason: String,
}

/// Tries other settings on the last five leads. Nothing is sent.
#[utoipa::path(
    post,
    path = "/v1/accounts/{account}/mapping/preview",
    tag = "Transformations",
    params(("account" = String, Path, description = "Slug or id", example = "acme")),
    request_body(content = Change, example = json!({ "changes": { "policies": { "phone": "always" } } })),
    responses((status = 200, description = "What would change", body = Data<Preview>)),
    extensions(("x-command" = json!("leadline transform mapping --account acme --change FILE")))
)]
async fn preview(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<One<Preview>, ApiError> {
    let asked: Change = read(&body, SEND)?;
    let (account, connection) = owner(&app, &actor, &name).await?;
    let mapping = mapping::of_connection(&app.store, &account, &connection, None).await?;
    let choice = mapping::choose(&app.store, &account, &connection, &mapping, &asked.changes).await?;
    let (clock, by) = (app.clock.clone(), &actor.name);
    let seen = mapping::preview(&app.store, &app.transformer, &connection, &choice, by, move || clock()).await?;
    Ok(one(actor.sight.shown(seen, Preview::masked)))
}

/// Makes other settings count from the next lead on. They are tried on the last leads first.
#[utoipa::path(
    put,
    path = "/v1/accounts/{account}/mapping",
    tag = "Transformations",
    params(
        ("account" = String, Path, description = "Slug or id", example = "acme"),
        ("if-match" = Option<String>, Header, description = "The `ETag` that was seen last: 412 where somebody was quicker")
    ),
    request_body(content = Change, example = json!({ "changes": { "policies": { "phone": "always" } }, "reason": "the widget knows best" })),
    responses((status = 200, description = "What counts now", body = Data<Enabled>)),
    extensions(("x-command" = json!("leadline transform mapping --account acme --change FILE --apply")))
)]
async fn set(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked: Change = read(&body, SEND)?;
    let (account, connection) = owner(&app, &actor, &name).await?;
    let mapping = mapping::of_connection(&app.store, &account, &connection, None).await?;
    let choice = mapping::choose(&app.store, &account, &connection, &mapping, &asked.changes).await?;
    let signed = (Sign::new(actor.name, asked.reason), expected(&headers)?);
    let clock = app.clock.clone();
    let set = mapping::apply(&app.store, &app.transformer, &connection, &choice, signed, || clock()).await?;
    app.wake.plan.notify_one();
    Ok(tagged(set.bindings.last(), Data { data: &set }))
}
