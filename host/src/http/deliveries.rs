//! `/v1/deliveries`: events on their way to HubSpot, each by itself, with its calls and what took its time.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Data, List, One, Page, Wanted, one, unknown};
use super::error::ApiError;
use super::guard::needing;
use super::leads::reading;
use super::reach::{account_or_all, shown_event};
use crate::app::App;
use crate::model::access::{Actor, Right, Sight};
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::DeliveryId;
use crate::store::{DeliveryFilter, ShownEvent};
use crate::view::delivery::{self, Trace};
use crate::view::lead::Call;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read =
        OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(calls)).routes(routes!(trace));
    needing(Right::Read, read)
}

/// Which deliveries are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Slug or id.
    #[param(example = "acme")]
    account: Option<String>,
    /// Only those in this state.
    state: Option<DeliveryState>,
    /// Only those of this event, by its id.
    event: Option<String>,
}

/// Deliveries, newest first.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    tag = "Deliveries",
    params(Filter, Wanted),
    responses((status = 200, description = "The deliveries", body = List<Delivery>)),
    extensions(("x-command" = json!("leadline delivery list --account acme --state failed")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(filter): Query<Filter>,
    page: Page,
) -> Result<List<Delivery>, ApiError> {
    let account = account_or_all(&app, &actor, filter.account.as_deref()).await?.map(|account| account.id);
    if let Some(event) = &filter.event {
        let event = shown_event(&app, &actor, event).await?.event;
        let mut all = app.store.deliveries_of_event(&event, filter.state).await?;
        all.retain(|one| account.as_ref().is_none_or(|account| one.account_id == *account));
        return page.of(seen_by(&actor, all), |one| one.id.as_str());
    }
    let (older_than, after) = page.ends()?;
    if let Some(cursor) = older_than.as_ref().or(after.as_ref()) {
        let there = app.store.find_delivery(cursor).await?.filter(|one| actor.reaches(&one.account_id));
        there.ok_or_else(|| unknown(cursor.as_str()))?;
    }
    let filter = DeliveryFilter { account, state: filter.state, after, older_than, limit: page.read_max() };
    let read = seen_by(&actor, app.store.deliveries(&filter).await?);
    Ok(page.of_read(read, |one: &Delivery| one.id.as_str()))
}

/// What somebody sees of them: without the person, where that is masked.
fn seen_by(actor: &Actor, mut all: Vec<Delivery>) -> Vec<Delivery> {
    if actor.sight == Sight::Masked {
        all.iter_mut().for_each(Delivery::hide_the_person);
    }
    all
}

/// The event of a delivery, with what became of it on this way and on no other.
async fn found(app: &App, actor: &Actor, id: &str) -> Result<ShownEvent, ApiError> {
    let found = match id.parse::<DeliveryId>() {
        Ok(id) => app.store.delivery(&id).await?.filter(|shown| actor.reaches(&shown.event.account_id)),
        Err(_) => None,
    };
    found.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> ApiError {
    ApiError::NotFound(format!("there is no delivery `{id}`"))
}

/// One delivery: how it stands and why, what it wrote in HubSpot, and the attempts so far.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}",
    tag = "Deliveries",
    params(("id" = DeliveryId, Path, description = "The delivery")),
    responses((status = 200, description = "The delivery", body = Data<delivery::Delivery>)),
    extensions(("x-command" = json!("leadline delivery show DELIVERY")))
)]
async fn show(
    State(app): State<Arc<App>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<One<delivery::Delivery>, ApiError> {
    let shown = found(&app, &actor, &id).await?;
    let (connection, reader) = reading(&app, &shown.event.account_id).await?;
    let shown = delivery::Delivery::of(&shown, connection.as_ref(), actor.sight, &reader);
    shown.map(one).ok_or_else(|| missing(&id))
}

/// The calls to HubSpot that a delivery took part in, the oldest first, each with its answer. There are some dozens at most.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}/calls",
    tag = "Deliveries",
    params(("id" = DeliveryId, Path, description = "The delivery")),
    responses((status = 200, description = "The calls", body = List<Call>)),
    extensions(("x-command" = json!("leadline delivery calls DELIVERY")))
)]
async fn calls(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<List<Call>, ApiError> {
    let shown = found(&app, &actor, &id).await?;
    let (_, reader) = reading(&app, &shown.event.account_id).await?;
    Ok(List::whole(delivery::calls(&shown, actor.sight, &reader)))
}

/// What took the time of a delivery: waiting, the run of the transformation, each call, and the time between attempts.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{id}/trace",
    tag = "Deliveries",
    params(("id" = DeliveryId, Path, description = "The delivery")),
    responses((status = 200, description = "What took the time", body = Data<Trace>)),
    extensions(("x-command" = json!("leadline delivery trace DELIVERY")))
)]
async fn trace(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Trace>, ApiError> {
    let shown = found(&app, &actor, &id).await?;
    let (_, reader) = reading(&app, &shown.event.account_id).await?;
    Trace::of(&shown, actor.sight, &reader).map(one).ok_or_else(|| missing(&id))
}
