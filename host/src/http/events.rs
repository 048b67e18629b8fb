//! `/v1/events` and `/v1/dry-runs`: where each lead is, sending one on, and trying one without sending it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{CountedList, Counting, Data, One, Page, Wanted, one, unknown};
use super::error::ApiError;
use super::guard::needing;
use super::reach::{account_or_all, owner, read, shown_event};
use crate::app::App;
use crate::dry_run::{DryRun, dry_run_beside};
use crate::model::access::{Actor, Right, Sight};
use crate::model::event::{Event, EventState};
use crate::model::id::EventId;
use crate::model::replay::Replay;
use crate::replay::{self, Retried};
use crate::rerun::{Rerun, rerun};
use crate::rollout;
use crate::store::{EventFilter, ShownEvent};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new().routes(routes!(list)).routes(routes!(show));
    let change = OpenApiRouter::new()
        .routes(routes!(retry))
        .routes(routes!(cancel))
        .routes(routes!(run_again))
        .routes(routes!(try_out));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

/// Which events are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Slug or id.
    #[param(example = "acme")]
    account: Option<String>,
    /// Only those in this state.
    state: Option<EventState>,
    /// Only those of this type.
    #[serde(rename = "type")]
    #[param(rename = "type", example = "lead.captured.v1")]
    event_type: Option<String>,
}

/// Events, newest first.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "Events",
    params(Filter, Wanted, Counting),
    responses((status = 200, description = "The events", body = CountedList<Event>)),
    extensions(("x-command" = json!("leadline event list --account acme --type lead.captured.v1")))
)]
async fn list(
    State(app): State<Arc<App>>,
    actor: Actor,
    Query(filter): Query<Filter>,
    Query(counting): Query<Counting>,
    page: Page,
) -> Result<CountedList<Event>, ApiError> {
    let account = account_or_all(&app, &actor, filter.account.as_deref()).await?.map(|account| account.id);
    let (older_than, after) = page.ends()?;
    if let Some(cursor) = older_than.as_ref().or(after.as_ref()) {
        let there = app.store.find_event(cursor).await?.filter(|event| actor.reaches(&event.account_id));
        there.ok_or_else(|| unknown(cursor.as_str()))?;
    }
    let limit = page.read_max();
    let filter = EventFilter { account, state: filter.state, event_type: filter.event_type, after, older_than, limit };
    let count = if counting.is_wanted() { Some(app.store.event_count(&filter).await?) } else { None };
    let events = app.store.events(&filter).await?;
    Ok(page.of_read(events, |event: &Event| event.id.as_str()).counted(count))
}

/// One event, with everything that became of it.
#[utoipa::path(
    get,
    path = "/v1/events/{id}",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The event", body = Data<ShownEvent>)),
    extensions(("x-command" = json!("leadline event show EVENT")))
)]
async fn show(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<ShownEvent>, ApiError> {
    let mut shown = shown_event(&app, &actor, &id).await?;
    if actor.sight == Sight::Masked {
        shown.hide_the_person();
    }
    Ok(one(shown))
}

/// What came of asking for another try.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Retry {
    /// The delivery that waited is due now.
    DueNow,
    /// It had ended: this replay sends it once more.
    Replayed(Box<Replay>),
}

/// Tries a lead again: one that waits for its next attempt is due now, one that ended is replayed.
#[utoipa::path(
    post,
    path = "/v1/events/{id}/retry",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "What came of it", body = Data<Retry>)),
    extensions(("x-command" = json!("leadline event retry EVENT")))
)]
async fn retry(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Retry>, ApiError> {
    let event = event(&app, &actor, &id).await?;
    let retried = replay::retry(&app.store, &event, (app.clock)()).await?;
    app.wake.deliver.notify_one();
    app.wake.plan.notify_one();
    Ok(one(match retried {
        Retried::DueNow => Retry::DueNow,
        Retried::Replayed(replay) => Retry::Replayed(replay),
    }))
}

/// Calls a lead off that waits, for its next attempt or for a cause: nothing more of it is sent. It can be replayed.
#[utoipa::path(
    post,
    path = "/v1/events/{id}/cancel",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The event", body = Data<Event>)),
    extensions(("x-command" = json!("leadline event cancel EVENT")))
)]
async fn cancel(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Event>, ApiError> {
    let found = event(&app, &actor, &id).await?;
    replay::cancel(&app.store, &found, &actor.name, (app.clock)()).await?;
    Ok(one(event(&app, &actor, &id).await?))
}

/// Runs a stored event again, with the version and settings of then: is every byte the same? Nothing is sent.
#[utoipa::path(
    post,
    path = "/v1/events/{id}/rerun",
    tag = "Events",
    params(("id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "Then and now", body = Data<Rerun>)),
    extensions(("x-command" = json!("leadline event rerun EVENT")))
)]
async fn run_again(State(app): State<Arc<App>>, actor: Actor, Path(id): Path<String>) -> Result<One<Rerun>, ApiError> {
    let event = event(&app, &actor, &id).await?;
    let gone = || {
        let text = format!("no run of {} is kept that could be repeated", event.id);
        ApiError::Conflict(text, "Runs are kept as long as bodies are; choose a newer event.")
    };
    let then = app.store.runs_of(&event).await?.pop().filter(|run| run.settings.is_some()).ok_or_else(gone)?;
    if app.store.body(&event).await?.is_none() {
        return Err(gone());
    }
    Ok(one(rerun(&app.store, &app.transformer, &event, then, None).await?))
}

/// A lead to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TryOut {
    /// The account's slug or id, or the connection's id.
    account: String,
    /// Such as `deals@3`.
    version: String,
    /// Those in use with the same transformation, where they are not given.
    settings: Option<Value>,
    /// Id of a stored event, or an event as a webhook brings it: `{"type", "timestamp", "data"}`.
    event: Value,
}

/// Shows the calls to HubSpot that a lead would make. Nothing is sent.
#[utoipa::path(
    post,
    path = "/v1/dry-runs",
    tag = "Transformations",
    request_body(content = TryOut, example = json!({
        "account": "acme", "version": "default@1",
        "event": { "type": "lead.captured.v1", "timestamp": "2026-11-23T08:00:00Z", "data": {
            "id": "lead_1", "name": "Ana Lopez", "email": "ana@example.com", "status": "new", "priority": "high",
            "origin": "chat_widget", "dealership": { "name": "Ocean Honda", "slug": "ocean-honda" }
        } }
    })),
    responses((status = 200, description = "What would be done", body = Data<DryRun>)),
    extensions(("x-command" = json!("leadline transform dry-run default@1 --account acme --event event.json")))
)]
async fn try_out(State(app): State<Arc<App>>, actor: Actor, body: Bytes) -> Result<One<DryRun>, ApiError> {
    const FIX: &str =
        "Send {\"account\": \"acme\", \"version\": \"deals@3\", \"event\": \"evt_…\"}, or the event itself.";
    let asked: TryOut = read(&body, FIX)?;
    let (account, connection) = owner(&app, &actor, &asked.account).await?;
    let whose = (&account, &connection);
    let choice = rollout::choose_live(&app.store, &app.hubspot, whose, &asked.version, asked.settings, &*app.clock);
    let choice = choice.await?;
    let lead = match &asked.event {
        Value::String(id) => {
            let event = event(&app, &actor, id).await?;
            let gone = || ApiError::Conflict(format!("the body of {id} was removed"), "Choose a newer event.");
            app.store.body(&event).await?.ok_or_else(gone)?
        }
        sent => sent.to_string(),
    };
    if let Err(error) = crate::payload::Envelope::read(lead.as_bytes()) {
        return Err(ApiError::BadRequest(error.to_string(), FIX));
    }
    let tools = (app.store.clone(), app.transformer.clone());
    let tried = dry_run_beside(tools, connection, choice, lead, (app.clock)()).await?;
    tried.map(one).ok_or_else(busy)
}

/// Others try something out, and have every turn.
pub(super) fn busy() -> ApiError {
    ApiError::Conflict("other leads are being tried".to_owned(), "Try it again in a moment.")
}

/// The event of an id.
async fn event(app: &App, actor: &Actor, id: &str) -> Result<Event, ApiError> {
    let found = match id.parse::<EventId>() {
        Ok(id) => app.store.find_event(&id).await?.filter(|event| actor.reaches(&event.account_id)),
        Err(_) => None,
    };
    found.ok_or_else(|| ApiError::NotFound(format!("there is no event `{id}`")))
}
