//! Logs, and one lead.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;

use super::accounts::serde_urlencoded;
use super::draw;
use super::shell::{Place, Shell, Visit};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::guard::needing;
use crate::model::access::{Actor, Right};
use crate::model::id::EventId;
use crate::model::outcome::Outcome;
use crate::model::replay::Filter;
use crate::model::time::Timestamp;
use crate::replay::{self, Wish};
use crate::store::ShownEvent;
use crate::test_lead::read_back::{self, ReadBack};
use crate::view::lead::Lead;
use crate::view::logs::{Query, Row, Segment, segments};
use crate::view::moment::Moment;
use crate::view::outcome::Reader;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    let read = OpenApiRouter::new()
        .route("/accounts/{account}/logs", get(list))
        .route("/accounts/{account}/logs/{event}", get(show));
    let change = OpenApiRouter::new()
        .route("/accounts/{account}/logs/{event}/replay", post(again))
        .route("/accounts/{account}/logs/{event}/retry", post(retry))
        .route("/accounts/{account}/logs/{event}/read-back", post(read_it_back))
        .route("/accounts/{account}/logs/{event}/delete-test-contact", post(delete_contact));
    needing(Right::Read, read).merge(needing(Right::Change, change))
}

#[derive(Template)]
#[template(path = "logs.html")]
struct Page {
    shell: Shell,
    slug: String,
    /// The address of the list.
    base: String,
    query: Query,
    segments: Vec<Segment>,
    rows: Vec<Row>,
    types: Vec<String>,
    /// Queries of the neighbouring pages.
    next: Option<String>,
    prev: Option<String>,
    looked_until: Option<Moment>,
}

pub(super) fn reader(shell: &Shell) -> Reader {
    Reader { now: shell.now, zone: shell.zone.clone() }
}

async fn list(Visit { app, actor, place }: Visit, uri: Uri) -> Result<Response, ApiError> {
    let Place { shell, account, connection, .. } = place;
    let (query, reader): (Query, _) = (serde_urlencoded(&uri), reader(&shell));
    let filter = query.filter(&account.id, &reader);
    let (page, counts) = tokio::try_join!(app.store.leads(&filter), app.store.lead_counts(&filter))?;
    let row = |lead| Row::of(lead, connection.as_ref(), actor.sees_masked, &reader);
    let drawn = Page {
        base: shell.at("logs"),
        segments: segments(&query, &counts),
        rows: page.rows.iter().map(row).collect(),
        types: ["lead.captured.v1", "carousel.clicked.v1", "session.initiated.v1"].map(str::to_owned).to_vec(),
        next: page.next.as_ref().map(|next| query.at(Some(next), None)),
        prev: page.prev.as_ref().map(|prev| query.at(None, Some(prev))),
        looked_until: page.looked_until.map(|until| shell.time(until)),
        slug: account.slug,
        query,
        shell,
    };
    draw(&app, &actor, &drawn)
}

/// The event of an address, as far as it belongs to the account.
async fn found(app: &App, place: &Place, id: &str) -> Result<ShownEvent, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no lead `{id}`"));
    let id: EventId = id.parse().map_err(|_| missing())?;
    let found = app.store.event(&id).await?.filter(|shown| shown.event.account_id == place.account.id);
    found.ok_or_else(missing)
}

#[derive(Template)]
#[template(path = "lead.html")]
struct LeadPage {
    shell: Shell,
    lead: Lead,
    /// What HubSpot holds of it, where somebody asked.
    read: Option<ReadBack>,
    /// A test lead that goes on is looked at again then.
    look_again: Option<Timestamp>,
}

fn lead_page(shown: &ShownEvent, actor: &Actor, place: Place, read: Option<ReadBack>) -> LeadPage {
    let lead = Lead::of(shown, place.connection.as_ref(), actor.sees_masked, &reader(&place.shell));
    let goes_on = lead.is_test && lead.told.outcome == Outcome::Sending;
    LeadPage { look_again: goes_on.then_some(place.shell.now), lead, read, shell: place.shell }
}

async fn show(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    draw(&app, &actor, &lead_page(&shown, &actor, place, None))
}

/// Lets a lead that waits be tried now.
async fn retry(
    Visit { app, place, .. }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    replay::retry(&app.store, &shown.event, (app.clock)()).await?;
    app.wake.deliver.notify_one();
    app.wake.plan.notify_one();
    Ok(Redirect::to(&format!("{}/{event}?done=retried", place.shell.at("logs"))).into_response())
}

/// Shows what HubSpot holds of a test lead.
async fn read_it_back(
    Visit { app, actor, place }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    let read = read_back::read_back(&app.store, &app.hubspot, &shown, &*app.clock).await?;
    draw(&app, &actor, &lead_page(&shown, &actor, place, Some(read)))
}

/// Takes the contact of a test lead out of HubSpot.
async fn delete_contact(
    Visit { app, place, .. }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    read_back::delete_contact(&app.store, &app.hubspot, &shown, &*app.clock).await?;
    Ok(Redirect::to(&format!("{}/{event}?done=taken-out", place.shell.at("logs"))).into_response())
}

/// Sends a lead once more.
async fn again(
    Visit { app, place, .. }: Visit,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let shown = found(&app, &place, &event).await?;
    let newest = shown.deliveries.last().map(|newest| &newest.delivery);
    let again = matches!(Outcome::of(&shown.event, newest, false), Outcome::Synced | Outcome::SyncedWithWarnings);
    let wish = Wish { filter: Filter { event: Some(shown.event.id), ..Filter::default() }, again, rate: None };
    replay::create(&app.store, &place.account, &wish, (app.clock)()).await?;
    app.wake.plan.notify_one();
    Ok(Redirect::to(&format!("{}/{event}?done=replayed", place.shell.at("logs"))).into_response())
}
